"""Input files as text: bounded, UTF-8, with lines to point at. Everything that parses text starts from here."""

from __future__ import annotations

import codecs
import hashlib
import re
import stat
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

from auditor.errors import PolicyError, Problem
from auditor.files.spare import note_read
from auditor.model.location import Location

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 16 * 1024 * 1024
"""The largest policy or inventory: a hundred times what ten thousand hosts need."""

_LONGEST_SNIPPET = 2000
"""A whole policy on one line helps nobody to see what is wrong."""

_BREAK = re.compile(r"\r\n|\r|\n")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""Control characters, and the line separators that YAML 1.1 breaks lines at and editors do not."""


_PROGRAM = "\x7fELF"


class SourceText:
    """The text of one file: ``file`` as the user wrote its name, ``text`` without a byte-order mark."""

    def __init__(self, file: str, text: str, sha256: str = "") -> None:
        self.file = file
        self.text = text
        self.sha256 = sha256

    @cached_property
    def lines(self) -> list[str]:
        """The lines, without their ends."""
        return _BREAK.split(self.text)

    def line(self, number: int) -> str | None:
        """The text of a line, counted from 1; None past the end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else None

    def location(self, line: int, column: int, end_column: int = 0) -> Location:
        """A place in this file, counted from 1; one column wide unless an end is given. Endless lines are not shown."""
        end = max(end_column, column + 1)
        snippet = self.line(line)
        if snippet is not None and len(snippet) > _LONGEST_SNIPPET:
            snippet = None
        return Location(file=self.file, line=line, column=column, end_column=end, snippet=snippet)

    def require_printable(self) -> None:
        """Refuse control characters.

        :raises PolicyError: the first one, with where it stands.
        """
        if found := _FORBIDDEN.search(self.text):
            _refuse_character(self, found)

    def place(self, index: int) -> Location:
        """The place of the character at ``index`` in the text, counted from 0."""
        breaks = list(_BREAK.finditer(self.text, 0, index))
        start = breaks[-1].end() if breaks else 0
        return self.location(len(breaks) + 1, index - start + 1)


def read_text(path: Path, shown: str, *, limit: int = MAX_BYTES) -> SourceText:
    """Read a file of at most ``limit`` bytes as UTF-8, with or without a byte-order mark.

    ``shown`` is the file's name in messages.

    :raises PolicyError: no such file, no permission, not a regular file or pipe, too large, empty, not text.
    """
    raw = read_bytes(path, shown, limit)
    if not raw.removeprefix(codecs.BOM_UTF8).strip():
        _refuse(Location(file=shown), "the file is empty")
    return decode_text(raw, shown)


def decode_text(raw: bytes, shown: str) -> SourceText:
    """Decode bytes as UTF-8, with or without a byte-order mark.

    :raises PolicyError: binary, invalid UTF-8 or a control character, with where it stands.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        _refuse(Location(file=shown), "the file is UTF-16", "UTF-8")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse_bytes(raw, error.start, shown)
    source = SourceText(shown, text.removeprefix("\ufeff"), hashlib.sha256(raw).hexdigest())
    source.require_printable()
    return source


def decode_other(raw: bytes, shown: str) -> SourceText:
    """Decode another tool's file: UTF-8, or UTF-16 that begins with its mark; control characters are let through.

    :raises PolicyError: neither of both, or empty.
    """
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = raw.decode("utf-16" if wide else "utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        if wide:
            _refuse(Location(file=shown), f"the file is not valid UTF-16 at offset {error.start}", "UTF-8 text")
        _refuse_bytes(raw, error.start, shown)
    if not text.strip():
        _refuse(Location(file=shown), "the file is empty")
    return SourceText(shown, text, hashlib.sha256(raw).hexdigest())


def read_bytes(path: Path, shown: str, limit: int) -> bytes:
    """Read a regular file or pipe of at most ``limit`` bytes.

    :raises PolicyError: no such file, no permission, not a regular file or pipe, too large.
    """
    try:
        status = path.stat()
        _refuse_kind(status.st_mode, shown)
        if status.st_size > limit:
            _refuse_size(shown, limit)
        with path.open("rb") as file:
            note_read(str(path), shown)
            raw = file.read(limit + 1)
    except FileNotFoundError:
        _refuse(Location(file=shown), "no such file")
    except OSError as error:
        _refuse(Location(file=shown), f"the file cannot be read: {error.strerror}")
    except ValueError:  # a NUL in the name
        _refuse(Location(file=shown), "this cannot be the name of a file")
    if len(raw) > limit:
        _refuse_size(shown, limit)
    return raw


def _refuse_kind(mode: int, shown: str) -> None:
    if stat.S_ISDIR(mode):
        _refuse(Location(file=shown), "this is a directory", "a file")
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        _refuse(Location(file=shown), "this is a device or socket", "a file")


def _refuse_size(shown: str, limit: int) -> NoReturn:
    _refuse(Location(file=shown), "the file is too large", f"at most {limit // 1024} KiB")


def _refuse_bytes(raw: bytes, offset: int, shown: str) -> NoReturn:
    before = raw[:offset].decode("utf-8").removeprefix("\ufeff")
    if "\0" in before or b"\0" in raw[offset : offset + 512]:
        _refuse(Location(file=shown), f"the file is binary (byte {raw[offset]:#04x} at offset {offset})", "UTF-8 text")
    place = SourceText(shown, before).place(len(before))
    _refuse(place, f"byte {raw[offset]:#04x} at offset {offset} is not valid UTF-8", "UTF-8 text")


def _refuse_character(source: SourceText, found: re.Match[str]) -> NoReturn:
    expected = "text without control characters"
    nul = source.text.find("\0")
    if nul >= 0:
        _refuse(source.place(nul), "found a NUL byte: the file is binary", expected)
    if source.text.startswith(_PROGRAM):
        _refuse(source.place(0), "the file is binary: a program", expected)
    _refuse(source.place(found.start()), f"found the character U+{ord(found.group()):04X}", expected)


def _refuse(location: Location, message: str, expected: str | None = None) -> NoReturn:
    raise PolicyError([Problem(location=location, message=message, expected=expected)])
