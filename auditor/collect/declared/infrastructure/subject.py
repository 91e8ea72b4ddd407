"""Who a rule is for: a thing that will run, by all the names that a policy may know it by, and what it lets in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.collect.declared.infrastructure.access import widened
from auditor.model.evidence import Observation, Unknown
from auditor.model.ports import NO_PORTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.collect.declared.infrastructure.access import Access


@dataclass(slots=True, kw_only=True)
class Subject:
    """What will be there under a name, the rules that let others in to it, and why there may be more.

    ``names`` are the strongest first; addresses may be among them.
    """

    name: str
    names: tuple[str, ...] = ()
    rules: list[Access] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def observation(self) -> Observation:
        """Say it in the form of all evidence."""
        rules = widened(self.rules)
        named = dict.fromkeys(name for name in self.names if name and name != self.name)
        return Observation(
            host=self.name,
            names=tuple(named),
            openings=tuple(opening for rule in rules for opening in rule.openings()),
            unknown=(
                *dict.fromkeys(unknown for rule in rules for unknown in rule.unknowns()),
                *(Unknown(ports=NO_PORTS, reason=doubt) for doubt in dict.fromkeys(self.doubts)),
            ),
            notes=self.notes,
        )


def observations(subjects: Iterable[Subject]) -> list[Observation]:
    """Give all of them: what lets nobody in has been looked at, too."""
    return [one.observation() for one in subjects]
