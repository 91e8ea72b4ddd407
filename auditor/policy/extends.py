"""Finds and reads the files that make up a policy: the one asked for and, through ``extends``, those it builds on.

Each file is read once, however often it is extended, and checked against the schema by itself.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import PolicyError
from auditor.files.located_yaml import parse_yaml
from auditor.files.resources import shipped
from auditor.files.suggest import nearest
from auditor.files.text import read_text
from auditor.files.validate import quoted, shipped_schema, structural_problems
from auditor.model.policy import PolicyFile
from auditor.policy.nodes import text_entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.errors import Problem
    from auditor.files.located_yaml import Located
    from auditor.model.location import Location
    from auditor.policy.problems import Problems

PACK = "pack:"
_MAX_DEPTH = 16
_MAX_FILES = 256
_SUFFIXES = (".yaml", ".yml")


@dataclass(slots=True, kw_only=True)
class Document:
    """One file of a policy, in the shape that the schema promises wherever it found no problem.

    ``shown`` is its name in messages: as the user wrote it, relative to where the user is, or ``pack:NAME``.
    ``label`` begins the ids that rules without one get. ``extends`` are the documents it names, in order.
    """

    path: Path
    shown: str
    label: str
    pack: str | None
    root: Located
    sha256: str
    extends: list[Document] = field(default_factory=list)

    @property
    def file(self) -> PolicyFile:
        """The file as the audit lists it."""
        return PolicyFile(path=self.shown, sha256=self.sha256)

    def beside(self, name: str) -> tuple[Path, str]:
        """The path of a file named relative to this one, and how to show it."""
        shown = name if self.pack else os.path.normpath(Path(self.shown).parent / name)
        return self.path.parent / name, shown


def pack_names() -> list[str]:
    """The packs that ship with the auditor, sorted."""
    return sorted(path.stem for path in shipped("policies").glob("*.yaml"))


def gather(path: Path, problems: Problems) -> list[Document]:
    """Read a policy and everything it extends: the file itself first, then depth first in the order of ``extends``.

    What is wrong in any of them is added to ``problems``; a file that cannot be read is left out.
    """
    gathering = _Gathering(problems)
    try:
        gathering.read(path, str(path), None, ())
    except PolicyError as error:
        problems.extend(error.problems)
    return list(gathering.documents.values())


def blame(problems: Iterable[Problem], asked: Location) -> Iterator[Problem]:
    """Say of problems with a file as a whole where it was asked for; others know their line."""
    for problem in problems:
        if problem.location.line:
            yield problem
        else:
            yield replace(problem, location=asked, message=f"{quoted(problem.location.file)}: {problem.message}")


class _Gathering:
    def __init__(self, problems: Problems) -> None:
        self.documents: dict[str, Document] = {}
        self._problems = problems
        self._labels: set[str] = set()
        self._unreadable: set[str] = set()

    def read(self, path: Path, shown: str, pack: str | None, chain: tuple[Document, ...]) -> Document | None:
        """Read one file and all that it extends; ``chain`` are the files that led here.

        :raises PolicyError: this very file cannot be read.
        """
        identity = _identity(path)
        if identity in self.documents or identity in self._unreadable:
            return self.documents.get(identity)
        self._unreadable.add(identity)
        source = read_text(path, shown)
        repeated: list[Problem] = []
        root = parse_yaml(source, repeated=repeated)
        self._unreadable.remove(identity)
        self._problems.extend(repeated)
        self._problems.add_structural(structural_problems(root, shipped_schema("policy")))
        document = Document(
            path=path, shown=shown, label=self._label(path, pack), pack=pack, root=root, sha256=source.sha256
        )
        self.documents[identity] = document
        for entry in text_entries(root.fields.get("extends")):
            self._follow(entry, document, (*chain, document))
        return document

    def _follow(self, entry: Located, document: Document, chain: tuple[Document, ...]) -> None:
        found = self._find(entry, document)
        if found is None:
            return
        path, shown, pack = found
        identity = _identity(path)
        circle = [link.shown for link in chain if _identity(link.path) == identity]
        if circle:
            names = [link.shown for link in chain]
            way = " → ".join([*names[names.index(circle[0]) :], circle[0]])
            self._problems.add(entry.location, f"policies extend each other in a circle: {way}")
        elif len(chain) >= _MAX_DEPTH or len(self.documents) >= _MAX_FILES:
            self._problems.add(
                entry.location, f"more than {_MAX_DEPTH} levels or {_MAX_FILES} files are joined by 'extends'"
            )
        else:
            try:
                extended = self.read(path, shown, pack, chain)
            except PolicyError as error:
                self._problems.extend(blame(error.problems, entry.location))
            else:
                document.extends += [extended] if extended and extended not in document.extends else []

    def _find(self, entry: Located, document: Document) -> tuple[Path, str, str | None] | None:
        name: str = entry.data
        if name.startswith(PACK):
            pack = name.removeprefix(PACK)
            if pack in pack_names():
                return shipped("policies") / f"{pack}.yaml", name, pack
            near = nearest(pack, pack_names())
            self._missing(entry, f"there is no pack {quoted(pack)}", near and PACK + near)
            return None
        path, shown = document.beside(name)
        if not os.path.lexists(path):
            self._missing(entry, f"there is no file {quoted(shown)}", _likely(name, path))
            return None
        return path, shown, document.pack

    def _missing(self, entry: Located, message: str, suggestion: str | None) -> None:
        expected = "'pack:NAME' or the path of a policy, relative to this file"
        self._problems.add(entry.location, message, expected=expected, suggestion=suggestion)

    def _label(self, path: Path, pack: str | None) -> str:
        label = PACK + pack if pack else path.stem
        number = 1
        while label in self._labels:
            number += 1
            label = f"{path.stem}~{number}"
        self._labels.add(label)
        return label


def _identity(path: Path) -> str:
    """Return what is the same for all ways to one file."""
    try:
        return os.path.realpath(path)
    except ValueError:  # a NUL in the name; reading it will say so
        return str(path)


def _likely(name: str, path: Path) -> str | None:
    """Return the pack or the file beside the missing one that was probably meant."""
    if name in pack_names():
        return PACK + name
    try:
        beside = [entry.name for entry in path.parent.iterdir() if entry.suffix in _SUFFIXES]
    except OSError:
        return None
    near = nearest(path.name, beside)
    return os.path.join(os.path.dirname(name), near) if near else None  # noqa: PTH118, PTH120 - keeps a leading ./
