"""An audit held against an earlier one: what is new, what persists, what is fixed. Only what is new fails the gate.

Findings are the same if their fingerprints are, and those that stand for several ports tell of none that is new. What
a file publishes and what a vantage sees are two findings here: whoever the file names, the vantage may be new.
A violation of the baseline that is not found any more is fixed only if somebody looked again: no evidence is never a
pass.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.errors import UsageError
from auditor.findings.catalogue import UNKNOWN_HOST
from auditor.findings.conclude import exit_code_of
from auditor.findings.rows import verdict_of
from auditor.model.evidence import Kind
from auditor.model.findings import Baseline, Novelty, Status, Verdict
from auditor.model.ports import NO_PORTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.model.findings import Audit, Finding, HostResult, Unverified
    from auditor.model.ports import PortSet


def held_against(audit: Audit, earlier: Audit, *, source: str, sha256: str | None = None) -> Audit:
    """Return the audit with what the baseline says of each finding, and the verdict on what is new.

    Violations that persist become notes. What is unverified stays so, whatever the baseline says.

    :raises UsageError: the baseline is of another policy, so that no finding of it could be found again.
    """
    if earlier.policy != audit.policy:
        raise UsageError(
            f"{source} is an audit of policy {earlier.policy!r:.80}, and this is one of {audit.policy!r:.80}"
        )
    known = _Index(found for found in earlier.findings if _counts(found))
    present = _Index(audit.findings)
    findings = tuple(_told(found, known) for found in audit.findings)
    looked = _Looked(audit, earlier)
    gone = [found for found in earlier.findings if _counts(found) and not present.has(found)]
    verdict = verdict_of(findings, audit.unverified)
    failing = {(found.host, found.member, found.vantage) for found in findings if found.status is Status.VIOLATION}
    return replace(
        audit,
        findings=findings,
        hosts=tuple(_row(row, failing) for row in audit.hosts),
        verdict=verdict,
        exit_code=exit_code_of(verdict, unverified_fails=audit.unverified_fails),
        baseline=Baseline(
            source=source,
            sha256=sha256,
            finished=earlier.finished,
            fixed=tuple(found for found in gone if looked.at(found)),
            unseen=tuple(found for found in gone if not looked.at(found)),
        ),
    )


def _counts(earlier: Finding) -> bool:
    """Whether a finding of the baseline may excuse one of today: a violation, or one that persisted then already."""
    return earlier.status is Status.VIOLATION or earlier.novelty is Novelty.PERSISTING


class _Index:
    """Findings by fingerprint, with the ports of those that stand for several."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._ports: dict[str, PortSet] = {}
        for found in findings:
            self._ports[found.fingerprint] = self._ports.get(found.fingerprint, NO_PORTS) | found.ports

    def has(self, found: Finding) -> bool:
        """Whether a finding of the same identity is there, whatever its ports are."""
        return found.fingerprint in self._ports

    def covers(self, found: Finding) -> bool:
        """Whether one is there that tells of all its ports: a flood or an unknown host may have grown."""
        return self.has(found) and found.ports <= self._ports[found.fingerprint]


def _told(found: Finding, known: _Index) -> Finding:
    if found.status is Status.EXCEPTED:
        return found
    if not known.covers(found):
        return replace(found, novelty=Novelty.NEW)
    return replace(found, novelty=Novelty.PERSISTING, status=Status.NOTE)


def _row(row: HostResult, failing: set[tuple[str | None, str | None, str | None]]) -> HostResult:
    """Give a host the verdict of what is left to fail it."""
    if row.verdict is not Verdict.VIOLATIONS or (row.host, row.member, row.vantage) in failing:
        return row
    return replace(row, verdict=Verdict.UNVERIFIED if row.unverified else Verdict.CONFORMS)


class _Looked:
    """Whether this audit looked where an earlier one had found something."""

    def __init__(self, audit: Audit, earlier: Audit) -> None:
        self._kinds = {used.origin.source: used.origin.kind for used in earlier.evidence}
        self._whole = {used.origin.source for used in audit.evidence if used.completion.complete}
        self._rows: dict[tuple[str, str | None, str | None], list[HostResult]] = {}
        for row in audit.hosts:
            self._rows.setdefault((row.host, row.member, row.vantage), []).append(row)
        self._gaps: dict[str, list[Unverified]] = {}
        for gap in audit.unverified:
            self._gaps.setdefault(gap.host, []).append(gap)

    def at(self, found: Finding) -> bool:
        """Say whether what an earlier audit found would have been found again."""
        if found.host is None:  # of the policy itself, which is read each time
            return True
        if found.check == UNKNOWN_HOST:
            return set(found.evidence) <= self._whole
        if any(_leaves_open(gap, found) for gap in self._gaps.get(found.host, ())):
            return False
        rows = self._rows.get((found.host, found.member, found.vantage), [])
        kinds = {self._kinds[source] for source in found.evidence if source in self._kinds}
        return any(_covers(row, found, kinds) for row in rows)


def _leaves_open(gap: Unverified, found: Finding) -> bool:
    if gap.member not in (None, found.member) or gap.vantage not in (None, found.vantage):
        return False
    return not gap.ports or (found.port in gap.ports if found.port else not gap.ports.isdisjoint(found.ports))


def _covers(row: HostResult, found: Finding, kinds: set[Kind]) -> bool:
    if kinds and kinds.isdisjoint(row.kinds):
        return False
    if Kind.DECLARED in row.kinds:
        return True
    return found.port in row.asked if found.port is not None else found.ports <= row.asked
