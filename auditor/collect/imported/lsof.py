"""``lsof``: the table (``lsof -i -nP``, or all files) and the fields (``-F``, ``-F0``), of Linux and macOS. No I/O.

It shows what processes hold, so that a socket of the kernel's own (NFS, WireGuard) is never there, nor another user's
without privilege: what it does not show is not known.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.collect.imported.socket_file import beginning, is_prompt, numbered
from auditor.collect.imported.socket_table import (
    ALL,
    LINUX_HANDS_OUT,
    OTHERS_HAND_OUT,
    Holder,
    Place,
    SocketTable,
    ports_named,
)
from auditor.model.ports import NO_PORTS, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BLIND = "lsof shows what processes hold, and neither the kernel's own sockets nor, without privilege, other users'"
_INTERNET = {"TCP": Protocol.TCP, "UDP": Protocol.UDP}
_FAMILIES = {"IPv4": 4, "IPv6": 6}
_CUT_AT = 9  # characters of COMMAND, unless +c asks for more

_HEADER = re.compile(r"COMMAND\s+PID\s+(?:[A-Z]+\s+){0,4}?USER\s+FD\s+TYPE\s+DEVICE\s.*NAME")
_DESCRIPTOR = r"(?:\d+[a-zA-Z-]{0,2}|cwd|rtd|txt|mem|mmap|ltx|err|fp\.|jld|pd|tr|twd|DEL|NOFD|unk|v86|[ML]\w\w|\*\w+)"
_FILE = re.compile(
    r"(?P<command>\S+)\s+(?P<pid>\d{1,10})\s+(?:\S+\s+){0,4}?(?P<user>\S+)\s+(?P<fd>\d+[a-zA-Z-]{0,2})\s+"
    r"(?P<type>IPv4|IPv6)\s+(?:\S+\s+){1,2}?(?P<node>[A-Z][A-Z0-9-]*)\s+(?P<name>\S.*)"
)
_ANY_FILE = re.compile(rf"\S+\s+\d+\s+(?:\S+\s+){{1,5}}?{_DESCRIPTOR}\s+(?P<type>\S+)\s")
_ENDS = re.compile(r"(?P<host>[^\s>]*):(?P<port>[^\s:>]+?)(?P<peer>->\S+)?(?:\s+\((?P<state>[A-Z0-9_:-]+)\).*)?")
_UNBOUND = re.compile(r"\*:\*(?:\s.*)?|no PCB.*|can't identify protocol.*", re.IGNORECASE)
_ESCAPED = re.compile(r"\\x([0-9a-fA-F]{2})")
_FIELDS = re.compile(r"p\d+[\n\x00][\n\x00a-zA-Z]")
_PID = re.compile(r"[0-9]{1,10}")
_REPEATS = "T"


def looks_like_table(text: str) -> bool:
    """Whether the beginning of a file is lsof's table: its header, or else a row of an Internet socket."""
    shown = beginning(text)
    return any(_HEADER.fullmatch(line) for line in shown) or (bool(shown) and _FILE.fullmatch(shown[0]) is not None)


def looks_like_fields(text: str) -> bool:
    """Whether the beginning of a file is what ``lsof -F`` prints: a process set."""
    return _FIELDS.match(text) is not None


def parse_table(text: str, source: str) -> Sequence[SocketTable]:
    """Read the table. A name of nine characters may have been cut off, unless a longer one is there (``+c``)."""
    table = _new(source)
    found: list[tuple[int, re.Match[str]]] = []
    for number, line in numbered(text):
        kept = line.strip()
        if row := _FILE.fullmatch(kept):
            found.append((number, row))
        elif not _passed_over(kept) and not is_prompt(kept):
            table.doubt(number, "this line is no row of lsof")
    longest = max((len(row["command"]) for _, row in found), default=0)
    for number, row in found:
        cut = longest <= _CUT_AT <= len(row["command"])
        if cut:
            table.notes.append("lsof cuts names of processes off after nine characters: ask for all of them (+c0)")
        name = None if cut else _unescaped(row["command"])
        holder = Holder(process=name, pid=int(row["pid"]), user=row["user"])
        _take(table, number, row["type"], row["node"], row["name"], None, holder)
    return [table]


def parse_fields(text: str, source: str) -> Sequence[SocketTable]:
    """Read process sets, and the file sets in each."""
    table = _new(source)
    for number, process, file in _file_sets(text, table):
        if "n" not in file or file.get("t", "IPv4") not in _FAMILIES:
            continue
        pid, name = process.get("p", ""), process.get("c")
        if not _PID.fullmatch(pid):
            table.doubt(number, "a file without a process")
            continue
        holder = Holder(
            process=None if name is None else _unescaped(name), pid=int(pid), user=process.get("L", process.get("u"))
        )
        if "t" in file or "P" in file:
            _take(table, number, file.get("t", ""), file.get("P", ""), file["n"], file.get("TST"), holder)
    return [table]


def _new(source: str) -> SocketTable:
    return SocketTable(source=source, handed_out=LINUX_HANDS_OUT | OTHERS_HAND_OUT, blind=_BLIND)


def _passed_over(line: str) -> bool:
    """Whether it is a heading, a remark of lsof's, or a file that is no Internet socket."""
    if _HEADER.fullmatch(line) or line.startswith(("lsof:", "Output information may be incomplete")):
        return True
    file = _ANY_FILE.match(line)
    return file is not None and file["type"] not in _FAMILIES


def _file_sets(text: str, table: SocketTable) -> Iterator[tuple[int, dict[str, str], dict[str, str]]]:
    """Yield each file set with its process set and the number of its first line.

    A set begins with its descriptor. Where that was not asked for, a line of NUL-ended fields is a set, and else one
    begins with the first field that is there already.
    """
    process: dict[str, str] = {}
    file: dict[str, str] = {}
    at = 1
    of_process = True
    for number, line in enumerate(text.split("\n"), 1):
        fields = [part for part in line.rstrip("\r").split("\0") if part]
        nul_ended = "\0" in line
        for index, part in enumerate(fields):
            kind, value = part[0], part[1:]
            if not kind.isalpha():
                table.doubt(number, "this line is no field of lsof")
                continue
            new_set = kind in "pf" or (nul_ended and index == 0) or (kind != _REPEATS and kind in file)
            if new_set and file:
                yield at, process, file
                file = {}
            if kind == "p":
                process, of_process = {}, True
            of_process = of_process and kind not in "fatPndiGDosTN" and not (nul_ended and index == 0 and kind != "p")
            if of_process:
                process[kind] = value
                continue
            at = at if file else number
            _note_field(file, kind, value)
    if file:
        yield at, process, file


def _note_field(file: dict[str, str], kind: str, value: str) -> None:
    if kind == _REPEATS:
        name, _, told = value.partition("=")
        file[_REPEATS + name] = told
    else:
        file[kind] = value


def _take(table: SocketTable, line: int, kind: str, node: str, name: str, state: str | None, holder: Holder) -> None:
    if node and node not in _INTERNET:
        return  # ICMP, raw, SCTP, UDP-Lite: no ports of TCP or UDP
    protocols = [_INTERNET[node]] if node else list(Protocol)
    family = _FAMILIES.get(kind)
    if _UNBOUND.fullmatch(name):
        return
    ends = _ENDS.fullmatch(name.strip())
    if ends is None:
        for protocol in protocols:
            table.doubt(line, "this socket of lsof cannot be read", ALL[protocol])
        return
    state = state or ends["state"]
    if node:
        table.prove(protocols[0], family)
    if ends["peer"] or (protocols == [Protocol.TCP] and state not in {None, "LISTEN"}):
        return
    if not node or (state is None and protocols == [Protocol.TCP]):
        missing = "state" if node else "protocol"
        table.doubt(line, f"lsof does not tell the {missing} of this socket", _named(ends["port"], protocols))
        return
    table.add(line, protocols[0], Place(host=ends["host"], port=ends["port"], family=family), [holder])


def _named(port: str, protocols: Sequence[Protocol]) -> PortSet:
    ports = NO_PORTS
    for protocol in protocols:
        ports |= ports_named(port, protocol) or ALL[protocol]
    return ports


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
