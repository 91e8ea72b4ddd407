"""What the ports of one address have answered so far, and the counts that follow from it. Pure."""

from __future__ import annotations

from array import array
from itertools import compress
from typing import TYPE_CHECKING, Final

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

_ANSWERED: Final = bytes(code in ANSWERS for code in range(256))


class Record:
    """``states`` holds an outcome a port, by number, ``reasons`` explains odd ones, ``tally`` counts.

    ``rest`` is what has been asked in this round and kept silent, in the order of asking.
    """

    __slots__ = ("reasons", "rest", "states", "tally")

    def __init__(self) -> None:
        self.states = bytearray()
        self.reasons: dict[int, str] = {}
        self.tally = Tally()
        self.rest = array("H")

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
        states, tally, codes = self.states, self.tally, chunk.codes
        for port, code in zip(chunk.ports, codes, strict=True):
            if code != SILENT or states[port] != UNREACHED:
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
            self.rest.extend(compress(chunk.ports, silences))

    def contradict(self, port: int, code: int, reason: str) -> None:
        """A message about a port that was taken for closed or silent: refused or unreached, rather."""
        if port >= len(self.states):
            return
        before = self.states[port]
        if before == CLOSED or (before == SILENT and code in {REFUSED, FOREIGN, UNREACHED, LOCAL}):
            self.states[port] = code
            self.reasons[port] = reason
            self.tally.answers += (code in ANSWERS) - (before in ANSWERS)

    def forget_opens(self) -> array[int]:
        """Nobody knows what these handshakes were worth: the ports that looked open, unasked from now on."""
        opens = array("H", where(self.states, OPEN))
        for port in opens:
            self.states[port] = UNASKED
        self.tally.opens -= len(opens)
        self.tally.answers -= len(opens)
        return opens
