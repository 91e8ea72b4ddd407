"""Whether nobody is there: gives up addresses early, on evidence. No sockets, no clock.

Silence is no evidence: a host may drop everything but one port, so all its ports are asked. It is evidence if a router
says that it cannot reach the host, or if no neighbour answers for the address (ARP, RFC 826; NDP, RFC 4861). Such an
address is asked a few ports again, spread over some time, and the others wait; if nothing but such messages comes,
they are not asked at all.
"""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING, Final

from auditor.collect.probe.icmp import NO_NEIGHBOUR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from auditor.collect.probe.subject import Subject

MESSAGE_WAIT: Final = 3.2
"""Seconds for which a look is kept up: Linux looks three seconds for a neighbour before it says that there is none."""
_LOOKS: Final = 3
_QUIET: Final = 2.2
"""Seconds without a packet before the second look: Linux allows a message a second, and spends two on one."""
_PAUSE: Final = 0.8
"""Seconds before the third look, and until its verdict."""
_SPREAD: Final = 1.2
"""So far apart are the first and the last message, at least: a network that is just being rebuilt is no dead host."""
_DOUBT: Final = 8.0
"""Then the ports are asked after all. A router that looks for a neighbour gives up after some three seconds."""


class Absence:
    """The evidence that one address is nobody's. ``doubtful``: it is being looked into, and asked nothing else."""

    __slots__ = ("_first", "_last", "_until", "certain", "doubtful", "looks", "reason")

    def __init__(self) -> None:
        self.doubtful = False
        self.certain = False
        """Nothing more is needed."""
        self.reason = ""
        self.looks = 1
        self._first: float | None = None
        self._last = self._until = 0.0

    def note(self, reason: str, now: float) -> bool:
        """A message came. Whether this begins an inquiry: there is one for each address."""
        begins = self._first is None
        if self._first is None:
            self._first, self._until = now, now + _DOUBT
            self.doubtful = True
        self._last = now
        self.reason = reason
        return begins

    @property
    def sure(self) -> bool:
        """Whether that is enough: several looks, and messages far enough apart."""
        if self.certain:
            return True
        return self.looks >= _LOOKS and self._first is not None and self._last - self._first >= _SPREAD

    @property
    def pause(self) -> float:
        """Seconds until the next look."""
        if self.certain:
            return 0.0
        return _PAUSE if self.looks in {2, 3} or self.reason == NO_NEIGHBOUR else _QUIET

    def too_long(self, now: float) -> bool:
        """Whether it has been looked into for long enough without coming to an end."""
        return now >= self._until


class Inquiry:
    """Looks into all addresses of which there is such a message.

    ``no_neighbour`` says whether nobody answers for an address, with the number of its zone, at this time;
    ``others_answer`` whether there are hosts that do answer.
    """

    def __init__(
        self, no_neighbour: Callable[[str, int | None, float], bool], others_answer: Callable[[], bool]
    ) -> None:
        self._no_neighbour = no_neighbour
        self._others_answer = others_answer
        self._open: list[tuple[float, int, Subject]] = []
        self._serial = count()

    def hear(self, subject: Subject, reason: str, now: float) -> None:
        """Somebody says that the host cannot be reached.

        That no neighbour answers is said after three requests. Where others answer, the network is not to blame.
        """
        if subject.alive:
            return
        begins = subject.absence.note(reason, now)
        if reason == NO_NEIGHBOUR and not subject.absence.certain and self._others_answer():
            subject.absence.certain = begins = True
        if begins:
            self._adjourn(subject, now)

    def wonder(self, subject: Subject, now: float) -> None:
        """Its first ports have kept silent: does a neighbour answer for the address at all?

        That none has answered yet is no more than a first sign.
        """
        absent = not subject.alive and self._no_neighbour(subject.host, subject.scope, now)
        if absent and subject.absence.note(NO_NEIGHBOUR, now):
            self._adjourn(subject, now)

    def proceed(self, now: float) -> Iterator[Subject]:
        """Those whose inquiry has gone on, or has ended: they may have something to ask, or be finished."""
        while self._open and self._open[0][0] <= now:
            subject = heapq.heappop(self._open)[2]
            if subject.course.verdict is not None:
                continue
            self.wonder(subject, now)
            absence = subject.absence
            if subject.alive or subject.refused_on_the_way:
                absence.doubtful = False
            elif absence.sure:
                subject.give_up(absence.reason)
            elif absence.too_long(now):
                absence.doubtful = False
            else:
                absence.looks += 1
                subject.look_again()
                self._adjourn(subject, now)
            yield subject

    def pause(self, now: float) -> float:
        """Seconds until :meth:`proceed` has something to do."""
        return max(0.0, self._open[0][0] - now) if self._open else 3600.0

    def _adjourn(self, subject: Subject, now: float) -> None:
        heapq.heappush(self._open, (now + subject.absence.pause, next(self._serial), subject))
