"""From hosts to targets: which addresses are asked for which ports, and the guard on how many."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from auditor.errors import UsageError
from auditor.model.evidence import Observation, Unknown
from auditor.model.network import LOOPBACK, NOWHERE, parse_address
from auditor.model.policy import AddressKind
from auditor.model.ports import ALL_TCP, ALL_UDP
from auditor.model.target import Target
from auditor.plan.services import asked_of
from auditor.plan.surprises import surprising
from auditor.plan.vantage import refuse_remote_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from auditor.model.expectation import Expectation, Expecting
    from auditor.model.network import NetworkSet
    from auditor.model.policy import Host, HostAddress, Policy
    from auditor.model.ports import PortSet
    from auditor.model.target import Batch, ServiceAsked, Surprises

MAX_TARGETS = 4096
"""How many addresses one audit may probe before the caller has to raise the limit by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be probed, and what could not even be planned: names that do not resolve."""

    targets: tuple[Target, ...]
    unplanned: tuple[Observation, ...]


def plan(
    policy: Policy,
    expecting: Expecting,
    *,
    hosts: Iterable[Host],
    vantage: str | None,
    lookup: Callable[[str], tuple[str, ...]],
    max_targets: int | None = None,
) -> Plan:
    """Lay out the probes for these hosts, in their order.

    ``lookup`` turns a DNS name into literal addresses and raises OSError where it cannot. An address inside a declared
    network that another host of the policy claims by itself is left to that host.

    :raises UsageError: more addresses than ``max_targets`` (None: ``MAX_TARGETS``), or ``local`` for another machine.
    """
    limit = max_targets or MAX_TARGETS
    claimed = _claimed(policy)
    targets: list[Target] = []
    unplanned: list[Observation] = []
    for host in hosts:
        expectation = expecting.expectation(host, vantage)
        wanted = _Wanted(expectation, surprising(expectation, vantage, dark=host.dark), asked_of(expectation))
        _guard(len(targets), host, limit)
        for address in host.addresses:
            try:
                literals = _literals(address, claimed, lookup)
            except OSError as error:
                unplanned.append(_unresolved(host, address, expectation, vantage, error))
                continue
            for literal in literals:
                target = _target(host, address, literal, wanted)
                refuse_remote_loopback(policy, vantage, target)
                targets.append(target)
    _guard(len(targets), None, limit)
    return Plan(targets=tuple(targets), unplanned=tuple(unplanned))


def named_targets(
    addresses: Sequence[HostAddress],
    ask: PortSet,
    *,
    lookup: Callable[[str], tuple[str, ...]],
    max_targets: int | None = None,
) -> tuple[Target, ...]:
    """Lay out the probes for bare addresses, networks and names, without a policy; each address once, in their order.

    :raises UsageError: more addresses than ``max_targets`` (None: ``MAX_TARGETS``), or a name that does not resolve.
    """
    limit = max_targets or MAX_TARGETS
    if sum(address.networks.size for address in addresses) > limit:
        raise UsageError(f"refusing to probe more than {limit:,} addresses; raise the limit with --max-targets")
    found: dict[str, Target] = {}
    for address in addresses:
        try:
            literals = tuple(_literals(address, NOWHERE, lookup))
        except OSError as error:
            raise UsageError(f"{address.text} does not resolve: {error.strerror or error}") from error
        for literal in literals:
            network = address.kind is AddressKind.NETWORK
            found.setdefault(literal, Target(host=address.text, address=literal, ask=ask, network=network))
    return tuple(found.values())


def _guard(planned: int, host: Host | None, max_targets: int) -> None:
    ahead = 0
    if host is not None:
        ahead = sum(address.networks.size for address in host.addresses if address.kind is AddressKind.NETWORK)
    if planned + ahead > max_targets:
        named = f"{host.name} at {host.location} alone declares {ahead:,}" if host else f"the policy names {planned:,}"
        raise UsageError(
            f"refusing to probe more than {max_targets:,} addresses: {named}; raise the limit with --max-targets"
        )


def guard_plan(batch: Batch, source: str, max_targets: int | None) -> None:
    """Hold a plan that was read from a file against the limit, which is not the file's to raise.

    :raises UsageError: more addresses than ``max_targets`` (None: ``MAX_TARGETS``).
    """
    limit = max_targets or MAX_TARGETS
    if len(batch.targets) > limit:
        raise UsageError(
            f"refusing to probe more than {limit:,} addresses: {source} names {len(batch.targets):,}; raise the limit"
            " with --max-targets"
        )


class _Wanted(NamedTuple):
    """What is to be learnt of a host."""

    expectation: Expectation
    surprises: Surprises
    services: tuple[ServiceAsked, ...]


def _target(host: Host, address: HostAddress, literal: str, wanted: _Wanted) -> Target:
    expectation = wanted.expectation
    return Target(
        host=host.name,
        address=literal,
        ask=expectation.scope & (ALL_TCP | ALL_UDP),
        first=(expectation.permitted | expectation.forbidden | expectation.excepted) & expectation.scope,
        network=address.kind is AddressKind.NETWORK,
        name=address.text if address.kind is AddressKind.NAME else None,
        surprises=wanted.surprises,
        services=wanted.services,
    )


def _claimed(policy: Policy) -> NetworkSet:
    claimed = NOWHERE
    if any(host.is_network for host in policy.hosts.values()):
        for host in policy.hosts.values():
            for address in host.addresses:
                if address.kind is AddressKind.ADDRESS:
                    claimed |= address.networks
    return claimed


def _literals(address: HostAddress, claimed: NetworkSet, lookup: Callable[[str], tuple[str, ...]]) -> Iterable[str]:
    match address.kind:
        case AddressKind.ADDRESS:
            return (address.text,)
        case AddressKind.NETWORK:
            return _members(address.networks - claimed)
        case AddressKind.NAME:
            return tuple(str(parse_address(found)) for found in lookup(address.text))


def _members(networks: NetworkSet) -> Iterator[str]:
    for network in networks.networks():
        for member in network:
            yield str(member)


def _unresolved(
    host: Host, address: HostAddress, expectation: Expectation, vantage: str | None, error: OSError
) -> Observation:
    reason = f"{address.text} does not resolve: {error.strerror or error}"
    return Observation(
        host=host.name,
        names=(address.text,),
        vantage=vantage,
        unknown=(Unknown(ports=expectation.scope, reason=reason),),
        asked=expectation.scope,
    )


def paced(batch: Batch) -> Batch:
    """Lift the limit on packets where none of them leaves the machine: it is there for what lies on the way."""
    return replace(batch, rate=None) if stays_here(batch) else batch


def stays_here(batch: Batch) -> bool:
    """Whether no packet leaves the machine."""
    return all(parse_address(target.address.partition("%")[0]) in LOOPBACK for target in batch.targets)


def count_of(number: int, noun: str, plural: str | None = None) -> str:
    """``1 port``, ``65,535 ports``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
