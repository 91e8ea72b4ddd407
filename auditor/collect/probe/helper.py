"""A second process that carries out chunks on another processor, at the first one's bidding.

Only the asking is done there; the rounds, the estimates and the rate stay with the parent. The two speak over one
socket that keeps messages apart (unix(7), SOCK_SEQPACKET), in ``marshal``, as both are the same program. The child
ends when the parent's end of the socket closes, however that comes about; if the child is gone, the parent takes its
chunks back.
"""

from __future__ import annotations

import contextlib
import gc
import marshal
import os
import signal
import socket
import time
import warnings
from array import array
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from auditor.collect.probe.chunk import Chunk
from auditor.collect.probe.icmp import Message
from auditor.collect.probe.late import Late

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.collect.probe.methods import Method
    from auditor.model.target import Batch

_LARGEST: Final = 1 << 18
_AHEAD: Final = 12
_MESSAGES: Final = 1024
_GRACE: Final = 1.0
_WORTH_HELP: Final = 20_000
_FAST: Final = 50_000


class News(NamedTuple):
    """What has come back: round-trip samples, what the network said of ports, finished chunks, late answers."""

    samples: list[tuple[Chunk, float]]
    messages: list[tuple[Message, int, str]]
    finished: list[Chunk]
    late: list[Late]


class Helper:
    """The parent's view of the second process. ``hungry`` says how many more chunks it wants."""

    def __init__(self, method: Callable[..., Method], window: int) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self._socket, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * _LARGEST)
        self.hungry = 0
        self.given: dict[int, Chunk] = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of threads; the child starts none
            self._pid = os.fork()
        if self._pid == 0:
            _live(self._socket, theirs, method, window)
        theirs.close()
        self._socket.setblocking(False)  # noqa: FBT003 - the socket module's own way

    @property
    def descriptor(self) -> int:
        """What becomes readable when it has something to say."""
        return self._socket.fileno()

    def give(self, chunk: Chunk) -> bool:
        """Hand over a chunk; False if the process is gone."""
        self.given[chunk.number] = chunk
        self.hungry -= 1
        where = (chunk.host, chunk.scope, chunk.local)
        how = (chunk.timeout, chunk.watch, chunk.role, chunk.attempt, chunk.round_trip, chunk.responsive, chunk.firm)
        order = (chunk.number, chunk.ports.tobytes(), where, how)
        try:
            self._socket.send(marshal.dumps(order))
        except OSError:
            return False
        return True

    def hear(self, news: News) -> bool:
        """Add everything it has to say to the news; whether it lives."""
        while True:
            try:
                data = self._socket.recv(_LARGEST)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            said = marshal.loads(data)  # noqa: S302 - from our own child, over a socket that nobody else has
            if said is None:
                self.hungry += 1
            else:
                self._understand(said, news)

    def _understand(self, said: tuple[Any, ...], news: News) -> None:
        number, codes, reasons, slow, heard, sent, seconds, messages, late = said
        news.late.extend(Late(*answer) for answer in late)
        if number is None:
            return
        chunk = self.given.pop(number)
        chunk.codes[:], chunk.reasons, chunk.left = codes, reasons, 0
        chunk.slow, chunk.heard, chunk.sent = slow, heard, sent
        news.finished.append(chunk)
        if seconds is not None:
            news.samples.append((chunk, seconds))
        news.messages.extend((Message(*message), code, reason) for message, code, reason in messages)

    def close(self) -> None:
        """End it and wait for its end."""
        self._socket.close()
        deadline = time.monotonic() + _GRACE
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(self._pid, os.WNOHANG)[0] == 0:
                if time.monotonic() > deadline:
                    os.kill(self._pid, signal.SIGKILL)
                    os.waitpid(self._pid, 0)
                    return
                time.sleep(0.001)


def _live(parents: socket.socket, mine: socket.socket, method: Callable[..., Method], window: int) -> None:
    """The whole life of the child; it never returns."""
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # and so is a hang-up
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        gc.disable()
        parents.close()
        _serve(mine, method, window)
        status = 0
    finally:
        os._exit(status)


def _serve(sock: socket.socket, method: Callable[..., Method], window: int) -> None:
    queue: deque[Chunk] = deque()
    prober = method(lambda: queue.popleft() if queue else None, window=window)
    prober.listen(sock.fileno())
    wanted = 0
    while True:
        while len(queue) + wanted < _AHEAD:
            sock.send(marshal.dumps(None))
            wanted += 1
        prober.step(1.0)
        if prober.others:
            prober.others.clear()
            data = sock.recv(_LARGEST)
            if not data:
                return
            queue.append(_chunk(marshal.loads(data)))  # noqa: S302 - from our own parent
            wanted -= 1
        if prober.finished or prober.late:
            _report(sock, prober)


def _chunk(order: tuple[Any, ...]) -> Chunk:
    number, ports, (host, scope, local), (timeout, watch, role, attempt, round_trip, responsive, firm) = order
    return Chunk(
        number,
        array("H", ports),
        host=host,
        scope=scope,
        timeout=timeout,
        local=local,
        watch=watch,
        role=role,
        attempt=attempt,
        round_trip=round_trip,
        responsive=responsive,
        firm=firm,
    )


def _report(sock: socket.socket, prober: Method) -> None:
    """One message a chunk, so that its size is bounded: outcomes, reasons, a round-trip time, what the network said.

    Answers to earlier chunks follow, in messages of their own.
    """
    prober.drain()
    seconds = {chunk.number: sample for chunk, sample in prober.samples}
    late = {chunk.host: sample for chunk, sample in prober.samples}  # of chunks that were reported before
    for chunk in prober.finished:
        batch, prober.messages = prober.messages[:_MESSAGES], prober.messages[_MESSAGES:]
        messages = [(tuple(message), code, reason) for message, code, reason in batch]
        sample = seconds.get(chunk.number, late.get(chunk.host))
        outcome = chunk.number, bytes(chunk.codes), chunk.reasons, chunk.slow, chunk.heard, chunk.sent
        sock.send(marshal.dumps((*outcome, sample, messages, [])))
    prober.finished, prober.samples = [], []
    while prober.late:
        some, prober.late = prober.late[:_MESSAGES], prober.late[_MESSAGES:]
        sock.send(marshal.dumps((None, b"", {}, [], True, 0.0, None, [], [tuple(answer) for answer in some])))


def worth_help(batch: Batch) -> bool:
    """Whether a second process pays: much to do, nothing to hold it back, and a processor for it."""
    host_rate = batch.host_rate * len(batch.targets) if batch.host_rate else _FAST
    unhurried = min(_FAST if batch.rate is None else batch.rate, host_rate) < _FAST
    return batch.probes >= _WORTH_HELP and not unhurried and len(os.sched_getaffinity(0)) > 1
