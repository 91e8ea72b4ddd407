"""What a process's control group says of it (``/proc/<pid>/cgroup``, cgroups(7)): its systemd unit, its container.

Whoever may make control groups names them: data, never trusted. No I/O.
"""

from __future__ import annotations

import re
from functools import lru_cache

from auditor.model.evidence import Container

_SYSTEMD = "name=systemd"
_UNIT = re.compile(r"[\w@.:\\-]+\.(?:service|scope|socket|mount|swap)", re.ASCII)
_MANAGER = re.compile(r"user@[^/]+\.service", re.ASCII)
_ID = re.compile(r"[0-9a-f]{64}")
_LXC = re.compile(r"/(lxc|incus)(?:\.payload)?[./]([^/]+)")
_MACHINE = re.compile(r"/machine-(?!qemu\\x2d)([^/]+)\.scope")
_NSPAWN = re.compile(r"systemd-nspawn@([^/]+)\.service")

_ENGINES = (
    ("libpod", "podman"),
    ("kubepods", "kubernetes"),
    ("cri-containerd", "kubernetes"),
    ("crio-", "kubernetes"),
    ("docker", "docker"),
    ("buildkit", "buildkit"),
    ("ecs", "docker"),
)
"""A mark in the path of a control group, and who makes such paths; of the most telling first."""


@lru_cache(maxsize=4096)
def unit_of(text: str) -> str | None:
    """Return the systemd unit in the text of ``/proc/<pid>/cgroup``, in either version; None for none.

    ``nginx.service``; ``user@1000.service/redis.service`` for a unit of a user's own manager. Inside a container the
    unit is the container's own systemd's; the scope that holds the container itself is told as the container.
    """
    for path in _paths(text):
        container, inside = _container(path)
        units = [part for part in inside.split("/") if _UNIT.fullmatch(part)]
        if units and _MANAGER.fullmatch(units[0]) and len(units) > 1:
            return f"{units[0]}/{units[1]}"
        if units or container:
            return units[0] if units else None
    return None


@lru_cache(maxsize=4096)
def container_of(text: str) -> Container | None:
    """Return the container in the text of ``/proc/<pid>/cgroup``, the innermost of nested ones; None for none."""
    return next((container for container, _ in map(_container, _paths(text)) if container), None)


def _container(path: str) -> tuple[Container | None, str]:
    """Return the container that a path leads into, and the path inside it."""
    if "libpod-conmon-" in path:  # podman's monitor, which lives beside the container
        return None, path
    if ids := list(_ID.finditer(path)):
        return Container(engine=_engine(path[: ids[-1].start()]), id=ids[-1][0]), _after(path, ids[-1].end())
    if found := _NSPAWN.search(path):
        return Container(engine="systemd-nspawn", name=_unescaped(found[1])), _after(path, found.end())
    if found := _MACHINE.search(path):
        return Container(engine="machine", name=_unescaped(found[1])), _after(path, found.end())
    if found := _LXC.search(path):
        return Container(engine=found[1], name=found[2]), _after(path, found.end())
    return None, path


def _after(path: str, end: int) -> str:
    return path[end:].partition("/")[2]


def _paths(text: str) -> list[str]:
    """Return the paths of a process, those that systemd manages first: ``hierarchy:controllers:path`` on each line."""
    rows = [line.split(":", 2) for line in text.splitlines()]
    known = [row for row in rows if len(row) == 3 and row[2] != "/"]
    known.sort(key=lambda row: (row[1] != _SYSTEMD, row[1] != "", row[0]))
    return [row[2] for row in known]


def _engine(before: str) -> str:
    """Judge by what stands before the id, the nearest mark first; runtimes of their own may use any path."""
    found = [(before.rfind(mark), engine) for mark, engine in _ENGINES if mark in before]
    if any(engine == "kubernetes" for _, engine in found):
        return "kubernetes"
    return max(found)[1] if found else "container"


def _unescaped(name: str) -> str:
    r"""Undo systemd's escapes: ``\x2d`` is a hyphen (systemd.unit(5))."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda octet: chr(int(octet[1], 16)), name)
