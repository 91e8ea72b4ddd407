"""The network namespaces of this machine, and looking from inside each.

A thread that has entered one must read ``/proc/thread-self/net``: ``/proc/net`` goes on showing the main thread's.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from auditor.collect.sockets.processes import pids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_Result = TypeVar("_Result")

_CLONE_NEWNET = 0x40000000
OWN_TABLES = "/proc/thread-self/net"
_NAMED = ("/run/netns", "/var/run/netns")  # where ip-netns(8) keeps them by name
_OWN = "/proc/thread-self/ns/net"


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """A network namespace other than our own. ``door`` is a file that leads into it.

    ``tables`` is where its tables can be read without entering; None where no process lives in it.
    """

    name: str
    door: str
    tables: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The other namespaces, by name; ``denied`` counts the processes that do not let us see theirs."""

    others: tuple[Namespace, ...]
    denied: int


def found(proc: str = "/proc") -> Found:
    """Find the namespaces of all processes, and those kept alive by a mount alone, as ``ip netns add`` makes them."""
    others: dict[int, Namespace] = {}
    denied = 0
    own = os.stat(_OWN).st_ino  # noqa: PTH116
    for pid in pids(proc):
        door = f"{proc}/{pid}/ns/net"
        try:
            inode = os.stat(door).st_ino  # noqa: PTH116
        except PermissionError:
            denied += 1
        except OSError:
            continue
        else:
            if inode not in others:
                others[inode] = Namespace(name=f"net:[{inode}]", door=door, tables=f"{proc}/{pid}/net")
    for inode, path in mounted(_mounts()):
        known = others.get(inode, Namespace(name=f"net:[{inode}]", door=path, tables=None))
        others[inode] = replace(known, name=full_name(inode, path) or known.name)
    others.pop(own, None)
    return Found(others=tuple(others[inode] for inode in sorted(others)), denied=denied)


def inside(namespace: Namespace, look: Callable[[], _Result]) -> _Result:
    """Call from a thread that has entered the namespace, and ends there.

    :raises OSError: we may not enter, it is gone, or ``look`` raised.
    """
    result: list[_Result] = []
    failure: list[OSError] = []

    def run() -> None:
        try:
            _enter(namespace.door)
            result.append(look())
        except OSError as error:
            failure.append(error)

    thread = Thread(target=run, name=namespace.name)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return result[0]


def _enter(door: str) -> None:
    import ctypes  # os.setns exists from Python 3.12 on

    libc = ctypes.CDLL(None, use_errno=True)
    with open(door, "rb") as file:  # noqa: PTH123
        if libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), door)


def full_name(inode: int, path: str) -> str | None:
    """Return the name of a namespace that is mounted where ``ip-netns(8)`` gives names; None for another place."""
    folder, _, name = path.rpartition("/")
    return f"net:[{inode}] {name}" if folder in _NAMED else None


def _mounts() -> list[bytes]:
    try:
        with open("/proc/thread-self/mountinfo", "rb") as file:  # noqa: PTH123
            return file.read().splitlines()
    except OSError:
        return []


def mounted(lines: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    """Yield the namespaces that are mounted somewhere: inode and mount point.

    ``lines`` are those of ``/proc/<pid>/mountinfo`` (``proc(5)``: root, mount point).
    """
    for line in lines:
        fields = line.split(b" ")
        number = fields[3].removeprefix(b"net:[").removesuffix(b"]") if len(fields) > 4 else b""
        if number.isdigit():
            yield int(number), os.fsdecode(_unescape(fields[4]))


def _unescape(field: bytes) -> bytes:
    r"""Blanks, tabs, newlines and backslashes are written as ``\040`` and the like."""
    import re

    return re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8) & 0xFF]), field)
