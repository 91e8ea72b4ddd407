"""Each host with all of its open ports: what the policy says of them, who approved them and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.model.findings import Verdict
from auditor.model.ports import Port, PortSet
from auditor.report.seen import seen_by_row
from auditor.report.tolerated import tolerated

if TYPE_CHECKING:
    from datetime import date

    from auditor.model.findings import Audit, Finding, HostResult, Requirement
    from auditor.report.seen import Seen
    from auditor.report.tolerated import Tolerated

_ROWS = 300
"""Ports of a host that get a row each; of a host that answers everywhere the others are told as ranges."""

_URGENCY = {Verdict.VIOLATIONS: 0, Verdict.UNVERIFIED: 1, Verdict.CONFORMS: 2}

ORDER = {"violation": 0, "excepted": 1, "note": 2, "required": 3, "allowed": 4, "open": 5}


@dataclass(frozen=True, slots=True, kw_only=True)
class PortRow:
    """One port. ``word`` is a key of :data:`ORDER`: what it counts as; ``state`` is what was seen."""

    port: Port
    word: str
    state: str
    service: str | None = None
    held: Requirement | None = None
    finding: Finding | None = None
    overdue: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One host, or address of a network, as seen from one vantage.

    ``many`` are findings that stand for many ports at once; ``let_pass`` counts what deviates and fails
    nothing; ``rest`` is open, too, and neither in them nor in a row.
    """

    result: HostResult
    anchor: str
    rows: tuple[PortRow, ...]
    many: tuple[Finding, ...]
    let_pass: Tolerated
    rest: PortSet


class Sheets:
    """The hosts of an audit with what was found at each."""

    def __init__(self, audit: Audit) -> None:
        self._today = audit.finished.date()
        worst: dict[tuple[str, str | None], int] = {}
        for result in audit.hosts:
            subject, urgency = (result.host, result.member), _URGENCY[result.verdict]
            worst[subject] = min(urgency, worst.get(subject, urgency))
        rows = zip(range(1, len(audit.hosts) + 1), audit.hosts, seen_by_row(audit), strict=True)
        self.hosts: list[tuple[int, HostResult, Seen]] = sorted(
            rows, key=lambda entry: worst[entry[1].host, entry[1].member]
        )
        """In the order of the page, those that need looking at first; each with its number in the audit."""

    def all(self) -> list[Sheet]:
        """Each host, in the order of the page."""
        return [self._sheet(*entry) for entry in self.hosts]

    def _sheet(self, at: int, result: HostResult, seen: Seen) -> Sheet:
        rows = {port: _of_finding(port, finding) for port, finding in seen.single.items()}
        for held in result.holds:
            rows.setdefault(held.port, _of_held(held, self._today))
        rest = result.open - PortSet.of(*rows)
        for finding in seen.many:
            rest -= finding.ports
        if len(rest) + len(rows) <= _ROWS:
            rows |= {port: PortRow(port=port, word="open", state="open") for port in rest}
            rest = PortSet()
        ordered = sorted(rows.values(), key=lambda row: (ORDER[row.word], row.port))
        return Sheet(
            result=result,
            anchor=f"h-{at}",
            rows=tuple(ordered[:_ROWS]),
            many=seen.many,
            let_pass=tolerated(seen.findings),
            rest=rest | PortSet.of(*(row.port for row in ordered[_ROWS:])),
        )


def _of_finding(port: Port, finding: Finding) -> PortRow:
    return PortRow(
        port=port,
        word=finding.status.value,
        state=finding.actual,
        service=finding.service or finding.process,
        finding=finding,
    )


def _of_held(held: Requirement, today: date) -> PortRow:
    return PortRow(
        port=held.port,
        word="required" if held.required else "allowed",
        state=held.state,
        service=held.service,
        held=held,
        overdue=held.review_by is not None and held.review_by < today,
    )
