"""TCP connect, unprivileged: carries out chunks of ports with ordinary sockets. One of the scanner's methods.

A closed port costs two system calls: the first ``connect`` sends the SYN, and the second one, after the answer, takes
the error and thereby disconnects, so that the same descriptor can ask the next port (connect(2), tcp(7)). The
descriptors live in an edge-triggered epoll set, as an idle refused one is always ready.
"""

from __future__ import annotations

import os
import select
import socket
from errno import EALREADY, ECONNREFUSED, EINPROGRESS, EISCONN, EMFILE, ETIMEDOUT
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, Final

from auditor.collect.probe.chunk import CLOSED, LOCAL, OPEN, REFUSED, RESET, SILENT, Chunk
from auditor.collect.probe.descriptors import ANY4, ANY6, CAME_ABOUT, SHORTAGE, Descriptors
from auditor.collect.probe.errorqueue import ErrorQueues
from auditor.collect.probe.icmp import ROUTE_ERRORS, reason_here
from auditor.collect.probe.late import SLOW
from auditor.collect.probe.lingering import Lingering, Probe
from auditor.collect.probe.pacing import LATE_WAIT, Wheel, Window
from auditor.collect.probe.phantoms import Phantoms
from auditor.collect.probe.repeats import Repeats
from auditor.collect.probe.watched import Watched

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.collect.probe.icmp import Message
    from auditor.collect.probe.late import Late

_FIRST_WINDOW: Final = 64
_GROW_WAIT: Final = 0.002
_LOOK: Final = 0.1
_AGAIN: Final = 0.05
_TRIES: Final = 20
_DRAIN_EVERY: Final = 64


class Connect:
    """Carries out chunks by connecting.

    ``take`` gives the next chunk, or None for none now. Finished ones come out of :meth:`step` in :attr:`finished`,
    round-trip samples in :attr:`samples`, and what the network said about ports in :attr:`messages`, which can
    contradict a chunk that was finished before: an ICMP refusal looks like a RST at first. What is given up goes on
    being listened to for a while, as far as there is room; answers to finished chunks come out in :attr:`late`.
    """

    most: ClassVar[int] = 12_288
    """So many probes under way at once in one process: each connection holds some 6 KB of kernel memory."""
    a_descriptor_each: ClassVar[bool] = True

    def __init__(self, take: Callable[[], Chunk | None], *, window: int) -> None:
        self.finished: list[Chunk] = []
        self.samples: list[tuple[Chunk, float]] = []
        self.messages: list[tuple[Message, int, str]] = []
        self.others: list[int] = []
        self.late: list[Late] = []
        self._take = take
        self._window = Window(_FIRST_WINDOW, window)
        self._chunk: Chunk | None = None
        self._descriptors = Descriptors()
        self._errors = ErrorQueues(self._descriptors)
        self._pending: dict[int, Probe] = {}
        self._watched = Watched(self._descriptors)
        self._lingering = Lingering(self._descriptors, self._errors)
        self._crowded = False
        self._wheel: Wheel[Probe] = Wheel()
        self._repeats: Repeats[Chunk] = Repeats(_AGAIN)
        self._phantoms = Phantoms(self._descriptors.sockets)
        self._polls = 0

    @staticmethod
    def hindrance() -> str | None:
        """Why this process cannot use the method here, and what to do; None: it can."""
        return None

    def listen(self, descriptor: int) -> None:
        """Wake up for this descriptor too; it is then named in :attr:`others`."""
        self._descriptors.poll.register(descriptor, select.EPOLLIN)

    def unlisten(self, descriptor: int) -> None:
        """No longer."""
        self._descriptors.poll.unregister(descriptor)

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return bool(self._pending or self._watched or self._repeats)

    def close(self) -> None:
        """Let go of every descriptor; what is under way is lost."""
        self._descriptors.close()
        self._pending.clear()
        self._watched.clear()
        self._lingering.clear()

    def step(self, wait: float) -> None:
        """Send what may be sent, take what has come, give up what is overdue. Sleeps at most ``wait`` seconds."""
        now = monotonic()
        if self._repeats:
            self._try_again(now)
        full = self._fill(now)
        # Idle descriptors have events, too: with room for all none of an answer can be left behind and seem overdue.
        events = self._descriptors.poll.poll(self._sleep(wait, now, full=full), len(self._descriptors.sockets) + 8)
        now = monotonic()
        if events:
            self._window.heard(now, full=full)
            self._answers(events, now)
        elif full:
            self._window.quiet(now)
        self._polls += 1
        if self._polls % _DRAIN_EVERY == 0:
            self.drain()
        self._expire(now)
        self._phantoms.doubt(self.finished)

    def drain(self) -> None:
        """Read the ICMP messages about refused connections that have not been read yet."""
        self.messages += self._errors.drain()

    def _sleep(self, wait: float, now: float, *, full: bool) -> float:
        if full:
            wait = min(wait, _GROW_WAIT) if self._window.can_grow else wait
        elif self._chunk is not None and self._chunk.cursor < len(self._chunk.ports) and not self._crowded:
            return 0.0
        for due in (one.next_due for one in (self._wheel, self._watched, self._lingering, self._repeats)):
            if due is not None:
                wait = min(wait, due - now)
        return max(0.0, wait)

    def _fill(self, now: float) -> bool:
        """Send until the window is full (True) or there is nothing to send, or no room left to linger in (False)."""
        window = self._window
        while (room := window.size - len(self._pending) - len(self._watched)) > 0:
            self._crowded = (free := window.limit - self._under_way) <= 0
            if self._crowded:
                return False
            chunk = self._chunk
            if chunk is None or chunk.cursor == len(chunk.ports):
                chunk = self._chunk = self._take()
                if chunk is None:
                    return False
                self._window.expect(chunk.round_trip, responsive=chunk.responsive)
            if not self._launch(chunk, min(room, free), now):
                return True
        self._crowded = False
        return True

    @property
    def _under_way(self) -> int:
        """How many descriptors are in use."""
        return len(self._pending) + len(self._watched) + len(self._lingering)

    def _launch(self, chunk: Chunk, room: int, now: float) -> bool:
        """Ask up to ``room`` more ports of the chunk; False when descriptors ran out."""
        descriptors = self._descriptors
        pending, connect, idle = self._pending, descriptors.connect, descriptors.idle[chunk.scope is not None]
        bucket = self._wheel.bucket(now + min(chunk.timeout, _LOOK)).append
        host, scope, ports = chunk.host, chunk.scope, chunk.ports
        chunk.sent = now
        stop = min(len(ports), chunk.cursor + room)
        while chunk.cursor < stop:
            index = chunk.cursor
            descriptor = idle.pop() if idle else self._open(chunk)
            if descriptor is None:
                return self._without_descriptor(chunk, now)
            port = ports[index]
            chunk.cursor = index + 1
            error = connect[descriptor]((host, port) if scope is None else (host, port, 0, scope))
            if error == EINPROGRESS:
                probe = pending[descriptor] = (descriptor, chunk, index, now)
                bucket(probe)
            else:
                self._odd_start(descriptor, chunk, index, error, now)
        return True

    def _open(self, chunk: Chunk) -> int | None:
        return self._descriptors.open(six=chunk.scope is not None, limit=self._window.limit)

    def _without_descriptor(self, chunk: Chunk, now: float) -> bool:
        used = self._under_way
        if used:
            self._window.bound(used)
            return False
        index, chunk.cursor = chunk.cursor, chunk.cursor + 1
        self._later(chunk, index, EMFILE, now)
        return False

    def _start(self, chunk: Chunk, index: int, now: float, *, fresh: bool = False) -> None:
        """Ask one port (again)."""
        idle = self._descriptors.idle[chunk.scope is not None]
        descriptor = idle.pop() if idle and not fresh else self._open(chunk)
        if descriptor is None:
            self._later(chunk, index, EMFILE, now)
            return
        port = chunk.ports[index]
        address = (chunk.host, port) if chunk.scope is None else (chunk.host, port, 0, chunk.scope)
        error = self._descriptors.connect[descriptor](address)
        if error == EINPROGRESS:
            self._await(descriptor, chunk, index, now)
        else:
            self._odd_start(descriptor, chunk, index, error, now, fresh=fresh)

    def _await(self, descriptor: int, chunk: Chunk, index: int, now: float) -> None:
        chunk.sent = now
        probe = self._pending[descriptor] = (descriptor, chunk, index, now)
        self._wheel.bucket(now + min(chunk.timeout, _LOOK)).append(probe)

    def _odd_start(
        self, descriptor: int, chunk: Chunk, index: int, error: int, now: float, *, fresh: bool = False
    ) -> None:
        """An error may be a late answer to what the descriptor asked before: only a ``fresh`` one's tells."""
        if error == 0:
            self._opened(descriptor, chunk, index, now)
            return
        self._descriptors.drop(descriptor)
        if not fresh:
            self._start(chunk, index, now, fresh=True)
        elif error in SHORTAGE:
            self._later(chunk, index, error, now)
        elif error == ECONNREFUSED:
            self._settle(chunk, index, CLOSED)
        else:
            reason = reason_here(error)
            self._settle(chunk, index, LOCAL, reason)
            if error in ROUTE_ERRORS:
                self._abandon(chunk, reason)

    def _abandon(self, chunk: Chunk, reason: str) -> None:
        """The address cannot be asked from here: neither can the rest of the chunk."""
        if chunk.cursor < len(chunk.ports):
            chunk.give_up(reason)
            if chunk.left == 0:
                self.finished.append(chunk)

    def _later(self, chunk: Chunk, index: int, error: int, now: float) -> None:
        """This machine is short of something: ask again soon, and fewer at a time."""
        if self._repeats.count(chunk, index) > _TRIES:
            reason = f"local: {os.strerror(error)}"
            self._settle(chunk, index, LOCAL, reason)
            if not self._pending:
                self._abandon(chunk, reason)
            return
        if error in SHORTAGE:
            self._window.halve()
        self._repeats.add(chunk, index, now)

    def _try_again(self, now: float) -> None:
        free = max(0, self._window.limit - self._under_way)
        for chunk, index, _ in self._repeats.due(now, free):
            self._start(chunk, index, now)

    def _answers(self, events: list[tuple[int, int]], now: float) -> None:
        """The inner loop, written for speed: a refused descriptor goes straight on to the chunk's next port."""
        descriptors = self._descriptors
        pending, connect, unread, idle = self._pending, descriptors.connect, descriptors.unread, descriptors.idle
        onward = self._chunk if len(pending) <= self._window.size else None
        bucket = self._wheel.bucket(now + min(onward.timeout, _LOOK)).append if onward is not None else None
        for descriptor, mask in events:
            probe = pending.get(descriptor)
            if probe is None:
                self._not_pending(descriptor, mask, now)
                continue
            _, chunk, index, sent = probe
            scope = chunk.scope
            error = connect[descriptor](ANY4 if scope is None else ANY6)
            if error == ECONNREFUSED:
                unread.add(descriptor)
                chunk.codes[index] = CLOSED
                left = chunk.left = chunk.left - 1
                if not left:
                    self.finished.append(chunk)
                if chunk.sampled != now or now - sent > SLOW:
                    self._sample(chunk, index, sent, now)
                if chunk is onward and bucket is not None and (index := chunk.cursor) < len(chunk.ports):
                    chunk.cursor = index + 1
                    chunk.sent = now
                    port = chunk.ports[index]
                    error = connect[descriptor]((chunk.host, port) if scope is None else (chunk.host, port, 0, scope))
                    if error == EINPROGRESS:
                        probe = pending[descriptor] = (descriptor, chunk, index, now)
                        bucket(probe)
                    else:
                        del pending[descriptor]
                        self._odd_start(descriptor, chunk, index, error, now)
                else:
                    del pending[descriptor]
                    idle[scope is not None].append(descriptor)
            elif (error != EALREADY or mask & select.EPOLLERR) and self._odd_answer(probe, error, now):
                self._sample(chunk, index, sent, now)

    def _sample(self, chunk: Chunk, index: int, sent: float, now: float) -> None:
        if now - sent > SLOW:
            chunk.slow.append((chunk.asked[index], now - sent))
        if chunk.sampled != now:
            chunk.sampled = now
            self.samples.append((chunk, now - sent))
            self._window.sample(now - sent)

    def _odd_answer(self, probe: Probe, error: int, now: float) -> bool:
        """Anything but a refusal; whether it is an answer of the host."""
        descriptor, chunk, index, _ = probe
        if error in CAME_ABOUT:
            del self._pending[descriptor]
            if error in {0, EISCONN} or not chunk.watch:
                self._opened(descriptor, chunk, index, now)
            else:
                self._descriptors.drop(descriptor)
                self._settle(chunk, index, RESET)
            return True
        verdict, messages = self._errors.verdict(descriptor, chunk, index)
        self.messages += messages
        if error == EALREADY:
            if verdict is None:
                return False
            del self._pending[descriptor]
            self._descriptors.free(descriptor, six=chunk.scope is not None)
        else:
            del self._pending[descriptor]
            self._descriptors.drop(descriptor)
            if verdict is None and error != ETIMEDOUT:  # nobody says why: ask again before blaming anything
                self._later(chunk, index, error, now)
                return False
        verdict = verdict or (SILENT, None)
        self._settle(chunk, index, *verdict)
        return verdict[0] == REFUSED

    def _settle(self, chunk: Chunk, index: int, code: int, reason: str | None = None) -> None:
        if self._repeats.tries:
            self._repeats.forget(chunk, index)
        if chunk.settle(index, code, reason):
            self.finished.append(chunk)

    def _opened(self, descriptor: int, chunk: Chunk, index: int, now: float) -> None:
        """The handshake is done. On an address of our own it may be with ourselves (RFC 9293 section 3.5)."""
        if chunk.local and self._phantoms.suspect(descriptor, chunk, index):
            self._descriptors.drop(descriptor)
            if self._repeats.count(chunk, index) > _TRIES:
                self._settle(chunk, index, LOCAL, "local: every connection met itself")
            else:
                self._start(chunk, index, now, fresh=True)
        elif chunk.watch:
            chunk.held += 1
            probe = (descriptor, chunk, index, now)
            self._watched.add(probe, now)
            self._look_at(probe)
        else:
            self._descriptors.drop(descriptor)
            self._settle(chunk, index, OPEN)

    def _not_pending(self, descriptor: int, mask: int, now: float) -> None:
        """An event of a descriptor that lingers, is watched, is idle (meaningless), or is none of ours."""
        if (probe := self._lingering.get(descriptor)) is not None:
            late, messages = self._lingering.hear(probe, mask, now)
            self.messages += messages
            if late is not None:
                self.late.append(late)
        elif (probe := self._watched.get(descriptor)) is not None:
            self._look_at(probe)
        elif descriptor not in self._descriptors.sockets:
            self.others.append(descriptor)

    def _look_at(self, probe: Probe) -> None:
        if self._watched.reset(probe):
            self._descriptors.drop(probe[0])
            self._settle(probe[1], probe[2], RESET)

    def _expire(self, now: float) -> None:
        """Give up what has waited long enough; this loop is written for speed, too."""
        descriptors = self._descriptors
        for probe in self._lingering.due(now):
            descriptors.free(probe[0], six=probe[1].scope is not None)
        for probe in self._watched.due(now):
            descriptors.drop(probe[0])
            self._settle(probe[1], probe[2], OPEN)
        pending, wheel, lingering = self._pending, self._wheel, self._lingering
        sockets, idle = descriptors.sockets, descriptors.idle
        for probe in wheel.due(now):
            descriptor, chunk, index, sent = probe
            if pending.get(descriptor) is not probe:
                continue
            overdue = sent + chunk.timeout
            if overdue > now:  # this was only a look in, or the estimate has grown
                wheel.bucket(overdue).append(probe)
                continue
            if chunk.lingers and (chunk.firm or lingering.has_room(self._window.limit)):
                lingering.add(probe)
            else:
                try:
                    sockets[descriptor].shutdown(socket.SHUT_RDWR)
                except OSError:  # it is not connecting any more: an answer came this moment, and is lost now
                    del pending[descriptor]
                    self._descriptors.drop(descriptor)
                    self._start(chunk, index, now, fresh=True)
                    continue
                idle[chunk.scope is not None].append(descriptor)
                chunk.heard &= chunk.timeout >= LATE_WAIT
            del pending[descriptor]
            chunk.codes[index] = SILENT
            left = chunk.left = chunk.left - 1
            if not left:
                self.finished.append(chunk)
