"""Further processes that read batches of a large file: results come in order, and a bounded number is under way.

Each has a connection of its own, so that one that dies leaves nobody waiting: its share comes back without results, and
the others go on with theirs. They end when this process closes their connections, however that comes about.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Self, TypeVar

from auditor.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess
    from pathlib import Path
    from types import TracebackType

_T = TypeVar("_T")

_LARGE: Final = 8_000_000
"""Bytes; what is smaller is read before other processes would have begun."""
_MOST: Final = 6
"""More of them would wait for this process, which reads, hashes and writes."""
_GRACE: Final = 2.0
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def worth(path: Path) -> int:
    """How many further processes pay for a file; none without a processor for them, or where there are threads.

    Threads do not survive a fork, and what they have locked stays locked.
    """
    processors = len(os.sched_getaffinity(0))
    if processors < 2 or threading.active_count() > 1:
        return 0
    try:
        return min(processors, _MOST) if path.stat().st_size >= _LARGE else 0
    except OSError:
        return 0


class _Worker(NamedTuple):
    process: BaseProcess
    connection: Connection[Any, Any]

    def give(self, text: bytes) -> bool:
        try:
            self.connection.send_bytes(text)
        except OSError:
            return False
        return True


class Workers(Generic[_T]):
    """So many processes that do the same ``work``, from the beginning of the ``with`` block to its end."""

    def __init__(self, work: Callable[[bytes], _T], count: int) -> None:
        self._work = work
        self._count = count
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        """Start them. No signal arrives before they know what to do about it."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            for _ in range(self._count):
                self._start(before)
        except OSError:  # no more processes, or memory for them: those that there are will do
            pass
        except BaseException:
            self._stop()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End them, and wait for their end."""
        self._stop()

    def map(self, texts: Iterable[bytes]) -> Iterator[tuple[bytes, _T | None]]:
        """Each text with its result, in the order given; None if nobody could make one.

        Two texts for each process are held at most. Where ``texts`` raise an :class:`EvidenceError`, it is raised
        behind the results of those that came before.
        """
        source, failure = iter(texts), None
        pending: deque[tuple[_Worker | None, bytes]] = deque()
        free = deque(self._workers)
        while True:
            try:
                text = next(source, None)
            except EvidenceError as error:
                text, failure = None, error
            if text is None:
                break
            if not free and pending:
                yield self._oldest(pending, free, text)
            else:
                pending.append(_given(text, free))
        while pending:
            yield self._oldest(pending, free, None)
        if failure is not None:
            raise failure

    def _oldest(
        self, pending: deque[tuple[_Worker | None, bytes]], free: deque[_Worker], following: bytes | None
    ) -> tuple[bytes, _T | None]:
        """Wait for the oldest text's result, and hand over the one that follows at once."""
        worker, text = pending.popleft()
        result: _T | None = None
        if worker is not None:
            with suppress(OSError, EOFError):
                result = worker.connection.recv()
                free.append(worker)
        if following is not None:
            pending.append(_given(following, free))
        return text, result

    def _start(self, mask: set[int | signal.Signals]) -> None:
        from multiprocessing import get_context

        fork = get_context("fork")  # the head of the file need not be sent, and nothing be loaded again
        ours, theirs = fork.Pipe()
        not_mine = [ours, *(worker.connection for worker in self._workers)]
        process = fork.Process(target=_live, args=(theirs, not_mine, self._work, mask), daemon=True)
        try:
            process.start()
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._workers.append(_Worker(process, ours))

    def _stop(self) -> None:
        for worker in self._workers:
            worker.connection.close()
        for worker in self._workers:
            worker.process.join(_GRACE)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._workers.clear()


def _given(text: bytes, free: deque[_Worker]) -> tuple[_Worker | None, bytes]:
    """Hand a text to whoever is free and takes it; nobody is where one has died, whose share stays here then."""
    while free:
        worker = free.popleft()
        if worker.give(text):
            return worker, text
    return None, text


def _live(
    mine: Connection[Any, Any],
    others: list[Connection[Any, Any]],
    work: Callable[[bytes], object],
    mask: set[int | signal.Signals],
) -> None:
    """The whole life of a process: what is wrong with a text shows where it is read instead."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # and so is a hang-up
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    for connection in others:
        connection.close()
    with suppress(Exception):
        while True:
            mine.send(work(mine.recv_bytes()))
