"""Variables in compose files and ``.env`` files: every form that compose knows, and what is not set kept visible.

Compose puts nothing where a variable is not set, and warns. Here such a place is marked instead, so that whoever reads
the value can say which part of it nobody knows. Values never appear in messages: they may be secrets.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Lookup = Callable[[str], str | None]

_BEGIN, _END = "\x01", "\x02"
"""Around the name of what is not set: control characters, which no compose file may hold."""

_REQUIRED = "!"
_MARK = re.compile(f"{_BEGIN}({_REQUIRED}?)([^{_END}]*){_END}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BRACED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+?])(.*))?", re.DOTALL)
_DEEPEST = 32
_LONGEST = 256 * 1024


class TemplateError(Exception):
    """A text with ``$`` in it that compose refuses."""


def substitute(text: str, lookup: Lookup, *, depth: int = 0) -> str:
    """Fill in ``$X``, ``${X}``, ``${X:-y}``, ``${X-y}``, ``${X:+y}``, ``${X+y}``, ``${X:?e}`` and ``${X?e}``.

    ``$$`` is a dollar sign. What is not set and has no default is marked: see :func:`unset` and :func:`blank`.

    :raises TemplateError: compose refuses it, or it is nested too deeply or becomes too long.
    """
    if "$" not in text:
        return text
    if depth > _DEEPEST:
        raise TemplateError(f"variables nested more than {_DEEPEST} deep")
    parts: list[str] = []
    position, size = 0, 0
    while (dollar := text.find("$", position)) >= 0:
        filled, after = _one(text, dollar, lookup, depth)
        parts += text[position:dollar], filled
        size += dollar - position + len(filled)
        if size > _LONGEST:
            raise TemplateError("too long with its variables filled in")
        position = after
    return "".join(parts) + text[position:]


def _one(text: str, dollar: int, lookup: Lookup, depth: int) -> tuple[str, int]:
    """Fill in what begins at a dollar sign; also where the text goes on after it."""
    following = text[dollar + 1 : dollar + 2]
    if following == "$":
        return "$", dollar + 2
    if following == "{":
        end = _closing(text, dollar + 1)
        if end < 0:
            raise TemplateError("'${' without its '}'; a dollar sign is written '$$'")
        return _braced(text[dollar + 2 : end], lookup, depth), end + 1
    if name := _NAME.match(text, dollar + 1):
        return _plain(name[0], lookup), name.end()
    return "$", dollar + 1


def _closing(text: str, start: int) -> int:
    depth = 0
    for index in range(start, len(text)):
        if text[index] == "{":
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if not depth:
                return index
    return -1


def _plain(name: str, lookup: Lookup) -> str:
    value = lookup(name)
    return f"{_BEGIN}{name}{_END}" if value is None else value


def _braced(inside: str, lookup: Lookup, depth: int) -> str:
    found = _BRACED.fullmatch(inside)
    if found is None:
        raise TemplateError("'${' with something in it that is no variable; a dollar sign is written '$$'")
    name, operator, other = found.groups()
    if operator is None:
        return _plain(name, lookup)
    value = lookup(name)
    given = value is not None and (value != "" or ":" not in operator)
    if "+" in operator:
        return substitute(other, lookup, depth=depth + 1) if given else value or ""
    if given:
        return value or ""
    if "?" in operator:
        return f"{_BEGIN}{_REQUIRED}{name}{_END}"
    return substitute(other, lookup, depth=depth + 1)


def unset(text: str) -> tuple[str, ...]:
    """Return the names of the variables in a filled-in text that are not set."""
    return tuple(dict.fromkeys(found[2] for found in _MARK.finditer(text))) if _BEGIN in text else ()


def lacks_required(text: str) -> bool:
    """Whether one of them is required: compose does not start without it."""
    return f"{_BEGIN}{_REQUIRED}" in text


def blank(text: str) -> str:
    """Return the text with nothing where a variable is not set, as compose goes on with it."""
    return _MARK.sub("", text) if _BEGIN in text else text
