"""Laying out a JSON document: readable and diffable line by line, quick to write, harmless to show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from auditor.model.text import visible
from auditor.report.escape import json_safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_DELETE_OR_BEYOND_ASCII = re.compile("[^\n\x20-\x7e]")


def json_document(value: Any, *, depth: int) -> bytes:
    """Write a document as :func:`json_chunks` lays it out, whole."""
    from io import BytesIO

    written = BytesIO()  # joining a list of chunks would hold all of it twice
    written.writelines(json_chunks(value, depth=depth))
    return written.getvalue()


def json_chunks(value: Any, *, depth: int) -> Iterator[bytes]:
    r"""Yield UTF-8 JSON, laid out down to ``depth`` levels; what lies deeper stands on one line.

    Nothing in it acts on a terminal or a CI runner. Lone surrogates, which JSON readers disagree about, are written
    as the visible text ``\udce9``; everything else reads back as it was. An iterator within ``depth`` is a list whose
    items are made as they are written, so that long ones are never in memory as a whole.
    """
    from json import JSONEncoder

    compact = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(", ", ": ")).encode
    for text in _laid_out(value, depth, "", compact):  # no string is in two pieces, and so nothing that could act
        shown = text if text.isascii() and "\x7f" not in text else _DELETE_OR_BEYOND_ASCII.sub(_shown, text)
        yield json_safe(shown).encode()
    yield b"\n"


def _laid_out(value: Any, depth: int, indent: str, compact: Callable[[Any], str]) -> Iterator[str]:
    if depth and isinstance(value, Iterator):
        yield from _items("[]", (("", item) for item in value), depth, indent, compact)
    elif depth == 0 or not value or not isinstance(value, dict | list) or _is_flat(value):
        yield compact(value)
    elif isinstance(value, dict):
        keyed = ((f"{compact(key)}: ", item) for key, item in value.items())
        yield from _items("{}", keyed, depth, indent, compact)
    else:
        yield from _items("[]", (("", item) for item in value), depth, indent, compact)


def _items(
    brackets: str, items: Iterable[tuple[str, Any]], depth: int, indent: str, compact: Callable[[Any], str]
) -> Iterator[str]:
    opening, closing = brackets[0], brackets[1]
    inner = indent + "  "
    separator = opening
    for key, item in items:
        yield f"{separator}\n{inner}{key}"
        yield from _laid_out(item, depth - 1, inner, compact)
        separator = ","
    yield brackets if separator == opening else f"\n{indent}{closing}"


def _is_flat(value: Any) -> bool:
    return isinstance(value, list) and not any(isinstance(item, dict | list) for item in value)


def _shown(found: re.Match[str]) -> str:
    char = found[0]
    if char.isprintable():
        return char
    if "\ud800" <= char <= "\udfff":
        return "\\" + visible(char)
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
