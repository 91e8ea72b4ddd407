"""The collector of sockets evidence: what listens on this machine, on which address, and whose it is."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from auditor import __version__
from auditor.collect.sockets import namespaces, tables
from auditor.collect.sockets.entries import LISTENING, UNCONNECTED
from auditor.collect.sockets.processes import Holders, Process, holders, user_name
from auditor.model.evidence import Completion, Kind, Observation, Origin, Scope, Socket, Unknown
from auditor.model.network import LOOPBACK
from auditor.model.ports import ALL_TCP, ALL_UDP, NO_PORTS, Port, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from auditor.collect.sockets.entries import Entry
    from auditor.collect.sockets.tables import Tables
    from auditor.model.evidence import Evidence

_SERVING = {Protocol.TCP: LISTENING, Protocol.UDP: UNCONNECTED}
_ALL = {Protocol.TCP: ALL_TCP, Protocol.UDP: ALL_UDP}
_LOOPBACK_DEVICE = 1  # LOOPBACK_IFINDEX: the kernel gives it to the loopback device of every namespace


def listening(
    host: str | None = None, *, all_namespaces: bool = True, protocols: Iterable[Protocol] = tuple(Protocol)
) -> Evidence:
    """Return what listens on this machine: TCP listeners and unconnected UDP sockets, IPv4 and IPv6.

    One observation, of ``host`` or else of the machine by its own names; its sockets ascend by namespace, port and
    address. The tables are read at the first iteration; iterating again yields the same. With ``all_namespaces`` also
    the sockets of every other network namespace that we may enter, each with its ``netns`` set. Of a protocol whose
    tables cannot be read in full, every port is unknown, with the reason.
    """
    return _Listening(host, tuple(protocols), all_namespaces=all_namespaces)


class _Listening:
    def __init__(self, host: str | None, protocols: tuple[Protocol, ...], *, all_namespaces: bool) -> None:
        self._all_namespaces = all_namespaces
        self._protocols = protocols
        self._seen: Observation | None = None
        self.origin = Origin(
            kind=Kind.SOCKETS,
            source="live",
            tool=f"auditor {__version__}",
            started=datetime.now(UTC),
            asked=_union(_ALL[protocol] for protocol in protocols),
            host=host,
        )
        self.completion = Completion(complete=False, reason="not read yet")

    def __iter__(self) -> Iterator[Observation]:
        if self._seen is None:
            started = datetime.now(UTC)
            seen = _observe(self.origin.host, self._protocols, all_namespaces=self._all_namespaces)
            finished = datetime.now(UTC)
            self._seen = replace(seen, started=started, finished=finished)
            self.completion = Completion(complete=True, finished=finished)
        yield self._seen


def _observe(host: str | None, protocols: Sequence[Protocol], *, all_namespaces: bool) -> Observation:
    own = tables.read({protocol: _SERVING[protocol] for protocol in protocols})
    others, notes = other_tables(protocols) if all_namespaces else ({}, ())
    inodes = {entry.inode for each in (own, *others.values()) for entry in each.entries} - {0}
    owners = holders(inodes)
    found = sockets(own, owners)
    elsewhere = [each for name, table in sorted(others.items()) for each in sockets(table, owners, name)]
    return Observation(
        host=host,
        names=_names(),
        alive=True,
        asked=_union(_ALL[protocol] for protocol in protocols if protocol not in own.unread),
        unknown=tuple(Unknown(ports=_ALL[protocol], reason=reason) for protocol, reason in own.unread.items()),
        sockets=(*found, *elsewhere),
        notes=(*hidden(own.entries, owners), *notes),
    )


def sockets(
    table: Tables, owners: Holders, netns: str | None = None, *, named: Callable[[int], str] = user_name
) -> tuple[Socket, ...]:
    """Turn the rows of a namespace into sockets: one for each port, address, device and name of a process.

    Several rows (``SO_REUSEPORT``) and several processes (prefork) of one name fold into one socket, whose process
    and user are the oldest one's. Nothing of another name ever hides behind it. ``named`` names a user by number.
    """
    groups: dict[tuple[Entry, str | None], dict[int, Process | None]] = {}
    for entry in table.entries:
        for process in owners.by_inode.get(entry.inode, (None,)):
            # Of holders that we cannot see, the row's user is all we know, and several rows count as several holders.
            key = replace(entry, inode=0, uid=0 if process else entry.uid), process.name if process else None
            group = groups.setdefault(key, {})
            group[process.pid if process else -1 - len(group)] = process
    made = (_socket(entry, list(group.values()), table, netns, named) for (entry, _), group in groups.items())
    return tuple(sorted(made, key=_order))


def _socket(
    entry: Entry, group: Sequence[Process | None], table: Tables, netns: str | None, named: Callable[[int], str]
) -> Socket:
    oldest = min((each for each in group if each), key=lambda each: (each.started, each.pid), default=None)
    port = Port(entry.protocol, entry.number)
    return Socket(
        port=port,
        address=str(entry.address),
        scope=_scope(entry),
        process=oldest.name if oldest else None,
        pid=oldest.pid if oldest else None,
        user=named(oldest.uid if oldest else entry.uid),
        netns=netns,
        interface=table.interfaces.get(entry.interface),
        dual_stack=bool(entry.dual),
        shared_by=len(group),
        client=entry.protocol is Protocol.UDP and port in table.handed_out,
    )


def _scope(entry: Entry) -> Scope:
    if entry.interface == _LOOPBACK_DEVICE or entry.address in LOOPBACK:
        return Scope.LOOPBACK
    return Scope.NETWORK


def _order(each: Socket) -> tuple[object, ...]:
    return (each.netns or "", each.port, each.address, each.interface or "", each.process or "", each.pid or 0)


def _names() -> tuple[str, ...]:
    """The machine's own name, and its first part: asked of the kernel alone, not of any name server."""
    name = socket.gethostname()
    return tuple(dict.fromkeys(part for part in (name, name.partition(".")[0]) if part))


def other_tables(protocols: Iterable[Protocol], number: int = 0) -> tuple[Mapping[str, Tables], tuple[str, ...]]:
    """Return what listens (on port ``number``; 0: on any) in each other namespace by its name.

    With notes about the namespaces that stay closed to us.
    """
    look = partial(tables.read, {protocol: _SERVING[protocol] for protocol in protocols}, number=number)
    try:
        found = namespaces.found()
    except OSError as error:
        return {}, (f"other network namespaces cannot be found: {error.strerror}",)
    seen: dict[str, Tables] = {}
    notes = []
    for namespace in found.others:
        try:
            seen[namespace.name] = _look_into(namespace, look)
        except OSError as error:
            notes.append(f"network namespace {namespace.name} cannot be entered: {error.strerror}")
    if found.denied:
        notes.append(f"processes that keep their network namespace from us: {found.denied}")
    return seen, tuple(notes)


def _look_into(namespace: namespaces.Namespace, look: Callable[..., Tables]) -> Tables:
    try:
        return namespaces.inside(namespace, look)
    except OSError:
        if namespace.tables is None:
            raise
    read = look(folder=namespace.tables, netlink=False)
    if read.unread:
        raise OSError(0, "; ".join(read.unread.values()))
    return read


def hidden(entries: Iterable[Entry], owners: Holders) -> Iterator[str]:
    """Say why sockets of our own namespace have no process, if any has none."""
    orphans = sum(bool(entry.inode) and entry.inode not in owners.by_inode for entry in entries)
    if not orphans:
        return
    if os.geteuid() != 0:
        yield "processes of other users are hidden: run as root"
    elif owners.denied:
        yield "some processes are hidden even from root: they hold capabilities that we lack"
    else:
        yield f"{orphans} sockets belong to no process in sight: another process namespace's, or the kernel's own"


def _union(sets: Iterable[PortSet]) -> PortSet:
    union = NO_PORTS
    for each in sets:
        union |= each
    return union
