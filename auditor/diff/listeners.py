"""What socket tables say of one view of a host. Part of the difference.

A complete table covers the whole host: a port with a socket that the network reaches is open, and every other port of
the tables read is not. From ``local`` the sockets bound to loopback are reached; a socket that the network reaches too
counts there only where the policy permits it, as it is judged with the network's view.

A vantage that other hosts were probed from but not this one is served as far as a table can: what does not listen is
not open from anywhere, and what listens is not settled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.diff.states import broken, union, unique, unknown_gaps
from auditor.model.evidence import Scope
from auditor.model.observed import Gap
from auditor.model.policy import LOCAL
from auditor.model.ports import NO_PORTS, PortSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditor.diff.guards import Guards
    from auditor.diff.states import Dated
    from auditor.model.evidence import Socket
    from auditor.model.expectation import Expectation
    from auditor.model.network import NetworkSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """``open`` is reached from the view, ``idle`` is not listened on, ``seen`` needs no other evidence."""

    open: PortSet = NO_PORTS
    idle: PortSet = NO_PORTS
    seen: PortSet = NO_PORTS
    old_open: PortSet = NO_PORTS
    asked: PortSet = NO_PORTS
    gaps: tuple[Gap, ...] = ()
    sockets: tuple[Socket, ...] = ()
    inner: tuple[Socket, ...] = ()
    sources: tuple[str, ...] = ()


NOTHING = Listeners()
_CLIENT = "a socket is there that may be a client's: UDP, unconnected, on a port that the kernel hands out"


def listeners(
    tables: Sequence[Dated],
    vantage: str | None,
    expectation: Expectation,
    *,
    probed: bool,
    guards: Guards,
    place: NetworkSet,
) -> Listeners:
    """Join a host's socket tables for one view; ``place`` is where it looks from.

    ``probed``: probes looked from there too. Then a table of the network has no say at a named vantage. What the
    host's firewall is known to keep out at the place is not reached from there.
    """
    named = vantage is not None and vantage != LOCAL
    if not tables or (named and probed):
        return NOTHING
    fresh = [one for one in tables if one.stale is None]
    everything, inner = _reached(fresh, Scope.NETWORK), _reached(fresh, Scope.LOOPBACK)
    kept = () if vantage == LOCAL else tuple(one for one in everything if guards.keep_out(one, place))
    outer = tuple(one for one in everything if one not in kept)
    whole = [one for one in fresh if broken(one.piece) is None]
    asked = union(one.piece.observation.asked for one in whole) - union(
        unknown.ports for one in whole for unknown in one.piece.observation.unknown
    )
    gaps = tuple(gap for one in tables for gap in _gaps(one))
    if clients := _clients(fresh) - ports_of(everything):
        asked -= clients
        gaps = (*gaps, Gap(ports=clients, reason=_CLIENT))
    if named:
        heard = ports_of(outer)
        waiting = Gap(ports=heard, reason=f"it listens, and nothing looked from {vantage}")
        return Listeners(
            idle=asked - heard,
            seen=asked - heard,
            asked=asked,
            gaps=(waiting, *gaps) if heard else gaps,
            sources=unique(one.piece.source for one in tables),
        )
    sockets = outer if vantage is None else _local(outer, inner, expectation)
    opened = ports_of(sockets)
    old = ports_of(_reached([one for one in tables if one.stale], *_scopes(vantage)))
    return Listeners(
        open=opened,
        idle=asked - opened - ports_of(outer),
        seen=asked | opened,
        old_open=old - asked - opened,
        asked=union(one.piece.observation.asked for one in tables) | opened | old,
        gaps=gaps,
        sockets=sockets,
        inner=(*inner, *kept) if vantage is None else (),
        sources=unique(one.piece.source for one in tables),
    )


def ports_of(sockets: Iterable[Socket]) -> PortSet:
    """Every port that one of them holds."""
    return PortSet.of(*{socket.port for socket in sockets})


def _reached(tables: Iterable[Dated], *scopes: Scope) -> tuple[Socket, ...]:
    """Return the host's own sockets of these scopes; those of another network namespace are not the host's."""
    return tuple(
        socket
        for one in tables
        for socket in one.piece.observation.sockets
        if socket.netns is None and not socket.client and socket.scope in scopes
    )


def _clients(tables: Iterable[Dated]) -> PortSet:
    """Return the ports of sockets that are likely clients': nobody can say, so they prove nothing."""
    return PortSet.of(
        *{
            socket.port
            for one in tables
            for socket in one.piece.observation.sockets
            if socket.client and socket.netns is None and socket.scope is Scope.NETWORK
        }
    )


def _scopes(vantage: str | None) -> tuple[Scope, ...]:
    return (Scope.NETWORK,) if vantage is None else (Scope.LOOPBACK,)


def _local(outer: tuple[Socket, ...], inner: tuple[Socket, ...], expectation: Expectation) -> tuple[Socket, ...]:
    return (*inner, *(socket for socket in outer if socket.port in expectation.permitted))


def _gaps(one: Dated) -> Iterable[Gap]:
    yield from unknown_gaps(None, one.piece.observation.unknown)
    for reason in (one.stale, broken(one.piece)):
        if reason and (asked := one.piece.observation.asked):
            yield Gap(ports=asked, reason=reason)
