"""Which findings the evidence of each row shows: what one vantage sees says nothing of what another does.

A finding may tell what several kinds of evidence show, and names one vantage at most. It belongs to the row of that
vantage, and to rows without a vantage (a socket table, files) whose own evidence shows the same: that what is open
there is too much, and not only that it is open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.findings.catalogue import FORBIDDEN_OPEN, NOT_FILTERED, REQUIRED_NOT_OPEN, TOO_WIDE, UNEXPECTED_OPEN
from auditor.model.evidence import Kind
from auditor.model.findings import Status, Verdict
from auditor.model.policy import LOCAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.model.findings import Audit, Finding, HostResult
    from auditor.model.ports import Port

_EXPOSED = {FORBIDDEN_OPEN, TOO_WIDE, UNEXPECTED_OPEN}
_NOT_OPEN = {NOT_FILTERED, REQUIRED_NOT_OPEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The findings of one row, worst first: all, those of one port by port, and those that stand for many."""

    findings: tuple[Finding, ...]
    single: dict[Port, Finding]
    many: tuple[Finding, ...]

    def at(self, port: Port) -> Finding | None:
        """The worst finding that names the port, alone or among others."""
        return self.single.get(port) or next((one for one in self.many if port in one.ports), None)


def seen_by_row(audit: Audit) -> list[Seen]:
    """Give each row of the audit, in its order, what its evidence shows."""
    found: dict[tuple[str | None, str | None], list[Finding]] = {}
    for finding in audit.findings:
        found.setdefault((finding.host, finding.member), []).append(finding)
    groups: dict[tuple[str, str | None], list[int]] = {}
    for at, result in enumerate(audit.hosts):
        groups.setdefault((result.host, result.member), []).append(at)
    seen: dict[int, list[Finding]] = {}
    for subject, places in groups.items():
        rows = [audit.hosts[at] for at in places]
        for finding in found.get(subject, ()):
            for place in _showing(finding, rows):
                seen.setdefault(places[place], []).append(finding)
    return [_sorted(seen.get(at, ())) for at in range(len(audit.hosts))]


def _sorted(findings: Sequence[Finding]) -> Seen:
    single: dict[Port, Finding] = {}
    for one in findings:  # worst first: what comes first stays
        if one.port is not None:
            single.setdefault(one.port, one)
    return Seen(
        findings=tuple(findings), single=single, many=tuple(one for one in findings if one.port is None and one.ports)
    )


def _showing(finding: Finding, rows: Sequence[HostResult]) -> Iterator[int]:
    """Yield the places of the rows that show a finding; one that none shows stands at the first that may know of it."""
    same = [at for at, row in enumerate(rows) if row.vantage == finding.vantage]
    if len(same) > 1:
        same = [at for at in same if _agrees(rows[at], finding)] or same[:1]
    others = [at for at, row in enumerate(rows) if row.vantage is None and at not in same and _tells(finding, row)]
    yield from (*same, *others) or _fallback(rows)


def _fallback(rows: Sequence[HostResult]) -> list[int]:
    files = [at for at, row in enumerate(rows) if row.kinds == (Kind.DECLARED,)]
    return files or [at for at, row in enumerate(rows) if row.vantage is None]


def _agrees(row: HostResult, finding: Finding) -> bool:
    """Whether a row may have led to a finding, where several rows have its vantage: a socket table beside files."""
    if finding.status is Status.VIOLATION and row.verdict is not Verdict.VIOLATIONS:
        return False
    if finding.check in _NOT_OPEN:
        return row.kinds != (Kind.DECLARED,) and not _is_open(row, finding)
    return _is_open(row, finding) and not _is_held(row, finding) and _has_kind_of(row, finding)


def _has_kind_of(row: HostResult, finding: Finding) -> bool:
    """Whether the finding rests on evidence of the row's kinds, as its reach tells.

    What a file opens to those who may come is no violation in its row, though a probe from elsewhere gets in too.
    """
    return not (finding.reach and row.kinds) or any(part.kind in row.kinds for part in finding.reach)


def _tells(finding: Finding, row: HostResult) -> bool:
    """Whether a finding from a vantage also tells what a row without one shows."""
    return finding.vantage not in (None, LOCAL) and finding.check in _EXPOSED and _agrees(row, finding)


def _is_open(row: HostResult, finding: Finding) -> bool:
    return finding.port in row.open if finding.port is not None else not finding.ports.isdisjoint(row.open)


def _is_held(row: HostResult, finding: Finding) -> bool:
    return any(held.port == finding.port for held in row.holds)
