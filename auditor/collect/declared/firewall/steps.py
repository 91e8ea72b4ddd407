"""Rules made ready to be followed by packets, and found quickly by those that NAT has led somewhere. No I/O.

What NAT leads to a thousand places is a thousand cases, and each of them would be held against the rules for all the
others. Most rules say which address or port they are for: a case is held against those for its own alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.collect.declared.firewall.conditions import is_barred, limit
from auditor.collect.declared.firewall.packets import PLANES, of_every_protocol
from auditor.model.ports import PortSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditor.collect.declared.firewall.conditions import Condition, Gates
    from auditor.collect.declared.firewall.packets import Lead, Packets
    from auditor.collect.declared.firewall.rules import Rule
    from auditor.model.network import NetworkSet

_FEW = 32
"""Rules for no more numbers than these are found by each of them."""
_UNLED = ("sources", "doors", "origins")
"""Properties that stay as they are, whatever NAT does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where packets must be led for a rule to hold of them: None for anywhere."""

    ports: PortSet | None
    targets: NetworkSet | None

    @property
    def target(self) -> int | None:
        """The one address, as a point on its axis; None for no such one."""
        return point_of(self.targets)

    def bar(self, lead: Lead) -> bool:
        """Whether the rule holds of nothing that is led there."""
        if lead.address is not None and self.targets is not None and lead.address.isdisjoint(self.targets):
            return True
        if lead.port is None or not lead.settled or self.ports is None:
            return False
        return of_every_protocol(PortSet.span(lead.port, lead.port)).isdisjoint(self.ports)


def limits_of(conditions: Iterable[Condition]) -> Limits:
    """Return where NAT must lead packets for all conditions to hold."""
    conditions = tuple(conditions)
    return Limits(ports=limit(conditions, "ports"), targets=limit(conditions, "targets"))  # type: ignore[arg-type]


def point_of(networks: NetworkSet | None) -> int | None:
    """Return the point that a single address is on its axis."""
    if networks is None or len(networks.bounds) != 2 or networks.bounds[1] - networks.bounds[0] != 1:
        return None
    return networks.bounds[0]


@dataclass(frozen=True, slots=True)
class Step:
    """A rule as it is followed in a portion: its conditions, decided ones first, and what packets must have for it."""

    rule: Rule
    conditions: tuple[Condition, ...]
    gates: Gates
    limits: Limits

    def bars(self, packets: Packets) -> bool:
        """Whether packets have nothing of what they must have."""
        if packets.lead is None:
            return is_barred(packets, self.gates)
        if self.limits.bar(packets.lead):
            return True
        return any(not getattr(packets, name) & mask for name, mask in self.gates if name in _UNLED)


@dataclass(slots=True)
class Steps:
    """The rules of a chain in a portion, in order."""

    all: tuple[Step, ...]
    _found: dict[Lead, tuple[Step, ...]] = field(default_factory=dict)
    _by_target: dict[int, list[int]] = field(default_factory=dict)
    _by_number: dict[int, list[int]] = field(default_factory=dict)
    _others: list[int] | None = None

    def for_all_of(self, leads: Sequence[Lead | None]) -> tuple[Step, ...]:
        """Return the rules that packets may meet which are led to these: to one place, or anywhere."""
        lead = leads[0] if leads else None
        if lead is None or any(one is not lead for one in leads):
            return self.all
        if (known := self._found.get(lead)) is None:
            known = self._found[lead] = tuple(self.all[at] for at in self._positions(lead))
        return known

    def _positions(self, lead: Lead) -> list[int]:
        if self._others is None:
            self._index()
        found = list(self._others or ())
        point = point_of(lead.address)
        found += self._by_target.get(point, ()) if point is not None else _joined(self._by_target)
        told = lead.port is not None and lead.settled
        found += self._by_number.get(lead.port or 0, ()) if told else _joined(self._by_number)
        return sorted(set(found))

    def _index(self) -> None:
        self._others = []
        for at, step in enumerate(self.all):
            numbers = _numbers(step.limits.ports)
            if (target := step.limits.target) is not None:
                self._by_target.setdefault(target, []).append(at)
            elif numbers is not None:
                for number in numbers:
                    self._by_number.setdefault(number, []).append(at)
            else:
                self._others.append(at)


def _numbers(ports: PortSet | None) -> set[int] | None:
    """Return the numbers of ports of any protocol, if they are few."""
    if ports is None or ports.size > _FEW:
        return None
    return {low - plane.bounds[0] for plane in PLANES for low in _members(ports & plane)}


def _members(ports: PortSet) -> Iterable[int]:
    return (point for low, high in ports.ranges() for point in range(low, high + 1))


def _joined(index: dict[int, list[int]]) -> list[int]:
    return [at for some in index.values() for at in some]
