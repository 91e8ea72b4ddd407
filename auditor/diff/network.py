"""A host declared as a network, as a whole: who is silent, who was not looked at. Part of the difference.

Addresses are counted as a set; a /64 costs as little as its members that evidence speaks of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.diff.states import broken, is_silence
from auditor.model.evidence import Kind
from auditor.model.network import NOWHERE, NetworkSet, parse_address
from auditor.model.observed import NetworkRow
from auditor.model.policy import AddressKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from auditor.diff.states import Dated
    from auditor.model.expectation import Expectation
    from auditor.model.policy import Host, HostAddress, Policy


def is_vacant(probes: Sequence[Dated]) -> bool:
    """Whether nothing answered at an address of a network, and every probe of it was in order."""
    return bool(probes) and all(_is_silence(one) for one in probes)


def network_row(
    host: Host,
    vantage: str | None,
    expectation: Expectation,
    members: Mapping[str, Sequence[Dated]],
    reason: str,
    *,
    claimed: NetworkSet = NOWHERE,
) -> NetworkRow:
    """Count the addresses of a network from one vantage.

    ``members`` is the evidence of each address; ``claimed`` are addresses that other hosts declare as their own: what
    is there is told with those.
    """
    seen: list[str] = []
    vacant = 0
    for address, dated in members.items():
        probes = [one for one in dated if one.piece.kind is Kind.PROBE and one.piece.vantage == vantage]
        tables = any(one.piece.kind is Kind.SOCKETS for one in dated)
        if probes or tables:
            seen.append(address)
            vacant += not tables and is_vacant(probes)
    declared = host.networks - claimed
    return NetworkRow(
        vantage=vantage,
        expectation=expectation,
        declared=declared,
        missing=declared - _set_of(seen),
        members=len(seen),
        vacant=vacant,
        reason=reason,
        unheard=unheard(host, (one for dated in members.values() for one in dated if _looked(one, vantage))),
    )


def claimed_addresses(policy: Policy) -> dict[str, NetworkSet]:
    """Return, for each host declared as a network, the addresses in it that others declare literally."""
    networks = [host for host in policy.hosts.values() if host.is_network]
    if not networks:
        return {}
    literal = [
        (owner.name, span)
        for owner in policy.hosts.values()
        for address in owner.addresses
        if address.kind is AddressKind.ADDRESS
        for span in address.networks.ranges()
    ]
    everyone = NetworkSet(span for _, span in literal)
    own: dict[str, list[tuple[int, int]]] = {}
    for name, span in literal:
        own.setdefault(name, []).append(span)
    return {host.name: everyone - NetworkSet(own[host.name]) if host.name in own else everyone for host in networks}


def unheard(host: Host, probes: Iterable[Dated]) -> tuple[str, ...]:
    """Return the DNS names of a host that no probe speaks of.

    A name beside other addresses is an address of its own, which whoever looked it up names. Where the host declares
    nothing else, all that is known of the host is known of the name.
    """
    names = {address.text.rstrip(".").lower(): address.text for address in host.addresses if _is_name(address)}
    if len(host.addresses) > 1:
        for one in probes:
            for name in named_by(one):
                names.pop(name, None)
            if not names:
                break
        return tuple(names.values())
    return ()


def named_by(one: Dated) -> tuple[str, ...]:
    """Return the names that an observation gives, in small letters."""
    observation = one.piece.observation
    return tuple(name.rstrip(".").lower() for name in (observation.host, *observation.names) if name)


def _is_name(address: HostAddress) -> bool:
    return address.kind is AddressKind.NAME


def _looked(one: Dated, vantage: str | None) -> bool:
    return one.piece.kind is Kind.SOCKETS or one.piece.vantage == vantage


def _is_silence(one: Dated) -> bool:
    observation = one.piece.observation
    looked = observation.alive is False or observation.seen
    answered = observation.alive or observation.open or observation.closed
    unasked = any(not is_silence(unknown) for unknown in observation.unknown)
    return bool(looked) and not (answered or unasked or one.stale or broken(one.piece))


def _set_of(addresses: Sequence[str]) -> NetworkSet:
    """Build the set in one go; a zone is no part of an address's place."""
    spans: list[tuple[int, int]] = []
    for text in addresses:
        spans.extend(NetworkSet.of(parse_address(text.partition("%")[0])).ranges())
    return NetworkSet(spans)
