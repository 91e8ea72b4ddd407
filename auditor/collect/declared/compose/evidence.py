"""Compose files as evidence: one piece for each file that was named; files of one folder are one project.

The first file reads the whole project. Each piece tells what stands in its own file; what stands in files that nobody
named (the override, included and extended ones) the first tells.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.collect.declared.compose.exposure import exposure
from auditor.collect.declared.compose.loader import Folder, Input, Loader, Scope
from auditor.collect.declared.compose.node import RefusedError
from auditor.collect.declared.compose.variables import blank
from auditor.collect.declared.publishing import machine
from auditor.errors import EvidenceError
from auditor.model.evidence import Completion, Kind, Observation, Origin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from auditor.collect.declared.compose.exposure import Exposure
    from auditor.collect.declared.compose.service import Model, Trouble

TOOL = "compose"
MAIN = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDES = (
    "compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml",
)  # fmt: skip
_NOT_IN_NAMES = re.compile(r"[^a-z0-9_-]")
_FALSE = frozenset({"", "0", "f", "false"})


class ComposeFile:
    """Evidence from a compose file. ``project`` has all files that make one with it.

    :raises EvidenceError: on iteration: a file that was named cannot be read, or has no services.
    """

    def __init__(self, path: str, source: str, environment: Mapping[str, str] | None = None) -> None:
        self.project = _Project(os.environ if environment is None else environment)
        self.project.files.append(Input(path=Path(path).absolute(), shown=source))
        self.origin = Origin(kind=Kind.DECLARED, source=source, tool=TOOL)
        self.completion = Completion(complete=False, reason="not read yet")

    def absorb(self, other: object) -> bool:
        """Make one project with another file, read after this one's, if both are in one folder."""
        if not isinstance(other, ComposeFile) or other.project.folder.path != self.project.folder.path:
            return False
        self.project.files += other.project.files
        other.project = self.project
        return True

    def __iter__(self) -> Iterator[Observation]:
        project, source = self.project, self.origin.source
        found = project.exposure()
        self.origin = Origin(kind=Kind.DECLARED, source=source, tool=TOOL, sha256=project.read.get(source))
        others = {file.shown for file in project.files}
        is_first = project.files[0].shown == source
        yield Observation(
            names=project.names,
            openings=tuple(one for file, one in found.openings if file == source or (is_first and file not in others)),
            unknown=tuple(one for file, one in found.unknown if file == source or (is_first and file not in others)),
            notes=tuple(f"also read: {file}" for file in project.read if is_first and file not in others),
        )
        self.completion = Completion(complete=True)


class _Project:
    """The files of one folder that were named, read once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.files: list[Input] = []
        self.names: tuple[str, ...] = ()
        self.read: dict[str, str] = {}
        self._environment = environment
        self._exposure: Exposure | None = None

    @property
    def folder(self) -> Folder:
        """Where the first file is: compose's project directory. What came through a pipe is in the working folder."""
        first = self.files[0]
        if first.path.name != Path(first.shown).name:
            return Folder(path=Path.cwd(), shown="")
        parent = Path(first.shown).parent.as_posix()
        return Folder(path=first.path.parent, shown="" if parent == "." else parent)

    def exposure(self) -> Exposure:
        """Read everything, once.

        :raises EvidenceError: a file that was named cannot be read, or has no services.
        """
        if self._exposure is None:
            loader = Loader()
            troubles: list[Trouble] = []
            variables = loader.variables(self._env_files(), self._environment, troubles)
            model = loader.load(self._inputs(variables), Scope(folder=self.folder, variables=variables))
            model.troubles += troubles
            if not (loader.knows_services or model.troubles):
                raise EvidenceError(f"{self.files[0].shown}: no services in it that compose would know")
            self.read = loader.read
            self.names = _names(model, variables, self.folder)
            self._exposure = exposure(model, _profiles(variables))
        return self._exposure

    def _env_files(self) -> list[Input]:
        if self._environment.get("COMPOSE_DISABLE_ENV_FILE", "").lower() not in _FALSE:
            return []
        dotenv = self.folder.file(".env")
        return [dotenv] if dotenv.path.is_file() else []

    def _inputs(self, variables: Mapping[str, str]) -> Sequence[Input]:
        """Return the files that were named; to the one that compose takes by itself, those that it takes along."""
        if len(self.files) > 1:
            return _in_order(self.files)
        file = self.files[0]
        listed = variables.get("COMPOSE_FILE", "").split(variables.get("COMPOSE_PATH_SEPARATOR") or os.pathsep)
        together = [self.folder.file(name) for name in listed if name]
        if any(_same(one.path, file.path) for one in together):
            return [file if _same(one.path, file.path) else one for one in together]
        if file.path.name not in MAIN:
            return self.files
        override = next((one for name in OVERRIDES if (one := self.folder.file(name)).path.is_file()), None)
        return self.files if override is None else (file, override)


def _in_order(files: Sequence[Input]) -> Sequence[Input]:
    """Put the file that compose takes by itself before its override: a shell's glob names the override first."""
    base = max((at for at, file in enumerate(files) if file.path.name in MAIN), default=0)
    early = [file for file in files[:base] if file.path.name in OVERRIDES]
    return [*(file for file in files[: base + 1] if file not in early), *early, *files[base + 1 :]]


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _profiles(variables: Mapping[str, str]) -> frozenset[str] | None:
    listed = variables.get("COMPOSE_PROFILES")
    return None if listed is None else frozenset(name.strip() for name in listed.split(",") if name.strip())


def _names(model: Model, variables: Mapping[str, str], folder: Folder) -> tuple[str, ...]:
    """Say what the evidence may be called in a policy: ``compose:NAME`` of the project, and this machine's name."""
    try:
        written = blank(model.name.text()) if model.name else ""
    except RefusedError:
        written = ""
    name = variables.get("COMPOSE_PROJECT_NAME") or written or folder.path.resolve().name
    plain = _NOT_IN_NAMES.sub("", name.lower()).lstrip("_-")
    return (*((f"compose:{plain}",) if plain else ()), *machine())
