"""Sets of packets: what a rule can tell apart in the first packet of a connection that comes from elsewhere. No I/O.

A set is a box, a product of one set for each property. Boxes are cut by conditions into the part inside and the parts
outside, so that whole rule sets are followed for all packets at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.model.network import EVERYWHERE, LOOPBACK, NOWHERE, NetworkSet
from auditor.model.ports import ALL_TCP, ALL_UDP, HIGHEST, PortSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

IPV4 = NetworkSet.parse("0.0.0.0/0")
IPV6 = EVERYWHERE - IPV4
_MULTICAST = NetworkSet.parse("224.0.0.0/3,ff00::/8")
"""Multicast, reserved and broadcast addresses."""
ADDRESSES = EVERYWHERE - LOOPBACK - _MULTICAST
"""Whom packets come from and go to: loopback's addresses are never taken from the network, others are no one host's."""
PORTS = ALL_TCP | ALL_UDP
SOURCE_PORTS = PortSet.span(0, HIGHEST)
ELSEWHERE = ""
"""The interfaces that no rule names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """Where NAT leads packets: ``address`` None is this machine itself, ``port`` None the same port.

    ``settled``: the rule leaves no choice between several ports.
    """

    address: NetworkSet | None = None
    port: int | None = None
    settled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Packets:
    """A box. ``ports`` and ``targets`` are as the sender meant them, whatever NAT has made of them since (``lead``).

    ``doors`` are interfaces by name, by a prefix with ``+``, and :data:`ELSEWHERE`.
    """

    ports: PortSet = PORTS
    sources: NetworkSet = ADDRESSES
    targets: NetworkSet = ADDRESSES
    doors: frozenset[str] = frozenset({ELSEWHERE})
    origins: PortSet = SOURCE_PORTS
    tracked: bool = True
    lead: Lead | None = None

    def cut(self, field: str, inside: PortSet | NetworkSet | frozenset[str]) -> tuple[Packets | None, Packets | None]:
        """Cut along one property: the part inside and the part outside, None for nothing."""
        whole = getattr(self, field)
        common = whole & inside
        if not common:
            return None, self
        if common == whole:
            return self, None
        return replace(self, **{field: common}), replace(self, **{field: whole - inside})


_AXES = ("ports", "doors", "targets", "sources", "origins")


def overlap(one: Packets, other: Packets) -> Packets | None:
    """Return what two boxes have in common, as a part of the first; state and NAT aside."""
    common = {axis: getattr(one, axis) & getattr(other, axis) for axis in _AXES}
    return replace(one, **common) if all(common.values()) else None


def minus(one: Packets, others: Iterable[Packets], axes: Sequence[str] = _AXES) -> Iterator[Packets]:
    """Yield what is left of a box without others, state and NAT aside."""
    left = [one]
    for other in others:
        left = [piece for box in left for piece in _without(box, other, axes)]
        if not left:
            return
    yield from left


def _without(box: Packets, other: Packets, axes: Sequence[str]) -> Iterator[Packets]:
    if any(not getattr(box, axis) & getattr(other, axis) for axis in axes):
        yield box
        return
    for axis in axes:
        inside, outside = box.cut(axis, getattr(other, axis))
        if outside is not None:
            yield outside
        if inside is None:
            return
        box = inside


def family_of(networks: NetworkSet) -> NetworkSet:
    """Return the families of addresses that the networks are of."""
    found = IPV4 if not networks.isdisjoint(IPV4) else NOWHERE
    return found | IPV6 if not networks.isdisjoint(IPV6) else found
