"""What comes back to the SYN method: whose answer it is, what it says, and how long it took."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from auditor.collect.probe.chunk import CLOSED, OPEN, REFUSALS, SILENT, UNASKED
from auditor.collect.probe.errorqueue import OwnAddresses
from auditor.collect.probe.icmp import Message, classify
from auditor.collect.probe.late import SLOW, Late
from auditor.collect.probe.syn.packet import FLAGS, RST, SYN_ACK
from auditor.collect.probe.syn.peer import acknowledgement
from auditor.collect.probe.syn.sources import PASSES

if TYPE_CHECKING:
    from auditor.collect.probe.chunk import Chunk
    from auditor.collect.probe.pacing import Window
    from auditor.collect.probe.syn.flights import Flights
    from auditor.collect.probe.syn.packet import Refusal
    from auditor.collect.probe.syn.peer import Flight, Peers
    from auditor.collect.probe.syn.wire import Wire


class Hearing:
    """Takes answers off the wire and writes them into the chunks in flight.

    Answers to what is over come out in ``late``, what the network said in ``messages``, round trips in ``samples``. It
    sends nothing, and does not know when silence has lasted long enough.
    """

    __slots__ = ("_flights", "_own", "_peers", "_window", "_wire", "late", "messages", "samples")

    def __init__(self, wire: Wire, peers: Peers, flights: Flights, window: Window) -> None:
        self.samples: list[tuple[Chunk, float]] = []
        self.messages: list[tuple[Message, int, str]] = []
        self.late: list[Late] = []
        self._wire = wire
        self._peers = peers
        self._flights = flights
        self._window = window
        self._own = OwnAddresses()

    def hear(self, now: float) -> bool:
        """Take over the answers; whether there were any."""
        heard = False
        questions = self._flights.questions
        for sender, mine, port, acknowledged, flags in self._wire.hear():
            heard = True
            question = questions.get((sender, mine))
            if acknowledged != (question.acknowledgement if question else acknowledgement(sender, mine)):
                continue
            if flags & RST:
                code = CLOSED
            elif flags & FLAGS == SYN_ACK:
                code = OPEN
            else:
                continue
            place = question.where.pop(port, None) if question else None
            if place is None:
                self._tell_belated(sender, mine, port, code, now)
            else:
                self._answered(*place, code, now)
        refusals, self._wire.refusals = self._wire.refusals, []
        for family, refusal in refusals:
            self._refused(refusal, family, now)
        return heard or bool(refusals)

    def _answered(self, flight: Flight, index: int, code: int, now: float) -> None:
        chunk = flight.chunk
        if not chunk.left:
            self._tell_late(flight, index, now, code)
            return
        before = chunk.codes[index]
        if before not in {UNASKED, SILENT}:  # answered from another source port
            return
        if chunk.sampled != now and (chunk, index) not in self._flights.repeats.tries:
            self._sample(flight, index, now)
        if before == SILENT or now - flight.times[0] > SLOW:
            self._note_slow(flight, index, now)
        chunk.codes[index] = code  # an answer that comes late is one all the same
        if before == UNASKED:
            self._flights.flying -= 1
            chunk.left -= 1
            if not chunk.left:
                self._flights.finish(chunk)

    def _tell_late(self, flight: Flight, index: int, now: float, code: int, reason: str | None = None) -> None:
        """An answer to a chunk that is over. Whoever has it may have left ports out: nothing is written there now."""
        chunk = flight.chunk
        if chunk.lingers:
            taken = now - flight.sent(index)
            self.late.append(Late(chunk.host, chunk.scope, chunk.asked[index], chunk.attempt, code, taken, reason))

    def _tell_belated(
        self, sender: bytes, mine: int, port: int, code: int, now: float, reason: str | None = None
    ) -> bool:
        """An answer to a question that is over: the acknowledgement shows that it was asked, the port in which pass.

        It took at least as long as the last one of that pass would have. False: it was in none.
        """
        attempt = mine - self._wire.ports.start
        if attempt >= PASSES:
            return False
        host = socket.inet_ntop(socket.AF_INET if len(sender) == 4 else socket.AF_INET6, sender)
        asked = self._peers.asked(host, attempt)
        self.late.append(Late(host, None, port, attempt, code, 0.0 if asked is None else now - asked, reason))
        return True

    def _sample(self, flight: Flight, index: int, now: float) -> None:
        """Late answers count, too: who waits too briefly would never learn it from those that are in time."""
        chunk = flight.chunk
        chunk.sampled = now
        seconds = now - flight.sent(index)
        self.samples.append((chunk, seconds))
        self._window.sample(seconds)

    def _note_slow(self, flight: Flight, index: int, now: float) -> None:
        seconds, chunk = now - flight.sent(index), flight.chunk
        if (chunk, index) not in self._flights.repeats.tries and (seconds > SLOW or chunk.codes[index] == SILENT):
            chunk.slow.append((chunk.asked[index], seconds))

    def _refused(self, refusal: Refusal, family: int, now: float) -> None:
        """An ICMP message about a SYN of ours: it quotes the sequence number."""
        if (refusal.sequence + 1) & 0xFFFFFFFF != acknowledgement(refusal.target, refusal.source_port):
            return
        question = self._flights.questions.get((refusal.target, refusal.source_port))
        host, sender = (socket.inet_ntop(family, address) for address in (refusal.target, refusal.sender))
        message = Message(host, refusal.port, family, refusal.type, refusal.code, sender)
        code, reason = classify(message, ours=self._own.has, target_is_ours=False)
        flight, index = question.where.pop(refusal.port, (None, 0)) if question else (None, 0)
        if flight is not None and flight.chunk.left and not flight.chunk.codes[index]:
            self._flights.settle(flight.chunk, index, code, reason)
        elif flight is not None and not flight.chunk.left and flight.chunk.lingers and code in REFUSALS:
            self._tell_late(flight, index, now, code, reason)
        elif (
            flight is not None
            or code not in REFUSALS
            or not self._tell_belated(refusal.target, refusal.source_port, refusal.port, code, now, reason)
        ):
            self.messages.append((message, code, reason))
