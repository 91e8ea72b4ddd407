"""A scanner's output file as probe evidence: what all the formats that list single ports have in common.

Such a file lists what is open, a port or a host at a time. What was asked, and so what is not open, is the caller's to
declare. A file that breaks off is incomplete evidence; one that holds what its tool would not write is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.collect.imported.sightings import Roll, Sighting
from auditor.collect.imported.stream import BrokenOffError, FaultError, Stream
from auditor.errors import EvidenceError
from auditor.model.evidence import Completion, Kind, Origin

if TYPE_CHECKING:
    from auditor.model.evidence import Observation
    from auditor.model.ports import PortSet

NOT_READ = "not read yet"


@dataclass(slots=True, kw_only=True)
class Run:
    """What reading finds out about the run as a whole.

    ``asked`` is what the caller declares. ``failure`` says why the evidence is incomplete, if it is.
    """

    asked: PortSet | None = None
    failure: str | None = None


Read = Callable[[Stream, Run], Iterator[Sighting]]
"""Reads one format. Raises :class:`FaultError` and :class:`BrokenOffError`."""


class ScannerFile:
    """Evidence from a file that lists ports. Hosts are told at the end of the file, each address once.

    :raises EvidenceError: on iteration: the file cannot be read, or is not its tool's.
    """

    def __init__(self, path: str | Path, read: Read, *, tool: str, source: str) -> None:
        self._path = Path(path)
        self._read = read
        self._asked: PortSet | None = None
        self._origin = Origin(kind=Kind.PROBE, source=source, tool=tool)
        self._completion = Completion(complete=False, reason=NOT_READ)

    @property
    def origin(self) -> Origin:
        """Who wrote it; once it has been read to its end, with ``sha256``, and ``started`` where every entry is dated.

        ``asked`` is what was declared.
        """
        return self._origin

    @property
    def completion(self) -> Completion:
        """Complete if it ends as its tool ends it; of most tools an interrupted run looks the same."""
        return self._completion

    def declare(self, asked: PortSet) -> None:
        """Take the caller's word for what was asked of each address in the file."""
        self._asked = asked
        self._origin = replace(self._origin, asked=asked)

    def __iter__(self) -> Iterator[Observation]:
        """One observation an address, in the order of their first mention.

        :raises UsageError: the file lists a port that was not asked, if what was declared is right.
        """
        source = self._origin.source
        self._completion = Completion(complete=False, reason=NOT_READ)
        stream, run = Stream(self._path, source), Run(asked=self._asked)
        roll = Roll(self._origin.tool or "the scanner", source, self._asked)
        try:
            for seen in self._read(stream, run):
                if roll.full and not roll.knows(seen):
                    yield from roll.told()
                roll.add(seen)
        except FaultError as fault:
            raise EvidenceError(f"{source}:{fault.line}: {fault}") from None
        except BrokenOffError as end:
            run.failure = str(end)
        yield from roll.told()
        self._origin = replace(self._origin, sha256=stream.sha256, started=roll.first)
        self._completion = Completion(complete=run.failure is None, reason=run.failure)
