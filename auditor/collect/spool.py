"""Pipes and devices as files that can be read more than once: looked at first, then copied, up to a limit."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

HEAD = 64 * 1024
"""How much of a file's beginning is looked at: nmap puts its whole command line before its first element."""
LIMIT = 4 * 1024**3
"""Bytes that are copied from a pipe: more than any scanner prints of a whole network, less than most disks."""
_CHUNK = 1024 * 1024
_STDIN = "-"
_ENDLESS = ("/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


class Spooled:
    """A copy of something that can be read only once; the file is gone when this is.

    ``look`` gets the beginning before the rest is waited for, and raises what is wrong with it.

    :raises EvidenceError: more than ``limit`` bytes; and whatever ``look`` raises. Then no copy is left.
    """

    def __init__(self, path: str | int, source: str, look: Callable[[bytes], object], limit: int | None = None) -> None:
        import tempfile
        import weakref

        descriptor, self.path = tempfile.mkstemp(prefix="auditor-")
        self._remove = weakref.finalize(self, _unlink, self.path)
        try:
            with open(descriptor, "wb") as copy, _reading(path) as stream:  # noqa: PTH123 - a descriptor
                data = stream.read(HEAD)
                look(data)
                _copy(data, stream, copy, source, LIMIT if limit is None else limit)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Remove the copy now."""
        self._remove()


def seekable(path: str, source: str, look: Callable[[bytes], object]) -> tuple[str, Spooled | None]:
    """Give a path that can be read more than once, and the copy that it is of, if it is one.

    :raises EvidenceError: a folder, a device without an end, or a pipe that :class:`Spooled` refuses.
    :raises OSError: it cannot be read. ValueError: it is no path.
    """
    if path == _STDIN:
        spooled = Spooled(0, source, look)
        return spooled.path, spooled
    mode = Path(path).stat().st_mode
    if stat.S_ISDIR(mode):
        raise EvidenceError(f"{source}: is a directory; name the evidence files in it")
    if stat.S_ISREG(mode):
        return path, None
    if stat.S_ISBLK(mode) or str(Path(path).resolve()) in _ENDLESS:
        raise EvidenceError(f"{source}: is a device, and no evidence")
    spooled = Spooled(path, source, look)
    return spooled.path, spooled


def _copy(data: bytes, stream: BinaryIO, copy: BinaryIO, source: str, most: int) -> None:
    size = 0
    while data:
        size += len(data)
        if size > most:
            raise EvidenceError(
                f"{source}: does not end within {most / 1024**3:g} GiB: save it as a file, and give that"
            )
        copy.write(data)
        data = stream.read(_CHUNK)


def _reading(path: str | int) -> BinaryIO:
    return open(path, "rb", closefd=path != 0)


def _unlink(path: str) -> None:
    Path(path).unlink(missing_ok=True)
