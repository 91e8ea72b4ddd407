"""The course of one address: round after round, until it has been asked enough, and then the second look. Pure."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

from auditor.collect.probe import jury
from auditor.collect.probe.agenda import AGAIN, Segment
from auditor.collect.probe.canaries import CHECKS, chosen, in_a_crowd, refusals
from auditor.collect.probe.confirm import CONFIRM, SecondLook, second_look
from auditor.collect.probe.jury import Trust
from auditor.collect.probe.order import SENTINELS, outsiders
from auditor.collect.probe.pacing import LATE_WAIT
from auditor.collect.probe.rounds import BREATH, CANARIES, SHORT, SILENT_PAUSE, SILENT_ROUNDS, Next

if TYPE_CHECKING:
    from auditor.collect.probe.agenda import Agenda
    from auditor.collect.probe.canaries import Canaries
    from auditor.collect.probe.jury import Jury
    from auditor.collect.probe.late import Listening
    from auditor.collect.probe.record import Record, Rest
    from auditor.model.target import Target

_TOO_FAST: Final = 0.1
_MOST_CHECKS, _MOST_TROUBLES, _MOST_BACKOFF = 4, 4, 32
_MANY_ASKED: Final = 512
"""After so many ports, or a quarter of all, those that are open are asked again: what guards the host against scans may
refuse them now, and everything else with them."""
_TIMES: Final = 4
"""So often at a time: a limit on connections lets the first of a burst through, and now and then another one."""
_CANARY_GROUPS: Final = 4
_FAR_APART: Final = 512
"""So many ports between two groups of canaries, and the first group is over before the next is sent."""


class Course:
    """Decides when a round has to be asked again, and when it is enough; lines up on the agenda what comes next.

    It reads what answers have come to (``record``, ``canaries``, ``listening``, ``jury``), but never hears one itself:
    that is :class:`~auditor.collect.probe.subject.Subject`'s business. It knows no clock; ``now`` is told to it.
    """

    __slots__ = (
        "_agenda",
        "_canaries",
        "_checks",
        "_jury",
        "_listening",
        "_looked_outside",
        "_named",
        "_record",
        "_sentinels",
        "_settled",
        "_since_met",
        "_size",
        "_tally",
        "_target",
        "_troubles",
        "_waited",
        "backoff",
        "doomed",
        "overrun",
        "pause",
        "second_look",
        "verdict",
    )

    def __init__(
        self, target: Target, agenda: Agenda, record: Record, canaries: Canaries, listening: Listening, judge: Jury
    ) -> None:
        self.verdict: Next | None = None
        self.doomed: str | None = None
        """Why nothing more is asked."""
        self.pause = 0.0
        """Seconds for which the address is to be left alone from now; whoever waited sets it back."""
        self.backoff = 1
        """Wait so many times as long for answers."""
        self.overrun = 0
        """How often it was lost when much was asked of it, and there when little was."""
        self.second_look: SecondLook | None = None
        self._target = target
        self._agenda = agenda
        self._record = record
        self._tally = record.tally
        self._canaries = canaries
        self._listening = listening
        self._jury = judge
        self._size = 0
        self._named: frozenset[int] = frozenset()
        self._sentinels = array("H")
        self._looked_outside = self._settled = self._waited = False
        self._checks = self._troubles = self._since_met = 0

    def begin(self, sentinels: array[int], pilots: array[int], rest: array[int], *, named: frozenset[int]) -> None:
        """Line up the first round. ``named`` are the ports that the policy names."""
        self._size = len(sentinels) + len(pilots) + len(rest)
        self._named = named
        self._sentinels = sentinels
        self._agenda.add(Segment(sentinels, "sentinel"), Segment(pilots, "pilot"), Segment(rest))

    def end(self, reason: str) -> None:
        """Nothing more is asked, for this reason."""
        self.doomed = reason
        self._agenda.work.clear()

    def go_on(self, asked: int) -> None:
        """So many ports of the first round are being asked: those that are open may have to be met again."""
        self._since_met += asked
        if self._since_met >= max(_MANY_ASKED, self._size // 4):
            self._meet_again()

    def _meet_again(self) -> bool:
        """Ask some open ports once more, in the midst of the first round; whether there are any."""
        times = min(_TIMES, self._size // _MANY_ASKED)
        again = in_a_crowd(self._record.states, self._last, times) if self._jury.trust is not Trust.NONE else None
        if not again:
            return False
        self._since_met = 0
        self._agenda.put_first(Segment(again, AGAIN))
        return True

    @property
    def _last(self) -> frozenset[int]:
        """Ports that say little of others: a firewall may make an exception for them, or they are slow."""
        return self._named | self._record.slow

    @property
    def _lossy(self) -> bool:
        return self._tally.alive and self._tally.late + self._tally.lost > 0

    def end_round(self, now: float) -> Next:
        """Decide what comes next, and prepare it. Called when the round is over; see :attr:`pause` afterwards.

        After a pause in which there was nothing to ask, but answers may have come, it is to be called again.
        """
        self.pause = 0.0
        if self.second_look is not None and self.verdict is not None:
            self.pause = self.second_look.go_on()
            return self._look_again(self.second_look, self.verdict)
        if self.doomed is not None:
            return self._done(Next.ENOUGH)
        if self._asks_more():
            return Next.ANOTHER
        rest = self._record.still_silent()
        if not self._settled:
            if rest.size and (self._checks or self._canaries.lost_touch):
                return self._check(rest)
            self._close_books()
        self._settled = False
        decision = self._decide(rest.size)
        if decision is not Next.ANOTHER:
            self.pause = self._listening.left(now, lossy=self._lossy) if rest.size else 0
            self._settled = self.pause > 0
            return Next.ANOTHER if self._settled else self._done(decision)
        self._next_round(rest)
        return Next.ANOTHER

    def _asks_more(self) -> bool:
        """Whether there is something to ask before the round can be judged: what its answers are worth."""
        if self.doubtful and (strangers := self._sentinels or outsiders(self._target.ask)):
            self._looked_outside = True
            self._jury.start_over()
            self._agenda.add(Segment(strangers, "outsider"))
            return True
        return not self._tally.rounds and self._since_met > 0 and self._size >= _MANY_ASKED and self._meet_again()

    def _decide(self, silent: int) -> Next:
        """Whether so many ports may be called silent now, and how long to wait before they are asked again."""
        tally = self._tally
        if self._tally.alive:
            self.pause = BREATH if tally.rounds == 1 and silent <= SHORT else 0.0
            return tally.decide(silent)
        if silent and tally.rounds < SILENT_ROUNDS:
            self.pause = SILENT_PAUSE if tally.rounds == SILENT_ROUNDS - 1 else 0.0
            return Next.ANOTHER
        return Next.ENOUGH

    @property
    def doubtful(self) -> bool:
        """Whether so much is open that ports which nobody serves have to be asked, once more where all were lost."""
        much = self._tally.opens >= jury.SUSPECT * self._size > 0
        return much and self._jury.trust is Trust.FULL and not self._looked_outside

    def _done(self, decision: Next) -> Next:
        """The first look is over. What it found is looked at again where it would change the verdict."""
        self.verdict = decision
        if self.doomed is None and self._tally.alive and decision is not Next.GONE:
            self.second_look = second_look(
                self._record.states,
                self._target.surprises,
                met_again=self._canaries.met_again,
                loss=self._tally.loss,
                opens=self._jury.trust is not Trust.NONE,
                closed=decision is not Next.LIMITS_REFUSALS and not self._canaries.shut(self._named),
            )
        return decision if self.second_look is None else self._look_again(self.second_look, decision)

    def _look_again(self, look: SecondLook, decision: Next) -> Next:
        if look.todo:
            self._agenda.attempt += 1
            witnesses = look.witnesses(self._record.states, self._named)
            self._agenda.add(Segment(look.todo, CONFIRM), Segment(witnesses, "canary"))
            return Next.ANOTHER
        self._tally.opens += look.settle(self._record.states, self._record.reasons)
        return decision

    def _check(self, rest: Rest) -> Next:
        """A round in which the host was lost counts for nothing. See whether it is there before asking much again.

        It may have been there all the time, and slower than it was: then nothing more has to be asked of it less often.
        """
        if not self._checks and not self._waited:
            self._waited, self.pause = True, LATE_WAIT
            return Next.ANOTHER
        self._waited = False
        late, seen = self._canaries.merely_late, self._canaries.end_round()
        if not self._checks and late and self._troubles < _MOST_TROUBLES:
            self._troubles += 1
            self._next_round(rest)
            return Next.ANOTHER
        if self._checks and seen.lost * 2 <= seen.canaries:
            self._checks = 0
            self.overrun += 1
            self._next_round(rest)
            return Next.ANOTHER
        if not self._checks:
            self._troubles += 1
        if self._checks == _MOST_CHECKS or self._troubles > _MOST_TROUBLES:
            flickers = seen.lost < seen.canaries or self._troubles > _MOST_TROUBLES  # it is there, now and then
            return self._done(Next.LOST if flickers else Next.GONE)
        self._checks += 1
        self._record.rest = rest
        self.backoff = min(2 * self.backoff, _MOST_BACKOFF)
        self.pause = SILENT_PAUSE * self._checks
        self._agenda.add(Segment(self._known_canaries()[:CHECKS], "check"))
        return Next.ANOTHER

    def _close_books(self) -> None:
        """A round has been carried through. Where many canaries were lost, fewer are asked at a time from now on."""
        seen = self._canaries.end_round()
        if seen.lost > _TOO_FAST * seen.canaries:
            self._agenda.ask_fewer()
        self._tally.end_round(seen)

    def _next_round(self, rest: Rest) -> None:
        self._record.begin_round()
        self._agenda.attempt += 1
        known = self._known_canaries() if self._tally.alive else array("H")
        few, due = len(known) < CANARIES, len(rest.due)
        groups = _CANARY_GROUPS if rest.size >= _CANARY_GROUPS * (_FAR_APART if few else SENTINELS) else 1
        for group in range(groups):
            low, high = (edge * rest.size // groups for edge in (group, group + 1))
            self._agenda.add(
                Segment(rest.due[low:high]),
                Segment(rest.heard[max(0, low - due) : max(0, high - due)], due=False),
                Segment(known if few else known[group::groups], "canary"),
            )
        if self._tally.opens and (refused := refusals(self._record.states, self._last)):
            self._agenda.add(Segment(refused, "refusal"))

    def _known_canaries(self) -> array[int]:
        return chosen(self._record.states, self._named, slow=self._record.slow, late=self._record.aside)
