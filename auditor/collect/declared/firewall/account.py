"""What came through a rule set, as an observation: openings, and what nobody can decide. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from auditor.collect.declared.firewall.packets import ADDRESSES, ALL_SCTP, ELSEWHERE, IPV4, IPV6, JUDGED, family_of
from auditor.collect.declared.firewall.portions import Budget, portions
from auditor.collect.declared.firewall.settled import Doubts, settled
from auditor.collect.declared.firewall.steps import point_of
from auditor.collect.declared.firewall.telling import location_of, text_of_what
from auditor.model.evidence import EVERY_PROTOCOL, Observation, Opening, Unknown, Way
from auditor.model.network import NOWHERE
from auditor.model.ports import NO_PORTS, PortSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from auditor.collect.declared.firewall.packets import Lead
    from auditor.collect.declared.firewall.rules import Rules
    from auditor.collect.declared.firewall.settled import Box
    from auditor.model.location import Location
    from auditor.model.network import NetworkSet


_SCTP = "it lets in SCTP, of which policies cannot speak"


def observations(rules: Rules) -> Iterator[Observation]:
    """Follow the rules, and say which ports they let through, from whom and where, and what is undecided.

    Beside it, what lets in SCTP: that puts nothing else in doubt.
    """
    doubts = Doubts()
    budget = Budget()
    found = [box for portion in portions(rules) for box in settled(rules, portion, budget, doubts)]
    more = [Unknown(ports=JUDGED, reason=rules.unread)] if rules.unread else []
    yield Observation(
        openings=tuple(_openings(rules, _judged(found))),
        unknown=(*doubts.told(), *more),
        guarded=NOWHERE if rules.doubt else rules.covers,
        notes=(rules.doubt,) if rules.doubt else (),
    )
    reasons = dict.fromkeys((*_letting_sctp_in(rules, found), *doubts.of_sctp()))
    if reasons:
        yield Observation(unknown=tuple(Unknown(ports=NO_PORTS, reason=reason) for reason in reasons))


def _judged(boxes: Iterable[Box]) -> Iterator[Box]:
    """Yield the part of boxes that policies speak of."""
    for doors, ports, *rest in boxes:
        if judged := ports & JUDGED:
            yield cast("Box", (doors, judged, *rest))


def _letting_sctp_in(rules: Rules, boxes: Sequence[Box]) -> Iterator[str]:
    """Say which rules let in SCTP: those that are for it, and those by which everyone may come in, whatever they speak.

    A rule that trusts some networks with every protocol is judged by the ports of TCP and UDP that it opens.
    """
    judged = {box[5] for box in boxes if not box[1].isdisjoint(JUDGED)}
    for doors, ports, _, sources, _, by in boxes:
        if ports.isdisjoint(ALL_SCTP):
            continue
        place, what = location_of(by, rules), text_of_what(by)
        if by not in judged or (by.rule is not None and by.rule.sctp):
            yield f"{place}: {_SCTP}: {what}"
        elif doors == rules.doors() and sources == ADDRESSES & family_of(sources):
            yield f"{place}: {EVERY_PROTOCOL}: {what}"


def _openings(rules: Rules, boxes: Iterable[Box]) -> Iterator[Opening]:
    """Join boxes that one rule lets in, over ports, places and sources, as long as there is something to join."""
    found = dict.fromkeys((*box[:2], _anywhere(box[2]), *box[3:]) for box in boxes)
    ordered = sorted(found, key=lambda box: (box[1].bounds, box[3].bounds, box[2].bounds, sorted(box[0])))
    before = len(ordered) + 1
    while len(ordered) < before:
        before = len(ordered)
        for axis in (2, 3, 1):
            ordered = _joined(ordered, axis)
        ordered = [(*box[:2], _anywhere(box[2]), *box[3:]) for box in ordered]
    places = {by: location_of(by, rules) for by in dict.fromkeys(box[5] for box in ordered)}
    for box in sorted(ordered, key=lambda box: places[box[5]].order):
        yield _opening(box, rules, places[box[5]])


def _anywhere(targets: NetworkSet) -> NetworkSet:
    """Return all addresses for those of one whole family: packets of another never go there."""
    return ADDRESSES if targets == ADDRESSES & family_of(targets) else targets


def _joined(boxes: Iterable[Box], axis: int) -> list[Box]:
    """Join boxes that differ in one property alone."""
    found: dict[tuple[object, ...], Box] = {}
    for box in boxes:
        key = (*box[:axis], *box[axis + 1 :])
        known = found.get(key)
        union: Any = box[axis] if known is None else known[axis] | box[axis]  # type: ignore[operator]
        found[key] = cast("Box", (*box[:axis], union, *box[axis + 1 :]))
    return list(found.values())


def _opening(box: Box, rules: Rules, location: Location) -> Opening:
    doors, ports, targets, sources, lead, by = box
    everyone = ADDRESSES & rules.covers
    unlimited = sources == everyone and rules.covers == IPV4 | IPV6
    group = "" if doors == rules.doors() else " or ".join(sorted(doors - {ELSEWHERE}))
    first = next(iter(ports))
    low, high = next(ports.ranges())
    last = first.number + high - low
    span = PortSet.span(first.number, last, first.protocol)
    return Opening(
        port=first,
        last=last if last != first.number else None,
        more=ports - span,
        bind=None if targets == ADDRESSES else targets,
        sources=None if unlimited or (group and sources == ADDRESSES & family_of(sources)) else _rounded(sources),
        group=f"whoever comes in at {group}" if group else None,
        what=text_of_what(by),
        target=_target(lead, ports),
        location=location,
        way=Way.LET_THROUGH if lead is None else Way.FORWARDED,
    )


def _target(lead: Lead | None, ports: PortSet) -> str | None:
    """``10.0.0.5:80/tcp``, ``[2001:db8::1]:80/tcp``, or ``8443/tcp`` on this machine; None for no one place."""
    if lead is None or not lead.settled or (lead.port is None and len(ports) > 1):
        return None
    first = next(iter(ports))
    port = f"{first.number if lead.port is None else lead.port}/{first.protocol.value}"
    if ports.only(first.protocol) != ports:
        return None
    if lead.address is None:
        return port
    address = str(lead.address)
    if point_of(lead.address) is None:
        return None
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _rounded(sources: NetworkSet) -> NetworkSet:
    """Add the addresses that nothing comes from to what is nearly everyone: then it reads as everyone but some."""
    for family in (IPV4, IPV6):
        part, whole = sources & family, ADDRESSES & family
        if part and len((whole - part).bounds) < len(part.bounds):
            sources |= family - whole
    return sources
