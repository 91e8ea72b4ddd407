"""Whether a finished handshake means anything at a host: what its sentinels say. Pure.

Sentinels are a few high ports, taken at random, that hardly anybody serves. Where most of them are open, something
answers on every port; outsiders are the same, taken where too few such ports are asked for.
"""

from __future__ import annotations

from array import array
from collections import Counter
from enum import Enum, auto
from itertools import compress
from typing import TYPE_CHECKING, Final

from auditor.collect.probe.chunk import OPEN, RESET, SILENT, UNREACHED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.collect.probe.chunk import Chunk

ROLES: Final = frozenset({"sentinel", "outsider"})
SILENCES: Final = bytes(code in {SILENT, UNREACHED} for code in range(256))
"""A table for ``bytes.translate``: which outcomes are no answer."""
MOSTLY: Final = 6
SUSPECT: Final = 0.75
"""This share of all ports open raises the question whether any port is closed there."""
_MOST_HEARINGS: Final = 5


class Trust(Enum):
    """What a finished handshake is worth at this host."""

    FULL = auto()
    WATCHED = auto()
    """Something in front completes every handshake and resets it if the host refuses: opens are watched."""
    NONE = auto()
    """Something answers on every port."""


class Jury:
    """Gathers what the sentinels of one address say. At a low rate they come back one by one, and some get lost.

    ``trust`` is its verdict.
    """

    __slots__ = ("_codes", "_hearings", "_silent", "trust")

    def __init__(self) -> None:
        self.trust = Trust.FULL
        self.start_over()

    def start_over(self) -> None:
        """Other sentinels are asked, and what the former said counts no more."""
        self._codes: Counter[int] = Counter()
        self._silent = array("H")
        self._hearings = 0

    def hear(self, chunk: Chunk) -> Trust:
        """Add what a chunk of sentinels has come to; the verdict so far."""
        self._codes.update(chunk.codes)
        self._silent.extend(compress(chunk.ports, chunk.codes.translate(SILENCES)))
        opened, reset = self._codes[OPEN], self._codes[RESET]
        if opened + reset >= MOSTLY:
            self.trust = Trust.WATCHED if reset > opened else Trust.NONE
        return self.trust

    def recall(self) -> array[int]:
        """When all are back and there is no verdict: the silent ones, if their answers could make one; else none."""
        finished = self._codes[OPEN] + self._codes[RESET]
        if not 0 < finished < MOSTLY <= finished + len(self._silent) or self._hearings == _MOST_HEARINGS:
            return array("H")
        self._hearings += 1
        silent, self._silent = self._silent, array("H")
        return silent


def crowded(chunks: Iterable[Chunk]) -> bool:
    """Whether so many sentinels have just finished a handshake that it is better to wait for what they say."""
    return sum(chunk.held for chunk in chunks if chunk.role in ROLES) >= MOSTLY
