"""Where a rule of a plan is written: the line in the .tf file beside the plan, or else the line in the plan itself.

A plan has no lines of the configuration. Where its .tf files lie in the same folder (and those of local modules below),
the block of the resource is found by its header, and in it the line that says to whom; that is the line that a pull
request shows. The plan's own line is the fallback.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.collect.declared.infrastructure.access import network_of
from auditor.collect.declared.infrastructure.hcl import Blocks, blocks_of
from auditor.errors import AuditorError
from auditor.files.text import MAX_BYTES, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.collect.declared.infrastructure.access import Access
    from auditor.collect.declared.infrastructure.hcl import Block
    from auditor.collect.declared.infrastructure.plan import Plan, Resource
    from auditor.files.documents import Document
    from auditor.files.text import SourceText
    from auditor.model.location import Location

_MOST_FILES = 300
_DEEPEST = 8
_RULES = {"ingress", "allow", "security_rule", "content"}
_ASIDE = ("destination", "egress", "security_rule", "ingress", "source_port", "description", "name", "network")
"""Keys under which networks are not who gets in, or not of one rule."""
_NUMBERS = ("from_port", "to_port", "destination_port_range", "priority")


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    source: SourceText
    blocks: Blocks


class Origins:
    """Finds lines for the rules of one plan."""

    def __init__(self, plan: Plan, document: Document) -> None:
        self._plan = plan
        self._document = document
        self._resources = {one.path: one for one in plan.resources}
        self._folders: dict[str, dict[tuple[str, str], list[tuple[_File, Block]]]] = {}

    def located(self, rule: Access) -> Access:
        """Return the rule with its place."""
        path = rule.path
        if not path:
            return rule
        entry = _value(self._document.data, path)
        resource = next(
            (self._resources[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self._resources), None
        )
        literal = _widest(entry, 0)
        written = None if resource is None else self._written(resource, entry, literal)
        place = written or self._document.location((*path, *(literal[0] if literal else ())))
        return replace(rule, location=place)

    def place(self, resource: Resource) -> Location:
        """Return where the block of a resource is written, or else where the plan has it."""
        return self._written(resource, None, None) or self._document.location(resource.path)

    def mentions(self, resource: Resource, word: str) -> bool | None:
        """Whether the block of a resource beside the plan says a word; None: it is not there."""
        folder = self._module_folder(resource)
        found = self._blocks_in(folder).get((resource.type, resource.name), []) if folder else []
        words = re.compile(rf"\b{re.escape(word)}\b")
        return (
            any(file.blocks.says(file.source.text, words, block) is not None for file, block in found)
            if found
            else None
        )

    def _written(
        self, resource: Resource, entry: Any, literal: tuple[tuple[str | int, ...], str] | None
    ) -> Location | None:
        folder = self._module_folder(resource)
        found = self._blocks_in(folder).get((resource.type, resource.name), []) if folder else []
        if len(found) != 1:
            return None
        file, block = found[0]
        words = re.compile(re.escape(f'"{literal[1]}"')) if literal else None
        best = _rule_block(file, block, entry, words)
        at = file.blocks.says(file.source.text, words, best) if words else None
        place = file.source.place(best.start if at is None else at)
        width = len(best.kind) if at is None or literal is None else len(literal[1]) + 2
        return file.source.location(place.line, place.column, place.column + width)

    def _module_folder(self, resource: Resource) -> Path | None:
        folder = self._root
        names = re.sub(r"\[[^\]]*\]", "", resource.module).split(".")[1::2]
        address = ""
        for name in names:
            call = self._plan.modules.get(address, {}).get("calls", {}).get(name)
            source = call.get("source") if isinstance(call, dict) else None
            if folder is None or not isinstance(source, str) or not source.startswith(("./", "../")) or "\0" in source:
                return None
            folder = folder / source
            address = f"{address}.module.{name}" if address else f"module.{name}"
        return folder

    @cached_property
    def _root(self) -> Path | None:
        plan = Path(self._document.source.file)
        try:
            return plan.parent if plan.is_file() else None
        except (OSError, ValueError):
            return None

    def _blocks_in(self, folder: Path) -> dict[tuple[str, str], list[tuple[_File, Block]]]:
        key = str(folder)
        if key not in self._folders:
            self._folders[key] = {}
            for file in _files(folder):
                for block in file.blocks.top:
                    if block.kind == "resource" and len(block.labels) == 2:
                        name = (block.labels[0], block.labels[1])
                        self._folders[key].setdefault(name, []).append((file, block))
        return self._folders[key]


def _files(folder: Path) -> Iterator[_File]:
    """Read the configuration in a folder below the one where we stand; what cannot be read is left out."""
    try:
        if not folder.resolve().is_relative_to(Path.cwd()):
            return
        paths = sorted(path for path in folder.iterdir() if path.suffix in {".tf", ".tofu"})[:_MOST_FILES]
    except OSError:
        return
    for path in paths:
        shown = str(Path(*_without_dots(path.parts)))
        try:
            source = read_text(path, shown, limit=MAX_BYTES // 8)
        except AuditorError:
            continue
        yield _File(source=source, blocks=blocks_of(source.text))


def _without_dots(parts: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for part in parts:
        if part == ".." and kept and kept[-1] not in {"..", "/"}:
            kept.pop()
        elif part != ".":
            kept.append(part)
    return kept


def _rule_block(file: _File, block: Block, entry: Any, words: re.Pattern[str] | None) -> Block:
    """Return the block inside of a resource's that says the most of what the plan says of a rule; or the resource's."""
    text = file.source.text
    told = entry if isinstance(entry, dict) else {}
    said = {key: re.escape(str(told[key])) for key in _NUMBERS if told.get(key)}
    wanted = [re.compile(rf"\b{key}\b\s*=\s*\"?{number}\b") for key, number in said.items()]
    texts = [told.get(key) for key in ("name", "description")]
    wanted += [re.compile(re.escape(f'"{one}"')) for one in texts if isinstance(one, str)]
    wanted += [words] if words else []
    rules = [one for one in block.walk() if one.kind in _RULES or not one.kind]
    scored = [(sum(file.blocks.says(text, one, rule) is not None for one in wanted), rule) for rule in rules]
    best = max((score for score, _ in scored), default=0)
    return next((rule for score, rule in scored if score == best), block) if best else block


def _widest(value: Any, depth: int) -> tuple[tuple[str | int, ...], str] | None:
    """Return the path and text of the widest network in a value."""
    best: tuple[int, tuple[str | int, ...], str] | None = None
    for path, text in _texts(value, (), depth):
        network = network_of(text) if "/" in text or "." in text or ":" in text else None
        size = network.size if network else (1 << 128) if text in {"*", "Internet", "Any"} else 0
        if size and (best is None or size > best[0]):
            best = (size, path, text)
    return None if best is None else best[1:]


def _texts(value: Any, path: tuple[str | int, ...], depth: int) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif depth < _DEEPEST and isinstance(value, dict):
        for key, inner in value.items():
            if not (isinstance(key, str) and key.startswith(_ASIDE)):
                yield from _texts(inner, (*path, key), depth + 1)
    elif depth < _DEEPEST and isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _texts(inner, (*path, at), depth + 1)


def _value(data: Any, path: Iterable[str | int]) -> Any:
    for step in path:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None
    return data
