"""Inputs are spared: nothing is written over a file that the same run reads, or over another of its outputs."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from auditor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

PARTIAL = ".partial"
"""What a snapshot is called while it is being written."""


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
            raise UsageError(f"writing {name} would destroy a file: {taken[identity]}; name another file")
        taken[identity] = f"{name} is an output, too"


def _identity(name: str) -> object:
    """Return what is the same for all ways to one file; None for what is no file on a disk."""
    try:
        status = os.stat(name)  # noqa: PTH116 - hundreds of names, and every millisecond of the start counts
    except (OSError, ValueError):
        return os.path.realpath(name) if "\0" not in name else name
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None
