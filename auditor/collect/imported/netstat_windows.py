"""``netstat -ano`` of Windows, in any of its languages. No I/O.

Headings and states are translated, so that only what is not is read: the protocol, the two ends, and the process id.
A TCP socket whose peer is port 0 of the unspecified address listens.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.collect.imported.socket_file import beginning, numbered
from auditor.collect.imported.socket_table import OTHERS_HAND_OUT, Holder, Place, SocketTable
from auditor.model.ports import Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROW = re.compile(
    r"(?P<kind>TCP|UDP)\s+(?P<host>\S*):(?P<port>[^\s:]+)\s+(?P<peer>\S*):(?P<peer_port>[^\s:]+)"
    r"(?:\s+(?P<state>(?!\d+(?:\s|$))\S+(?:\s(?!\d+(?:\s|$))\S+){0,3}))?(?:\s+(?P<pid>\d{1,10}))?(?:\s+\S+)?"
)
_STARTS = re.compile(r"\s*(?:(?:TCP|UDP)\s|(?:TC?P?|UD?P?)$)")
_PROGRAM = re.compile(r"\[(.+)\]")
_BOUND = ("BOUND", "GEBUNDEN", "CLOSED")
_TITLE_LINES = 4
"""The title and the headings, and a line of blanks between them."""


def looks_like(text: str) -> bool:
    """Whether the beginning of a file is such a table: a row among the first lines."""
    shown = beginning(text)[: _TITLE_LINES + 1]
    return any(_ROW.fullmatch(line) for line in shown)


def parse(text: str, source: str) -> Sequence[SocketTable]:
    """Read the table. With ``-b`` the lines after a row name its service and its program."""
    table = SocketTable(source=source, handed_out=OTHERS_HAND_OUT)
    rows: list[tuple[int, re.Match[str], list[str]]] = []
    for number, line in numbered(text):
        kept = line.strip()
        if row := _ROW.fullmatch(kept):
            rows.append((number, row, []))
        elif _STARTS.match(line):
            table.doubt(number, "this row of netstat cannot be read")
        elif rows and line.startswith(" "):
            rows[-1][2].append(kept)
        elif rows or number > _TITLE_LINES * 2:
            table.doubt(number, "this line is no row of netstat")
    for number, row, lines in rows:
        _take(table, number, row, lines)
    return [table]


def _take(table: SocketTable, number: int, row: re.Match[str], lines: Sequence[str]) -> None:
    protocol = Protocol(row["kind"].lower())
    family = 6 if ":" in row["host"] else 4 if row["host"][:1].isdigit() else None
    table.prove(protocol, family)
    listens = row["peer_port"] == "0" if protocol is Protocol.TCP else row["peer_port"] in {"*", "0"}
    if not listens or (row["state"] or "").upper() in _BOUND:
        return
    programs = [found[1] for line in lines if (found := _PROGRAM.fullmatch(line))]
    pid = int(row["pid"]) if row["pid"] else None
    holder = Holder(process=programs[0] if programs else None, pid=pid)
    place = Place(host=row["host"], port=row["port"], family=family)
    table.add(number, protocol, place, [holder])
