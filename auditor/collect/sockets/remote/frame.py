"""What the script sent back, taken apart: sections of data between marks that nobody but it could write. No I/O.

A login may print anything before the first mark, and a host may answer with anything at all: whatever does not fit is
a :class:`FrameError`, and an answer that stops early is never a short one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_COUNTS = re.compile(rb"\.(\d{1,12}) (\d{1,12})")
_MOST_SECTIONS = 10_000


class FrameError(ValueError):
    """The answer is not one, or not whole; the message completes "the host …"."""


class Read(StrEnum):
    """How the reading of one file or command went over there."""

    DONE = "done"
    ABSENT = "absent"
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One file or command: how reading it went, and what it holds. ``lines`` are without their newlines."""

    read: Read
    lines: tuple[bytes, ...] = ()

    @property
    def text(self) -> Iterator[str]:
        """The lines as text; bytes that are none are replaced."""
        return (line.decode(errors="replace") for line in self.lines)


ABSENT = Section(read=Read.ABSENT)


def has_begun(answer: bytes, mark: str) -> bool:
    """Whether the script has come to run at all."""
    return _begin(mark) in answer


def sections(answer: bytes, mark: str) -> dict[str, Section]:
    """Take an answer apart.

    :raises FrameError: the script did not run, or did not come to its end, or something else wrote in between.
    """
    _, begun, rest = answer.partition(_begin(mark))
    if not begun:
        raise FrameError("did not run the script")
    lines = iter(rest.split(b"\n")[:-1])  # what follows the last newline is no whole line
    own = f"{mark} ".encode()
    found: dict[str, Section] = {}
    for line in lines:
        if not line.startswith(own):
            raise FrameError("wrote something into the answer that does not belong there")
        word, _, rest_of_line = line[len(own) :].partition(b" ")
        if word == b"end":
            if rest_of_line != b"%d" % len(found):
                raise FrameError("lost a part of the answer")
            return found
        name = rest_of_line.decode(errors="replace")
        if word != b"section" or name in found or len(found) >= _MOST_SECTIONS:
            raise FrameError("wrote something into the answer that does not belong there")
        found[name] = _section(lines, own)
    raise FrameError("stopped in the middle of the answer")


def _begin(mark: str) -> bytes:
    return f"\n{mark} begin 1\n".encode()


def _section(lines: Iterator[bytes], own: bytes) -> Section:
    data: list[bytes] = []
    counted = False
    for line in lines:
        if line.startswith(b"=") and not counted:
            data.append(line[1:])
        elif counts := _COUNTS.fullmatch(line):
            if counted or (len(data), sum(map(len, data)) + len(data)) != (int(counts[1]), int(counts[2])):
                raise FrameError("lost a part of the answer")
            counted = True
        elif line.startswith(own):
            return _ended(line[len(own) :], tuple(data), counted=counted)
        else:
            raise FrameError("wrote something into the answer that does not belong there")
    raise FrameError("stopped in the middle of the answer")


def _ended(word: bytes, data: tuple[bytes, ...], *, counted: bool) -> Section:
    try:
        read = Read(word.decode(errors="replace"))
    except ValueError:
        raise FrameError("wrote something into the answer that does not belong there") from None
    if read is Read.DONE and not counted:
        raise FrameError("lost a part of the answer")
    return Section(read=read, lines=data if read is Read.DONE else ())
