"""Why a port is or is not allowed: the winner, the losers and why each lost. After resolve; ``cli`` renders it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from auditor.files import iana
from auditor.model.expectation import Clause, Effect
from auditor.model.policy import LOCAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model.expectation import Expectation
    from auditor.model.location import Location
    from auditor.model.policy import Host, Policy
    from auditor.model.ports import Port
    from auditor.policy.resolve import Resolver


class Stance(StrEnum):
    """What the policy says of the port, in a word."""

    REQUIRED = "required"
    ALLOWED = "allowed"
    EXCEPTED = "excepted"
    DENIED = "denied"
    NOT_ALLOWED = "not allowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loser:
    """A clause that speaks of the port and does not decide. ``why`` is a short phrase without a full stop."""

    clause: Clause
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What the policy says of one (host, vantage, port), and everything that led to it.

    ``winner`` is None where no clause speaks and the default holds: not allowed. ``losers`` stand strongest first.
    ``expired`` are clauses of exceptions that would have lifted a finding until they ran out. ``elsewhere`` are clauses
    for this host and port that hold at other vantages only. ``in_scope`` is whether the policy asks to look at the
    port. ``must_be_filtered`` is where the policy asks that this port, as it is not permitted, not even answer.
    ``service`` is the port's name, in the registry or by use.
    """

    host: Host
    port: Port
    vantage: str | None
    stance: Stance
    effect: Effect
    winner: Clause | None
    losers: tuple[Loser, ...]
    expired: tuple[Clause, ...]
    elsewhere: tuple[Clause, ...]
    in_scope: bool
    must_be_filtered: Location | None
    service: str | None

    @property
    def may_be_open(self) -> bool:
        """Whether finding the port open fails nothing, conditions apart."""
        return self.stance in {Stance.REQUIRED, Stance.ALLOWED, Stance.EXCEPTED}


def explain(policy: Policy, resolver: Resolver, host: Host, port: Port, vantage: str | None) -> Explanation:
    """Explain one port of a host as seen from a vantage, None being the unnamed one."""
    expectation = resolver.expectation(host, vantage)
    decision = expectation.at(port)
    permitted = port in expectation.permitted
    return Explanation(
        host=host,
        port=port,
        vantage=vantage,
        stance=_stance(decision.effect),
        effect=decision.effect,
        winner=decision.winner,
        losers=tuple(Loser(clause=clause, why=_why(decision.effect, clause.effect)) for clause in decision.losers),
        expired=tuple(clause for clause in expectation.expired if port in clause.ports),
        elsewhere=tuple(_elsewhere(policy, resolver, host, port, expectation)),
        in_scope=port in expectation.scope,
        must_be_filtered=None if permitted else expectation.otherwise_filtered,
        service=iana.name_of(port),
    )


def _stance(effect: Effect) -> Stance:
    match effect:
        case Effect.FINAL_DENY | Effect.DENY:
            return Stance.DENIED
        case Effect.EXCEPTION:
            return Stance.EXCEPTED
        case Effect.REQUIRE:
            return Stance.REQUIRED
        case Effect.ALLOW:
            return Stance.ALLOWED
        case Effect.DEFAULT:
            return Stance.NOT_ALLOWED
        case _:
            assert_never(effect)


def _why(winner: Effect, loser: Effect) -> str:
    if winner is loser:
        return "says the same; the first by id is named"
    if winner is Effect.REQUIRE:
        return "agrees; what is required is thereby allowed"
    if winner is Effect.FINAL_DENY and loser is Effect.EXCEPTION:
        return "a final deny is lifted by no exception"
    if winner is Effect.FINAL_DENY and loser is Effect.DENY:
        return "says the same; a final deny comes first"
    if winner is Effect.EXCEPTION and loser is not Effect.DENY:
        return "agrees; a live exception comes first"
    names = {Effect.FINAL_DENY: "a final deny", Effect.EXCEPTION: "a live exception", Effect.DENY: "a deny"}
    return f"{names.get(winner, winner.value)} outweighs {'an allow' if loser is Effect.ALLOW else f'a {loser.value}'}"


def _elsewhere(policy: Policy, resolver: Resolver, host: Host, port: Port, here: Expectation) -> Iterator[Clause]:
    shown = {id(clause) for clause in here.clauses}
    for vantage in dict.fromkeys([*policy.vantage_names, LOCAL]):
        for clause in resolver.expectation(host, vantage).clauses:
            if port in clause.ports and id(clause) not in shown:
                shown.add(id(clause))
                yield clause
