"""Single sightings, a port at a time and in any order, put together: one observation an address. No I/O.

Scanners write what they find as it comes in, so that a host is spread over the whole file. What is kept of an address
until the end is a few port sets; numbers on their way there are folded into them before they grow many.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

from auditor.errors import UsageError
from auditor.model.evidence import Observation, ServiceSeen, State, Unknown
from auditor.model.ports import HIGHEST, NO_PORTS, Port, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 100_000
"""So many addresses are held; what follows begins anew, and an address that comes again is told again."""
_LOOSE = 4096
"""So many numbers of one address are held until they are folded."""
_MOST_TEXTS = 64
_LONGEST_TEXT = 1000

TLS = "ssl"
"""A service's name that says no more than that TLS is spoken there."""

_UDP_REST = "{tool} lists no UDP port that is closed or silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One entry of a scanner's output.

    ``address`` is canonical, ``name`` what else the entry calls the host; one of them is there. Without ``port`` the
    entry merely mentions the host. ``state`` None: the tool's own word for it settles nothing. ``answered``: the host
    did, if not at that port. ``ignored`` is a protocol that is not judged.
    """

    address: str | None
    name: str | None = None
    port: Port | None = None
    state: State | None = None
    when: datetime | None = None
    service: str | None = None
    answered: bool = False
    ignored: str | None = None


@dataclass(slots=True)
class _Host:
    """What is known of one address so far."""

    address: str | None
    when: datetime | None
    names: dict[str, None] = field(default_factory=dict)
    known: dict[State | None, PortSet] = field(default_factory=dict)
    loose: dict[tuple[State | None, Protocol], array[int]] = field(default_factory=dict)
    count: int = 0
    services: dict[Port, ServiceSeen] = field(default_factory=dict)
    answered: bool = False
    ignored: dict[str, None] = field(default_factory=dict)

    def add(self, seen: Sighting) -> None:
        self.when = None if self.when is None or seen.when is None else min(self.when, seen.when)
        self.answered |= seen.answered
        if seen.name is not None and len(self.names) < _MOST_TEXTS:
            self.names[seen.name] = None
        if seen.ignored is not None and len(self.ignored) < _MOST_TEXTS:
            self.ignored[seen.ignored] = None
        if seen.port is None:
            return
        key = (seen.state, seen.port.protocol)
        numbers = self.loose.get(key)
        if numbers is None:
            numbers = self.loose[key] = array("H")
        numbers.append(seen.port.number)
        self.count += 1
        if self.count > _LOOSE:
            self.fold()
        if seen.service is not None:
            self._serve(seen.port, seen.service)

    def fold(self) -> None:
        for (state, protocol), numbers in self.loose.items():
            self.known[state] = self.known.get(state, NO_PORTS) | PortSet.numbers(numbers, protocol)
        self.loose.clear()
        self.count = 0

    def _serve(self, port: Port, name: str) -> None:
        """Note what answered: a name within TLS joins the TLS around it, and of several names the first counts."""
        before = self.services.get(port)
        if before is None:
            self.services[port] = ServiceSeen(port=port, service=name, tls=name == TLS)
        elif name == TLS:
            self.services[port] = replace(before, tls=True)
        elif before.service == TLS:
            self.services[port] = replace(before, service=name)


class Roll:
    """The hosts of one file. ``asked`` is what the caller declares to have been asked of each; None: nobody knows.

    Ports that were asked and are not listed are not open; whether they are closed or filtered is not said. Of UDP not
    even that is known: silence may be an open port.
    """

    def __init__(self, tool: str, source: str, asked: PortSet | None) -> None:
        self._tool = tool
        self._source = source
        self._asked = asked
        self._hosts: dict[str, _Host] = {}
        self.first: datetime | None = None
        """The earliest time of all; None where an entry has none."""
        self._dated = True

    @property
    def full(self) -> bool:
        """Whether it must be told before more is taken in."""
        return len(self._hosts) >= _MOST

    def knows(self, seen: Sighting) -> bool:
        """Whether the entry is of a host that is held already."""
        return (seen.address or seen.name or "") in self._hosts

    def add(self, seen: Sighting) -> None:
        """Take in one entry."""
        self._date(seen.when)
        key = seen.address or seen.name or ""
        host = self._hosts.get(key)
        if host is None:
            host = self._hosts[key] = _Host(seen.address, seen.when)
        host.add(seen)

    def told(self) -> Iterator[Observation]:
        """Tell every host, in the order of their first mention, and forget them.

        :raises UsageError: a port is listed that was not asked, if the caller is right.
        """
        while self._hosts:
            yield self._observation(self._hosts.pop(next(iter(self._hosts))))

    def _date(self, when: datetime | None) -> None:
        self._dated &= when is not None
        if not self._dated or when is None:
            self.first = None
        else:
            self.first = when if self.first is None else min(self.first, when)

    def _observation(self, host: _Host) -> Observation:
        host.fold()
        opened = host.known.get(State.OPEN, NO_PORTS)
        closed = host.known.get(State.CLOSED, NO_PORTS) - opened
        filtered = host.known.get(State.FILTERED, NO_PORTS) - opened - closed
        vague = host.known.get(None, NO_PORTS) - opened - closed - filtered
        listed = opened | closed | filtered | vague
        rest = NO_PORTS
        if self._asked is not None:
            if extra := listed - self._asked:
                where = host.address or f"{next(iter(host.names), '')!a:.80}"
                raise UsageError(f"{self._source} lists {few(extra)} of {where}, which --asked leaves out")
            rest = self._asked - listed
        named = next(iter(host.names), None) if host.address is None else None
        silent = rest.only(Protocol.UDP)
        return Observation(
            host=named,
            address=host.address,
            names=tuple(name for name in host.names if name != named),
            open=opened,
            closed=closed,
            filtered=filtered,
            closed_filtered=rest.only(Protocol.TCP),
            unknown=tuple(
                Unknown(ports=ports, reason=reason)
                for ports, reason in (
                    (vague, f"{self._tool} calls them neither open nor closed"),
                    (silent, _UDP_REST.format(tool=self._tool)),
                )
                if ports
            ),
            asked=listed | rest,
            alive=True if host.answered or opened or closed else None,
            services=tuple(seen for port, seen in sorted(host.services.items()) if port in opened),
            notes=tuple(f"{name.upper()} was scanned too, and is not judged" for name in sorted(host.ignored)),
            started=host.when,
        )


def few(ports: PortSet) -> str:
    """Ports as text, the first of them if they are many."""
    text = str(ports)
    return text if len(text) <= 60 else f"{text[:60].rpartition(',')[0]}, …"


@lru_cache(maxsize=65536)
def canonical(text: str) -> str | None:
    """Return the address in its one form, or None if it is none."""
    try:
        return str(ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        return None


def named(text: str) -> tuple[str | None, str | None]:
    """Tell an address from a name: one of the two is None."""
    address = canonical(text)
    return (address, None) if address else (None, text[:_LONGEST_TEXT])


def one_port(number: object, protocol: Protocol) -> Port:
    """Make a port of a number, or of its digits.

    :raises ValueError: it is none.
    """
    if type(number) is int and 0 <= number <= HIGHEST:
        return Port(protocol, number)
    text = str(number) if isinstance(number, int | str) and not isinstance(number, bool) else "?"
    return Port.parse(f"{text}/{protocol.value}")


def epoch(value: object) -> datetime | None:
    """Read seconds since 1970 as a number or its digits; None where they make no time."""
    return _epoch(value) if isinstance(value, int | float | str) else None


@lru_cache(maxsize=1024)
def _epoch(value: float | str) -> datetime | None:
    try:
        seconds = float(value)
        return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 1 << 34 else None
    except (ValueError, OverflowError):
        return None


def moment(value: object) -> datetime | None:
    """Read an RFC 3339 time, as finely as it is written; None for what is none, or has no offset from UTC."""
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else None
        return None if read is None or read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
