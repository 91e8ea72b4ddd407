"""One address under scan: what it is asked next, what it has answered, and what that amounts to. No sockets."""

from __future__ import annotations

from array import array
from datetime import UTC, datetime
from itertools import compress
from typing import TYPE_CHECKING, Final

from auditor.collect.probe import jury
from auditor.collect.probe.absence import Absence
from auditor.collect.probe.agenda import AGAIN, LOOK, UNHURRIED, Agenda, Segment
from auditor.collect.probe.canaries import Canaries
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
from auditor.collect.probe.confirm import CONFIRM
from auditor.collect.probe.conntrack import FULL
from auditor.collect.probe.course import Course
from auditor.collect.probe.icmp import ROUTE_ERRORS
from auditor.collect.probe.jury import Jury, Trust
from auditor.collect.probe.late import Listening
from auditor.collect.probe.order import order
from auditor.collect.probe.pacing import RoundTrip
from auditor.collect.probe.record import Record
from auditor.collect.probe.rounds import SILENT_ROUNDS
from auditor.collect.probe.states import numbers
from auditor.model.evidence import NO_ANSWER
from auditor.model.ports import PortSet, Protocol

if TYPE_CHECKING:
    from auditor.collect.probe.late import Late
    from auditor.model.target import Target

_MOST_RESTARTS: Final = 3
_PORT_ZERO: Final = PortSet.parse("0")
_ENOUGH: Final = 8
"""So many ports that cannot be asked from here, as the system knows no way there, decide for the whole address."""
_KEPT_IN: Final = 512
"""The same where this machine's firewall keeps packets in, and nothing else is seen: a rule may be about some ports, so
those that come first tell little of the others."""
_NO_WAY: Final = frozenset(ROUTE_ERRORS.values())
_SEVERAL: Final = 4
_KNOWN: Final = frozenset({"canary", "check", "refusal", AGAIN})
_MOST_LOOKED_AT: Final = 48
_MOST_SWALLOWED: Final = 8
"""So often is a port asked again, on the average, of which this machine may have kept the packet to itself."""
_WITNESSES: Final = 3
_FEW: Final = 1 / 8
"""This share of all answers, and it is some ports that are farther away, and not the host."""
_FARTHER: Final = 3
"""An answer that takes so many times as long as others of the host comes from somewhere else."""
_OPENS: Final = bytes(code == OPEN for code in range(256))


class Subject:
    """The state of one address: hands out what its agenda holds, and takes in what comes back.

    What to ask, and when it is enough, its ``course`` decides; how a port is asked is a method's business. ``scope`` is
    None for IPv4.
    """

    def __init__(self, target: Target, host: str, scope: int | None, *, local: bool) -> None:
        self.target = target
        self.host = host
        self.scope = scope
        self.local = local
        self.started: datetime | None = None
        self.round_trip = RoundTrip()
        self.record = Record()
        self.tally = self.record.tally
        self.size = len(target.ask.only(Protocol.TCP) - _PORT_ZERO)
        self.absence = Absence()
        self.agenda = Agenda(host, scope, local=local)
        self._looks = array("H")
        self.jury = Jury()
        self._named: frozenset[int] = frozenset()
        self._listening = Listening()
        self._canaries = Canaries()
        self.course = Course(target, self.agenda, self.record, self._canaries, self._listening, self.jury)
        self._swallowed = self._restarts = 0

    def begin(self) -> None:
        """Take the memory it needs and line up the first round."""
        self.started = datetime.now(UTC)
        sentinels, pilots, rest = order(self.target.ask, self.target.first)
        self.record.begin(max(max(part, default=0) for part in (sentinels, pilots, rest)))
        self.size = len(sentinels) + len(pilots) + len(rest)
        named = len(self.target.first.only(Protocol.TCP))  # they come first in the rest, too
        self._looks = sentinels + pilots + rest[: min(_MOST_LOOKED_AT, max(0, named - len(pilots)))]
        self._named = frozenset(numbers(self.target.first.only(Protocol.TCP)))
        self.course.begin(sentinels, pilots, rest, named=self._named)

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
    def trust(self) -> Trust:
        """What a finished handshake is worth there."""
        return self.jury.trust

    @property
    def hungry(self) -> bool:
        """Whether it has ports to ask now, and may."""
        agenda, course = self.agenda, self.course
        if not agenda.work or course.pause or agenda.outstanding >= agenda.cap:
            return False
        if self.absence.doubtful and not self.alive and course.verdict is None and agenda.work[0].role != LOOK:
            return False
        return not agenda.crowded

    def next(self, number: int, most: int, timeout: float) -> Chunk:
        """The next ports to ask, at most so many."""
        agenda = self.agenda
        firm = self.insists(agenda.work[0])
        chunk = agenda.cut(number, most, timeout, watched=self.trust is Trust.WATCHED, firm=firm)
        if not chunk.role and not self.tally.rounds:
            self.course.go_on(len(chunk.ports))
        self.tally.asked_last += len(chunk.ports)
        return chunk

    def take_back(self, chunk: Chunk) -> None:
        """Whoever had the chunk is gone: ask it again."""
        self.agenda.take_back(chunk)
        self.tally.asked_last -= len(chunk.ports)

    @property
    def shut(self) -> bool:
        """Whether it refuses now what was open before, so that no refusal says that a port is closed."""
        return self._canaries.shut(self._named)

    @property
    def lingers(self) -> bool:
        """Whether it is listened to when a round has gone on; see :attr:`Chunk.lingers`."""
        return not (self.local or self.trust is Trust.WATCHED)

    def insists(self, segment: Segment) -> bool:
        """Whether these ports are to be listened to for long now, as there has been no room for that before."""
        return segment.due and self.alive and self.agenda.attempt > 0

    @property
    def silent(self) -> bool:
        """Whether nothing has come back but silence: it has had the time for a first answer."""
        return not self.alive and not self.agenda.patient

    @property
    def unheard(self) -> bool:
        """Whether all that is left to ask now is a host that has not answered yet: that can wait for others."""
        work = self.agenda.work
        return not self.alive and not self.round_trip and bool(work) and work[0].role not in UNHURRIED

    @property
    def round_over(self) -> bool:
        """Whether everything of this round is back. Pilots of a host that has not answered are waited for later."""
        agenda = self.agenda
        if not agenda.chunks:
            return not agenda.work
        if agenda.work or self.round_trip or self.tally.rounds == SILENT_ROUNDS - 1:
            return False
        return len(agenda.chunks) == agenda.patient

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
        return self.tally.alive

    @property
    def responsive(self) -> bool:
        """Whether most of what has come back in this round was answered, so that silence is rather loss or delay.

        What is asked again has been silent before: until something has come back, it is taken to be so again.
        """
        tally = self.tally
        back = tally.asked_last - self.agenda.outstanding
        return self.alive and 2 * tally.answered_last >= back and (back > 0 or not tally.rounds)

    @property
    def opens_count(self) -> bool:
        """Whether it is settled that a finished handshake means something here; until then an open port may be none."""
        return not (self.trust is Trust.NONE or self.course.doubtful or self.agenda.judges)

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
        self.agenda.back(chunk)
        far = _FARTHER * self.round_trip.shortest
        self.record.slow.update(port for port, seconds in chunk.slow if seconds > far)
        if swallowed:
            self._ask_swallowed(chunk)
        look = self.course.second_look
        if look is not None and chunk.role in {CONFIRM, "canary"}:
            self._explain(chunk, said)
            look.hear(chunk.ports, chunk.codes, witness=chunk.role != CONFIRM)
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
            self.agenda.add(Segment(array("H", compress(chunk.ports, chunk.codes.translate(_OPENS)))))
            chunk.codes = chunk.codes.replace(bytes([OPEN]), bytes([UNASKED]))
        self._listening.note(chunk)
        self.record.take(chunk)

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
            if self.course.verdict is None and self.states[answer.port : answer.port + 1] == bytes([SILENT]):
                self.agenda.add(Segment(array("H", [answer.port])))
            return
        again, last = answer.attempt > 0, answer.attempt == self.agenda.attempt
        if last and answer.code in ANSWERS and self._canaries.hear_late(answer.port):
            if answer.seconds:
                self.round_trip.add(answer.seconds)
            return
        if not self.record.hear_late(answer.port, answer.code, answer.reason, again=again, last=last):
            return
        look = self.course.second_look
        if look is not None and answer.code == OPEN and self.target.surprises.open.has(answer.port):
            look.add(answer.port)
        if answer.code == FOREIGN or not answer.seconds:
            return
        if not self.round_trip or len(self.record.aside) > _FEW * self.tally.answers:
            self.sample(answer.seconds, used, late=len(self.record.aside) >= _SEVERAL)  # it is not that port alone

    def _explain(self, chunk: Chunk, said: dict[int, tuple[int, str]]) -> None:
        kept_in = self.record.explain(chunk, said, watched=self.trust is Trust.WATCHED)
        if self.alive or not kept_in or kept_in < len(chunk.codes):
            return
        reason = next(iter(chunk.reasons.values()), "local: cause unknown")
        if self.states.count(LOCAL) + kept_in >= min(self.size, _ENOUGH if reason in _NO_WAY else _KEPT_IN):
            self.course.end(reason)

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
            self.agenda.add(Segment(silent, chunk.role))

    def _judge_sentinels(self, chunk: Chunk) -> None:
        """Whether a finished handshake means anything here."""
        if self.trust is not Trust.FULL:
            return
        trust = self.jury.hear(chunk)
        if not self.agenda.judges and (silent := self.jury.recall()):
            self.agenda.put_first(Segment(silent, "outsider"))
        if trust is Trust.WATCHED:  # what looked open before anybody watched has to be asked once more
            self._canaries.met_again.clear()
            self.agenda.add(Segment(self.record.forget_opens()))

    def contradict(self, port: int, code: int, reason: str) -> None:
        """An ICMP message about a port that was taken for closed or silent: refused or unreached, rather."""
        self.record.contradict(port, code, reason)

    @property
    def refused_on_the_way(self) -> bool:
        """Whether somebody on the way has refused a port: that is a firewall, and no dead host."""
        return FOREIGN in self.states

    def look_again(self) -> None:
        """Ask the first ports once more before anything else, to see whether anybody is there."""
        self.agenda.put_first(Segment(self._looks, LOOK))

    def give_up(self, reason: str) -> None:
        """There is nobody: nothing more is asked."""
        self.course.end(f"{NO_ANSWER}: {reason}")

    def _leave_news(self, chunk: Chunk) -> None:
        """Of a look only that counts which was not known before: silence belongs to the rounds."""
        news = [
            index
            for index, port in enumerate(chunk.ports)
            if chunk.codes[index] not in {SILENT, UNREACHED} and self.states[port] not in ANSWERS
        ]
        chunk.ports = array("H", [chunk.ports[index] for index in news])
        chunk.codes = bytearray(chunk.codes[index] for index in news)

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
