"""What the ports of one address have answered so far, and the counts that follow from it. Pure."""

from __future__ import annotations

from array import array
from itertools import compress
from typing import TYPE_CHECKING, Final, NamedTuple

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
)
from auditor.collect.probe.jury import SILENCES
from auditor.collect.probe.rounds import Tally
from auditor.collect.probe.states import where

if TYPE_CHECKING:
    from auditor.collect.probe.chunk import Chunk

_OPEN_QUESTIONS: Final = (UNASKED, SILENT)
_ANSWERED: Final = bytes(code in ANSWERS for code in range(256))


class Rest(NamedTuple):
    """Ports that have kept silent, in the order of asking; ``due`` ones have not been listened to for long."""

    due: array[int]
    heard: array[int]

    @property
    def size(self) -> int:
        """How many."""
        return len(self.due) + len(self.heard)


class Record:
    """``states`` holds an outcome a port, by number, ``reasons`` explains odd ones, ``tally`` counts.

    ``rest`` is what has been asked in this round and kept silent, ``aside`` are ports whose answer did not come with
    the chunk they were asked in, ``slow`` those whose answer may come too late again.
    """

    __slots__ = ("_refused_aside", "aside", "reasons", "rest", "slow", "states", "tally")

    def __init__(self) -> None:
        self.states = bytearray()
        self.reasons: dict[int, str] = {}
        self.tally = Tally()
        self.rest = Rest(array("H"), array("H"))
        self.aside: set[int] = set()
        self.slow: set[int] = set()
        self._refused_aside: set[int] = set()

    def begin(self, highest: int) -> None:
        """Take the memory it needs for ports up to this one."""
        self.states = bytearray(highest + 1)

    def explain(self, chunk: Chunk, said: dict[int, tuple[int, str]], *, watched: bool) -> int:
        """Settle what the outcomes of a chunk mean, and note the reasons; how many ports this machine kept in.

        ``said`` is what ICMP messages told of ports. ``watched``: a reset after the handshake is a refusal here.
        """
        codes = chunk.codes
        for index, port in enumerate(chunk.ports):
            code = codes[index]
            if code == RESET:
                codes[index] = CLOSED if watched else OPEN
            elif code == CLOSED and port in said:
                codes[index], self.reasons[port] = said[port]
            elif index in chunk.reasons:
                self.reasons[port] = chunk.reasons[index]
        return codes.count(LOCAL)

    def take(self, chunk: Chunk) -> None:
        """Write down the outcomes of a chunk of this round."""
        if self.aside or self._refused_aside:
            self._leave_out_known(chunk)
        states, tally, codes = self.states, self.tally, chunk.codes
        for port, code in zip(chunk.ports, codes, strict=True):
            if code != SILENT or states[port] in _OPEN_QUESTIONS:  # silence takes nothing back
                states[port] = code
        answered, opened = sum(codes.translate(_ANSWERED)), codes.count(OPEN)
        tally.answers += answered
        tally.opens += opened
        tally.answered_last += answered
        tally.kept_in_last += codes.count(LOCAL)
        if tally.rounds:
            tally.late += answered
            tally.late_opens += opened
        silences = codes.translate(SILENCES)
        if 1 in silences:
            rest = self.rest.due if chunk.due and not chunk.heard else self.rest.heard
            rest.extend(compress(chunk.ports, silences))

    def _leave_out_known(self, chunk: Chunk) -> None:
        """What has been answered aside counts once, and silence takes nothing back; open outweighs the rest.

        What somebody on the way said of a port is no answer of the host, and gives way to one.
        """
        states = self.states
        apart = self.aside.intersection(chunk.ports) | self._refused_aside.intersection(chunk.ports)
        known = {port for port in apart if states[port] not in _OPEN_QUESTIONS}
        if not known:
            return
        wanted = []
        for port, code in zip(chunk.ports, chunk.codes, strict=True):
            answered = states[port] in ANSWERS
            wanted.append(port not in known or (code in ANSWERS and not answered))
            if port in known and answered and code == OPEN != states[port]:
                states[port] = OPEN
                self.tally.opens += 1
        chunk.codes = bytearray(compress(chunk.codes, wanted))
        chunk.ports = array("H", compress(chunk.ports, wanted))

    def still_silent(self) -> Rest:
        """What is left of ``rest``: messages and late answers may have told of it since."""
        silences = self.states.translate(SILENCES)
        return Rest(*(array("H", compress(part, map(silences.__getitem__, part))) for part in self.rest))

    def begin_round(self) -> None:
        """Nothing has been asked in this round yet."""
        self.rest = Rest(array("H"), array("H"))
        self.tally.asked_last = self.tally.answered_last = self.tally.kept_in_last = 0

    def hear_late(self, port: int, code: int, reason: str | None, *, again: bool, last: bool) -> bool:
        """An answer came after its chunk; whether that is news.

        ``again``: it answers another pass than the first, so that the first one's probe or its answer got lost.
        ``last``: it answers this pass.
        """
        if port >= len(self.states) or self.states[port] not in {SILENT, UNREACHED}:
            return False
        tally, answered, opened = self.tally, code in ANSWERS, code == OPEN
        self.states[port] = code
        self.reasons.pop(port, None)
        if reason is not None:
            self.reasons[port] = reason
        self.aside.add(port)
        self.slow.add(port)
        tally.answers += answered
        tally.opens += opened
        tally.answered_last += answered and last
        if again:
            tally.late += answered
            tally.late_opens += opened
        return True

    def contradict(self, port: int, code: int, reason: str) -> None:
        """A message about a port that was taken for closed or silent: refused or unreached, rather.

        It may tell of a port that is under way once more: what comes back with that chunk counts no second time.
        """
        if port >= len(self.states):
            return
        before = self.states[port]
        if before != CLOSED and not (before == SILENT and code in {REFUSED, FOREIGN, UNREACHED, LOCAL}):
            return
        self.states[port] = code
        self.reasons[port] = reason
        tally, answered = self.tally, code in ANSWERS
        if before == SILENT and answered:
            self._refused_aside.add(port)
            tally.answers += 1
            tally.answered_last += 1
            if tally.rounds:  # nobody knows which pass it answers; the worse case is that the first one got lost
                tally.late += 1
        elif before == CLOSED and not answered:
            tally.answers -= 1
            tally.late = min(tally.late, tally.answers)
            tally.answered_last = min(tally.answered_last, tally.answers)

    def forget_opens(self) -> array[int]:
        """Nobody knows what these handshakes were worth: the ports that looked open, unasked from now on."""
        opens = array("H", where(self.states, OPEN))
        for port in opens:
            self.states[port] = UNASKED
        self.tally.opens -= len(opens)
        self.tally.answers -= len(opens)
        return opens
