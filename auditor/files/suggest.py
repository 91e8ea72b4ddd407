"""The nearest valid word, for messages about a wrong one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 100
"""Longer words are no slips of the finger, and comparing them is slow."""


def nearest(word: object, words: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """The valid word most like the given one, whatever its case; None if none is near.

    ``likeness`` from 0 to 1: the more valid words there are, the higher it must be for a suggestion to make sense.
    """
    if not isinstance(word, str) or len(word) > _LONGEST:
        return None
    from difflib import get_close_matches

    by_folded = {valid.casefold(): valid for valid in words}
    found = get_close_matches(word.casefold(), list(by_folded), n=1, cutoff=likeness)
    return by_folded[found[0]] if found else None


def listed(words: Iterable[str], last: str = "or") -> str:
    """``a, b or c``, in the order given."""
    *most, final = words
    return f"{', '.join(most)} {last} {final}" if most else final
