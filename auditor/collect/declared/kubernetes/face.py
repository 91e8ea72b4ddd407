"""Where traffic from outside meets the cluster: the names by which a policy knows such a place, and what opens there.

An object is ``service/shop/web``: kind, namespace, name. What it opens lies on every node, on a load balancer or on
an ingress, and the classes of these have names of their own; last, ``kubernetes`` is all of them. A name that says
more wins over one that says less.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.collect.declared.kubernetes.annotations import Reach
from auditor.model.evidence import Observation, Opening, Unknown
from auditor.model.ports import NO_PORTS, Port, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.collect.declared.kubernetes.node import Node
    from auditor.model.location import Location
    from auditor.model.network import NetworkSet

CLUSTER = "kubernetes"
NODES = "kubernetes/nodes"
LOAD_BALANCERS = "kubernetes/load-balancers"
INGRESS = "kubernetes/ingress"
EVERYONE = Reach()
CLASSES = (NODES, LOAD_BALANCERS, INGRESS)


@dataclass(slots=True, kw_only=True)
class Face:
    """One place, while it is read. ``names`` are in the order in which a policy is asked for them."""

    names: tuple[str, ...]
    address: str | None = None
    openings: list[Opening] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)

    def open(
        self,
        port: Port,
        location: Location,
        what: str,
        *,
        bind: NetworkSet | None = None,
        reach: Reach = EVERYONE,
        target: str | None = None,
    ) -> None:
        """Add a port that will be open."""
        sources, group = reach
        self.openings.append(
            Opening(port=port, bind=bind, sources=sources, group=group, what=what, target=target, location=location)
        )

    def doubt(self, reason: str, ports: PortSet = NO_PORTS) -> None:
        """Add ports of which the manifest does not say whether they will be open; none named: any."""
        self.unknown.append(Unknown(ports=ports, reason=reason))

    def observation(self) -> Observation:
        """What has been read."""
        return Observation(
            host=self.names[0],
            names=self.names[1:],
            address=self.address,
            openings=tuple(self.openings),
            unknown=tuple(self.unknown),
        )


def ports_of(number: int, protocols: Iterable[Protocol]) -> PortSet:
    """One number in these protocols."""
    return PortSet.of(*(Port(protocol, number) for protocol in protocols))


def every_port(protocols: Iterable[Protocol]) -> PortSet:
    """All ports of these protocols."""
    found = NO_PORTS
    for protocol in protocols:
        found |= PortSet.span(1, 65535, protocol)
    return found


def settled(face: Face, number: Node, protocol: Node | Protocol) -> Port | None:
    """Make the port of a number and a protocol; None and a doubt, if either does not say which."""
    protocols = (protocol,) if isinstance(protocol, Protocol) else protocol.protocols
    if not protocols:
        where = number.location
        face.doubt(f"{where.file}:{where.line}: port {number.shown} is of SCTP, of which policies cannot speak")
        return None
    if number.number is None:
        face.doubt(f"{number.place} is {number.shown}, which is no port", every_port(protocols))
        return None
    if len(protocols) > 1 and not isinstance(protocol, Protocol):
        reason = f"{protocol.place} is {protocol.shown}, which is none that is known"
        face.doubt(reason, ports_of(number.number, protocols))
        return None
    return Port(protocols[0], number.number)
