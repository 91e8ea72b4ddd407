"""Each host with all of its open ports: what the policy says of them, who approved them and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.model.findings import Status, Verdict
from auditor.model.ports import Port, PortSet

if TYPE_CHECKING:
    from datetime import date

    from auditor.model.findings import Audit, Finding, HostResult, Requirement

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
    """One host, or address of a network, as seen from one vantage. ``rest`` is open, too, and has no row."""

    result: HostResult
    anchor: str
    rows: tuple[PortRow, ...]
    rest: PortSet
    violations: int


class Sheets:
    """The hosts of an audit with what was found at each."""

    def __init__(self, audit: Audit) -> None:
        self._hosts = audit.hosts
        self._today = audit.finished.date()
        self._found: dict[tuple[str | None, str | None], list[Finding]] = {}
        for finding in audit.findings:
            self._found.setdefault((finding.host, finding.member), []).append(finding)

    def all(self) -> list[Sheet]:
        """Those that need looking at first, and then in the order of the audit."""
        return [self._sheet(at, result) for at, result in self.hosts()]

    def hosts(self) -> list[tuple[int, HostResult]]:
        """The hosts in the order of the page, each with its number in the audit."""
        return sorted(enumerate(self._hosts, 1), key=lambda entry: _URGENCY[entry[1].verdict])

    def findings_of(self, result: HostResult) -> list[Finding]:
        """All findings of a host from a vantage, or from nowhere in particular."""
        found = self._found.get((result.host, result.member), [])
        return [one for one in found if one.vantage == result.vantage or None in (one.vantage, result.vantage)]

    def _sheet(self, at: int, result: HostResult) -> Sheet:
        found = self.findings_of(result)
        rows: dict[Port, PortRow] = {}
        for finding in found:  # worst first: what comes first stays
            if finding.port is not None:
                rows.setdefault(finding.port, _of_finding(finding))
        for held in result.holds:
            rows.setdefault(held.port, _of_held(held, self._today))
        rest = result.open - PortSet.of(*rows)
        if len(rest) + len(rows) <= _ROWS:
            rows |= {port: PortRow(port=port, word="open", state="open") for port in rest}
            rest = PortSet()
        ordered = sorted(rows.values(), key=lambda row: (ORDER[row.word], row.port))
        return Sheet(
            result=result,
            anchor=f"h-{at}",
            rows=tuple(ordered[:_ROWS]),
            rest=rest | PortSet.of(*(row.port for row in ordered[_ROWS:])),
            violations=sum(finding.status is Status.VIOLATION for finding in found),
        )


def _of_finding(finding: Finding) -> PortRow:
    assert finding.port is not None  # noqa: S101 - the caller has looked
    return PortRow(
        port=finding.port,
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
