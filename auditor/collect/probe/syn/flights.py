"""What the SYN method has under way: chunks in flight, and the questions that ask them. No system calls, no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auditor.collect.probe.repeats import Repeats
from auditor.collect.probe.syn.peer import Flight

if TYPE_CHECKING:
    from auditor.collect.probe.chunk import Chunk
    from auditor.collect.probe.syn.peer import Peer, Question

_AGAIN: Final = 0.02


class Flights:
    """Every chunk under way until it is ``finished``; ``flying`` counts the ports without an outcome.

    ``questions`` are by packed address and source port; inner loops look there themselves, and count ``flying`` down.
    It neither sends nor hears: it keeps the books of those who do.
    """

    __slots__ = ("_all", "finished", "flying", "questions", "repeats")

    def __init__(self) -> None:
        self.finished: list[Chunk] = []
        self.questions: dict[tuple[bytes, int], Question] = {}
        self.flying = 0
        self.repeats: Repeats[Flight] = Repeats(_AGAIN)
        """What this machine has to send once more."""
        self._all: dict[Chunk, Flight] = {}

    def __len__(self) -> int:
        """How many chunks are under way."""
        return len(self._all)

    def begin(self, chunk: Chunk, peer: Peer) -> Flight:
        """It is under way from now on."""
        flight = self._all[chunk] = Flight(chunk, peer)
        return flight

    def question(self, flight: Flight, port: int) -> Question:
        """What asks this address from this port of ours; it lives as long as a chunk needs it."""
        peer = flight.peer
        key = peer.packed, port
        question = self.questions.get(key)
        if question is None:
            question = self.questions[key] = peer.question(port)
        if key not in flight.questions:
            flight.questions.append(key)
            question.users += 1
        return question

    def once_more(self, flight: Flight, index: int, most: int, now: float) -> bool:
        """Have a probe sent again, unless that has been done so often."""
        if self.repeats.count(flight.chunk, index) > most:
            return False
        self.repeats.add(flight, index, now)
        return True

    def settle(self, chunk: Chunk, index: int, code: int, reason: str | None = None) -> None:
        """A port has an outcome."""
        self.flying -= 1
        if chunk.settle(index, code, reason):
            self.finish(chunk)

    def finish(self, chunk: Chunk) -> None:
        """All its ports have one: what asked it is let go of, unless others need it, too."""
        for key in self._all.pop(chunk).questions:
            question = self.questions[key]
            question.users -= 1
            if not question.users:
                del self.questions[key]
        if self.repeats.tries:
            for index in range(len(chunk.ports)):
                self.repeats.forget(chunk, index)
        self.finished.append(chunk)
