"""Writing a file so that nobody ever sees half of it: reports, policies and baselines go through here.

The bytes go to a hidden file beside the target, which takes the target's place once all of it is on the disk.
What cannot be replaced is written directly: devices, pipes, and this process's own descriptors (``/dev/stdout``).
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from auditor.errors import ReportError

if TYPE_CHECKING:
    from collections.abc import Iterator

_STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}
_DESCRIPTORS = ("/dev/fd/", "/proc/self/fd/")
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def write_atomic(path: str | Path, data: bytes) -> None:
    """Make ``data`` the whole content of the file, or leave what was there.

    :raises ReportError: it could not be written; names the path and the system's reason.
    """
    with atomic_file(path) as handle:
        handle.write(data)


@contextmanager
def atomic_file(path: str | Path) -> Iterator[BinaryIO]:
    """Give a binary handle whose content becomes the file when the block ends well; otherwise the file stays as it was.

    A symbolic link is followed, an existing file keeps its mode, a new one honours the umask.

    :raises ReportError: it could not be written; names the path and the system's reason.
    """
    with _reporting(path):
        if (direct := open_direct(path)) is not None:
            with direct:
                yield direct
        else:
            with _beside(Path(os.path.realpath(path))) as handle:
                yield handle


def open_direct(path: str | Path) -> BinaryIO | None:
    """Open what can only be written in place: a pipe, a device, a descriptor of this process. None for plain files.

    :raises OSError: it is of that sort and cannot be opened.
    """
    text = os.fspath(path)
    descriptor = _descriptor(text)
    if descriptor is not None:
        # Opening /dev/stdout anew would start at the beginning of a file that others append to.
        return os.fdopen(os.dup(descriptor), "wb")
    try:
        mode = Path(text).stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return None
    return os.fdopen(os.open(text, os.O_WRONLY | os.O_CLOEXEC), "wb")


def write_failure(path: str | Path, error: OSError) -> ReportError:
    """The one wording for a file that could not be written."""
    return ReportError(f"cannot write {os.fspath(path)}: {error.strerror or error}")


def _descriptor(path: str) -> int | None:
    if path in _STREAMS:
        return _STREAMS[path]
    for prefix in _DESCRIPTORS:
        number = path.removeprefix(prefix)
        if number != path and number.isascii() and number.isdigit():
            return int(number)
    return None


@contextmanager
def _reporting(path: str | Path) -> Iterator[None]:
    """Turn the system's errors about this file into the auditor's; those about another file are somebody else's."""
    try:
        yield
    except OSError as error:
        if error.filename is not None and _folder(error.filename) != _folder(path):
            raise
        raise write_failure(path, error) from error


def _folder(path: str | bytes | Path) -> Path:
    return Path(os.path.realpath(os.fsdecode(path))).parent


@contextmanager
def _beside(target: Path) -> Iterator[BinaryIO]:
    if target.is_dir():
        raise IsADirectoryError(21, "Is a directory", os.fspath(target))
    # The name does not contain the target's, which may already be as long as a name can be.
    temporary = target.parent / f".auditor-{os.urandom(8).hex()}.tmp"
    handle = os.fdopen(os.open(temporary, _CREATE, 0o666), "wb")
    try:
        with handle:
            _keep_mode(target, handle)
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _keep_mode(target: Path, handle: BinaryIO) -> None:
    with suppress(FileNotFoundError):
        os.fchmod(handle.fileno(), stat.S_IMODE(target.stat().st_mode) & 0o777)
