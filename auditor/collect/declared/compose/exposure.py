"""What the services of a project publish on the host: openings, and what cannot be said, with the reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.collect.declared.compose.networks import Attachment, Reach, attachments
from auditor.collect.declared.compose.node import RefusedError
from auditor.collect.declared.publishing import EPHEMERAL, bound_to
from auditor.model.evidence import Opening, Unknown
from auditor.model.network import LOOPBACK
from auditor.model.ports import NO_PORTS, Port, PortSet, Protocol

if TYPE_CHECKING:
    from auditor.collect.declared.compose.ports import PortItem
    from auditor.collect.declared.compose.service import Model, Service
    from auditor.model.location import Location

_MOST_CONTAINERS = 65535
_LONGEST_HINT = 200


@dataclass(slots=True)
class Exposure:
    """What a project publishes, and what nobody can say, each with the name of the file that it stands in."""

    openings: list[tuple[str, Opening]] = field(default_factory=list)
    unknown: list[tuple[str, Unknown]] = field(default_factory=list)

    def publish(self, location: Location, opening: Opening) -> None:
        """Note a port that is published."""
        self.openings.append((location.file, opening))

    def leave_open(self, location: Location, reason: str, ports: PortSet = NO_PORTS) -> None:
        """Note what cannot be said, with the place that is to blame; without ports it may be any."""
        at = f"{location.file}:{location.line}" if location.line else location.file
        self.unknown.append((location.file, Unknown(ports=ports, reason=f"{at}: {reason}")))


def exposure(model: Model, profiles: frozenset[str] | None) -> Exposure:
    """Say what is published. ``profiles`` are the active ones; None if nobody has said which."""
    found = Exposure()
    for trouble in model.troubles:
        found.leave_open(trouble.location, trouble.reason)
    for service in model.services.values():
        if not service.profiles or (profiles is not None and _is_active(service, profiles)):
            _service(found, service, model)
        elif profiles is None:
            _doubted(found, service, model)
    return found


def _is_active(service: Service, profiles: frozenset[str]) -> bool:
    return "*" in profiles or not profiles.isdisjoint(service.profiles)


def _doubted(found: Exposure, service: Service, model: Model) -> None:
    """Note what a service may publish: nobody has said which profiles are used."""
    own = Exposure()
    _service(own, service, model)
    profile = "the profile " + " or ".join(service.profiles)
    for file, opening in own.openings:
        if opening.bind is not None and opening.bind <= LOOPBACK:
            found.openings.append((file, opening))
        else:
            location = opening.location or service.node.location
            reason = f"published with {profile} alone, and COMPOSE_PROFILES does not say whether that is used"
            found.leave_open(location, reason, opening.ports)
    found.unknown += own.unknown


def _service(found: Exposure, service: Service, model: Model) -> None:
    for trouble in service.troubles:
        found.leave_open(trouble.location, f"service {service.name}: {trouble.reason}")
    count = _containers(service)
    if not count:
        return
    for attachment in sorted(attachments(service, model), key=_order):
        _attached(found, service, attachment, count)


def _order(attachment: Attachment) -> tuple[int, str, bool]:
    return (attachment.reach.value, attachment.reason, attachment.moved)


def _attached(found: Exposure, service: Service, attachment: Attachment, count: int) -> None:
    place = (service.network_mode or service.node).key_location
    name = f"service {service.name}"
    match attachment.reach:
        case Reach.PUBLISHED:
            for item in service.ports:
                _publish(found, service, item, count, moved=attachment.moved)
        case Reach.NOWHERE:
            pass
        case Reach.HOST:
            what = f"{name} uses the host's network: whatever it listens on is open on the host{_hints(service)}"
            found.leave_open(place, what)
        case Reach.LAN:
            what = f"{name} has an address of its own beside the host's: whatever it listens on is open there"
            found.leave_open(place, f"{what}{_hints(service)}")
        case Reach.UNKNOWN:
            found.leave_open(place, f"{name}: {attachment.reason}")


def _hints(service: Service) -> str:
    """Name the ports that the file mentions, where everything that listens counts."""
    named = ", ".join(dict.fromkeys((*service.expose, *(item.target for item in service.ports))))
    return f" (the file names {named})" if named and len(named) <= _LONGEST_HINT and named.isprintable() else ""


def _containers(service: Service) -> int:
    """How many containers are started; 1 where nobody can say."""
    for node in (service.scale, service.replicas):
        if node is not None:
            try:
                return min(int(node.text()), _MOST_CONTAINERS)
            except (RefusedError, ValueError):
                return 1
    return 1


def _publish(found: Exposure, service: Service, item: PortItem, count: int, *, moved: bool) -> None:
    known = PortSet.of() if item.low is None or item.high is None else _ports(item, item.low, item.high)
    name = f"service {service.name}"
    if item.protocol == "sctp":
        found.leave_open(item.location, f"{name} publishes a port over SCTP, of which policies cannot speak")
    elif item.missing:
        needed = ", ".join(item.missing)
        refuses = ", and compose does not start without it" if item.required else ""
        found.leave_open(item.location, f"{name}: its port depends on {needed}, which is not set{refuses}", known)
    elif moved and not item.address:
        reason = f"{name} is published on an address that an option of its network sets"
        found.leave_open(item.location, reason, known)
    else:
        _settled(found, name, item, count, known)


def _ports(item: PortItem, low: int, high: int) -> PortSet:
    if not high:
        low, high = EPHEMERAL
    protocols = (Protocol.TCP, Protocol.UDP) if item.unknown_protocol else (_protocol(item),)
    ports = NO_PORTS
    for protocol in protocols:
        ports |= PortSet.span(max(low, 1), high, protocol)
    return ports


def _protocol(item: PortItem) -> Protocol:
    return Protocol.UDP if item.protocol == "udp" else Protocol.TCP


def _settled(found: Exposure, name: str, item: PortItem, count: int, ports: PortSet) -> None:
    """Note an item that no variable leaves open."""
    low, high = item.low or 0, item.high or 0
    bind = bound_to(item.address)
    target, location = f"{item.target}/{item.protocol}", item.location
    what = f"{name}, its {target}"
    local = bind is not None and bind <= LOOPBACK
    if not high:
        if local:  # seen by nobody else: told as a range, for policies that speak of the loopback
            first, last = EPHEMERAL
            chosen = f"{what}, on one of these that the engine chooses"
            port = Port(_protocol(item), first)
            opening = Opening(port=port, last=last, bind=bind, what=chosen, target=target, location=location)
            found.publish(location, opening)
        else:
            found.leave_open(location, f"{name} publishes {item.target} on a port that the engine chooses", ports)
        return
    last = high if item.each else min(low + count - 1, high)
    first = max(low, 1)
    opening = Opening(
        port=Port(_protocol(item), first),
        last=last if last > first else None,
        bind=bind,
        what=what if item.each else f"{what}, on the first free of {low}-{high}",
        target=target,
        location=location,
    )
    found.publish(location, opening)
    if last < high and not local:
        reason = f"{name} takes the first free of {low}-{high}: it may be this one"
        found.leave_open(location, reason, PortSet.span(last + 1, high, _protocol(item)))
