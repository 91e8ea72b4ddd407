"""What all the evidence together says of one subject: what ``diff`` hands to ``findings``. No I/O.

A *subject* is a host, or one address of a host that is declared as a network. A *view* is a subject from one vantage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.model.network import NOWHERE, NetworkSet
from auditor.model.ports import NO_PORTS, PortSet

if TYPE_CHECKING:
    from auditor.model.evidence import Kind, Opening, ServiceSeen, Socket, Unknown
    from auditor.model.expectation import Expectation
    from auditor.model.policy import Host
    from auditor.model.reach import Reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Ports that the evidence leaves open at an address, and why. Empty ``ports``: the subject as a whole."""

    address: str | None = None
    ports: PortSet = NO_PORTS
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AtAddress:
    """What probes saw at one address (None: they name none). The sets are disjoint.

    ``old_open`` was open when evidence that is too old to prove anything else was taken, and nothing newer denies it.
    """

    address: str | None
    open: PortSet = NO_PORTS
    closed: PortSet = NO_PORTS
    filtered: PortSet = NO_PORTS
    open_filtered: PortSet = NO_PORTS
    closed_filtered: PortSet = NO_PORTS
    old_open: PortSet = NO_PORTS
    services: tuple[ServiceSeen, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One subject from one vantage, one state a port.

    ``open`` is open at any address. ``closed`` is not open, and closed at some address: ``refused`` is the part that
    answered a probe so; ``shut`` the part of which a probe knows no more than that it is closed or filtered; the rest
    is known from a socket table, which cannot tell the two apart either. ``filtered`` is none of these.
    ``open_filtered`` may be open at some address; it overlaps the two, and so do ``gaps``: what is closed at one
    address and unknown at another is not settled. ``old_open`` is disjoint from ``open``.
    ``asked`` is everything that the evidence looked at, or tried to. ``sockets`` are those that this vantage reaches,
    and ``inner`` those that only the host itself does. ``table_sources`` names the socket tables.
    ``vacant``: an address of a declared network at which nothing answers.
    """

    vantage: str | None
    expectation: Expectation
    open: PortSet = NO_PORTS
    closed: PortSet = NO_PORTS
    refused: PortSet = NO_PORTS
    shut: PortSet = NO_PORTS
    filtered: PortSet = NO_PORTS
    open_filtered: PortSet = NO_PORTS
    old_open: PortSet = NO_PORTS
    gaps: tuple[Gap, ...] = ()
    at: tuple[AtAddress, ...] = ()
    sockets: tuple[Socket, ...] = ()
    inner: tuple[Socket, ...] = ()
    asked: PortSet = NO_PORTS
    kinds: tuple[Kind, ...] = ()
    table_sources: tuple[str, ...] = ()
    vacant: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What one piece of declared evidence says of the subject. ``broken`` says why it is not complete, if it is not.

    ``unheeded``: it is a firewall's, and why it takes no listening socket out of sight, if it does not.
    """

    source: str
    openings: tuple[Opening, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    broken: str | None = None
    unheeded: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRow:
    """A host declared as a network, as a whole, from one vantage.

    ``declared`` are all its addresses, ``missing`` those of which no evidence speaks. ``members`` counts the addresses
    that evidence speaks of, ``vacant`` those of them that are silent. ``reason`` says why evidence is missing.
    ``unheard`` are its DNS names of which no evidence speaks.
    """

    vantage: str | None
    expectation: Expectation
    declared: NetworkSet = NOWHERE
    missing: NetworkSet = NOWHERE
    members: int = 0
    vacant: int = 0
    reason: str = "no evidence"
    unheard: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """Everything that is known of one subject. ``network`` is filled for the row of a network as a whole, alone."""

    host: Host
    member: str | None = None
    views: tuple[View, ...] = ()
    declared: tuple[Declared, ...] = ()
    network: tuple[NetworkRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownHost:
    """Something that the policy does not know and that shows open ports. ``name`` is its address, or else its name."""

    name: str
    vantage: str | None
    open: PortSet
    names: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    opening: Opening | None = None
    """The first declared one, where a file publishes it."""
    places: frozenset[tuple[str, int]] = frozenset()
    """Files and lines of all that are declared."""
    unknown: tuple[Unknown, ...] = ()
    """What a file that publishes leaves unsaid of it."""
    reach: tuple[Reach, ...] = ()
