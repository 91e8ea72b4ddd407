"""What is published against the policy, in words: drafts of findings about declared openings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.findings.catalogue import FORBIDDEN_OPEN, TOO_WIDE, UNEXPECTED_OPEN
from auditor.findings.conditions import inward, permitting
from auditor.findings.making import Draft, expired_at, live_exception, plain
from auditor.findings.views import denying, named
from auditor.model.evidence import Way
from auditor.model.network import EVERYWHERE, LOOPBACK, NOWHERE, NetworkSet
from auditor.model.policy import AddressKind
from auditor.model.ports import NO_PORTS
from auditor.model.reach import declared_reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.findings.parts import Part
    from auditor.model.evidence import Opening
    from auditor.model.expectation import Clause, Expectation
    from auditor.model.policy import Host

IPV4 = NetworkSet.parse("0.0.0.0/0")
_NETWORKS_SHOWN = 3
_TO = {Way.PUBLISHED: "to", Way.LET_THROUGH: "from", Way.FORWARDED: "from"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A vantage as openings meet it: all its networks, and the part that no narrower vantage has.

    ``networks`` None: the policy names the vantage and does not say where it is.
    """

    name: str | None
    networks: NetworkSet | None
    own: NetworkSet
    expectation: Expectation


def forbidden(
    host: Host, part: Part, source: str, denying_from: Sequence[Expectation], vantage: str | None = None
) -> Draft:
    """Draft the finding of what a rule denies."""
    clause = denying(denying_from[0], part.port)
    message = f"{_subject(host, part)} {whom(part.opening)} and {named(clause)} forbids it"
    advice = "do not publish it" if part.opening.way is Way.PUBLISHED else "have the firewall drop it"
    return _draft(host, part, source, FORBIDDEN_OPEN, denying_from, message, advice, clause, vantage=vantage)


def unexpected(
    host: Host, part: Part, source: str, refusing: Sequence[Expectation], vantage: str | None = None
) -> Draft:
    """Draft the finding of what nothing allows."""
    message = f"{_subject(host, part)} {whom(part.opening)} and nothing allows it"
    published = part.opening.way is Way.PUBLISHED
    less = "do not publish it, bind it to loopback" if published else "have the firewall drop it"
    advice = f"{less}, or allow it in a rule: allow: [{part}]"
    return _draft(host, part, source, UNEXPECTED_OPEN, refusing, message, advice, None, vantage=vantage)


def too_wide(host: Host, part: Part, source: str, near: Sequence[Place], refusing: Sequence[Expectation]) -> Draft:
    """Draft the finding of what is allowed to others than these sources."""
    clause = next(iter(permitting(near[0].expectation, part.port)), None)
    allowed = " and ".join(_described(place) for place in near)
    message = f"{_subject(host, part)} {whom(part.opening)}, and {named(clause)} allows {allowed} alone"
    advice = "narrow the sources to those that the rule allows"
    way = part.opening.way
    expected = f"{way.value} {_TO[way]} {allowed}"
    return _draft(host, part, source, TOO_WIDE, refusing, message, advice, clause, expected=expected)


def bound_too_wide(host: Host, part: Part, source: str, expectations: Sequence[Expectation]) -> Draft | None:
    """Hold the published address against ``bind`` conditions; items are alternatives, and one that fits is enough."""
    clauses = [clause for one in expectations for clause in permitting(one, part.port)]
    opening = part.opening
    if opening.way is not Way.PUBLISHED and not all(inward(clause) for clause in clauses):
        return None  # where the socket is bound is not the firewall's affair, but what belongs on loopback is
    bind = opening.bind if opening.bind is not None else EVERYWHERE
    if any(_binds(clause) is None or bind <= (_binds(clause) or NOWHERE) for clause in clauses):
        return None
    clause = clauses[0]
    wanted = clause.conditions.bind_text if clause.conditions and clause.conditions.bind_text else str(_binds(clause))
    on = _place(opening) or "all addresses"
    message = f"{_subject(host, part)} on {on}, and {named(clause)} wants it bound to {wanted}"
    published = opening.way is Way.PUBLISHED
    advice = "publish it on the address that the rule names" if published else "have the firewall drop it"
    return _draft(host, part, source, TOO_WIDE, expectations, message, advice, clause, expected=f"bound to {wanted}")


def alike(one: Draft, other: Draft) -> bool:
    """Whether two parts of one opening are one finding: all but the ports is the same, and neither stands by itself."""
    if one.port is not None or other.port is not None:
        return False
    return _without_ports(one) == _without_ports(other)


def _without_ports(draft: Draft) -> Draft:
    return replace(draft, ports=NO_PORTS, message="", help="", reach=())


def _binds(clause: Clause) -> NetworkSet | None:
    return clause.conditions.bind if clause.conditions else None


def _draft(
    host: Host,
    part: Part,
    source: str,
    check: str,
    offended: Sequence[Expectation],
    message: str,
    advice: str,
    clause: Clause | None,
    *,
    expected: str | None = None,
    vantage: str | None = None,
) -> Draft:
    """Draft the finding; it is lifted if an exception does so wherever the opening offends."""
    opening, port = part.opening, part.port
    lifting = [live_exception(one, port) for one in offended]
    expired = [item for one in offended for item in expired_at(one, port)]
    where = clause or next(iter(expired), None)
    what = f" ({plain(opening.what)})" if opening.what else ""
    return Draft(
        check=check,
        host=host.name,
        address=_place(opening),
        port=port if part.single else None,
        ports=NO_PORTS if part.single else part.ports,
        slot=part.slot,
        vantage=vantage,
        expected=expected or f"not {opening.way.value}",
        actual=f"{opening.way.value} {whom(opening)}{what}",
        message=message,
        help=advice,
        policy_location=where.location if where else host.location,
        source_location=opening.location,
        rule=clause.rule if clause else None,
        exception=lifting[0] if all(lifting) else None,
        expired=tuple(dict.fromkeys(item.exception for item in expired if item.exception)),
        evidence=(source,),
        reach=(declared_reach(opening, part.ports, reaching(host, opening) or EVERYWHERE),),
    )


def _subject(host: Host, part: Part) -> str:
    """``443/tcp of web-1 is published``."""
    return f"{part.subject} of {host.name} {'is' if part.single else 'are'} {part.opening.way.value}"


def whom(opening: Opening) -> str:
    """To or from whom: ``to everyone``, ``from 198.51.100.0/24``, ``on 127.0.0.1``."""
    to = _TO[opening.way]
    if opening.bind and opening.bind <= LOOPBACK:
        return f"on {_shown(opening.bind)}"
    if opening.group is not None:
        return f"{to} {plain(opening.group)}"
    if opening.sources is None or is_everyone(opening.sources):
        return f"{to} everyone"
    return f"{to} {_shown(opening.sources)}"


def reaching(host: Host, opening: Opening) -> NetworkSet:
    """Return the sources that can reach the opening at all: IPv6 ones have no way to a host that has IPv4 alone."""
    sources = EVERYWHERE if opening.sources is None else opening.sources
    if any(address.kind is AddressKind.NAME for address in host.addresses):
        addresses = EVERYWHERE
    else:
        addresses = host.networks or EVERYWHERE
    if opening.bind:
        addresses = opening.bind
    if addresses <= IPV4:
        return sources & IPV4
    return sources - IPV4 if addresses.isdisjoint(IPV4) else sources


def _place(opening: Opening) -> str | None:
    """Return the addresses that it is opened on; None for all of a family, which are no place."""
    return None if opening.bind is None or is_everyone(opening.bind) else _shown(opening.bind, "all addresses")


def preposition(way: Way) -> str:
    """Published *to* somebody, let through *from* somewhere."""
    return _TO[way]


def _described(place: Place) -> str:
    if place.name is None:
        return "other places"
    return place.name if place.networks is None else f"{place.name} ({_shown(place.networks)})"


def _shown(networks: NetworkSet, everyone: str = "everyone") -> str:
    """Return the first few networks, or what is left out of everywhere, whichever is shorter."""
    items = str(networks).split(",")
    for family in (IPV4, EVERYWHERE - IPV4, EVERYWHERE):
        if networks <= family and len(items) > _NETWORKS_SHOWN:
            others = str(family - networks).split(",")
            if len(others) <= _NETWORKS_SHOWN:
                return f"{everyone} but {', '.join(others)}"
    return ", ".join(items[:_NETWORKS_SHOWN]) + (", …" if len(items) > _NETWORKS_SHOWN else "")


def is_everyone(sources: NetworkSet) -> bool:
    """Whether these are all there are, in one of the two families at least."""
    return sources >= IPV4 or sources >= EVERYWHERE - IPV4
