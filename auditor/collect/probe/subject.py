"""One address under scan: what it is asked next, what it has answered, and what that amounts to. No sockets."""

from __future__ import annotations

from array import array
from collections import deque
from datetime import UTC, datetime
from itertools import compress, islice
from typing import TYPE_CHECKING, Final, NamedTuple

from auditor.collect.probe import jury
from auditor.collect.probe.absence import Absence
from auditor.collect.probe.canaries import CHECKS, Canaries, chosen, refusals
from auditor.collect.probe.chunk import (
    ANSWERS,
    CLOSED,
    FOREIGN,
    LOCAL,
    OPEN,
    REFUSED,
    RESET,
    SILENT,
    UNASKED,
    UNREACHED,
    Chunk,
)
from auditor.collect.probe.confirm import CONFIRM, SecondLook, second_look
from auditor.collect.probe.conntrack import FULL
from auditor.collect.probe.icmp import ROUTE_ERRORS
from auditor.collect.probe.jury import Jury, Trust, crowded
from auditor.collect.probe.late import Listening
from auditor.collect.probe.order import SENTINELS, order, outsiders
from auditor.collect.probe.pacing import RoundTrip
from auditor.collect.probe.record import Record, Rest
from auditor.collect.probe.rounds import BREATH, CANARIES, SHORT, SILENT_PAUSE, SILENT_ROUNDS, Next
from auditor.collect.probe.states import iter_where, numbers, where
from auditor.model.evidence import NO_ANSWER
from auditor.model.ports import PortSet, Protocol

if TYPE_CHECKING:
    from auditor.collect.probe.late import Late
    from auditor.model.target import Target

MOST_OUTSTANDING: Final = 32_768
_MOST_SILENT: Final = 32_768
_LEAST_OUTSTANDING: Final = 256
_TOO_FAST: Final = 0.1
_MOST_CHECKS, _MOST_TROUBLES, _MOST_BACKOFF = 4, 4, 32
_MOST_RESTARTS: Final = 3
_PORT_ZERO: Final = PortSet.parse("0")
_PATIENT: Final = {"sentinel", "pilot"}
"""Chunks that wait long for a host that has not answered yet, and do not hold up its round."""
_ENOUGH: Final = 8
"""So many ports that cannot be asked from here, as the system knows no way there, decide for the whole address."""
_KEPT_IN: Final = 512
"""The same where this machine's firewall keeps packets in, and nothing else is seen: a rule may be about some ports, so
those that come first tell little of the others."""
_NO_WAY: Final = frozenset(ROUTE_ERRORS.values())
_SEVERAL: Final = 4
_MANY_ASKED: Final = 512
"""After so many ports, or a quarter of all, those that are open are asked again: what guards the host against scans may
refuse them now, and everything else with them."""
_MET_AT_ONCE: Final = 8
_TIMES: Final = 4
_CROWD: Final = 32
"""So often, and each time behind so many closed ports: a limit on connections lets the first of a burst through, and
now and then another one."""
_SCOUTS: Final = jury.ROLES | _PATIENT
LOOK: Final = "look"
AGAIN: Final = "again"
"""The role of open ports that are asked once more in the midst of the first round."""
_KNOWN: Final = frozenset({"canary", "check", "refusal", AGAIN})
_MOST_LOOKED_AT: Final = 48
_MOST_SWALLOWED: Final = 8
"""So often is a port asked again, on the average, of which this machine may have kept the packet to itself."""
_CANARY_GROUPS: Final = 4
_WITNESSES: Final = 3
_FAR_APART: Final = 512
"""So many ports between two groups of canaries, and the first group is over before the next is sent."""
_FEW: Final = 1 / 8
"""This share of all answers, and it is some ports that are farther away, and not the host."""
_FARTHER: Final = 3
"""An answer that takes so many times as long as others of the host comes from somewhere else."""
_OPENS: Final = bytes(code == OPEN for code in range(256))


class Segment(NamedTuple):
    """Ports to ask, in this order, for this purpose. ``due``: they have not been listened to for long yet."""

    ports: array[int]
    role: str = ""
    due: bool = True


class Subject:
    """The state of one address. ``scope`` is None for IPv4."""

    def __init__(self, target: Target, host: str, scope: int | None, *, local: bool) -> None:
        self.target = target
        self.host = host
        self.scope = scope
        self.local = local
        self.started: datetime | None = None
        self.round_trip = RoundTrip()
        self.record = Record()
        self.tally = self.record.tally
        self.trust = Trust.FULL
        self.backoff = 1
        self.cap = MOST_OUTSTANDING
        self.outstanding = 0
        self.overrun = 0
        """How often it was lost when much was asked of it, and there when little was."""
        self.verdict: Next | None = None
        self.doomed: str | None = None
        self.pause = 0.0
        """Seconds for which it is to be left alone from now; whoever waited sets it back."""
        self.second_look: SecondLook | None = None
        self.size = len(target.ask.only(Protocol.TCP) - _PORT_ZERO)
        self.work: deque[Segment] = deque()
        self.chunks: dict[int, Chunk] = {}
        self.absence = Absence()
        self._scouts: dict[int, Chunk] = {}
        self._looks = array("H")
        self._sentinels = array("H")
        self._looked_outside = False
        self._jury = Jury()
        self._named: frozenset[int] = frozenset()
        self._listening = Listening()
        self._settled = False
        self._canaries = Canaries()
        self._checks = self._troubles = self._attempt = self._swallowed = self._restarts = 0
        self._since_met = 0

    def begin(self) -> None:
        """Take the memory it needs and line up the first round."""
        self.started = datetime.now(UTC)
        sentinels, pilots, rest = order(self.target.ask, self.target.first)
        self.record.begin(max(max(part, default=0) for part in (sentinels, pilots, rest)))
        self.size = len(sentinels) + len(pilots) + len(rest)
        segments = (Segment(sentinels, "sentinel"), Segment(pilots, "pilot"), Segment(rest))
        self.work = deque(segment for segment in segments if segment.ports)
        self._sentinels = sentinels
        named = len(self.target.first.only(Protocol.TCP))  # they come first in the rest, too
        self._looks = sentinels + pilots + rest[: min(_MOST_LOOKED_AT, max(0, named - len(pilots)))]
        self._named = frozenset(numbers(self.target.first.only(Protocol.TCP)))

    @property
    def states(self) -> bytearray:
        """The outcome of each port so far, by number."""
        return self.record.states

    @property
    def reasons(self) -> dict[int, str]:
        """Why odd outcomes are what they are, by port."""
        return self.record.reasons

    # -- what to ask ---------------------------------------------------------------------------------------------

    @property
    def hungry(self) -> bool:
        """Whether it has ports to ask now, and may."""
        return bool(self.work) and not self.pause and self.outstanding < self.cap and self._may_be_asked()

    def next(self, number: int, most: int, timeout: float) -> Chunk:
        """The next ports to ask, at most so many."""
        segment = self.work.popleft()
        ports = segment.ports
        if len(ports) > most:
            self.work.appendleft(segment._replace(ports=ports[most:]) if most else segment)
            ports = ports[:most]
        watch = segment.role in jury.ROLES or self.trust is Trust.WATCHED
        chunk = self.chunks[number] = Chunk(
            number,
            ports,
            host=self.host,
            scope=self.scope,
            timeout=timeout,
            local=self.local,
            watch=watch,
            role=segment.role,
            attempt=self._attempt,
            due=segment.due,
            firm=self.insists(segment),
        )
        if segment.role in _SCOUTS:
            self._scouts[number] = chunk
        if not segment.role and not self.tally.rounds:
            self._since_met += len(ports)
            if self._since_met >= max(_MANY_ASKED, self.size // 4):
                self._meet_again()
        self.outstanding += len(ports)
        self.tally.asked_last += len(ports)
        return chunk

    def _meet_again(self) -> bool:
        """Ask some open ports once more, in the midst of the first round; whether there are any."""
        states, last = self.states, self._named | self.record.slow
        opens = [port for port in where(states, OPEN) if port not in last] or where(states, OPEN)
        if not opens or self.trust is Trust.NONE:
            return False
        self._since_met = 0
        again = array("H")
        crowd = iter_where(states, CLOSED)
        for _ in range(min(_TIMES, self.size // _MANY_ASKED)):
            again.extend((*islice(crowd, _CROWD), *opens[:_MET_AT_ONCE]))
        self.work.appendleft(Segment(again, AGAIN))
        return True

    @property
    def shut(self) -> bool:
        """Whether it refuses now what was open before, so that no refusal says that a port is closed."""
        return self._canaries.shut

    @property
    def lingers(self) -> bool:
        """Whether it is listened to when a round has gone on; see :attr:`Chunk.lingers`."""
        return not (self.local or self.trust is Trust.WATCHED)

    def insists(self, segment: Segment) -> bool:
        """Whether these ports are to be listened to for long now, as there has been no room for that before."""
        return segment.due and self.alive and self._attempt > 0

    def _may_be_asked(self) -> bool:
        if self.absence.doubtful and not self.alive and self.verdict is None and self.work[0].role != LOOK:
            return False
        return not crowded(self._scouts.values())

    @property
    def silent(self) -> bool:
        """Whether nothing has come back but silence: it has had the time for a first answer."""
        return not self.alive and not any(chunk.role in _PATIENT for chunk in self._scouts.values())

    @property
    def unheard(self) -> bool:
        """Whether all that is left to ask now is a host that has not answered yet: that can wait for others."""
        return not self.alive and not self.round_trip and bool(self.work) and self.work[0].role not in _PATIENT

    @property
    def round_over(self) -> bool:
        """Whether everything of this round is back. Pilots of a host that has not answered are waited for later."""
        if not self.chunks:
            return not self.work
        if self.work or self.round_trip or self.tally.rounds == SILENT_ROUNDS - 1:
            return False
        return len(self.chunks) == sum(chunk.role in _PATIENT for chunk in self._scouts.values())

    @property
    def progress(self) -> int:
        """How many of its ports are done with, for a progress bar: a silent port has to be asked twice."""
        if self.tally.rounds > 1:
            return self.size
        silent = (self.size - self.tally.answers) * self.tally.rounds
        return min(self.size, self.tally.answers + (silent + self.record.rest.size) // 2)

    # -- what it answers -----------------------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Whether it has answered anything at all, itself: a refusal of somebody on the way does not count."""
        return self.tally.answers > 0

    @property
    def responsive(self) -> bool:
        """Whether most of what has come back in this round was answered, so that silence is rather loss or delay."""
        return self.alive and 2 * self.tally.answered_last >= self.tally.asked_last - self.outstanding

    @property
    def opens_count(self) -> bool:
        """Whether it is settled that a finished handshake means something here; until then an open port may be none."""
        if self.trust is Trust.NONE or self._doubtful:
            return False
        roles = {segment.role for segment in self.work} | {chunk.role for chunk in self._scouts.values()}
        return roles.isdisjoint(jury.ROLES)

    def sample(self, seconds: float, used: float, *, late: bool = False) -> None:
        """Learn a round-trip time. ``used`` is the patience the host was shown so far: if too short, start over.

        ``late``: the chunk was over already, so that the silence of others in it says nothing either. A host whose
        answers take ever longer is not waited for without end.
        """
        if seconds > used and (not self.round_trip or (late and self._restarts < _MOST_RESTARTS)):
            self._restarts += 1
            self.tally.rounds = 0
        self.round_trip.add(seconds)

    def absorb(self, chunk: Chunk, said: dict[int, tuple[int, str]], *, swallowed: bool = False) -> None:
        """Take over a finished chunk. ``said`` is what ICMP messages told of this host's ports, by port.

        ``swallowed``: this machine may have kept packets of the chunk to itself, so that its silence says nothing.
        """
        self.chunks.pop(chunk.number, None)
        self._scouts.pop(chunk.number, None)
        self.outstanding -= len(chunk.ports)
        far = _FARTHER * self.round_trip.shortest
        self.record.slow.update(port for port, seconds in chunk.slow if seconds > far)
        if swallowed:
            self._ask_swallowed(chunk)
        if self.second_look is not None and chunk.role in {CONFIRM, "canary"}:
            self._explain(chunk, said)
            self.second_look.hear(chunk.ports, chunk.codes, witness=chunk.role != CONFIRM)
            return
        if chunk.role in _KNOWN:
            self._hear_known(chunk)
            return
        if chunk.role in jury.ROLES:
            self._judge_sentinels(chunk)
        if chunk.role == "outsider":
            return
        if chunk.reasons or said or RESET in chunk.codes:
            self._explain(chunk, said)
        if chunk.role == LOOK:
            self._leave_news(chunk)
        if self.trust is Trust.WATCHED and not chunk.watch:
            self._watch_again(array("H", compress(chunk.ports, chunk.codes.translate(_OPENS))))
            chunk.codes = chunk.codes.replace(bytes([OPEN]), bytes([UNASKED]))
        self._take(chunk)

    def _hear_known(self, chunk: Chunk) -> None:
        """Ports that have answered before tell of the way there, and of who guards the host."""
        if chunk.role == "refusal":
            self.tally.count_refusals(len(chunk.codes), chunk.codes.count(SILENT))
        elif chunk.role == AGAIN:
            self.tally.asked_last -= len(chunk.codes)
            self._canaries.compare(chunk, self.states)
        else:
            self._canaries.hear(chunk, self.states, trusted=chunk.watch or self.trust is not Trust.WATCHED)

    def hear_late(self, answer: Late, used: float) -> None:
        """An answer to a chunk that is back already. ``used`` is the patience that the host was shown so far."""
        if answer.code == OPEN and self.trust is Trust.WATCHED:
            if self.verdict is None and self.states[answer.port : answer.port + 1] == bytes([SILENT]):
                self._watch_again(array("H", [answer.port]))
            return
        again, last = answer.attempt > 0, answer.attempt == self._attempt
        if not self.record.hear_late(answer.port, answer.code, answer.reason, again=again, last=last):
            return
        if self.second_look is not None and answer.code == OPEN and self.target.surprises.open.has(answer.port):
            self.second_look.add(answer.port)
        if answer.code == FOREIGN or not answer.seconds:
            return
        if not self.round_trip or len(self.record.aside) > _FEW * self.tally.answers:
            self.sample(answer.seconds, used, late=len(self.record.aside) >= _SEVERAL)  # it is not that port alone

    def _explain(self, chunk: Chunk, said: dict[int, tuple[int, str]]) -> None:
        kept_in = self.record.explain(chunk, said, watched=self.trust is Trust.WATCHED)
        if self.alive or not kept_in or kept_in < len(chunk.codes):
            return
        reason = next(iter(chunk.reasons.values()), None)
        if self.states.count(LOCAL) + kept_in >= min(self.size, _ENOUGH if reason in _NO_WAY else _KEPT_IN):
            self.doomed = reason
            self.work.clear()

    def _take(self, chunk: Chunk) -> None:
        self._listening.note(chunk)
        self.record.take(chunk)
        if self.alive:
            self.cap = min(self.cap, MOST_OUTSTANDING)
        elif chunk.role in _PATIENT:
            self.cap = _MOST_SILENT

    def _ask_swallowed(self, chunk: Chunk) -> None:
        """What is silent is asked again, but not for ever; canaries and looks come again by themselves."""
        again = chunk.role not in _KNOWN | {LOOK}
        if again and self._swallowed > _MOST_SWALLOWED * self.size:
            chunk.reasons |= {index: FULL for index, code in enumerate(chunk.codes) if code == SILENT}
            chunk.codes = chunk.codes.replace(bytes([SILENT]), bytes([LOCAL]))
            return
        silent = chunk.take_out(SILENT)
        self.tally.asked_last -= len(silent)
        if again:
            self._swallowed += len(silent)
            self.work.append(Segment(silent, chunk.role))

    def _watch_again(self, ports: array[int]) -> None:
        """What looked open before anybody watched has to be asked once more."""
        if ports:
            self.work.append(Segment(ports))

    def _judge_sentinels(self, chunk: Chunk) -> None:
        """Whether a finished handshake means anything here."""
        if self.trust is not Trust.FULL:
            return
        self.trust = self._jury.hear(chunk)
        roles = [*(segment.role for segment in self.work), *(other.role for other in self.chunks.values())]
        if jury.ROLES.isdisjoint(roles) and (silent := self._jury.recall()):
            self.work.appendleft(Segment(silent, "outsider"))
        if self.trust is Trust.WATCHED:
            self._canaries.met_again.clear()
            self._watch_again(self.record.forget_opens())

    def contradict(self, port: int, code: int, reason: str) -> None:
        """An ICMP message about a port that was taken for closed or silent: refused or unreached, rather."""
        self.record.contradict(port, code, reason)

    @property
    def refused_on_the_way(self) -> bool:
        """Whether somebody on the way has refused a port: that is a firewall, and no dead host."""
        return FOREIGN in self.states

    def look_again(self) -> None:
        """Ask the first ports once more before anything else, to see whether anybody is there."""
        self.work.appendleft(Segment(self._looks, LOOK))

    def give_up(self, reason: str) -> None:
        """There is nobody: nothing more is asked."""
        self.doomed = f"{NO_ANSWER}: {reason}"
        self.work.clear()

    def _leave_news(self, chunk: Chunk) -> None:
        """Of a look only that counts which was not known before: silence belongs to the rounds."""
        news = [
            index
            for index, port in enumerate(chunk.ports)
            if chunk.codes[index] not in {SILENT, UNREACHED} and self.states[port] not in ANSWERS
        ]
        chunk.ports = array("H", [chunk.ports[index] for index in news])
        chunk.codes = bytearray(chunk.codes[index] for index in news)

    def take_back(self, chunk: Chunk) -> None:
        """Whoever had the chunk is gone: ask it again."""
        self.chunks.pop(chunk.number, None)
        self._scouts.pop(chunk.number, None)
        self.outstanding -= len(chunk.ports)
        self.tally.asked_last -= len(chunk.ports)
        self.work.appendleft(Segment(chunk.ports, chunk.role, chunk.due))

    # -- rounds --------------------------------------------------------------------------------------------------

    def end_round(self, now: float) -> Next:
        """Decide what comes next, and prepare it. Called when :attr:`round_over`; see :attr:`pause` afterwards.

        After a pause in which there was nothing to ask, but answers may have come, it is to be called again.
        """
        tally, self.pause = self.tally, 0.0
        if self.second_look is not None and self.verdict is not None:
            self.pause = self.second_look.go_on()
            return self._look_again(self.second_look, self.verdict)
        if self.doomed is not None:
            return self._done(Next.ENOUGH)
        if self._asks_more():
            return Next.ANOTHER
        rest = self.record.still_silent()
        if not self._settled:
            if rest.size and (self._checks or self._canaries.lost_touch):
                return self._check(rest)
            self._close_books()
        self._settled = False
        decision = self._decide(rest.size)
        if decision is not Next.ANOTHER:
            self.pause = self._listening.left(now, lossy=self.alive and tally.late + tally.lost > 0) if rest.size else 0
            self._settled = self.pause > 0
            return Next.ANOTHER if self._settled else self._done(decision)
        self._next_round(rest)
        return Next.ANOTHER

    def _asks_more(self) -> bool:
        """Whether there is something to ask before the round can be judged: what its answers are worth."""
        if self._doubtful and (strangers := self._sentinels or outsiders(self.target.ask)):
            self._looked_outside, self._jury = True, Jury()
            self.work.append(Segment(strangers, "outsider"))
            return True
        return not self.tally.rounds and self._since_met > 0 and self.size >= _MANY_ASKED and self._meet_again()

    def _decide(self, silent: int) -> Next:
        """Whether so many ports may be called silent now, and how long to wait before they are asked again."""
        tally = self.tally
        if self.alive:
            self.pause = BREATH if tally.rounds == 1 and silent <= SHORT else 0.0
            return tally.decide(silent)
        if silent and tally.rounds < SILENT_ROUNDS:
            self.pause = SILENT_PAUSE if tally.rounds == SILENT_ROUNDS - 1 else 0.0
            return Next.ANOTHER
        return Next.ENOUGH

    @property
    def _doubtful(self) -> bool:
        """Whether so much is open that ports which nobody serves have to be asked, once more where all were lost."""
        much = self.tally.opens >= jury.SUSPECT * self.size > 0
        return much and self.trust is Trust.FULL and not self._looked_outside

    def _done(self, decision: Next) -> Next:
        """The first look is over. What it found is looked at again where it would change the verdict."""
        self.verdict = decision
        if self.doomed is None and self.alive and decision is not Next.GONE:
            self.second_look = second_look(
                self.states,
                self.target.surprises,
                met_again=self._canaries.met_again,
                loss=self.tally.loss,
                opens=self.trust is not Trust.NONE,
                closed=decision is not Next.LIMITS_REFUSALS and not self.shut,
            )
        return decision if self.second_look is None else self._look_again(self.second_look, decision)

    def _look_again(self, look: SecondLook, decision: Next) -> Next:
        if look.todo:
            self._attempt += 1
            segments = Segment(look.todo, CONFIRM), Segment(look.witnesses(self.states, self._named), "canary")
            self.work.extend(segment for segment in segments if segment.ports)
            return Next.ANOTHER
        self.tally.opens += look.settle(self.states, self.reasons)
        return decision

    def _check(self, rest: Rest) -> Next:
        """A round in which the host was lost counts for nothing. See whether it is there before asking much again."""
        seen = self._canaries.end_round()
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
        self.record.rest = rest
        self.backoff = min(2 * self.backoff, _MOST_BACKOFF)
        self.pause = SILENT_PAUSE * self._checks
        self.work.append(Segment(self._known_canaries()[:CHECKS], "check"))
        return Next.ANOTHER

    def _close_books(self) -> None:
        """A round has been carried through. Where many canaries were lost, fewer are asked at a time from now on."""
        seen = self._canaries.end_round()
        if seen.lost > _TOO_FAST * seen.canaries:
            self.cap = max(_LEAST_OUTSTANDING, self.cap // 2)
        self.tally.end_round(seen)

    def _next_round(self, rest: Rest) -> None:
        self.record.begin_round()
        self._attempt += 1
        known = self._known_canaries() if self.alive else array("H")
        few, due = len(known) < CANARIES, len(rest.due)
        groups = _CANARY_GROUPS if rest.size >= _CANARY_GROUPS * (_FAR_APART if few else SENTINELS) else 1
        for group in range(groups):
            low, high = (edge * rest.size // groups for edge in (group, group + 1))
            segments = (
                Segment(rest.due[low:high]),
                Segment(rest.heard[max(0, low - due) : max(0, high - due)], due=False),
                Segment(known if few else known[group::groups], "canary"),
            )
            self.work.extend(segment for segment in segments if segment.ports)
        if self.tally.opens and (refused := refusals(self.states, self._named | self.record.slow)):
            self.work.append(Segment(refused, "refusal"))

    def _known_canaries(self) -> array[int]:
        return chosen(self.states, self._named, slow=self.record.slow, late=self.record.aside)

    @property
    def limits_refusals_alone(self) -> bool:
        """Whether it is the refusals that are limited, and connections are not.

        Where most refusals are ICMP messages the limit is that of these (RFC 1812 section 4.3.2.8, RFC 4443 section
        2.4). For resets open ports have to show it. A firewall may let what the policy names through before it counts;
        other open ports are hardly on its list.
        """
        if self.states.count(REFUSED) > self.states.count(CLOSED):
            return True
        witnesses = self._canaries.steady - self._named
        return sum(self.states[port] == OPEN for port in witnesses) >= _WITNESSES
