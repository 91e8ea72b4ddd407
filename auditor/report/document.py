"""Laying out a JSON document: readable and diffable line by line, quick to write, harmless to show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from auditor.model.text import visible
from auditor.report.escape import json_safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DELETE_OR_BEYOND_ASCII = re.compile("[^\n\x20-\x7e]")


def json_document(value: Any, *, depth: int) -> bytes:
    r"""Write UTF-8 JSON, laid out down to ``depth`` levels; what lies deeper stands on one line.

    Nothing in it acts on a terminal or a CI runner. Lone surrogates, which JSON readers disagree about, are written
    as the visible text ``\udce9``; everything else reads back as it was.
    """
    from json import JSONEncoder

    compact = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(", ", ": ")).encode
    text = "".join(_laid_out(value, depth, "", compact))
    if not text.isascii() or "\x7f" in text:
        text = _DELETE_OR_BEYOND_ASCII.sub(_shown, text)
    return f"{json_safe(text)}\n".encode()


def _laid_out(value: Any, depth: int, indent: str, compact: Callable[[Any], str]) -> Iterator[str]:
    if depth == 0 or not value or not isinstance(value, dict | list) or _is_flat(value):
        yield compact(value)
        return
    inner = indent + "  "
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    keys = [f"{compact(key)}: " for key in value] if isinstance(value, dict) else [""] * len(value)
    separator = opening
    for key, item in zip(keys, value.values() if isinstance(value, dict) else value, strict=True):
        yield f"{separator}\n{inner}{key}"
        yield from _laid_out(item, depth - 1, inner, compact)
        separator = ","
    yield f"\n{indent}{closing}"


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
