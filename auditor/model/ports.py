"""Ports and sets of ports. No I/O.

TCP and UDP lie on one axis (UDP starts at 65,536), so that one set holds both and one algebra serves both.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import StrEnum
from functools import lru_cache
from itertools import chain, repeat
from operator import lt
from typing import TYPE_CHECKING, NamedTuple, Self

from auditor.model.intervals import IntervalSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HIGHEST = 65535
_SPAN = HIGHEST + 1
_REMEMBERED = 4096
"""Ranges that lists are made of: those of thousands of hosts have most of them in common."""


class Protocol(StrEnum):
    """A transport protocol."""

    TCP = "tcp"
    UDP = "udp"


_OFFSET = {Protocol.TCP: 0, Protocol.UDP: _SPAN}


class Port(NamedTuple):
    """One port: ``443/tcp``. Orders by protocol, then number."""

    protocol: Protocol
    number: int

    def __str__(self) -> str:
        """``443/tcp``."""
        return f"{self.number}/{self.protocol.value}"

    @classmethod
    def parse(cls, text: str) -> Port:
        """Read ``443/tcp``, ``53/udp`` or a bare ``443`` (tcp).

        :raises ValueError: anything else, or a number above 65535.
        """
        number, _, protocol = text.partition("/")
        return cls(Protocol(protocol.lower() or "tcp"), _number(number))


class PortSet(IntervalSet):
    """An immutable set of TCP and UDP ports."""

    __slots__ = ()

    @classmethod
    def span(cls, low: int, high: int, protocol: Protocol = Protocol.TCP) -> Self:
        """All ports from ``low`` to ``high``, both included.

        :raises ValueError: a reversed range, or one outside 0-65535.
        """
        if not 0 <= low <= high <= HIGHEST:
            msg = f"not a range of ports: {low}-{high}"
            raise ValueError(msg)
        return cls.from_bounds((low + _OFFSET[protocol], high + _OFFSET[protocol] + 1))

    @classmethod
    def of(cls, *ports: Port) -> Self:
        """Just these ports."""
        return cls((index, index) for index in map(_index, ports))

    @classmethod
    def numbers(cls, numbers: Iterable[int], protocol: Protocol = Protocol.TCP) -> Self:
        """The ports with these numbers, in any order; tens of thousands are quick."""
        offset = _OFFSET[protocol]
        return cls.from_members([number + offset for number in numbers] if offset else numbers)

    @classmethod
    def parse(cls, text: str, protocol: Protocol = Protocol.TCP) -> Self:
        """Read ``22,80-90,53/udp``; items without a protocol are of the given one. Empty text is the empty set.

        :raises ValueError: anything that is not a port or an ascending range within 0-65535.
        """
        items = text.split(",")
        if text.split() != [text] or "" in items:
            items = [item.strip() for item in items if item]
        spans = list(map(_span, items, repeat(protocol)))
        bounds = tuple(chain.from_iterable(spans))
        if all(map(lt, bounds, bounds[1:])):  # in order, with gaps between them, as every tool writes its lists
            return cls.from_bounds(bounds)
        return cls((low, beyond - 1) for low, beyond in spans)

    def only(self, protocol: Protocol) -> Self:
        """The part of one protocol."""
        low, high = _OFFSET[protocol], _OFFSET[protocol] + _SPAN
        bounds = self.bounds
        if not bounds or (low <= bounds[0] and bounds[-1] <= high):  # most sets are of one protocol
            return self
        if bounds[-1] <= low or bounds[0] >= high:
            return self.from_bounds(())
        return self & self.from_bounds((low, high))

    def text(self, protocol: Protocol) -> str:
        """The part of one protocol as ``80,443,8000-8010``, ascending, without its name."""
        offset, bounds = _OFFSET[protocol], self.bounds
        if not bounds or bounds[0] >= offset + _SPAN or bounds[-1] <= offset:
            return ""
        if bounds[0] < offset or bounds[-1] > offset + _SPAN:
            bounds = self.only(protocol).bounds
        return ",".join(map(_item, bounds[::2], bounds[1::2]))

    def __str__(self) -> str:
        """``80/tcp,8000-8010/tcp,53/udp``; reads back with :meth:`parse`."""
        parts = []
        for protocol in Protocol:
            parts += [f"{item}/{protocol.value}" for item in filter(None, self.text(protocol).split(","))]
        return ",".join(parts)

    def __repr__(self) -> str:
        """For debugging."""
        return f"PortSet({str(self)!r})"

    def __contains__(self, port: Port) -> bool:
        """Whether the port is inside."""
        protocol, number = port
        return bool(bisect_right(self.bounds, number + _OFFSET[protocol]) & 1)

    def __len__(self) -> int:
        """How many ports."""
        return self.size

    def __iter__(self) -> Iterator[Port]:
        """Each port, TCP first, ascending. For small sets: findings, never whole scans."""
        for low, high in self.ranges():
            for index in range(low, high + 1):
                yield Port(Protocol.UDP, index - _SPAN) if index >= _SPAN else Port(Protocol.TCP, index)


NO_PORTS = PortSet()
ALL_TCP = PortSet.span(1, HIGHEST)
ALL_UDP = PortSet.span(1, HIGHEST, Protocol.UDP)
"""Every port that can be asked: 0 is reserved and no socket can listen on it."""


@lru_cache(maxsize=_REMEMBERED)
def _span(item: str, protocol: Protocol) -> tuple[int, int]:
    """Read a port or a range, with or without a protocol: its two boundaries."""
    numbers, _, suffix = item.partition("/")
    first, dash, last = numbers.partition("-")
    low = _number(first)
    high = _number(last) if dash else low
    if low > high:
        msg = f"not a range of ports: {low}-{high}"
        raise ValueError(msg)
    offset = _OFFSET[Protocol(suffix) if suffix else protocol]
    return low + offset, high + offset + 1


@lru_cache(maxsize=_REMEMBERED)
def _item(low: int, beyond: int) -> str:
    """Write a port or a range, without its protocol."""
    first, last = low % _SPAN, (beyond - 1) % _SPAN
    return str(first) if first == last else f"{first}-{last}"


def _index(port: Port) -> int:
    return port.number + _OFFSET[port.protocol]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5) or int(text) > HIGHEST:
        msg = f"not a port: {text!r:.60}"
        raise ValueError(msg)
    return int(text)
