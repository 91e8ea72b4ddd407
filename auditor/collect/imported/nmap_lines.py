"""Plain hosts of an nmap file as lines of a snapshot: what other processes make of a large file, a batch at a time."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from auditor.collect.imported.nmap_host import observation
from auditor.collect.imported.nmap_plain import PlainHosts
from auditor.collect.imported.nmap_reading import cut
from auditor.model.ports import NO_PORTS
from auditor.snapshot.encode import observation_line

if TYPE_CHECKING:
    from auditor.collect.imported.nmap_document import Document
    from auditor.model.evidence import Observation

Segment = tuple[int, bytes | None]
"""So many bytes of a batch, and the lines of the hosts in them; None if the parser has to read them."""


class PlainLines:
    """Reads batches of hosts that all have the same head before them: that of ``document``."""

    def __init__(self, document: Document) -> None:
        self._asked = document.asked or NO_PORTS
        self._passed_over = document.passed_over
        self._plain = PlainHosts()

    def suits(self, document: Document) -> bool:
        """Whether what is known of the run is still what it was."""
        return (document.asked or NO_PORTS) == self._asked and document.passed_over == self._passed_over

    def __call__(self, batch: bytes) -> list[Segment]:
        """Read one batch: neighbours that are plain together, and so are those that are not."""
        pieces, rest = cut(batch)
        read = [(len(piece), self._line(piece)) for piece in pieces]
        segments: list[Segment] = []
        for plain, group in groupby(read, key=lambda one: one[1] is not None):
            hosts = list(group)
            lines = b"".join([text for _, text in hosts if text is not None]) if plain else None
            segments.append((sum([length for length, _ in hosts]), lines))
        return [*segments, (len(rest), None)] if rest else segments

    def _line(self, piece: bytes) -> bytes | None:
        record = self._plain.record(piece, self._asked, self._passed_over)
        if record is None:
            return None
        seen = observation(record)
        return b"" if seen is None else line(seen)


def line(seen: Observation) -> bytes:
    """Write one host as :class:`auditor.snapshot.SnapshotWriter` does."""
    return observation_line(seen).encode("ascii")
