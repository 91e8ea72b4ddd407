"""A policy as written and checked: the nouns of the policy language, each with where it stands. No I/O.

``policy.load`` makes these; everything after it (resolve, plan, diff, explain) only reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum
from typing import TYPE_CHECKING

from auditor.model.network import NOWHERE, NetworkSet
from auditor.model.ports import ALL_TCP, NO_PORTS, PortSet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, timedelta

    from auditor.model.location import Location
    from auditor.model.ssh import Login

LOCAL = "local"
"""The vantage that every host has of itself: its own loopback. Always known, never declared."""


class Severity(IntEnum):
    """How bad a finding is; ordered."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    def __str__(self) -> str:
        """``high``."""
        return self.name.lower()

    @classmethod
    def parse(cls, text: str) -> Severity:
        """Read ``high``.

        :raises KeyError: not a severity.
        """
        return cls[text.upper()]


class AddressKind(StrEnum):
    """How a host's address was written."""

    ADDRESS = "address"
    NETWORK = "network"
    NAME = "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAddress:
    """One address of a host. ``networks`` is empty for a DNS name, which only the collect stage looks up."""

    text: str
    kind: AddressKind
    networks: NetworkSet = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A named entry of ``hosts:``. ``ssh`` is how to log in there; None: nobody said that one may."""

    name: str
    addresses: tuple[HostAddress, ...]
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    dark: bool = False
    ssh: Login | None = None
    location: Location

    @property
    def networks(self) -> NetworkSet:
        """All literal addresses and networks of the host."""
        found = NOWHERE
        for address in self.addresses:
            found |= address.networks
        return found

    @property
    def is_network(self) -> bool:
        """Whether the entry declares a network: each address in it is judged by itself."""
        return any(address.kind is AddressKind.NETWORK for address in self.addresses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vantage:
    """A named place to look from."""

    name: str
    networks: NetworkSet
    location: Location


class BindScope(StrEnum):
    """How widely a ``bind`` condition lets a socket listen, by name."""

    LOOPBACK = "loopback"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What else must hold where a port item is a mapping. None: not asked."""

    service: str | None = None
    process: str | None = None
    bind: NetworkSet | None = None
    bind_text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PortItem:
    """One entry of ``allow``, ``require``, ``deny`` or an exception's ``ports``, expanded to ports."""

    text: str
    ports: PortSet
    conditions: Conditions | None = None
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Who approved something, when, under which ticket."""

    by: str
    on: date | None = None
    ticket: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSelector:
    """One entry of a ``hosts:`` list, as written, ``!`` included; meaning is given by ``policy.select``."""

    text: str
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One entry of ``rules:``. ``from_`` None: the permission is for any vantage.

    ``pack`` is the name of the shipped pack that the rule came from: its selectors may match nothing.
    """

    id: str
    hosts: tuple[HostSelector, ...]
    from_: tuple[str, ...] | None = None
    allow: tuple[PortItem, ...] = ()
    require: tuple[PortItem, ...] = ()
    deny: tuple[PortItem, ...] = ()
    otherwise_filtered: Location | None = None
    reason: str | None = None
    owner: str | None = None
    approved: Approval | None = None
    review_by: date | None = None
    controls: tuple[str, ...] = ()
    severity: Severity | None = None
    final: bool = False
    unreviewed: bool = False
    pack: str | None = None
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyException:
    """One entry of ``exceptions:``: a dated, owned permission to deviate. The day of ``expires`` is included, UTC."""

    id: str
    hosts: tuple[HostSelector, ...]
    from_: tuple[str, ...] | None = None
    ports: tuple[PortItem, ...]
    reason: str
    owner: str
    approved: Approval | None = None
    expires: date
    location: Location

    @property
    def port_set(self) -> PortSet:
        """All ports it covers."""
        found = NO_PORTS
        for item in self.ports:
            found |= item.ports
        return found


class Named(Enum):
    """The scan scope ``named``: every port of the protocol that a rule or exception names for the host."""

    NAMED = "named"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSettings:
    """What is to be looked at.

    ``rate`` in packets a second over all hosts, ``host_rate`` to each address (None: uncapped), ``timeout`` in seconds.
    """

    tcp: PortSet | Named
    udp: PortSet | Named
    rate: int | None
    timeout: float
    host_rate: int | None = None


DEFAULT_SCAN = ScanSettings(tcp=ALL_TCP, udp=Named.NAMED, rate=20_000, timeout=2.0)
"""What ``scan:`` says where a policy does not: a rate that a real firewall stands."""


class UdpSilence(StrEnum):
    """What silence after a probe in the port's own protocol counts as."""

    UNVERIFIED = "unverified"
    FILTERED = "filtered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the gate decides. ``fail_on`` None (``never``): no violation fails the gate."""

    fail_on: Severity | None = Severity.LOW
    max_evidence_age: timedelta
    exception_max_days: int = 180
    exception_warn_days: int = 14
    unverified_fails: bool = True
    udp_silence: UdpSilence = UdpSilence.UNVERIFIED


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A control as the policy declares it: a title of its own (None: the auditor's), and checks that serve it."""

    id: str
    title: str | None = None
    checks: tuple[str, ...] = ()
    location: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFile:
    """One file that made up the policy, the first being the one asked for."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything of a policy and of all that it extends, joined.

    ``hosts`` and ``vantages`` by name, in order of appearance; rules and exceptions in order of files, which
    never matters. ``hosts_location`` is the ``hosts:`` key of the first file that has one.
    """

    name: str
    hosts: Mapping[str, Host]
    vantages: Mapping[str, Vantage] = field(default_factory=dict)
    services: Mapping[str, PortSet] = field(default_factory=dict)
    controls: Mapping[str, Control] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    exceptions: tuple[PolicyException, ...] = ()
    scan: ScanSettings
    settings: Settings
    files: tuple[PolicyFile, ...]
    hosts_location: Location

    @property
    def limits_vantages(self) -> bool:
        """Whether a rule or exception is limited by ``from``, so that probe evidence must name its vantage."""
        return any(from_ is not None for from_ in self._limits)

    @property
    def vantage_names(self) -> tuple[str, ...]:
        """Every vantage that the policy knows: declared ones in order, then those named by ``from`` alone."""
        names: dict[str, None] = dict.fromkeys(self.vantages)
        for from_ in self._limits:
            names.update(dict.fromkeys(from_ or ()))
        return tuple(names)

    @property
    def _limits(self) -> list[tuple[str, ...] | None]:
        return [rule.from_ for rule in self.rules] + [exception.from_ for exception in self.exceptions]
