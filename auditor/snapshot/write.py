"""Evidence written down as it comes, one line a host: what a killed scan has seen is on the disk.

The lines go to ``PATH.partial``, which becomes ``PATH`` when the end mark is written, be the scan complete or
interrupted; until then an earlier snapshot under that name stays whole. After a kill the partial file remains, and
reads as incomplete evidence. What serves only to go on after a kill, the plan and the interim lines of targets that
were finished later, is left out of a complete snapshot.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from contextlib import closing, contextmanager, nullcontext, suppress
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Self

from auditor.errors import ReportError, UsageError
from auditor.files.atomic import open_direct, write_failure
from auditor.files.spare import PARTIAL, OverwriteError, spare_noted
from auditor.model.evidence import Completion, Lined
from auditor.snapshot.decode import fields_of, observation_of
from auditor.snapshot.encode import footer_line, header_line, observation_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType

    from auditor.model.evidence import Evidence, Key, Observation, Origin
    from auditor.snapshot.read import Part

_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NEW = ".new"
_BLOCK = 64 * 1024
_NOTE = b'{"interim":true'
_PLAN = (b'{"plan":', b'{"targets":')
"""How these lines begin, as :mod:`auditor.snapshot.encode` and :mod:`auditor.snapshot.plan` write them."""
_HEADER = b'{"auditor":"snapshot"'
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class SnapshotWriter:
    """A snapshot being written. It ends as interrupted unless :meth:`close` was called, even where nobody entered it.

    ``plan`` are the lines of :func:`plan_lines`. ``earlier`` is what is known before the scan begins. Where it
    ``takes_over`` from an earlier scan, whose file may be ``PATH.partial`` itself, all of that is in the new file
    before this takes the name, so that a kill loses nothing.

    :raises ReportError: from every method, where the file cannot be written; the message names it.
    """

    def __init__(
        self,
        path: str | Path,
        origin: Origin,
        *,
        plan: Iterable[str] = (),
        earlier: Sequence[Part] = (),
        takes_over: bool = False,
    ) -> None:
        self._path = path
        self._begun = False
        self._size = 0
        self._unfinished: dict[Key, int] = {}
        self._has_notes = self._has_plan = False
        self._file: FileIO
        self._partial: Path | None
        direct = self._direct()  # which may wait for the reader of a pipe
        with nullcontext() if direct is not None else _without_signals():
            self._file, self._partial = self._beside(fresh=not takes_over) if direct is None else (direct, None)
            if takes_over and self._partial is not None:
                self._take_over(self._partial, origin, plan, earlier)
            else:
                self._begin(origin, plan, earlier)
            self._begun = True

    def add(self, seen: Observation) -> None:
        """Write one observation; it is in the file when this returns."""
        with self._undisturbed():
            self._unfinished.pop(seen.key, None)
            self._write(observation_line(seen))

    def add_all(self, evidence: Iterable[Observation]) -> None:
        """Write observations as they come, in blocks; all of them are in the file when this returns or raises.

        A kill may lose the last block: for what can be read again.
        """
        lines: list[str] = []
        size = 0
        try:
            for seen in evidence:
                self._unfinished.pop(seen.key, None)
                line = observation_line(seen)
                size += len(line)
                lines.append(line)
                if size >= _BLOCK:
                    self._flush(lines)
                    size = 0
        finally:
            self._flush(lines)

    def add_lines(self, blocks: Iterable[bytes]) -> None:
        """Write observations that are lines already, in blocks; see :func:`auditor.snapshot.observation_line`."""
        for block in blocks:
            with self._undisturbed():
                self._write(block)

    def _flush(self, lines: list[str]) -> None:
        with self._undisturbed():
            block = "".join(lines)
            lines.clear()
            self._write(block)

    def note(self, seen: Observation) -> None:
        """Write what has become known of a target that is not finished, to be added to what the file has of it.

        Who reads a pipe is not bothered with it.
        """
        if self._partial is not None:
            with self._undisturbed():
                self._unfinished.setdefault(seen.key, self._size)
                self._has_notes = True
                self._write(observation_line(seen, interim=True))

    def leave(self, seen: Observation) -> None:
        """Write all that is known of a target that will not be finished; the notes on it go."""
        with self._undisturbed():
            self._unfinished[seen.key] = self._size
            self._has_notes = True
            self._write(observation_line(seen, interim=True))

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
                if self._has_notes or (completion.complete and self._has_plan):
                    self._tidy(self._partial, plan=not completion.complete)
                os.fsync(self._file.fileno())
                self._spare_inputs()
                self._partial.replace(os.path.realpath(self._path))
            self._file.close()
        except OSError as error:
            raise self._failure(error) from error

    def _spare_inputs(self) -> None:
        """Refuse to replace a file that was read in the meantime, as one that another input led to.

        Nor may it have been read while it was half written: then its own beginning was taken for evidence.

        :raises UsageError: that is so; nothing is left of the snapshot.
        """
        try:
            spare_noted((os.fspath(self._path), os.fspath(self._path) + PARTIAL))
        except UsageError:
            self._file.close()
            if self._partial is not None:
                self._partial.unlink(missing_ok=True)
            raise

    def _begin(self, origin: Origin, plan: Iterable[str], earlier: Iterable[Part]) -> None:
        self._write(header_line(origin))
        for line in plan:
            self._has_plan = True
            self._write(line)
        for part in earlier:
            if part.finished:
                self._write(observation_line(part.seen))
            else:
                self.note(part.seen)

    def _take_over(self, partial: Path, origin: Origin, plan: Iterable[str], earlier: Iterable[Part]) -> None:
        """Write a new file beside the one that is locked, and put it in its place when everything is in it."""
        try:
            with self._successor(partial):
                self._begin(origin, plan, earlier)
        except OSError as error:
            raise self._failure(error) from error

    def _tidy(self, partial: Path, *, plan: bool) -> None:
        """Leave out what only serves to go on after a kill. Whoever reads it meanwhile has the whole."""
        with partial.open("rb") as lines, self._successor(partial):
            offset = 0
            for line in lines:
                if self._stays(line, offset, plan=plan):
                    self._put(line)
                offset += len(line)

    @contextmanager
    def _successor(self, partial: Path) -> Iterator[None]:
        """A new file that takes the partial one's place when the block ends well. Who has the lock may write it."""
        locked = self._file
        new = partial.with_name(partial.name + _NEW)
        file = FileIO(os.open(new, _CREATE | os.O_TRUNC, 0o666), "wb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._file, self._size = file, 0
            yield
            os.fsync(file.fileno())
            new.replace(partial)
        except BaseException:
            with suppress(OSError):
                new.unlink()
            raise
        finally:
            locked.close()

    def _stays(self, line: bytes, offset: int, *, plan: bool) -> bool:
        if line.startswith(_PLAN):
            return plan
        if not line.startswith(_NOTE):
            return True
        if not self._unfinished:
            return False
        return offset >= self._unfinished.get(observation_of(fields_of(line)).key, offset + 1)

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

    def _beside(self, *, fresh: bool) -> tuple[FileIO, Path]:
        try:
            partial = Path(os.path.realpath(self._path) + PARTIAL)
            return self._claimed(partial, fresh=fresh), partial
        except OSError as error:
            raise write_failure(self._path, error) from error

    def _claimed(self, partial: Path, *, fresh: bool) -> FileIO:
        """Open for ourselves alone, and only then, to begin afresh, drop what an earlier, killed run left."""
        if Path(self._path).is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        file = FileIO(os.open(partial, _CREATE, 0o666), "wb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held the lock may have given the file its final name in between.
            if os.path.samestat(os.fstat(file.fileno()), partial.stat()):
                if fresh:
                    self._spare_others(partial)
                    file.truncate()
                return file
        except (BlockingIOError, FileNotFoundError):
            pass
        except BaseException:
            file.close()
            raise
        file.close()
        raise ReportError(f"cannot write {os.fspath(self._path)}: another run is writing it")

    def _spare_others(self, partial: Path) -> None:
        """Refuse to drop what no run of ours has left there.

        :raises OverwriteError: it is no snapshot.
        """
        with partial.open("rb") as left:
            begins = left.read(len(_HEADER))
        if not _HEADER.startswith(begins):
            raise OverwriteError(os.fspath(self._path) + PARTIAL, "it is not a snapshot that a scan left")

    def _write(self, line: str | bytes) -> None:
        try:
            self._put(line if isinstance(line, bytes) else line.encode("ascii"))
        except OSError as error:
            raise self._failure(error) from error

    def _put(self, line: bytes) -> None:
        left = memoryview(line)
        while left:
            left = left[self._file.write(left) :]
        self._size += len(line)

    def _failure(self, error: OSError) -> ReportError:
        """Give the file up as it is: what is in it still reads as incomplete evidence."""
        self._give_up()
        return write_failure(self._path, error)

    def _give_up(self) -> None:
        """An empty file is of no use to anybody."""
        with suppress(OSError):
            status = os.fstat(self._file.fileno())
            if self._partial is not None and status.st_size == 0 and os.path.samestat(status, self._partial.stat()):
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


def record(evidence: Evidence, path: str | Path) -> Completion:
    """Write the evidence, whole, as a snapshot; say how it ended.

    :raises ReportError: it cannot be written.
    :raises EvidenceError: it cannot be read; the snapshot then ends as incomplete, with that reason.
    """
    lines = evidence.lines() if isinstance(evidence, Lined) else None
    with SnapshotWriter(path, evidence.origin) as writer:
        if lines is None:
            writer.add_all(evidence)
        else:
            with closing(lines):
                writer.add_lines(lines)
        writer.close(evidence.completion)
    return evidence.completion
