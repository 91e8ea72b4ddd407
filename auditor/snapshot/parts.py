"""What is known of a target piece by piece: increments of one scan, and the parts of a scan that was resumed. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Final

from auditor.model.evidence import EVERY_PORT, GONE, INTERRUPTED, LOOKED, NO_ANSWER, Observation, Unknown
from auditor.model.ports import NO_PORTS, Port, PortSet, Protocol
from auditor.snapshot.encode import STATES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from auditor.model.evidence import ServiceSeen
    from auditor.model.target import Target

_ZERO: Final = PortSet.of(Port(Protocol.TCP, 0), Port(Protocol.UDP, 0))
_AXIS: Final = 2 * 65536
"""TCP and UDP lie on one axis, see :mod:`auditor.model.ports`."""
_UNSAID: Final = 0
_FIRST_REASON: Final = 1 + len(STATES)
_MOST_REASONS: Final = 256 - _FIRST_REASON
_WITNESSES: Final = 8
_OPEN_WITNESSES: Final = 5
"""Fewer than make a host suspect of answering on every port."""
_UNNAMED_WITNESSES: Final = 3


# -- increments ----------------------------------------------------------------------------------------------------


def composed(increments: Iterable[Observation]) -> Observation:
    """One observation of increments, oldest first, at least one: of each port the last one that speaks of it counts.

    Ports that were asked, and of which none speaks, are unknown: the scan had not come to them.

    :raises ValueError: more different reasons than anybody has.
    """
    codes = bytearray(_AXIS)
    reasons: dict[str, int] = {}
    services: dict[Port, ServiceSeen] = {}
    asked = unspoken = NO_PORTS
    alive: bool | None = None
    started: datetime | None = None
    for one in increments:
        for code, (_, state) in enumerate(STATES, start=1):
            _mark(codes, getattr(one, state), code)
        for unknown in one.unknown:
            _mark(codes, unknown.ports, _code_of(unknown.reason, reasons))
        services |= {service.port: service for service in one.services}
        asked |= one.asked
        unspoken |= one.unspoken
        alive = True if alive or one.alive else one.alive
        started = started or one.started
    states = {state: _marked(codes, code) for code, (_, state) in enumerate(STATES, start=1)}
    known = replace(
        one,
        open=states["open"],
        closed=states["closed"],
        filtered=states["filtered"],
        open_filtered=states["open_filtered"],
        closed_filtered=states["closed_filtered"],
        unknown=tuple(Unknown(ports=_marked(codes, code), reason=reason) for reason, code in reasons.items()),
        unspoken=unspoken & states["open_filtered"],
        asked=asked,
        alive=alive,
        started=started,
        services=tuple(services[port] for port in sorted(services)),
    )
    return _rest_unknown(known)


def _mark(codes: bytearray, ports: PortSet, code: int) -> None:
    for low, high in ports.ranges():
        codes[low : high + 1] = bytes([code]) * (high + 1 - low)


def _marked(codes: bytearray, code: int) -> PortSet:
    runs = re.finditer(re.escape(bytes([code])) + b"+", codes)
    return PortSet.from_bounds(tuple(chain.from_iterable(run.span() for run in runs)))


def _code_of(reason: str, reasons: dict[str, int]) -> int:
    if reason == INTERRUPTED:
        return _UNSAID
    if len(reasons) >= _MOST_REASONS and reason not in reasons:
        raise ValueError("too many different reasons for one target")
    return reasons.setdefault(reason, _FIRST_REASON + len(reasons))


def _rest_unknown(seen: Observation) -> Observation:
    unknown = tuple(one for one in seen.unknown if one.ports)
    rest = seen.asked - seen.accounted
    return replace(seen, unknown=(*unknown, Unknown(ports=rest, reason=INTERRUPTED)) if rest else unknown)


# -- parts of a resumed scan ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A target that an earlier scan began and did not finish, and what that scan knows of it."""

    target: Target
    seen: Observation

    @property
    def left(self) -> PortSet:
        """What has not been answered yet. Silence is no answer, and neither is a reason."""
        return self.target.ask - _ZERO - self.seen.seen

    @property
    def again(self) -> PortSet:
        """What was answered so that it would tell against the host, and may not have been looked at twice yet.

        Of ports that ought to be silent and are closed there can be tens of thousands: for these one look has to do.
        """
        surprises, seen = self.target.surprises, self.seen
        return (seen.open & surprises.open) | ((seen.closed | seen.filtered) & surprises.shut)

    @property
    def wanted(self) -> PortSet:
        """What there is to ask for its own sake."""
        return self.left | self.again

    @property
    def rest(self) -> Target:
        """What is to be asked now: what is wanted, and a few ports that have answered before.

        Silence says something of a port only where the host is there to answer: the witnesses tell whether it is, and
        how much gets lost on the way. Open ports that the policy does not name come first, as they tell a limit on
        refusals from one on connections.
        """
        ask = self.wanted | witnesses(self.seen, self.target.first, self.wanted)
        return replace(self.target, ask=ask, first=self.target.first & ask)


def witnesses(seen: Observation, named: PortSet, left: PortSet) -> PortSet:
    """A few ports that answered, of each protocol in which ports are left; open ones first.

    Where none of that protocol has answered, those of the other can tell at least that the host is there.
    """
    known = {protocol: _witnesses(seen, named, protocol) for protocol in Protocol}
    chosen = NO_PORTS
    for protocol in Protocol:
        if left.only(protocol):
            others = (known[other] for other in Protocol if other is not protocol)
            chosen |= known[protocol] or next(others)
    return chosen


def _witnesses(seen: Observation, named: PortSet, protocol: Protocol) -> PortSet:
    opened = seen.open.only(protocol)
    mine = _some(opened - named, _UNNAMED_WITNESSES)
    mine |= _some(opened & named, _OPEN_WITNESSES - len(mine))
    mine |= _some(opened - mine, _OPEN_WITNESSES - len(mine))
    for others in (seen.closed.only(protocol), seen.filtered.only(protocol)):
        mine |= _some(others, _WITNESSES - len(mine))
    return mine


def _some(ports: PortSet, most: int) -> PortSet:
    """At most so many of them, the lowest."""
    found: list[tuple[int, int]] = []
    for low, high in ports.ranges():
        if most <= 0:
            break
        high = min(high, low + most - 1)  # noqa: PLW2901 - the range is cut to what is wanted
        found.append((low, high))
        most -= high + 1 - low
    return PortSet(found)


def joined(begun: Begun, now: Observation) -> Observation:
    """One observation of both parts of a target's scan: what was answered before stays, the second part says the rest.

    A witness is asked again to vouch for the host, not to be judged again: only if it is open now does that count, as
    open outweighs the rest. An open port that tells against the host and answers otherwise now is in doubt; silence
    takes nothing back. Where the second part finds that the host answers on every port, no port that was open before is
    trusted either. The time is the first part's start, so that the whole is no fresher than its oldest piece.
    """
    before, left = begun.seen, begun.left
    doubts = _doubts(begun, now)
    doubtful = _all(one.ports for one in doubts)
    opened = (now.open & begun.target.ask) | (before.open - doubtful)
    unknown = [Unknown(ports=one.ports & left, reason=_since(one.reason, before)) for one in now.unknown]
    unknown += doubts
    return _rest_unknown(
        replace(
            now,
            open=opened,
            closed=(before.closed | now.closed & left) - opened,
            filtered=(before.filtered | now.filtered & left) - opened,
            open_filtered=(before.open_filtered | now.open_filtered & left) - opened,
            unspoken=((before.unspoken & before.open_filtered) | now.unspoken & left) - opened,
            unknown=_once_each(unknown),
            asked=begun.target.ask - _ZERO,
            alive=True if before.alive or now.alive else now.alive,
            services=tuple(one for one in _services(before, now) if one.port not in doubtful),
            notes=tuple(dict.fromkeys((*before.notes, *now.notes))),
            started=before.started or now.started,
            finished=None,
        )
    )


def news_of(begun: Begun, increment: Observation) -> Observation:
    """An increment of the second part as one of the whole: witnesses add nothing unless they are open."""
    left = begun.left
    return replace(
        increment,
        closed=increment.closed & left,
        filtered=increment.filtered & left,
        open_filtered=increment.open_filtered & left,
        unspoken=increment.unspoken & left,
        unknown=tuple(replace(one, ports=one.ports & left) for one in increment.unknown if one.ports & left),
        asked=begun.target.ask - _ZERO,
    )


def _once_each(unknown: Iterable[Unknown]) -> tuple[Unknown, ...]:
    found: dict[str, PortSet] = {}
    for one in unknown:
        found[one.reason] = found.get(one.reason, NO_PORTS) | one.ports
    return tuple(Unknown(ports=ports, reason=reason) for reason, ports in found.items())


def _doubts(begun: Begun, now: Observation) -> list[Unknown]:
    """Which of the ports that were open are not to be believed any more, and why."""
    before, surprising = begun.seen.open, begun.seen.open & begun.again
    if any(one.reason == EVERY_PORT for one in now.unknown):
        return [Unknown(ports=before.only(Protocol.TCP) - now.open, reason=EVERY_PORT)]
    found = [
        Unknown(ports=one.ports & surprising, reason=one.reason) for one in now.unknown if one.reason.startswith(LOOKED)
    ]
    found.append(Unknown(ports=now.closed & surprising, reason=f"{LOOKED} twice: open, then closed"))
    found.append(Unknown(ports=now.filtered & surprising, reason=f"{LOOKED} twice: open, then filtered"))
    return found


def _all(sets: Iterable[PortSet]) -> PortSet:
    found = NO_PORTS
    for ports in sets:
        found |= ports
    return found


def _since(reason: str, before: Observation) -> str:
    """A host that has answered before and is silent now is not one that never answered."""
    return GONE if before.alive and reason.startswith(NO_ANSWER) else reason


def _services(before: Observation, now: Observation) -> tuple[ServiceSeen, ...]:
    known = {service.port: service for service in (*before.services, *now.services)}
    return tuple(known[port] for port in sorted(known))
