"""nmap's XML output (``-oX``) as probe evidence, read as a stream: memory does not grow with the file.

A file that breaks off is incomplete evidence: what it says is told. Entity declarations and external references are
refused, and so is what is not well formed; the ``<!DOCTYPE nmaprun>`` that nmap writes is not.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.collect.imported.nmap_plain import LARGEST
from auditor.collect.imported.nmap_reading import HOST_ENDS, Reading
from auditor.errors import EvidenceError
from auditor.model.evidence import Completion, Kind, Origin

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from hashlib import _Hash

    from auditor.collect.imported.nmap_document import Document
    from auditor.model.evidence import Observation

_CHUNK = 64 * 1024
_BATCH = 512 * 1024
"""What is handed to another process at a time."""
_NOT_READ = "not read yet"


class NmapXml:
    """Evidence from a file written by ``nmap -oX``. ``source`` is what reports call it, where that is not the path.

    ``scanner`` is who must have written it.

    Its beginning is read at once. Each iteration reads the file from the start; hosts come in the order of the file,
    and after the last ``completion`` says how it ended and ``origin`` has the SHA-256.

    :raises EvidenceError: the file cannot be opened or is not nmap's; on iteration: it is not well formed.
    """

    def __init__(
        self, path: str | Path, vantage: str | None = None, *, source: str | None = None, scanner: str = "nmap"
    ) -> None:
        self._path = Path(path)
        self._scanner = scanner
        self._source = os.fspath(path) if source is None else source
        self._vantage = vantage
        self._sha256: str | None = None
        self._completion = Completion(complete=False, reason=_NOT_READ)
        self._document = self._beginning()

    @property
    def origin(self) -> Origin:
        """What the file says of the run; with ``sha256`` once it has been read to its end."""
        return Origin(
            kind=Kind.PROBE,
            source=self._source,
            tool=self._document.tool,
            vantage=self._vantage,
            sha256=self._sha256,
            started=self._document.started,
            asked=self._document.asked,
        )

    @property
    def completion(self) -> Completion:
        """How the run ended; known after the last observation."""
        return self._completion

    def __iter__(self) -> Iterator[Observation]:
        """One observation a ``<host>``."""
        self._completion = Completion(complete=False, reason=_NOT_READ)
        digest = hashlib.sha256()
        reading = Reading(self._source, self._scanner)
        try:
            for chunk in self._chunks():
                digest.update(chunk)
                reading.feed(chunk)
                yield from reading.taken()
            broken_off = reading.end()
        except EvidenceError:
            yield from reading.taken()
            raise
        yield from reading.taken()
        self._end(reading, digest, broken_off)

    def lines(self, processes: int | None = None) -> Generator[bytes] | None:
        """The same as lines of a snapshot, in blocks, made by several processes; None where that does not pay.

        What other processes cannot read, and what one that dies has not read, is read here.

        :param processes: how many there are besides this one; by default what the size of the file and the processors
            suggest.
        """
        from auditor.collect.imported.workers import worth

        count = worth(self._path) if processes is None else processes
        return self._lines(count) if count else None

    def _lines(self, processes: int) -> Generator[bytes]:
        from auditor.collect.imported.nmap_lines import PlainLines, line
        from auditor.collect.imported.workers import Workers

        self._completion = Completion(complete=False, reason=_NOT_READ)
        digest = hashlib.sha256()
        reading = Reading(self._source, self._scanner)
        plain = PlainLines(self._document)
        told: list[bytes] = []
        try:
            with Workers(plain, processes) as workers:
                for text, segments in workers.map(self._batches(digest)):
                    at = 0
                    for length, lines in segments or [(len(text), None)]:
                        hosts = text[at : at + length]
                        if lines is not None and plain.suits(reading.document) and reading.pass_over(hosts):
                            told.append(lines)
                        else:
                            reading.feed(hosts)
                            told.extend(map(line, reading.taken()))
                        at += length
                    yield b"".join(told)
                    told.clear()
            broken_off = reading.end()
        except EvidenceError:
            yield b"".join([*told, *map(line, reading.taken())])
            raise
        yield b"".join(map(line, reading.taken()))
        self._end(reading, digest, broken_off)

    def _end(self, reading: Reading, digest: _Hash, broken_off: str | None) -> None:
        self._sha256 = digest.hexdigest()
        self._completion = _completion(reading.document, broken_off)

    def _batches(self, digest: _Hash) -> Iterator[bytes]:
        """The file, cut behind the ends of hosts; a host that is too large to be plain comes in pieces."""
        held = b""
        for chunk in self._chunks(_BATCH):
            digest.update(chunk)
            held += chunk
            end = held.rfind(HOST_ENDS) + len(HOST_ENDS)
            if end >= len(HOST_ENDS):
                yield held[:end]
                held = held[end:]
            elif len(held) > LARGEST:
                yield held
                held = b""
        if held:
            yield held

    def _beginning(self) -> Document:
        """Read on until the first host, or to the end of a file without any."""
        reading = Reading(self._source, self._scanner)
        for chunk in self._chunks():
            reading.feed(chunk)
            if reading.document.headed:
                return reading.document
        reading.end()
        return reading.document

    def _chunks(self, size: int = _CHUNK) -> Iterator[bytes]:
        try:
            with self._path.open("rb") as file:
                chunk = file.read(size)
                if not chunk:
                    raise EvidenceError(f"{self._source}: the file is empty")
                while chunk:
                    yield chunk
                    chunk = file.read(size)
        except OSError as error:
            raise EvidenceError(f"cannot read {self._source}: {error.strerror or error}") from error


def _completion(document: Document, broken_off: str | None) -> Completion:
    reason = broken_off or document.failure
    if reason is None and not document.ended:
        reason = f"no end mark (<finished>): {document.tool.partition(' ')[0]} was interrupted"
    return Completion(complete=reason is None, finished=document.finished, reason=reason)
