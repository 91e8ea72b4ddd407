"""Rules that allow and deny by priority, as Google and Azure have them: what is left of each that allows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.collect.declared.infrastructure.access import IPV4
from auditor.model.network import NOWHERE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from auditor.collect.declared.infrastructure.access import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One rule. The lowest ``priority`` counts first; None: nobody knows, and a denial without one denies nothing."""

    access: Access
    allows: bool
    priority: int | None


def effective(rules: Iterable[Ranked], *, denial_first: bool) -> Iterator[Access]:
    """Yield what the rules that allow let in, less what rules before them deny.

    ``denial_first``: of equal priority the one that denies counts. A denial takes away what it surely covers: one whose
    ports or sources are not known takes nothing.
    """
    ranked = list(rules)
    denials = [one for one in ranked if not one.allows and not one.access.vague]
    for rule in ranked:
        if not rule.allows:
            continue
        left = [rule.access]
        for denial in denials:
            if _before(denial, rule, denial_first=denial_first):
                left = [part for one in left for part in _less(one, denial.access)]
        yield from left


def _before(denial: Ranked, rule: Ranked, *, denial_first: bool) -> bool:
    if denial.priority is None or rule.priority is None:
        return False
    return denial.priority < rule.priority or (denial_first and denial.priority == rule.priority)


def _less(access: Access, denial: Access) -> Sequence[Access]:
    hit = access.ports & denial.ports
    if not hit or access.vague:
        return (access,)
    everyone = denial.sources >= IPV4
    sources = access.sources - denial.sources if access.sources else NOWHERE
    denied = replace(access, ports=hit, sources=sources, groups=() if everyone else access.groups, less=False)
    spared = replace(access, ports=access.ports - hit, less=access.is_of_every_protocol)
    kept = [spared] if spared.ports else []
    return (*kept, denied) if denied.sources or denied.groups or (denied.doubts and not everyone) else kept
