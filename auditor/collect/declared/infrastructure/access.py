"""A firewall rule of any cloud as openings: which ports, to whom, and what of it cannot be told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from auditor.model.evidence import EVERY_PROTOCOL, Opening, Unknown
from auditor.model.network import NOWHERE, NetworkSet
from auditor.model.ports import ALL_TCP, ALL_UDP, NO_PORTS, Port, PortSet, Protocol
from auditor.model.text import excerpt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.model.location import Location

ALL_PORTS = ALL_TCP | ALL_UDP
IPV4 = NetworkSet.parse("0.0.0.0/0")
IPV6 = NetworkSet.parse("::/0")
ANYWHERE = IPV4 | IPV6
SCTP = "it lets in SCTP, of which policies cannot speak"
"""What is said of a rule that is for SCTP alone."""
_SHOWN = 80


class UnknownValue:
    """Stands where a value is known only later."""

    def __repr__(self) -> str:
        """For debugging."""
        return "UNKNOWN"


UNKNOWN = UnknownValue()


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What one rule lets in. Empty ``ports`` let nothing in that has ports, such as ICMP alone.

    ``sources`` are networks, ``groups`` name other sources by what they are. ``doubts`` are the reasons why there may
    be more than these. ``vague``: the ports are those that it may let in to, and nobody knows which. ``what`` is for
    people. ``path`` leads to the rule in the file, and ``location`` is where it is written.
    """

    ports: PortSet
    vague: bool = False
    sources: NetworkSet = NOWHERE
    groups: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    what: str = ""
    path: tuple[str | int, ...] = ()
    location: Location | None = None
    target: str | None = None
    """The port behind it that it leads to (``8080/tcp``), where the file says so."""
    less: bool = False
    """It was for every protocol before rules that deny took some of its ports."""

    def openings(self) -> Iterator[Opening]:
        """Yield an opening a range of ports and kind of source."""
        for first, last in () if self.vague else _spans(self.ports):
            common = Opening(port=first, last=last, what=self.what or None, target=self.target, location=self.location)
            if self.sources:
                yield replace(common, sources=self.sources)
            for group in self.groups:
                yield replace(common, group=group)

    def unknowns(self) -> Iterator[Unknown]:
        """Yield what may be let in besides."""
        for doubt in self.doubts:
            if self.ports:
                yield Unknown(ports=self.ports, reason=doubt)
            elif doubt.endswith(SCTP):
                place = f"{self.location}: " if self.location else ""
                yield Unknown(ports=NO_PORTS, reason=f"{place}{doubt}")
        if self.is_of_every_protocol and (self.sources >= IPV4 or self.sources >= IPV6):
            told = ": ".join(str(part) for part in (self.location, self.what, EVERY_PROTOCOL) if part)
            yield Unknown(ports=NO_PORTS, reason=told)

    @property
    def is_of_every_protocol(self) -> bool:
        """Whether it lets in whatever its sources speak: no rule for one protocol has all ports of both."""
        return not self.vague and (self.less or self.ports == ALL_PORTS)


def widened(rules: Iterable[Access]) -> list[Access]:
    """Join sources where several rules together let everyone in to the ports of one: two halves of all addresses.

    Each rule keeps its place; one whose ports all of them cover says who gets in through any.
    """
    found = list(rules)
    for family in (IPV4, IPV6):
        partial = [at for at, one in enumerate(found) if one.sources & family and not one.sources >= family]
        union = NOWHERE
        for at in partial:
            union |= found[at].sources & family
        if union != family:
            continue
        for at in partial:
            together = NOWHERE
            for other in partial:
                if found[at].ports <= found[other].ports:
                    together |= found[other].sources & family
            if together == family:
                found[at] = replace(found[at], sources=found[at].sources | family)
    return found


def network_of(text: Any) -> NetworkSet | None:
    """Read an address or network as the clouds do, who take one with host bits for the network it is in; or None."""
    if not isinstance(text, str):
        return None
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        return None
    return NetworkSet.of(network)


def port_number(value: Any) -> int | None:
    """Read a port's number as files write it: a number, one in quotes, one with ``.0``. None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str):
        text = value.strip()
        if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) <= 6):
            return None
        value = int(text)
    return value if isinstance(value, int) and -1 <= value <= 65535 else None


def span(low: int, high: int, protocols: Iterable[Protocol]) -> PortSet:
    """Ports of these protocols; port 0, on which nothing can listen, only counts where it is the one meant."""
    found = NO_PORTS
    for protocol in protocols:
        found |= PortSet.span(low if low or not high else 1, high, protocol)
    return found


def shown(value: Any) -> str:
    """A value of a file as part of a sentence."""
    return excerpt(str(value), _SHOWN)


def _spans(ports: PortSet) -> Iterator[tuple[Port, int | None]]:
    for low, high in ports.ranges():
        for protocol in Protocol:
            part = PortSet(((low, high),)).only(protocol)
            for start, end in part.ranges():
                first = next(iter(PortSet(((start, start),))))
                yield first, None if start == end else first.number + end - start
