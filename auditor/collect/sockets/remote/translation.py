"""Another host's address translation (NAT), from what its own tools print. No I/O.

Its rules are followed as this machine's are. So that no port of theirs counts as shut where they cannot be read, it
must be certain that there are none: the kernel cannot translate at all.
"""

from __future__ import annotations

import re
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from auditor.collect.sockets.nat import nft
from auditor.collect.sockets.nat.reading import MAKES_NAT, Translation, UnreadError, follow
from auditor.collect.sockets.remote.frame import ABSENT, Read
from auditor.model.network import LOOPBACK, NetworkSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from auditor.collect.sockets.remote.frame import Section
    from auditor.model.network import Address

    Sections = Mapping[str, Section]

_READ = "#read"
"""The last line of what a tool printed to its end."""
_SENDS = re.compile(r"dnat|redirect|tproxy|xt |xt_|unknown", re.IGNORECASE)
_TABLES = frozenset({"nat", "mangle"})
_FAMILIES = {"ip": ("legacy", "iptables"), "ip6": ("legacy6", "ip6tables")}
_IPV6 = re.compile(r"([0-9a-f]{32}) ", re.ASCII)


def translation(found: Sections, *, root: bool) -> Translation:
    """Read what the host's rules take, and what of them cannot be read."""
    read = Translation()
    known = _modules(found)
    if known is not None and not known & frozenset(MAKES_NAT):
        return read
    if not root:
        read.unread.append("the rules of address translation (NAT) are shown to root alone")
        return read
    legacy = dict(_legacy(found, read))
    read.own = own_addresses(found, "")
    native = frozenset[nft.Table]() if known is not None and "nf_tables" not in known else _native(found, read)
    if (native or legacy) and not found.get("own", ABSENT).lines:
        read.unread.append("the host's own addresses cannot be read")
    follow(native, legacy, read, partial(_printed, found))
    return read


def routes_loopback(found: Sections) -> bool:
    """Whether the host lets packets from outside be sent to its loopback; so where it does not tell."""
    values = set(found.get("route_localnet", ABSENT).text)
    return values != {"0"}


def own_addresses(found: Sections, prefix: str) -> NetworkSet:
    """Return what a network namespace of the host calls its own addresses, with loopback's whole network."""
    return LOOPBACK | NetworkSet.of(*_addresses(found, prefix))


def _addresses(found: Sections, prefix: str) -> Iterator[Address]:
    for line in found.get(f"{prefix}own", ABSENT).text:
        try:
            yield IPv4Address(line.strip())
        except ValueError:
            continue
    for line in found.get(f"{prefix}ipv6", ABSENT).text:
        if row := _IPV6.match(line):
            yield IPv6Address(int(row[1], 16))


def _legacy(found: Sections, read: Translation) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the tables of the older iptables that may open ports, by family."""
    for family, (name, command) in _FAMILIES.items():
        section = found.get(name, ABSENT)
        if section.read not in {Read.DONE, Read.ABSENT}:
            read.unread.append(f"address translation (NAT) may have rules of {command}, whose tables cannot be read")
        elif tables := _TABLES.intersection(section.text):
            yield family, tables


def _native(found: Sections, read: Translation) -> frozenset[nft.Table]:
    """Return the nftables tables, those of ``iptables-nft`` among them, that packets meet on arrival."""
    try:
        return frozenset(nft.tables(_printed(found, ("nft",), "-j", "list", "ruleset"), read.own).rulesets)
    except (UnreadError, ValueError):
        pass
    listed = list(found.get("nft-text", ABSENT).text)  # of an nft without JSON: what may send packets elsewhere
    if _READ in listed and not any(_SENDS.search(line) for line in listed):
        return frozenset()
    read.unread.append("the rules of address translation (NAT) cannot be read: the host's nft does not print them")
    saved = ((family, table) for family in _FAMILIES for table in sorted(_TABLES))
    return frozenset(one for one in saved if found.get(f"{_FAMILIES[one[0]][1]}-nft-save {one[1]}", ABSENT).lines)


def _printed(found: Sections, names: Sequence[str], *arguments: str) -> str:
    """Return what the first of these programs printed there.

    :raises UnreadError: it is not there, or it failed.
    """
    section = found.get(" ".join((names[0], *arguments[1:])), ABSENT)
    lines = list(section.text)
    if not lines or lines[-1] != _READ:
        raise UnreadError(f"the host's {names[0]} does not print them")
    return "\n".join(lines[:-1])


def _modules(found: Sections) -> frozenset[str] | None:
    """The kernel's modules of interest, loaded or built in; None where it does not tell them all."""
    loaded, built_in = found.get("modules", ABSENT), found.get("builtin", ABSENT)
    if loaded.read is not Read.DONE or built_in.read is not Read.DONE:
        return None
    names = {line.partition(" ")[0] for line in loaded.text}
    names |= {line.rpartition("/")[2].partition(".")[0] for line in built_in.text}
    return frozenset(names)
