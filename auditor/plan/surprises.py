"""At which ports a state would change the verdict: what a scan has to look at twice before it is believed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.model.expectation import Effect
from auditor.model.network import LOOPBACK
from auditor.model.policy import LOCAL
from auditor.model.ports import NO_PORTS
from auditor.model.target import Surprises

if TYPE_CHECKING:
    from auditor.model.expectation import Clause, Expectation
    from auditor.model.ports import PortSet


def surprising(expectation: Expectation, vantage: str | None, *, dark: bool) -> Surprises:
    """What would surprise at a host that is looked at from this vantage; ``dark``: it ought to answer nothing.

    A live exception lifts whatever a port shows. What may listen on loopback alone is reachable from nowhere else but
    by mistake, and not missed there. A ``service`` condition needs no second look: the port is spoken to anyway.
    """
    seen = expectation.scope - expectation.excepted
    allowed, required = expectation.permitted, expectation.required
    if vantage != LOCAL:
        allowed &= _outward(expectation, Effect.ALLOW, Effect.REQUIRE)
        required &= _outward(expectation, Effect.REQUIRE)
    strict = dark or expectation.otherwise_filtered is not None
    return Surprises(
        open=seen - allowed, shut=seen & required, closed=seen - expectation.permitted if strict else NO_PORTS
    )


def _outward(expectation: Expectation, *effects: Effect) -> PortSet:
    """The ports at which a clause of these effects does not insist on loopback."""
    found = NO_PORTS
    for clause in expectation.clauses:
        if clause.effect in effects and not _inward(clause):
            found |= clause.ports
    return found


def _inward(clause: Clause) -> bool:
    return clause.conditions is not None and clause.conditions.bind is not None and clause.conditions.bind <= LOOPBACK
