"""The matrix of a host for people: declared, listening, reachable, a line a port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.report import wording
from auditor.report.escape import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.model.findings import Audit, Matrix, MatrixRow
    from auditor.report.options import ReportOptions
    from auditor.report.text_style import Style

_ROWS = 200
"""A host that answers on every port has 65,535; ``verbose`` shows them all."""

_NOTHING = "-"
_UNKNOWN = "?"
_LEAST = 8


def matrix_lines(audit: Audit, options: ReportOptions, style: Style) -> Iterator[str]:
    """Show every matrix of the audit. ``-``: nothing is there; ``?``: no evidence of that kind speaks of the port."""
    for matrix in audit.matrices:
        yield from _matrix(matrix, options, style)


def _matrix(matrix: Matrix, options: ReportOptions, style: Style) -> Iterator[str]:
    name = " ".join(one_line(part) for part in (matrix.host, matrix.member) if part)
    yield style.bold(f"matrix of {name}") + f" ({_NOTHING} nothing there, {_UNKNOWN} no evidence)"
    if not matrix.rows:
        yield "  no evidence shows a port"
        return
    shown = matrix.rows if options.verbose else matrix.rows[:_ROWS]
    states = [f"from {one_line(place)}" if place else "reachable" for place in matrix.vantages] or ["reachable"]
    header = ["port", "policy", "declared", "listening", *states, "opened by"]
    table = [header, *(_cells(row, len(states), options) for row in shown)]
    if not any(cells[-1] for cells in table[1:]):
        table = [cells[:-1] for cells in table]
    widths = _fitted([max(len(cells[at]) for cells in table) for at in range(len(table[0]))], options.width - 2)
    for number, cells in enumerate(table):
        line = "  ".join(_cut(cell, width).ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        yield f"  {style.faint(line) if number == 0 else line}"
    if len(shown) < len(matrix.rows):
        yield f"  and {wording.plural(len(matrix.rows) - len(shown), 'more port')} (--verbose shows them)"


def _cells(row: MatrixRow, states: int, options: ReportOptions) -> list[str]:
    reachable = [_cell(state) for state in row.reachable] or [_UNKNOWN] * states
    where = ", ".join(dict.fromkeys(wording.line(location, options.base) for location in row.locations))
    return [str(row.port), one_line(row.policy), _cell(row.declared), _cell(row.listening), *reachable, where]


def _cell(text: str | None) -> str:
    return _UNKNOWN if text is None else one_line(text) or _NOTHING


def _fitted(widths: Sequence[int], room: int) -> list[int]:
    """Narrow the widest columns until the line fits; below eight columns none is narrowed."""
    fitted = list(widths)
    while sum(fitted) + 2 * (len(fitted) - 1) > room and max(fitted) > _LEAST:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(1, width - 3)] + "..."[: min(3, width - 1)]
