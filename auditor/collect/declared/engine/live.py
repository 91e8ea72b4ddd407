"""A running engine as evidence: ``docker:``, ``podman:`` and ``unix://PATH`` where a file could be named."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.collect.declared.engine.client import Client
from auditor.collect.declared.engine.container import Container
from auditor.collect.declared.engine.file import observation
from auditor.collect.declared.engine.inspected import inspected, is_inspected
from auditor.collect.declared.engine.services import published_by_swarm
from auditor.errors import EvidenceError, UsageError
from auditor.model.evidence import Completion, Kind, Origin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditor.model.evidence import Observation

_MOST_CONTAINERS = 10_000
_IDENTITY = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,255}")


class Engine:
    """What an engine publishes now. ``name`` is as the caller wrote it.

    :raises UsageError: the engine is not on this machine.
    :raises CollectError: on iteration: no such socket, or no permission.
    :raises EvidenceError: on iteration: whoever listens there is no engine, or does not answer.
    """

    def __init__(self, name: str, environment: Mapping[str, str] | None = None, client: Client | None = None) -> None:
        path = socket_path(name, os.environ if environment is None else environment)
        source = f"unix://{path}"
        self._client = client or Client(path, source)
        self.origin = Origin(kind=Kind.DECLARED, source=source, tool="container engine", started=datetime.now(UTC))
        self.completion = Completion(complete=False, reason="not read yet")

    def __iter__(self) -> Iterator[Observation]:
        info = self._client.get("/info")
        if not isinstance(info, dict):
            raise EvidenceError(f"{self.origin.source}: whoever listens there is no container engine")
        rows = self._client.get("/containers/json?all=1")
        if not isinstance(rows, list) or len(rows) > _MOST_CONTAINERS:
            raise EvidenceError(
                f"{self.origin.source}: no list of containers, or one of more than {_MOST_CONTAINERS:,}"
            )
        containers = [found for row in rows if (found := self._container(row)) is not None]
        name = info.get("Name")
        names = (name,) if isinstance(name, str) and name else ()
        seen = observation(containers, "nobody else", names)
        yield published_by_swarm(seen, info, self._client)
        self.completion = Completion(complete=True, finished=datetime.now(UTC))

    def _container(self, row: Any) -> Container | None:
        """Ask for one container: lists leave out ranges and networks with Podman. None if it is gone."""
        identity = row.get("Id") if isinstance(row, dict) else None
        if not isinstance(identity, str) or not _IDENTITY.fullmatch(identity):
            raise EvidenceError(f"{self.origin.source}: a container without an id")
        value = self._client.get(f"/containers/{identity}/json")
        if value is None:
            return None
        if not is_inspected(value):
            return Container(name=identity[:12], odd="cannot be inspected")
        return inspected(value)


def socket_path(name: str, environment: Mapping[str, str]) -> str:
    """Return the socket that an argument means: the one in it, in ``DOCKER_HOST`` (``CONTAINER_HOST``), or the usual.

    :raises UsageError: not a unix socket.
    """
    scheme, _, rest = name.partition(":")
    if scheme == "unix":
        rest = rest.removeprefix("//")
    if rest:
        return rest
    if scheme == "unix":
        raise UsageError(f"{name}: no socket is named; expected unix:///run/docker.sock")
    variable = "DOCKER_HOST" if scheme == "docker" else "CONTAINER_HOST"
    if given := environment.get(variable):
        if not given.startswith("unix://"):
            raise UsageError(f"{name}: {variable} names no unix socket, and engines elsewhere are not asked")
        return given.removeprefix("unix://")
    usual = _usual(scheme, environment)
    return next((path for path in usual if Path(path).exists()), usual[0])


def _usual(scheme: str, environment: Mapping[str, str]) -> list[str]:
    of_user = environment.get("XDG_RUNTIME_DIR")
    own = [f"{of_user}/{'docker.sock' if scheme == 'docker' else 'podman/podman.sock'}"] if of_user else []
    everybodys = ["/run/docker.sock", "/var/run/docker.sock"] if scheme == "docker" else ["/run/podman/podman.sock"]
    return [*everybodys, *own]
