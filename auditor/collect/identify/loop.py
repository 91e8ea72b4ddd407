"""Carries out interviews: the one place of this package that owns sockets. One thread, one epoll set, no sleeping.

Sockets connect without blocking (connect(2)); each interview has one at a time.
"""

from __future__ import annotations

import heapq
import select
import socket
from collections import deque
from dataclasses import dataclass
from errno import EAGAIN, EINPROGRESS, EMFILE, ENFILE, ENOBUFS, ENOMEM
from time import monotonic
from typing import TYPE_CHECKING, Final

from auditor.collect.identify.interview import LONGEST, Connect, End, Heard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.collect.identify.interview import Ask, Conversation, Identity
    from auditor.model.ports import Port

MOST_AT_ONCE: Final = 256
MOST_AT_ONE_HOST: Final = 32
_SHORTAGE: Final = frozenset({EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM})
_AGAIN: Final = 0.05
_TRIES: Final = 40
_LOOK: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One port to speak with. ``index`` is the caller's; ``address`` literal, ``scope`` that of a link-local IPv6."""

    index: int
    address: str
    port: Port
    scope: int = 0
    conversation: Conversation


class _Line:
    """An interview under way and its connection."""

    __slots__ = ("ask", "asked", "connected", "due", "job", "sock", "tries", "unsent")

    def __init__(self, job: Job) -> None:
        self.job = job
        self.sock: socket.socket | None = None
        self.connected = False
        self.ask: Ask = Connect(0.0)
        self.asked = 0.0
        self.due = 0.0
        self.tries = 0
        self.unsent = b""


class Loop:
    """Interviews under way, at most ``most`` of them."""

    def __init__(self, most: int) -> None:
        self._most = max(1, most)
        self._poll = select.epoll()
        self._lines: dict[int, _Line] = {}
        self._under_way: set[_Line] = set()
        self._timers: list[tuple[float, int, _Line]] = []
        self._tick = 0
        self._waiting: dict[str, deque[Job]] = {}
        self._turn: deque[str] = deque()
        self._busy: dict[str, int] = {}
        self._done: list[tuple[Job, Identity | None]] = []

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Identity | None]]:
        """Carry out every job; each comes back as it is finished. Leaving early closes everything."""
        for job in jobs:
            queue = self._waiting.setdefault(job.address, deque())
            if not queue:
                self._turn.append(job.address)
            queue.append(job)
        try:
            while self._under_way or self._turn or self._done:
                self._fill()
                yield from self._done
                self._done.clear()
                if self._under_way:
                    self._wait()
        finally:
            self._close()

    def _fill(self) -> None:
        """Start what may be started, the hosts in turn."""
        while self._turn and len(self._under_way) < self._most:
            address = self._turn.popleft()
            queue = self._waiting[address]
            line = _Line(queue.popleft())
            self._busy[address] = self._busy.get(address, 0) + 1
            if queue and self._busy[address] < MOST_AT_ONE_HOST:
                self._turn.append(address)
            self._under_way.add(line)
            self._go_on(line, None)

    def _wait(self) -> None:
        now = monotonic()
        while self._timers and self._timers[0][2].due != self._timers[0][0]:
            heapq.heappop(self._timers)
        wait = self._timers[0][0] - now if self._timers else _LOOK
        for descriptor, events in self._poll.poll(max(0.0, min(wait, _LOOK))):
            line = self._lines.get(descriptor)
            if line is not None:
                self._event(line, events)
        now = monotonic()
        while self._timers and self._timers[0][0] <= now:
            due, _, line = heapq.heappop(self._timers)
            if line.due == due and line in self._under_way:
                self._overdue(line)

    def _event(self, line: _Line, events: int) -> None:
        if not line.connected:
            self._arrived(line)
            return
        if line.unsent and events & select.EPOLLOUT:
            self._send(line)
        if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR) and line.sock is not None:
            try:
                data = line.sock.recv(LONGEST)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            self._go_on(line, self._heard(line, data, None if data else End.CLOSED))

    def _arrived(self, line: _Line) -> None:
        """The connection is made, or is not; one with ourselves is none (RFC 9293 section 3.5)."""
        sock = line.sock
        if sock is None:
            return
        try:
            failed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or sock.getsockname() == sock.getpeername()
        except OSError:
            failed = 1
        line.connected = not failed
        if line.connected:
            self._poll.modify(sock.fileno(), select.EPOLLIN)
        self._go_on(line, self._heard(line, b"", End.FAILED if failed else None))

    def _overdue(self, line: _Line) -> None:
        if isinstance(line.ask, Connect) and line.sock is None:  # out of descriptors a moment ago
            heard = self._connect(line, line.ask)
        else:
            heard = self._heard(line, b"", End.SILENT if line.connected else End.FAILED)
        if heard is not None:
            self._go_on(line, heard)

    def _go_on(self, line: _Line, heard: Heard | None) -> None:
        """Tell the interview what came, and do what it asks for, until it must wait."""
        conversation = line.job.conversation
        while True:
            try:
                line.ask = next(conversation) if heard is None else conversation.send(heard)
            except StopIteration as finished:
                self._finish(line, finished.value)
                return
            line.asked = monotonic()
            heard = self._connect(line, line.ask) if isinstance(line.ask, Connect) else self._talk(line)
            if heard is None:
                return

    def _connect(self, line: _Line, ask: Connect) -> Heard | None:
        """Begin to connect. A lack of descriptors or buffers passes: it is tried again, for a while."""
        self._hang_up(line)
        job = line.job
        family = socket.AF_INET6 if ":" in job.address else socket.AF_INET
        try:
            sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            line.tries += 1
            if error.errno not in _SHORTAGE or line.tries > _TRIES:
                return self._heard(line, b"", End.FAILED)
            self._alarm(line, _AGAIN)
            return None
        line.sock, line.connected, line.tries = sock, False, 0
        self._lines[sock.fileno()] = line
        self._poll.register(sock.fileno(), select.EPOLLOUT)
        line.asked = monotonic()
        place = (
            (job.address, job.port.number, 0, job.scope)
            if family == socket.AF_INET6
            else (job.address, job.port.number)
        )
        try:
            code = sock.connect_ex(place)
        except OSError:
            code = -1
        if code not in (0, EINPROGRESS):
            return self._heard(line, b"", End.FAILED)
        self._alarm(line, ask.wait)
        return None

    def _talk(self, line: _Line) -> Heard | None:
        line.unsent += line.ask.say if not isinstance(line.ask, Connect) else b""
        if line.sock is None:
            return Heard(end=End.CLOSED)
        if line.unsent:
            self._send(line)
        if line.ask.wait <= 0:
            return Heard(end=End.SILENT)
        self._alarm(line, line.ask.wait)
        return None

    def _send(self, line: _Line) -> None:
        """Send what the socket takes; why it may be broken, reading will tell."""
        if line.sock is None:
            return
        try:
            sent = line.sock.send(line.unsent, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = len(line.unsent)
        line.unsent = line.unsent[sent:]
        self._poll.modify(line.sock.fileno(), select.EPOLLIN | (select.EPOLLOUT if line.unsent else 0))

    def _alarm(self, line: _Line, wait: float) -> None:
        line.due = monotonic() + wait
        self._tick += 1
        heapq.heappush(self._timers, (line.due, self._tick, line))

    def _heard(self, line: _Line, data: bytes, end: End | None) -> Heard:
        return Heard(data, end, monotonic() - line.asked)

    def _finish(self, line: _Line, identity: Identity | None) -> None:
        self._hang_up(line)
        self._under_way.discard(line)
        address = line.job.address
        self._busy[address] -= 1
        if self._waiting[address] and self._busy[address] == MOST_AT_ONE_HOST - 1:
            self._turn.append(address)
        self._done.append((line.job, identity))

    def _hang_up(self, line: _Line) -> None:
        line.unsent = b""
        line.connected = False
        if line.sock is not None:
            del self._lines[line.sock.fileno()]
            line.sock.close()
            line.sock = None

    def _close(self) -> None:
        for line in list(self._under_way):
            self._hang_up(line)
            line.job.conversation.close()
        self._under_way.clear()
        self._poll.close()
