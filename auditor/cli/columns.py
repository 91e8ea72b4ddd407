"""Tables on standard output: styled on a terminal, plainly aligned elsewhere. Cells are text that was made harmless."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from auditor.cli.output import colour, width

if TYPE_CHECKING:
    from collections.abc import Sequence


def show(headings: Sequence[str], rows: Sequence[Sequence[str]], *, marked: str | None = None) -> None:
    """Print a table. On a terminal long cells fold, and cells that read ``marked`` stand out."""
    if colour(sys.stdout):
        _styled(headings, rows, marked)
    else:
        for line in aligned((headings, *rows)):
            typer.echo(line)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows as lines, each column as wide as its widest cell, two blanks apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in rows]


def _styled(headings: Sequence[str], rows: Sequence[Sequence[str]], marked: str | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style="yellow" if cell == marked else "") for cell in row))
    Console(file=sys.stdout, force_terminal=True, width=width(), highlight=False).print(table)
