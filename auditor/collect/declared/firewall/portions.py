"""A rule set cut into portions, each for some of all ports with the rules that speak of them. No I/O.

What becomes of packets to one port has nothing to do with rules for others. Portion by portion, a thousand rules for a
thousand ports are a thousand rules to follow, not a million pairs of them.
"""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING

from auditor.collect.declared.firewall.conditions import AnyOf, gates, joint_reach
from auditor.collect.declared.firewall.packets import PLANES, PORTS, SOMEWHERE, of_every_protocol
from auditor.collect.declared.firewall.rules import Act
from auditor.collect.declared.firewall.space import Space
from auditor.collect.declared.firewall.steps import Limits, Step, Steps, limits_of, point_of
from auditor.model.ports import PortSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.collect.declared.firewall.conditions import Condition
    from auditor.collect.declared.firewall.packets import Lead
    from auditor.collect.declared.firewall.rules import Chain, Rule, Rules, Table
    from auditor.collect.declared.firewall.space import Members

    _Asking = tuple[Rule, tuple[Condition, ...], Limits]

_LEAST = 32
"""Fewer pieces are not worth a portion of their own."""
_BOUNDS = 4_000_000
"""So many boundaries of sets are sorted for all portions together, roughly."""
_REPEATED = 20_000
"""So often may rules for all ports be followed, portion by portion, roughly."""
_STEPS = 10_000_000
_HELD = 50_000
_BITS = 1 << 31
_WORD = 4096


class TooComplexError(Exception):
    """The rules tell so many cases apart that nobody follows them to the end. ``rule`` is where that was noticed."""

    def __init__(self, rule: Rule | None = None) -> None:
        super().__init__()
        self.rule = rule


class Budget:
    """How much may be done for one rule set, so that a hostile one comes to an end. In steps of about 0.3 µs."""

    def __init__(self) -> None:
        self._left = _STEPS
        self._kept = 0
        self._pieces = 0
        self._last: Rule | None = None

    def enter(self, space: Space) -> None:
        """Go on in a space: the more pieces it has, the longer a step takes. Half of what is left may be done there."""
        self._pieces = space.size
        self._left += self._kept
        self._kept = self._left // 2
        self._left -= self._kept

    def spend(self, steps: int, rule: Rule | None = None) -> None:
        """Take steps.

        :raises TooComplexError: they are used up.
        """
        self._last = rule or self._last
        self._left -= steps * (1 + self._pieces // _WORD)
        if self._left < 0:
            self._left = 0
            raise TooComplexError(self._last)

    def hold(self, cases: int, rule: Rule) -> None:
        """Keep cases in memory.

        :raises TooComplexError: these are too many.
        """
        if cases > _HELD or cases * self._pieces > _BITS:
            raise TooComplexError(rule)


class Portion:
    """Some ports, and the rules that speak of them, with as much of their conditions as does.

    ``rules`` are those of each chain, by the chain's identity.
    """

    def __init__(self, ports: PortSet, doors: frozenset[str], rules: dict[int, list[_Asking]]) -> None:
        self.ports = ports
        self.space = Space(
            ports, doors, (one for some in rules.values() for _, asked, _ in some for one in sets_of(asked))
        )
        self._rules = rules
        self._steps: dict[int, Steps] = {}

    def steps(self, chain: Chain) -> Steps:
        """Return the rules of a chain, made ready to be followed the first time."""
        if (known := self._steps.get(id(chain))) is None:
            known = self._steps[id(chain)] = Steps(tuple(map(self._step, self._rules.get(id(chain), ()))))
        return known

    def _step(self, asking: _Asking) -> Step:
        rule, conditions, limits = asking
        ordered = tuple(sorted(conditions, key=lambda one: not one.decided))
        return Step(rule, ordered, gates(ordered, self.space), limits)


def portions(rules: Rules) -> Iterator[Portion]:
    """Cut the ports where rules do; a portion has the rules that may be met by packets to one of its ports."""
    named = [one for rule in _rules(rules) for one in sets_of(rule.conditions)]
    whole = Space(PORTS, frozenset(), (one for one in named if one[0] == "ports"))
    bounds = sum(len(members.bounds) for _, members in named)
    pieces = whole.ports.size
    met = {
        id(rule): _Met(rule, table, whole)
        for table in rules.tables
        for chain in table.chains.values()
        for rule in chain.rules
        if rule.act is not Act.CONTINUE
    }
    everywhere = sum(one.reach == whole.ports.whole for one in met.values())
    size = max(_LEAST, isqrt(pieces), pieces * bounds // _BOUNDS, pieces * everywhere // _REPEATED)
    for first in range(0, pieces, size):
        mask = ((1 << size) - 1) << first & whole.ports.whole
        if not mask:
            continue
        led = _Led(whole, mask, [one.lead for one in met.values() if one.lead is not None and one.reach & mask])
        yield Portion(
            whole.ports.members(mask),
            rules.doors(),
            {
                id(chain): [
                    (rule, _narrowed(rule.conditions, mask | led.ports, whole), one.limits)
                    for rule in chain.rules
                    if (one := met.get(id(rule))) is not None and (one.reach & mask or led.meet(one))
                ]
                for table in rules.tables
                for chain in table.chains.values()
            },
        )


class _Met:
    """A rule, and by which packets it may be met.

    ``reach`` are the pieces of all ports of those that NAT has led nowhere, ``led`` what it must have made of others.
    """

    def __init__(self, rule: Rule, table: Table, whole: Space) -> None:
        self.lead = rule.lead
        """Where it leads packets, if it does."""
        if rule.act is Act.UNKNOWN or (rule.act in (Act.JUMP, Act.GOTO) and rule.target not in table.chains):
            self.lead = SOMEWHERE if any(chain.kind == "nat" for chain in table.chains.values()) else None
        self.reach = _reach(rule.conditions, whole)
        self.limits = limits_of(rule.conditions)
        self.target = self.limits.target
        ports = self.limits.ports
        self.led = whole.ports.whole if ports is None else whole.mask("ports", ports)


class _Led:
    """Where NAT leads the packets of a portion: rules for these places are met by them, too."""

    def __init__(self, whole: Space, own: int, leads: list[Lead]) -> None:
        self.ports = own if leads else 0
        points = {point_of(lead.address) for lead in leads}
        self._targets = None if None in points else points
        """The addresses, if it leads to such alone."""
        for lead in leads:
            if not lead.settled:
                self.ports = whole.ports.whole
            elif lead.port is not None:
                number = of_every_protocol(PortSet.span(lead.port, lead.port))
                for plane in PLANES:
                    self.ports |= whole.ports.holding(number & plane)

    def meet(self, one: _Met) -> bool:
        """Whether what is led meets a rule."""
        if self._targets is not None and one.target is not None and one.target not in self._targets:
            return False
        return bool(one.led & self.ports)


def sets_of(conditions: Iterable[Condition]) -> Iterator[tuple[str, Members]]:
    """Yield the sets that conditions name."""
    for condition in conditions:
        yield from condition.sets


def _rules(rules: Rules) -> Iterator[Rule]:
    return (
        rule
        for table in rules.tables
        for chain in table.chains.values()
        for rule in chain.rules
        if rule.act is not Act.CONTINUE
    )


def _reach(conditions: Iterable[Condition], whole: Space) -> int:
    """Return the pieces of all ports that conditions may hold of, where NAT has not led there."""
    reach = joint_reach(conditions, "ports", whole)
    return whole.ports.whole if reach is None else reach


def _narrowed(conditions: tuple[Condition, ...], near: int, whole: Space) -> tuple[Condition, ...]:
    """Return conditions without the combinations that no packets to these ports meet: the others of a large set."""
    if not any(isinstance(one, AnyOf) and len(one.ways) > _LEAST for one in conditions):
        return conditions
    return tuple(
        one.only(lambda way: bool(_reach(way, whole) & near)) if isinstance(one, AnyOf) else one for one in conditions
    )
