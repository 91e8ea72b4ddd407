"""What was seen, by whom, from where: the one form in which every collector hands over. No I/O.

A collector yields :class:`Observation` values, one a host and address, inside an :class:`Evidence` that says what
kind it is and where it came from. A snapshot file is the same thing written down. All text in it comes from the
network or from files of others: it is data, never trusted, and only reports may decide how to show it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from auditor.model.network import NOWHERE, NetworkSet
from auditor.model.ports import NO_PORTS, PortSet

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from datetime import datetime

    from auditor.model.location import Location
    from auditor.model.ports import Port


class Kind(StrEnum):
    """What a piece of evidence can prove."""

    PROBE = "probe"
    SOCKETS = "sockets"
    DECLARED = "declared"


class State(StrEnum):
    """What a probe found at one port."""

    OPEN = "open"
    CLOSED = "closed"
    FILTERED = "filtered"
    OPEN_FILTERED = "open|filtered"
    CLOSED_FILTERED = "closed|filtered"


class Scope(StrEnum):
    """From where a listening socket can be reached, by the address it is bound to."""

    LOOPBACK = "loopback"
    NETWORK = "network"


class Way(StrEnum):
    """In which way a port is opened."""

    PUBLISHED = "published"
    LET_THROUGH = "let through"
    """A firewall does not stop it, whether anything listens there or not."""
    FORWARDED = "forwarded"
    """A firewall leads it to another port or machine, so that no socket of the host need listen there."""


Key = tuple[str | None, str | None, tuple[str, ...]]

NO_ANSWER = "no answer"
"""The reason for ports of a host that answered nothing at all: it may be down, or drop everything."""
EVERY_PORT = "answers on every port"
"""The reason for ports of an address at which whatever is asked seems open: a tarpit, or a proxy that takes all."""
EVERY_PROTOCOL = "it lets in every protocol, SCTP too, of which policies cannot speak"
"""The reason for what is let in besides TCP and UDP where a rule lets everyone in, whatever they speak."""
GONE = "the host stopped answering during the scan"
"""The reason for ports of a host that answered, and then did not any more."""
LOOKED = "looked at"
"""How the reason begins for ports that contradicted themselves when they were looked at again."""
INTERRUPTED = "interrupted"
"""The reason for ports that a scan which was broken off had not come to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Ports that were asked for and whose state nobody knows, with the reason."""

    ports: PortSet
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSeen:
    """What answered at an open port. ``service`` is the protocol's name (``ssh``, ``http``); the rest is as found."""

    port: Port
    service: str
    product: str | None = None
    version: str | None = None
    tls: bool = False
    method: str = "probed"
    """``probed``: it was spoken to; ``table``: merely looked up by number, which proves nothing."""
    certificate: str | None = None
    """The subject of the TLS certificate shown, as in RFC 4514 (``CN=shop.example,O=Shop``), shortened. Unverified."""
    certificate_expires: datetime | None = None
    """The end of that certificate's validity, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container or a machine in one. ``engine`` is who runs it: ``docker``, ``podman``, ``kubernetes``, ``lxc``, …

    ``id`` is the engine's, in full; engines without any (LXC, systemd-nspawn) know their containers by name.
    """

    engine: str
    id: str | None = None
    name: str | None = None

    def __str__(self) -> str:
        """``docker web``, or with the beginning of its id where nobody tells the name: ``docker 0123456789ab``."""
        return f"{self.engine} {self.name or (self.id or '?')[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Socket:
    """One listening (TCP) or bound (UDP) socket. ``address`` is as the kernel says: ``0.0.0.0``, ``::``, ``127.0.0.1``.

    ``interface`` is set where the socket is tied to a device. ``process`` and ``pid`` are None where we may not know.
    ``netns`` names the network namespace (``net:[4026531840]``) where it is not the collector's own: such a socket is
    shown, and is not the host's. A socket that programs of several names hold is there once for each name.
    ``unit`` is the systemd unit of the process; one of a user's own manager follows that manager's
    (``user@1000.service/redis.service``). ``container`` is the container that the process lives in, or that it serves
    as a proxy. ``forwards`` says where a proxy, or the host's address translation, sends on what arrives.
    """

    port: Port
    address: str
    scope: Scope
    process: str | None = None
    pid: int | None = None
    user: str | None = None
    netns: str | None = None
    interface: str | None = None
    dual_stack: bool = False
    shared_by: int = 1
    """How many processes hold it (prefork, ``SO_REUSEPORT``)."""
    client: bool = False
    """Likely a client's, such as a resolver's: an unconnected UDP socket on an ephemeral port. It proves no server."""
    unit: str | None = None
    container: Container | None = None
    forwards: str | None = None
    """``172.17.0.2:80``; as told, so that it may be a list or a range."""
    nat: bool = False
    """No socket at all: the host's address translation takes what arrives at the port, and sends it on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A port that a file or an engine will publish, and to whom.

    ``last`` makes it a range: the number of its last port; ``more`` are further ports opened by the same. ``bind`` is
    the address it is published on (None: all); ``target`` what is behind it, where the file
    says so: the container's port (``80/tcp``), that of a load balancer's targets, or where NAT leads
    (``10.0.0.5:80/tcp``); ``sources`` who may reach it (None: unlimited). Where a file names them
    by what they are (``members of aws_security_group.app``) ``group`` says so: then nobody else may, and they are
    somewhere inside ``sources`` (None: nobody knows where).
    """

    port: Port
    last: int | None = None
    bind: NetworkSet | None = None
    sources: NetworkSet | None = None
    group: str | None = None
    what: str | None = None
    target: str | None = None
    location: Location | None = None
    more: PortSet = NO_PORTS
    way: Way = Way.PUBLISHED

    @property
    def ports(self) -> PortSet:
        """All the ports that it opens."""
        number, protocol = self.port.number, self.port.protocol
        return PortSet.span(number, number if self.last is None else self.last, protocol) | self.more


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one piece of evidence says of one host at one address.

    ``host`` is the name the evidence gives, ``names`` others it gives; ``address`` is a literal address, or None
    where the evidence speaks of the host as a whole. The six state sets are disjoint; together they and ``unknown``
    are what was asked. ``closed_filtered`` is not open, and the evidence cannot tell which of the two it is.
    ``unspoken`` is the part of ``open_filtered`` that was not asked in its own protocol, or not in
    a way that compels an answer: its silence says nothing. For sockets evidence the state sets are empty and ``asked``
    says which tables were read in full.
    ``alive`` is whether the host answered anything at all (None: the evidence cannot tell).
    ``guarded`` is for evidence from a host's firewall: the addresses from which what neither an opening nor an unknown
    names is kept out. ``started`` and ``finished`` are of this host, where the evidence knows them.
    """

    host: str | None = None
    address: str | None = None
    names: tuple[str, ...] = ()
    vantage: str | None = None
    open: PortSet = NO_PORTS
    closed: PortSet = NO_PORTS
    filtered: PortSet = NO_PORTS
    open_filtered: PortSet = NO_PORTS
    closed_filtered: PortSet = NO_PORTS
    unspoken: PortSet = NO_PORTS
    unknown: tuple[Unknown, ...] = ()
    asked: PortSet = NO_PORTS
    alive: bool | None = None
    services: tuple[ServiceSeen, ...] = ()
    sockets: tuple[Socket, ...] = ()
    openings: tuple[Opening, ...] = ()
    guarded: NetworkSet = NOWHERE
    notes: tuple[str, ...] = ()
    started: datetime | None = None
    finished: datetime | None = None

    @property
    def seen(self) -> PortSet:
        """The ports whose state this observation knows, by probe."""
        return PortSet.union((self.open, self.closed, self.filtered, self.open_filtered, self.closed_filtered))

    @property
    def accounted(self) -> PortSet:
        """The ports of which the observation says something: a state, or why there is none."""
        states = (self.open, self.closed, self.filtered, self.open_filtered, self.closed_filtered)
        return PortSet.union((*states, *[unknown.ports for unknown in self.unknown]))

    @property
    def key(self) -> Key:
        """What two observations of one target of a scan have in common."""
        return (self.host, self.address, self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a piece of evidence came from: the header of a snapshot.

    ``source`` is the file as named by the caller, or ``live``. ``sha256`` is of that file. ``tool`` is as the
    evidence names it (``nmap 7.93``). ``asked`` is what the run as a whole asked of each host, where it says so.
    """

    kind: Kind
    source: str
    tool: str | None = None
    vantage: str | None = None
    sha256: str | None = None
    started: datetime | None = None
    asked: PortSet | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """How a piece of evidence ended: the footer of a snapshot. ``reason`` says why it is not complete."""

    complete: bool
    finished: datetime | None = None
    reason: str | None = None


class Evidence(Protocol):
    """One piece of evidence, read once, front to back."""

    @property
    def origin(self) -> Origin:
        """Known before the first observation."""
        ...

    @property
    def completion(self) -> Completion:
        """Known after the last observation; until then, and after a break, incomplete."""
        ...

    def __iter__(self) -> Iterator[Observation]:
        """Observations in the order of the source, which promises none.

        :raises EvidenceError: the source cannot be read at all. A source that breaks off is not an error: iteration
            ends, and ``completion`` says so.
        """
        ...


@runtime_checkable
class Lined(Protocol):
    """Evidence that has a quicker way to the lines of a snapshot than by observations one by one."""

    def lines(self) -> Generator[bytes] | None:
        """Blocks of whole lines, as observations in the same order would make them; None if this file has none.

        :raises EvidenceError: on iteration, as that of observations does.
        """
        ...
