"""Then and now: two pieces of evidence of one kind, host by host. A change of what was asked is no change.

Subjects are the same if their addresses are, or their names where they have none. What one look did not ask, or could
not tell, is never closed and never new: it is in doubt, and said so. What was not open and is not known any more may
have opened: in doubt as well. What was not known and is known now, and not open, is no change.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from auditor.errors import UsageError
from auditor.model.drift import Change, Drift, Moved, Replaced, Spread
from auditor.model.evidence import Kind, Scope
from auditor.model.findings import EvidenceUsed
from auditor.model.network import parse_address
from auditor.model.ports import ALL_TCP, ALL_UDP, NO_PORTS, Port, PortSet
from auditor.model.reach import declared_reach, grown, joined, socket_reach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model.evidence import Evidence, Observation
    from auditor.model.reach import Reach

_EVERY_PORT = ALL_TCP | ALL_UDP
_SHOWN = 3
_Key = tuple[str, str | None]


@dataclass(slots=True)
class _Seen:
    """What one look knows of one subject. ``shut`` is closed or filtered, it may not be known which."""

    name: str
    open: PortSet = NO_PORTS
    closed: PortSet = NO_PORTS
    filtered: PortSet = NO_PORTS
    shut: PortSet = NO_PORTS
    services: dict[Port, set[str]] = field(default_factory=dict)
    reach: list[Reach] = field(default_factory=list)
    doubt: PortSet = NO_PORTS
    """Ports of which more may be true than the evidence could tell."""

    @property
    def not_open(self) -> PortSet:
        return (self.closed | self.filtered | self.shut) - self.open

    @property
    def known(self) -> PortSet:
        return self.open | self.not_open


def drift(before: Evidence, now: Evidence) -> Drift:
    """Read two pieces of evidence to their ends and compare them.

    :raises UsageError: they are of different kinds, or were seen from different places.
    :raises EvidenceError: one of them cannot be read.
    """
    if before.origin.kind is not now.origin.kind:
        raise UsageError(
            f"{before.origin.source} is {before.origin.kind.value} evidence, and {now.origin.source} is"
            f" {now.origin.kind.value} evidence: only like can be compared"
        )
    earlier, later = _read(before), _read(now)
    places = ({vantage for _, vantage in one} - {None} for one in (earlier, later))
    then, today = (", ".join(sorted(filter(None, one))) for one in places)
    if then and today and then != today:
        raise UsageError(f"{before.origin.source} was seen from {then}, and {now.origin.source} from {today}")
    return Drift(
        before=EvidenceUsed(origin=before.origin, completion=before.completion),
        now=EvidenceUsed(origin=now.origin, completion=now.completion),
        compared=sum(bool(earlier[key].known and later[key].known) for key in earlier.keys() & later.keys()),
        changes=tuple(_ordered(_changes(earlier, later))),
        came=tuple(_ordered(_alone(later, earlier, came=True))),
        gone=tuple(_ordered(_alone(earlier, later, came=False))),
    )


def _read(evidence: Evidence) -> dict[_Key, _Seen]:
    found: dict[_Key, _Seen] = {}
    for observation in evidence:
        vantage = observation.vantage or evidence.origin.vantage
        key = (_identity(observation, evidence.origin.host), vantage)
        seen = found.setdefault(key, _Seen(name=_name(observation, evidence.origin.host)))
        _ADD[evidence.origin.kind](seen, observation)
    if not evidence.completion.complete and evidence.origin.kind is not Kind.PROBE:
        for seen in found.values():  # a table or file that was cut short does not say what is not there
            seen.shut, seen.doubt = NO_PORTS, _EVERY_PORT
    return found


def _identity(observation: Observation, host: str | None) -> str:
    if observation.address is not None:
        text, _, zone = observation.address.partition("%")
        try:
            return f"{parse_address(text)}%{zone}" if zone else str(parse_address(text))
        except ValueError:
            return observation.address
    return (observation.host or next(iter(observation.names), None) or host or "").rstrip(".").lower()


def _name(observation: Observation, host: str | None) -> str:
    name = observation.host or next(iter(observation.names), None) or host
    if observation.address is None or name in (None, observation.address):
        return observation.address or name or "this machine"
    return f"{name} ({observation.address})"


def _add_probe(seen: _Seen, observation: Observation) -> None:
    seen.open |= observation.open
    seen.closed |= observation.closed
    seen.filtered |= observation.filtered
    seen.shut |= observation.closed_filtered
    for one in observation.services:
        if one.method == "probed":
            inside = f"{one.service} in TLS" if one.tls and one.service != "tls" else one.service
            words = (inside, one.product, one.version)
            seen.services.setdefault(one.port, set()).add(" ".join(filter(None, words)))


def _add_sockets(seen: _Seen, observation: Observation) -> None:
    reached = [one for one in observation.sockets if one.scope is Scope.NETWORK and one.netns is None]
    seen.open |= PortSet.of(*{one.port for one in reached if not one.client})
    doubt = PortSet.of(*{one.port for one in reached if one.client})
    for unknown in observation.unknown:
        doubt |= unknown.ports
    seen.shut |= observation.asked - doubt
    seen.doubt |= doubt
    seen.reach += [replace(socket_reach(one), behind=None) for one in reached if not one.client]
    for one in reached:
        if one.process or one.forwards:
            who = one.process or "address translation"
            seen.services.setdefault(one.port, set()).add(f"{who} to {one.forwards}" if one.forwards else who)


def _add_declared(seen: _Seen, observation: Observation) -> None:
    doubt = NO_PORTS
    for opening in observation.openings:
        seen.open |= opening.ports
        reach = declared_reach(opening, opening.ports)
        seen.reach.append(replace(reach, behind=None))
        for port in opening.ports if reach.behind else ():
            seen.services.setdefault(port, set()).add(reach.behind or "")
    for unknown in observation.unknown:
        doubt |= unknown.ports or _EVERY_PORT
    seen.doubt |= doubt
    seen.shut = _EVERY_PORT - seen.doubt


_ADD = {Kind.PROBE: _add_probe, Kind.SOCKETS: _add_sockets, Kind.DECLARED: _add_declared}


def _changes(earlier: dict[_Key, _Seen], later: dict[_Key, _Seen]) -> Iterator[Change]:
    for key in earlier.keys() & later.keys():
        before, now = earlier[key], later[key]
        more, less = _spread(before, now), _spread(now, before)
        change = Change(
            name=now.name,
            vantage=key[1],
            opened=now.open & before.not_open,
            shut=before.open & now.not_open,
            moved=tuple(_moved(before, now)),
            replaced=tuple(_replaced(before, now)),
            widened=tuple(_told(more - before.doubt, before, now)),
            narrowed=tuple(_told(less - more - now.doubt, before, now)),
            unasked=(now.open - before.known) | (more & before.doubt),
            unseen=(before.open - now.known) | (less & now.doubt),
            lost=before.not_open - now.known,
        )
        if change.is_drift or change.is_doubt:
            yield change


def _moved(before: _Seen, now: _Seen) -> Iterator[Moved]:
    ways = (("filtered", "closed"), ("closed", "filtered"))
    for then, today in ways:
        was = getattr(before, then) - before.open
        is_now = getattr(now, today) - now.open
        if ports := (was & is_now) - getattr(before, today) - getattr(now, then):
            yield Moved(ports=ports, before=then, now=today)


def _spread(before: _Seen, now: _Seen) -> PortSet:
    """Return the ports, open in both, that reach further now."""
    return PortSet.union(part.ports for part in grown(now.reach, before.reach)) & before.open & now.open


def _told(ports: PortSet, before: _Seen, now: _Seen) -> Iterator[Spread]:
    """Cut the ports where the two sides speak differently of them."""
    alike = [ports] if ports else []
    for one in (*before.reach, *now.reach):
        alike = [part for whole in alike for part in (whole - one.ports, whole & one.ports) if part]
    told: dict[tuple[str, str], PortSet] = {}
    for part in alike:
        words = _words(before.reach, part), _words(now.reach, part)
        told[words] = told.get(words, NO_PORTS) | part
    for (then, today), found in told.items():
        yield Spread(ports=found, before=then, now=today)


def _words(reaches: list[Reach], ports: PortSet) -> str:
    """``published to everyone at 192.0.2.10``, ``listening at all addresses``."""
    said = [
        f"{one.way.value} to {one.who} at {one.where}" if one.way else f"listening at {one.where}"
        for one in joined(replace(one, ports=ports) for one in reaches if not one.ports.isdisjoint(ports))
    ]
    return "; ".join(said[:_SHOWN]) + ("; …" if len(said) > _SHOWN else "")


def _replaced(before: _Seen, now: _Seen) -> Iterator[Replaced]:
    for port in sorted(before.services.keys() & now.services.keys()):
        then, today = before.services[port], now.services[port]
        if then != today and port in before.open and port in now.open:
            yield Replaced(port=port, before=", ".join(sorted(then)), now=", ".join(sorted(today)))


def _alone(one: dict[_Key, _Seen], other: dict[_Key, _Seen], *, came: bool) -> Iterator[Change]:
    for key in one.keys() - other.keys():
        seen = one[key]
        if seen.known:
            yield Change(
                name=seen.name,
                vantage=key[1],
                unasked=seen.open if came else NO_PORTS,
                unseen=NO_PORTS if came else seen.open,
                lost=NO_PORTS if came else seen.not_open,
            )


def _ordered(changes: Iterator[Change]) -> list[Change]:
    return sorted(changes, key=lambda change: (change.name, change.vantage or ""))
