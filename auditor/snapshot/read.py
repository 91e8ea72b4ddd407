"""A snapshot file as evidence, read line by line: the door at which saved evidence enters.

A file that breaks off is incomplete evidence. A file in which something is wrong is refused, with file and line.
Interim lines say what has become known of a target that is not finished; they are put together at the end, unless a
line without that mark speaks of the target as a whole.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from auditor.errors import EvidenceError
from auditor.model.evidence import Completion
from auditor.model.target import Batch
from auditor.snapshot.decode import completion_of, fields_of, is_interim, observation_of, origin_of
from auditor.snapshot.parts import composed
from auditor.snapshot.plan import SETTINGS, is_plan, settings_of, targets_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.model.evidence import Key, Observation, Origin
    from auditor.model.target import Target
    from auditor.snapshot.plan import Settings

LONGEST_LINE = 64 * 1024 * 1024
NO_END_MARK = "no end mark: the scan was interrupted"
CUT_OFF = "the file ends in the middle of a line"
SECOND_PLAN = "a second plan: a scan has one"
SECOND_HEADER = "a second header: snapshots are joined with 'auditor merge', not by appending"

_BOM = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """A line of the file: its number from 1, where it begins, and what stands there."""

    number: int
    offset: int
    data: bytes


class Part(NamedTuple):
    """An observation; ``finished`` is whether the scan that wrote it was done with its target."""

    seen: Observation
    finished: bool


class Snapshot:
    """Evidence from a snapshot file. ``source`` is what reports call it, where that is not the path.

    The header is read at once. Each iteration reads the file from the start; after it, ``completion`` is what the
    footer says and ``origin`` has the SHA-256 of the whole file.

    :raises EvidenceError: the file cannot be opened, or is no snapshot of a version that can be read; on iteration:
        a line that is not what a snapshot holds.
    """

    def __init__(self, path: str | Path, *, source: str | None = None) -> None:
        self._path = Path(path)
        self._source = os.fspath(path) if source is None else source
        with self._open() as file:
            self._header = self._line(file, 1)
        self._origin = self._header_of(self._header)
        self._completion = Completion(complete=False, reason=NO_END_MARK)

    @property
    def origin(self) -> Origin:
        """The header; with ``sha256`` once the file has been read to its end."""
        return self._origin

    @property
    def completion(self) -> Completion:
        """The footer, once it has been read."""
        return self._completion

    def __iter__(self) -> Iterator[Observation]:
        """Observations in the order of the file, each target once; those that were not finished come last."""
        for part in self.parts():
            yield part.seen

    def parts(self) -> Iterator[Part]:
        """The same, and whether the scan that wrote them was done with the target."""
        self._completion = Completion(complete=False, reason=NO_END_MARK)
        interim: dict[Key, list[Line]] = {}
        ended = False
        for line in self._lines():
            if ended:
                raise self._error(line.number, _after_the_end(line.data))
            fields = self._fields(line)
            if fields is None:
                self._completion = Completion(complete=False, reason=CUT_OFF)
            elif "complete" in fields:
                ended = True
                with self._locating(line.number):
                    self._completion = completion_of(fields)
            elif not is_plan(fields):
                with self._locating(line.number):
                    seen, more = _observation(fields), is_interim(fields)
                if more:
                    interim.setdefault(seen.key, []).append(line._replace(data=b""))
                else:
                    interim.pop(seen.key, None)
                    yield Part(seen, finished=True)
        for lines in interim.values():
            yield Part(self._composed(lines), finished=False)

    def plan(self) -> Batch | None:
        """What the scan was to ask, whole; None where the file does not say it, or not to the end.

        :raises EvidenceError: a line of the plan that is not what a plan holds.
        """
        settings: Settings | None = None
        targets: list[Target] = []
        for line in self._lines():
            fields = self._fields(line)
            if fields is None or not is_plan(fields):
                break
            with self._locating(line.number):
                if SETTINGS not in fields:
                    targets += targets_of(fields)
                elif settings is None:
                    settings = settings_of(fields)
                else:
                    raise ValueError(SECOND_PLAN)
        if settings is None or settings.targets != len(targets):
            return None
        return Batch(targets=tuple({target.key: target for target in targets}.values()), **settings.batch)

    def _composed(self, lines: Sequence[Line]) -> Observation:
        """Read the increments of one target, once more, and put them together."""
        with self._open() as file, self._locating(lines[-1].number):
            return composed(map(partial(self._increment, file), lines))

    def _increment(self, file: BinaryIO, line: Line) -> Observation:
        file.seek(line.offset)
        with self._locating(line.number):
            return observation_of(fields_of(self._line(file, line.number)))

    def _lines(self) -> Iterator[Line]:
        """Every line after the header that is not blank; the digest is known after the last."""
        digest = hashlib.sha256()
        with self._open() as file:
            line = self._line(file, 1)
            if line != self._header:
                raise self._error(1, "the file was replaced while it was being read")
            number, offset = 1, 0
            while line:
                digest.update(line)
                number, offset = number + 1, offset + len(line)
                line = self._line(file, number)
                if line.strip():
                    yield Line(number, offset, line)
        self._origin = replace(self._origin, sha256=digest.hexdigest())

    def _header_of(self, line: bytes) -> Origin:
        with self._locating(1):
            if not line.strip():
                msg = "the file is empty" if not line else "the first line is blank"
                raise ValueError(msg)
            return origin_of(fields_of(line.removeprefix(_BOM)), self._source)

    def _fields(self, line: Line) -> dict[str, Any] | None:
        """Read the line's fields. None: it is the last line and only the beginning of one."""
        if not line.data.endswith(b"\n"):
            with suppress(ValueError):
                return fields_of(line.data)
            return None
        with self._locating(line.number):
            return fields_of(line.data)

    def _open(self) -> BinaryIO:
        try:
            return self._path.open("rb")
        except OSError as error:
            raise self._unreadable(error) from error

    def _line(self, file: BinaryIO, number: int) -> bytes:
        try:
            line = file.readline(LONGEST_LINE + 1)
        except OSError as error:
            raise self._unreadable(error) from error
        if len(line) > LONGEST_LINE:
            raise self._error(number, f"a line longer than {LONGEST_LINE // 1024 // 1024} MiB")
        return line

    @contextmanager
    def _locating(self, number: int) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            raise self._error(number, str(error)) from error

    def _error(self, number: int, message: str) -> EvidenceError:
        return EvidenceError(f"{self._source}:{number}: {message}")

    def _unreadable(self, error: OSError) -> EvidenceError:
        return EvidenceError(f"cannot read {self._source}: {error.strerror or error}")


def _observation(fields: dict[str, Any]) -> Observation:
    if "auditor" in fields:
        raise ValueError(SECOND_HEADER)
    return observation_of(fields)


def _after_the_end(line: bytes) -> str:
    with suppress(ValueError):
        if "auditor" in fields_of(line):
            return SECOND_HEADER
    return "a line after the end mark"
