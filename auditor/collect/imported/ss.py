"""``ss`` of iproute2: ``ss -tulnp`` and its variants, with and without header and Netid column. No I/O.

Since iproute2 4.16 ``*:80`` is an IPv6 socket that takes IPv4 too; before, ``*:80`` was IPv4 and ``:::80`` IPv6. A
file that prints ``0.0.0.0`` or brackets anywhere is of the new kind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from auditor.collect.imported.socket_file import beginning, is_prompt, numbered
from auditor.collect.imported.socket_table import Holder, Place, SocketTable, ports_named
from auditor.model.ports import ALL_UDP, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_STATES = (
    *("LISTEN", "UNCONN", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSE-WAIT"),
    *("LAST-ACK", "CLOSING", "CLOSED", "UNKNOWN", "NEW-SYN-RECV", "BOUND-INACTIVE"),
)
_OF_UDP = ("UNCONN", "ESTAB")
_INTERNET = {"tcp": Protocol.TCP, "udp": Protocol.UDP, "mptcp": Protocol.TCP}
_OTHER_KINDS = (
    *("nl", "p_raw", "p_dgr", "u_str", "u_dgr", "u_seq", "raw", "icmp", "icmp6", "dccp", "sctp", "v_str", "v_dgr"),
    *("ti_rd", "ti_sq", "ti_st", "ti_dg", "xdp", "unix", "???"),
)
_USERS = "users:(("
_LONGEST_NAME = 15  # bytes that the kernel keeps, each of which may be a newline
_NO_ROW = "this line is no row of ss"
_RAW_NUMBERS = 255
"""What stands in place of the port of a raw socket is the number of an IP protocol."""

_HEADER = re.compile(r"(?:Netid\s+)?State\s+(?:Recv-Q\s+Send-Q\s+)?Local Address:Port\s+Peer Address:Port.*")
_LINE = re.compile(
    rf"(?:(?P<netid>[a-z][a-z0-9_]*|\?\?\?)\s+)?(?P<state>{'|'.join(_STATES)})\s+(?:\d+\s+\d+\s+)?(?P<rest>\S.*)"
)
_ENDS = re.compile(r'(?P<host>\S*):(?P<port>[^\s:]+)\s+[^\s()"]*:[^\s:()"]+(?:\s+(?P<tail>\S.*))?', re.DOTALL)
_PATH = re.compile(r"[/@*]\S*\s")

_HOLDER = re.compile(
    r'\("(?P<name>.{0,15}?)",pid=(?P<pid>\d{1,10})(?:,tid=\d+)?(?:,proc_ctx=[^()"]*?)?,fd=\d+(?:,sock_ctx=[^()"]*?)?\)'
    r'(?:(?P<more>,)(?=\(")|\)(?=\s*$|\s+[a-z][\w-]*[:(]|\s+<->))',
    re.DOTALL,
)
"""One of ``users:((…),(…))``. The kernel keeps 15 bytes of a name, too few to forge what must follow an entry."""

_DIGITS = re.compile(r"\d+\.")
_OLD_HOLDERS = re.compile(
    r'users:\((\("[\w.:/@ +-]{1,15}",\d{1,10},\d+\)(?:,\("[\w.:/@ +-]{1,15}",\d{1,10},\d+\))*)\)$'
)
_OLD_HOLDER = re.compile(r'\("([^"]*)",(\d+),\d+\)')
"""As iproute2 wrote them before version 4, taken where no name has a mark in it that could forge more."""
_UID = re.compile(r"\suid:(\d+)")
_INODE = re.compile(r"\sino:\d+")
_V6ONLY = re.compile(r"\sv6only:([01])")


@dataclass(slots=True, kw_only=True)
class _Line:
    number: int
    section: int
    netid: str | None
    state: str
    host: str
    port: str
    tail: str
    joined: list[int] = field(default_factory=list)
    """The lines that were added because a name has newlines in it."""


def looks_like(text: str) -> bool:
    """Whether the beginning of a file is a table of ``ss``: its header, or else a row."""
    shown = beginning(text)
    if any(_HEADER.fullmatch(line) for line in shown):
        return True
    first = _LINE.fullmatch(shown[0]) if shown else None
    return first is not None and _ENDS.fullmatch(first["rest"]) is not None


def parse(text: str, source: str) -> Sequence[SocketTable]:
    """Read the table."""
    table = SocketTable(source=source)
    lines = list(_lines(text, table))
    modern = any(line.host.startswith(("0.0.0.0", "[")) for line in lines)  # noqa: S104 - text to look for
    ancient = any(":" in line.host and not line.host.startswith("[") for line in lines)
    for _, section in groupby(lines, key=lambda line: line.section):
        members = list(section)
        bare = [line for line in members if line.netid is None]
        states = {line.state for line in bare}
        for line in members:
            _take(table, line, _Style(modern=modern, ancient=ancient and not modern), states, bare)
    return [table]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Style:
    modern: bool
    ancient: bool

    def family(self, host: str) -> int | None:
        if host.partition("%")[0] == "*":
            return 6 if self.modern else 4 if self.ancient else None
        return 6 if ":" in host else 4 if _DIGITS.match(host) else None


def _lines(text: str, table: SocketTable) -> Iterator[_Line]:
    """Yield the rows of Internet sockets; what follows a row in lines of its own (``-i``, ``-m``) belongs to it."""
    section, begun = 0, False
    last: _Line | None = None
    for number, line in numbered(text):
        kept = line.strip()
        if _HEADER.fullmatch(kept):
            section += 1
            continue
        found = _LINE.fullmatch(kept)
        if found is None:
            if not (begun and _continues(number, line, last)) and not is_prompt(kept):
                table.doubt(number, _NO_ROW)
            continue
        if last is not None:
            yield _finished(last, table)
        begun = True
        last = _row(number, section, found, table)
    if last is not None:
        yield _finished(last, table)


def _continues(number: int, line: str, last: _Line | None) -> bool:
    """Whether a line goes on with the row before: more of its details, or of a name with a newline in it."""
    if last is not None and line.lstrip().startswith(_USERS) and _USERS not in last.tail:
        last.tail += " " + line.lstrip()
        return True
    if last is not None and len(last.joined) < _LONGEST_NAME and _USERS in last.tail and not _named(last.tail)[0]:
        last.tail += "\n" + line
        last.joined.append(number)
        return True
    word = line.split(maxsplit=1)[0]
    return line.startswith("\t") and not any(start.startswith(word) for start in (*_STATES, *_INTERNET, *_OTHER_KINDS))


def _finished(line: _Line, table: SocketTable) -> _Line:
    """Give a row to which all that belongs to it was added; what was added in vain did not belong to it."""
    if line.joined and not _named(line.tail)[0]:
        for number in line.joined:
            table.doubt(number, _NO_ROW)
    return line


def _row(number: int, section: int, found: re.Match[str], table: SocketTable) -> _Line | None:
    netid = found["netid"]
    if netid in _OTHER_KINDS or (netid is None and _PATH.match(found["rest"]) and ":" not in found["rest"].split()[0]):
        return None
    ends = _ENDS.fullmatch(found["rest"])
    if ends is None or (netid is not None and netid not in _INTERNET):
        table.doubt(number, "this row of ss cannot be read")
        return None
    return _Line(
        number=number,
        section=section,
        netid=netid,
        state=found["state"],
        host=ends["host"],
        port=ends["port"],
        tail=" " + (ends["tail"] or ""),
    )


def _take(table: SocketTable, line: _Line, style: _Style, bare_states: set[str], bare: Sequence[_Line]) -> None:
    protocol = _INTERNET[line.netid] if line.netid else _without_netid(bare_states)
    family = style.family(line.host)
    if line.netid is None and line.state == "UNCONN" and (protocol is not Protocol.UDP or _may_be_raw(bare)):
        ports = ports_named(line.port, Protocol.UDP)
        if ports is not None:
            what = "without the Netid column nobody can say whether this socket is UDP's"
            table.doubt(line.number, what, ports or ALL_UDP)
        return
    if protocol is None:
        return
    if line.netid != "mptcp":
        table.prove(protocol, family)
    if line.state != ("LISTEN" if protocol is Protocol.TCP else "UNCONN"):
        return
    holders, after = _holders(line.tail)
    v6only = _V6ONLY.findall(after)
    dual: bool | None = v6only[-1] == "0" if v6only else None
    if dual is None and style.modern:
        dual = line.host.partition("%")[0] == "*"
    place = Place(host=line.host, port=line.port, family=family, dual=dual)
    table.add(line.number, protocol, place, holders)


def _without_netid(states: set[str]) -> Protocol | None:
    """Tell the protocol of a table that was asked for one alone by the states that are in it."""
    if states - set(_OF_UDP):
        return Protocol.TCP
    return Protocol.UDP if "UNCONN" in states else None


def _may_be_raw(bare: Iterable[_Line]) -> bool:
    """Whether each number could be a protocol's, as in a table of raw sockets."""
    numbers = PortSet.span(0, _RAW_NUMBERS, Protocol.UDP)
    return all((ports_named(line.port, Protocol.UDP) or numbers) <= numbers for line in bare)


def _holders(tail: str) -> tuple[list[Holder], str]:
    """Read ``users:((…))`` and give what follows it. A name may hold anything, also what looks like more of them."""
    named, at = _named(tail)
    after = tail[at:]
    uid = _UID.search(after)
    user = uid[1] if uid else "root" if _INODE.search(after) else None
    return [Holder(process=name, pid=pid, user=user) for name, pid in named] or [Holder(user=user)], after


def _named(tail: str) -> tuple[list[tuple[str, int]], int]:
    """Names and process ids, and where they end: at the end of the text if they cannot be read."""
    start = tail.find(_USERS)
    if start < 0:
        return [], 0
    at, named = start + len(_USERS) - 1, []
    while found := _HOLDER.match(tail, at):
        named.append((found["name"], int(found["pid"])))
        at = found.end()
        if not found["more"]:
            return named, at
    if old := _OLD_HOLDERS.search(tail):
        return [(name, int(pid)) for name, pid in _OLD_HOLDER.findall(old[1])], len(tail)
    return [], len(tail)
