"""The matrix of a host for people: declared, listening, reachable, a line a port."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from auditor.report import wording
from auditor.report.escape import one_line
from auditor.report.text_wrap import columns, folded, padded, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.model.findings import Audit, Matrix, MatrixRow
    from auditor.report.options import ReportOptions
    from auditor.report.text_style import Style

_ROWS = 200
"""A host that answers on every port has 65,535; ``verbose`` shows them all."""

_NOTHING = "-"
_UNKNOWN = "?"
_LEAST = 12
_BESIDE = 2
"""The port and what the policy says of it stand in one line, where each port has several."""


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
        header, *_ = table = [cells[:-1] for cells in table]
    widths = [max(columns(cells[at]) for cells in table) for at in range(len(header))]
    least = [min(_LEAST, width) for width in widths]
    if options.wrap and _total(least) > options.width - 2:
        yield from _listed(table, options, style)
    else:
        yield from _laid_out(table, _narrowed(widths, options.width - 2), style)
    if len(shown) < len(matrix.rows):
        yield f"  and {wording.plural(len(matrix.rows) - len(shown), 'more port')} (--verbose shows them)"


def _cells(row: MatrixRow, states: int, options: ReportOptions) -> list[str]:
    reachable = [_cell(state) for state in row.reachable] or [_UNKNOWN] * states
    where = ", ".join(dict.fromkeys(wording.line(location, options.base) for location in row.locations))
    return [str(row.port), one_line(row.policy), _cell(row.declared), _cell(row.listening), *reachable, where]


def _cell(text: str | None) -> str:
    return _UNKNOWN if text is None else one_line(text) or _NOTHING


def _laid_out(table: Sequence[Sequence[str]], widths: Sequence[int], style: Style) -> Iterator[str]:
    """Lay out a table, long cells folded."""
    for number, cells in enumerate(table):
        for parts in zip_longest(*map(folded, cells, widths), fillvalue=""):
            line = "  ".join(map(padded, parts, widths)).rstrip()
            yield f"  {style.faint(line) if number == 0 else line}"


def _listed(table: Sequence[Sequence[str]], options: ReportOptions, style: Style) -> Iterator[str]:
    """Give each port a few lines, where the terminal is too narrow for a table."""
    room = min(options.width // 2, max(map(columns, table[0][_BESIDE:])))
    for cells in table[1:]:
        yield from wrapped(f"  {style.bold(cells[0])}  {cells[1]}", options.width, hang=4)
        for heading, cell in zip(table[0][_BESIDE:], cells[_BESIDE:], strict=True):
            if cell:
                head = f"    {style.faint(padded(heading, room))}  "
                first, *others = folded(cell, max(1, options.width - room - 6))
                yield head + first
                yield from (" " * (room + 6) + line for line in others)


def _narrowed(widths: Sequence[int], room: int) -> list[int]:
    """Narrow the widest columns until the line fits; below a dozen columns none is narrowed."""
    fitted = list(widths)
    while _total(fitted) > room and max(fitted) > _LEAST:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + 2 * (len(widths) - 1)
