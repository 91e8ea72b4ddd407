"""What was looked at, from where, by what means, and what such evidence cannot show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.model.evidence import Kind
from auditor.model.ports import NO_PORTS, Protocol
from auditor.report.escape import one_line

if TYPE_CHECKING:
    from auditor.model.findings import Audit
    from auditor.model.ports import PortSet

_METHODS = {
    Kind.PROBE: "Probes: packets were sent to the ports named here, from the vantages named here. A port is open if"
    " something answered, closed if the host said that nobody listens, filtered if nothing or a refusal came back.",
    Kind.SOCKETS: "Socket tables: the hosts themselves said what listens on them, on which address, and which process"
    " holds it.",
    Kind.DECLARED: "Declarations: files and engines said what they publish or let in, and to which networks.",
}
_LIMITS = {
    Kind.PROBE: "A probe tells what one place could reach at one time. Firewalls may answer others otherwise.",
    Kind.SOCKETS: "A socket table tells what listens, not who may reach it through the network.",
    Kind.DECLARED: "A declaration tells what will be opened, not that anything answers. It can show a violation, and"
    " proves neither that a required port is open nor that a host has been covered.",
}
_ALWAYS = (
    "What no evidence speaks of is not taken for closed: it stands under “not verified” or “not assessed”.",
    "The report is about exposed ports alone. It says nothing of the software behind them or how it is configured.",
    "An exception or an approval is quoted from the policy. Whether it should have been given is not judged.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """``asked`` and ``out_of_scope`` are over all hosts; ``families`` are the IP versions of the addresses seen."""

    kinds: tuple[Kind, ...]
    vantages: tuple[str, ...]
    protocols: tuple[str, ...]
    families: tuple[str, ...]
    asked: PortSet
    out_of_scope: PortSet
    methods: tuple[str, ...]
    limits: tuple[str, ...]


def scope_of(audit: Audit) -> Scope:
    """Say what the audit covers."""
    kinds = {used.origin.kind for used in audit.evidence} | {kind for row in audit.hosts for kind in row.kinds}
    ordered = tuple(kind for kind in Kind if kind in kinds)
    asked = _union([row.asked for row in audit.hosts])
    seen_from = {row.vantage for row in audit.hosts} | {used.origin.vantage for used in audit.evidence}
    return Scope(
        kinds=ordered,
        vantages=tuple(sorted(filter(None, seen_from), key=one_line)),
        protocols=tuple(protocol.value.upper() for protocol in Protocol if asked.only(protocol)),
        families=_families(audit),
        asked=asked,
        out_of_scope=_union([row.out_of_scope for row in audit.hosts]) - asked,
        methods=tuple(_METHODS[kind] for kind in ordered),
        limits=(*(_LIMITS[kind] for kind in ordered), *_ALWAYS),
    )


def _union(sets: list[PortSet]) -> PortSet:
    found = NO_PORTS
    for ports in dict.fromkeys(sets):
        found |= ports
    return found


def _families(audit: Audit) -> tuple[str, ...]:
    texts = {row.address for row in audit.hosts if row.address}
    known = []
    if any("." in text and ":" not in text for text in texts):
        known.append("IPv4")
    if any(":" in text for text in texts):
        known.append("IPv6")
    return tuple(known)
