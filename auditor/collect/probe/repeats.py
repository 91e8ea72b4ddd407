"""Probes that this machine has to send once more: in which order, and how often each. No system calls, no clock."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.collect.probe.chunk import Chunk

T = TypeVar("T")


class Repeat(NamedTuple, Generic[T]):
    """A probe: what it belongs to, its index there, and when it is to be sent."""

    what: T
    at: int
    when: float


class Repeats(Generic[T]):
    """Those to be sent again, each ``pause`` seconds after that was asked for; and how often it was, by port.

    It does not know why a probe failed, nor what follows when it has failed too often. ``tries`` may be looked into.
    """

    __slots__ = ("_pause", "_queue", "tries")

    def __init__(self, pause: float) -> None:
        self.tries: dict[tuple[Chunk, int], int] = {}
        self._pause = pause
        self._queue: deque[Repeat[T]] = deque()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._queue)

    def count(self, chunk: Chunk, index: int) -> int:
        """One more try of this port failed; how many that makes."""
        tries = self.tries[chunk, index] = self.tries.get((chunk, index), 0) + 1
        return tries

    def forget(self, chunk: Chunk, index: int) -> None:
        """It has an outcome."""
        self.tries.pop((chunk, index), None)

    def add(self, what: T, index: int, now: float) -> None:
        """Have it sent once more."""
        self._queue.append(Repeat(what, index, now + self._pause))

    def due(self, now: float, most: int) -> Iterator[Repeat[T]]:
        """Those whose time has come, at most so many; what is put back meanwhile waits for the next time."""
        for _ in range(min(most, len(self._queue))):
            if self._queue[0].when > now:
                return
            yield self._queue.popleft()

    @property
    def next_due(self) -> float | None:
        """When the first is due."""
        return self._queue[0].when if self._queue else None
