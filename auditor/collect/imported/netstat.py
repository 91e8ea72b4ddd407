"""``netstat`` of Linux (net-tools, BusyBox), BSD and macOS. No I/O.

Linux writes ``address:port``, BSD ``address.port``. Linux cuts long addresses off so that the port stays whole; BSD
cuts off wherever the column ends, so that a text as wide as its column may have lost a part of the port.
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
from auditor.errors import EvidenceError
from auditor.model.ports import Port, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERNET = re.compile(r"Active Internet6? connections(?P<which>.*)")
_SECTION = re.compile(
    r"Active (?:UNIX domain|LOCAL \(UNIX\) domain|kernel event|kernel control|NET/ROM|AX\.25|X\.25|IPX|ROSE) sockets.*"
    r"|Active (?:Multipath Internet|Bluetooth) connections.*"
)
"""Headings of what is not looked at: longer than a title that a program gives itself can be, newlines and all."""

_HEADING = re.compile(r"(?:\S+\s+){0,2}Proto\s+(?:\S+\s+){1,3}?Local Address\s+Foreign Address.*")
_REMARKS = ("(No info could be read for", "(Not all processes could be identified", "will not be shown, you would have")
_ROW = re.compile(
    r"(?:[0-9a-f]{6,16}\s+){0,2}(?P<kind>(?:tcp|udp)(?:4|6|46)?)\s+(?:\d+\s+){0,3}?"
    r"(?P<local>\S*[.:](?:\*|[^\s.:]+))\s+(?P<peer>\S*[.:](?:\*|[^\s.:]+))(?:\s+(?P<rest>\S.*))?"
)
_OTHER_ROW = re.compile(
    r"(?:[0-9a-f]{6,16}\s+){0,2}(?:raw|icm|icmp|ip|divert|udpl|udplite|sctp|mptcp|dccp|div|ip64|icm64|vsock)\d*\s.*"
)
_CONNECTED = (
    *("ESTABLISHED", "SYN_SENT", "SYN_RECV", "SYN_RCVD", "FIN_WAIT1", "FIN_WAIT2", "FIN_WAIT_1"),
    *("FIN_WAIT_2", "TIME_WAIT", "CLOSE", "CLOSED", "CLOSE_WAIT", "LAST_ACK", "CLOSING", "UNKNOWN", "BOUND"),
)
_PROGRAM = re.compile(r"(?:^|\s)(?P<pid>\d{1,10})/(?P<title>\S.*)$")
_TIMER = re.compile(r"\s+(?:off|on|keepalive|timewait|probe|unkn-\d+)\s+\([\d./]*\)$")
_USER = re.compile(r"(\S+)\s+\d+\s+(?:-|\d+/)")
_LINUX_WIDTH = 23
_PROGRAM_WIDTH = 19
_BROKEN_ADDRESS = re.compile(r"[0-9a-fA-F:.]+")
_FIRST_ROW = re.compile(r"(?:tcp|udp)(?:4|6|46)?\s+\d+\s+\d+\s+\S+\s+\S+(?:\s.*)?")


def looks_like(text: str) -> bool:
    """Whether the beginning of a file is such a table: a heading, or else a row."""
    shown = beginning(text)
    return any(_INTERNET.fullmatch(line) for line in shown) or (
        bool(shown) and _FIRST_ROW.fullmatch(shown[0]) is not None
    )


def parse(text: str, source: str) -> Sequence[SocketTable]:
    """Read the table.

    :raises EvidenceError: it lists connections alone.
    """
    table = SocketTable(source=source)
    elsewhere, width = False, 0
    for number, line in numbered(text):
        kept = line.strip()
        if found := _INTERNET.fullmatch(kept):
            _refuse_connections(found["which"], source, number)
            elsewhere = False
        elif _SECTION.fullmatch(kept):
            elsewhere = True
        elif elsewhere or kept.startswith(_REMARKS) or _OTHER_ROW.fullmatch(kept):
            continue
        elif _HEADING.fullmatch(kept):
            width = line.index("Foreign Address") - line.index("Local Address") - 1
        elif row := _ROW.fullmatch(kept):
            _take(table, number, row, width)
        elif not is_prompt(kept):
            table.doubt(number, "this line is no row of netstat")
    return [table]


def _refuse_connections(which: str, source: str, number: int) -> None:
    if "w/o servers" in which or (not which.strip()):
        raise EvidenceError(
            f"{source}:{number}: a list of connections, without the sockets that listen: ask for them"
            " (Linux: netstat -tulpn; BSD and macOS: netstat -an)"
        )


def _take(table: SocketTable, number: int, row: re.Match[str], width: int) -> None:
    kind, local, peer, rest = row["kind"], row["local"], row["peer"], row["rest"] or ""
    protocol = Protocol(kind[:3])
    bsd = _is_bsd(local)
    if bsd is not _is_bsd(peer) and rest.partition(" ")[0] not in _CONNECTED:
        table.doubt(number, "this row of netstat cannot be read", ALL[protocol])
        return
    table.handed_out = OTHERS_HAND_OUT if bsd else LINUX_HANDS_OUT
    mark = "." if bsd else ":"
    host, _, port = local.rpartition(mark)
    family = 6 if kind.endswith("6") or (not kind.endswith("4") and ":" in host) else 4
    table.prove(protocol, family)
    if kind.endswith("46"):
        table.prove(protocol, 4)
    if not _listens(protocol, peer, rest.split()):
        return
    holders = [_holder(rest)]
    dual = kind.endswith("46") if bsd else None
    place = Place(host=host, port=port, family=family, dual=dual)
    if bsd and width and len(local) >= width:
        table.doubt(number, "the address may be cut off, and the port with it: ask for all of it (-W)", ALL[protocol])
    elif not bsd and len(local) >= _LINUX_WIDTH and _BROKEN_ADDRESS.fullmatch(host):
        if (ports := ports_named(port, protocol)) and len(ports) == 1:
            table.add_cut_off(Port.parse(str(ports)), place, holders)
        else:
            table.doubt(number, "this row of netstat cannot be read", ALL[protocol])
    else:
        table.add(number, protocol, place, holders)


def _is_bsd(end: str) -> bool:
    """Whether the last mark before the port is a dot; an IPv6 address of BSD has colons before it."""
    return end.rfind(".") > end.rfind(":")


def _listens(protocol: Protocol, peer: str, rest: Sequence[str]) -> bool:
    """Whether it is a listener or an unconnected UDP socket. Where BSD leaves the state out (-T), the peer tells."""
    nobody = peer.endswith("*")
    state = rest[0] if rest else ""
    if protocol is Protocol.UDP:
        return nobody
    return state == "LISTEN" or (nobody and state not in _CONNECTED)


def _holder(rest: str) -> Holder:
    """Read ``34/nginx: master pr``: the title that the program gave itself, cut off after so many characters.

    Its first word stands for the process, unless that may be cut off itself.
    """
    found = _PROGRAM.search(_TIMER.sub("", rest))
    user = _USER.search(rest.removeprefix("LISTEN").strip())
    named = user[1] if user else None
    if found is None:
        return Holder(user=named)
    title = found["title"].strip()
    word = re.split(r"[:\s]", title)[0]
    whole = word != title or len(f"{found['pid']}/{title}") < _PROGRAM_WIDTH
    return Holder(process=word if whole and word else None, pid=int(found["pid"]), user=named)
