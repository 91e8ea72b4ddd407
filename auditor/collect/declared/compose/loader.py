"""The files of one compose project, read and merged in compose's order: ``include``, then ``extends``, then the merge.

Only local, regular files are read, so many of them, so deep. What is not read, or not there, is a trouble that the
report names: never silently nothing.
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.collect.declared.compose.dotenv import DotenvError, parse_dotenv
from auditor.collect.declared.compose.node import OVERRIDE, RESET, Node, RefusedError, tagged
from auditor.collect.declared.compose.service import KEYS, Model, Service, Trouble, merged, read_service
from auditor.collect.declared.compose.variables import unset
from auditor.errors import EvidenceError
from auditor.files.documents import read_documents, read_source
from auditor.model.location import Location

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from auditor.files.text import SourceText

LARGEST = 16 * 1024 * 1024
"""Bytes of one file."""
_MOST_FILES = 500
_DEEPEST = 16
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|oci:|git@|git:|github\.com/|[^/]*@[^/]*:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A file to read, and the name by which reports call it."""

    path: Path
    shown: str

    def beside(self, name: str) -> Input:
        """Return another file, named from this one's folder."""
        return Folder(path=self.path.parent, shown=_parent(self.shown)).file(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder, and how reports call it: empty where files in it go by their bare names."""

    path: Path
    shown: str

    def file(self, name: str) -> Input:
        """Name a file from here."""
        shown = name if Path(name).is_absolute() or not self.shown else f"{self.shown}/{name}"
        return Input(path=self.path / name, shown=shown.removeprefix("./"))

    def folder(self, name: str) -> Folder:
        """Name a folder from here."""
        inner = self.file(name)
        return Folder(path=inner.path, shown=inner.shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where names of files start from, and which variables count. ``trail`` is how the reading came here."""

    folder: Folder
    variables: Mapping[str, str]
    trail: tuple[Path, ...] = ()


@dataclass(slots=True)
class Loader:
    """Reads the files of one project.

    ``read`` names all that were opened, in order, with their SHA-256; ``count`` is how often files were opened;
    ``knows_services`` whether any of them has a service with anything in it that compose knows.
    """

    read: dict[str, str] = field(default_factory=dict)
    count: int = 0
    knows_services: bool = False

    def load(self, inputs: Sequence[Input], scope: Scope) -> Model:
        """Read files that make one model, each over those before it.

        :raises EvidenceError: one of them cannot be read, or is no YAML.
        """
        model = Model()
        for one in inputs:
            self._merge_file(model, one, scope)
        return model

    def variables(self, files: Iterable[Input], around: Mapping[str, str], troubles: list[Trouble]) -> dict[str, str]:
        """Read ``.env`` files, later over earlier; what is around them wins over all."""
        found: dict[str, str] = {}
        for file in files:
            try:
                text = self._source(file).text
            except EvidenceError as error:
                if not str(error).endswith("the file is empty"):
                    troubles.append(_refused(file, str(error)))
                continue
            try:
                found |= parse_dotenv(text, around.get)
            except DotenvError as error:
                troubles.append(_refused(file, str(error)))
        return found | dict(around)

    def _merge_file(self, model: Model, file: Input, scope: Scope) -> None:
        for document in read_documents(self._source(file), tagged=tagged):
            root = Node(document, scope.variables.get, document.data)
            if not isinstance(root.data, dict):
                raise EvidenceError(f"{file.shown}: a compose file is a mapping")
            part = self._own(root)
            self._include(part, root, file, scope)
            self._drop(model, root)
            for name in list(part.services):
                part.services[name] = self._extended(name, part.services, file, scope, ())
            model.add(part)

    def _own(self, root: Node) -> Model:
        """Read what stands in the file itself."""
        part = Model(name=root.get("name"))
        services = root.get("services")
        if services is not None and not isinstance(services.data, dict):
            raise EvidenceError(f"{services.place}: 'services' is no mapping")
        for name, node in services.fields() if services else ():
            if node.tag != RESET and node.data is not None:
                self.knows_services |= any(key in KEYS for key, _ in node.fields())
                part.services[name] = read_service(name, node)
        networks = root.get("networks")
        for name, node in networks.fields() if networks else ():
            if node.tag != RESET:
                part.networks[name] = (node,)
        return part

    @staticmethod
    def _drop(model: Model, root: Node) -> None:
        """Take away of the files before what this one resets as a whole."""
        for held, key in ((model.services, "services"), (model.networks, "networks")):
            for outer, section in root.fields():
                if outer != key:
                    continue
                if section.tag in {RESET, OVERRIDE}:
                    held.clear()
                for name, node in section.fields():
                    if node.tag in {RESET, OVERRIDE}:
                        held.pop(name, None)

    def _include(self, part: Model, root: Node, file: Input, scope: Scope) -> None:
        included = root.get("include")
        if included is None:
            return
        if not isinstance(included.data, list):
            part.troubles.append(
                Trouble(location=included.key_location, reason="compose refuses this: 'include' is no list")
            )
            return
        for item in included.items():
            try:
                other = self._included(item, file, scope)
            except (RefusedError, EvidenceError) as error:
                part.troubles.append(Trouble(location=item.location, reason=f"not included: {error}"))
                continue
            own = dict(part.services)
            part.troubles += other.troubles
            for name, service in other.services.items():
                part.services[name] = merged(service, own[name]) if name in own else service
            for name, nodes in other.networks.items():
                part.networks[name] = (*nodes, *part.networks.get(name, ()))

    def _included(self, item: Node, file: Input, scope: Scope) -> Model:
        """Read what one entry of ``include`` names.

        :raises RefusedError: it names nothing, or something that is not read.
        :raises EvidenceError: the file cannot be read.
        """
        entry = item.get("path") if isinstance(item.data, dict) else item
        names = [] if entry is None else entry.texts()
        if not names:
            raise RefusedError("no path")
        inputs = [self._local(name, scope.folder) for name in names]
        trail = (*scope.trail, file.path.resolve())
        if inputs[0].path.resolve() in trail:
            raise RefusedError("the files include one another")
        if len(trail) > _DEEPEST:
            raise RefusedError(f"files included more than {_DEEPEST} deep")
        base = item.get("project_directory") if isinstance(item.data, dict) else None
        folder = Folder(path=inputs[0].path.parent, shown=_parent(inputs[0].shown))
        if base is not None:
            self._local(base.text(), scope.folder)
            folder = scope.folder.folder(base.text())
        troubles: list[Trouble] = []
        variables = self.variables(self._env_files(item, folder, scope), scope.variables, troubles)
        model = self.load(inputs, Scope(folder=folder, variables=variables, trail=trail))
        model.troubles += troubles
        return model

    def _env_files(self, item: Node, folder: Folder, scope: Scope) -> list[Input]:
        named = item.get("env_file") if isinstance(item.data, dict) else None
        if named is None:
            return [file] if (file := folder.file(".env")).path.is_file() else []
        return [self._local(name, scope.folder) for name in named.texts() if name != "/dev/null"]

    def _extended(
        self, name: str, services: dict[str, Service], file: Input, scope: Scope, trail: tuple[tuple[Path, str], ...]
    ) -> Service:
        """Follow ``extends`` of one service, as far as it goes."""
        service = services[name]
        if service.extends is None:
            return service
        here = (file.path.resolve(), name)
        try:
            _require_an_end(here, trail)
            base = self._base(service.extends, services, file, scope, (*trail, here))
        except (RefusedError, EvidenceError) as error:
            trouble = Trouble(location=service.extends.key_location, reason=f"not extended: {error}")
            return merged(service, Service(name=name, node=service.node, troubles=(trouble,)))
        return merged(base, service)

    def _base(
        self,
        extends: Node,
        services: dict[str, Service],
        file: Input,
        scope: Scope,
        trail: tuple[tuple[Path, str], ...],
    ) -> Service:
        """Return the service that another extends, its own ``extends`` followed.

        :raises RefusedError: there is none, or it is not read.
        :raises EvidenceError: its file cannot be read.
        """
        named = extends.get("service") if isinstance(extends.data, dict) else extends
        if named is None:
            raise RefusedError("no service is named")
        name = named.text()
        elsewhere = extends.get("file") if isinstance(extends.data, dict) else None
        if elsewhere is not None:
            other = self._local(elsewhere.text(), scope.folder)
            scope = Scope(folder=Folder(path=other.path.parent, shown=_parent(other.shown)), variables=scope.variables)
            services, file = self._services_of(other, scope), other
        if name not in services:
            raise RefusedError(f"no service of that name in {file.shown}")
        return self._extended(name, services, file, scope, trail)

    def _services_of(self, file: Input, scope: Scope) -> dict[str, Service]:
        found: dict[str, Service] = {}
        for document in read_documents(self._source(file), tagged=tagged):
            found |= self._own(Node(document, scope.variables.get, document.data)).services
        return found

    def _local(self, name: str, folder: Folder) -> Input:
        """Name a file or folder to read.

        :raises RefusedError: its name is not known, or it is not on this machine.
        """
        if names := unset(name):
            raise RefusedError(f"its name depends on {', '.join(names)}, which is not set")
        if _REMOTE.match(name):
            raise RefusedError("it is not on this machine, and nothing is fetched")
        if not name or "\0" in name:
            raise RefusedError("no name of a file")
        return folder.file(name)

    def _source(self, file: Input) -> SourceText:
        """Read one file.

        :raises EvidenceError: it cannot be read, is too large, or is not text.
        """
        self.count += 1
        if self.count > _MOST_FILES:
            raise EvidenceError(f"{file.shown}: more than {_MOST_FILES} files to read for one project")
        try:
            if not stat.S_ISREG(file.path.stat().st_mode):
                raise EvidenceError(f"{file.shown}: not a file")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "no name of a file"
            raise EvidenceError(f"cannot read {file.shown}: {reason}") from None
        source = read_source(file.path, file.shown, limit=LARGEST)
        self.read[file.shown] = source.sha256
        return source


def _parent(shown: str) -> str:
    parent = Path(shown).parent.as_posix()
    return "" if parent == "." else parent


def _require_an_end(here: tuple[Path, str], trail: tuple[tuple[Path, str], ...]) -> None:
    """Refuse services that extend one another without end, or too deep."""
    if here in trail:
        raise RefusedError("the services extend one another")
    if len(trail) > _DEEPEST:
        raise RefusedError(f"services that extend one another more than {_DEEPEST} deep")


def _refused(file: Input, why: str) -> Trouble:
    bare = why.removeprefix(f"{file.shown}: ").removeprefix(f"cannot read {file.shown}: ")
    return Trouble(location=Location(file=file.shown), reason=f"compose refuses this file: {bare}")
