"""How to learn from a host that refuses only so many ports a second. Pure; the clock is the caller's.

Linux lets an address have one ICMP error a second after the first six (icmp(7), icmp_ratelimit; IPv6 ten), other
systems a few. While the host has a refusal to spend, a closed port cannot keep silent: so it is asked for little, and
only after it has had the time to save up. Whatever stays silent then, until a refusal comes that shows there was one
to spend, is silent by itself. Silent ports cost no refusal: as long as all are silent they are asked in growing groups.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

INTERVAL4: Final = 1.05
INTERVAL6: Final = 0.11
_QUICK: Final = 0.02
_TRIAL: Final = 4
_MOST: Final = 64
_STREAK: Final = 256
_FAILURES: Final = 3


class Trickle:
    """The slow part of a scan of one host.

    ``candidates`` come in the order of their importance; ``witnesses`` are known to be refused; ``open_to_doubt``
    says whether a candidate still has no answer, ``until`` when it is no longer worth the time. ``interval`` is the
    time after which the host surely has a refusal again. ``shown_silent`` are silent though it had one.
    """

    def __init__(
        self,
        candidates: Iterable[int],
        witnesses: Sequence[int],
        open_to_doubt: Callable[[int], bool],
        *,
        interval: float,
        began: float,
        until: Callable[[int], float],
    ) -> None:
        self.due = began
        """When :meth:`step` has something to ask."""
        self.finished = False
        self.shown_silent: list[int] = []
        self._queue = deque(candidates)
        self._witnesses = witnesses
        self._open_to_doubt = open_to_doubt
        self._until = until
        self._slow = interval
        self._interval = min(interval, _QUICK)
        self._on_trial = True
        self._group = _TRIAL
        self._asked: list[int] = []
        self._silent: set[int] = set()
        self._witness: int | None = None
        self._turn = 0
        self._streak: list[int] = []
        self._refused = False
        self._spent = began
        self._failures = 0

    def step(self, now: float) -> list[int]:
        """Conclude from what was asked last, if it was; then what to ask now. Nothing: wait until ``due``, or the end.

        To be called when all that was asked is answered, or the time for answers is over.
        """
        if self._witness is not None:
            self._hear_witness(now)
        elif self._asked:
            self._conclude(now)
        self._asked, self._witness = [], None
        self._drop_answered()
        if not self._streak and not self._worth_asking(max(now, self.due)):
            self.finished = True
        if self.finished or now < self.due:
            return []
        group = [] if len(self._streak) >= _STREAK else self._take(now)
        if group:
            self._asked = group
        elif self._streak and self._witnesses:
            self._witness = self._witnesses[self._turn % len(self._witnesses)]
            self._turn += 1
            group = [self._witness]
        else:
            self.finished = True
        self._silent = set(group)
        self._refused = False
        return group

    def heard(self, number: int, now: float, *, refusal: bool) -> None:
        """An answer came about this port. A refusal is one less to spend."""
        if refusal:
            self._spent = now
            self._refused = True
        self._silent.discard(number)

    def _drop_answered(self) -> None:
        while self._queue and not self._open_to_doubt(self._queue[0]):
            self._queue.popleft()

    def _worth_asking(self, when: float) -> bool:
        return bool(self._queue) and self._until(self._queue[0]) > when

    def _take(self, now: float) -> list[int]:
        if self._on_trial and len(self._witnesses) >= _TRIAL:  # who was refused before tells most surely
            return list(self._witnesses[:_TRIAL])
        group: list[int] = []
        while len(group) < self._group and self._worth_asking(now):
            group.append(self._queue.popleft())
            self._drop_answered()
        return group

    def _conclude(self, now: float) -> None:
        silent = [one for one in self._asked if one in self._silent]
        self.due = now
        if self._on_trial and silent:  # not as generous as that
            self._queue.extendleft(reversed(silent))
            self._settle_down()
        elif not self._refused:
            self._streak += silent
            self._group = min(_MOST, 2 * self._group)
        else:
            self._confirm()
            self.due = max(now, self._spent + self._interval)
            if silent:  # which of these would have been refused, nobody knows
                self._queue.extendleft(reversed(silent))
                self._group = max(1, self._group // 2)
            elif self._interval <= _QUICK:
                self._group = min(_MOST, 2 * self._group)
            else:
                self._group = 1

    def _hear_witness(self, now: float) -> None:
        if self._witness not in self._silent:
            self._failures = 0
            self._confirm()
            self.due = max(now, self._spent + self._interval)
            return
        self._failures += 1
        self._queue.extendleft(reversed(self._streak))
        self._streak = []
        self._spent = now
        self._settle_down()
        self.due = now + self._interval * 2 ** (self._failures - 1)
        self.finished = self._failures >= _FAILURES

    def _confirm(self) -> None:
        """The host had a refusal to spend just now, so it had one all the while since the last."""
        self._on_trial = False
        self.shown_silent += self._streak
        self._streak = []

    def _settle_down(self) -> None:
        self._on_trial = False
        self._interval = self._slow
        self._group = 1
        self.due = self._spent + self._interval
