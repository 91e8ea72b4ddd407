"""Evidence that is written down while it is read, and now and then while a scan is under way, lest it be killed."""

from __future__ import annotations

import weakref
from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from auditor.model.evidence import Completion, Evidence, Observation, Origin
    from auditor.model.target import Observer
    from auditor.snapshot.write import SnapshotWriter

_EVERY: Final = 1.0
_SHARE: Final = 0.02
"""At most this part of the time goes into checkpoints."""
_SLICE: Final = 0.01
_LONG_SLICE: Final = 0.25
"""Seconds at a time: while a checkpoint is written no answer is taken in."""


class Tee:
    """Evidence that is recorded while it is read; whoever reads on sees the same observations."""

    def __init__(self, evidence: Evidence, writer: SnapshotWriter) -> None:
        self._evidence = evidence
        self._writer = writer
        self._reading: weakref.ref[Generator[Observation]] | None = None
        self._news: Iterator[Observation] | None = None
        self._round = 0.0
        self._next = monotonic() + _EVERY

    @property
    def origin(self) -> Origin:
        """As the evidence has it."""
        return self._evidence.origin

    @property
    def completion(self) -> Completion:
        """As the evidence has it."""
        return self._evidence.completion

    def __iter__(self) -> Iterator[Observation]:
        """Each observation once it is in the file; left early or broken off, the snapshot ends as interrupted.

        Evidence that then still knows something of hosts it did not finish (``partial()``) has that written, too.
        """
        reading = self._read()
        self._reading = weakref.ref(reading)
        return reading

    def close(self) -> None:
        """Whoever reads it is done, be it before the end or the beginning: the snapshot ends now."""
        reading = self._reading() if self._reading is not None else None
        if reading is not None:
            reading.close()
        self._writer.__exit__(None, None, None)

    def checkpoint(self, *, thorough: bool = False) -> None:
        """Write down what has become known of unfinished targets (``underway()``), if it is time to.

        A round over all of them begins at most once a second, and takes many calls where there is much to write.
        ``thorough``: now is the time, and for longer than usual.

        :raises ReportError: the snapshot cannot be written.
        """
        began = monotonic()
        if began < self._next and not thorough:
            return
        until = began + (_LONG_SLICE if thorough else _SLICE)
        if self._news is None:
            self._news, self._round = iter(getattr(self._evidence, "underway", tuple)()), began
        now = began
        for seen in self._news:
            self._writer.note(seen)
            now = monotonic()
            if now >= until:
                break
        else:
            self._news, now = None, monotonic()
        rest = (now - began) / _SHARE
        self._next = now + rest if self._news is not None else max(now + rest, self._round + _EVERY)

    def _read(self) -> Generator[Observation]:
        with self._writer as writer:
            try:
                for seen in self._evidence:
                    writer.add(seen)
                    yield seen
            except (KeyboardInterrupt, GeneratorExit):
                for seen in getattr(self._evidence, "partial", tuple)():
                    writer.leave(seen)
                raise
            writer.close(self._evidence.completion)


def tee(evidence: Evidence, writer: SnapshotWriter) -> Tee:
    """Pass the evidence through while recording it.

    :raises ReportError: on iteration, where the snapshot cannot be written.
    """
    return Tee(evidence, writer)


class Pulse:
    """An observer that passes everything on, and calls ``then`` each time: a scan's only sign of life from within.

    ``then`` is told whether something was said, which happens where a scan enters another phase.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.then: Callable[[bool], None] | None = None

    def progress(self, done: int, total: int, opened: int) -> None:
        """As it is."""
        self._observer.progress(done, total, opened)
        if self.then is not None:
            self.then(False)  # noqa: FBT003 - a callback has no names

    def say(self, message: str) -> None:
        """As it is."""
        self._observer.say(message)
        if self.then is not None:
            self.then(True)  # noqa: FBT003 - as above
