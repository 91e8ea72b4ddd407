"""The facts about one port of this machine: who holds it, and whether it can be bound."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.collect.sockets import sysctl, tables
from auditor.collect.sockets.entries import ANY_STATE, KernelState
from auditor.collect.sockets.listing import hidden, other_tables
from auditor.collect.sockets.making import sockets
from auditor.collect.sockets.processes import holders, user_name
from auditor.collect.sockets.trial import ADDRESSES, Outcome, try_bind
from auditor.model.ports import HIGHEST, Port, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from auditor.collect.sockets.entries import Entry
    from auditor.collect.sockets.processes import Holders
    from auditor.collect.sockets.tables import Tables
    from auditor.collect.sockets.trial import Trial
    from auditor.model.evidence import Socket

_TRIES = 300  # how many candidates are tried in search of a free port


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A connection that uses the port as its local one. ``process`` is None for a lingering or a hidden one."""

    local: str
    remote: str
    remote_port: int
    state: str
    process: str | None = None
    pid: int | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Everything known about one port here.

    ``listeners`` serve on it; ``bound`` are TCP sockets that hold it without listening; ``elsewhere`` are listeners of
    other network namespaces and ``other_protocol`` those of the same number, neither of which stands in the way.
    ``units`` names the system service of a pid, where it is one. ``unprivileged`` is whether the processes of others
    are kept from us. ``unread`` says why the table is not all there. ``next_free`` is sought only where the port cannot
    be bound.
    """

    port: Port
    listeners: tuple[Socket, ...]
    bound: tuple[Socket, ...]
    connections: tuple[Connection, ...]
    elsewhere: tuple[Socket, ...]
    other_protocol: tuple[Socket, ...]
    trials: tuple[Trial, ...]
    privileged_below: int
    ephemeral: tuple[int, int] | None
    reserved: bool
    units: tuple[tuple[int, str], ...] = ()
    unprivileged: bool = False
    unread: str | None = None
    next_free: Port | None = None
    notes: tuple[str, ...] = ()

    @property
    def bindable(self) -> bool:
        """Whether a server can have the port on every address that this machine has."""
        return _free(self.trials)


def holding(port: Port) -> Holding:
    """Find out who holds a port of this machine, and try to bind it on 0.0.0.0, :: and 127.0.0.1.

    Nothing listens on it at any moment, and what is bound is let go at once.
    """
    both = tables.read(dict.fromkeys(Protocol, ANY_STATE), number=port.number)
    own = _part(both, lambda entry: entry.protocol is port.protocol)
    others, _ = other_tables((port.protocol,), port.number)
    owners = holders({entry.inode for each in (both, *others.values()) for entry in each.entries} - {0})
    listeners = sockets(_part(own, _serves), owners)
    bound = sockets(_part(own, _only_bound), owners)
    privileged_below = sysctl.unprivileged_from()
    found = Holding(
        port=port,
        listeners=listeners,
        bound=bound,
        connections=tuple(_connections(own, owners)),
        elsewhere=tuple(
            each for name, table in sorted(others.items()) for each in sockets(table, owners, name) if each.port == port
        ),
        other_protocol=sockets(
            _part(both, lambda entry: entry.protocol is not port.protocol and _serves(entry)), owners
        ),
        trials=_tries(port, privileged_below),
        privileged_below=privileged_below,
        ephemeral=sysctl.ephemeral(),
        reserved=port in sysctl.reserved(port.protocol),
        units=tuple(dict.fromkeys(_units((*listeners, *bound)))),
        unread=own.unread.get(port.protocol),
        unprivileged=os.geteuid() != 0,
        notes=tuple(hidden(own.entries, owners)),
    )
    return found if found.bindable else replace(found, next_free=_next_free(port, privileged_below))


def _part(table: Tables, keep: Callable[[Entry], bool]) -> Tables:
    return replace(table, entries=tuple(filter(keep, table.entries)))


def _serves(entry: Entry) -> bool:
    return entry.state is (KernelState.LISTEN if entry.protocol is Protocol.TCP else KernelState.CLOSE)


def _only_bound(entry: Entry) -> bool:
    return entry.protocol is Protocol.TCP and entry.state in {KernelState.CLOSE, KernelState.BOUND_INACTIVE}


def _connections(table: Tables, owners: Holders) -> Iterator[Connection]:
    rest = (entry for entry in table.entries if not _serves(entry) and not _only_bound(entry))
    for entry in sorted(rest, key=lambda each: (each.state, str(each.remote), each.remote_number)):
        process = next(iter(owners.by_inode.get(entry.inode, ())), None)
        yield Connection(
            local=str(entry.address),
            remote=str(entry.remote),
            remote_port=entry.remote_number,
            state=entry.state.name,
            process=process.name if process else None,
            pid=process.pid if process else None,
            user=process.user if process else user_name(entry.uid) if entry.inode else None,
        )


def _units(held: tuple[Socket, ...]) -> Iterator[tuple[int, str]]:
    """Name the system services among the holders: what ``systemctl stop`` would stop."""
    for each in held:
        if each.pid and each.unit and each.unit.endswith(".service") and "/" not in each.unit and not each.container:
            yield each.pid, each.unit


def _next_free(port: Port, privileged_below: int) -> Port | None:
    """The first free port above, outside what the kernel gives out by itself; for 80 from 8080 on, as people do."""
    low = port.number + (8000 if port.number < 1000 else 1)
    passing = tables.handed_out()
    candidates = (Port(port.protocol, number) for number in (*range(low, HIGHEST + 1), *range(privileged_below, low)))
    tries = _TRIES
    for candidate in candidates:
        if candidate in passing:
            continue
        if _free(_tries(candidate, privileged_below)):
            return candidate
        tries -= 1
        if not tries:
            break
    return None


def _tries(port: Port, privileged_below: int) -> tuple[Trial, ...]:
    return tuple(try_bind(port, address, privileged_below) for address in ADDRESSES)


def _free(trials: tuple[Trial, ...]) -> bool:
    tried = [trial.outcome for trial in trials if trial.outcome is not Outcome.ABSENT]
    return bool(tried) and all(outcome.free for outcome in tried)
