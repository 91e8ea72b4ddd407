"""Objects of JSON files that name a key twice are refused: readers disagree on which one counts."""

from __future__ import annotations

import re
from typing import Any

_MARK = re.compile(r'[\[\]{}]|("(?:[^"\\]|\\.)*")(\s*:)?', re.DOTALL)
"""What opens, closes, or is text; text before a colon is a key."""


class RepeatedKeyError(ValueError):
    """An object names a key twice."""


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a mapping of an object; the ``object_pairs_hook`` of a decoder.

    :raises RepeatedKeyError: a key is there twice.
    """
    fields = dict(pairs)
    if len(fields) != len(pairs):
        left = dict(fields)
        repeated = next(key for key, _ in pairs if left.pop(key, left) is left)
        msg = f"the key {repeated!a:.60} is here twice in one object"
        raise RepeatedKeyError(msg)
    return fields


def repeated_key(text: str) -> int:
    """Return where the first key stands that its object has already, as an index; 0 where there is none."""
    objects: list[set[str]] = [set()]
    for found in _MARK.finditer(text):
        sign = found.group()
        if sign in "{[":
            objects.append(set())
        elif sign in "}]":
            objects.pop()
            objects = objects or [set()]
        elif found[2]:
            key = found[1] if "\\" not in found[1] else _unescaped(found[1])
            if key in objects[-1]:
                return found.start()
            objects[-1].add(key)
    return 0


def deepest(text: str) -> int:
    """Return where the deepest object or list begins, as an index."""
    depth = most = at = 0
    for found in _MARK.finditer(text):
        depth += 1 if found.group() in "{[" else -1 if found.group() in "}]" else 0
        if depth > most:
            most, at = depth, found.start()
    return at


def _unescaped(text: str) -> str:
    import json

    try:
        return f'"{json.loads(text)}"'
    except ValueError:
        return text
