"""The rows of the audit: one a subject and vantage, with the port sets that the evidence showed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.model.evidence import Kind
from auditor.model.findings import HostResult, Status, Unverified, Verdict
from auditor.model.ports import ALL_TCP, ALL_UDP, NO_PORTS, PortSet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.model.evidence import Unknown
    from auditor.model.findings import EvidenceUsed, Finding, Requirement
    from auditor.model.observed import Gap, NetworkRow, UnknownHost, View
    from auditor.model.policy import Host, Policy

_NAMES_SHOWN = 3
_EVERY_PORT = ALL_TCP | ALL_UDP


def row(
    host: Host,
    member: str | None,
    view: View,
    gaps: Iterable[Unverified],
    holds: Iterable[Requirement],
    verdict: Verdict,
) -> HostResult:
    """Make the row of a view; where nothing at all is known, everything asked for is unverified."""
    unverified = NO_PORTS
    for gap in gaps:
        unverified |= gap.ports or (NO_PORTS if view.asked else view.expectation.scope)
    addresses = [at.address for at in view.at if at.address] or ([member] if member else [])
    return HostResult(
        host=host.name,
        member=member,
        address=", ".join(addresses) or None,
        vantage=view.vantage,
        verdict=verdict,
        asked=view.asked,
        open=view.open,
        closed=view.closed - view.open_filtered,
        filtered=view.filtered - view.open_filtered,
        open_filtered=view.open_filtered,
        unverified=unverified,
        out_of_scope=_EVERY_PORT - view.expectation.scope - view.asked,
        kinds=view.kinds,
        holds=tuple(holds),
        location=host.location,
    )


def network_result(host: Host, network: NetworkRow, verdict: Verdict) -> HostResult:
    """Make the row of a network as a whole."""
    return HostResult(
        host=host.name,
        address=str(network.declared) or None,
        vantage=network.vantage,
        verdict=verdict,
        vacant=network.vacant,
        members=network.members,
        kinds=(Kind.PROBE,) if network.members else (),
        location=host.location,
    )


def declared_result(host: Host, published: PortSet, verdict: Verdict) -> HostResult:
    """Make the row of a host that files alone speak of: what they publish."""
    return HostResult(host=host.name, verdict=verdict, open=published, kinds=(Kind.DECLARED,), location=host.location)


def unverified(host: Host, member: str | None, vantage: str | None, gap: Gap) -> Unverified:
    """Make the line of a gap."""
    return Unverified(
        host=host.name,
        member=member,
        address=gap.address,
        vantage=vantage,
        ports=gap.ports,
        reason=gap.reason,
        policy_location=host.location,
    )


def unsaid(policy: Policy, stranger: UnknownHost, unknown: Unknown) -> Unverified:
    """Make the line of what a file leaves unsaid of something that the policy does not know."""
    return Unverified(
        host=stranger.name,
        ports=unknown.ports,
        reason=unknown.reason,
        policy_location=policy.hosts_location,
    )


def cut_short(policy: Policy, used: EvidenceUsed) -> Unverified:
    """Make the line of evidence that broke off before it said anything of the policy's hosts."""
    reason = f": {used.completion.reason}" if used.completion.reason else ""
    return Unverified(
        host=policy.name,
        vantage=used.origin.vantage,
        reason=f"{used.origin.source} is not complete{reason}",
        policy_location=policy.hosts_location,
    )


def network_reason(network: NetworkRow) -> str | None:
    """Why a network as a whole is not verified, or None if it is."""
    total = network.declared.size
    if not network.members:
        return network.reason
    if network.missing:
        return f"{network.reason} for {network.missing.size} of {total} addresses"
    if network.unheard:
        return f"no evidence for {', '.join(network.unheard[:_NAMES_SHOWN])}"
    if network.vacant == network.members:
        return f"no answer from any of its {total} addresses"
    return None


def verdict_of(findings: Iterable[Finding], open_questions: object) -> Verdict:
    """Violations outrank what is not verified, and that outranks a pass."""
    if any(finding.status is Status.VIOLATION for finding in findings):
        return Verdict.VIOLATIONS
    return Verdict.UNVERIFIED if open_questions else Verdict.CONFORMS
