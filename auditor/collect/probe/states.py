"""The states of the ports of one address, a byte a port by number, and sets of them. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.model.ports import PortSet

if TYPE_CHECKING:
    from collections.abc import Iterator


def where(states: bytearray, code: int) -> list[int]:
    """The port numbers in this state, ascending."""
    return [match.start() for match in re.finditer(re.escape(bytes([code])), states)]


def ports_with(states: bytes | bytearray, code: int) -> PortSet:
    """The TCP ports in this state."""
    runs = re.finditer(re.escape(bytes([code])) + b"+", states)
    return PortSet.from_bounds(tuple(bound for run in runs for bound in run.span()))


def numbers(ports: PortSet) -> Iterator[int]:
    """The port numbers, one by one."""
    for low, high in ports.ranges():
        yield from range(low, high + 1)
