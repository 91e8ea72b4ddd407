"""The states of the ports of one address, a byte a port by number, and sets of them. Pure."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from auditor.model.ports import NO_PORTS, PortSet

if TYPE_CHECKING:
    from collections.abc import Iterator


def where(states: bytearray, code: int) -> list[int]:
    """The port numbers in this state, ascending."""
    return list(iter_where(states, code))


def iter_where(states: bytearray, code: int) -> Iterator[int]:
    """The same, found as they are asked for."""
    return (match.start() for match in re.finditer(re.escape(bytes([code])), states))


def ports_with(states: bytes | bytearray, code: int) -> PortSet:
    """The TCP ports in this state."""
    if code not in states:  # so it is with most codes and most hosts, and this is quick
        return NO_PORTS
    return PortSet.from_bounds(tuple(bound for run in _runs(code).finditer(states) for bound in run.span()))


@cache
def _runs(code: int) -> re.Pattern[bytes]:
    return re.compile(re.escape(bytes([code])) + b"+")


def numbers(ports: PortSet) -> Iterator[int]:
    """The port numbers, one by one."""
    for low, high in ports.ranges():
        yield from range(low, high + 1)
