"""Names for containers: from the processes that watch over them, and from what their engines keep on the disk.

No engine is spoken to. What they keep belongs to root, or to the user who runs them: where it may not be read, a
container goes by its id. Everything read is data, never trusted.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auditor.model.evidence import Container

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_LARGEST = 4 << 20  # bytes of one file
_GENERATIONS = 64  # how far up a process's ancestors are asked
_ID = re.compile(r"[0-9a-f]{64}")
_NAME_SHOWN = 120


class Containers:
    """The containers of this machine, as asked for; every answer is remembered."""

    def __init__(self, proc: str = "/proc", root: str = "/") -> None:
        """Prepare; ``root`` is where the engines' folders are."""
        self._proc = proc
        self._root = root.rstrip("/")
        self._watched: dict[int, Container | None] = {}
        self._names: dict[tuple[str, str], str | None] = {}

    def named(self, known: Container | None, parent: int) -> Container | None:
        """Return the container of a process, with its name if that can be found.

        ``known`` is what the process's control group says. Where that is nothing, a watcher among its ancestors,
        from ``parent`` on, tells.
        """
        watched = self._by_watcher(parent)
        if known is None:
            found = watched
        elif watched and watched.id == known.id:
            found = replace(known, engine=watched.engine, name=known.name or watched.name)
        else:
            found = known
        return self._with_name(found)

    def _by_watcher(self, pid: int) -> Container | None:
        """Return the container that the nearest ancestor watches over."""
        chain: list[int] = []
        found: Container | None = None
        while pid > 1 and pid not in self._watched and len(chain) < _GENERATIONS:
            chain.append(pid)
            try:
                name, parent = self._name_and_parent(pid)
                found = watched(name, self._arguments(pid)) if name.startswith(_WATCHERS) else None
            except (OSError, ValueError):
                break
            if found:
                break
            pid = parent
        found = found or self._watched.get(pid)
        self._watched.update(dict.fromkeys(chain, found))
        return found

    def _name_and_parent(self, pid: int) -> tuple[str, int]:
        with open(f"{self._proc}/{pid}/stat", "rb") as file:  # noqa: PTH123 - names in /proc, often
            name, _, rest = file.read().rpartition(b") ")
        return name.partition(b"(")[2].decode(errors="replace"), int(rest.split()[1])

    def _arguments(self, pid: int) -> Sequence[str]:
        return arguments(pid, self._proc)

    def _pids(self) -> Iterable[int]:
        return _pids(self._proc)

    def _read(self, path: str) -> Any:
        return _read(path)

    def _with_name(self, container: Container | None) -> Container | None:
        if container is None or container.name or not container.id:
            return container
        key = (container.engine, container.id)
        if key not in self._names:
            self._names[key] = self._look_up(*key)
        name = self._names[key]
        return replace(container, name=name[:_NAME_SHOWN]) if name else container

    def _look_up(self, engine: str, container: str) -> str | None:
        if not _ID.fullmatch(container):  # it becomes part of a path
            return None
        for wanted, path, name_in in _KEPT:
            if engine in wanted:
                for folder in self._folders(engine):
                    name = name_in(self._read(path.format(folder=folder, id=container)), container)
                    if name:
                        return name
        return None

    def _folders(self, engine: str) -> Sequence[str]:
        if engine == "docker":
            return (f"{self._root}/var/lib/docker", *self._docker_roots())
        return (self._root,)

    def _docker_roots(self) -> Sequence[str]:
        """Where Docker keeps its state by its own settings: ``data-root`` of the daemon's file or command line."""
        found = []
        settings = self._read(f"{self._root}/etc/docker/daemon.json")
        if isinstance(settings, dict) and isinstance(settings.get("data-root"), str):
            found.append(settings["data-root"])
        for pid in self._pids():
            try:
                if self._name_and_parent(pid)[0] == "dockerd":
                    given = option(self._arguments(pid), "--data-root", "-g")
                    found += [given] if given else []
            except (OSError, ValueError):
                continue
        return found


def arguments(pid: int, proc: str = "/proc") -> Sequence[str]:
    """Return the command line of a process; empty where there is none to see."""
    try:
        with open(f"{proc}/{pid}/cmdline", "rb") as file:  # noqa: PTH123
            return file.read(_LARGEST).decode(errors="replace").removesuffix("\0").split("\0")
    except OSError:
        return ()


_WATCHERS = ("conmon", "containerd-shim")


def watched(name: str, given: Sequence[str]) -> Container | None:
    """Return the container that a monitor watches over by its command line: ``conmon``'s, ``containerd-shim``'s."""
    if name.startswith("conmon"):
        identity = option(given, "-c", "--cid")
        engine = "kubernetes" if "crio" in " ".join(given) else "podman"
        return Container(engine=engine, id=identity, name=option(given, "-n", "--name")) if identity else None
    if name.startswith("containerd-shim"):
        identity = option(given, "-id", "--id")
        space = option(given, "-namespace", "--namespace")
        engine = {"moby": "docker", "k8s.io": "kubernetes"}.get(space or "", "containerd")
        return Container(engine=engine, id=identity) if identity else None
    return None


def option(given: Sequence[str], *names: str) -> str | None:
    """Return the value of an option of a command line, in either form (``-n web``, ``--name=web``)."""
    for word, following in zip(given, (*given[1:], None), strict=False):
        if word in names:
            return following
        key, equals, value = word.partition("=")
        if equals and key in names:
            return value
    return None


def _read(path: str) -> Any:
    """Read a file of JSON that others wrote; None for none that can be read."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            data = file.read(_LARGEST + 1)
        return json.loads(data) if len(data) <= _LARGEST else None
    except (OSError, ValueError, RecursionError):
        return None


def _docker_name(state: Any, _id: str) -> str | None:
    return _text(state, "Name").removeprefix("/") or None


def _stored_name(state: Any, container: str) -> str | None:
    """Read the list that podman and CRI-O keep of what is in their storage."""
    for each in state if isinstance(state, list) else ():
        names = each.get("names") if isinstance(each, dict) and each.get("id") == container else None
        if isinstance(names, list) and names and isinstance(names[0], str):
            return names[0]
    return None


def _annotated_name(state: Any, _id: str) -> str | None:
    """Read the annotations of a container's runtime configuration: the pod and the container that it is."""
    notes = state.get("annotations") if isinstance(state, dict) else None
    if not isinstance(notes, dict):
        return None
    if name := _text(notes, "nerdctl/name"):
        return name
    for keys in _POD_KEYS:
        parts = [part for part in (_text(notes, key) for key in keys) if part]
        if len(parts) > 1:
            return "/".join(parts)
    return None


def _text(fields: Any, name: str) -> str:
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if isinstance(value, str) else ""


def _pids(proc: str) -> list[int]:
    try:
        return [int(name) for name in os.listdir(proc) if name.isascii() and name.isdigit()]  # noqa: PTH208
    except OSError:
        return []


_POD_KEYS = (
    ("io.kubernetes.cri.sandbox-namespace", "io.kubernetes.cri.sandbox-name", "io.kubernetes.cri.container-name"),
    ("io.kubernetes.pod.namespace", "io.kubernetes.pod.name", "io.kubernetes.container.name"),
)

_RUNTIME = "{folder}/run/containerd/io.containerd.runtime.v2.task"
_STORED = "{folder}/run/containers/storage/overlay-containers/{id}/userdata/config.json"
_KEPT: tuple[tuple[frozenset[str], str, Callable[[Any, str], str | None]], ...] = (
    (frozenset({"docker"}), "{folder}/containers/{id}/config.v2.json", _docker_name),
    (
        frozenset({"podman", "kubernetes", "container"}),
        "{folder}/var/lib/containers/storage/overlay-containers/containers.json",
        _stored_name,
    ),
    (frozenset({"kubernetes", "container"}), _RUNTIME + "/k8s.io/{id}/config.json", _annotated_name),
    (frozenset({"kubernetes", "container"}), _STORED, _annotated_name),
    (frozenset({"containerd", "container"}), _RUNTIME + "/default/{id}/config.json", _annotated_name),
)
"""Which engine keeps the names of its containers where, and how they are read from there."""
