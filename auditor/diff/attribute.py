"""Whose evidence is it: from what an observation calls itself to a host of the policy. First step of the difference.

Strongest first:

1. The observation's address. A literal address of the policy beats the narrowest network that holds it.
2. A name, a DNS name or an alias, letter case and a trailing dot aside, and only if the policy does not know the
   address: names come from PTR records, and whoever answers at an address writes those. For the same reason a name
   does not count for a host that declares literal addresses alone, when the observation has another address.
   Files that declare what will be published may give addresses among the names; those count last.
3. For evidence that names no host: the caller's ``--host``, the evidence's own header, the name of the machine
   that a socket table was read on. What a file declares without naming any host is the only host's, if there is
   one alone.

One exception: our own scanner looked the DNS names of the policy up itself, so the name it writes is no hearsay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.errors import UsageError
from auditor.model.evidence import Kind
from auditor.model.network import parse_address
from auditor.model.policy import AddressKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.model.evidence import Observation, Origin
    from auditor.model.network import Address
    from auditor.model.policy import Host, Policy

_OURS = ("auditor", "exposure-auditor")
_SHOWN = 3
_IPV6 = 1 << 32
"""Where IPv6 starts on the axis of network sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributed:
    """The host that an observation speaks of; ``member`` is the address inside a host declared as a network.

    ``address`` is the observation's, in its canonical form.
    """

    host: Host
    member: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unattributed:
    """The policy knows nothing of it. ``name`` is its address as canonical text, or else its first name."""

    name: str


class Attribution:
    """The policy's hosts, indexed by everything that evidence may call them."""

    def __init__(self, policy: Policy, default_host: str | None = None) -> None:
        """Index the policy.

        :raises UsageError: ``default_host`` is no host of the policy.
        """
        self._hosts = policy.hosts
        self._exact: dict[int, Host] = {}
        self._names: dict[str, Host] = {}
        networks: dict[int, dict[int, Host]] = {}
        for host in policy.hosts.values():
            self._index_addresses(host, networks)
        self._networks = sorted(networks.items())
        for host, name in _names_of(policy.hosts.values()):
            self._names.setdefault(_folded(name), host)
        self._default = None if default_host is None else self._named(default_host)

    def subject_of(self, observation: Observation, origin: Origin) -> Attributed | Unattributed:
        """Say whose observation it is.

        :raises UsageError: it names no host, and neither did the caller.
        """
        address = _address_of(observation)
        names = tuple(filter(None, (observation.host, *observation.names)))
        if address is None and observation.host is None:
            return Attributed(host=self._nameless(names, origin))
        host = self._scanned(observation, origin) or self._by_address(address) or self._by_name(address, names)
        if host is None and address is None and origin.kind is Kind.DECLARED:
            address, host = self._by_declared_address(names)
        if host is None and address is None and origin.kind is not Kind.PROBE:
            host = self._default  # the machine's own idea of its name
        if host is not None:
            text = None if address is None else str(address)
            return Attributed(host=host, member=text if host.is_network else None, address=text)
        return Unattributed(name=str(address) if address is not None else names[0])

    def _by_declared_address(self, names: tuple[str, ...]) -> tuple[Address, Host] | tuple[None, None]:
        """Return the first of the addresses among names that the policy knows, and its host."""
        for name in names:
            try:
                address = parse_address(name)
            except ValueError:
                continue
            if host := self._by_address(address):
                return address, host
        return None, None

    def _index_addresses(self, host: Host, networks: dict[int, dict[int, Host]]) -> None:
        for address in host.addresses:
            for low, high in address.networks.ranges():
                if address.kind is AddressKind.ADDRESS:
                    self._exact.setdefault(low, host)
                else:
                    networks.setdefault(high - low + 1, {}).setdefault(low, host)

    def _named(self, name: str) -> Host:
        if host := self._names.get(_folded(name)):
            return host
        known = ", ".join(list(self._hosts)[:_SHOWN]) + (", …" if len(self._hosts) > _SHOWN else "")
        raise UsageError(f"--host {name}: the policy knows no such host (it has {known})")

    def _nameless(self, names: tuple[str, ...], origin: Origin) -> Host:
        if self._default:
            return self._default
        offered = (*filter(None, (origin.host,)), *names)
        for name in offered:
            if host := self._names.get(_folded(name)):
                return host
        if origin.kind is Kind.DECLARED and len(self._hosts) == 1:
            return next(iter(self._hosts.values()))
        if offered:
            raise UsageError(
                f"{origin.source}: this is evidence of '{offered[0]}', which the policy does not know: "
                "use --host NAME, or list it in the 'aliases' of its host"
            )
        raise UsageError(f"{origin.source}: this evidence names no host: use --host NAME")

    def _scanned(self, observation: Observation, origin: Origin) -> Host | None:
        """Only for hosts with DNS names: literal addresses speak for themselves."""
        ours = origin.source == "live" or (origin.tool or "").startswith(_OURS)
        host = self._hosts.get(observation.host or "") if ours else None
        return host if host and _has_dns_name(host) else None

    def _by_address(self, address: Address | None) -> Host | None:
        if address is None:
            return None
        position = _position(address)
        if host := self._exact.get(position):
            return host
        found = (starts.get(_start(position, size)) for size, starts in self._networks)
        return next(filter(None, found), None)

    def _by_name(self, address: Address | None, names: tuple[str, ...]) -> Host | None:
        for name in names:
            host = self._names.get(_folded(name))
            if host and (address is None or _has_dns_name(host) or not host.addresses):
                return host
        return None


def _address_of(observation: Observation) -> Address | None:
    for text in (observation.address,) if observation.address is not None else (observation.host,):
        try:
            return parse_address(text or "")
        except ValueError:
            continue
    return None


def _names_of(hosts: Iterable[Host]) -> Iterator[tuple[Host, str]]:
    """Names before DNS names before aliases, over all hosts: what stands first wins."""
    hosts = tuple(hosts)
    yield from ((host, host.name) for host in hosts)
    for host in hosts:
        yield from ((host, address.text) for address in host.addresses if address.kind is AddressKind.NAME)
    yield from ((host, alias) for host in hosts for alias in host.aliases)


def _folded(name: str) -> str:
    return name.rstrip(".").lower()


def _has_dns_name(host: Host) -> bool:
    return any(address.kind is AddressKind.NAME for address in host.addresses)


def _position(address: Address) -> int:
    """Where the address lies on the axis of network sets, whatever its zone."""
    return int(address) if address.version == 4 else _IPV6 + int(address)


def _start(position: int, size: int) -> int:
    """Where a network of this size would start that holds the position."""
    base = 0 if position < _IPV6 else _IPV6
    return base + (position - base) // size * size
