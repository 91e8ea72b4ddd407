"""What of the packets that came through certainly does, and what nobody can decide, portion by portion. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.collect.declared.firewall.packets import (
    ADDRESSES,
    ALL_SCTP,
    ELSEWHERE,
    IPV4,
    IPV6,
    JUDGED,
    Packets,
    minus,
    overlap,
)
from auditor.collect.declared.firewall.portions import TooComplexError
from auditor.collect.declared.firewall.telling import location_of, reason_of, too_complex
from auditor.collect.declared.firewall.walk import By, Walk
from auditor.model.evidence import Unknown
from auditor.model.network import NetworkSet
from auditor.model.ports import PortSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.collect.declared.firewall.packets import Lead
    from auditor.collect.declared.firewall.portions import Budget, Portion
    from auditor.collect.declared.firewall.rules import Rules
    from auditor.collect.declared.firewall.walk import Outcome

Known = tuple[Packets, By]
Box = tuple[frozenset[str], PortSet, NetworkSet, NetworkSet, "Lead | None", By]
"""What is let in at which interfaces, to which ports, at which addresses, from where, led where, and by what."""

_AXES = ("ports", "doors", "targets", "sources")


class Doubts:
    """Reasons why it is not known whether ports are let in, in the order in which they came up."""

    def __init__(self) -> None:
        self._found: dict[str, list[PortSet]] = {}

    def note(self, portion: Portion, noted: Iterable[tuple[str, int]]) -> None:
        """Add what was noted of a portion, which no other one speaks of; a port counts for its first reason."""
        left = portion.space.ports.whole
        for reason, ports in noted:
            if fresh := ports & left:
                self._found.setdefault(reason, []).append(portion.space.ports.members(fresh))
                left &= ~fresh

    def told(self) -> Iterator[Unknown]:
        """Yield each doubt with its ports; those of SCTP alone have none that policies know."""
        for reason, found in self._found.items():
            ports = PortSet.union(found) & JUDGED
            if ports:
                yield Unknown(ports=ports, reason=reason)

    def of_sctp(self) -> Iterator[str]:
        """Yield the reasons for ports of SCTP alone."""
        for reason, found in self._found.items():
            if PortSet.union(found) <= ALL_SCTP:
                yield reason


def settled(rules: Rules, portion: Portion, budget: Budget, doubts: Doubts) -> tuple[Box, ...]:
    """Return what is let in, at one interface or all, and note what is not decided: all of it if that is too much."""
    found: list[Box] = []
    budget.enter(portion.space)
    noted: list[tuple[str, int]] = []
    try:
        for family in (IPV4, IPV6):
            if not rules.covers.isdisjoint(family):
                account = _Account(rules, portion, budget)
                found += account.of(family)
                noted += account.noted
    except TooComplexError as error:
        doubts.note(portion, [(too_complex(error.rule, rules), portion.space.ports.whole)])
        return ()
    doubts.note(portion, noted)
    return tuple(found)


class _Account:
    """One portion, and what was noted of it."""

    def __init__(self, rules: Rules, portion: Portion, budget: Budget) -> None:
        self._rules = rules
        self._portion = portion
        self._space = portion.space
        self._budget = budget
        self._everywhere = portion.space.whole("doors")
        self.noted: list[tuple[str, int]] = []

    def of(self, family: NetworkSet) -> Iterator[Box]:
        """Yield the boxes of one family that are let in."""
        walk = Walk(self._rules, self._portion, self._budget)
        outcome = walk.through(self._space.packets(ADDRESSES & family), family)
        certain: list[Known] = [(case.packets, case.by) for case in outcome.let_in if case.doubt is None]
        origins = self._space.origins.whole
        apart = [one for one in certain if one[0].origins == origins]  # what is certain never overlaps
        others = [one for one in certain if one[0].origins != origins] + self._whichever(outcome, certain)
        known = [packets for packets, _ in apart]
        left = [(piece, by) for packets, by in others for piece in self._minus(packets, known, _AXES)]
        for packets, by in self._by_door([*apart, *self._once(left)]):
            space = self._space
            yield (
                space.doors_of(packets.doors),
                space.ports.members(packets.ports),
                space.targets.members(packets.targets),
                space.sources.members(packets.sources),
                packets.lead,
                by,
            )

    def _whichever(self, outcome: Outcome, certain: list[Known]) -> list[Known]:
        """Return what gets in whichever way the doubts are; what may as well be kept out is noted."""
        found: list[Known] = []
        out = [case.packets for case in outcome.kept_out]
        known = [packets for packets, _ in certain]
        for case in outcome.let_in:
            if case.doubt is None:
                continue
            for piece in self._minus(case.packets, known, _AXES):
                inside = self._minus(piece, out)
                found += [(box, case.by) for box in inside]
                if inside != [piece]:
                    self._note(reason_of(case.doubt), _ports(filter(None, (overlap(piece, one) for one in out))))
        return found

    def _once(self, boxes: list[Known]) -> list[Known]:
        """Cut away what an earlier box has already: each packet counts once, for what lets it in first."""
        seen: list[Packets] = []
        kept: list[Known] = []
        for packets, by in boxes:
            pieces = self._minus(packets, seen, _AXES)
            kept += [(piece, by) for piece in pieces]
            seen += pieces
        return kept

    def _by_door(self, boxes: list[Known]) -> Iterator[Known]:
        """Join what is let in at every interface by rules for each; what is so at all but some is not decided."""
        partial = [(packets, by) for packets, by in boxes if packets.doors != self._everywhere]
        yield from ((packets, by) for packets, by in boxes if packets.doors == self._everywhere)
        if not partial:
            return
        elsewhere = self._space.at_doors([ELSEWHERE])
        everywhere = [(packets, by) for packets, by in partial if packets.doors & elsewhere]
        for door in self._space.doors:
            if door == ELSEWHERE:
                continue
            at_door = [packets for packets, _ in partial if packets.doors & self._space.at_doors([door])]
            self._budget.spend(len(everywhere) * len(at_door))
            everywhere = [(common, by) for one, by in everywhere for common in _shared(one, at_door)]
        joined = [(packets._replace(doors=self._everywhere), by) for packets, by in everywhere]
        yield from joined
        whole = [packets for packets, _ in joined]
        for packets, by in partial:
            for piece in self._minus(packets, whole, _AXES):
                named, rest = piece.cut("doors", self._everywhere & ~elsewhere)
                if rest is not None:
                    self._note(self._but_some(rest, by), rest.ports)
                elif named is not None:
                    yield named, by

    def _but_some(self, packets: Packets, by: By) -> str:
        barred = ", ".join(sorted(self._rules.doors() - self._space.doors_of(packets.doors))) or "some"
        place = location_of(by, self._rules)
        return f"{place}: let through at every interface but {barred}, and nothing says who comes in where"

    def _minus(self, one: Packets, others: list[Packets], axes: tuple[str, ...] | None = None) -> list[Packets]:
        left = minus(one, others) if axes is None else minus(one, others, axes)
        self._budget.spend(len(others) * max(1, len(left)))
        return left

    def _note(self, reason: str, ports: int) -> None:
        self.noted.append((reason, ports))


def _shared(one: Packets, others: Iterable[Packets]) -> Iterator[Packets]:
    for other in others:
        if common := overlap(one._replace(doors=other.doors), other):
            yield common._replace(doors=one.doors)


def _ports(boxes: Iterable[Packets]) -> int:
    found = 0
    for box in boxes:
        found |= box.ports
    return found
