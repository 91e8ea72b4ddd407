"""Other tools' text files as chunks, lines or JSON objects, in bounded memory. Every importer of text starts here."""

from __future__ import annotations

import codecs
import csv
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from auditor.errors import EvidenceError
from auditor.files.json_keys import RepeatedKeyError, once_each

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK = 64 * 1024
LONGEST = 1024 * 1024
"""The longest line or object, in characters: none of these tools writes one of a hundredth of that."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BETWEEN = re.compile(r"[\s,\[\]]*")
_FINISHED = re.compile(r"\{\s*finished\s*:\s*1\s*\}")
"""The last entry of masscan before version 1.3, which is no JSON."""
_BRACES = re.compile(r'"(?:[^"\\]|\\.)*"|[{}]|"', re.DOTALL)

_MARKS = re.compile(r'"(?:[^"\\]|\\.)*"|[][{},]|"', re.DOTALL)
_PAIRS = {"{": "}", "[": "]"}

_read = json.JSONDecoder(object_pairs_hook=once_each).raw_decode


class FaultError(Exception):
    """Something that the tool would not write, in line ``line`` (from 1)."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class BrokenOffError(Exception):
    """The file ends in the middle of something, in line ``line``."""

    def __init__(self, line: int) -> None:
        super().__init__(f"the file breaks off in line {line}")


class Stream:
    """One pass over a file. Bytes that are not UTF-8 are replaced: they stand in banners, which are data.

    ``source`` is what reports call it. After the last chunk ``sha256`` is of the whole file. ``cut`` is set with the
    last of ``lines`` if it has no end: it may be the beginning of a longer one.
    """

    def __init__(self, path: Path, source: str) -> None:
        self.path = path
        self.source = source
        self.sha256: str | None = None
        self.cut = False

    def chunks(self) -> Iterator[str]:
        """The text, piece by piece.

        :raises EvidenceError: the file cannot be read.
        """
        digest = hashlib.sha256()
        decoder = None
        try:
            with self.path.open("rb") as file:
                while data := file.read(_CHUNK):
                    digest.update(data)
                    if decoder is None:
                        name = "utf-16" if data.startswith(_UTF16) else "utf-8-sig"
                        decoder = codecs.getincrementaldecoder(name)(errors="replace")
                    yield decoder.decode(data)
        except OSError as error:
            raise EvidenceError(f"cannot read {self.source}: {error.strerror or error}") from error
        if decoder is not None:
            yield decoder.decode(b"", final=True)
        self.sha256 = digest.hexdigest()

    def lines(self) -> Iterator[tuple[int, str]]:
        """Every line that is not blank, with its number from 1, without its end.

        :raises FaultError: a line longer than ``LONGEST``.
        """
        number, held = 0, ""
        for chunk in self.chunks():
            *whole, held = (held + chunk).split("\n")
            for line in whole:
                number += 1
                if line := line.strip("\r\n\t "):
                    yield number, line
            if len(held) > LONGEST:
                raise FaultError(number + 1, f"a line of more than {LONGEST} characters")
        if held := held.strip("\r\n\t \0"):
            self.cut = True
            yield number + 1, held

    def objects(self, *, mended: bool = False) -> Iterator[tuple[int, dict[str, Any] | None]]:
        """Every JSON object, one by one with the line it begins in, whether they are a line each or one long list.

        Trailing commas, lists without an end and lists that follow one another are all the same. None stands for the
        end of the list: its bracket, or masscan's ``{finished: 1}``. ``mended`` gives of an object that is cut off what
        stands before its last comma; ``cut`` is set with it.

        :raises FaultError: something else than objects stands there, or an object longer than ``LONGEST``.
        :raises BrokenOffError: the file ends inside an object.
        """
        held, line = "", 1
        for chunk in self.chunks():
            held += chunk
            at = 0
            while True:
                between = _BETWEEN.match(held, at)
                start = between.end() if between else at
                if "]" in held[at:start]:
                    yield line, None
                line += held.count("\n", at, start)
                at = start
                if at == len(held):
                    break
                found = _object(held, at, line)
                if found is None:
                    break
                fields, end = found
                yield line, fields
                line += held.count("\n", at, end)
                at = end
            held = held[at:]
            if len(held) > LONGEST:
                raise FaultError(line, f"an entry of more than {LONGEST} characters")
        if held := held.strip("\0"):
            self.cut = True
            if mended and (fields := _mended(held)):
                yield line, fields
            raise BrokenOffError(line + held.count("\n"))


def cells_of(line: str, number: int) -> list[str]:
    """Read one line of CSV.

    :raises FaultError: it is none.
    """
    try:
        [cells] = csv.reader([line], strict=True)
    except (csv.Error, ValueError):
        raise FaultError(number, "not a line of CSV") from None
    return [cell.strip() for cell in cells]


def _object(text: str, at: int, line: int) -> tuple[dict[str, Any] | None, int] | None:
    """Read the object that begins at ``at``; None: it is not there to its end yet."""
    if text[at] != "{":
        if text[at] == "\0" and not text[at:].strip("\0"):
            return None
        raise FaultError(line, f"neither a JSON object nor a list of them: {text[at : at + 20]!r}")
    try:
        return _read(text, at)
    except RepeatedKeyError as error:
        raise FaultError(line, str(error)) from None
    except RecursionError:
        raise FaultError(line, "nested too deeply") from None
    except ValueError as error:
        if mark := _FINISHED.match(text, at):
            return None, mark.end()
        if _is_whole(text, at):
            wrong = error.msg if isinstance(error, json.JSONDecodeError) else "a number that is too long"
            raise FaultError(line, f"not JSON: {wrong}") from None
        return None


def _mended(text: str) -> dict[str, Any] | None:
    """Read what stands before the last comma of an object that is cut off: only that is sure to be there to its end."""
    open_ones: list[str] = []
    before, closing = 0, ""
    for found in _MARKS.finditer(text):
        mark = found.group()
        if mark in _PAIRS:
            open_ones.append(_PAIRS[mark])
        elif mark in _PAIRS.values() and open_ones:
            open_ones.pop()
        elif mark == ",":
            before, closing = found.start(), "".join(reversed(open_ones))
        elif mark == '"':
            break
    try:
        return _read(text[:before] + closing)[0] if before else None
    except (ValueError, RecursionError):
        return None


def _is_whole(text: str, at: int) -> bool:
    """Whether as many braces close as open: what cannot be read is wrong, then, and not just cut off."""
    depth = 0
    for found in _BRACES.finditer(text, at):
        match found.group():
            case "{":
                depth += 1
            case "}":
                depth -= 1
                if depth == 0:
                    return True
            case '"':
                return False
            case _:
                pass
    return False
