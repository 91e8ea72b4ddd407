"""Openings that files declare, held against the policy: what will be published, to whom, before anything runs.

An opening reaches everyone in its sources. Vantages may overlap (an office lies inside the internet), so each address
counts for the narrowest vantage that holds it. A permission covers all networks of its vantage; one without ``from``
covers every source. One opening is one finding: forbidden, else permitted nowhere, else too wide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.findings.catalogue import FORBIDDEN_OPEN, TOO_WIDE, UNEXPECTED_OPEN
from auditor.findings.conditions import permitting
from auditor.findings.making import Draft, expired_at, live_exception, plain
from auditor.findings.views import denying, named
from auditor.model.network import EVERYWHERE, LOOPBACK, NOWHERE, NetworkSet
from auditor.model.observed import Gap
from auditor.model.policy import LOCAL, AddressKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from auditor.model.evidence import Opening
    from auditor.model.expectation import Clause, Expectation, Expecting
    from auditor.model.observed import Declared
    from auditor.model.policy import Host, Policy
    from auditor.model.ports import Port

_IPV4 = NetworkSet.parse("0.0.0.0/0")
_NETWORKS_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A vantage as openings meet it: all its networks, and the part that no narrower vantage has.

    ``networks`` None: the policy names the vantage and does not say where it is.
    """

    name: str | None
    networks: NetworkSet | None
    own: NetworkSet
    expectation: Expectation


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
        for piece in declared:
            for opening in piece.openings:
                if (draft := self._judge(host, opening, piece.source)) is not None:
                    yield draft

    def unsettled(self, host: Host, declared: Iterable[Declared]) -> Iterator[Gap]:
        """Yield what the files leave unsaid: a value known only later, a variable that is not set, a file cut short."""
        expectation = self._expecting.network_expectation(host)
        for piece in declared:
            for unknown in piece.unknown:
                ports = unknown.ports - expectation.permitted - expectation.excepted
                if ports or not unknown.ports:
                    yield Gap(ports=ports, reason=unknown.reason)
            if piece.broken:
                yield Gap(reason=piece.broken)

    def _judge(self, host: Host, opening: Opening, source: str) -> Draft | None:
        if opening.bind and opening.bind <= LOOPBACK:
            return self._judge_local(host, opening, source)
        sources = _reaching(host, opening)
        return self._judge_reached(host, opening, source, sources) if sources else None

    def _judge_reached(self, host: Host, opening: Opening, source: str, sources: NetworkSet) -> Draft | None:
        port, places = opening.port, self._places(host)
        seeing = [place for place in places if _sees(place, sources)]
        if denied := [place for place in seeing if port in place.expectation.forbidden]:
            return _forbidden(host, opening, source, [place.expectation for place in denied])
        anywhere = next(place.expectation for place in places if place.name is None)
        permits = [place for place in places if port in place.expectation.permitted]
        refusing = [place.expectation for place in seeing if place not in permits] or [anywhere]
        if not _covered(sources, permits):
            if (vague := next((place.name for place in permits if place.networks is None), None)) is not None:
                self.vague.add(vague)
                return None
            near = [place for place in permits if place.networks and not place.networks.isdisjoint(sources)]
            if not near:
                return _unexpected(host, opening, source, refusing)
            return _too_wide(host, opening, source, near, refusing)
        return _bound_too_wide(host, opening, source, [place.expectation for place in permits])

    def _judge_local(self, host: Host, opening: Opening, source: str) -> Draft | None:
        if LOCAL not in self._policy.vantage_names:
            return None
        expectation = self._expecting.expectation(host, LOCAL)
        if opening.port in expectation.forbidden:
            return _forbidden(host, opening, source, [expectation], vantage=LOCAL)
        if opening.port not in expectation.permitted:
            return _unexpected(host, opening, source, [expectation], vantage=LOCAL)
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
    return _is_everyone(sources) if place.networks is None else not place.own.isdisjoint(sources)


def _is_everyone(sources: NetworkSet) -> bool:
    return sources >= _IPV4 or sources >= EVERYWHERE - _IPV4


def _covered(sources: NetworkSet, permits: Sequence[Place]) -> bool:
    """Whether all sources lie where the port is permitted."""
    left = sources
    for place in permits:
        left -= place.networks or NOWHERE
    return not left


def _reaching(host: Host, opening: Opening) -> NetworkSet:
    """Return the sources that can reach the opening at all: IPv6 ones have no way to a host that has IPv4 alone."""
    sources = EVERYWHERE if opening.sources is None else opening.sources
    if any(address.kind is AddressKind.NAME for address in host.addresses):
        addresses = EVERYWHERE
    else:
        addresses = host.networks or EVERYWHERE
    if opening.bind:
        addresses = opening.bind
    if addresses <= _IPV4:
        return sources & _IPV4
    return sources - _IPV4 if addresses.isdisjoint(_IPV4) else sources


def _forbidden(
    host: Host, opening: Opening, source: str, denying_from: Sequence[Expectation], vantage: str | None = None
) -> Draft:
    clause = denying(denying_from[0], opening.port)
    message = f"{opening.port} of {host.name} is published {_whom(opening)} and {named(clause)} forbids it"
    return _draft(
        host, opening, source, FORBIDDEN_OPEN, denying_from, message, "do not publish it", clause, vantage=vantage
    )


def _unexpected(
    host: Host, opening: Opening, source: str, refusing: Sequence[Expectation], vantage: str | None = None
) -> Draft:
    message = f"{opening.port} of {host.name} is published {_whom(opening)} and nothing allows it"
    advice = f"do not publish it, bind it to loopback, or allow it in a rule: allow: [{opening.port}]"
    return _draft(host, opening, source, UNEXPECTED_OPEN, refusing, message, advice, None, vantage=vantage)


def _too_wide(
    host: Host, opening: Opening, source: str, near: Sequence[Place], refusing: Sequence[Expectation]
) -> Draft:
    clause = next(iter(permitting(near[0].expectation, opening.port)), None)
    allowed = " and ".join(_described(place) for place in near)
    message = f"{opening.port} of {host.name} is published {_whom(opening)}, and {named(clause)} allows {allowed} alone"
    advice = "narrow the sources to those that the rule allows"
    return _draft(
        host, opening, source, TOO_WIDE, refusing, message, advice, clause, expected=f"published to {allowed}"
    )


def _bound_too_wide(host: Host, opening: Opening, source: str, expectations: Sequence[Expectation]) -> Draft | None:
    """Hold the published address against ``bind`` conditions; items are alternatives, and one that fits is enough."""
    clauses = [clause for one in expectations for clause in permitting(one, opening.port)]
    bind = opening.bind if opening.bind is not None else EVERYWHERE
    if any(_binds(clause) is None or bind <= (_binds(clause) or NOWHERE) for clause in clauses):
        return None
    clause = clauses[0]
    wanted = clause.conditions.bind_text if clause.conditions and clause.conditions.bind_text else str(_binds(clause))
    on = "all addresses" if opening.bind is None else _shown(opening.bind)
    message = f"{opening.port} of {host.name} is published on {on}, and {named(clause)} wants it bound to {wanted}"
    advice = "publish it on the address that the rule names"
    return _draft(host, opening, source, TOO_WIDE, expectations, message, advice, clause, expected=f"bound to {wanted}")


def _binds(clause: Clause) -> NetworkSet | None:
    return clause.conditions.bind if clause.conditions else None


def _draft(
    host: Host,
    opening: Opening,
    source: str,
    check: str,
    offended: Sequence[Expectation],
    message: str,
    advice: str,
    clause: Clause | None,
    *,
    expected: str = "not published",
    vantage: str | None = None,
) -> Draft:
    """Draft the finding; it is lifted if an exception does so wherever the opening offends."""
    port = opening.port
    lifting = [live_exception(one, port) for one in offended]
    expired = [item for one in offended for item in expired_at(one, port)]
    where = clause or next(iter(expired), None)
    what = f" ({plain(opening.what)})" if opening.what else ""
    return Draft(
        check=check,
        host=host.name,
        address=None if opening.bind is None else _shown(opening.bind),
        port=port,
        vantage=vantage,
        expected=expected,
        actual=f"published {_whom(opening)}{what}",
        message=message,
        help=advice,
        policy_location=where.location if where else host.location,
        source_location=opening.location,
        rule=clause.rule if clause else None,
        exception=lifting[0] if all(lifting) else None,
        expired=tuple(dict.fromkeys(item.exception for item in expired if item.exception)),
        evidence=(source,),
    )


def _whom(opening: Opening) -> str:
    if opening.bind and opening.bind <= LOOPBACK:
        return f"on {_shown(opening.bind)}"
    if opening.sources is None or _is_everyone(opening.sources):
        return "to everyone"
    return f"to {_shown(opening.sources)}"


def _described(place: Place) -> str:
    if place.name is None:
        return "other places"
    return place.name if place.networks is None else f"{place.name} ({_shown(place.networks)})"


def _shown(networks: NetworkSet) -> str:
    items = str(networks).split(",")
    return ", ".join(items[:_NETWORKS_SHOWN]) + (", …" if len(items) > _NETWORKS_SHOWN else "")


def published(declared: Iterable[Declared]) -> Iterator[Port]:
    """Yield every port that the files publish."""
    return (opening.port for piece in declared for opening in piece.openings)
