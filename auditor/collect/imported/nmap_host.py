"""What one ``<host>`` of an nmap file says, and what it leaves open: from nmap's words to port sets. No I/O.

nmap lists some ports one by one and sums up the rest (``<extraports>``), naming them since version 7.92 only. What it
sums up without naming is taken over where only one reading is possible; otherwise those ports stay unknown.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.model.evidence import NO_ANSWER, Observation, ServiceSeen, State, Unknown
from auditor.model.ports import NO_PORTS, Port, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

ASSUMED_UP = ("user-set", "")
"""Reasons for ``up`` that are no answer: -Pn told nmap to take the host for alive, or nothing is said."""

_SILENCE = ("no-response", "no-route", "no-ipid-change")
"""Reasons for ``filtered`` and ``closed|filtered`` that are no answer; over many ports nmap writes the plural."""

_FROM_ROUTERS = (
    *("admin-prohibited", "host-prohibited", "net-prohibited", "comm-prohibited", "reject-route", "failed-policy"),
    *("host-unreach", "net-unreach", "addr-unreach", "dest-unreach", "proto-unreach", "beyond-scope"),
    *("time-exceeded", "source-quench", "param-problem"),
)
"""Reasons for ``filtered`` that any router on the way may give, in the name of a host that is not there (RFC 1812)."""

_PORT_UNREACHABLE = "port-unreach"
"""The host's own word, unless nmap says that somebody else sent it (RFC 1122 section 3.2.2.1)."""

UNNAMED = "?"
"""The sender of what nmap sums up over many ports: it could be anybody, and nmap does not say who."""

_PROOF_OF_LIFE = ("open", "closed", "unfiltered")

_SHOWN = 5

_TWICE = "listed twice"

_UNSETTLED = {
    _TWICE: "nmap lists them in two states",
    "unfiltered": "unfiltered: an ACK scan cannot tell open from closed",
    "": "nmap names no state",
}

_KNOWN = frozenset(state.value for state in State)

_NO_SERVICE = ("", "unknown", "tcpwrapped")
"""``tcpwrapped``: the connection was closed without a word, so nothing is known of the service."""


@dataclass(slots=True, kw_only=True)
class Extra:
    """One ``<extraports>``: so many ports in one state; ``named`` are those of them that it names."""

    state: str
    count: int
    named: PortSet = NO_PORTS

    @property
    def unnamed(self) -> int:
        """How many it counts without naming them."""
        return max(self.count - len(self.named), 0)


@dataclass(slots=True, kw_only=True)
class HostRecord:
    """Everything of one ``<host>`` that matters here, as it is read.

    ``asked`` is what the scan asked of each host. ``state`` and ``reason`` are of the host. ``user_names`` were typed
    by the user, ``names`` come from reverse DNS. ``listed`` holds port numbers by nmap's state and protocol.
    """

    asked: PortSet
    started: datetime | None = None
    finished: datetime | None = None
    timed_out: bool = False
    state: str = ""
    reason: str = ""
    addresses: list[str] = field(default_factory=list)
    user_names: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    listed: defaultdict[tuple[str, Protocol], list[int]] = field(default_factory=lambda: defaultdict(list))
    extras: list[Extra] = field(default_factory=list)
    services: dict[Port, ServiceSeen] = field(default_factory=dict)
    answered: bool = False
    ignored: set[str] = field(default_factory=set)
    foreign: list[str] = field(default_factory=list)
    """Ports of other protocols that may be open, as ``80/sctp``."""

    def answer(self, state: str, reason: str, *, sender: str | None = None) -> None:
        """Note whether a port's state and its reason show that the host itself answered.

        ``sender`` is who sent what the reason speaks of, where nmap names them; it does where that is not the host.
        """
        if state in _PROOF_OF_LIFE:
            self.answered = True
        elif reason.startswith(_PORT_UNREACHABLE):
            self.answered |= not sender or sender in self.addresses
        elif reason and not reason.startswith((*_SILENCE, *_FROM_ROUTERS)):
            self.answered = True

    def serve(self, seen: ServiceSeen) -> None:
        """Note what nmap takes to answer at a port."""
        if seen.service not in _NO_SERVICE:
            self.services[seen.port] = seen


def observation(record: HostRecord, *, whole: bool = True) -> Observation | None:
    """Make an observation of the record; None if it names neither address nor host.

    :param whole: the element was read to its end; if not, what it had not yet told is unknown.
    """
    if not record.addresses and not record.user_names:
        return None
    if record.timed_out:
        record.extras.clear()  # what nmap sums up of a host that it gave up on may never have been asked
    found = _settled(record) if whole else None
    if found is None:
        found = _found(record, whole=whole)
        told = PortSet.union(found.values())
        asked = record.asked | told
        silent = asked - told
    else:
        asked, silent = record.asked, NO_PORTS
    alive = _alive(record, found)
    states = found if alive is not False else {}
    host = record.user_names[0] if record.user_names else None
    names = [*record.user_names, *record.names, *record.addresses[1:]]
    return Observation(
        host=host,
        address=record.addresses[0] if record.addresses else None,
        names=tuple(dict.fromkeys([name for name in names if name != host])),
        open=states.get(State.OPEN, NO_PORTS),
        closed=states.get(State.CLOSED, NO_PORTS),
        filtered=states.get(State.FILTERED, NO_PORTS),
        open_filtered=states.get(State.OPEN_FILTERED, NO_PORTS),
        closed_filtered=states.get(State.CLOSED_FILTERED, NO_PORTS),
        unknown=_unknown(record, found, silent, alive=alive, whole=whole),
        asked=asked,
        alive=alive,
        services=_services(record, states.get(State.OPEN, NO_PORTS)),
        notes=tuple([f"{protocol.upper()} was scanned too, and is not judged" for protocol in sorted(record.ignored)]),
        started=record.started,
        finished=record.finished,
    )


def _settled(record: HostRecord) -> dict[str, PortSet] | None:
    """Ports by nmap's state if each port that was asked is told once, and no other; None if :func:`_found` must look.

    It says what that would say, at a fraction of the cost: most hosts of a scan are of this kind. Taking away ports
    that are not there adds them, so that what is left has the expected size only if each was there to be taken.
    """
    claims = _listed(record)
    left = record.asked.size - sum([len(numbers) for numbers in record.listed.values()])
    unnamed: Extra | None = None
    for extra in record.extras:
        named = extra.named
        if not named and unnamed is None:
            unnamed = extra
        elif not named or extra.count > named.size:
            return None
        else:
            left -= named.size
            claims[extra.state] = claims[extra.state] | named if extra.state in claims else named
    rest = record.asked
    for ports in claims.values():
        rest ^= ports
    if rest.size != left:
        return None
    if unnamed is None:
        return None if left else claims
    if unnamed.count != left or unnamed.state in claims:
        return None
    return claims | {unnamed.state: rest}


def _alive(record: HostRecord, found: dict[str, PortSet]) -> bool | None:
    """Whether anything came back. A host that nmap was told to take for alive and that kept silent is not."""
    if record.answered:
        return True
    if record.state == "down":
        return False
    if record.state == "up" and record.reason not in ASSUMED_UP and not record.reason.startswith(_FROM_ROUTERS):
        return True
    return False if any(found.values()) else None


def _found(record: HostRecord, *, whole: bool) -> dict[str, PortSet]:
    """Ports by nmap's state. One listed in two states is in none of them, unless it is open in one: open outweighs."""
    claims = _listed(record)
    listed = PortSet.union(claims.values())
    for extra in record.extras:
        if extra.named:
            claims[extra.state] = claims.get(extra.state, NO_PORTS) | (extra.named - listed)
    unnamed = _unnamed(record)
    if whole and len(unnamed) == 1:
        [(state, count)] = unnamed.items()
        rest = record.asked - PortSet.union(claims.values())
        if count == len(rest):
            claims[state] = claims.get(state, NO_PORTS) | rest
    return _once(claims)


def _listed(record: HostRecord) -> dict[str, PortSet]:
    """Give the ports that have an entry of their own, by nmap's state."""
    claims: dict[str, PortSet] = {}
    for (state, protocol), numbers in record.listed.items():
        ports = PortSet.numbers(numbers, protocol)
        claims[state] = claims[state] | ports if state in claims else ports
    return claims


def _once(claims: dict[str, PortSet]) -> dict[str, PortSet]:
    if len(PortSet.union(claims.values())) == sum(map(len, claims.values())):
        return claims
    once = twice = NO_PORTS
    for ports in claims.values():
        twice |= once & ports
        once |= ports
    opened = claims.get("open", NO_PORTS)
    return {state: ports if state == "open" else ports - twice for state, ports in claims.items()} | {
        _TWICE: twice - opened
    }


def _unnamed(record: HostRecord) -> dict[str, int]:
    counts: dict[str, int] = {}
    for extra in record.extras:
        if extra.unnamed:
            counts[extra.state] = counts.get(extra.state, 0) + extra.unnamed
    return counts


def _unknown(
    record: HostRecord, found: dict[str, PortSet], silent: PortSet, *, alive: bool | None, whole: bool
) -> tuple[Unknown, ...]:
    foreign = tuple(Unknown(ports=NO_PORTS, reason=reason) for reason in _foreign(record))
    if alive is False:
        return _reasons([(PortSet.union([silent, *found.values()]), NO_ANSWER)]) + foreign
    unsettled = [
        (ports, _UNSETTLED.get(state, f"nmap calls them {state}"))
        for state, ports in found.items()
        if state not in _KNOWN
    ]
    return _reasons([*unsettled, (silent, _silent_about(record, whole=whole) if silent else "")]) + foreign


def _foreign(record: HostRecord) -> Iterator[str]:
    """Tell of the ports that may be open of protocols which policies do not know."""
    if record.foreign:
        shown = ", ".join(record.foreign[:_SHOWN]) + (", …" if len(record.foreign) > _SHOWN else "")
        yield f"nmap found {shown} open, of which policies cannot speak"


def _silent_about(record: HostRecord, *, whole: bool) -> str:
    """Why nothing is known of the ports that nmap asked and did not name."""
    if not whole:
        return "the file breaks off inside this host"
    if record.timed_out:
        return "nmap gave up on the host when its time was over"
    if record.state == "skipped":
        return "nmap skipped the host"
    states = sorted(_unnamed(record))
    if len(states) > 1:
        return f"nmap does not say which of these ports are {' and which '.join(states)}"
    return "nmap does not say which ports it found in which state"


def _reasons(pairs: list[tuple[PortSet, str]]) -> tuple[Unknown, ...]:
    return tuple(Unknown(ports=ports, reason=reason) for ports, reason in pairs if ports)


def _services(record: HostRecord, opened: PortSet) -> tuple[ServiceSeen, ...]:
    """Leave out closed ports: nmap looks up a name for them as well, but no service is there."""
    services = record.services
    return tuple([services[port] for port in sorted(services) if port in opened])
