"""A UDP scan of many addresses: deals out what is to be asked, fairly and at the rate, and hands over what comes back.

What to ask a host, and when it has been asked enough, is `subject`'s business; the sockets are `wire`'s.
"""

from __future__ import annotations

import heapq
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Final

from auditor.collect.probe.chunk import LOCAL, OPEN
from auditor.collect.probe.conntrack import PAUSE, Tracking
from auditor.collect.probe.dealing import Dealer
from auditor.collect.probe.icmp import KEPT_IN
from auditor.collect.probe.local import is_local
from auditor.collect.probe.pacing import HASTY_WAIT, LATE_WAIT, RoundTrip, patience
from auditor.collect.probe.udp.meaning import meaning
from auditor.collect.probe.udp.own import ask_alone
from auditor.collect.probe.udp.rounds import HURRIED
from auditor.collect.probe.udp.subject import asked
from auditor.collect.probe.udp.wire import Outcome, Wire

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Iterator

    from auditor.collect.probe.udp.subject import Subject
    from auditor.collect.probe.udp.wire import Datagram
    from auditor.model.target import Batch, Observer, Target

_PORTS: Final = 8 << 20
"""Ports of the hosts under way, all together: each costs some five bytes. The other hosts wait their turn."""
_EACH: Final = 2048
"""Every host costs as much as so many ports."""
_ROOM: Final = 1 << 30
_TURN_LEAST, _TURN_MOST, _TURNS = 4, 32, 2048
_BETWEEN_LOOKS: Final = 512
_BUSY_PAUSE: Final = 0.002
_BUSY_TOO_LONG: Final = 5.0
_STUCK: Final = "local: this machine's network does not take packets"
_REPORT_EVERY: Final = 0.2


class Campaign:
    """Scans subjects; iterate to get each when it is finished.

    ``active`` are under way, ``waiting`` not begun; ``held`` are done but for what our own sockets stood in the way of.
    """

    def __init__(
        self,
        waiting: deque[Target],
        subject_of: Callable[[Target, Callable[[Subject, int], float]], Subject],
        batch: Batch,
        observer: Observer,
    ) -> None:
        self.waiting = waiting
        self._subject_of = subject_of
        self.active: dict[int, Subject] = {}
        self.held: list[Subject] = []
        self._batch = batch
        self._observer = observer
        self._tracking = Tracking(observer)
        self._dealer: Dealer[Subject] = Dealer(batch, _ROOM)
        self._group = RoundTrip()
        self._wire = Wire()
        self._timers: list[tuple[float, int, Subject]] = []
        self._serial = count()
        self._at: dict[tuple[str, int], list[Subject]] = {}
        self._ports = 0
        self._total = 0
        self._done = self._opened = 0
        self._told = 0.0
        self._busy_since: float | None = None
        self._pause = 0.0

    def patience(self, subject: Subject, passes: int) -> float:
        """How long an answer of this host may take in this pass, in seconds."""
        wait = patience(subject.round_trip, self._group, passes, self._batch.timeout)
        if passes >= HURRIED and not subject.round_trip:
            return min(wait, HASTY_WAIT)
        return min(self._batch.timeout, max(wait, LATE_WAIT)) if passes == 1 else wait

    def __iter__(self) -> Iterator[Subject]:
        """Each subject when its verdict is known; those on this machine that need a second look last."""
        self._total = sum(asked(target) for target in self.waiting)
        try:
            self._admit()
            while self.active:
                self._deal()
                self._listen()
                for subject in self._turn():
                    self._retire(subject)
                    if subject.own:
                        self.held.append(subject)
                    else:
                        yield subject
                self._admit()
                self._tell()
                if self._pause:
                    self._wire.wait(self._idle())
        finally:
            self._wire.close()
        while self.held:
            _look_at_own(self.held[-1])
            yield self.held.pop()
        self._tell(last=True)

    # -- dealing out ---------------------------------------------------------------------------------------------

    def _admit(self) -> None:
        while self.waiting and (self._ports < _PORTS or not self.active):
            subject = self._subject_of(self.waiting.popleft(), self.patience)
            subject.local = is_local(subject.place.host, subject.place.scope)
            if subject.local:
                subject.own = self._wire.own_ports(six=":" in subject.place.host)
            now = monotonic()
            subject.begin(now)
            self._ports += _EACH + subject.size
            self.active[id(subject)] = subject
            self._at.setdefault(subject.place, []).append(subject)
            self._dealer.join(subject)
            self._line_up(subject)

    def _line_up(self, subject: Subject) -> None:
        """To the sending queue, or to the timers."""
        if subject.hungry:
            self._dealer.enlist(subject)
            self._pause = 0.0
        elif subject.due is not None:
            heapq.heappush(self._timers, (subject.due, next(self._serial), subject))

    def _deal(self) -> None:
        """Send for a while: turn by turn, as far as rate and buffers allow."""
        self._pause = 0.0
        budget = _BETWEEN_LOOKS
        share = max(_TURN_LEAST, min(_TURN_MOST, _TURNS // max(1, len(self.active))))
        while budget > 0 and not self._pause:
            now = monotonic()
            if self._tracking.holds(now):
                self._pause = PAUSE
                return
            subject = self._dealer.pick(now)
            if subject is None:
                self._pause = min(_REPORT_EVERY, self._dealer.pause(now))
                return
            granted = self._dealer.grant(subject, min(share, subject.pending), now)
            self._dealer.give_back(subject, granted)  # what is under way takes up no room of ours
            budget -= granted
            self._serve(subject, granted)
            self._hear_errors()

    def _serve(self, subject: Subject, granted: int) -> None:
        asks = subject.take(granted)
        now = monotonic()
        for number, ask in enumerate(asks):
            said = self._wire.send(
                subject.place, ask.port, ask.payload.datagram, wandering=ask.payload.wanders, again=ask.again
            )
            if said == KEPT_IN and self._tracking.lost(now, monotonic()):
                said = Outcome.BUSY
            if said is Outcome.SENT:
                self._busy_since = None
                subject.sent(ask, now)
            elif isinstance(said, str):
                subject.refused_here(ask, said, now)
            elif now - (self._busy_since or now) > _BUSY_TOO_LONG:
                subject.refused_here(ask, _STUCK, now)
            else:
                self._busy_since = self._busy_since or now
                self._pause = _BUSY_PAUSE
                subject.unsent(asks[number:])
                break
        if subject.hungry:
            self._dealer.enlist(subject)
        else:
            subject.exhausted()
            self._line_up(subject)

    def _idle(self) -> float:
        """How long nothing can happen but an answer."""
        wait = self._pause
        if self._timers:
            wait = min(wait, self._timers[0][0] - monotonic())
        return wait

    # -- gathering -----------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        self._hear_errors()
        for datagram in self._wire.datagrams():
            for subject in self._at.get(datagram.place, ()):
                self._hear(subject, datagram)

    def _hear_errors(self) -> None:
        messages = self._wire.errors()
        if not messages:
            return
        now = monotonic()
        for place, message in messages:
            for subject in self._at.get(place, ()):
                meant = meaning(message, target_is_ours=subject.local)
                if meant is not None:
                    self._note(subject, message.port, meant[0], meant[1], now)

    def _hear(self, subject: Subject, datagram: Datagram) -> None:
        """A datagram from a host under scan: from a port that was asked, or from another on behalf of one."""
        if datagram.wandering:
            port = subject.wanderer(datagram.port)
        else:
            port = datagram.port if subject.ledger.index(datagram.port) is not None else None
        if port is not None:
            self._note(subject, port, OPEN, "", monotonic(), again=datagram.again)
            subject.ledger.identify(port, datagram.data)

    def _note(self, subject: Subject, port: int, code: int, reason: str, now: float, *, again: bool = False) -> None:
        before = subject.due
        sample = subject.hear(port, code, reason, now, again=again)
        if sample is not None:
            self._group.add(sample)
        if subject.due is not None and subject.due != before:
            self._line_up(subject)

    def _turn(self) -> Iterator[Subject]:
        """Whoever's time has come goes on; those that are finished are handed out."""
        now = monotonic()
        while self._timers and self._timers[0][0] <= now:
            _, _, subject = heapq.heappop(self._timers)
            if subject.due is None or subject.due > now or subject.finished:
                continue  # it was put forward, and has been served
            if subject.advance(now):
                yield subject
            else:
                self._line_up(subject)

    def _retire(self, subject: Subject) -> None:
        del self.active[id(subject)]
        self._dealer.leave(subject)
        same = self._at[subject.place]
        same.remove(subject)
        if not same:
            del self._at[subject.place]
        self._ports -= _EACH + subject.size
        self._done += subject.size
        self._opened += subject.ledger.tally.opens

    def _tell(self, *, last: bool = False) -> None:
        now = monotonic()
        if not last and now < self._told + _REPORT_EVERY:
            return
        self._told = now
        done = self._done + sum(subject.progress for subject in self.active.values())
        opened = self._opened + sum(subject.ledger.tally.opens for subject in self.active.values())
        self._observer.progress(self._total if last else done, self._total, opened)


def _look_at_own(subject: Subject) -> None:
    """The ports that our own sockets held: now that these are closed, the truth about them."""
    ledger = subject.ledger
    for port in sorted(subject.own):
        index = subject.plan.ports.index(port)
        code, reason, data = ask_alone(subject.place, port)
        if code == LOCAL:
            ledger.doubt(index, code, reason)
        elif not data and code != OPEN:
            ledger.states[index] = code
        else:
            ledger.answer(index, code, reason)
            ledger.identify(port, data)
