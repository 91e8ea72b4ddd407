"""One address under UDP scan: what it is asked next, and when it has been asked enough. No sockets."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from auditor.collect.probe.chunk import CLOSED, FOREIGN, LOCAL, OPEN, REFUSED, SILENT, UNASKED, UNREACHED
from auditor.collect.probe.pacing import RoundTrip
from auditor.collect.probe.udp.asking import plan
from auditor.collect.probe.udp.canaries import Canaries, chosen
from auditor.collect.probe.udp.confirm import second_look
from auditor.collect.probe.udp.ledger import REFUSALS, Ledger
from auditor.collect.probe.udp.rounds import CANARIES, LATE_AFTER, LATE_PORTS, Next
from auditor.collect.probe.udp.table import PAYLOADS, WANDERERS, questions
from auditor.collect.probe.udp.trickle import INTERVAL4, INTERVAL6, Trickle
from auditor.model.ports import Port, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from auditor.collect.probe.confirm import SecondLook
    from auditor.collect.probe.udp.payload import Payload
    from auditor.collect.probe.udp.wire import Place
    from auditor.model.target import Target

_ZERO: Final = PortSet.of(Port(Protocol.UDP, 0))
_SAMPLED: Final = 64
_TRICKLE_PASS: Final = 1
"""How patient the trickle is: as the second pass."""


def asked(target: Target) -> int:
    """How many UDP ports of it are asked: all but 0, which cannot be."""
    return len(target.ask.only(Protocol.UDP) - _ZERO)


class Budget(NamedTuple):
    """Seconds for a host that limits its refusals: for all its ports, and for those that the policy names."""

    everything: float
    named: float


class Ask(NamedTuple):
    """One datagram to send: to the port that stands ``at`` this index. ``again``: for the second look."""

    at: int
    port: int
    payload: Payload
    again: bool = False


class Subject:
    """The asking of one address.

    ``patience`` says how long an answer may take in a pass; it is looked up anew each time. ``local``: the address is
    this machine's own, and ``own`` those of its ports that the scanner's sockets hold; they are left to others.
    ``due`` is when :meth:`advance` wants to be called; None while there is something to ask.
    """

    def __init__(
        self,
        target: Target,
        place: Place,
        patience: Callable[[Subject, int], float],
        budget: Budget,
    ) -> None:
        self.target = target
        self.place = place
        self.local = False
        self.own: frozenset[int] = frozenset()
        self.round_trip = RoundTrip()
        self.started: datetime | None = None
        self.due: float | None = None
        self.finished = False
        self.limited = False
        self.size = asked(target)
        self._patience = patience
        self._budget = budget
        self._began = 0.0
        self._work = self._held_back = array("H")
        self._at = 0
        self._last_sent = 0.0
        self._outstanding = 0
        self._canaries = Canaries()
        self._sent_at: dict[int, float] = {}
        self._voice: dict[int, int] = {}
        self._tries: Counter[int] = Counter()
        self._trickle: Trickle | None = None
        self.second_look: SecondLook | None = None
        self._said_again: dict[int, int] = {}

    def begin(self, now: float) -> None:
        """Take the memory it needs and line up the first pass."""
        self.started = datetime.now(UTC)
        self._began = now
        self.plan = plan(self.target.ask, self.target.first)
        self.ledger = Ledger(self.plan)
        self._work = self.plan.order
        if self.own:
            self.own = self.own.intersection(self.plan.ports)
            self._work = array("H", self.ledger.doubtful(self.own))
        self.due = None if self._work else now

    # -- what to ask ---------------------------------------------------------------------------------------------

    @property
    def hungry(self) -> bool:
        """Whether it has something to ask now."""
        return self._at < len(self._work)

    @property
    def pending(self) -> int:
        """How much it has to ask now."""
        return len(self._work) - self._at

    @property
    def progress(self) -> int:
        """How many of its ports are done with, for a progress bar: a silent port has to be asked twice."""
        tally = self.ledger.tally
        if tally.passes > 1:
            return self.size
        return min(self.size, tally.answers + (tally.passes * self.size + self._at) // 2)

    def take(self, most: int) -> list[Ask]:
        """The next questions, at most so many. Each is to be followed by `sent`, `refused_here` or `unsent`."""
        indexes = self._work[self._at : self._at + most]
        self._at += len(indexes)
        ports = self.plan.ports
        again = self.second_look is not None
        return [Ask(index, ports[index], self._question(index), again) for index in indexes]

    def sent(self, ask: Ask, now: float) -> None:
        """It is on its way."""
        self._last_sent = now
        self._outstanding += 1
        if ask.again:
            self._said_again[ask.port] = SILENT
            return
        index, ledger = ask.at, self.ledger
        known = ledger.answered(index)
        if known:
            self._canaries.sent(index)
        elif ledger.states[index] != UNREACHED:
            ledger.states[index] = SILENT
        if len(self._sent_at) < _SAMPLED and (known or ledger.tally.passes == 0 or self._trickle is not None):
            self._sent_at[index] = now

    def refused_here(self, ask: Ask, reason: str, now: float) -> None:
        """This machine does not send it, and says why."""
        self._last_sent = now
        if ask.again:
            self._said_again[ask.port] = LOCAL
            return
        self.ledger.doubt(ask.at, LOCAL, reason)
        if self._trickle is not None:
            self._trickle.heard(ask.at, now, refusal=False)

    def unsent(self, asks: Sequence[Ask]) -> None:
        """No room for these just now: they come again."""
        self._at -= len(asks)

    def exhausted(self) -> None:
        """Everything of this pass or step is sent: from now on it waits for answers."""
        self.due = self._last_sent
        if self._outstanding > 0:
            self.due += self._wait()

    def _wait(self) -> float:
        return self._patience(self, _TRICKLE_PASS if self._trickle is not None else self.ledger.tally.passes)

    def _question(self, index: int) -> Payload:
        """One question after another; a port that has answered gets the one that it answered."""
        payloads = questions(self.plan.ports[index])
        turn = self._voice.get(index)
        if turn is None:
            turn = self.ledger.tally.passes + self._tries[index] if self._tries else self.ledger.tally.passes
        return payloads[turn % len(payloads)]

    # -- what it answers -----------------------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Whether it has answered anything at all."""
        return self.ledger.tally.answers > 0

    def wanderer(self, port: int) -> int | None:
        """The port on whose behalf another one answers, at the socket for such services."""
        asked = [one for one in sorted(WANDERERS) if self.ledger.index(one) is not None]
        return port if port in asked else next(iter(asked), None)

    def hear(self, port: int, code: int, reason: str, now: float, *, again: bool = False) -> float | None:
        """An answer about a port; the round trip in seconds where it can be told. ``again``: to the second look's."""
        if port in self._said_again:
            self._hear_again(port, code, now, late=code == OPEN and not again)
            return None
        ledger = self.ledger
        index = ledger.index(port)
        if index is None:
            return None
        before = ledger.states[index]
        if code in {UNREACHED, FOREIGN, LOCAL}:
            self._outstanding -= before == SILENT
            ledger.doubt(index, code, reason)
            return None
        if before == SILENT or self._canaries.hear(index):
            self._outstanding -= 1
        if code == OPEN and index not in self._voice:
            self._voice[index] = ledger.tally.passes + self._tries[index]
        ledger.answer(index, code, reason)
        if self._trickle is not None:
            self._trickle.heard(index, now, refusal=code in REFUSALS)
        if self._outstanding <= 0 and self.due is not None and not self._held_back:
            self.due = now
        sent = self._sent_at.pop(index, None)
        if sent is None:
            return None
        self.round_trip.add(now - sent)
        return now - sent

    def _hear_again(self, port: int, code: int, now: float, *, late: bool) -> None:
        """The same during the second look: what comes late to the first one's questions is none of its business."""
        before = self._said_again[port]
        if late or before in {UNASKED, OPEN}:
            return
        self._said_again[port] = code
        self._outstanding -= before == SILENT
        if self._outstanding <= 0 and self.due is not None and not self._held_back:
            self.due = now

    # -- passes --------------------------------------------------------------------------------------------------

    def advance(self, now: float) -> bool:
        """Its time has come: the next pass, the next step, or the end. Whether it is finished."""
        if self._outstanding > 0:  # the estimate may have grown since
            self.due = self._last_sent + self._wait()
            if now < self.due:
                return False
        if self._held_back:
            self._work, self._held_back = self._held_back, array("H")
            self.due = None
        elif self.second_look is not None:
            self._end_look(self.second_look, now)
        elif self._trickle is not None:
            self._step(self._trickle, now)
        else:
            self._end_pass(now)
        return self.finished

    def _end_pass(self, now: float) -> None:
        tally = self.ledger.tally
        self._canaries.count(self.ledger)
        self._sent_at.clear()  # whose answer came to which question cannot be told from now on (Karn)
        tally.passes += 1
        doubts = self.ledger.doubtful(self.own)
        if not doubts:
            self._look_again(now)
            return
        decision = tally.decide(len(doubts))
        tally.answered_last = 0
        if not self._ever_sent(doubts):
            decision = Next.ANOTHER if tally.passes < 2 else Next.ENOUGH
        elif decision is not Next.ANOTHER:
            unasked = [one for one in doubts if tally.passes < len(PAYLOADS.get(self.plan.ports[one], ()))]
            if unasked:  # a port whose protocol has several dialects
                self._ask(unasked)
                return
        match decision:
            case Next.ANOTHER:
                self._ask(doubts, chosen(self.ledger, len(doubts)))
            case Next.LATE:
                self._ask(doubts[:LATE_PORTS], at=self._began + LATE_AFTER)
            case Next.LIMITED:
                self.limited = True
                self._trickle = self._slow_part(doubts, now)
                self._step(self._trickle, now)
            case Next.ENOUGH:
                self._look_again(now)

    def _ever_sent(self, doubts: Sequence[int]) -> bool:
        return self.alive or any(self.ledger.states[one] != LOCAL for one in doubts)

    def _ask(self, indexes: Sequence[int], canaries: Sequence[int] = (), *, at: float | None = None) -> None:
        """Line up a pass, the canaries spread evenly through it; to begin at a time, or now."""
        mixed: list[int] = []
        groups = len(canaries) + 1
        for group in range(groups):
            mixed += indexes[group * len(indexes) // groups : (group + 1) * len(indexes) // groups]
            mixed += canaries[group : group + 1]
        self._outstanding = 0
        self._at = 0
        self._work = array("H", mixed)
        self.due = None
        if at is not None:
            self._work, self._held_back = array("H"), self._work
            self.due = at

    # -- the second look -----------------------------------------------------------------------------------------

    def _look_again(self, now: float) -> None:
        """All that can be learned is: what would change the verdict is asked once more, from other sockets."""
        self.finished = True
        if self.alive:
            self.second_look = second_look(self.ledger, self.target.surprises, limited=self.limited)
        if self.second_look is not None:
            self._ask_again(self.second_look, now)

    def _ask_again(self, look: SecondLook, at: float) -> None:
        self.finished = False
        self._said_again = dict.fromkeys(look.todo, UNASKED)
        self._ask([self._index(port) for port in look.todo], at=at)

    def _end_look(self, look: SecondLook, now: float) -> None:
        look.hear(self._said_again.keys(), self._said_again.values())
        pause = look.go_on()
        if look.todo:
            self._ask_again(look, now + pause)
            return
        self._said_again = {}
        for port, code, reason in look.changed():
            self.ledger.revise(self._index(port), code, reason)
        self.finished = True

    def _index(self, port: int) -> int:
        return bisect_left(self.plan.ports, port)

    # -- the slow part -------------------------------------------------------------------------------------------

    def _slow_part(self, doubts: Sequence[int], now: float) -> Trickle:
        named = frozenset(self.plan.order[: self.plan.named])
        ledger = self.ledger
        return Trickle(
            doubts,
            ledger.with_code(CLOSED, REFUSED)[:CANARIES],
            lambda index: not ledger.answered(index),
            interval=INTERVAL6 if ":" in self.place.host else INTERVAL4,
            began=now,
            until=lambda index: now + (self._budget.named if index in named else self._budget.everything),
        )

    def _step(self, trickle: Trickle, now: float) -> None:
        group = trickle.step(now)
        if trickle.finished:
            self.ledger.shown_silent = frozenset(trickle.shown_silent)
            self._look_again(now)
            return
        self._sent_at.clear()
        self._tries.update(group)
        self._outstanding = 0
        self._canaries.expect_none()
        self._at = 0
        self._work = array("H", group)
        self.due = None if group else trickle.due
