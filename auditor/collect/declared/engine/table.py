"""The tables that ``docker ps``, ``docker compose ps`` and ``podman ps`` print for people."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.collect.declared.engine.cells import read_cell
from auditor.collect.declared.engine.container import Container, Net, run_of
from auditor.collect.declared.engine.listed import state_of_status
from auditor.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.files.text import SourceText

_COLUMN = re.compile(r"(?<![A-Z])(?:[A-Z]{1,20} ){0,3}[A-Z]{1,20}(?=  |\s*$)")
_COLUMNS = frozenset({
    "CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES", "NAME", "SERVICE", "SIZE", "NETWORKS",
    "STATE", "LABELS", "MOUNTS", "LOCAL VOLUMES", "POD ID", "PODNAME",
})  # fmt: skip


def looks_like_table(line: str) -> bool:
    """Whether a line is the heading of such a table."""
    names = {found[0] for found in _COLUMN.finditer(line)}
    return {"PORTS"} < names <= _COLUMNS and bool(names & {"NAMES", "NAME", "CONTAINER ID"}) and len(names) > 2


def read_table(source: SourceText) -> Iterator[Container]:
    """Yield the containers of a table.

    :raises EvidenceError: a row that does not fit its heading.
    """
    lines = iter(enumerate(source.text.split("\n"), 1))
    columns: dict[str, tuple[int, int | None]] = {}
    for number, line in lines:
        if not line.strip():
            continue
        if looks_like_table(line):
            starts = [(found[0], found.start()) for found in _COLUMN.finditer(line)]
            ends = [start for _, start in starts[1:]] + [None]
            columns = {name: (start, end) for (name, start), end in zip(starts, ends, strict=True)}
            continue
        yield _row(source, number, line.rstrip("\r"), columns)


def _row(source: SourceText, number: int, line: str, columns: dict[str, tuple[int, int | None]]) -> Container:
    cells = {name: line[start:end].strip() for name, (start, end) in columns.items()}
    torn = any(0 < start < len(line) and line[start - 1] != " " for start, _ in columns.values())
    name = cells.get("NAMES") or cells.get("NAME") or cells.get("CONTAINER ID")
    if torn or not name:
        raise EvidenceError(f"{source.file}:{number}: this row does not stand under its heading")
    odd: list[str] = []
    bindings = tuple(read_cell(cells.get("PORTS", ""), odd))
    start, end = columns["PORTS"]
    networks = cells.get("NETWORKS", "").split(",")
    said = bool(cells.get("PORTS")) or any(networks)
    return Container(
        name=name.split(",")[0][:200],
        identity=cells.get("CONTAINER ID", ""),
        run=run_of(cells.get("STATE") or state_of_status(cells.get("STATUS", ""))),
        net=Net.HOST if "host" in networks else Net.OWN if said else Net.UNSAID,
        bindings=bindings,
        odd=odd[0] if odd else None,
        location=source.location(number, start + 1, start + 1 + len(line[start:end].rstrip())),
    )
