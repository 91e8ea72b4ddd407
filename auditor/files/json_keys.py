"""Objects of JSON files that name a key twice are refused: readers disagree on which one counts."""

from __future__ import annotations

from typing import Any


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
