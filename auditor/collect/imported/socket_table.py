"""What a socket table of another machine says, whichever tool printed it: from its rows to an observation. No I/O.

A row that cannot be understood is never dropped: the ports that it may be about are unknown, with its line. A table
that shows no socket of a protocol, or of one family of addresses, may have been asked for the others alone, so that
it says nothing of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import TYPE_CHECKING

from auditor.files import iana
from auditor.model.evidence import Observation, Scope, Socket, Unknown
from auditor.model.network import LOOPBACK, parse_address
from auditor.model.ports import ALL_TCP, ALL_UDP, HIGHEST, NO_PORTS, Port, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from auditor.model.network import Address

ALL = {Protocol.TCP: ALL_TCP, Protocol.UDP: ALL_UDP}
EVERY_PORT = ALL_TCP | ALL_UDP

LINUX_HANDS_OUT = PortSet.span(32768, 60999, Protocol.UDP)
"""``net.ipv4.ip_local_port_range`` unless somebody changed it: what a table of another machine does not tell."""

OTHERS_HAND_OUT = PortSet.span(49152, HIGHEST, Protocol.UDP)
"""The dynamic ports of RFC 6335, which BSD, macOS and Windows use."""

_LOOPBACK_DEVICES = ("lo", "lo0")
_LOCALHOST = ("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback", "localhost6")
_ZONED = re.compile(r"\[?([^\[\]%]*)\]?(?:%([^\]]*))?\]?")
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._/*-]*")
_UNREAD = {4: "IPv4", 6: "IPv6"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A process that holds a socket, as far as the table shows it."""

    process: str | None = None
    pid: int | None = None
    user: str | None = None


NOBODY_SEEN = Holder()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A listening or bound socket. ``address`` is text: one that was cut off is no address, and counts as any."""

    port: Port
    address: str
    scope: Scope
    interface: str | None
    dual: bool | None
    netns: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a socket is bound, as the table prints it: the host part, and the port's number or service name.

    ``family`` is 4 or 6; None for what the table leaves open. ``dual`` is whether ``::`` takes IPv4 too, None where
    the table does not tell.
    """

    host: str
    port: str
    family: int | None = None
    dual: bool | None = None
    netns: str | None = None


@dataclass(slots=True, kw_only=True)
class SocketTable:
    """One host's table, as it is read.

    ``source`` and a line number make up the reasons. ``protocols`` and ``families`` collect what rows prove to have
    been asked; ``lists_servers`` that it was asked for listening sockets at all. ``handed_out`` is the ports that the
    other machine's kernel may have chosen itself.
    """

    source: str
    handed_out: PortSet = LINUX_HANDS_OUT
    host: str | None = None
    when: datetime | None = None
    lists_servers: bool = False
    protocols: set[Protocol] = field(default_factory=set)
    families: set[int] = field(default_factory=set)
    blind: str | None = None
    """Why the table cannot tell that a port is not listened on, if it never can."""
    notes: list[str] = field(default_factory=list)
    _held: dict[_Row, dict[int, Holder]] = field(default_factory=dict)
    _doubts: dict[PortSet, list[str]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many different sockets were understood."""
        return len(self._held)

    @property
    def first_doubt(self) -> str | None:
        """The first line that was not understood, with its reason."""
        return next((reasons[0] for reasons in self._doubts.values()), None)

    def prove(self, protocol: Protocol, family: int | None) -> None:
        """Note that the table shows this protocol and this family of addresses."""
        self.protocols.add(protocol)
        if family is not None:
            self.families.add(family)

    def doubt(self, line: int | str, what: str, ports: PortSet = EVERY_PORT) -> None:
        """Note a line that cannot be understood, and the ports that it may be about."""
        self._doubts.setdefault(ports, []).append(f"{self.source}:{line}: {what}")

    def add(
        self, line: int | str, protocol: Protocol, place: Place, holders: Iterable[Holder] = (NOBODY_SEEN,)
    ) -> None:
        """Take in a listening (TCP) or bound (UDP) socket, or the doubt that its row leaves."""
        self.lists_servers = True
        ports = ports_named(place.port, protocol)
        if ports is None:
            return
        if len(ports) != 1:
            what = "has several ports" if ports else "is not registered"
            self.doubt(line, f"the service '{_shown(place.port)}' {what}: print numbers (-n)", ports or ALL[protocol])
            return
        try:
            address, interface = read_host(place.host, place.family)
        except ValueError:
            self.doubt(line, f"'{_shown(place.host)}' is not an address: print numbers (-n)", ports)
            return
        self._place(Port.parse(str(ports)), place, address, interface, holders)

    def add_cut_off(self, port: Port, place: Place, holders: Iterable[Holder]) -> None:
        """Take in a socket whose address the tool cut off: an address so long is no loopback address."""
        self.lists_servers = True
        row = _Row(
            port=port, address=f"{place.host}…", scope=Scope.NETWORK, interface=None, dual=False, netns=place.netns
        )
        self._hold(row, holders)

    def observation(self) -> Observation:
        """What the table proves of the host."""
        unknown = tuple(_each_once(self._unknown()))
        asked = _union(ALL[protocol] for protocol in self.protocols) if self.lists_servers else NO_PORTS
        return Observation(
            host=self.host,
            alive=True,
            asked=asked - _union(each.ports for each in unknown),
            unknown=unknown,
            sockets=tuple(sorted(self._sockets(), key=_order)),
            notes=tuple(self._remarks()),
            finished=self.when,
        )

    def _place(
        self, port: Port, place: Place, address: Address, interface: str | None, holders: Iterable[Holder]
    ) -> None:
        unspecified = address.version == 6 and address.is_unspecified
        inner = address in LOOPBACK or interface in _LOOPBACK_DEVICES
        row = _Row(
            port=port,
            address=str(address),
            scope=Scope.LOOPBACK if inner else Scope.NETWORK,
            interface=interface,
            dual=place.dual if unspecified else False,
            netns=place.netns,
        )
        self._hold(row, holders)

    def _hold(self, row: _Row, holders: Iterable[Holder]) -> None:
        held = self._held.setdefault(row, {})
        for holder in holders:
            # Each row without a process is a holder of its own, as the kernel lists a socket once.
            held[holder.pid if holder.pid is not None else -1 - len(held)] = holder

    def _sockets(self) -> Iterator[Socket]:
        on_ipv4 = {(row.port, row.netns) for row in self._held if ":" not in row.address}
        for row, held in self._held.items():
            by_name: dict[str | None, list[Holder]] = {}
            for _, holder in sorted(held.items()):
                by_name.setdefault(holder.process, []).append(holder)
            # Where the table does not tell whether :: takes IPv4 too, it does unless an IPv4 socket has the port.
            dual = row.dual if row.dual is not None else (row.port, row.netns) not in on_ipv4
            for process, group in by_name.items():
                yield Socket(
                    port=row.port,
                    address=row.address,
                    scope=row.scope,
                    process=process,
                    pid=group[0].pid,
                    user=group[0].user,
                    netns=row.netns,
                    interface=row.interface,
                    dual_stack=dual,
                    shared_by=len(group),
                    client=row.port in self.handed_out,
                )

    def _unknown(self) -> Iterator[Unknown]:
        for ports, reasons in sorted(self._doubts.items(), key=lambda doubt: len(doubt[0])):
            more = f" (and {len(reasons) - 1} lines more)" if len(reasons) > 1 else ""
            yield Unknown(ports=ports, reason=reasons[0] + more)
        shown = _union(ALL[protocol] for protocol in self.protocols)
        if not self.lists_servers:
            reason = f"{self.source}: no listening socket is in the table: it may not have been asked for any"
            yield Unknown(ports=EVERY_PORT, reason=reason)
            return
        missing = [name for family, name in _UNREAD.items() if family not in self.families]
        if missing and shown:
            reason = f"{self.source}: no {missing[0]} socket is in the table: it may not have been asked for any"
            yield Unknown(ports=shown, reason=reason)
        if self.blind and shown:
            yield Unknown(ports=shown, reason=f"{self.source}: {self.blind}")

    def _remarks(self) -> Iterator[str]:
        yield from dict.fromkeys(self.notes)
        hidden = sum(all(holder.process is None for holder in held.values()) for held in self._held.values())
        if hidden:
            yield f"sockets without the name of a process: {hidden}"


def ports_named(text: str, protocol: Protocol) -> PortSet | None:
    """Read a port's number or service name: its port, several that it may be, or none; None for a socket without."""
    if text == "*":
        return None
    if text.isascii() and text.isdigit() and len(text) <= len(str(HIGHEST)):
        number = int(text)
        if number > HIGHEST:
            return NO_PORTS
        return PortSet.of(Port(protocol, number)) if number else None
    return iana.registered(text, protocol) if _SERVICE.fullmatch(text) else NO_PORTS


def read_host(text: str, family: int | None = None) -> tuple[Address, str | None]:
    """Read the host part of an endpoint: address and device. ``*`` is any address of the family, or of both.

    :raises ValueError: it is a name, or nothing at all.
    """
    found = _ZONED.fullmatch(text)
    host, interface = (found[1], found[2]) if found else (text, None)
    if host == "*":
        host = "0.0.0.0" if family == 4 else "::"  # noqa: S104 - what the table says, bound by nobody here
    elif host.lower() in _LOCALHOST:
        host = "::1" if family == 6 else "127.0.0.1"
    address = parse_address(host)
    if isinstance(address, IPv6Address) and address.scope_id:
        raise ValueError(text)
    return address, interface or None


def _each_once(claims: Iterable[Unknown]) -> Iterator[Unknown]:
    """Leave each port to the first reason given for it."""
    claimed = NO_PORTS
    for claim in claims:
        if left := claim.ports - claimed:
            yield Unknown(ports=left, reason=claim.reason)
        claimed |= claim.ports


def _shown(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "…"


def _order(each: Socket) -> tuple[object, ...]:
    return (each.netns or "", each.port, each.address, each.interface or "", each.process or "", each.pid or 0)


def _union(sets: Iterable[PortSet]) -> PortSet:
    union = NO_PORTS
    for each in sets:
        union |= each
    return union
