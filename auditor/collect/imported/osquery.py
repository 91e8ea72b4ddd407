"""osquery's rows: ``listening_ports`` and ``process_open_sockets``, alone or joined with ``processes``. No I/O.

Three forms: an array of rows (``osqueryi --json``), snapshot lines, and differential lines of the results log, which
are replayed from the query's first run. The log's lines have the host and the time; an array has neither.
``listening_ports`` does not test for LISTEN, so that a TCP socket that is merely bound counts as listening.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from auditor.collect.imported.socket_table import (
    LINUX_HANDS_OUT,
    OTHERS_HAND_OUT,
    Holder,
    Place,
    SocketTable,
    ports_named,
)
from auditor.errors import EvidenceError
from auditor.files.json_keys import once_each
from auditor.model.ports import ALL_TCP, ALL_UDP, NO_PORTS, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PROTOCOLS = {"6": Protocol.TCP, "17": Protocol.UDP}
_FAMILIES = {"2": 4, "10": 6, "23": 6, "30": 6}  # AF_INET; AF_INET6 of Linux, Windows and macOS
_UNIX = "1"
_LATEST = 253402300799  # the end of the year 9999
_PID = re.compile(r"[0-9]{1,10}")

_ARRAY = re.compile(r'\[\s*\{\s*"')
_ROW_MARKS = ('"family"', '"pid"', '"fd"', '"net_namespace"')
_LOG = re.compile(r'\{[^\n]*"(?:hostIdentifier|calendarTime|unixTime)"')
_LOG_ROWS = ('"columns"', '"snapshot"', '"diffResults"')

_PORT_COLUMNS = ("port", "local_port")

_NOT_FROM_THE_START = "the log does not go back to the query's first run, so that older sockets are not in it"

Row = dict[str, str]


def looks_like(text: str) -> bool:
    """Whether the beginning of a file is an array of such rows, or a line of the results log with rows."""
    if text.startswith("["):
        return (
            _ARRAY.match(text) is not None
            and any(f'"{column}"' in text for column in _PORT_COLUMNS)
            and '"protocol"' in text
            and any(mark in text for mark in _ROW_MARKS)
        )
    return (
        _LOG.match(text) is not None
        and any(mark in text.partition("\n")[0] for mark in _LOG_ROWS)
        and any(f'"{column}"' in text for column in _PORT_COLUMNS)
    )


def parse(text: str, source: str) -> Sequence[SocketTable]:
    """Read rows, of one host without a name or of each host of a log.

    :raises EvidenceError: not JSON, or not osquery's.
    """
    if text.lstrip().startswith("["):
        table = _new(source, None)
        rows = _read(text, source)
        _take_all(table, [(f"row {number}", row) for number, row in enumerate(_checked(rows, source), 1)])
        return [table]
    return _Log(source).read(text)


@dataclass(slots=True, kw_only=True)
class _Query:
    """What one query of one host has said so far: its rows with their lines."""

    rows: dict[tuple[tuple[str, str], ...], int] = field(default_factory=dict)
    from_the_start: bool = False
    run: tuple[str, str, str] | None = None
    """Epoch, counter and time of the run that the last line is of."""
    when: int = 0


class _Log:
    def __init__(self, source: str) -> None:
        self._source = source
        self._queries: dict[tuple[str | None, str], _Query] = {}
        self._broken: list[tuple[int, str]] = []

    def read(self, text: str) -> Sequence[SocketTable]:
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                self._line(number, line)
        tables: dict[str | None, SocketTable] = {}
        for (host, _), query in self._queries.items():
            table = tables.setdefault(host, _new(self._source, host))
            _take_all(table, [(number, dict(row)) for row, number in query.rows.items()])
            if not query.from_the_start:
                table.blind = _NOT_FROM_THE_START
            if query.when:
                when = datetime.fromtimestamp(query.when, UTC)
                table.when = when if table.when is None else min(when, table.when)
        for table in tables.values() or [_new(self._source, None)]:
            for number, what in self._broken:
                table.doubt(number, what)
        return list(tables.values()) or [_failed(self._source, self._broken)]

    def _line(self, number: int, line: str) -> None:
        try:
            told = _read(line, self._source, number)
        except EvidenceError:
            self._broken.append((number, "this line is not JSON, or breaks off"))
            return
        if not isinstance(told, dict):
            self._broken.append((number, "this line is no result of osquery"))
            return
        host, name = told.get("hostIdentifier"), told.get("name")
        key = (host if isinstance(host, str) else None, str(name))
        added, removed = self._changes(number, told)
        if key not in self._queries and not any(_about_ports(row) for row in (*added, *removed)):
            return  # another query's
        query = self._queries.setdefault(key, _Query())
        run = (str(told.get("epoch")), str(told.get("counter")), str(told.get("unixTime")))
        anew = "snapshot" in told or (run[1] == "0" and run != query.run)
        if anew:  # also a later epoch begins with every row
            query.rows.clear()
        query.from_the_start |= anew
        query.run = run
        when = told.get("unixTime")
        seconds = int(when) if isinstance(when, int | str) and re.fullmatch(r"[0-9]{1,12}", str(when)) else 0
        query.when = max(query.when, min(seconds, _LATEST))
        for row in removed:
            query.rows.pop(_key(row), None)
        for row in added:
            query.rows[_key(row)] = number

    def _changes(self, number: int, told: dict[str, Any]) -> tuple[list[Row], list[Row]]:
        """Rows that are there from now on, and rows that are no more."""
        where = f"{self._source}:{number}"
        if "snapshot" in told:
            return _checked(told["snapshot"], where), []
        if isinstance(batch := told.get("diffResults"), dict):
            return _checked(batch.get("added") or [], where), _checked(batch.get("removed") or [], where)
        rows = _checked([told.get("columns")], where)
        match told.get("action"):
            case "added":
                return rows, []
            case "removed":
                return [], rows
            case _:
                self._broken.append((number, "this line says neither 'added' nor 'removed'"))
                return [], []


def _new(source: str, host: str | None) -> SocketTable:
    return SocketTable(source=source, host=host, handed_out=LINUX_HANDS_OUT | OTHERS_HAND_OUT)


def _failed(source: str, broken: Sequence[tuple[int, str]]) -> SocketTable:
    table = _new(source, None)
    for number, what in broken:
        table.doubt(number, what)
    return table


def _read(text: str, source: str, line: int = 0) -> Any:
    try:
        return json.loads(text, object_pairs_hook=once_each)
    except json.JSONDecodeError as error:
        raise EvidenceError(f"{source}:{line or error.lineno}:{error.colno}: not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise EvidenceError(f"{source}:{line or 1}: not JSON that can be read: {error}") from error


def _checked(rows: Any, where: str) -> list[Row]:
    """Take rows of text; osquery writes numbers as text unless told otherwise."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise EvidenceError(f"{where}: these are no rows of osquery")
    return [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]


def _about_ports(row: Row) -> bool:
    return any(column in row for column in _PORT_COLUMNS)


def _key(row: Row) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(row.items()))


def _take_all(table: SocketTable, rows: Sequence[tuple[int | str, Row]]) -> None:
    own = _own_namespace(row for _, row in rows)
    for where, row in rows:
        _take(table, where, row, own)


def _own_namespace(rows: Iterable[Row]) -> str | None:
    """Tell the host's own network namespace: the first that the kernel made has the lowest number."""
    found = {row.get("net_namespace", "") for row in rows}
    numbers = [name for name in found if _PID.fullmatch(name) and int(name)]
    return min(numbers, key=int, default=None)


def _take(table: SocketTable, where: int | str, row: Row, own: str | None) -> None:
    number, protocol = row.get("port", row.get("local_port", "")), _PROTOCOLS.get(row.get("protocol", ""))
    family = _FAMILIES.get(row.get("family", ""))
    if row.get("family") == _UNIX or (row.get("protocol") and protocol is None):
        return  # a path's socket, or a protocol without ports
    if row.get("family") and family is None:
        table.doubt(where, "this row's family of addresses is not known", _any(number))
        return
    if protocol is None or not number:
        table.doubt(where, "this row does not tell " + ("the port" if protocol else "the protocol"), _any(number))
        return
    address = row.get("address", row.get("local_address", ""))
    table.prove(protocol, family or (6 if ":" in address else 4 if address else None))
    if not _listens(protocol, row):
        table.lists_servers = table.lists_servers or "state" in row
        return
    if not address:
        named = ports_named(number, protocol)
        if named is not None:
            table.doubt(where, "this row does not tell the address", named or _any(""))
        return
    namespace = row.get("net_namespace", "")
    foreign = own is not None and namespace not in {own, "", "0"}
    pid = row.get("pid", "")
    holder = Holder(
        process=_first(row, "name", "process_name", "process"),
        pid=int(pid) if _PID.fullmatch(pid) else None,
        user=_first(row, "username", "user", "uid"),
    )
    place = Place(host=address, port=number, family=family, netns=f"net:[{namespace}]" if foreign else None)
    table.add(where, protocol, place, [holder])


def _listens(protocol: Protocol, row: Row) -> bool:
    if protocol is Protocol.TCP and row.get("state"):
        return row["state"] == "LISTEN"
    return row.get("remote_port", "0") in {"0", ""}


def _any(number: str) -> PortSet:
    union = NO_PORTS
    for protocol in Protocol:
        union |= ports_named(number, protocol) or NO_PORTS
    return union or ALL_TCP | ALL_UDP


def _first(row: Row, *columns: str) -> str | None:
    return next((row[column] for column in columns if row.get(column)), None)
