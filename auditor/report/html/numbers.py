"""The numbers at the top of the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.findings.catalogue import EXPIRING_EXCEPTION, UNREVIEWED_ALLOW
from auditor.model.findings import Novelty, Status, Verdict
from auditor.model.policy import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.model.findings import Audit


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What the tiles show. ``coverage`` is in whole percent, rounded down, and None where no host was looked at.

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


def numbers_of(audit: Audit) -> Numbers:
    """Count what the tiles show."""
    violations = [found for found in audit.findings if found.status is Status.VIOLATION]
    verdicts: dict[str, set[Verdict]] = {}
    for row in audit.hosts:
        verdicts.setdefault(row.host, set()).add(row.verdict)
    named = verdicts.keys() | {gap.host for gap in audit.unverified}
    covered = len(_covered(audit))
    return Numbers(
        by_severity={level: sum(found.severity is level for found in violations) for level in reversed(Severity)},
        hosts=len(verdicts),
        conforming=sum(seen == {Verdict.CONFORMS} for seen in verdicts.values()),
        covered=covered,
        coverage=100 * covered // len(named) if named else None,
        ports=sum(len(row.asked) for row in audit.hosts),
        expiring=sum(found.check == EXPIRING_EXCEPTION for found in audit.findings),
        unreviewed=sum(found.check == UNREVIEWED_ALLOW for found in audit.findings),
        new=sum(found.novelty is Novelty.NEW for found in violations),
        persisting=sum(found.novelty is Novelty.PERSISTING for found in audit.findings),
    )


def _covered(audit: Audit) -> set[str]:
    looked_at = {row.host for row in audit.hosts if row.asked}
    doubtful = {row.host for row in audit.hosts if row.unverified or row.verdict is Verdict.UNVERIFIED}
    return looked_at - doubtful - {gap.host for gap in audit.unverified}
