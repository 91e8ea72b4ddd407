"""Containers as every source tells of them, and what they add up to: openings of the host, and what cannot be said."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from auditor.collect.declared.publishing import bound_to
from auditor.model.evidence import Opening, Unknown
from auditor.model.ports import HIGHEST, NO_PORTS, Port, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from auditor.model.location import Location
    from auditor.model.network import NetworkSet

MOST_BINDINGS = 200_000
_SHOWN = 5
_PROTOCOLS = {"tcp": Protocol.TCP, "udp": Protocol.UDP}
_ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104 - as the engine writes it


class Net(Enum):
    """Whose network a container is in."""

    OWN = auto()
    """Its own, or another container's, or none: only what is published reaches it."""
    HOST = auto()
    SHARED = auto()
    """That of another container, which ``shared`` names."""
    UNSAID = auto()


class Run(Enum):
    """Whether a container runs."""

    RUNNING = auto()
    RESTARTING = auto()
    STOPPED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """The host's ports from ``low`` to ``high``, bound at an address: empty for all. ``target`` is the container's."""

    address: str
    low: int
    high: int
    protocol: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container. ``exposed`` names ports that its image mentions; ``odd`` says what of it could not be read."""

    name: str
    identity: str = ""
    run: Run = Run.RUNNING
    net: Net = Net.OWN
    shared: str = ""
    bindings: tuple[Binding, ...] = ()
    exposed: tuple[str, ...] = ()
    odd: str | None = None
    location: Location | None = None


def run_of(state: str) -> Run:
    """Read the engine's word for a container's state; a paused one still takes connections."""
    word = state.strip().lower()
    if word in {"created", "exited", "dead", "stopped", "removing", "configured", "initialized", "removed"}:
        return Run.STOPPED
    return Run.RESTARTING if word == "restarting" else Run.RUNNING


def network_of(mode: str) -> tuple[Net, str]:
    """Read the engine's word for a container's network; with the other container where it shares one's."""
    kind, _, other = mode.partition(":")
    if mode == "host":
        return Net.HOST, ""
    if kind in {"container", "ns"}:
        return (Net.SHARED, other) if kind == "container" else (Net.UNSAID, "")
    return Net.OWN, ""


def openings_of(containers: Sequence[Container]) -> tuple[Opening, ...]:
    """Say what is published. A port on both unspecified addresses is published on all."""
    found: dict[tuple[PortSet, NetworkSet | None], Opening] = {}
    for container in containers:
        if container.run is Run.RUNNING and container.net is not Net.HOST:
            for opening in _openings(container):
                found.setdefault((opening.ports, opening.bind), opening)
    return tuple(found.values())


def _openings(container: Container) -> Iterator[Opening]:
    readable = [one for one in container.bindings if _is_address(one.address)]
    for (low, high, protocol, target), addresses in _grouped(readable).items():
        if protocol not in _PROTOCOLS:
            continue
        everywhere = "" in addresses or addresses >= _ANY
        for address in sorted(addresses - _ANY - {""}) + ([""] if everywhere else sorted(addresses & _ANY)):
            yield Opening(
                port=Port(_PROTOCOLS[protocol], low),
                last=high if high > low else None,
                bind=bound_to(address),
                what=f"container {container.name}, its {target}/{protocol}",
                target=f"{target}/{protocol}",
                location=container.location,
            )


def _grouped(bindings: Iterable[Binding]) -> dict[tuple[int, int, str, str], set[str]]:
    found: dict[tuple[int, int, str, str], set[str]] = {}
    for one in bindings:
        found.setdefault((one.low, one.high, one.protocol, one.target), set()).add(one.address)
    return found


def doubts_of(containers: Sequence[Container], ask: str) -> tuple[Unknown, ...]:
    """Say what is not known. ``ask`` names the source that would know whose network a container is in."""
    hosts = {identity for one in containers if one.net is Net.HOST for identity in (one.identity, one.name)}
    known = {identity for one in containers for identity in (one.identity, one.name) if identity}
    found: list[Unknown] = []
    unsaid: list[Container] = []
    for one in containers:
        if one.run is Run.STOPPED:
            continue
        if one.odd:
            found.append(_unknown(one, one.odd))
        if strange := [binding for binding in one.bindings if not _is_address(binding.address)]:
            found.append(_unknown(one, "publishes ports on something that is no address", _ports(strange)))
        if one.run is Run.RESTARTING:
            ports = _ports(one.bindings)
            found.append(_unknown(one, "is restarting: what it publishes is open whenever it is up", ports))
        if one.net is Net.HOST or (one.net is Net.SHARED and one.shared in hosts):
            hint = f" (its image names {', '.join(one.exposed[:_SHOWN])})" if one.exposed else ""
            found.append(_unknown(one, f"uses the host's network: whatever it listens on is open on the host{hint}"))
        elif one.net is Net.UNSAID or (one.net is Net.SHARED and one.shared not in known):
            unsaid.append(one)
        if others := sorted({binding.protocol for binding in one.bindings} - _PROTOCOLS.keys()):
            found.append(_unknown(one, f"publishes ports over {', '.join(others)}, of which policies cannot speak"))
    if unsaid:
        names = ", ".join(one.name for one in unsaid[:_SHOWN]) + (", …" if len(unsaid) > _SHOWN else "")
        reason = f"this does not say whether containers use the host's network: {names}; {ask} does"
        found.append(Unknown(ports=NO_PORTS, reason=reason))
    return tuple(found)


def _unknown(container: Container, what: str, ports: PortSet = NO_PORTS) -> Unknown:
    place = container.location
    at = f"{place.file}:{place.line}: " if place else ""
    return Unknown(ports=ports, reason=f"{at}container {container.name} {what}")


def _is_address(text: str) -> bool:
    try:
        bound_to(text)
    except ValueError:
        return False
    return True


def _ports(bindings: Iterable[Binding]) -> PortSet:
    ports = NO_PORTS
    for one in bindings:
        if one.protocol in _PROTOCOLS:
            ports |= PortSet.span(one.low, one.high, _PROTOCOLS[one.protocol])
    return ports


def is_port(number: object) -> bool:
    """Whether it is a port that something can be bound to."""
    return isinstance(number, int) and not isinstance(number, bool) and 0 < number <= HIGHEST
