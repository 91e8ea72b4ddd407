"""A line of a source file, with carets under the part that is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from auditor.model.text import visible
from auditor.report import escape
from auditor.report.text_wrap import columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.model.location import Location

_TAB = "    "
_CUT = "..."
_FAR = 2
"""So many widths of a line are looked at on each side of the carets."""


class SourceLine(NamedTuple):
    """What to print: the line, and below it the carets with their indentation."""

    text: str
    carets: str


def source_line(location: Location, width: int, *, ascii_only: bool = False) -> SourceLine | None:
    """Show a location's snippet within ``width`` columns, or None where there is none.

    Characters that would act or hide are shown as escapes; the carets count the columns that are really taken.
    A line that is too long is cut around the carets.
    """
    snippet = (location.snippet or "").rstrip()
    if not location.line or not snippet:
        return None
    first = max(1, location.column) - 1
    last = location.end_column - 1 if location.end_column > location.column else first + 1
    # A line of a megabyte is looked at near its carets alone: each character takes a column at least, or joins another.
    begin = max(0, min(first, len(snippet)) - _FAR * width)
    near = snippet[begin : begin + 3 * _FAR * width]
    cells = [_cell(char, ascii_only=ascii_only) for char in near]
    first, last = min(first - begin, len(cells)), min(last - begin, len(cells))
    start, end = _window([columns(cell) for cell in cells], first, last, width)
    head = _CUT if begin or start else ""
    tail = _CUT if begin + end < len(snippet) else ""
    before = len(head) + sum(columns(cell) for cell in cells[start:first])
    marked = sum(columns(cell) for cell in cells[first : min(last, end)])
    return SourceLine(head + "".join(cells[start:end]) + tail, " " * before + "^" * max(1, marked))


def _window(sizes: Sequence[int], first: int, last: int, width: int) -> tuple[int, int]:
    """Choose which characters to show, so that the marked part stays in sight: all, or the columns around it."""
    if sum(sizes) <= width:
        return 0, len(sizes)
    room = max(1, width - 2 * len(_CUT))
    start = 0
    if sum(sizes[:last]) > room:
        start, before = first, 0
        # As much of what follows as there is, up to three quarters of the room; what precedes gets the rest.
        wanted = max(room // 4, room - sum(sizes[first:]))
        while start and before + sizes[start - 1] <= wanted:
            start -= 1
            before += sizes[start]
    end, used = start, 0
    while end < len(sizes) and used + sizes[end] <= room:
        used += sizes[end]
        end += 1
    return start, end


def _cell(char: str, *, ascii_only: bool) -> str:
    if char == "\t":
        return _TAB
    if char.isprintable():
        return escape.ascii_only(char) if ascii_only else char
    return visible(char)
