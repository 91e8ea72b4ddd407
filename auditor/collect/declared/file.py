"""A file that declares ports, as evidence: read whole, parsed once, dated by nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import CutOffError
from auditor.files.documents import LARGEST, read_source
from auditor.model.evidence import Completion, Kind, Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from auditor.files.text import SourceText
    from auditor.model.evidence import Observation

    Parse = Callable[[SourceText], Iterable[Observation]]


class DeclaredFile:
    """Evidence from a file that says what will be published. ``tool`` is whose file it is (``compose``).

    ``parse`` gets the text with the name by which reports call the file. Each iteration reads the file anew; after it
    ``origin`` has the SHA-256. What the file leaves open is in the observations; where the file itself ends before its
    time, ``parse`` raises :class:`~auditor.errors.CutOffError` after them, and ``completion`` says so.

    :raises EvidenceError: on iteration: the file cannot be read, is too large, or is not what it looked like.
    """

    def __init__(self, path: str, *, source: str, tool: str, parse: Parse, limit: int = LARGEST) -> None:
        self._path = path
        self._parse = parse
        self._limit = limit
        self.origin = Origin(kind=Kind.DECLARED, source=source, tool=tool)
        self.completion = Completion(complete=False, reason="not read yet")

    def __iter__(self) -> Iterator[Observation]:
        origin = self.origin
        text = read_source(self._path, origin.source, limit=self._limit)
        self.origin = Origin(kind=origin.kind, source=origin.source, tool=origin.tool, sha256=text.sha256)
        try:
            yield from self._parse(text)
        except CutOffError as cut:
            self.completion = Completion(complete=False, reason=str(cut))
            return
        self.completion = Completion(complete=True)
