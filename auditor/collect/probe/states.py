"""The states of the ports of one address, a byte a port by number, and sets of them. Pure."""

from __future__ import annotations

import re
from array import array
from typing import TYPE_CHECKING, Final

from auditor.collect.probe.chunk import CLOSED, OPEN, REFUSED
from auditor.collect.probe.rounds import CANARIES
from auditor.model.ports import PortSet

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

_AT_ONE_DOOR: Final = 5
"""So many canaries at once for one open port: more would overflow the accept queue of a small server (listen(2))."""


def where(states: bytearray, code: int) -> list[int]:
    """The port numbers in this state, ascending."""
    return [match.start() for match in re.finditer(re.escape(bytes([code])), states)]


def ports_with(states: bytearray, code: int) -> PortSet:
    """The TCP ports in this state."""
    runs = re.finditer(re.escape(bytes([code])) + b"+", states)
    return PortSet.from_bounds(tuple(bound for run in runs for bound in run.span()))


def numbers(ports: PortSet) -> Iterator[int]:
    """The port numbers, one by one."""
    for low, high in ports.ranges():
        yield from range(low, high + 1)


def canaries(states: bytearray, last: Container[int]) -> array[int]:
    """Ports known to answer, open ones if there are any; those of ``last`` only where others do not suffice."""
    if opens := where(states, OPEN):
        early = [port for port in opens if port not in last]
        opens = (early + [port for port in opens if port in last])[:CANARIES]
        return array("H", (opens * _AT_ONE_DOOR)[:CANARIES])
    known = where(states, CLOSED)[:CANARIES] or where(states, REFUSED)[:CANARIES]
    return array("H", (known * CANARIES)[:CANARIES])
