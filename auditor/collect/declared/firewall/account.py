"""What came through a rule set, as an observation: openings, and what nobody can decide. No I/O."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from auditor.collect.declared.firewall.packets import (
    ADDRESSES,
    ELSEWHERE,
    IPV4,
    IPV6,
    Packets,
    family_of,
    minus,
    overlap,
)
from auditor.collect.declared.firewall.rules import Act
from auditor.collect.declared.firewall.walk import By, TooComplexError, Walk
from auditor.model.evidence import Observation, Opening, Unknown, Way
from auditor.model.network import NOWHERE
from auditor.model.ports import NO_PORTS, PortSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sized

    from auditor.collect.declared.firewall.packets import Lead
    from auditor.collect.declared.firewall.rules import Rules
    from auditor.collect.declared.firewall.walk import Outcome
    from auditor.model.location import Location
    from auditor.model.network import NetworkSet

    _Box = tuple[frozenset[str], PortSet, NetworkSet, NetworkSet, Lead | None, By]

_AXES = ("ports", "doors", "targets", "sources")
_LONGEST = 160
_MOST_BOXES = 4000

Known = tuple[Packets, By]
Doubted = dict[str, PortSet]


def observation(rules: Rules) -> Observation:
    """Follow the rules, and say which ports they let through, from whom and where, and what is undecided."""
    doubts: Doubted = {}
    found: list[Known] = []
    try:
        for family in (IPV4, IPV6):
            if not rules.covers.isdisjoint(family):
                found += _family(rules, family, doubts)
    except TooComplexError:
        reason = f"{rules.whole()}: the rules tell too many cases apart to be followed"
        return Observation(unknown=(Unknown(ports=NO_PORTS, reason=reason),))
    return Observation(
        openings=tuple(_openings(rules, found)),
        unknown=tuple(_unknown(doubts)),
        guarded=NOWHERE if rules.doubt else rules.covers,
        notes=(rules.doubt,) if rules.doubt else (),
    )


def _family(rules: Rules, family: NetworkSet, doubts: Doubted) -> list[Known]:
    """Return the boxes of one family that are let in, at one interface or all; note what is not decided."""
    addresses = ADDRESSES & family
    outcome = Walk(rules).through(Packets(sources=addresses, targets=addresses, doors=rules.doors()), family)
    certain: list[Known] = [(case.packets, case.by) for case in outcome.let_in if case.doubt is None]
    certain += _whichever(outcome, certain, doubts)
    return list(_by_door(_once(certain), rules.doors(), doubts, rules))


def _whichever(outcome: Outcome, certain: list[Known], doubts: Doubted) -> list[Known]:
    """Return what gets in whichever way the doubts are; what may as well be kept out is noted."""
    found: list[Known] = []
    out = [case.packets for case in outcome.kept_out]
    known = [packets for packets, _ in certain]
    for case in outcome.let_in:
        if case.doubt is None:
            continue
        _bounded(out, known)
        for piece in minus(case.packets, known, _AXES):
            inside = list(minus(piece, out))
            found += [(box, case.by) for box in inside]
            if (open_ports := _ports(inside)) != piece.ports or len(inside) != 1:
                _note(doubts, _reason(case.doubt), piece.ports if _differs(piece, inside) else piece.ports - open_ports)
    return found


def _differs(piece: Packets, inside: list[Packets]) -> bool:
    """Whether some of the ports get in from some places for certain, and from others not."""
    return any(getattr(box, axis) != getattr(piece, axis) for box in inside for axis in ("doors", "targets", "sources"))


def _once(boxes: list[Known]) -> list[Known]:
    """Cut away what an earlier box has already: each packet counts once, for what lets it in first."""
    seen: list[Packets] = []
    kept: list[Known] = []
    for packets, by in boxes:
        _bounded(seen, kept)
        pieces = list(minus(packets, seen, _AXES))
        kept += [(piece, by) for piece in pieces]
        seen += pieces
    return kept


def _by_door(boxes: list[Known], doors: frozenset[str], doubts: Doubted, rules: Rules) -> Iterator[Known]:
    """Join what is let in at every interface by rules for each; what is so at all but some is not decided."""
    partial = [(packets, by) for packets, by in boxes if packets.doors != doors]
    yield from ((packets, by) for packets, by in boxes if packets.doors == doors)
    if not partial:
        return
    everywhere = [(packets, by) for packets, by in partial if ELSEWHERE in packets.doors]
    for door in sorted(doors - {ELSEWHERE}):
        at_door = [packets for packets, _ in partial if door in packets.doors]
        everywhere = [(common, by) for one, by in everywhere for common in _shared(one, at_door)]
        _bounded(everywhere, at_door)
    joined = [(replace(packets, doors=doors), by) for packets, by in everywhere]
    yield from joined
    whole = [packets for packets, _ in joined]
    for packets, by in partial:
        for piece in minus(packets, whole, _AXES):
            named, rest = piece.cut("doors", doors - {ELSEWHERE})
            if rest is not None:
                _note(doubts, _but_some(rest, doors, by, rules), rest.ports)
            elif named is not None:
                yield named, by


def _shared(one: Packets, others: Iterable[Packets]) -> Iterator[Packets]:
    for other in others:
        if common := overlap(replace(one, doors=other.doors), other):
            yield replace(common, doors=one.doors)


def _but_some(packets: Packets, doors: frozenset[str], by: By, rules: Rules) -> str:
    barred = ", ".join(sorted(doors - packets.doors)) or "some"
    return f"{_location(by, rules)}: let through at every interface but {barred}, and nothing says who comes in where"


def _openings(rules: Rules, boxes: Iterable[Known]) -> Iterator[Opening]:
    """Join boxes that one rule lets in, over ports, places and sources, as long as there is something to join."""
    found = {(one.doors, one.ports, _anywhere(one.targets), one.sources, one.lead, by) for one, by in boxes}
    ordered = sorted(found, key=lambda box: (box[1].bounds, box[3].bounds, box[2].bounds, sorted(box[0])))
    before = len(ordered) + 1
    while len(ordered) < before:
        before = len(ordered)
        for axis in (2, 3, 1):
            ordered = _joined(ordered, axis)
        ordered = [(*box[:2], _anywhere(box[2]), *box[3:]) for box in ordered]
    for box in sorted(ordered, key=lambda box: _location(box[5], rules).order):
        yield _opening(box, rules)


def _anywhere(targets: NetworkSet) -> NetworkSet:
    """Return all addresses for those of one whole family: packets of another never go there."""
    return ADDRESSES if targets == ADDRESSES & family_of(targets) else targets


def _joined(boxes: Iterable[_Box], axis: int) -> list[_Box]:
    """Join boxes that differ in one property alone."""
    found: dict[tuple[object, ...], _Box] = {}
    for box in boxes:
        key = (*box[:axis], *box[axis + 1 :])
        known = found.get(key)
        union: Any = box[axis] if known is None else known[axis] | box[axis]  # type: ignore[operator]
        found[key] = cast("_Box", (*box[:axis], union, *box[axis + 1 :]))
    return list(found.values())


def _opening(box: _Box, rules: Rules) -> Opening:
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
        what=_text(by),
        location=_location(by, rules),
        way=Way.LET_THROUGH if lead is None else Way.FORWARDED,
    )


def _rounded(sources: NetworkSet) -> NetworkSet:
    """Add the addresses that nothing comes from to what is nearly everyone: then it reads as everyone but some."""
    for family in (IPV4, IPV6):
        part, whole = sources & family, ADDRESSES & family
        if part and len((whole - part).bounds) < len(part.bounds):
            sources |= family - whole
    return sources


def _unknown(doubts: Doubted) -> Iterator[Unknown]:
    """Yield each doubt with its ports; a port counts for the first doubt."""
    told = NO_PORTS
    for reason, ports in doubts.items():
        if left := ports - told:
            yield Unknown(ports=left, reason=reason)
            told |= left


def _note(doubts: Doubted, reason: str, ports: PortSet) -> None:
    if ports:
        doubts[reason] = doubts.get(reason, NO_PORTS) | ports


def _reason(by: By) -> str:
    if by.rule is None:
        return f"{by.chain.place()}: {by.chain.unsaid}" if by.chain is not None else "not decided"
    hint = f" ({by.rule.hint})" if by.rule.hint else ""
    told = "whether it is this host's own address is not said" if by.rule.act is Act.NAT else "cannot be decided"
    return f"{by.rule.place()}: {told}{hint}: {shortened(by.rule.text)}"


def _location(by: By, rules: Rules) -> Location:
    if by.rule is not None:
        return by.rule.place()
    return rules.whole() if by.chain is None else by.chain.place()


def _text(by: By) -> str:
    if by.rule is not None:
        return shortened(by.rule.text)
    if by.chain is not None:
        return f"what no rule of {shortened(by.chain.name)} stops"
    return "no rule stops it"


def _ports(boxes: Iterable[Packets]) -> PortSet:
    found = NO_PORTS
    for box in boxes:
        found |= box.ports
    return found


def _bounded(one: Sized, other: Sized) -> None:
    if len(one) * max(1, len(other)) > _MOST_BOXES * _MOST_BOXES // 8:
        raise TooComplexError


def shortened(text: str) -> str:
    """A rule as it may stand in a line of a report."""
    plain = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"
