"""Who holds which socket of another host, from the listings that its answer brings. No I/O.

A process chooses its name and the names of the files that it opens, newlines included: each listing here is read so
that nothing of that can pass for another process's line.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from auditor.collect.sockets.containers import Containers
from auditor.collect.sockets.control_groups import container_of, unit_of
from auditor.collect.sockets.processes import Holders, Process
from auditor.collect.sockets.proxies import is_proxy, proxy
from auditor.collect.sockets.remote.frame import ABSENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from auditor.collect.sockets.remote.frame import Section

_FOLDER = re.compile(r"(\d{1,10})/fd:", re.ASCII)
_LINK = re.compile(r" \d+ -> socket:\[(\d{1,20})\]$", re.ASCII)
_STAT = re.compile(
    # proc_pid_stat(5): number and name, state, then numbers; field 4 is the parent, field 22 the start. The name may
    # hold anything, but in its 64 bytes no room is for as many numbers as must follow it.
    rb"(\d{1,10}) \((.{0,64}?)\) [A-Za-z] -?(\d{1,10})(?: -?\d{1,20}){17} (\d{1,20})(?: -?\d{1,20}){10,60}\n",
    re.DOTALL,
)
_GROUP = re.compile(r"(\d{1,10})/cgroup:(.*)", re.ASCII)
_ESCAPED = re.compile(r"\\([n\\])")


def find_holders(found: Mapping[str, Section]) -> Holders:
    """Join the listings: which process holds which socket, what it is called, since when it runs, and whose it is."""
    held = _held(found.get("fds", ABSENT).text)
    known = _known(found.get("stat", ABSENT).lines)
    groups = _groups(found.get("cgroup", ABSENT).text)
    commands = _commands(found.get("commands", ABSENT).text)
    containers = _Containers(known, commands, _kept(found.get("kept", ABSENT).text))
    processes = {}
    for pid, (name, uid) in _described(found.get("status", ABSENT).text).items():
        if pid in held:
            group = groups.get(pid, "")
            _, parent, started = known.get(pid, ("", 0, 0))
            processes[pid] = Process(
                pid=pid,
                name=name,
                uid=uid,
                started=started,
                unit=unit_of(group),
                container=containers.named(container_of(group), parent),
                proxy=proxy(name, commands.get(pid, ())) if is_proxy(name) else None,
            )
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


def _known(lines: Iterable[bytes]) -> dict[int, tuple[str, int, int]]:
    """Read ``/proc/<pid>/stat`` one after the other: name, parent, and the start in clock ticks since boot.

    What is no record ends the reading: nothing after it can be told from what a name may hold.
    """
    text = b"\n".join((*lines, b""))
    known: dict[int, tuple[str, int, int]] = {}
    at = 0
    while record := _STAT.match(text, at):
        known[int(record[1])] = record[2].decode(errors="replace"), int(record[3]), int(record[4])
        at = record.end()
    return known


def _groups(lines: Iterable[str]) -> dict[int, str]:
    """Read what ``grep -H`` shows of ``/proc/<pid>/cgroup``; the kernel allows no newline in the name of a group."""
    groups: dict[int, list[str]] = {}
    for line in lines:
        if row := _GROUP.fullmatch(line):
            groups.setdefault(int(row[1]), []).append(row[2])
    return {pid: "\n".join(rows) for pid, rows in groups.items()}


def _commands(lines: Iterable[str]) -> dict[int, tuple[str, ...]]:
    """Read the arguments of processes, after the number of each."""
    commands: dict[int, tuple[str, ...]] = {}
    for line in lines:
        pid, *given = line.removesuffix("\t").split("\t")
        if pid.isascii() and pid.isdigit() and len(pid) <= 10:
            commands[int(pid)] = tuple(given)
    return commands


def _kept(lines: Iterable[str]) -> dict[str, str]:
    """Read what engines keep of their containers, by path."""
    return {path: text for path, tab, text in (line.partition("\t") for line in lines) if tab}


class _Containers(Containers):
    """The containers of another host, whose processes and files came with its answer."""

    def __init__(
        self,
        known: Mapping[int, tuple[str, int, int]],
        commands: Mapping[int, tuple[str, ...]],
        kept: Mapping[str, str],
    ) -> None:
        super().__init__()
        self._known = known
        self._commands = commands
        self._kept = kept

    def _name_and_parent(self, pid: int) -> tuple[str, int]:
        if pid not in self._known:
            raise ProcessLookupError(pid)
        return self._known[pid][:2]

    def _arguments(self, pid: int) -> Sequence[str]:
        return self._commands.get(pid, ())

    def _pids(self) -> Iterable[int]:
        return self._commands.keys()

    def _read(self, path: str) -> Any:
        try:
            return json.loads(self._kept.get(path, ""))
        except (ValueError, RecursionError):
            return None
