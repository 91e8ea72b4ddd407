"""Hosts and ports at a glance: a row for each view of a host, a column for each port that matters anywhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from auditor.model.findings import Status
from auditor.model.ports import Port, PortSet
from auditor.report.html.parts import anchor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.model.findings import Finding, HostResult
    from auditor.report.html.hosts import Sheets

_COLUMNS = 22
_HOSTS = 1000
_EACH = 64
"""Open ports of one host that count when columns are chosen: none may fill the table alone."""
_TROUBLE = 1_000_000

WORDS = {
    "violation": "✗",
    "excepted": "◐",
    "note": "!",
    "open": "✓",
    "unverified": "?",
    "closed": "·",
    "filtered": "\u2013",  # an en dash
    "unseen": "",
}
"""Every kind of cell with its sign."""


class Cell(NamedTuple):
    """What is known of a port at a host: a key of :data:`WORDS`, and the finding to open."""

    word: str
    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One host from one vantage. ``more`` is how many other ports are open there."""

    result: HostResult
    anchor: str
    cells: tuple[Cell, ...]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """The table. ``left_out`` is how many rows it has no room for, ``other_ports`` how many ports."""

    columns: tuple[Port, ...]
    rows: tuple[Row, ...]
    left_out: int
    other_ports: int
    signs: Mapping[str, str]

    @property
    def more(self) -> bool:
        """Whether any row has open ports without a column."""
        return any(row.more for row in self.rows)


def exposure(sheets: Sheets) -> Exposure:
    """Choose the columns, those with violations first, then the most common, and fill in the rows.

    Hosts that need looking at stand first; where there are more than the table holds, the last ones are left out.
    """
    found = sheets.hosts
    weight: Counter[Port] = Counter()
    for _, result, seen in found:
        for port, finding in seen.single.items():
            if finding.status is not Status.NOTE:
                weight[port] += _TROUBLE
        weight.update(_some(result.open))
    chosen = sorted(sorted(weight, key=lambda port: (-weight[port], port))[:_COLUMNS])
    found = [entry for entry in found if not entry[1].members]
    shown = found[:_HOSTS]
    columns = PortSet.of(*chosen)
    return Exposure(
        columns=tuple(chosen),
        rows=tuple(
            Row(
                result=result,
                anchor=f"h-{at}",
                cells=tuple(_cell(result, seen.at(port), port) for port in chosen),
                more=len(result.open - columns),
            )
            for at, result, seen in shown
        ),
        left_out=len(found) - len(shown),
        other_ports=len(weight) - len(chosen),
        signs=WORDS,
    )


def _some(ports: PortSet) -> list[Port]:
    from itertools import islice

    return list(islice(ports, _EACH))


def _cell(result: HostResult, finding: Finding | None, port: Port) -> Cell:
    if finding is not None:
        return Cell(finding.status.value, anchor(finding))
    doubtful = port in result.unverified
    if port in result.open and (not doubtful or any(held.port == port for held in result.holds)):
        return Cell("open")
    if doubtful:
        return Cell("unverified")
    if port in result.filtered:
        return Cell("filtered")
    if port in result.closed:
        return Cell("closed")
    # What was asked and is settled by nothing is not known, also where the policy would take either answer.
    return Cell("unverified" if port in result.open_filtered or port in result.asked else "unseen")
