"""Lines that fit a terminal: how many columns a text takes, and folding at blanks, colours kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from unicodedata import category, east_asian_width

if TYPE_CHECKING:
    from collections.abc import Iterator

_SGR = re.compile(r"\x1b\[[0-9;]*m")
_RESET = "\x1b[0m"
_EARLY_RESET = re.compile(r"( +)(\x1b\[0m)")
"""Blanks that a colour ends behind; it may as well end before them, so that it is no word of its own."""

_ARROW = "-->"
_BLANKS = re.compile(r"( +)")
_ITEMS = re.compile(r"[^,]*,|[^,]+")
_COMMAND = re.compile(r"^((?:\x1b\[[0-9;]*m)*):(?=:)")

# What a line begins with, so that its other lines stand below the text: " = help: ", a verdict, a row of a matrix.
_HEAD = re.compile(r" *(?:= [^:]{1,20}: |\S+ {2,}(?=\S))")


def columns(text: str) -> int:
    """How many columns a terminal gives to a text: two to an East Asian wide character, none to a combining one.

    Colours take none. Control characters are escaped before.
    """
    if "\x1b" in text:
        text = _SGR.sub("", text)
    return len(text) if text.isascii() else sum(map(_of_one, text))


def _of_one(char: str) -> int:
    if char.isascii():
        return 1
    if category(char) in {"Mn", "Me"}:
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def padded(text: str, width: int) -> str:
    """Fill a text with blanks up to ``width`` columns."""
    return text + " " * (width - columns(text))


def folded(text: str, width: int) -> list[str]:
    """Fold plain text into lines of at most ``width`` columns: at blanks, then behind commas, and else anywhere."""
    lines = []
    for line in wrapped(text, width, hang=0):
        rest = line
        while columns(rest) > width:
            taken = _fitting(rest, width)
            lines.append(rest[:taken])
            rest = rest[taken:]
        lines.append(rest)
    return lines


def _fitting(text: str, width: int) -> int:
    """How many characters fit, one at least; combining ones stay with theirs."""
    used = 0
    for at, char in enumerate(text):
        used += _of_one(char)
        if used > width and at:
            return at
    return len(text)


def wrapped(line: str, width: int, *, hang: int | None = None) -> list[str]:
    """Fold one line, coloured or not, at blanks; a word that fits no line is folded behind its commas.

    A word without blanks and commas that is longer than a line stays whole. ``hang`` is how far the other lines are
    moved in; None: as fits what the line begins with. No line begins with ``::``, which CI runners obey.
    """
    if columns(line) <= width:
        return [line]
    plain = _SGR.sub("", line)
    indent = min(_hang(plain) if hang is None else hang, width // 2)
    lines, current, used, colour = [], "", 0, ""
    for gap, word in _units(_EARLY_RESET.sub(r"\2\1", line), width - indent):
        if _SGR.sub("", current).strip() and used + len(gap) + columns(word) > width:
            lines.append(current + (_RESET if colour else ""))
            unit, current, used = _COMMAND.sub(r"\1\\x3a", word), " " * indent + colour, indent
        else:
            unit = gap + word
        current += unit
        used += columns(unit)
        for code in _SGR.findall(word):
            colour = "" if code == _RESET else code
    return [*lines, current]


def _hang(plain: str) -> int:
    head = _HEAD.match(plain)
    if head:
        return head.end()
    lead = len(plain) - len(plain.lstrip(" "))
    return lead + 2 if lead else 4


def _units(line: str, room: int) -> Iterator[tuple[str, str]]:
    """Yield what must stay together, each with the blanks before it: an arrow stays with what it points at."""
    gap, arrow = "", ""
    for chunk in _BLANKS.split(line):
        if not chunk or chunk.isspace():
            gap += chunk
        elif _SGR.sub("", chunk) == _ARROW:
            arrow, gap = f"{gap}{chunk} ", ""
        else:
            blanks = "" if arrow else gap
            pieces = [chunk] if columns(chunk) <= room else _ITEMS.findall(chunk)
            pieces[0] = arrow + pieces[0]
            for piece in pieces:
                yield blanks, piece
                blanks = ""
            gap, arrow = "", ""
    if arrow:
        yield "", arrow.rstrip()
