"""Openings that files declare, held against the policy: what will be published, to whom, before anything runs.

An opening reaches everyone in its sources. Vantages may overlap (an office lies inside the internet), so each address
counts for the narrowest vantage that holds it. A permission covers all networks of its vantage; one without ``from``
covers every source. One opening is one finding: forbidden, else permitted nowhere, else too wide. A range is judged
in parts, one for all ports of which the policy says the same.
"""

from __future__ import annotations

from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING

from auditor.findings.declared_drafts import (
    Place,
    alike,
    bound_too_wide,
    forbidden,
    is_everyone,
    preposition,
    reaching,
    too_wide,
    unexpected,
)
from auditor.findings.making import plain
from auditor.findings.parts import parts_of
from auditor.model.evidence import Way
from auditor.model.network import EVERYWHERE, LOOPBACK, NOWHERE, NetworkSet
from auditor.model.observed import Gap
from auditor.model.policy import LOCAL
from auditor.model.ports import NO_PORTS, PortSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from auditor.findings.making import Draft
    from auditor.findings.parts import Part
    from auditor.model.evidence import Opening
    from auditor.model.expectation import Expectation, Expecting
    from auditor.model.observed import Declared
    from auditor.model.policy import Host, Policy


class OpeningJudge:
    """What the policy says of openings, for all hosts of one audit.

    ``vague`` collects the vantages that permissions name and whose networks nobody knows: what is published to them
    cannot be told too wide.
    """

    def __init__(self, policy: Policy, expecting: Expecting) -> None:
        self._policy = policy
        self._expecting = expecting
        self.vague: set[str] = set()
        spans = {vantage.name: vantage.networks for vantage in policy.vantages.values() if vantage.name != LOCAL}
        self._own = {name: _own_part(networks, spans.values()) for name, networks in spans.items()}

    def drafts(self, host: Host, declared: Iterable[Declared]) -> Iterator[Draft]:
        """Yield what is published against the policy, one finding an opening."""
        places, local = self._places(host), self._expecting.expectation(host, LOCAL)
        said = [*(place.expectation for place in places), local]
        for piece in declared:
            for opening in piece.openings:
                yield from self._of_opening(host, opening, said, piece.source, places)

    def _of_opening(
        self, host: Host, opening: Opening, said: Sequence[Expectation], source: str, places: Sequence[Place]
    ) -> Iterator[Draft]:
        """Judge an opening part by part; parts of which the same is to be said are one, whatever the policy says."""
        judged = [(part, self._judge(host, part, source, places)) for part in parts_of(opening, said)]
        kept: list[tuple[Part, Draft]] = []
        for part, draft in judged:
            if draft is None:
                continue
            at = next((at for at, (_, one) in enumerate(kept) if alike(one, draft)), None)
            if at is None:
                kept.append((part, draft))
                continue
            whole = part.with_more(kept[at][0])
            if (again := self._judge(host, whole, source, places)) is not None:
                kept[at] = (whole, again)
        yield from (draft for _, draft in kept)

    def unsettled(self, host: Host, declared: Iterable[Declared]) -> Iterator[Gap]:
        """Yield what the files leave unsaid: a value known only later, a variable that is not set, a file cut short."""
        excused = _everywhere(place.expectation.permitted | place.expectation.excepted for place in self._places(host))
        for piece in declared:
            for unknown in piece.unknown:
                ports = unknown.ports - excused
                if ports or not unknown.ports:
                    yield Gap(ports=ports, reason=unknown.reason)
            yield from self._unplaced(host, piece)
            if piece.broken:
                yield Gap(reason=piece.broken)

    def _judge(self, host: Host, part: Part, source: str, places: Sequence[Place]) -> Draft | None:
        opening = part.opening
        if opening.bind and opening.bind <= LOOPBACK:
            return self._judge_local(host, part, source)
        if opening.group is not None and opening.sources is None:
            return _judge_unplaced(host, part, source, places)
        sources = reaching(host, opening)
        return self._judge_reached(host, part, source, sources, places) if sources else None

    def _judge_reached(
        self, host: Host, part: Part, source: str, sources: NetworkSet, places: Sequence[Place]
    ) -> Draft | None:
        port = part.port
        seeing = [place for place in places if _sees(place, sources)]
        if denied := [place for place in seeing if port in place.expectation.forbidden]:
            return forbidden(host, part, source, [place.expectation for place in denied])
        anywhere = next(place.expectation for place in places if place.name is None)
        permits = [place for place in places if port in place.expectation.permitted]
        refusing = [place.expectation for place in seeing if place not in permits] or [anywhere]
        if not _covered(sources, permits):
            if (vague := next((place.name for place in permits if place.networks is None), None)) is not None:
                self.vague.add(vague)
                return None
            near = [place for place in permits if place.networks and not place.networks.isdisjoint(sources)]
            if not near:
                return unexpected(host, part, source, refusing)
            return too_wide(host, part, source, near, refusing)
        return bound_too_wide(host, part, source, [place.expectation for place in permits])

    def _unplaced(self, host: Host, piece: Declared) -> Iterator[Gap]:
        """Yield what is published to a group of unknown networks, where the policy permits some networks alone."""
        places = self._places(host)
        for opening in piece.openings:
            if opening.group is None or opening.sources is not None:
                continue
            doubtful = opening.ports & _union(place.expectation.permitted for place in places)
            for place in places:
                doubtful -= place.expectation.excepted
            denied = settled = opening.ports
            for place in places:
                denied &= place.expectation.forbidden
                settled &= place.expectation.permitted
            if doubtful := doubtful - denied - settled:
                to = preposition(opening.way)
                where = f" ({opening.location})" if opening.location and opening.way is not Way.PUBLISHED else ""
                reason = (
                    f"{opening.way.value} {to} {plain(opening.group)}, and whether these are where it is allowed is not"
                    f" known{where}"
                )
                yield Gap(ports=doubtful, reason=reason)

    def _judge_local(self, host: Host, part: Part, source: str) -> Draft | None:
        if LOCAL not in self._policy.vantage_names:
            return None
        expectation = self._expecting.expectation(host, LOCAL)
        if part.port in expectation.forbidden:
            return forbidden(host, part, source, [expectation], vantage=LOCAL)
        if part.port not in expectation.permitted:
            return unexpected(host, part, source, [expectation], vantage=LOCAL)
        return None

    def _places(self, host: Host) -> list[Place]:
        """List every vantage, the unnamed one last: it has what is permitted or denied from everywhere."""
        names = [name for name in self._policy.vantage_names if name != LOCAL] if self._policy.limits_vantages else []
        vantages = self._policy.vantages
        found = [
            Place(
                name=name,
                networks=(vantages[name].networks or None) if name in vantages else None,
                own=self._own.get(name, NOWHERE),
                expectation=self._expecting.expectation(host, name),
            )
            for name in names
        ]
        elsewhere = EVERYWHERE
        for place in found:
            elsewhere -= place.networks or NOWHERE
        unnamed = self._expecting.expectation(host, None)
        return [*found, Place(name=None, networks=elsewhere, own=elsewhere, expectation=unnamed)]


def _own_part(networks: NetworkSet, others: Iterable[NetworkSet]) -> NetworkSet:
    own = networks
    for other in others:
        if other <= networks and other != networks:
            own -= other
    return own


def _sees(place: Place, sources: NetworkSet) -> bool:
    """Whether the vantage is among the sources; one of unknown networks is among *everyone*."""
    return is_everyone(sources) if place.networks is None else not place.own.isdisjoint(sources)


def _covered(sources: NetworkSet, permits: Sequence[Place]) -> bool:
    """Whether all sources lie where the port is permitted."""
    left = sources
    for place in permits:
        left -= place.networks or NOWHERE
    return not left


def _everywhere(sets: Iterable[PortSet]) -> PortSet:
    """Return what all of the sets have."""
    return reduce(and_, sets)


def _union(sets: Iterable[PortSet]) -> PortSet:
    return reduce(or_, sets, NO_PORTS)


def _judge_unplaced(host: Host, part: Part, source: str, places: Sequence[Place]) -> Draft | None:
    """Judge what is published to a group that may be anywhere: only what holds wherever it is can be said."""
    said = [place.expectation for place in places]
    if all(part.port in one.forbidden for one in said):
        return forbidden(host, part, source, said)
    if not any(part.port in one.permitted for one in said):
        return unexpected(host, part, source, said)
    return None


def published(declared: Iterable[Declared]) -> PortSet:
    """Return every port that the files publish."""
    return PortSet(bounds for piece in declared for opening in piece.openings for bounds in opening.ports.ranges())


def reachable(declared: Iterable[Declared]) -> PortSet:
    """Return every port that the files publish to others than the host itself."""
    openings = (opening for piece in declared for opening in piece.openings)
    outside = (one for one in openings if one.bind is None or not one.bind <= LOOPBACK)
    return PortSet(bounds for opening in outside for bounds in opening.ports.ranges())
