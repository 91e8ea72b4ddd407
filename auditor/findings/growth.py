"""In which way a finding is worse than the one of the same identity in an earlier audit, if it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.findings.making import plain
from auditor.findings.scene import ranges
from auditor.model.evidence import Kind
from auditor.model.ports import PortSet
from auditor.model.reach import grown, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditor.model.findings import Finding
    from auditor.model.reach import Reach

_SHOWN = 3
_NEWLY = {
    Kind.PROBE: "reached by a probe, of which the baseline has nothing",
    Kind.SOCKETS: "listening, of which the baseline has nothing",
    Kind.DECLARED: "opened by a file, of which the baseline has nothing",
}
_WHOSE = re.compile(r" to | \((?:unit|container) ")


def how_grown(found: Finding, earlier: Sequence[Finding]) -> str | None:
    """Say what is worse than in these earlier findings, as a phrase; None where nothing is.

    Service and process count where both sides know them: what was not identified may be the same.
    """
    if more := found.ports - PortSet.union(one.ports for one in earlier):
        return f"{ranges(more)} too"
    before = [part for one in earlier for part in one.reach]
    if beyond := grown(found.reach, before):
        return _how(beyond[0], found.reach, before)
    services = _others(_names(found.service), [_names(one.service) for one in earlier])
    programs = _others(_programs(found.process), [_programs(one.process) for one in earlier])
    return services or programs or _graver(found, earlier)


def _graver(found: Finding, earlier: Sequence[Finding]) -> str | None:
    """Say so where the policy holds it for graver now: what was put up with was the lesser one."""
    worst = max(one.severity for one in earlier)
    return f"{found.severity} where {worst} was" if found.severity > worst else None


def _how(beyond: Reach, now: Sequence[Reach], before: Sequence[Reach]) -> str:
    """Say what sets a part of what is ``now`` apart that lies outside of all that was ``before``."""
    if not before:
        return "the baseline does not say how far it reached"
    alike = [one for one in before if (one.kind, one.way) == (beyond.kind, beyond.way)]
    if not alike:
        return _NEWLY[beyond.kind]
    alike = [one for one in alike if not one.ports.isdisjoint(beyond.ports)]
    if not alike:
        return f"{ranges(beyond.ports)} too"
    same = [one for one in alike if None in (beyond.behind, one.behind) or beyond.behind == one.behind]
    if not same:
        was = _listed(plain(one.behind) for one in alike if one.behind)
        return f"{plain(beyond.behind or '')} behind it where {was} was"
    alike = same
    known = [one for one in alike if one.group in (None, beyond.group) and not one.sources.isdisjoint(beyond.sources)]
    whole = next((one for one in joined(now) if _holds(one, beyond)), beyond)
    if not known:
        place = "from" if whole.way or whole.kind is not Kind.DECLARED else "for"  # a rule of the policy
        return f"{place} {_listed(map(_who, [whole]))} where {_listed(map(_who, alike))} was"
    return f"at {_listed(map(_where, [whole]))} where {_listed(map(_where, known))} was"


def _holds(whole: Reach, part: Reach) -> bool:
    same = (whole.kind, whole.way, whole.group, whole.behind) == (part.kind, part.way, part.group, part.behind)
    return same and part.ports <= whole.ports and part.sources <= whole.sources and part.at <= whole.at


def _who(one: Reach) -> str:
    return plain(one.who)


def _where(one: Reach) -> str:
    return one.where


def _listed(names: Iterable[str]) -> str:
    items = tuple(dict.fromkeys(names))
    return " and ".join(items[:_SHOWN]) + (" …" if len(items) > _SHOWN else "")


def _names(text: str | None) -> set[str]:
    return set(text.split(", ")) if text else set()


def _programs(text: str | None) -> set[str]:
    """The programs alone: units, containers and where they forward to may be others after each start."""
    return {_WHOSE.split(name)[0] for name in _names(text)}


def _others(now: set[str], earlier: Sequence[set[str]]) -> str | None:
    before: set[str] = set().union(*earlier)
    if not now or not before or now <= before:
        return None
    return f"{', '.join(sorted(now - before))} where {', '.join(sorted(before))} was"
