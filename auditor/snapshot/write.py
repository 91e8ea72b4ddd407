"""Evidence written down as it comes, one line a host: what a killed scan has seen is on the disk.

The lines go to ``PATH.partial``, which becomes ``PATH`` when the end mark is written, be the scan complete or
interrupted; until then an earlier snapshot under that name stays whole. After a kill the partial file remains, and
reads as incomplete evidence.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import weakref
from contextlib import contextmanager, nullcontext, suppress
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Self

from auditor.errors import ReportError
from auditor.files.atomic import open_direct, write_failure
from auditor.files.spare import PARTIAL
from auditor.model.evidence import Completion
from auditor.snapshot.encode import footer_line, header_line, observation_line

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType

    from auditor.model.evidence import Evidence, Observation, Origin

_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class SnapshotWriter:
    """A snapshot being written. It ends as interrupted unless :meth:`close` was called, even where nobody entered it.

    :raises ReportError: from every method, where the file cannot be written; the message names it.
    """

    def __init__(self, path: str | Path, origin: Origin) -> None:
        self._path = path
        self._begun = False
        self._file: FileIO
        self._partial: Path | None
        direct = self._direct()  # which may wait for the reader of a pipe
        with nullcontext() if direct is not None else _without_signals():
            self._file, self._partial = self._beside() if direct is None else (direct, None)
            self._write(header_line(origin))
            self._begun = True

    def add(self, seen: Observation) -> None:
        """Write one observation; it is in the file when this returns."""
        with self._undisturbed():
            self._write(observation_line(seen))

    def close(self, completion: Completion) -> None:
        """Write the end mark and give the file its name. Only the first call counts."""
        if self._file.closed:
            return
        with self._undisturbed():
            self._finish(completion)

    def _finish(self, completion: Completion) -> None:
        self._write(footer_line(completion))
        try:
            if self._partial is not None:
                os.fsync(self._file.fileno())
                self._partial.replace(os.path.realpath(self._path))
            self._file.close()
        except OSError as error:
            raise self._failure(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file.closed:
            return
        failed = isinstance(error, Exception)
        self.close(Completion(complete=False, reason=f"ended by an error: {error}" if failed else "interrupted"))

    def __del__(self) -> None:
        """Who was interrupted before reading the first observation never came to enter or to close it."""
        with suppress(AttributeError, ReportError):
            if self._begun:
                self.close(Completion(complete=False, reason="interrupted"))
            elif not self._file.closed:
                self._give_up()

    def _undisturbed(self) -> AbstractContextManager[None]:
        """No signal ends a file of ours in the middle of a line; on a pipe, which may be full, it has to."""
        return nullcontext() if self._partial is None else _without_signals()

    def _direct(self) -> FileIO | None:
        try:
            direct = open_direct(self._path)
            if direct is None:
                return None
            with direct:
                return FileIO(os.dup(direct.fileno()), "wb")
        except OSError as error:
            raise write_failure(self._path, error) from error

    def _beside(self) -> tuple[FileIO, Path]:
        try:
            partial = Path(os.path.realpath(self._path) + PARTIAL)
            return self._claimed(partial), partial
        except OSError as error:
            raise write_failure(self._path, error) from error

    def _claimed(self, partial: Path) -> FileIO:
        """Open for ourselves alone, and only then drop what an earlier, killed run left."""
        if Path(self._path).is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        file = FileIO(os.open(partial, _CREATE, 0o666), "wb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held the lock may have given the file its final name in between.
            if os.path.samestat(os.fstat(file.fileno()), partial.stat()):
                file.truncate()
                return file
        except (BlockingIOError, FileNotFoundError):
            pass
        except BaseException:
            file.close()
            raise
        file.close()
        raise ReportError(f"cannot write {os.fspath(self._path)}: another run is writing it")

    def _write(self, line: str) -> None:
        left = memoryview(line.encode("ascii"))
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> ReportError:
        """Give the file up as it is: what is in it still reads as incomplete evidence."""
        self._give_up()
        return write_failure(self._path, error)

    def _give_up(self) -> None:
        """An empty file is of no use to anybody."""
        with suppress(OSError):
            if self._partial is not None and os.fstat(self._file.fileno()).st_size == 0:
                self._partial.unlink()
        with suppress(OSError):
            self._file.close()


@contextmanager
def _without_signals() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Tee:
    """Evidence that is recorded while it is read; whoever reads on sees the same observations."""

    def __init__(self, evidence: Evidence, writer: SnapshotWriter) -> None:
        self._evidence = evidence
        self._writer = writer
        self._reading: weakref.ref[Generator[Observation]] | None = None

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

    def _read(self) -> Generator[Observation]:
        with self._writer as writer:
            try:
                for seen in self._evidence:
                    writer.add(seen)
                    yield seen
            except (KeyboardInterrupt, GeneratorExit):
                for seen in getattr(self._evidence, "partial", tuple)():
                    writer.add(seen)
                raise
            writer.close(self._evidence.completion)


def tee(evidence: Evidence, writer: SnapshotWriter) -> Tee:
    """Pass the evidence through while recording it.

    :raises ReportError: on iteration, where the snapshot cannot be written.
    """
    return Tee(evidence, writer)


def record(evidence: Evidence, path: str | Path) -> Completion:
    """Write the evidence, whole, as a snapshot; say how it ended.

    :raises ReportError: it cannot be written.
    :raises EvidenceError: it cannot be read; the snapshot then ends as incomplete, with that reason.
    """
    with SnapshotWriter(path, evidence.origin) as writer:
        for seen in evidence:
            writer.add(seen)
        writer.close(evidence.completion)
    return evidence.completion
