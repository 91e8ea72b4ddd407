"""Services and networks as one compose file has them, and how a later file changes an earlier one's.

Only what bears on ports is read. Lists add up, single values are replaced, ``!reset`` takes away what was there before,
``!override`` replaces it; a port that is there twice counts once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from auditor.collect.declared.compose.node import OVERRIDE, RESET, RefusedError
from auditor.collect.declared.compose.ports import parse_item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.collect.declared.compose.node import Node
    from auditor.collect.declared.compose.ports import PortItem
    from auditor.model.location import Location

KEYS = frozenset({
    "build", "command", "container_name", "depends_on", "deploy", "entrypoint", "env_file", "environment", "expose",
    "extends", "image", "network_mode", "networks", "ports", "profiles", "provider", "restart", "scale", "volumes",
})  # fmt: skip
"""What a mapping must have one of to be taken for a service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that compose refuses, or that cannot be read from here."""

    location: Location
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What one service says of ports. None: it does not say.

    ``cleared`` names what ``!reset`` and ``!override`` take away of an earlier definition; ``whole`` if it is all.
    """

    name: str
    node: Node
    ports: tuple[PortItem, ...] = ()
    expose: tuple[str, ...] = ()
    network_mode: Node | None = None
    networks: tuple[str, ...] | None = None
    profiles: tuple[str, ...] = ()
    scale: Node | None = None
    replicas: Node | None = None
    extends: Node | None = None
    troubles: tuple[Trouble, ...] = ()
    cleared: frozenset[str] = frozenset()
    whole: bool = False


def read_service(name: str, node: Node) -> Service:
    """Read one service of one file, before ``extends`` is followed."""
    troubles: list[Trouble] = []
    if not isinstance(node.data, dict):
        reason = "compose refuses this service: it is no mapping"
        return Service(name=name, node=node, troubles=(Trouble(location=node.key_location, reason=reason),))
    if (provider := node.get("provider")) is not None:
        reason = "a provider outside of compose runs it, and may publish anything"
        troubles.append(Trouble(location=provider.key_location, reason=reason))
    deploy = node.get("deploy")
    return Service(
        name=name,
        node=node,
        ports=tuple(_ports(node.get("ports"), troubles)),
        expose=tuple(_texts(node.get("expose"), troubles)),
        network_mode=node.get("network_mode"),
        networks=_networks(node.get("networks"), troubles),
        profiles=tuple(_texts(node.get("profiles"), troubles)),
        scale=node.get("scale"),
        replicas=None if deploy is None else deploy.get("replicas"),
        extends=node.get("extends"),
        troubles=tuple(troubles),
        cleared=frozenset(_cleared(node)),
        whole=node.tag == OVERRIDE,
    )


def _cleared(node: Node) -> Iterator[str]:
    for key, value in node.fields():
        if value.tag in {RESET, OVERRIDE}:
            yield key
        elif key == "deploy":
            yield from ("replicas" for inner, one in value.fields() if inner == "replicas" and one.tag)


def _ports(node: Node | None, troubles: list[Trouble]) -> Iterator[PortItem]:
    if node is None:
        return
    if not isinstance(node.data, list):
        troubles.append(Trouble(location=node.key_location, reason="compose refuses these ports: they are no list"))
        return
    for item in node.items():
        try:
            yield parse_item(item)
        except RefusedError as error:
            troubles.append(Trouble(location=item.location, reason=f"compose refuses this port: {error}"))


def _texts(node: Node | None, troubles: list[Trouble]) -> list[str]:
    if node is None:
        return []
    try:
        return node.texts()
    except RefusedError as error:
        troubles.append(Trouble(location=node.key_location, reason=f"compose refuses this: {error}"))
        return []


def _networks(node: Node | None, troubles: list[Trouble]) -> tuple[str, ...] | None:
    return None if node is None else tuple(_texts(node, troubles))


def merged(base: Service, over: Service) -> Service:
    """Apply a later definition of a service to an earlier one. Of ``extends``, the earlier one's is done with."""
    if over.whole:
        return over
    kept = _without(base, over.cleared)
    networks = kept.networks
    if over.networks is not None:
        networks = tuple(dict.fromkeys((*(networks or ()), *over.networks)))
    return Service(
        name=over.name,
        node=kept.node,
        ports=unique((*kept.ports, *over.ports)),
        expose=tuple(dict.fromkeys((*kept.expose, *over.expose))),
        network_mode=over.network_mode or kept.network_mode,
        networks=networks,
        profiles=tuple(dict.fromkeys((*kept.profiles, *over.profiles))),
        scale=over.scale or kept.scale,
        replicas=over.replicas or kept.replicas,
        troubles=(*kept.troubles, *over.troubles),
    )


def _without(service: Service, cleared: Iterable[str]) -> Service:
    names = frozenset(cleared)
    if not names:
        return service
    deployed = names & {"deploy", "replicas"}
    return replace(
        service,
        ports=() if "ports" in names else service.ports,
        expose=() if "expose" in names else service.expose,
        network_mode=None if "network_mode" in names else service.network_mode,
        networks=None if "networks" in names else service.networks,
        profiles=() if "profiles" in names else service.profiles,
        scale=None if "scale" in names else service.scale,
        replicas=None if deployed else service.replicas,
    )


def unique(ports: Iterable[PortItem]) -> tuple[PortItem, ...]:
    """Keep of ports that compose takes for one the last."""
    found: dict[object, PortItem] = {}
    for port in ports:
        found[port.key] = port
    return tuple(found.values())


@dataclass(slots=True)
class Model:
    """What one file, or several merged, have: services, networks, and the name of the project."""

    services: dict[str, Service] = field(default_factory=dict)
    networks: dict[str, tuple[Node, ...]] = field(default_factory=dict)
    name: Node | None = None
    troubles: list[Trouble] = field(default_factory=list)

    def add(self, later: Model) -> None:
        """Merge a model read later into this one."""
        for name, service in later.services.items():
            earlier = self.services.get(name)
            self.services[name] = replace(service, extends=None) if earlier is None else merged(earlier, service)
        for name, definitions in later.networks.items():
            clears = any(one.tag == OVERRIDE for one in definitions)
            self.networks[name] = definitions if clears else (*self.networks.get(name, ()), *definitions)
        self.name = later.name or self.name
        self.troubles += later.troubles
