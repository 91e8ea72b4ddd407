"""A line of a source file, with carets under the part that is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from auditor.report.escape import visible

if TYPE_CHECKING:
    from auditor.model.location import Location

_TAB = "    "
_CUT = "..."


class SourceLine(NamedTuple):
    """What to print: the line, and below it the carets with their indentation."""

    text: str
    carets: str


def source_line(location: Location, width: int) -> SourceLine | None:
    """Show a location's snippet within ``width`` columns, or None where there is none.

    Characters that would act or hide are shown as escapes; the carets count the columns that are really taken.
    A line that is too long is cut around the carets.
    """
    snippet = (location.snippet or "").rstrip()
    if not location.line or not snippet:
        return None
    first = max(1, location.column) - 1
    last = location.end_column - 1 if location.end_column > location.column else first + 1
    snippet, first, last = _window(snippet, first, last, width)
    cells = [_cell(char) for char in snippet]
    start = sum(_columns(cell) for cell in cells[:first]) + max(0, first - len(cells))
    marked = sum(_columns(cell) for cell in cells[first:last])
    return SourceLine("".join(cells), " " * start + "^" * max(1, marked))


def _window(snippet: str, first: int, last: int, width: int) -> tuple[str, int, int]:
    """Cut a line that is too long, so that the marked part stays in sight."""
    first, last = min(first, len(snippet)), min(last, len(snippet))
    if len(snippet) <= width:
        return snippet, first, last
    room = max(20, width - 2 * len(_CUT))
    begin = 0 if last <= room else max(0, min(first - room // 4, len(snippet) - room))
    head = _CUT if begin else ""
    tail = _CUT if begin + room < len(snippet) else ""
    shift = len(head) - begin
    shown = snippet[begin : begin + room]
    return head + shown + tail, first + shift, min(last + shift, len(head) + len(shown))


def _cell(char: str) -> str:
    if char == "\t":
        return _TAB
    return char if char.isprintable() else visible(char)


def _columns(cell: str) -> int:
    """How many columns a terminal gives to a character: two to East Asian wide ones, none to combining ones."""
    if cell.isascii():
        return len(cell)
    from unicodedata import combining, east_asian_width

    if combining(cell):
        return 0
    return 2 if east_asian_width(cell) in "WF" else 1
