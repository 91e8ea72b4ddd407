"""From a host's answer to what listens there: the same records that the reader of this machine's own tables makes.

No I/O. Everything in the answer is the word of the host: names, numbers and tables are data, never trusted.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.collect.sockets import sysctl
from auditor.collect.sockets.entries import LISTENING, UNCONNECTED
from auditor.collect.sockets.making import sockets
from auditor.collect.sockets.namespaces import full_name, mounted
from auditor.collect.sockets.nat.publish import Elsewhere, completed, each_once
from auditor.collect.sockets.procfs import parse
from auditor.collect.sockets.remote.frame import ABSENT, FrameError, Read
from auditor.collect.sockets.remote.owners import find_holders, user_names
from auditor.collect.sockets.remote.translation import own_addresses, routes_loopback, translation
from auditor.collect.sockets.tables import Tables, settle_dual
from auditor.model.evidence import Observation, Unknown
from auditor.model.ports import ALL_TCP, ALL_UDP, NO_PORTS, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from auditor.collect.sockets.entries import Entry
    from auditor.collect.sockets.processes import Holders
    from auditor.collect.sockets.procfs import ByteOrder
    from auditor.collect.sockets.remote.frame import Section

    Sections = Mapping[str, Section]

_SERVING = {Protocol.TCP: LISTENING, Protocol.UDP: UNCONNECTED}
_TABLES = {Protocol.TCP: ("tcp", "tcp6"), Protocol.UDP: ("udp", "udp6")}
_ALL = {Protocol.TCP: ALL_TCP, Protocol.UDP: ALL_UDP}
_ORDERS: Mapping[str, ByteOrder] = {"1": "little", "256": "big"}
_LITTLE = re.compile(r"x86_64|i[3-6]86|aarch64|armv\d\w*l|riscv(?:32|64)|loongarch64|ppc64le", re.ASCII)
_NETNS = re.compile(r"(net:\[\d{1,20}\]) (?:tcp|udp)6?", re.ASCII)
_LISTED = re.compile(r"(?:tcp|udp)\s+\S+\s+\d+\s+\d+\s+(\S+)\s.*?\bino:(\d{1,20})\s", re.ASCII)
_V6ONLY = re.compile(r"\bv6only:([01])(?=\s|$)", re.ASCII)
_WHY = {
    Read.ABSENT: "there is no such file",
    Read.DENIED: "permission denied",
    Read.FAILED: "reading it failed",
    Read.DONE: "it is empty",
}
_LONGEST_NAME = 253


def observation(
    host: str, found: Sections, protocols: Sequence[Protocol] = tuple(Protocol), *, names_itself: bool = True
) -> Observation:
    """Turn the sections of an answer into what listens on the host.

    ``names_itself``: the host's own idea of its name counts as one of its names.

    :raises FrameError: the host cannot be read this way at all; the message completes "the host …".
    """
    system = _word(found, "uname-s")
    if system != "Linux":
        raise FrameError(f"runs {system!r:.40}, and only Linux shows its tables this way")
    order = _order(found)
    own = _table(found, "", protocols, order)
    own = _settled(own, _listed(found))
    others, notes = _elsewhere(found, protocols, order)
    owners = find_holders(found)
    named = user_names(found)
    elsewhere = [each for netns, table in sorted(others.items()) for each in sockets(table, owners, netns, named=named)]
    unread = [Unknown(ports=_ALL[protocol], reason=reason) for protocol, reason in own.unread.items()]
    asked = NO_PORTS
    for protocol in protocols:
        asked |= NO_PORTS if protocol in own.unread else _ALL[protocol]
    whole = completed(
        translation(found, root=_word(found, "id") == "0"),
        sockets(own, owners, named=named),
        Elsewhere(sockets=elsewhere, places={name: table.own for name, table in others.items()}),
        asked,
        routes_loopback=routes_loopback(found),
    )
    return Observation(
        host=host,
        names=_names(found) if names_itself else (),
        alive=True,
        asked=asked,
        unknown=(*unread, *each_once(whole.unknown)),
        sockets=(*whole.sockets, *elsewhere),
        notes=(*_hidden(own.entries, owners, found), *notes, *whole.notes),
    )


def _table(found: Sections, prefix: str, protocols: Iterable[Protocol], order: ByteOrder) -> Tables:
    entries: list[Entry] = []
    unread: dict[Protocol, str] = {}
    for protocol in protocols:
        for name in _TABLES[protocol]:
            section = found.get(prefix + name, ABSENT)
            if section.read is Read.ABSENT and name.endswith("6") and _lacks_ipv6(found):
                continue
            try:
                if section.read is not Read.DONE:
                    raise ValueError(_WHY[section.read])  # noqa: TRY301 - the same report as for a broken table
                entries += parse(section.text, protocol, _SERVING[protocol], order=order)
            except ValueError as error:
                unread[protocol] = f"the host's table {name} cannot be read: {str(error)[:200]}"
    handed_out = sysctl.handed_out(_text(found, "range"), _text(found, "reserved"))
    return Tables(entries=tuple(entries), unread=unread, interfaces={}, handed_out=handed_out)


def _lacks_ipv6(found: Sections) -> bool:
    """A kernel without IPv6 has none of its files, and no table of its sockets, anywhere."""
    return found.get("ipv6", ABSENT).read is Read.ABSENT and all(
        found.get(name, ABSENT).read is Read.ABSENT for name in ("tcp6", "udp6")
    )


def _listed(found: Sections) -> Mapping[int, tuple[str, bool | None]]:
    """What ``ss``, where the host has it, tells more of a socket by its inode: its device, and whether it takes IPv4.

    The first may be '', the second None.
    """
    known: dict[int, tuple[str, bool | None]] = {}
    for line in found.get("ss", ABSENT).text:
        row = _LISTED.match(line)
        if row is None:
            continue
        v6only = _V6ONLY.findall(line)
        address = row[1].rpartition(":")[0].strip("[]")
        known[int(row[2])] = (address.partition("%")[2], v6only[-1] == "0" if v6only else None)
    return known


def _settled(table: Tables, listed: Mapping[int, tuple[str, bool | None]]) -> Tables:
    """Add to each socket its device, and whether it takes IPv4, where that is known; else assume the wider."""
    indices = {"lo": 1}
    entries = []
    for entry in table.entries:
        device, dual = listed.get(entry.inode, ("", None)) if entry.inode else ("", None)
        index = indices.setdefault(device, len(indices) + 1) if device else 0
        settled = dual if entry.dual is None else entry.dual
        entries.append(replace(entry, interface=index, dual=settled))
    named = {index: device for device, index in indices.items()}
    return replace(table, entries=settle_dual(entries), interfaces=named)


def _elsewhere(
    found: Sections, protocols: Sequence[Protocol], order: ByteOrder
) -> tuple[dict[str, Tables], tuple[str, ...]]:
    """The tables of the other network namespaces by name, and notes about those that could not be read."""
    names = dict.fromkeys(part[1] for name in found if (part := _NETNS.fullmatch(name)))
    tables: dict[str, Tables] = {}
    notes = []
    mounts = {f"net:[{inode}]": full_name(inode, path) for inode, path in mounted(found.get("mounts", ABSENT).lines)}
    for name in names:
        table = _table(found, f"{name} ", protocols, order)
        if table.unread:
            notes.append(f"network namespace {name} cannot be read: {'; '.join(table.unread.values())}")
        else:
            own = own_addresses(found, f"{name} ")
            tables[mounts.get(name) or name] = replace(table, entries=settle_dual(table.entries), own=own)
    notes += (
        f"network namespace {shown or name} is not looked into: no process lives in it"
        for name, shown in mounts.items()
        if name not in names and name != _text(found, "namespace").strip()
    )
    if denied := _text(found, "denied").strip():
        notes.append(
            "other network namespaces are not looked for: the host has no awk"
            if denied == "all"
            else f"processes that keep their network namespace from us: {denied:.20}"
        )
    return tables, tuple(notes)


def _hidden(entries: Iterable[Entry], owners: Holders, found: Sections) -> Iterator[str]:
    orphans = sum(bool(entry.inode) and entry.inode not in owners.by_inode for entry in entries)
    if not orphans:
        return
    if _word(found, "id") != "0":
        yield "processes of other users are hidden: log in as root, or read through sudo"
    else:
        yield f"{orphans} sockets belong to no process in sight: another process namespace's, or the kernel's own"


def _order(found: Sections) -> ByteOrder:
    order = _ORDERS.get(_word(found, "order"))
    if order is None and _LITTLE.fullmatch(_word(found, "uname-m")):
        order = "little"
    if order is None:
        raise FrameError("does not tell its byte order, without which its tables cannot be read: it has no 'od'")
    return order


def _names(found: Sections) -> tuple[str, ...]:
    name = _word(found, "uname-n")[:_LONGEST_NAME]
    return tuple(dict.fromkeys(part for part in (name, name.partition(".")[0]) if part))


def _word(found: Sections, name: str) -> str:
    """The first line of a section, without blanks around it; '' if it has none."""
    return next(found.get(name, ABSENT).text, "").strip()


def _text(found: Sections, name: str) -> str:
    return "\n".join(found.get(name, ABSENT).text)
