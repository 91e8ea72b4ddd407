"""How fast, and how long to wait: a token bucket, a round-trip estimate and a timer wheel. No sockets, no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST_WAIT = 0.75
"""Seconds to wait for an answer while nothing is known of the way there: a satellite's round trip."""
PATIENT = 2.0
"""Who allows more seconds for an answer than these has a reason: a silent host's first ports are waited for so long."""
HASTY_WAIT = 0.25
"""The same, where a more patient pass is still to come."""
LATE_WAIT = 0.4
"""Seconds that the second pass waits at least: some ports of a host may be served from far away, through a tunnel or a
proxy, and the answers of the others tell nothing of that."""
_FLOOR, _FLOOR_TOP = 0.025, 0.1
_BUCKET = 0.01
_HANDFUL = 1 / 3
_TICK = 0.002
_STEADY, _JITTER = 1.25, 0.001
"""Answers take no longer than before: at most so many times the shortest, and so many seconds more."""
_LONG, _LATE = 3, 0.01
"""Answers take much longer: more than so many times the shortest, and so many seconds."""
_MODEST = 10_000
"""Packets a second that hardly any way is too narrow for."""
_LONGEST_QUEUE = 0.2

T = TypeVar("T")


class TokenBucket:
    """Packets that may leave now. ``rate`` None: no limit.

    ``depth`` seconds' worth can be saved up, a hundredth unless told otherwise, and always one packet.
    """

    __slots__ = ("_at", "_depth", "_rate", "_tokens")

    def __init__(self, rate: int | None, *, depth: float = _BUCKET) -> None:
        self._rate = rate
        self._depth = max(1.0, (rate or 0) * depth)
        self._tokens = self._depth
        self._at: float | None = None

    def take(self, wanted: int, now: float) -> int:
        """How many of the wanted packets may be sent at ``now``; they count as sent."""
        granted = min(wanted, self.left(wanted, now))
        self._tokens -= granted
        return granted

    def left(self, wanted: int, now: float) -> int:
        """How many packets may be sent at ``now``: so many as wanted, where there is no limit."""
        if self._rate is None:
            return wanted
        if self._at is not None:
            self._tokens = min(self._depth, self._tokens + (now - self._at) * self._rate)
        self._at = now
        return int(self._tokens)

    def ready(self, now: float) -> bool:
        """Whether a packet may be sent, or where many may, a handful: packets one by one are dear to deal out."""
        return self._rate is None or self.left(1, now) >= max(1.0, self._depth * _HANDFUL)

    @property
    def pause(self) -> float:
        """Seconds until it is :meth:`ready`, at the most."""
        return 0.0 if self._rate is None else min(1.0, max(0.001, max(1.0, self._depth * _HANDFUL) / self._rate))

    @property
    def rest(self) -> float:
        """Seconds until it is full again."""
        return 0.0 if self._rate is None else (self._depth - self._tokens) / self._rate


class RoundTrip:
    """Smoothed round-trip time and its variation (RFC 6298), in seconds; ``shortest`` is the least so far."""

    __slots__ = ("_smoothed", "_variation", "shortest")

    def __init__(self) -> None:
        self.shortest = float("inf")
        self._smoothed: float | None = None
        self._variation = 0.0

    def __bool__(self) -> bool:
        """Whether there is any sample yet."""
        return self._smoothed is not None

    def add(self, sample: float) -> None:
        """Learn from one answer."""
        self.shortest = min(self.shortest, sample)
        if self._smoothed is None:
            self._smoothed, self._variation = sample, sample / 2
            return
        self._variation += (abs(self._smoothed - sample) - self._variation) / 4
        self._smoothed += (sample - self._smoothed) / 8

    @property
    def smoothed(self) -> float:
        """The smoothed time; 0 where nothing is known."""
        return self._smoothed or 0.0

    @property
    def patience(self) -> float:
        """How long an answer may reasonably take; :data:`FIRST_WAIT` where nothing is known."""
        return FIRST_WAIT if self._smoothed is None else self._smoothed + 4 * self._variation


class Window:
    """How many probes may be under way at once: few at first, and more where that helps.

    It grows by half where it is full, at most once in the time that an answer takes: when nothing comes, as ports may
    be silent, or the way there long; and when answers come as fast as ever. Those that take longer than they did wait
    in a queue on the way, which more probes would make overflow; where they take much longer it shrinks.
    """

    __slots__ = ("_changed", "_first", "_heard", "_least", "_responsive", "_round_trip", "limit", "size")

    def __init__(self, first: int, limit: int) -> None:
        self.limit = max(1, limit)
        self.size = min(first, self.limit)
        self._first = first
        self._responsive = False
        self._round_trip = RoundTrip()
        self._least = 3600.0
        self._changed = 0.0
        self._heard: float | None = None

    @property
    def can_grow(self) -> bool:
        """Whether there is anything to wait for."""
        return self.size < self.limit

    def expect(self, seconds: float, *, responsive: bool) -> None:
        """Learn from others how long an answer takes (0: nobody knows), while there is no answer of one's own.

        ``responsive``: whoever is asked now answers, so that it proves a delay if nothing comes, for a moment.
        """
        self._responsive = responsive
        if seconds and not self._round_trip:
            self.sample(seconds)
            self.size = min(self.limit, max(self.size, int(seconds * _MODEST)))

    def sample(self, seconds: float) -> None:
        """Learn how long an answer took."""
        self._round_trip.add(seconds)
        self._least = min(self._least, seconds)

    def heard(self, now: float, *, full: bool) -> None:
        """Something came; ``full``: there was more to send than it has room for."""
        taken = self._round_trip.smoothed
        self._heard = now
        if full and taken <= _STEADY * self._least + _JITTER:
            self._grow(now)
        elif taken <= _LONG * self._least + _LATE:
            self._changed = now
        elif now >= self._changed + taken:
            self.size = min(self.limit, max(self._first, self.size * 3 // 4))
            self._changed = now

    def quiet(self, now: float) -> None:
        """It is full, and nothing has come. A queue on the way lets something through all the time."""
        if self._heard is None:
            self._heard = now
        if not self._responsive or now >= self._heard + max(_LONGEST_QUEUE, self._round_trip.patience):
            self._grow(now)

    def _grow(self, now: float) -> None:
        if now >= self._changed + self._round_trip.smoothed:
            self.size = min(self.limit, self.size + self.size // 2 + self._first // 4)
            self._changed = now

    def halve(self, least: int = 1) -> None:
        """This machine was short of something."""
        self.size = min(self.limit, max(least, self.size // 2))

    def bound(self, limit: int) -> None:
        """No more than so many from now on."""
        self.limit = max(1, limit)
        self.size = min(self.size, self.limit)


def queueing(under_way: int) -> float:
    """Seconds that so many probes may have to wait for each other on a narrow way.

    Without that they would be given up while their answers are still to come, and others would be sent after them into
    the same queue, so that hardly any answer is in time.
    """
    return min(_LONGEST_QUEUE, under_way / _MODEST)


def patience(own: RoundTrip, group: RoundTrip, passes: int, ceiling: float) -> float:
    """Seconds to wait for an answer of a host in its pass number ``passes`` (from 0).

    A host that has not answered yet gets twice what the others need.
    """
    wait = own.patience if own or not group else 2 * group.patience
    floor = min(_FLOOR * (1 << passes), _FLOOR_TOP)
    return min(ceiling, max(wait, floor))


class Wheel(Generic[T]):
    """Things to look at when their time has come, in buckets of two milliseconds."""

    __slots__ = ("_buckets", "_next")

    def __init__(self) -> None:
        self._buckets: dict[int, list[T]] = {}
        self._next: int | None = None

    def bucket(self, when: float) -> list[T]:
        """Where to put what is due at ``when``; valid until the next call of :meth:`due`."""
        tick = int(when / _TICK) + 1
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = []
            self._next = tick if self._next is None else min(self._next, tick)
        return bucket

    def due(self, now: float) -> Iterator[T]:
        """Everything whose time has come, earliest first."""
        limit = int(now / _TICK)
        while self._next is not None and self._next <= limit:
            for tick in sorted(tick for tick in self._buckets if tick <= limit):
                yield from self._buckets.pop(tick)
            self._next = min(self._buckets, default=None)

    @property
    def next_due(self) -> float | None:
        """When the earliest thing is due."""
        return None if self._next is None else self._next * _TICK
