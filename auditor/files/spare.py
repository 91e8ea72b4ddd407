"""Inputs are spared: nothing is written over a file that the same run reads, or over another of its outputs.

Files lead to others: an override, what is included, variables, the source of a plan. These are known once they are
read, which is before anything is written.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from auditor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PARTIAL = ".partial"
"""What a snapshot is called while it is being written."""


_noted: ContextVar[dict[str, str] | None] = ContextVar("noted", default=None)
"""The files that were read so far in this run: what names them in messages, by their path."""


class OverwriteError(UsageError):
    """Something was to be written over a file that is needed: ``name``, as the caller has it."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"writing {name} would destroy a file: {why}; name another file")
        self.name = name


@contextmanager
def reading() -> Iterator[None]:
    """Remember inside of it which files are read."""
    token = _noted.set({})
    try:
        yield
    finally:
        _noted.reset(token)


def note_read(path: str, shown: str) -> None:
    """Remember a file that is read, and what messages call it."""
    noted = _noted.get()
    if noted is not None:
        noted.setdefault(path, shown)


def spare_noted(written: Iterable[str]) -> None:
    """Hold what will be written against the files that were read since :func:`reading` began.

    :raises UsageError: one of them is an output.
    """
    taken = {_identity(path): shown for path, shown in (_noted.get() or {}).items()}
    for name in written:
        identity = _identity(name)
        if identity is not None and identity in taken:
            raise OverwriteError(name, f"{taken[identity]} is an input")


def spare(read: Iterable[str], *, reports: Iterable[str] = (), snapshot: str | None = None) -> None:
    """Hold the names of all that will be written against the names of all that is read; links are followed.

    Devices and pipes may be both. Names that are no files (``-``, ``pack:NAME``) may be among those that are read.

    :raises UsageError: one file is an input and an output, or two outputs.
    """
    taken = {_identity(name): f"{name} is an input" for name in read}
    written = [*reports, *((snapshot, snapshot + PARTIAL) if snapshot else ())]
    for name in written:
        identity = _identity(name)
        if identity is None:
            continue
        if identity in taken:
            raise OverwriteError(name, taken[identity])
        taken[identity] = f"{name} is an output, too"


def _identity(name: str) -> object:
    """Return what is the same for all ways to one file; None for what is no file on a disk."""
    try:
        status = os.stat(name)  # noqa: PTH116 - hundreds of names, and every millisecond of the start counts
    except (OSError, ValueError):
        return os.path.realpath(name) if "\0" not in name else name
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None
