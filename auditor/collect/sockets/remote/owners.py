"""Who holds which socket of another host, from the listings that its answer brings. No I/O.

A process chooses its name and the names of the files that it opens, newlines included: each listing here is read so
that nothing of that can pass for another process's line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.collect.sockets.processes import Holders, Process
from auditor.collect.sockets.remote.frame import ABSENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from auditor.collect.sockets.remote.frame import Section

_FOLDER = re.compile(r"(\d{1,10})/fd:", re.ASCII)
_LINK = re.compile(r" \d+ -> socket:\[(\d{1,20})\]$", re.ASCII)
_STAT = re.compile(
    # proc_pid_stat(5): number and name, state, then numbers; field 22 is the start. The name may hold anything, but in
    # its 64 bytes no room is for as many numbers as must follow it.
    rb"(\d{1,10}) \((.{0,64}?)\) [A-Za-z](?: -?\d{1,20}){18} (\d{1,20})(?: -?\d{1,20}){10,60}\n",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\([n\\])")


def find_holders(found: Mapping[str, Section]) -> Holders:
    """Join three listings: which process holds which socket, what it is called and since when it runs, and its user."""
    held = _held(found.get("fds", ABSENT).text)
    started = _started(found.get("stat", ABSENT).lines)
    processes = {
        pid: Process(pid=pid, name=name, uid=uid, started=started.get(pid, 0))
        for pid, (name, uid) in _described(found.get("status", ABSENT).text).items()
        if pid in held
    }
    by_inode: dict[int, list[Process]] = {}
    for pid, process in processes.items():
        for inode in held[pid]:
            by_inode.setdefault(inode, []).append(process)
    ordered = {inode: tuple(sorted(who, key=lambda each: (each.started, each.pid))) for inode, who in by_inode.items()}
    return Holders(by_inode=ordered, denied=0)


def user_names(found: Mapping[str, Section]) -> Callable[[int], str]:
    """What names a user of that host by number, as its own ``/etc/passwd`` does."""
    names: dict[int, str] = {}
    for line in found.get("users", ABSENT).text:
        name, _, number = line.rpartition(":")
        if name and number.isascii() and number.isdigit() and len(number) <= 10:
            names.setdefault(int(number), name[:64])
    return lambda uid: names.get(uid, str(uid))


def _held(lines: Iterable[str]) -> dict[int, set[int]]:
    """Read ``ls -ln`` of the processes' descriptors: the inodes of the sockets that each holds."""
    held: dict[int, set[int]] = {}
    pid: int | None = None
    for line in lines:
        if line.endswith("/fd:"):
            folder = _FOLDER.fullmatch(line)
            pid = int(folder[1]) if folder else None
        elif pid is not None and (link := _LINK.search(line)):
            held.setdefault(pid, set()).add(int(link[1]))
    return held


def _described(lines: Iterable[str]) -> dict[int, tuple[str, int]]:
    """Read ``/proc/<pid>/status``, in which the kernel escapes newlines and backslashes of the name."""
    described: dict[int, tuple[str, int]] = {}
    name, pid = "", 0
    for line in lines:
        key, _, value = line.partition(":\t")
        if key == "Name":
            name, pid = _ESCAPED.sub(lambda mark: "\n" if mark[1] == "n" else "\\", value)[:64], 0
        elif key == "Pid" and value.isascii() and value.isdigit() and len(value) <= 10:
            pid = int(value)
        elif key == "Uid" and pid:
            numbers = value.split("\t")
            if len(numbers) == 4 and all(one.isascii() and one.isdigit() and len(one) <= 10 for one in numbers):
                described[pid] = (name, int(numbers[1]))
    return described


def _started(lines: Iterable[bytes]) -> dict[int, int]:
    """Read ``/proc/<pid>/stat`` one after the other: when each process started, in clock ticks since boot.

    What is no record ends the reading: nothing after it can be told from what a name may hold.
    """
    text = b"\n".join((*lines, b""))
    started: dict[int, int] = {}
    at = 0
    while record := _STAT.match(text, at):
        started[int(record[1])] = int(record[3])
        at = record.end()
    return started
