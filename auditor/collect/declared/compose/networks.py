"""What the networks of a service make of its published ports."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from auditor.collect.declared.compose.node import RESET, RefusedError
from auditor.collect.declared.compose.variables import unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.collect.declared.compose.node import Node
    from auditor.collect.declared.compose.service import Model, Service

_TRUE = frozenset({"true", "y", "yes", "on"})
_LAN = frozenset({"macvlan", "ipvlan"})
_GATEWAY_MODE = "com.docker.network.bridge.gateway_mode_ipv"
_DIRECT = frozenset({"nat-unprotected", "routed"})
"""Modes of a bridge in which others reach a container at its own address, without any published port or beside them."""
_BINDING = "com.docker.network.bridge.host_binding_ipv4"


class Reach(Enum):
    """What a network makes of a published port."""

    PUBLISHED = auto()
    NOWHERE = auto()
    """An internal network, or none: nothing is published."""
    HOST = auto()
    """The host's own: whatever listens there listens on the host."""
    LAN = auto()
    """An address of its own beside the host's."""
    UNKNOWN = auto()


class Attachment(NamedTuple):
    """One way in which a service is on the network.

    ``reason`` says why it is not known; ``moved`` that the network may publish on another address where none is given.
    """

    reach: Reach
    reason: str = ""
    moved: bool = False


def attachments(service: Service, model: Model) -> frozenset[Attachment]:
    """Return all ways in which a service is on the network."""
    return frozenset(_attachments(service, model, ()))


def _attachments(service: Service, model: Model, trail: tuple[str, ...]) -> Iterator[Attachment]:
    try:
        mode = service.network_mode.text() if service.network_mode else ""
    except RefusedError as error:
        yield Attachment(Reach.UNKNOWN, f"compose refuses its 'network_mode': {error}")
        return
    kind, _, other = mode.partition(":")
    if names := unset(mode):
        yield Attachment(Reach.UNKNOWN, f"its network depends on {', '.join(names)}, which is not set")
    elif kind == "service" and other:
        yield from _shared(other, model, (*trail, service.name))
    elif kind == "container" and other:
        reason = "it shares the network of a container of which no file says anything"
        yield Attachment(Reach.UNKNOWN, reason)
    elif kind == "ns":
        yield Attachment(Reach.UNKNOWN, "it shares a network namespace of which no file says anything")
    elif mode in {"host", "none"}:
        yield Attachment(Reach.HOST if mode == "host" else Reach.NOWHERE)
    elif mode:
        yield Attachment(Reach.PUBLISHED)
    else:
        for name in service.networks if service.networks is not None else ("default",):
            yield from _network(model.networks.get(name, ()))


def _shared(name: str, model: Model, trail: tuple[str, ...]) -> Iterator[Attachment]:
    """Say what sharing another service's network makes: what the other publishes is told there."""
    other = model.services.get(name)
    if other is None or name in trail:
        yield Attachment(Reach.UNKNOWN, "compose refuses it: there is no such service to share the network of")
        return
    for one in _attachments(other, model, trail):
        yield Attachment(Reach.NOWHERE) if one.reach is Reach.PUBLISHED else one


def _network(definitions: Sequence[Node]) -> Iterator[Attachment]:
    name, driver = _last(definitions, "name"), _last(definitions, "driver")
    if "host" in {name, driver}:
        yield Attachment(Reach.HOST)
    elif "none" in {name, driver} or driver == "null" or (_last(definitions, "internal") or "").lower() in _TRUE:
        yield Attachment(Reach.NOWHERE)
    elif driver in _LAN:
        yield Attachment(Reach.LAN)
    else:
        options = [found for one in definitions if (found := one.get("driver_opts")) is not None]
        modes = {family: _last(options, f"{_GATEWAY_MODE}{family}") for family in "46"}
        if _DIRECT & set(modes.values()):
            yield Attachment(Reach.LAN)
        if modes["4"] != "routed":  # a bridge that only routes publishes nothing on the host
            yield Attachment(Reach.PUBLISHED, moved=any(_BINDING in dict(one.fields()) for one in options))


def _last(definitions: Sequence[Node], key: str) -> str | None:
    """Return what the last definition of a network says; None if none does, or it cannot be read."""
    for node in reversed(definitions):
        for name, value in node.fields():
            if name != key or value.data is None:
                continue
            if value.tag == RESET:
                return None
            try:
                return value.text()
            except RefusedError:
                return None
    return None
