"""From the rows of a table and the processes that hold them to sockets. No I/O."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from auditor.collect.sockets.processes import user_name
from auditor.model.evidence import Scope, Socket
from auditor.model.network import LOOPBACK, parse_address
from auditor.model.ports import Port, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from auditor.collect.sockets.entries import Entry
    from auditor.collect.sockets.processes import Holders, Process
    from auditor.collect.sockets.tables import Tables

_LOOPBACK_DEVICE = 1  # LOOPBACK_IFINDEX: the kernel gives it to the loopback device of every namespace
_NOBODY_SEEN: tuple[Process | None, ...] = (None,)


def sockets(
    table: Tables, owners: Holders, netns: str | None = None, *, named: Callable[[int], str] = user_name
) -> tuple[Socket, ...]:
    """Turn the rows of a namespace into sockets: one for each port, address, device and name of a process.

    Several rows (``SO_REUSEPORT``) and several processes (prefork) of one name fold into one socket, whose process,
    user, unit and container are the oldest one's. Nothing of another name ever hides behind it.
    ``named`` names a user by number.
    """
    by_inode = owners.by_inode
    names: dict[int, str] = {}  # by identity: equal addresses are mostly one object, and to hash them takes longer
    groups: dict[tuple[object, ...], tuple[Entry, dict[int, Process | None]]] = {}
    for entry in table.entries:
        address = names.get(id(entry.address))
        if address is None:
            address = names[id(entry.address)] = str(entry.address)
        for process in by_inode.get(entry.inode, _NOBODY_SEEN):
            # Of holders that we cannot see, the row's user is all we know, and several rows count as several holders.
            who = process.name if process else entry.uid
            key = entry.protocol, entry.number, address, entry.interface, entry.dual, who
            known = groups.get(key)
            if known is None:
                known = groups[key] = entry, {}
            known[1][process.pid if process else -1 - len(known[1])] = process
    made = [
        _socket(entry, names[id(entry.address)], tuple(group.values()), table, netns, named)
        for entry, group in groups.values()
    ]
    return tuple(sorted(made, key=order))


def order(each: Socket) -> tuple[object, ...]:
    """Ascending by namespace, port and address."""
    where = each.netns or "", each.port, each.address, each.interface or ""
    return (*where, each.process or "", each.pid or 0, each.nat)


def _socket(
    entry: Entry,
    address: str,
    group: Sequence[Process | None],
    table: Tables,
    netns: str | None,
    named: Callable[[int], str],
) -> Socket:
    oldest = group[0]
    if len(group) > 1:
        oldest = min((each for each in group if each), key=lambda each: (each.started, each.pid), default=None)
    port = Port(entry.protocol, entry.number)
    proxy = oldest.proxy if oldest else None
    return Socket(
        port=port,
        address=address,
        scope=_scope(entry, address),
        process=oldest.name if oldest else None,
        pid=oldest.pid if oldest else None,
        user=named(oldest.uid if oldest else entry.uid),
        netns=netns,
        interface=table.interfaces.get(entry.interface) if entry.interface else None,
        dual_stack=bool(entry.dual),
        shared_by=len(group),
        client=entry.protocol is Protocol.UDP and port in table.handed_out,
        unit=oldest.unit if oldest else None,
        container=((proxy.container if proxy else None) or oldest.container) if oldest else None,
        forwards=proxy.forwards.get(port) if proxy else None,
    )


@lru_cache(maxsize=4096)
def _inner(address: str) -> bool:
    return parse_address(address) in LOOPBACK


def _scope(entry: Entry, address: str) -> Scope:
    if entry.interface == _LOOPBACK_DEVICE or _inner(address):
        return Scope.LOOPBACK
    return Scope.NETWORK
