"""Which open ports are to be spoken to, and what the policy wants to hear there: its ``service`` conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.model.ports import NO_PORTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model.evidence import Observation
    from auditor.model.expectation import Clause, Expecting
    from auditor.model.policy import Policy
    from auditor.model.ports import Port, PortSet


class ServiceQuestions:
    """The ``service`` conditions of a policy, asked by what a live scan observes from one vantage."""

    def __init__(self, policy: Policy, expecting: Expecting, vantage: str | None) -> None:
        """Prepare; observations name hosts of this policy."""
        self._hosts = policy.hosts
        self._expecting = expecting
        self._vantage = vantage
        items = (item for rule in policy.rules for item in (*rule.allow, *rule.require))
        self._asked = any(item.conditions and item.conditions.service for item in items)

    def __bool__(self) -> bool:
        """Whether any rule asks which service answers."""
        return self._asked

    def ports(self, seen: Observation) -> PortSet:
        """Every port of the observed host that a rule wants a certain service at."""
        found = NO_PORTS
        for clause in self._clauses(seen):
            found |= clause.ports
        return found

    def names(self, seen: Observation, port: Port) -> tuple[str, ...]:
        """The services that rules want at a port, as the policy writes them."""
        clauses = (clause for clause in self._clauses(seen) if port in clause.ports)
        return tuple(clause.conditions.service for clause in clauses if clause.conditions and clause.conditions.service)

    def _clauses(self, seen: Observation) -> Iterator[Clause]:
        host = self._hosts.get(seen.host or "")
        if host is None:
            return
        for clause in self._expecting.expectation(host, self._vantage).clauses:
            if clause.conditions and clause.conditions.service:
                yield clause
