"""One pass over an nmap XML file: host by host where they are plain, and what lies between them by the XML parser."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from auditor.collect.imported.nmap_plain import LARGEST, PlainHosts
from auditor.errors import EvidenceError
from auditor.model.ports import NO_PORTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model.evidence import Observation

_ROOM = 64 * 1024
_LONGEST_TAG = 16 * 1024 * 1024

_BROKEN_OFF = ("no element found", "unclosed token", "partial character", "unclosed CDATA section")
"""How expat words the end of a document that is not over."""

_WORDING = {"junk after document element": "more follows the end of the run: give each nmap run a file of its own"}

HOST_ENDS = b"</host>"
_ASCII_ENCODING = re.compile(
    rb"^<\?xml(?!.*encoding)|encoding\s*=\s*[\"'](?:utf-8|iso-8859-1|us-ascii)[\"']", re.IGNORECASE | re.DOTALL
)
"""XML declarations of encodings in which the bytes of ASCII mean ASCII."""


def cut(text: bytes) -> tuple[list[bytes], bytes]:
    """Cut after the end of each host: the pieces, and the rest behind the last one."""
    *pieces, rest = text.split(HOST_ENDS)
    return [piece + HOST_ENDS for piece in pieces], rest


class _BrokenOffError(Exception):
    """The file is over, and the document is not."""


class Reading:
    """One pass over the file: the parser, and the document it builds."""

    def __init__(self, source: str, scanner: str) -> None:
        from defusedxml.expatreader import DefusedExpatParser

        from auditor.collect.imported.nmap_document import Document

        self._source = source
        self._blank_lines = 0
        self._begun = False
        self._ascii = False
        self._rest = b""
        self._plain: PlainHosts | None = None
        self._in_step = False
        """What comes next stands between two hosts, in a file that uses ASCII as ASCII."""
        self._lines, self._columns = 0, 0
        """The room of hosts that the parser has not been given: it gets as much white space, and counts lines right."""
        self._parser = DefusedExpatParser()
        self.document = Document(self._parser, scanner)
        self._parser.setContentHandler(self.document)

    def feed(self, chunk: bytes) -> None:
        """Read on: host by host where they are plain, and what lies between them by the parser.

        :raises EvidenceError: what is refused, with file, line and column.
        """
        if not self._begun:
            chunk = self._without_blanks(chunk)
        pieces, self._rest = cut(self._rest + chunk)
        for piece in pieces:
            if not (self._in_step and self._take(piece)):
                self._parse(piece)
        if len(self._rest) > LARGEST or not self._in_step:
            self._parse_rest()

    def _take(self, piece: bytes) -> bool:
        """Read a host without the parser, if that is possible."""
        if self._plain is None:
            self._plain = PlainHosts()
        document = self.document
        record = self._plain.record(piece, document.asked or NO_PORTS, document.passed_over)
        if record is None:
            return False
        document.tell(record)
        self._leave_room(piece)
        return True

    def pass_over(self, hosts: bytes) -> bool:
        """Leave out plain hosts that somebody else has read, if what comes next stands between two hosts."""
        if not self._in_step or self._rest:
            return False
        self._leave_room(hosts)
        return True

    def _leave_room(self, text: bytes) -> None:
        lines = text.count(b"\n")
        self._columns = len(text) - text.rfind(b"\n") - 1 if lines else self._columns + len(text)
        self._lines += lines
        if self._lines > _ROOM:
            self._make_room()

    def _parse(self, piece: bytes) -> None:
        """Have the parser read on; find out whether it is in step after that.

        It is if this ended a host, closing with the last tag, and opened nothing in which tags would be text. Where a
        comment began before, no host can have ended in between.
        """
        before, self._in_step = self.document.hosts, False
        self._make_room()
        self._give(piece)
        self._in_step = (
            self._ascii
            and piece.endswith(HOST_ENDS)
            and self.document.hosts == before + 1
            and self.document.between_hosts
            and b"<!" not in piece
            and b"<?" not in piece
        )

    def _parse_rest(self) -> None:
        rest, self._rest = self._rest, b""
        if rest:
            self._parse(rest)

    def _make_room(self) -> None:
        if self._lines or self._columns:
            self._give(b"\n" * self._lines + b" " * self._columns)
            self._lines = self._columns = 0

    def _give(self, text: bytes) -> None:
        self.document.quiet += len(text)
        if self.document.quiet > _LONGEST_TAG:
            raise self._refusal(f"a single tag or comment longer than {_LONGEST_TAG // 1024 // 1024} MiB")
        with self._refusing():
            self._parser.feed(text)
            # Since Expat 2.6 a token may be put off until more has come; which step it is in must be known now.
            getattr(self._parser, "flush", _nothing)()

    def end(self) -> str | None:
        """Take the end of the file; if it breaks off there, say where.

        :raises EvidenceError: it ends before it says anything.
        """
        self._parse_rest()
        self._make_room()
        try:
            with self._refusing():
                self._parser.close()
        except _BrokenOffError:
            if self.document.begun:
                self.document.break_off()
                return f"the file breaks off in line {self._line}"
        if not self.document.begun:
            raise self._refusal("not an nmap file: it ends before its first element")
        return None

    def taken(self) -> list[Observation]:
        """Give the hosts that have been told since the last call."""
        ready, self.document.ready = self.document.ready, []
        return ready

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Turn what the parser and the document object to into refusals with a position."""
        from xml.sax import SAXParseException

        from defusedxml.common import EntitiesForbidden, ExternalReferenceForbidden

        from auditor.collect.imported.nmap_document import DocumentError

        try:
            yield
        except SAXParseException as error:
            if error.getMessage() in _BROKEN_OFF:
                raise _BrokenOffError from error
            raise self._refusal(_WORDING.get(error.getMessage(), error.getMessage())) from error
        except EntitiesForbidden as error:
            raise self._refusal("entity declarations are refused") from error
        except ExternalReferenceForbidden as error:
            raise self._refusal("external references are refused") from error
        except DocumentError as error:
            raise self._refusal(str(error), error.line, error.column) from error
        except (
            LookupError,
            ValueError,
        ) as error:  # the declared encoding does not exist, or is not one byte a character
            raise self._refusal(f"unreadable encoding: {error}") from error

    def _without_blanks(self, chunk: bytes) -> bytes:
        """White space before the XML declaration is not well formed, and common where output was pasted."""
        stripped = chunk.lstrip(b" \t\r\n")
        self._blank_lines += chunk[: len(chunk) - len(stripped)].count(b"\n")
        self._begun = bool(stripped)
        declaration, end, _ = stripped.partition(b"?>")
        self._ascii = not stripped.startswith(b"<?xml") or bool(end and _ASCII_ENCODING.search(declaration))
        return stripped

    @property
    def _line(self) -> int:
        return (self._parser.getLineNumber() or 1) + self._blank_lines

    def _refusal(self, message: str, line: int | None = None, column: int | None = None) -> EvidenceError:
        at_line = self._line if line is None else line + self._blank_lines
        at_column = self._parser.getColumnNumber() if column is None else column
        return EvidenceError(f"{self._source}:{at_line}:{(at_column or 0) + 1}: {message}")


def _nothing() -> None:
    pass
