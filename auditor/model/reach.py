"""How far an exposure reaches, in sets, so that two audits can tell whether it grew. No I/O.

Each kind of evidence speaks for itself: a probe shows at which addresses a port answers, a socket table on which ones
it listens, a file to whom it will be published. None of them can vouch for what another one did not say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.model.evidence import Kind, Way
from auditor.model.network import EVERYWHERE, LOOPBACK, NetworkSet, parse_address
from auditor.model.ports import NO_PORTS, PortSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from auditor.model.evidence import Opening, Socket
    from auditor.model.network import Address

_IPV4 = NetworkSet.parse("0.0.0.0/0")
_IPV6 = EVERYWHERE - _IPV4
_MOST = 10_000
_SHOWN = 3
_TARGET = re.compile(r"(?:\[[^\]]*\]|[^:\s]*):(\d[\d-]*)")

_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})/.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Ports, who may come to them, and the host's addresses at which they are: every combination of the three.

    ``sources`` and ``at`` are everywhere where the evidence sets no limit. ``way`` is of declared evidence. ``group``
    names sources that a file does not give as networks: nobody else may come, and they are inside ``sources``.
    ``behind`` is what answers there, where it is known: the service that a probe spoke to, or the port to which what
    arrives is sent on (``6379/tcp``, of a range ``10 ports higher``). The address it is sent to is no part of it:
    containers get another with each start.
    """

    kind: Kind
    way: Way | None = None
    ports: PortSet = NO_PORTS
    sources: NetworkSet = EVERYWHERE
    at: NetworkSet = EVERYWHERE
    group: str | None = None
    behind: str | None = None

    @property
    def who(self) -> str:
        """``everyone``, ``10.0.0.0/8``, ``members of app in 10.0.0.0/8``: who may come, the first few networks."""
        everyone = self.sources >= _IPV4 or self.sources >= _IPV6
        if self.group is None:
            return "everyone" if everyone else _shown(self.sources)
        return self.group if everyone else f"{self.group} in {_shown(self.sources)}"

    @property
    def where(self) -> str:
        """``all addresses``, ``192.0.2.10``: at which addresses of the host, the first few networks."""
        return "all addresses" if self.at == EVERYWHERE else _shown(self.at)


def grown(now: Iterable[Reach], before: Iterable[Reach]) -> tuple[Reach, ...]:
    """Return what of ``now`` lies outside of all that was ``before``; nothing if nothing grew.

    Where both sides know what is behind a port, and it is another, it lies outside; else it may be the same.
    Where the two are too tangled to be told apart in bounded time, all of it is said to have grown.
    """
    earlier = joined(before)
    return tuple(left for one in joined(now) for left in _beyond_all(one, earlier))


def joined(reaches: Iterable[Reach]) -> tuple[Reach, ...]:
    """Say the same in few parts, in an order of their own: those that differ in one of the three sets are one."""
    found = list(reaches)
    for name in ("sources", "at", "ports"):
        found = list(_united(found, name))
    return tuple(sorted(found, key=_order))


def declared_reach(opening: Opening, ports: PortSet, sources: NetworkSet | None = None) -> Reach:
    """Return how far an opening makes these of its ports reach; ``sources`` if some of its own cannot come at all."""
    given = opening.sources if sources is None else sources
    return Reach(
        kind=Kind.DECLARED,
        way=opening.way,
        ports=ports,
        sources=EVERYWHERE if given is None else given,
        at=EVERYWHERE if opening.bind is None else opening.bind,
        group=opening.group,
        behind=_behind(opening),
    )


def _behind(opening: Opening) -> str | None:
    """Return the port that an opening leads to; of a range, how far each port is led away, however long the range."""
    if opening.target is None or opening.last is None:
        return opening.target
    found = _RANGE.fullmatch(opening.target)
    if found is None or int(found[2]) - int(found[1]) != opening.last - opening.port.number:
        return opening.target
    shift = int(found[1]) - opening.port.number
    return f"{abs(shift)} ports {'higher' if shift > 0 else 'lower'}" if shift else "the same ports"


def socket_reach(socket: Socket) -> Reach:
    """Return how far a listening socket reaches."""
    targets = sorted(set(_TARGET.findall(socket.forwards or "")))
    behind = "".join((",".join(targets), "/", socket.port.protocol.value)) if targets else None
    return Reach(kind=Kind.SOCKETS, ports=PortSet.of(socket.port), at=_heard_on(socket), behind=behind)


def probe_reach(
    ports: PortSet, address: str | None, literal: NetworkSet = EVERYWHERE, behind: str | None = None
) -> Reach:
    """Return how far ports reach that answer at an address.

    One outside ``literal``, the addresses that the policy spells out, came from a name and may be another one tomorrow:
    it stands for its whole family.
    """
    try:
        found = None if address is None else parse_address(address.partition("%")[0])
    except ValueError:
        found = None
    if found is None:
        return Reach(kind=Kind.PROBE, ports=ports, behind=behind)
    at = NetworkSet.of(found) if found in literal else _family(found)
    return Reach(kind=Kind.PROBE, ports=ports, at=at, behind=behind)


def bound_to(socket: Socket) -> NetworkSet:
    """Return the addresses that a socket listens on; what cannot be read counts as all of them."""
    text = socket.address.strip("[]").partition("%")[0]
    try:
        address = parse_address(text)
    except ValueError:
        address = None
    if socket.interface == "lo" or (address is not None and address in LOOPBACK):
        return LOOPBACK if address is None or address.is_unspecified else NetworkSet.of(address)
    if address is None or address.is_unspecified:
        return EVERYWHERE
    return NetworkSet.of(address)


def _shown(networks: NetworkSet) -> str:
    items = str(networks).split(",")
    return ", ".join(items[:_SHOWN]) + (", …" if len(items) > _SHOWN else "")


def _heard_on(socket: Socket) -> NetworkSet:
    """Return the same, with the families told apart: ``0.0.0.0`` is not heard over IPv6."""
    bound = bound_to(socket)
    if socket.dual_stack or bound != EVERYWHERE:
        return bound
    return _IPV4 if socket.address.strip("[]").partition("%")[0] == "0.0.0.0" else bound  # noqa: S104 - read, not bound


def _family(address: Address) -> NetworkSet:
    return _IPV4 if address.version == 4 else _IPV6


def _united(reaches: Iterable[Reach], name: str) -> Iterator[Reach]:
    """Join those that differ in the set of this name alone."""
    found: dict[Reach, list[Reach]] = {}
    blank = {"sources": EVERYWHERE, "at": EVERYWHERE, "ports": NO_PORTS}[name]
    for one in reaches:
        found.setdefault(replace(one, **{name: blank}), []).append(one)  # type: ignore[arg-type]
    for alike, parts in found.items():
        whole = type(blank).union(getattr(one, name) for one in parts)
        yield replace(alike, **{name: whole})  # type: ignore[arg-type]


def _order(one: Reach) -> tuple[str, ...]:
    way = one.way.value if one.way else ""
    return one.kind.value, way, str(one.ports), one.group or "", str(one.sources), str(one.at), one.behind or ""


def _beyond_all(one: Reach, earlier: Sequence[Reach]) -> Iterable[Reach]:
    left = [one]
    for other in earlier:
        if (one.kind, one.way) != (other.kind, other.way) or other.group not in (None, one.group):
            continue
        if one.behind != other.behind and None not in (one.behind, other.behind):
            continue
        left = [part for whole in left for part in _beyond(whole, other)]
        if len(left) > _MOST:
            return [one]
    return left


def _beyond(one: Reach, other: Reach) -> Iterator[Reach]:
    """Cut one box out of another: the ports outside, then of the rest the sources, then of the rest the addresses."""
    ports, sources, at = one.ports & other.ports, one.sources & other.sources, one.at & other.at
    if not ports or not sources or not at:
        yield one
        return
    if outside := one.ports - ports:
        yield replace(one, ports=outside)
    if strangers := one.sources - sources:
        yield replace(one, ports=ports, sources=strangers)
    if elsewhere := one.at - at:
        yield replace(one, ports=ports, sources=sources, at=elsewhere)
