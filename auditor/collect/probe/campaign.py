"""A scan of many addresses: deals out what is to be asked, fairly, and gathers what comes back. No sockets of its own.

It knows nothing of how a port is asked: that is a method's business (`methods`), here or in a second process
(`helper`). When a host has been asked enough is `subject`'s and `rounds`' business.
"""

from __future__ import annotations

import heapq
from time import monotonic
from typing import TYPE_CHECKING, Final

from auditor.collect.probe.absence import Inquiry
from auditor.collect.probe.agenda import LOOK, UNHURRIED
from auditor.collect.probe.chunk import SILENT, UNREACHED
from auditor.collect.probe.conntrack import PAUSE, Tracking
from auditor.collect.probe.dealing import Dealer
from auditor.collect.probe.helper import Helper, News, worth_help
from auditor.collect.probe.local import Neighbourhood
from auditor.collect.probe.methods import method_named
from auditor.collect.probe.rounds import Next
from auditor.collect.probe.timeouts import Timeouts

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Iterator

    from auditor.collect.probe.chunk import Chunk
    from auditor.collect.probe.icmp import Message
    from auditor.collect.probe.late import Late
    from auditor.collect.probe.methods import Method
    from auditor.collect.probe.subject import Subject
    from auditor.model.target import Batch, Observer, Target

_STATES: Final = 128 << 20
"""Bytes for the states of the subjects under way; the others wait their turn."""
_EACH, _A_PORT = 32 << 10, 5
"""Bytes for a subject, with room to spare, and for each port: its state, and a place in what has yet to be asked, or
asked again."""
_LARGE, _SMALL, _AWAY = 512, 16, 256
_MANY: Final = 8
_REPORT_EVERY: Final = 0.2
_SLOWER: Final = (4000, 1000, 250)
"""Packets a second for an address once asking it faster has overrun the way there: for the first time, and later."""


class Campaign:
    """Scans subjects; iterate to get each when it is finished. ``active`` are under way, ``waiting`` not begun."""

    def __init__(
        self,
        waiting: deque[Target],
        subject_of: Callable[[Target], Subject],
        batch: Batch,
        observer: Observer,
        *,
        descriptors: int,
    ) -> None:
        self.waiting = waiting
        self.active: dict[int, Subject] = {}
        self._subject_of = subject_of
        self._batch = batch
        self._observer = observer
        self._timeouts = Timeouts(batch.timeout)
        self._later: list[tuple[float, int, Subject]] = []
        self._by_host: dict[str, list[Subject]] = {}
        self._said: dict[str, dict[int, tuple[int, str]]] = {}
        self._owner: dict[int, Subject] = {}
        self._tracking = Tracking(observer)
        self._inquiry = Inquiry(Neighbourhood().lacks, lambda: bool(self._timeouts.group))
        self._number = 0
        self._bytes = 0
        self._total = batch.probes
        self._done = self._opened = 0
        self._told = 0.0
        self._method = method_named(batch.method)
        most = self._method.most
        window = min(batch.max_inflight or 2 * most, 2 * most)
        self._helped = worth_help(batch) and min(window, descriptors) >= 256
        self._window = window // 2 if self._helped else window
        if self._method.a_descriptor_each:  # as many again in the second process
            self._window = min(self._window, descriptors)
        self._dealer: Dealer[Subject] = Dealer(batch, self._window * (2 if self._helped else 1))
        self._helper: Helper | None = None

    def __iter__(self) -> Iterator[Subject]:
        """Each subject when its verdict is known. Nothing stays open however this ends."""
        if self._helped:
            self._helper = Helper(self._method, self._window)
        prober = self._method(self._take_here, window=self._window)
        try:
            if self._helper is not None:
                prober.listen(self._helper.descriptor)
            yield from self._run(prober)
        finally:
            prober.close()
            if self._helper is not None:
                self._helper.close()

    def _run(self, prober: Method) -> Iterator[Subject]:
        self._admit()
        while self.active:
            prober.step(self._patience())
            yield from self._gather(prober)
            self._tell()
        self._tell(last=True)

    # -- dealing out ---------------------------------------------------------------------------------------------

    def _admit(self) -> None:
        """Begin with as many subjects as memory allows."""
        while self.waiting and (self._bytes < _STATES or not self.active):
            subject = self._subject_of(self.waiting.popleft())
            subject.begin()
            self.active[id(subject)] = subject
            self._by_host.setdefault(subject.host, []).append(subject)
            self._bytes += _size(subject)
            self._dealer.join(subject)
            self._enlist(subject)

    def _enlist(self, subject: Subject) -> None:
        self._dealer.enlist(subject, last=subject.unheard)

    def _take_here(self) -> Chunk | None:
        return self._take(away=False)

    def _take(self, *, away: bool) -> Chunk | None:
        """The next chunk, of the subject whose turn it is; None where there is nothing to do or no permission now."""
        now = monotonic()
        if self._tracking.holds(now):
            return None
        subject = self._dealer.pick(now, self._may_go) if away else self._dealer.pick(now)
        if subject is None:
            return None
        chunk = self._cut(subject, now, away=away)
        self._enlist(subject)
        return chunk

    def _may_go(self, subject: Subject) -> bool:
        """Whether the second process can ask it: it cannot learn meanwhile how long to wait."""
        if not subject.hungry:
            return True
        return subject.agenda.work[0].role not in UNHURRIED | {LOOK} and bool(
            subject.round_trip or self._timeouts.group or subject.silent
        )

    def _cut(self, subject: Subject, now: float, *, away: bool) -> Chunk:
        left = len(subject.agenda.work[0].ports)
        share = max(_AWAY if away else _SMALL, min(_LARGE, self._window // len(self.active)))
        if away and len(self.active) < _MANY:  # in small pieces towards the end: neither is to wait long for the other
            share = min(share, max(_SMALL, left // 8))
        granted = self._dealer.grant(
            subject, min(share, left, max(1, subject.agenda.cap - subject.agenda.outstanding)), now
        )
        self._number += 1
        chunk = subject.next(self._number, granted, self._timeouts.of(subject, subject.agenda.work[0].role))
        chunk.round_trip = subject.round_trip.smoothed or self._timeouts.group.smoothed
        chunk.responsive = subject.responsive
        chunk.dealt = now
        self._owner[chunk.number] = subject
        return chunk

    def _patience(self) -> float:
        """How long nothing can happen but an answer or a timeout."""
        now = monotonic()
        if self._tracking.holds(now):
            return PAUSE
        wait = min(_REPORT_EVERY, self._dealer.pause(now), self._inquiry.pause(now))
        return min(wait, max(0.0, self._later[0][0] - now)) if self._later else wait

    # -- gathering -----------------------------------------------------------------------------------------------

    def _gather(self, prober: Method) -> Iterator[Subject]:
        """Take over what has come back, move its subjects on, and give out the subjects that are finished."""
        if prober.finished:
            prober.drain()
        news = News(prober.samples, prober.messages, prober.finished, prober.late)
        prober.samples, prober.messages, prober.finished, prober.late = [], [], [], []
        if prober.others:
            prober.others.clear()
            self._hear(news, prober)
        now = monotonic()
        touched = self._take_over(news, now)
        touched |= self._wake(now)
        for subject in self._inquiry.proceed(now):
            touched[id(subject)] = subject
            if subject.course.doomed is not None:
                self._disown(subject)
        for subject in touched.values():
            yield from self._advance(subject, now)
        self._feed(prober)

    def _take_over(self, news: News, now: float) -> dict[int, Subject]:
        for chunk, seconds in news.samples:
            self._learn(chunk, seconds)
        for message, code, reason in news.messages:
            self._note(message, code, reason, now)
        touched = {}
        for chunk in news.finished:
            subject = self._owner.pop(chunk.number, None)
            if subject is None:
                continue
            self._dealer.give_back(subject, len(chunk.ports))
            unreached = chunk.reasons.get(chunk.codes.find(UNREACHED))
            swallowed = SILENT in chunk.codes and self._tracking.lost(chunk.dealt, now)
            subject.absorb(chunk, self._said.get(subject.host, {}), swallowed=swallowed)
            touched[id(subject)] = subject
            if unreached is not None:
                self._inquiry.hear(subject, unreached, now)
            elif chunk.role in UNHURRIED and subject.silent:
                self._inquiry.wonder(subject, now)
        for answer in news.late:
            self._hear_late(answer)
        return touched

    def _wake(self, now: float) -> dict[int, Subject]:
        """Those whose pause is over."""
        awake = {}
        while self._later and self._later[0][0] <= now:
            subject = heapq.heappop(self._later)[2]
            subject.course.pause = 0.0
            if id(subject) in self.active:
                awake[id(subject)] = subject
        return awake

    def _feed(self, prober: Method) -> None:
        while self._helper is not None and self._helper.hungry:
            chunk = self._take(away=True)
            if chunk is None:
                return
            if not self._helper.give(chunk):
                self._bury(prober)

    def _hear(self, news: News, prober: Method) -> None:
        if self._helper is not None and not self._helper.hear(news):
            self._bury(prober)

    def _bury(self, prober: Method) -> None:
        """The second process is gone: what it had is asked here again."""
        helper, self._helper = self._helper, None
        if helper is None:
            return
        prober.unlisten(helper.descriptor)
        helper.close()
        for chunk in helper.given.values():
            subject = self._owner.pop(chunk.number, None)
            if subject is None:
                continue
            self._dealer.give_back(subject, len(chunk.ports))
            subject.take_back(chunk)
            self._enlist(subject)
        self._observer.say("the scanner's second process is gone; the first one goes on alone")

    def _learn(self, chunk: Chunk, seconds: float) -> None:
        subject = self._owner.get(chunk.number) or self._of(chunk)
        if subject is None:
            return
        known = bool(subject.round_trip)
        subject.sample(seconds, self._timeouts.of(subject))
        self._timeouts.group.add(seconds)
        if not known:
            self._wait_as_learnt(subject)

    def _wait_as_learnt(self, subject: Subject) -> None:
        """It has answered for the first time: wait for what is under way as long as it takes there."""
        self._enlist(subject)
        for other in subject.agenda.chunks.values():  # those in the second process keep theirs
            other.timeout = self._timeouts.of(subject)

    def _hear_late(self, answer: Late) -> None:
        subjects = self._by_host.get(answer.host, ())
        if len({subject.scope for subject in subjects if answer.scope in {None, subject.scope}}) > 1:
            return  # the same address on two links, and nobody knows which
        for subject in subjects:
            if answer.scope in {None, subject.scope}:
                known = bool(subject.round_trip)
                subject.hear_late(answer, self._timeouts.of(subject))
                self._enlist(subject)
                if subject.round_trip and not known:
                    self._wait_as_learnt(subject)

    def _of(self, chunk: Chunk) -> Subject | None:
        """Whom a chunk was for that is back already: a late answer tells how long it took."""
        same = (one for one in self._by_host.get(chunk.host, ()) if one.scope == chunk.scope)
        return next(same, None)

    def _note(self, message: Message, code: int, reason: str, now: float) -> None:
        subjects = self._by_host.get(message.host)
        if subjects is None:  # late, about a host that is done with
            return
        self._said.setdefault(message.host, {})[message.port] = (code, reason)
        for subject in subjects:
            subject.contradict(message.port, code, reason)
            if code == UNREACHED:
                self._inquiry.hear(subject, reason, now)

    def _advance(self, subject: Subject, now: float) -> Iterator[Subject]:
        """After chunks came back: the next round, the end, or more of the same."""
        while subject.round_over:
            if subject.course.end_round(now) is not Next.ANOTHER:
                self._retire(subject)
                yield subject
                return
            if subject.course.overrun:
                self._dealer.slow_down(subject, _SLOWER[min(subject.course.overrun, len(_SLOWER)) - 1])
            if subject.course.pause:
                heapq.heappush(self._later, (now + subject.course.pause, id(subject), subject))
                return
        self._enlist(subject)

    def _disown(self, subject: Subject) -> None:
        """It is given up: what is under way is not waited for."""
        for number in subject.agenda.chunks:
            self._owner.pop(number, None)
        self._dealer.give_back(subject, subject.agenda.outstanding)
        subject.agenda.chunks.clear()

    def _retire(self, subject: Subject) -> None:
        del self.active[id(subject)]
        self._dealer.leave(subject)
        same = self._by_host[subject.host]
        same.remove(subject)
        if not same:
            del self._by_host[subject.host]
            self._said.pop(subject.host, None)
        self._bytes -= _size(subject)
        self._done += subject.size
        self._opened += subject.tally.opens
        self._admit()

    def _tell(self, *, last: bool = False) -> None:
        now = monotonic()
        if not last and now < self._told + _REPORT_EVERY:
            return
        self._told = now
        done = self._done + sum(subject.progress for subject in self.active.values())
        opened = self._opened + sum(subject.tally.opens for subject in self.active.values())
        self._observer.progress(self._total if last else done, self._total, opened)


def _size(subject: Subject) -> int:
    return _EACH + _A_PORT * len(subject.states)
