"""Which open ports are to be spoken to, and what the policy wants to hear there: its ``service`` conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.model.ports import NO_PORTS
from auditor.model.target import ServiceAsked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.model.evidence import Observation
    from auditor.model.expectation import Expectation
    from auditor.model.ports import Port, PortSet
    from auditor.model.target import Target


def asked_of(expectation: Expectation) -> tuple[ServiceAsked, ...]:
    """The services that rules want to answer at a host."""
    return tuple(
        ServiceAsked(ports=clause.ports, service=clause.conditions.service)
        for clause in expectation.clauses
        if clause.conditions and clause.conditions.service
    )


class ServiceQuestions:
    """What the targets of a scan are to be asked beyond their ports, looked up by what was observed."""

    def __init__(self, targets: Iterable[Target]) -> None:
        """Prepare; observations name the hosts of these targets."""
        self._asked = {target.host: target.services for target in targets if target.services}

    def __bool__(self) -> bool:
        """Whether any rule asks which service answers."""
        return bool(self._asked)

    def ports(self, seen: Observation) -> PortSet:
        """Every port of the observed host that a rule wants a certain service at."""
        found = NO_PORTS
        for asked in self._of(seen):
            found |= asked.ports
        return found

    def names(self, seen: Observation, port: Port) -> tuple[str, ...]:
        """The services that rules want at a port, as the policy writes them."""
        return tuple(asked.service for asked in self._of(seen) if port in asked.ports)

    def _of(self, seen: Observation) -> tuple[ServiceAsked, ...]:
        return self._asked.get(seen.host or "", ())
