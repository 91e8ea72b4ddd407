"""Who may be asked now, and how much: turns, the rate over all, and the rate of each address. No sockets, no clock."""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, Protocol, TypeVar

from auditor.collect.probe.pacing import TokenBucket
from auditor.collect.probe.turns import Load, Turns, network_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.collect.probe.turns import Network
    from auditor.model.target import Batch, Target

_BREATH: Final = 0.1
"""Seconds' worth that a slow address may get at once: it is looked after so often, and not at every packet."""

_EVENLY: Final = 0.002
"""The same for one that is slowed down, as a policer on the way may let no burst pass."""


class Asked(Protocol):
    """What is dealt to: an address under scan."""

    target: Target

    @property
    def hungry(self) -> bool:
        """Whether it has something to ask now, and may."""
        ...


T = TypeVar("T", bound=Asked)


class _Place(NamedTuple):
    network: Network
    bucket: TokenBucket


class Dealer(Generic[T]):
    """Deals out permissions to send. ``room`` is how many probes may be under way at once.

    Those that have not answered yet come last: they hold up nobody, and by then the way there is known better.
    """

    def __init__(self, batch: Batch, room: int) -> None:
        self.starved = False
        """Whether somebody would have been dealt to, had the rate allowed it."""
        self._bucket = TokenBucket(batch.rate)
        self._host_rate = batch.host_rate
        self._load = Load(room)
        self._first: Turns[T] = Turns(self._load.full)
        self._last: Turns[T] = Turns(self._load.full)
        self._places: dict[int, _Place] = {}
        self._listed: dict[int, Turns[T] | None] = {}  # None: it has used up its own rate, and rests
        self._resting: list[tuple[float, int, T]] = []
        self._serial = count()

    def join(self, one: T) -> None:
        """It is under way from now on."""
        network = network_of(one.target.address)
        self._places[id(one)] = _Place(network, TokenBucket(self._host_rate, depth=_BREATH))
        self._load.join(network)

    def leave(self, one: T) -> None:
        """It is finished; nothing is kept."""
        self._load.leave(self._places.pop(id(one)).network)
        self._listed.pop(id(one), None)

    def enlist(self, one: T, *, last: bool = False) -> None:
        """Line it up, if it is hungry; it moves where it stands in the other line."""
        line = self._last if last else self._first
        before = self._listed.get(id(one), line if not one.hungry else None)
        if before is line or (before is None and id(one) in self._listed):
            return
        network = self._places[id(one)].network
        if before is not None:
            before.remove(one, network, one.target.host)
        self._listed[id(one)] = line
        line.add(one, network, one.target.host)

    def pick(self, now: float, fits: Callable[[T], bool] = lambda _: True) -> T | None:
        """Who is next. It is no longer lined up; it can be granted at least one packet."""
        self.starved = False
        self._wake(now)
        if not self._bucket.ready(now):
            self.starved = bool(self._listed)
            return None
        while (one := self._first.take(fits) or self._last.take(fits)) is not None:
            self._listed.pop(id(one), None)
            place = self._places.get(id(one))
            if place is None or not one.hungry:
                continue
            if place.bucket.left(1, now):
                return one
            self._listed[id(one)] = None
            heapq.heappush(self._resting, (now + place.bucket.rest, next(self._serial), one))
        return None

    def grant(self, one: T, wanted: int, now: float) -> int:
        """How many packets it may send; they count as sent, and as under way until :meth:`give_back`."""
        place = self._places[id(one)]
        granted = place.bucket.take(self._bucket.take(min(wanted, place.bucket.left(wanted, now)), now), now)
        self._load.add(place.network, granted)
        return granted

    def give_back(self, one: T, number: int) -> None:
        """So many of its packets are no longer under way."""
        place = self._places.get(id(one))
        if place is not None:
            self._load.add(place.network, -number)

    def slow_down(self, one: T, rate: int) -> None:
        """From now on it gets at most so many packets a second, evenly: what is on the way there takes no more."""
        slower = TokenBucket(min(rate, self._host_rate or rate), depth=_EVENLY)
        self._places[id(one)] = self._places[id(one)]._replace(bucket=slower)

    def pause(self, now: float) -> float:
        """Seconds until asking again may be worth while, as far as the rates are concerned."""
        wait = self._bucket.pause if self.starved else 3600.0
        return min(wait, max(0.0, self._resting[0][0] - now)) if self._resting else wait

    def _wake(self, now: float) -> None:
        while self._resting and self._resting[0][0] <= now:
            one = heapq.heappop(self._resting)[2]
            if id(one) in self._places and self._listed.pop(id(one), None) is None:
                self.enlist(one)
