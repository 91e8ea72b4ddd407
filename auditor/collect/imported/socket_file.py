"""Socket tables that other tools printed, as sockets evidence: the file around the table."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import EvidenceError
from auditor.model.evidence import Completion, Kind, Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from auditor.collect.imported.socket_table import SocketTable
    from auditor.model.evidence import Observation

    Parse = Callable[[str, str], Sequence[SocketTable]]

LARGEST = 128 * 1024 * 1024
"""Bytes: the table of a machine with half a million sockets."""

_PROMPT = re.compile(r"[\w@.:~/\[\] \\-]{0,80}[#$>%]\s*(?:sudo\s+)?(?:ss|netstat|lsof)(?:\.exe)?(?:\s+-\S+|\s+\w+)*")
_FIRST_BYTES = 8192
_FIRST_LINES = 20


class SocketFile:
    """Evidence from a file with one machine's sockets, or several machines'. ``tool`` is what printed it.

    ``parse`` gets the text and the name of the source. Such files carry no time of their own (but osquery's logs) and
    no end mark. Each iteration reads the file anew; after the last host ``origin`` has the SHA-256.

    :raises EvidenceError: on iteration: the file cannot be read, is too large, or holds no table.
    """

    def __init__(self, path: str, *, source: str, tool: str, parse: Parse) -> None:
        self._path = Path(path)
        self._parse = parse
        self.origin = Origin(kind=Kind.SOCKETS, source=source, tool=tool)
        self.completion = Completion(complete=False, reason="not read yet")

    def __iter__(self) -> Iterator[Observation]:
        data = self._read()
        source, tool = self.origin.source, self.origin.tool
        tables = self._parse(decoded(data), source)
        self.origin = Origin(kind=Kind.SOCKETS, source=source, tool=tool, sha256=hashlib.sha256(data).hexdigest())
        doubt = next((table.first_doubt for table in tables if table.first_doubt), None)
        if doubt and not any(table.rows for table in tables):
            raise EvidenceError(doubt)
        for table in tables:
            yield table.observation()
        self.completion = Completion(complete=True, finished=max((t.when for t in tables if t.when), default=None))

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                data = file.read(LARGEST + 1)
        except OSError as error:
            raise EvidenceError(f"cannot read {self.origin.source}: {error.strerror or error}") from error
        if len(data) > LARGEST:
            raise EvidenceError(f"{self.origin.source}: larger than {LARGEST // 1024 // 1024} MiB")
        return data


def decoded(data: bytes) -> str:
    """Read UTF-8, or UTF-16 as PowerShell writes it. What is neither is replaced: names alone can hold such bytes."""
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    return data.decode("utf-16" if wide else "utf-8-sig", errors="replace")


def numbered(text: str) -> Iterator[tuple[int, str]]:
    """Lines that say something, with their numbers from 1."""
    for number, line in enumerate(text.split("\n"), 1):
        if kept := line.rstrip():
            yield number, kept


def beginning(text: str) -> list[str]:
    """Give the first lines of a file that say something, for a look at what it is."""
    lines = [line.strip() for _, line in numbered(text[:_FIRST_BYTES])]
    return [line for line in lines if not is_prompt(line)][:_FIRST_LINES]


def is_prompt(line: str) -> bool:
    """Whether a line that is no row of a table is the command itself, as copied from a terminal."""
    return _PROMPT.fullmatch(line) is not None
