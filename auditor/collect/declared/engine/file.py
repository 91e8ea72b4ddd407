"""Files with what an engine says: told apart by their content, read into one observation of one host."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from auditor.collect.declared.engine.container import MOST_BINDINGS, doubts_of, openings_of
from auditor.collect.declared.engine.inspected import inspected, is_inspected
from auditor.collect.declared.engine.listed import is_listed, listed
from auditor.collect.declared.engine.table import looks_like_table, read_table
from auditor.collect.declared.publishing import machine
from auditor.errors import EvidenceError
from auditor.files.documents import Document, read_documents
from auditor.model.evidence import Observation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.collect.declared.engine.container import Container
    from auditor.files.text import SourceText
    from auditor.model.location import Location

_ASK = "'docker inspect' of them"
_KEY = {name: re.compile(rf'"{name}"\s*:') for name in (
    "Id", "State", "Args", "HostConfig", "NetworkSettings", "Names", "Name", "Ports", "Status", "Image", "Publishers",
    "ImageID", "apiVersion",
)}  # fmt: skip


def looks_like(text: str) -> bool:
    """Whether it begins as what an engine says of its containers."""
    if not text.startswith(("{", "[")):
        return looks_like_table(text.partition("\n")[0].rstrip("\r"))
    has = {name for name, pattern in _KEY.items() if pattern.search(text)}
    if "apiVersion" in has:
        return False
    return (
        {"State", "Args", "Id"} <= has
        or {"State", "HostConfig", "NetworkSettings"} <= has
        or ({"Ports", "Status", "Image"} <= has and bool(has & {"Names", "Name"}))
        or {"Publishers", "Name"} <= has
        or {"Names", "ImageID", "Ports"} <= has
    )


def parse(source: SourceText) -> Iterator[Observation]:
    """Read the file.

    :raises EvidenceError: it is not what it looked like.
    """
    containers = tuple(_containers(source))
    if not containers and not looks_like_table(source.text.lstrip().partition("\n")[0].rstrip("\r")):
        raise EvidenceError(f"{source.file}: no container in it")
    yield observation(containers, _ASK, machine())


def observation(containers: Sequence[Container], ask: str, names: tuple[str, ...]) -> Observation:
    """Say what containers add up to.

    :raises EvidenceError: more than anybody publishes.
    """
    if sum(len(one.bindings) for one in containers) > MOST_BINDINGS:
        raise EvidenceError(f"more than {MOST_BINDINGS:,} ports are published")
    return Observation(names=names, openings=openings_of(containers), unknown=doubts_of(containers, ask))


def _containers(source: SourceText) -> Iterator[Container]:
    if not source.text.lstrip().startswith(("{", "[")):
        yield from read_table(source)
    elif (rows := _lines(source)) is not None:
        for number, value in rows:
            yield _container(value, _place_in_line(source, number), f"{source.file}:{number}")
    else:
        for document in read_documents(source):
            yield from _of_document(document)


def _of_document(document: Document) -> Iterator[Container]:
    values = document.data if isinstance(document.data, list) else [document.data]
    base: tuple[int, ...] = ()
    for index, value in enumerate(values):
        base = (index,) if isinstance(document.data, list) else ()
        path = (*base, "NetworkSettings", "Ports") if is_inspected(value) else (*base, _ports_key(value))
        location = document.location(path, key=True)
        yield _container(value, location, f"{location.file}:{location.line}")


def _ports_key(value: Any) -> str:
    return "Publishers" if isinstance(value, dict) and value.get("Publishers") else "Ports"


def _container(value: Any, location: Location, place: str) -> Container:
    if is_inspected(value):
        return inspected(value, location)
    if is_listed(value):
        return listed(value, location)
    raise EvidenceError(f"{place}: this is no container")


def _lines(source: SourceText) -> list[tuple[int, Any]] | None:
    """Read one value a line, as ``docker ps --format json`` prints; None if the file is not written so."""
    found: list[tuple[int, Any]] = []
    for number, line in enumerate(source.text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            if len(found) < 2:
                return None
            raise EvidenceError(f"{source.file}:{number}: this is not JSON") from None
        if isinstance(value, list):
            return None
        found.append((number, value))
    return found


def _place_in_line(source: SourceText, number: int) -> Location:
    line = source.line(number) or ""
    key = max(line.find('"Ports"'), line.find('"Publishers"'), 0)
    return source.location(number, key + 1, key + 8)
