"""The numbers at the top of the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.findings.catalogue import EXPIRING_EXCEPTION, UNREVIEWED_ALLOW
from auditor.model.findings import Novelty, Status, Verdict
from auditor.model.policy import Severity
from auditor.report.deviations import deviates
from auditor.report.tolerated import tolerated, tolerated_by_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.model.findings import Audit
    from auditor.report.tolerated import Tolerated


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What the tiles show. ``coverage`` is in whole percent, rounded down, and None where no host was looked at.

    ``let_pass`` is what deviates and fails nothing, ``hosts_let_pass`` how many of the hosts that conform have such.
    A host is covered if ports of it were looked at, and nothing that was asked of it was left open by the evidence.
    """

    by_severity: Mapping[Severity, int]
    hosts: int
    conforming: int
    covered: int
    coverage: int | None
    ports: int
    expiring: int
    unreviewed: int
    new: int
    persisting: int
    let_pass: Tolerated
    hosts_let_pass: int


def numbers_of(audit: Audit) -> Numbers:
    """Count what the tiles show."""
    violations = [found for found in audit.findings if found.status is Status.VIOLATION]
    verdicts: dict[str, set[Verdict]] = {}
    for row in audit.hosts:
        verdicts.setdefault(row.host, set()).add(row.verdict)
    named = verdicts.keys() | {gap.host for gap in audit.unverified}
    covered = len(_covered(audit))
    rows = zip(audit.hosts, tolerated_by_row(audit), strict=True)
    passed = {row.host for row, let_pass in rows if let_pass and verdicts[row.host] == {Verdict.CONFORMS}}
    return Numbers(
        by_severity={level: sum(found.severity is level for found in violations) for level in reversed(Severity)},
        hosts=len(verdicts),
        conforming=sum(seen == {Verdict.CONFORMS} for seen in verdicts.values()),
        covered=covered,
        coverage=100 * covered // len(named) if named else None,
        ports=sum(len(row.asked) for row in audit.hosts),
        expiring=sum(found.check == EXPIRING_EXCEPTION for found in audit.findings),
        unreviewed=sum(found.check == UNREVIEWED_ALLOW for found in audit.findings),
        new=sum(found.novelty is Novelty.NEW and deviates(found) for found in audit.findings),
        persisting=sum(found.novelty is Novelty.PERSISTING for found in audit.findings),
        let_pass=tolerated(audit.findings),
        hosts_let_pass=len(passed),
    )


def _covered(audit: Audit) -> set[str]:
    looked_at = {row.host for row in audit.hosts if row.asked}
    doubtful = {row.host for row in audit.hosts if row.unverified or row.verdict is Verdict.UNVERIFIED}
    return looked_at - doubtful - {gap.host for gap in audit.unverified}
