"""Whether another host's address translation (NAT) may publish ports on which nobody listens. No I/O.

Its rules are not followed here. So that no port of theirs counts as shut, it must be certain that there are none: the
kernel cannot translate at all, or root was shown no rule that does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.collect.sockets.nat.reading import MAKES_NAT
from auditor.collect.sockets.remote.frame import ABSENT, Read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.collect.sockets.remote.frame import Section

_READ = "#read"
_SENDS = re.compile(r"dnat|redirect|tproxy|xt |xt_|unknown", re.IGNORECASE)
_TABLES = frozenset({"nat", "mangle"})


def doubt(found: Mapping[str, Section], *, root: bool) -> str | None:
    """Say why translation may publish ports; None where it publishes none."""
    known = _modules(found)
    if known is not None and not known & frozenset(MAKES_NAT):
        return None
    if not root:
        return "the rules of address translation (NAT) are shown to root alone"
    if any(_may_translate(found.get(name, ABSENT)) for name in ("legacy", "legacy6")):
        return "address translation (NAT) may have rules in tables of iptables, which are not read over SSH"
    return None if known is not None and "nf_tables" not in known else _native(found)


def _may_translate(tables: Section) -> bool:
    return tables.read not in {Read.DONE, Read.ABSENT} or not _TABLES.isdisjoint(tables.text)


def _native(found: Mapping[str, Section]) -> str | None:
    rules = list(found.get("nft", ABSENT).text)
    if _READ not in rules:
        return "the rules of address translation (NAT) cannot be read: the host's nft does not print them"
    if any(_SENDS.search(line) for line in rules):
        return "there are rules of address translation (NAT), which are not followed over SSH"
    return None


def _modules(found: Mapping[str, Section]) -> frozenset[str] | None:
    """The kernel's modules of interest, loaded or built in; None where it does not tell them all."""
    loaded, built_in = found.get("modules", ABSENT), found.get("builtin", ABSENT)
    if loaded.read is not Read.DONE or built_in.read is not Read.DONE:
        return None
    names = {line.partition(" ")[0] for line in loaded.text}
    names |= {line.rpartition("/")[2].partition(".")[0] for line in built_in.text}
    return frozenset(names)
