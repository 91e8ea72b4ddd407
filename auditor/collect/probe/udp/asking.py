"""In which order the UDP ports of a host are asked. Pure.

What the policy names comes first: where a host limits its refusals, the first few are all that it gives away. Then
what is at home at its port and answers, then the rest, spread out.
"""

from __future__ import annotations

from array import array
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from auditor.collect.probe.udp.table import PAYLOADS
from auditor.model.ports import Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.model.ports import PortSet

_STRIDE = 211


class Plan(NamedTuple):
    """Ports in ascending order, and the order to ask them in, by index. ``named`` of them come first in it.

    Hosts that are asked the same share one plan: nobody may change the arrays.
    """

    ports: array[int]
    order: array[int]
    named: int


@lru_cache(maxsize=16)
def plan(ask: PortSet, first: PortSet) -> Plan:
    """All UDP ports of ``ask`` but 0."""
    ports = array("H", (port for port in _numbers(ask) if port))
    early = set(_numbers(first & ask))
    named = [index for index, port in enumerate(ports) if port in early]
    known = [index for index, port in enumerate(ports) if port in PAYLOADS and port not in early]
    taken = {*named, *known}
    rest = (index for start in range(_STRIDE) for index in range(start, len(ports), _STRIDE) if index not in taken)
    return Plan(ports, array("H", (*named, *known, *rest)), len(named))


def _numbers(ports: PortSet) -> Iterable[int]:
    offset = 1 << 16  # where UDP begins on the axis of ports
    for low, high in ports.only(Protocol.UDP).ranges():
        yield from range(low - offset, high - offset + 1)
