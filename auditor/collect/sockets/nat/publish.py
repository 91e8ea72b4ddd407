"""From what address translation takes to what of it listens to the network: sockets that are none. No I/O.

A port that is sent to another address is open, whoever may answer there. One that is sent to this host itself is open
only where somebody takes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING

from auditor.collect.sockets.making import order
from auditor.collect.sockets.nat.rules import IPV4, IPV6
from auditor.collect.sockets.proxies import is_proxy
from auditor.model.evidence import Scope, Socket, Unknown
from auditor.model.network import LOOPBACK, NOWHERE, NetworkSet, parse_address
from auditor.model.ports import NO_PORTS, PortSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from auditor.collect.sockets.nat.reading import Translation
    from auditor.collect.sockets.nat.rules import Reach, Taken, Target
    from auditor.model.evidence import Container
    from auditor.model.ports import Port

WIDE = 1024
"""So many ports of one rule are open by it; more are a rule that does not speak of ports, and nobody knows which."""

_ADDRESSES_SHOWN = 16
_TARGETS_SHOWN = 3
_FAMILIES = ((IPV4, "0.0.0.0", "127.0.0.1"), (IPV6, "::", "::1"))  # noqa: S104 - told, not bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What listens in other network namespaces, and the addresses that each calls its own."""

    sockets: Sequence[Socket] = ()
    places: Mapping[str, NetworkSet] = field(default_factory=dict)

    def at(self, address: str | None, port: Port) -> Iterator[Socket]:
        """Yield who listens on a port of an address there."""
        wanted = _network(address)
        inside = {name for name, own in self.places.items() if wanted and wanted <= own}
        for each in self.sockets:
            if each.netns in inside and each.port == port and each.scope is Scope.NETWORK and _covers(each, wanted):
                yield each

    def container_at(self, address: str) -> Container | None:
        """Return whose address it is, whether or not it listens there; None for nobody's, or that of several."""
        wanted = _network(address)
        inside = {name for name, own in self.places.items() if wanted and wanted <= own}
        found = {each.container for each in self.sockets if each.netns in inside and each.container}
        return found.pop() if len(found) == 1 else None


@dataclass(slots=True, kw_only=True)
class Published:
    """The host's own sockets, completed by what translation and proxies tell, and what stays unknown."""

    sockets: list[Socket]
    unknown: list[Unknown] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def published(
    found: Translation, own: Sequence[Socket], elsewhere: Elsewhere, asked: PortSet, *, routes_loopback: bool
) -> Published:
    """Add what translation opens to the host's own sockets.

    ``routes_loopback``: the kernel lets packets from outside be sent to loopback (``net.ipv4.conf.*.route_localnet``).
    """
    made: dict[tuple[Port, str, str | None], _Opened] = {}
    whole = Published(sockets=[])
    strangers = 0
    for taken in found.taken:
        ports = taken.reach.ports & asked
        addresses = list(_addresses(taken.reach, found.own))
        strangers += bool(ports) and not addresses
        if not ports or not addresses:
            continue
        receivers = partial(_receivers, taken, own, elsewhere, found.own, routes_loopback=routes_loopback)
        if len(ports) > WIDE:
            if not _only_inside(taken.reach, addresses) and receivers(next(iter(ports))):
                whole.unknown += _wide(taken, ports, own)
            continue
        for port in ports:
            for receiver in receivers(port):
                for address in addresses:
                    key = port, address, receiver.process if receiver else None
                    made.setdefault(key, _Opened(taken.reach.inner)).add(taken.target, receiver)
    whole.sockets += _merged(own, made)
    if strangers:
        whole.notes.append(f"rules of address translation (NAT) for addresses that are not this host's: {strangers}")
    return whole


def completed(
    found: Translation, own: Sequence[Socket], elsewhere: Elsewhere, asked: PortSet, *, routes_loopback: bool
) -> Published:
    """Complete the host's own sockets as :func:`published` does, in order, and name who is behind each.

    Ports on which nobody listens are unknown where a part of the translation could not be read.
    """
    if not found.taken and not found.unread:
        return Published(sockets=list(_named(own, elsewhere)))
    whole = published(found, own, elsewhere, asked, routes_loopback=routes_loopback)
    whole.sockets = sorted(_named(whole.sockets, elsewhere), key=order)
    if silent := asked - PortSet.of(*{each.port for each in whole.sockets}):
        whole.unknown += (
            Unknown(ports=silent, reason=f"{reason}: they may publish ports that nobody listens on")
            for reason in found.unread
        )
    return whole


def each_once(unknown: Iterable[Unknown]) -> Iterator[Unknown]:
    """Leave each port to the first reason given for it."""
    claimed = NO_PORTS
    for each in unknown:
        if left := each.ports - claimed:
            yield Unknown(ports=left, reason=each.reason)
        claimed |= each.ports


def _named(held: Iterable[Socket], elsewhere: Elsewhere) -> Iterator[Socket]:
    """Name the container behind each port that is sent to its address, where nothing else has told it."""
    for each in held:
        container = None
        if each.forwards and each.container is None:
            container = elsewhere.container_at(each.forwards.rpartition(":")[0].strip("[]"))
        yield replace(each, container=container) if container else each


@dataclass(slots=True)
class _Opened:
    """A port of an address that translation takes, and all that it may be sent to."""

    inner: bool
    targets: dict[str, None] = field(default_factory=dict)
    receivers: dict[Socket, None] = field(default_factory=dict)

    def add(self, target: Target, receiver: Socket | None) -> None:
        self.targets[str(target)] = None
        if receiver:
            self.receivers[receiver] = None

    @property
    def forwards(self) -> str:
        shown = ", ".join(list(self.targets)[:_TARGETS_SHOWN])
        more = len(self.targets) - _TARGETS_SHOWN
        return f"{shown} and {more} more" if more > 0 else shown

    def socket(self, port: Port, address: str) -> Socket:
        first = next(iter(self.receivers), None)
        return Socket(
            port=port,
            address=address,
            scope=Scope.LOOPBACK if self.inner or parse_address(address) in LOOPBACK else Scope.NETWORK,
            process=first.process if first else None,
            pid=first.pid if first else None,
            user=first.user if first else None,
            unit=first.unit if first else None,
            container=first.container if first else None,
            shared_by=max(1, sum(each.shared_by for each in self.receivers)),
            forwards=self.forwards,
            nat=True,
        )


def _addresses(reach: Reach, mine: NetworkSet) -> Iterator[str]:
    """Yield the host's addresses that a rule is about, as sockets are bound to them; none for others' addresses."""
    for family, every, loopback in _FAMILIES:
        to = reach.to & family
        outer = (mine & family) - LOOPBACK
        if to == family or (outer and outer <= to):
            yield every
            continue
        yield from map(str, islice(chain.from_iterable((to & outer).networks()), _ADDRESSES_SHOWN))
        if to & LOOPBACK:
            yield loopback


def _only_inside(reach: Reach, addresses: Iterable[str]) -> bool:
    return reach.inner or all(parse_address(address) in LOOPBACK for address in addresses)


def _wide(taken: Taken, ports: PortSet, own: Iterable[Socket]) -> Iterator[Unknown]:
    """Say of which ports nobody knows whether they are open; those that somebody listens on are known."""
    left = ports - PortSet.of(*{each.port for each in own if each.scope is Scope.NETWORK and not each.client})
    if left:
        reason = f"address translation (NAT) sends them on to {taken.target}, and nobody looked there"
        yield Unknown(ports=left, reason=reason)


def _receivers(
    taken: Taken,
    own: Sequence[Socket],
    elsewhere: Elsewhere,
    mine: NetworkSet,
    port: Port,
    *,
    routes_loopback: bool,
) -> Sequence[Socket | None]:
    """Return who takes what arrives: None for somebody out of sight; nothing where it is sent to nobody."""
    target, inner = taken.target, taken.reach.inner
    wanted = _network(target.address)
    number = _port_of(target, port)
    if target.address is not None and not (wanted and wanted <= mine):
        there = list(elsewhere.at(target.address, number)) if number else []
        return there or [None]
    if wanted and wanted <= LOOPBACK and not (routes_loopback or inner):
        return []
    if number is None:  # one of several ports of our own
        return [None]
    heard = [each for each in own if each.port == number and not each.client]
    if target.transparent:
        return heard
    if wanted:
        return [each for each in heard if _covers(each, wanted)]
    return [each for each in heard if (each.scope is Scope.NETWORK or inner) and number != port]


def _port_of(target: Target, port: Port) -> Port | None:
    """Return the port that packets are sent to; None where it is one of several."""
    if target.port is None:
        return port
    if not target.port.isdigit():
        return None
    return type(port)(port.protocol, int(target.port))


def _merged(own: Sequence[Socket], made: Mapping[tuple[Port, str, str | None], _Opened]) -> Iterator[Socket]:
    """Yield all of them. A proxy that stands at the same port of the same address is one thing with the rule."""
    rules = {key[:2]: opened for key, opened in made.items()}
    proxied = set()
    for each in own:
        opened = rules.get((each.port, each.address)) if is_proxy(each.process) else None
        if opened is None or each.forwards not in (None, opened.forwards):
            yield each
            continue
        proxied.add((each.port, each.address))
        first = next(iter(opened.receivers), None)
        container = each.container or (first.container if first else None)
        yield replace(each, forwards=opened.forwards, container=container)
    for (port, address, _), opened in made.items():
        if (port, address) not in proxied:
            yield opened.socket(port, address)


def _covers(each: Socket, wanted: NetworkSet) -> bool:
    address = parse_address(each.address)
    return address.is_unspecified or NetworkSet.of(address) <= wanted


def _network(address: str | None) -> NetworkSet:
    """Read one address; nowhere for none, or for a list of them."""
    try:
        return NetworkSet.of(parse_address(address)) if address else NOWHERE
    except ValueError:
        return NOWHERE
