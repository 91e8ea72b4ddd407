"""Carries out chunks of ports with SYN packets; what needs a whole connection is left to :class:`Connect`."""

from __future__ import annotations

import socket
from collections import deque
from errno import EAGAIN, ENOBUFS, ENOMEM, EPERM
from itertools import repeat
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from auditor.collect.probe.chunk import LOCAL, SILENT, UNASKED, UNREACHED, Chunk
from auditor.collect.probe.connect import Connect
from auditor.collect.probe.icmp import KEPT_IN, NO_NEIGHBOUR, ROUTE_ERRORS, Message, reason_here
from auditor.collect.probe.pacing import Wheel, Window
from auditor.collect.probe.syn.flights import Flights
from auditor.collect.probe.syn.hearing import Hearing
from auditor.collect.probe.syn.peer import Flight, Peers
from auditor.collect.probe.syn.sources import PASSES, SLOTS, SourcePorts
from auditor.collect.probe.syn.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.collect.probe.late import Late
    from auditor.collect.probe.syn.peer import Peer

_FIRST_WINDOW: Final = 64
_BURST: Final = 512
_GROW_WAIT: Final = 0.002
_LOOK: Final = 0.1
_UNSENT: Final = 200
"""Times of trying to send: for the three seconds that the kernel looks for a neighbour, it keeps packets back."""
_UNHEARD: Final = 5
_SHORTAGE: Final = frozenset({EAGAIN, ENOBUFS, ENOMEM})
_UNASKED_BYTE, _SILENT_BYTE = bytes([UNASKED]), bytes([SILENT])
_SINGLY: Final = frozenset({"canary", "check", "confirm", "again"})


class _Burst(NamedTuple):
    """Ports of a chunk, by index, that were sent together."""

    flight: Flight
    low: int
    high: int
    sent: float


class Syn:
    """Carries out chunks; see :class:`Connect` for what the members mean.

    Addresses of our own are asked by connecting, and so is what has to be watched after the handshake. It sends, and
    decides when silence has lasted long enough; what answers say is the business of :class:`Hearing`.

    :raises PermissionError: without CAP_NET_RAW.
    """

    most: ClassVar[int] = 32_768
    a_descriptor_each: ClassVar[bool] = False

    def __init__(self, take: Callable[[], Chunk | None], *, window: int) -> None:
        self.finished: list[Chunk] = []
        self.samples: list[tuple[Chunk, float]] = []
        self.messages: list[tuple[Message, int, str]] = []
        self.others: list[int] = []
        self.late: list[Late] = []
        self._take = take
        self._window = Window(_FIRST_WINDOW, window)
        self._to_connect: deque[Chunk] = deque()
        self._connect = Connect(self._connectable, window=min(self._window.limit, Connect.most))
        self._mine: set[int] = set()
        self._wire = Wire()
        self._peers = Peers(self._listen)
        self._flights = Flights()
        self._hearing = Hearing(self._wire, self._peers, self._flights, self._window)
        self._flight: Flight | None = None
        self._ready: deque[Chunk] = deque()
        self._wheel: Wheel[_Burst] = Wheel()
        self._lost_at = 0.0

    @staticmethod
    def hindrance() -> str | None:
        """Raw sockets need CAP_NET_RAW (capabilities(7)), and source ports of one's own."""
        try:
            socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0).close()
            SourcePorts().close()
        except PermissionError:
            return "needs CAP_NET_RAW: run it as root, or leave the option out and scan by connections"
        except OSError as error:
            return f"cannot have raw sockets and {SLOTS} source ports: {error.strerror}"
        return None

    def listen(self, descriptor: int) -> None:
        """Wake up for this descriptor too; it is then named in :attr:`others`."""
        self._connect.listen(descriptor)

    def unlisten(self, descriptor: int) -> None:
        """No longer."""
        self._connect.unlisten(descriptor)

    def _listen(self, descriptor: int) -> None:
        self._mine.add(descriptor)
        self._connect.listen(descriptor)

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return bool(self._flights or self._connect.busy)

    def close(self) -> None:
        """Let go of every descriptor; what is under way is lost."""
        self._connect.close()
        self._wire.close()
        self._peers.close()

    def drain(self) -> None:
        """Read what the network said about connections that has not been read yet."""
        self._connect.drain()
        self._collect()

    def step(self, wait: float) -> None:
        """Send what may be sent, take what has come, give up what is overdue. Sleeps at most ``wait`` seconds."""
        now = monotonic()
        if self._flights.repeats:
            self._try_again(now)
        full = self._fill(now)
        self._connect.step(self._sleep(wait, now, full=full))
        now = monotonic()
        if self._hearing.hear(now):
            self._window.heard(now, full=full)
        elif full:
            self._window.quiet(now)
        there, nowhere = self._peers.step(now)
        self._ready.extend(there)
        for chunk in nowhere:
            self._unreached(chunk)
        self._expire(now)
        self._collect()

    def _collect(self) -> None:
        inner, heard, flights = self._connect, self._hearing, self._flights
        self.finished += inner.finished + flights.finished
        self.samples += inner.samples + heard.samples
        self.messages += inner.messages + heard.messages
        self.late += inner.late + heard.late
        self.others += (descriptor for descriptor in inner.others if descriptor not in self._mine)
        inner.finished, inner.samples, inner.messages, inner.late, inner.others = [], [], [], [], []
        heard.samples, heard.messages, heard.late, flights.finished = [], [], [], []

    def _sleep(self, wait: float, now: float, *, full: bool) -> float:
        if full:
            if self._flights.flying < self._window.size:
                return 0.0
            wait = min(wait, _GROW_WAIT) if self._window.can_grow else wait
        for one in (self._wheel, self._peers, self._flights.repeats):
            if one.next_due is not None:
                wait = min(wait, one.next_due - now)
        return max(0.0, wait)

    # -- what to send --------------------------------------------------------------------------------------------

    def _connectable(self) -> Chunk | None:
        return self._to_connect.popleft() if self._to_connect else None

    def _fill(self, now: float) -> bool:
        """Send a burst at most; whether the window or the burst left something unsent."""
        budget = _BURST
        while (room := min(budget, self._window.size - self._flights.flying)) > 0:
            flight = self._flight or self._next(now)
            if flight is None:
                return False
            budget -= self._singly(flight, now) if flight.chunk.role in _SINGLY else self._launch(flight, room, now)
        return True

    def _next(self, now: float) -> Flight | None:
        """The next chunk that can be sent; what cannot is settled or put by on the way."""
        while (chunk := self._ready.popleft() if self._ready else self._take()) is not None:
            if chunk.local or chunk.watch:
                self._to_connect.append(chunk)
                continue
            peer = self._peers.of(chunk, now)
            if peer.trouble is not None:
                chunk.give_up(peer.trouble)
                self.finished.append(chunk)
            elif now < peer.absent_until:
                self._unreached(chunk)
            elif not peer.present:
                peer.pending.append(chunk)
            else:
                return self._begin(chunk, peer)
        return None

    def _begin(self, chunk: Chunk, peer: Peer) -> Flight:
        if (descriptor := self._wire.open(peer.family)) is not None:
            self._listen(descriptor)
        self._window.expect(chunk.round_trip, responsive=chunk.responsive)
        self._flight = self._flights.begin(chunk, peer)
        return self._flight

    def _unreached(self, chunk: Chunk) -> None:
        for index in range(len(chunk.ports)):
            chunk.settle(index, UNREACHED, NO_NEIGHBOUR)
        self.finished.append(chunk)

    def _launch(self, flight: Flight, room: int, now: float) -> int:
        """Ask up to ``room`` more ports of the chunk, all from one source port; how many."""
        chunk = flight.chunk
        low = chunk.cursor
        high = chunk.cursor = min(len(chunk.ports), low + room)
        if high == len(chunk.ports):
            self._flight = None
        slot = chunk.attempt % PASSES
        question = self._flights.question(flight, self._wire.ports[slot])
        flight.peer.asked[slot] = now
        ports = chunk.ports[low:high]
        question.where.update(zip(ports, zip(repeat(flight), range(low, high), strict=False), strict=True))
        self._flights.flying += high - low
        flight.lows.append(low)
        flight.times.append(now)
        chunk.sent = now
        sent, error = self._wire.send(flight.peer.family, flight.peer.name, question.template, ports)
        at = low + sent
        while error == EPERM:  # the firewall's rule may be about this port alone
            self._flights.settle(chunk, at, LOCAL, KEPT_IN)
            at += 1
            sent, error = self._wire.send(flight.peer.family, flight.peer.name, question.template, chunk.asked[at:high])
            at += sent
        self._await(_Burst(flight, low, at, now))
        for index in range(at, high):
            self._unsent(flight, index, error, now)
        if error in _SHORTAGE:
            self._window.halve(_FIRST_WINDOW // 4)
        return high - low

    def _await(self, burst: _Burst) -> None:
        self._wheel.bucket(burst.sent + min(burst.flight.chunk.timeout, _LOOK)).append(burst)

    def _singly(self, flight: Flight, now: float) -> int:
        """Ask each port of a short chunk from a source port of its own: one may stand there several times."""
        self._flight = None
        count = flight.chunk.cursor = len(flight.chunk.ports)
        self._flights.flying += count
        flight.lows.append(0)
        flight.times.append(now)
        for index in range(count):
            self._ask(flight, index, now)
        return count

    def _ask(self, flight: Flight, index: int, now: float) -> None:
        peer, chunk = flight.peer, flight.chunk
        peer.spare = (peer.spare + 1) % (SLOTS - PASSES)
        question = self._flights.question(flight, self._wire.ports[PASSES + peer.spare])
        port = chunk.ports[index]
        question.where[port] = flight, index
        chunk.sent = now
        sent, error = self._wire.send(peer.family, peer.name, question.template, (port,))
        if sent:
            self._await(_Burst(flight, index, index + 1, now))
        else:
            self._unsent(flight, index, error, now)

    def _unsent(self, flight: Flight, index: int, error: int, now: float) -> None:
        """The machine is short of something: ask again soon. What its firewall or routes refuse is its own matter."""
        if error == EPERM:
            self._flights.settle(flight.chunk, index, LOCAL, KEPT_IN)
        elif error in ROUTE_ERRORS or not self._flights.once_more(flight, index, _UNSENT, now):
            reason = reason_here(error)
            self._flights.settle(flight.chunk, index, LOCAL, reason)

    def _try_again(self, now: float) -> None:
        for flight, index, _ in self._flights.repeats.due(now, _BURST):
            if flight.chunk.codes[index] == UNASKED:
                self._ask(flight, index, now)

    # -- what does not come back ---------------------------------------------------------------------------------

    def _expire(self, now: float) -> None:
        """Give up what has waited long enough."""
        wheel = self._wheel
        looked = False
        for burst in wheel.due(now):
            flight, low, high, sent = burst
            chunk = flight.chunk
            if not chunk.codes.count(UNASKED, low, high):
                continue
            overdue = sent + chunk.timeout
            if overdue > now:  # this was only a look in, or the estimate has grown
                wheel.bucket(overdue).append(burst)
                continue
            if not looked:
                looked = True
                self._see_losses(now)
            self._give_up(burst, now)

    def _see_losses(self, now: float) -> None:
        """Answers that found no room here: silence until now proves nothing, and less must be asked at once."""
        if self._wire.lost():
            self._lost_at = now
            self._window.bound(max(_FIRST_WINDOW, self._window.limit // 2))

    def _give_up(self, burst: _Burst, now: float) -> None:
        chunk, low, high = burst.flight.chunk, burst.low, burst.high
        codes = chunk.codes
        if burst.sent <= self._lost_at:
            for index in [index for index in range(low, high) if codes[index] == UNASKED]:
                if not self._flights.once_more(burst.flight, index, _UNHEARD, now):
                    self._flights.settle(chunk, index, SILENT)
            return
        silent = codes.count(UNASKED, low, high)  # all of them at once, as most ports of a fleet keep silent
        codes[low:high] = codes[low:high].replace(_UNASKED_BYTE, _SILENT_BYTE)
        self._flights.flying -= silent
        chunk.left -= silent
        if silent and not chunk.left:
            self._flights.finish(chunk)
