"""The way of a packet through the rules: hook by hook, chain by chain, for all packets at once. No I/O.

What is decided takes one way. What is not takes both, in doubt: in the end a port is open if some packet certainly gets
in, or gets in whichever way it is; it is shut if none can; and else the rule that cannot be decided is the answer.
The order is the kernel's: ingress, prerouting, then input for what stays here and forward for what NAT leads away, at
each hook by priority. An accept ends a base chain and no more; a drop is final.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from auditor.collect.declared.firewall.packets import SOMEWHERE, Lead, Packets
from auditor.collect.declared.firewall.portions import TooComplexError
from auditor.collect.declared.firewall.rules import Act

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.collect.declared.firewall.conditions import Split
    from auditor.collect.declared.firewall.portions import Budget, Portion
    from auditor.collect.declared.firewall.rules import Chain, Rule, Rules, Table
    from auditor.collect.declared.firewall.steps import Step
    from auditor.model.network import NetworkSet

_DEEPEST = 64
_JOINED = ("sources", "targets", "origins", "doors", "ports")
"""Along what cases are joined, in this order: sources of one port rather than ports of one source."""
_FEW = 16
"""So many cases are not worth joining."""
_MATCHING = 10
"""To cut a case by a rule takes so much longer than to see that the rule is not about it."""


@dataclass(frozen=True, slots=True, eq=False)
class By:
    """What let packets through, or keeps it from being known: a rule, or the end of a chain."""

    rule: Rule | None = None
    chain: Chain | None = None

    def __eq__(self, other: object) -> bool:
        """Whether it is the very same rule or chain."""
        return isinstance(other, By) and self.rule is other.rule and self.chain is other.chain

    def __hash__(self) -> int:
        """Consistent with equality."""
        return hash((id(self.rule), id(self.chain)))


NOBODY = By()
"""Nothing was in the way."""


class Case(NamedTuple):
    """Packets on their way: what cannot be decided about them, and what let them through so far."""

    packets: Packets
    doubt: By | None = None
    by: By = NOBODY

    def doubted(self, by: By) -> Case:
        """The same, in doubt from here on."""
        return self if self.doubt is not None else self._replace(doubt=by)


@dataclass(slots=True)
class _Fate:
    """What becomes of packets in a chain."""

    accepted: list[Case]
    dropped: list[Case]
    back: list[Case]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Packets that come in, and those that do not."""

    let_in: tuple[Case, ...]
    kept_out: tuple[Case, ...]


class Walk:
    """One rule set, for a portion of all ports."""

    def __init__(self, rules: Rules, portion: Portion, budget: Budget) -> None:
        self._rules = rules
        self._portion = portion
        self._space = portion.space
        self._budget = budget
        self._bases: dict[str, list[tuple[Chain, Table]]] = {}
        for table in rules.tables:
            for chain in table.chains.values():
                if chain.hook is not None:
                    self._bases.setdefault(chain.hook, []).append((chain, table))
        for chains in self._bases.values():
            chains.sort(key=lambda one: one[0].priority)
        self._table: Table | None = None
        self._translates = False

    def through(self, packets: Packets, family: NetworkSet) -> Outcome:
        """Lead packets of one family to their end.

        :raises TooComplexError: there are too many cases.
        """
        dropped: list[Case] = []
        cases = [Case(packets)]
        for hook in ("ingress", "prerouting"):
            cases = self._hook(hook, cases, family, dropped)
        here = [case for case in cases if case.packets.lead is None or case.packets.lead.address is None]
        away = [case for case in cases if case.packets.lead is not None and case.packets.lead.address is not None]
        let_in = self._hook("input", here, family, dropped)
        for case in away:
            let_in += self._led_away(case, family, dropped)
        return Outcome(tuple(let_in), tuple(dropped))

    def _led_away(self, case: Case, family: NetworkSet, dropped: list[Case]) -> list[Case]:
        """Follow what is led to an address: another machine's mostly, but it may be one of this machine's own.

        Both ways are walked, and where they differ nobody knows.
        """
        ways = [], []  # type: tuple[list[Case], list[Case]]
        stopped = [], []  # type: tuple[list[Case], list[Case]]
        for at, hook in enumerate(("input", "forward")):
            ways[at].extend(self._hook(hook, [case], family, stopped[at]))
        if _is_settled(ways, stopped):
            dropped += stopped[1]
            return ways[1]
        lead = case.packets.lead
        if lead is not None and lead.address is not None and self._rules.door_of(lead.address) is not None:
            dropped += stopped[1]
            return ways[1]
        doubt = case.by
        dropped += [one.doubted(doubt) for side in stopped for one in side]
        return [one.doubted(doubt) for side in ways for one in side]

    def _hook(self, hook: str, cases: list[Case], family: NetworkSet, dropped: list[Case]) -> list[Case]:
        for chain, table in self._bases.get(hook, ()):
            if chain.family.isdisjoint(family):
                continue
            cases = self._base(chain, table, cases, dropped)
        return cases

    def _base(self, chain: Chain, table: Table, cases: Iterable[Case], dropped: list[Case]) -> list[Case]:
        """Lead cases through a base chain; those that it does not look at pass by."""
        entering: list[Case] = []
        found: list[Case] = []
        for case in cases:
            packets: Packets | None = case.packets
            if chain.kind == "nat" and (not case.packets.tracked or case.packets.lead is not None):
                found.append(case)
                continue
            if chain.doors is not None:
                packets, unseen = case.packets.cut("doors", self._space.at_doors(chain.doors))
                if unseen is not None:
                    found.append(case._replace(packets=unseen))
            if packets is not None:
                entering.append(case._replace(packets=packets))
        self._table = table
        self._translates = chain.kind == "nat"
        fate = self._chain(chain, entering, 0, ())
        dropped += _tidied(fate.dropped)
        found += fate.accepted
        found += self._end(chain, fate.back, dropped)
        return _tidied(found)

    def _end(self, chain: Chain, cases: Iterable[Case], dropped: list[Case]) -> Iterator[Case]:
        by = By(chain=chain)
        for case in cases:
            if chain.unsaid:
                dropped.append(case.doubted(by))
                yield case.doubted(by)
            elif chain.accepts:
                told = case.by.rule is not None or chain.kind == "nat"
                yield case if told else case._replace(by=by)
            else:
                dropped.append(case)

    def _chain(self, chain: Chain, cases: list[Case], depth: int, stack: tuple[Rule, ...]) -> _Fate:
        fate = _Fate([], [], [])
        tidy = _FEW
        for step in self._portion.steps(chain).for_all_of([case.packets.lead for case in cases]):
            if not cases:
                break
            if depth > _DEEPEST:
                raise TooComplexError(step.rule)
            passing: list[Case] = []
            met: list[Case] = []
            for case in cases:
                (passing if step.bars(case.packets) else met).append(case)
            self._budget.spend(len(cases) + _MATCHING * len(met), step.rule)
            if not met:
                continue
            matched: list[Case] = []
            for case in met:
                self._match(case, step, matched, passing)
            passing += self._act(step.rule, _distinct(matched), fate, depth, stack)
            cases = passing
            if len(cases) > tidy:
                cases = _tidied(cases)
                tidy = max(_FEW, 2 * len(cases))
                self._budget.hold(len(cases), step.rule)
        fate.back += cases
        return fate

    def _match(self, case: Case, step: Step, matched: list[Case], passing: list[Case]) -> None:
        """Cut a case by all conditions of a rule, those that are decided first."""
        held = [case]
        by = By(step.rule)
        for condition in step.conditions:
            left: list[Case] = []
            for one in held:
                _share(one, condition.split(one.packets, self._space), by, left, passing)
            held = left
            if not held:
                return
        matched += held

    def _act(self, rule: Rule, cases: list[Case], fate: _Fate, depth: int, stack: tuple[Rule, ...]) -> list[Case]:
        """Do with the matched cases what the rule says; return those that go on with the next rule."""
        if not cases:
            return []
        telling = rule if rule.names_ports else next((one for one in reversed(stack) if one.names_ports), rule)
        by = By(telling)
        match rule.act:
            case Act.ACCEPT:
                fate.accepted += [case if _is_led(case) else case._replace(by=by) for case in cases]
            case Act.DROP:
                fate.dropped += cases
            case Act.RETURN:
                fate.back += cases
            case Act.NAT:
                fate.accepted += [_led(case, rule, by) for case in cases]
            case Act.UNTRACK:
                return [case._replace(packets=case.packets._replace(tracked=False)) for case in cases]
            case Act.JUMP | Act.GOTO:
                return self._call(rule, cases, fate, depth, (*stack, rule))
            case Act.UNKNOWN:
                return self._doubt(rule, cases, fate)
            case Act.CONTINUE:
                return cases
        return []

    def _doubt(self, rule: Rule, cases: list[Case], fate: _Fate) -> list[Case]:
        """Take every way with packets of which nobody knows what the rule does: where it may lead, anywhere, too."""
        doubted = [case.doubted(By(rule)) for case in cases]
        fate.accepted += doubted
        fate.dropped += doubted
        if self._translates:
            fate.accepted += [
                case._replace(packets=case.packets._replace(lead=SOMEWHERE))
                for case in doubted
                if case.packets.lead is None
            ]
        return doubted

    def _call(self, rule: Rule, cases: list[Case], fate: _Fate, depth: int, stack: tuple[Rule, ...]) -> list[Case]:
        called = self._table.chains.get(rule.target) if self._table is not None else None
        if called is None:
            return self._doubt(rule, cases, fate)
        inner = self._chain(called, cases, depth + 1, stack)
        if len(inner.back) > _FEW:
            inner.back = _tidied(inner.back)
        fate.accepted += inner.accepted
        fate.dropped += inner.dropped
        if rule.act is Act.JUMP:
            return inner.back
        fate.back += inner.back
        return []


def _share(case: Case, split: Split, by: By, held: list[Case], passing: list[Case]) -> None:
    held += [case._replace(packets=packets) for packets in split.inside]
    passing += [case._replace(packets=packets) for packets in split.outside]
    doubted = case.doubted(by)
    held += [doubted._replace(packets=packets) for packets in (*split.unsure, *split.rare_inside)]
    passing += [doubted._replace(packets=packets) for packets in (*split.unsure, *split.rare_outside)]


def _distinct(cases: Iterable[Case]) -> list[Case]:
    """Drop doubtful cases of packets that are there without doubt, and repetitions."""
    found: dict[Packets, Case] = {}
    for case in cases:
        known = found.get(case.packets)
        if known is None or (known.doubt is not None and case.doubt is None):
            found[case.packets] = case
    return list(found.values())


def _tidied(cases: Iterable[Case]) -> list[Case]:
    """Join cases that differ in one property alone, as often as there are any."""
    found = _distinct(cases)
    before = len(found) + 1
    while len(found) < before:
        before = len(found)
        for axis in _JOINED:
            found = _joined(found, axis)
    return found


def _joined(cases: list[Case], axis: str) -> list[Case]:
    sums: dict[Case, int] = {}
    for case in cases:
        key = case._replace(packets=case.packets._replace(**{axis: 0}))  # type: ignore[arg-type]
        sums[key] = sums.get(key, 0) | getattr(case.packets, axis)
    if len(sums) == len(cases):
        return cases
    return [key._replace(packets=key.packets._replace(**{axis: mask})) for key, mask in sums.items()]  # type: ignore[arg-type]


def _is_led(case: Case) -> bool:
    return case.packets.lead is not None and case.by is not NOBODY


def _led(case: Case, rule: Rule, by: By) -> Case:
    packets = case.packets
    if packets.lead is not None:
        return case
    return case._replace(packets=packets._replace(lead=rule.lead or Lead()), by=by)


def _is_settled(ways: tuple[list[Case], list[Case]], stopped: tuple[list[Case], list[Case]]) -> bool:
    """Whether it makes no difference which of two ways packets take: all get through on both, or none on either."""
    if not any(ways):
        return True
    certain = all(case.doubt is None for side in (*ways, *stopped) for case in side)
    return certain and not any(stopped)
