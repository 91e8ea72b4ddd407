"""Tables on standard output: styled on a terminal, plainly aligned elsewhere. Cells are text that was made harmless."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from auditor.cli.output import colour, width
from auditor.cli.say import show as echo
from auditor.report.escape import workflow_safe

if TYPE_CHECKING:
    from collections.abc import Sequence


def show(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, marked: str | None = None, spare: Sequence[str] = ()
) -> None:
    """Print a table, without columns in which nothing stands.

    On a terminal, cells that read ``marked`` stand out, columns named in ``spare`` are left out until the rest fits,
    and long cells fold.
    """
    lines = _without_empty((headings, *rows))
    if colour(sys.stdout):
        for name in spare:
            if _width(lines) > width() and name in lines[0]:
                lines = _without(lines, lines[0].index(name))
        _styled(lines[0], lines[1:], marked)
    else:
        echo("\n".join(aligned(lines)))


def _without_empty(rows: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    for at in reversed(range(len(rows[0]))):
        if len(rows) > 1 and not any(row[at] for row in rows[1:]):
            rows = _without(rows, at)
    return rows


def _without(rows: Sequence[Sequence[str]], at: int) -> Sequence[Sequence[str]]:
    return [(*row[:at], *row[at + 1 :]) for row in rows]


def _width(rows: Sequence[Sequence[str]]) -> int:
    return sum(max(map(len, column)) + 2 for column in zip(*rows, strict=True)) - 2


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows as lines, each column as wide as its widest cell, two blanks apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    line = "  ".join(f"%-{size}s" for size in widths)
    return [(line % tuple(row)).rstrip() for row in rows]


def _styled(headings: Sequence[str], rows: Sequence[Sequence[str]], marked: str | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(workflow_safe(cell), style="yellow" if cell == marked else "") for cell in row))
    Console(file=sys.stdout, force_terminal=True, width=width(), highlight=False).print(table)
