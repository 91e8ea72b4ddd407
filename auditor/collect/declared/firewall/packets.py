"""Sets of packets: what a rule can tell apart in the first packet of a connection that comes from elsewhere. No I/O.

A set is a box, a product of one set for each property. Boxes are cut by conditions into the part inside and the parts
outside, so that whole rule sets are followed for all packets at once. In a box the sets are masks, numbers whose bits
stand for the pieces of a :class:`~auditor.collect.declared.firewall.space.Space`: to cut one takes no longer than to
add, however many networks are in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from auditor.model.network import EVERYWHERE, LOOPBACK, NOWHERE, NetworkSet
from auditor.model.ports import ALL_TCP, ALL_UDP, HIGHEST, PortSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

IPV4 = NetworkSet.parse("0.0.0.0/0")
IPV6 = EVERYWHERE - IPV4
_MULTICAST = NetworkSet.parse("224.0.0.0/3,ff00::/8")
"""Multicast, reserved and broadcast addresses."""
ADDRESSES = EVERYWHERE - LOOPBACK - _MULTICAST
"""Whom packets come from and go to: loopback's addresses are never taken from the network, others are no one host's."""
ALL_SCTP = PortSet.from_bounds((2 * (HIGHEST + 1) + 1, 3 * (HIGHEST + 1)))
"""SCTP's ports lie behind those of UDP on the axis of a port set. Policies have none: no set with them leaves here."""
JUDGED = ALL_TCP | ALL_UDP
"""The ports that policies speak of."""
PORTS = JUDGED | ALL_SCTP
PLANES = tuple(PortSet.from_bounds((at * (HIGHEST + 1), (at + 1) * (HIGHEST + 1))) for at in range(3))
"""The part of the axis that each protocol has, 0 included."""
SOURCE_PORTS = PortSet.span(0, HIGHEST)
_NUMBERS = PortSet.from_bounds((0, len(PLANES) * (HIGHEST + 1)))
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


SOMEWHERE = Lead(address=IPV4 | IPV6, settled=False)
"""Where NAT leads if nobody can tell."""


class Packets(NamedTuple):
    """A box. ``ports`` and ``targets`` are as the sender meant them, whatever NAT has made of them since (``lead``).

    ``doors`` are the interfaces that packets come in at, ``origins`` the ports that they come from.
    """

    ports: int
    sources: int
    targets: int
    doors: int
    origins: int
    tracked: bool = True
    lead: Lead | None = None

    def cut(self, field: str, inside: int) -> tuple[Packets | None, Packets | None]:
        """Cut along one property: the part inside and the part outside, None for nothing."""
        whole: int = getattr(self, field)
        common = whole & inside
        if not common:
            return None, self
        if common == whole:
            return self, None
        return self._replace(**{field: common}), self._replace(**{field: whole ^ common})  # type: ignore[arg-type]


AXES = ("ports", "doors", "targets", "sources", "origins")


def overlap(one: Packets, other: Packets) -> Packets | None:
    """Return what two boxes have in common, as a part of the first; state and NAT aside."""
    ports, sources, targets = one.ports & other.ports, one.sources & other.sources, one.targets & other.targets
    doors, origins = one.doors & other.doors, one.origins & other.origins
    if not (ports and sources and targets and doors and origins):
        return None
    return one._replace(ports=ports, sources=sources, targets=targets, doors=doors, origins=origins)


def minus(one: Packets, others: Iterable[Packets], axes: Sequence[str] = AXES) -> list[Packets]:
    """Return what is left of a box without others, state and NAT aside."""
    left = [one]
    by_origin = "origins" in axes
    for other in others:
        kept: list[Packets] = []
        for box in left:
            if (
                box.ports & other.ports
                and box.sources & other.sources
                and box.targets & other.targets
                and box.doors & other.doors
                and (not by_origin or box.origins & other.origins)
            ):
                kept += _without(box, other, axes)
            else:
                kept.append(box)
        left = kept
        if not left:
            break
    return left


def _without(box: Packets, other: Packets, axes: Sequence[str]) -> list[Packets]:
    """Cut a box into what is left of it without one that it meets."""
    found: list[Packets] = []
    for axis in axes:
        inside, outside = box.cut(axis, getattr(other, axis))
        if outside is not None:
            found.append(outside)
        if inside is None:
            break
        box = inside
    return found


def of_every_protocol(numbers: PortSet) -> PortSet:
    """Return the ports of all protocols that have these numbers, which lie on the axis of TCP."""
    steps = [at * (HIGHEST + 1) for at in range(len(PLANES))]
    return PortSet.from_bounds(tuple(bound + step for step in steps for bound in numbers.bounds)) & _NUMBERS


def family_of(networks: NetworkSet) -> NetworkSet:
    """Return the families of addresses that the networks are of."""
    found = IPV4 if not networks.isdisjoint(IPV4) else NOWHERE
    return found | IPV6 if not networks.isdisjoint(IPV6) else found
