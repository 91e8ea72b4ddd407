"""Where values stand in a text of JSON: found by their paths, while the rest is passed over at the decoder's speed."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.files.text import SourceText
    from auditor.model.location import Location

    Step = str | int

_SPACE = re.compile(r"[ \t\n\r]*")
_BREAK = re.compile(r"\r\n|\r|\n")
_KEPT = 100_000
"""Starts of entries that are kept for the next question."""

_decode = json.JSONDecoder().raw_decode


class Places:
    """The places of one text, which must be valid JSON.

    Where the entries of a list or object begin is kept, so that the next path through it costs less.
    """

    def __init__(self, source: SourceText) -> None:
        self._source = source
        self._text = source.text
        self._starts = [0, *(found.end() for found in _BREAK.finditer(source.text))]
        self._entries: dict[int, dict[Step, tuple[int, int]]] = {}
        self._kept = 0

    def location(self, path: Sequence[Step], *, key: bool = False) -> Location:
        """Where the value at ``path`` stands, or as much of the path as there is; with ``key`` the last key on it."""
        value = self._skip(0)
        place = value
        for step in path:
            found = self._entries_of(value).get(step)
            if found is None:
                break
            place, value = found
        at = place if key and path and isinstance(path[-1], str) else value
        return self._region(at)

    def _region(self, start: int) -> Location:
        _, end = _decode(self._text, start)
        line = bisect_right(self._starts, start)
        first = self._starts[line - 1]
        last = self._starts[line] if line < len(self._starts) else len(self._text) + 1
        whole = self._text[first:last].rstrip("\r\n")
        return self._source.location(line, start - first + 1, min(end - first, len(whole)) + 1)

    def _entries_of(self, start: int) -> dict[Step, tuple[int, int]]:
        """Map the keys or indexes of the container at ``start`` to where the key, and the value, begin."""
        if (known := self._entries.get(start)) is not None:
            return known
        opening = self._text[start]
        entries = self._scan(start, keyed=opening == "{") if opening in "{[" else {}
        if self._kept + len(entries) <= _KEPT:
            self._entries[start] = entries
            self._kept += len(entries)
        return entries

    def _scan(self, start: int, *, keyed: bool) -> dict[Step, tuple[int, int]]:
        text = self._text
        entries: dict[Step, tuple[int, int]] = {}
        here = self._skip(start + 1)
        while text[here] not in "}]":
            place = here
            if keyed:
                key, here = _decode(text, here)
                here = self._skip(self._skip(here) + 1)
                entries[key] = (place, here)
            else:
                entries[len(entries)] = (here, here)
            _, here = _decode(text, here)
            here = self._skip(here)
            if text[here] == ",":
                here = self._skip(here + 1)
        return entries

    def _skip(self, index: int) -> int:
        found = _SPACE.match(self._text, index)
        return found.end() if found else index
