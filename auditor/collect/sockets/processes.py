"""Who holds a socket: the links below ``/proc/<pid>/fd``, and which network namespaces processes live in.

Everything that a process says of itself, its name above all, is chosen by it: data, never trusted.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from auditor.collect.sockets.containers import Containers, arguments
from auditor.collect.sockets.control_groups import container_of, unit_of
from auditor.collect.sockets.proxies import is_proxy, proxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from auditor.collect.sockets.proxies import Proxy
    from auditor.model.evidence import Container

_SOCKET_LINK = "socket:["
_NUMBER = slice(len(_SOCKET_LINK), -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process. ``name`` is as the kernel shows it (at most 15 bytes); ``started`` in clock ticks since boot.

    ``unit`` is its systemd unit; ``container`` the one that it lives in. ``proxy`` is set where it holds ports for
    others.
    """

    pid: int
    name: str
    uid: int
    started: int
    unit: str | None = None
    container: Container | None = None
    proxy: Proxy | None = None

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
    containers = Containers(proc)
    for pid in pids(proc) if inodes else ():
        try:
            held = _held(f"{proc}/{pid}/fd", inodes)
            process = _process(pid, proc, containers) if held else None
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
    """Return which of the sockets the descriptors of a process lead to; one that was closed meanwhile is none."""
    held = set()
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in os.listdir(opened):  # noqa: PTH208 - by the hundred thousand
            try:
                link = os.readlink(name, dir_fd=opened)
            except FileNotFoundError:
                continue
            if link.startswith(_SOCKET_LINK) and link[_NUMBER].isdigit() and int(link[_NUMBER]) in inodes:
                held.add(int(link[_NUMBER]))
    finally:
        os.close(opened)
    return held


def _process(pid: int, proc: str, containers: Containers) -> Process:
    """Read what the kernel says of a process.

    The owner comes from ``status``, as the folder of a process that changed its user belongs to root. The name comes
    from ``comm``, unescaped; a newline in it is the process's own but for the last.
    """
    with open(f"{proc}/{pid}/comm", "rb") as file:  # noqa: PTH123 - names in /proc, by the thousand
        name = file.read().removesuffix(b"\n").decode(errors="replace")
    with open(f"{proc}/{pid}/status", "rb") as file:  # noqa: PTH123
        uid = next(int(line.split()[2]) for line in file if line.startswith(b"Uid:"))
    with open(f"{proc}/{pid}/stat", "rb") as file:  # noqa: PTH123
        fields = file.read().rpartition(b")")[2].split()  # from field 3 on; the name before it may hold anything
    group = _control_group(pid, proc)
    return Process(
        pid=pid,
        name=name,
        uid=uid,
        started=int(fields[19]),
        unit=unit_of(group),
        container=containers.named(container_of(group), int(fields[1])),
        proxy=proxy(name, arguments(pid, proc)) if is_proxy(name) else None,
    )


def _control_group(pid: int, proc: str) -> str:
    try:
        with open(f"{proc}/{pid}/cgroup", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return file.read()
    except OSError:  # a kernel without them
        return ""
