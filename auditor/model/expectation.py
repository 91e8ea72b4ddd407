"""What a policy says of one (host, vantage): sets of ports, each with its provenance. No I/O.

``policy.resolve`` makes these; hosts about which the policy says the same share one expectation.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from auditor.model.ports import NO_PORTS, PortSet

if TYPE_CHECKING:
    from auditor.model.location import Location
    from auditor.model.policy import Conditions, Host, PolicyException, PortItem, Rule
    from auditor.model.ports import Port


class Effect(StrEnum):
    """What a clause does to its ports, strongest first; ``DEFAULT`` is what holds where no clause speaks."""

    FINAL_DENY = "final deny"
    EXCEPTION = "exception"
    DENY = "deny"
    REQUIRE = "require"
    ALLOW = "allow"
    DEFAULT = "not allowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One port item as it applies to a host. Exactly one of ``rule`` and ``exception`` is set: whose item it is."""

    effect: Effect
    item: PortItem
    rule: Rule | None = None
    exception: PolicyException | None = None

    @property
    def ports(self) -> PortSet:
        """The ports it speaks of."""
        return self.item.ports

    @property
    def conditions(self) -> Conditions | None:
        """What else must hold."""
        return self.item.conditions

    @property
    def location(self) -> Location:
        """Where the item stands."""
        return self.item.location


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who wins at one port. ``winner`` is None for the default; ``losers`` strongest first."""

    effect: Effect
    winner: Clause | None
    losers: tuple[Clause, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What the policy says of one (host, vantage).

    ``clauses`` holds every live clause that applies, strongest effect first, of equal ones those without conditions,
    then by rule id. ``expired`` holds the clauses of exceptions that have run out: they excuse nothing, findings name
    them. ``scope`` is what the policy asks to be looked at: ports outside it are never *not seen*.
    ``otherwise_filtered`` is set where every port that is not permitted must be filtered, and says where the policy
    asks that.

    The port sets follow from the clauses. ``forbidden`` is everything denied, finally or not; ``permitted`` may be
    open and is what is allowed or required and not forbidden; ``required`` is inside ``permitted``. ``excepted`` is
    what live exceptions cover less what is denied finally; it overlaps the others: a violation there is lifted.
    """

    scope: PortSet
    clauses: tuple[Clause, ...] = ()
    expired: tuple[Clause, ...] = ()
    permitted: PortSet = NO_PORTS
    required: PortSet = NO_PORTS
    forbidden: PortSet = NO_PORTS
    excepted: PortSet = NO_PORTS
    otherwise_filtered: Location | None = None

    def at(self, port: Port) -> Decision:
        """Who wins at this port, and who loses."""
        speaking = tuple(clause for clause in self.clauses if port in clause.ports)
        if not speaking:
            return Decision(effect=Effect.DEFAULT, winner=None, losers=())
        return Decision(effect=speaking[0].effect, winner=speaking[0], losers=speaking[1:])


class Expecting(Protocol):
    """Whoever knows what the policy says: ``policy.resolve`` in earnest, a table in tests."""

    def expectation(self, host: Host, vantage: str | None) -> Expectation:
        """What the policy says of the host as seen from the vantage; None: from a place without a name."""
        ...

    def network_expectation(self, host: Host) -> Expectation:
        """What the policy says of the host's listening sockets: permitted is what any network vantage may see."""
        ...
