"""Who holds a socket: the links below ``/proc/<pid>/fd``, and which network namespaces processes live in.

Everything that a process says of itself, its name above all, is chosen by it: data, never trusted.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

_SOCKET_LINK = "socket:["


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process. ``name`` is as the kernel shows it (at most 15 bytes); ``started`` in clock ticks since boot."""

    pid: int
    name: str
    uid: int
    started: int

    @property
    def user(self) -> str:
        """The name of its effective user, or the number of one without a name."""
        return user_name(self.uid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """Who holds which socket, by inode, the oldest process first; ``denied`` counts the processes kept from us."""

    by_inode: dict[int, tuple[Process, ...]]
    denied: int


def holders(inodes: AbstractSet[int], proc: str = "/proc") -> Holders:
    """Find the processes that hold these sockets. Processes that end meanwhile are passed over."""
    found: dict[int, list[Process]] = {}
    denied = 0
    for pid in pids(proc) if inodes else ():
        try:
            held = _held(f"{proc}/{pid}/fd", inodes)
            process = _process(pid, proc) if held else None
        except PermissionError:
            denied += 1
            continue
        except (OSError, ValueError):
            continue
        if process:
            for inode in held:
                found.setdefault(inode, []).append(process)
    ordered = {inode: tuple(sorted(who, key=lambda each: (each.started, each.pid))) for inode, who in found.items()}
    return Holders(by_inode=ordered, denied=denied)


def pids(proc: str = "/proc") -> Iterator[int]:
    """The processes that we are shown, ascending; none where there is no /proc."""
    try:
        names = os.listdir(proc)  # noqa: PTH208 - names are all that is wanted
    except OSError:
        return iter(())
    return iter(sorted(int(name) for name in names if name.isascii() and name.isdigit()))


@lru_cache(maxsize=1024)
def user_name(uid: int) -> str:
    """Return the name of a user, or the number of one without a name."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return str(uid)


def _held(folder: str, inodes: AbstractSet[int]) -> set[int]:
    held = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            inode = _socket_inode(entry.path)
            if inode in inodes:
                held.add(inode)
    return held


def _socket_inode(path: str) -> int:
    """The inode that a descriptor's link ``socket:[4711]`` names; 0 if it is no socket, or closed by now."""
    try:
        link = os.readlink(path)  # noqa: PTH115 - by the hundred thousand
    except FileNotFoundError:
        return 0
    if not link.startswith(_SOCKET_LINK):
        return 0
    number = link[len(_SOCKET_LINK) : -1]
    return int(number) if number.isdigit() else 0


def _process(pid: int, proc: str) -> Process:
    """Read what the kernel says of a process.

    The owner comes from ``status``, as the folder of a process that changed its user belongs to root. The name comes
    from ``comm``, unescaped; a newline in it is the process's own but for the last.
    """
    with open(f"{proc}/{pid}/comm", "rb") as file:  # noqa: PTH123 - names in /proc, by the thousand
        name = file.read().removesuffix(b"\n").decode(errors="replace")
    with open(f"{proc}/{pid}/status", "rb") as file:  # noqa: PTH123
        uid = next(int(line.split()[2]) for line in file if line.startswith(b"Uid:"))
    with open(f"{proc}/{pid}/stat", "rb") as file:  # noqa: PTH123
        started = int(file.read().rpartition(b")")[2].split()[19])  # field 22; the name before it may hold anything
    return Process(pid=pid, name=name, uid=uid, started=started)
