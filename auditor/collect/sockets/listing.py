"""The collector of sockets evidence: what listens on this machine, on which address, and whose it is."""

from __future__ import annotations

import gc
import os
import socket
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from auditor import __version__
from auditor.collect.sockets import addresses, namespaces, sysctl, tables
from auditor.collect.sockets.entries import LISTENING, UNCONNECTED
from auditor.collect.sockets.making import sockets
from auditor.collect.sockets.nat.publish import Elsewhere, completed, each_once
from auditor.collect.sockets.nat.reading import translation
from auditor.collect.sockets.processes import holders
from auditor.model.evidence import Completion, Kind, Observation, Origin, Unknown
from auditor.model.ports import ALL_TCP, ALL_UDP, NO_PORTS, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from auditor.collect.sockets.entries import Entry
    from auditor.collect.sockets.processes import Holders
    from auditor.collect.sockets.tables import Tables
    from auditor.model.evidence import Evidence

_SERVING = {Protocol.TCP: LISTENING, Protocol.UDP: UNCONNECTED}
_ALL = {Protocol.TCP: ALL_TCP, Protocol.UDP: ALL_UDP}


def listening(
    host: str | None = None, *, all_namespaces: bool = True, protocols: Iterable[Protocol] = tuple(Protocol)
) -> Evidence:
    """Return what listens on this machine: TCP listeners and unconnected UDP sockets, IPv4 and IPv6.

    One observation, of ``host`` or else of the machine by its own names; its sockets ascend by namespace, port and
    address. The tables are read at the first iteration; iterating again yields the same. With ``all_namespaces`` also
    the sockets of every other network namespace that we may enter, each with its ``netns`` set. Ports that the host's
    address translation publishes are among its sockets. Of a protocol whose tables cannot be read in full, every port
    is unknown, with the reason; where the translation cannot be read, every port on which nobody listens.
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
            with _without_collection():
                seen = _observe(self.origin.host, self._protocols, all_namespaces=self._all_namespaces)
            finished = datetime.now(UTC)
            self._seen = replace(seen, started=started, finished=finished)
            self.completion = Completion(complete=True, finished=finished)
        yield self._seen


@contextmanager
def _without_collection() -> Iterator[None]:
    """Nothing that is made here goes round in circles, and looking for that takes a tenth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _observe(host: str | None, protocols: Sequence[Protocol], *, all_namespaces: bool) -> Observation:
    own = tables.read({protocol: _SERVING[protocol] for protocol in protocols})
    others, notes = other_tables(protocols) if all_namespaces else ({}, ())
    owners = holders({entry.inode for each in (own, *others.values()) for entry in each.entries} - {0})
    elsewhere = [each for name, table in sorted(others.items()) for each in sockets(table, owners, name)]
    readable = _union(_ALL[protocol] for protocol in protocols if protocol not in own.unread)
    places = {name: table.own for name, table in others.items()}
    there = Elsewhere(sockets=elsewhere, places=places)
    rules = translation()
    routes = bool(rules.taken) and sysctl.routes_loopback()
    found = completed(rules, sockets(own, owners), there, readable, routes_loopback=routes)
    unread = (Unknown(ports=_ALL[protocol], reason=reason) for protocol, reason in own.unread.items())
    return Observation(
        host=host,
        names=_names(),
        alive=True,
        asked=readable,
        unknown=(*unread, *each_once(found.unknown)),
        sockets=(*found.sockets, *elsewhere),
        notes=(*hidden(own.entries, owners), *notes, *found.notes),
    )


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
        return namespaces.inside(namespace, lambda: replace(look(), own=addresses.own()))
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
        yield f"processes of other users are hidden: run as root (sockets without a process in sight: {orphans})"
    elif owners.denied:
        missing = "they hold capabilities that we lack"
        yield f"some processes are hidden even from root: {missing} (sockets without a process in sight: {orphans})"
    else:
        yield f"{orphans} sockets belong to no process in sight: another process namespace's, or the kernel's own"


def _union(sets: Iterable[PortSet]) -> PortSet:
    union = NO_PORTS
    for each in sets:
        union |= each
    return union
