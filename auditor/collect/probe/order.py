"""In which order the ports of a host are asked. Pure.

What the policy names and what is commonly open come first, so that an estimate of the way there is soon to hand and
little is lost if the scan is cut short; the rest is spread out, as neighbouring ports often share a fate.
"""

from __future__ import annotations

import os
from array import array
from functools import lru_cache
from itertools import chain, compress, islice
from typing import TYPE_CHECKING, Final

from auditor.model.ports import Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model.ports import PortSet

COMMON: Final = (
    443,
    80,
    22,
    3389,
    53,
    25,
    21,
    8080,
    445,
    139,
    135,
    3306,
    5432,
    8443,
    23,
    110,
    143,
    993,
    995,
    111,
    6379,
)
"""Often open or answered, by long experience; the order is for speed alone and changes no result."""
HIGH: Final = 10_000
SENTINELS: Final = 8
PILOTS: Final = 8
_CROWD: Final = 512
"""So many high ports must be asked for to draw sentinels from: a host may really serve most of a few."""

_EVERY: Final = range(65536)


@lru_cache(maxsize=16)
def order(ask: PortSet, first: PortSet) -> tuple[array[int], array[int], array[int]]:
    """Sentinels, pilots and the rest: all TCP ports of ``ask`` but 0, each once.

    Sentinels are eight ports above 10,000 that nobody names, taken at random: if most of these are open, something
    answers on every port. Where only a few hundred such ports are asked for there are no sentinels. The arrays are
    shared: hosts that are asked the same are asked in the same order, and nobody may change them.
    """
    mask = bytearray(65536)
    for low, high in ask.only(Protocol.TCP).ranges():
        mask[low : high + 1] = b"\1" * (high + 1 - low)
    mask[0] = 0
    early = _early(first, mask)
    for port in early:
        mask[port] = 0
    sentinels = _sentinels(mask)
    for port in sentinels:
        mask[port] = 0
    remaining = array("H", early)
    remaining.extend(_spread(mask))
    return array("H", sentinels), remaining[:PILOTS], remaining[PILOTS:]


def outsiders(ask: PortSet) -> array[int]:
    """Eight random high ports that were not asked for, or fewer where nearly all were."""
    free = (HIGH + at for at in _random(64, 65536 - HIGH) if not ask.has(HIGH + at))
    return array("H", islice(free, SENTINELS))


def _early(first: PortSet, mask: bytearray) -> list[int]:
    named = (port for low, high in first.only(Protocol.TCP).ranges() for port in range(low, high + 1))
    return list(dict.fromkeys(port for port in chain(named, COMMON) if mask[port]))


def _sentinels(mask: bytearray) -> list[int]:
    if mask.count(1, HIGH) < _CROWD:
        return []
    asked = list(compress(_EVERY[HIGH:], mask[HIGH:]))
    return [asked[at] for at in islice(_random(64, len(asked)), SENTINELS)]


def _random(count: int, below: int) -> Iterator[int]:
    """Different numbers, nearly as many as asked for."""
    return iter(dict.fromkeys(int.from_bytes(os.urandom(4), "little") % below for _ in range(count)))


def _spread(mask: bytearray) -> Iterator[int]:
    """The ports of the mask, neighbours far apart: every so many-th, from each beginning in turn."""
    stride = 201 + os.urandom(1)[0]
    start = os.urandom(1)[0]
    for at in range(stride):
        begin = (start + at * 89) % stride if stride % 89 else (start + at) % stride
        yield from compress(_EVERY[begin::stride], mask[begin::stride])
