"""The pieces that rules cut packets into: of each property, the sets that no rule tells apart, a bit each. No I/O."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Generic, TypeVar

from auditor.collect.declared.firewall.conditions import gates, is_door
from auditor.collect.declared.firewall.packets import ADDRESSES, IPV4, IPV6, PLANES, SOURCE_PORTS, Packets
from auditor.model.intervals import IntervalSet
from auditor.model.network import NetworkSet
from auditor.model.ports import PortSet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.collect.declared.firewall.conditions import Condition, Gates

_Members = TypeVar("_Members", bound=IntervalSet)
_RUN = re.compile("1+")

_FAMILIES = (ADDRESSES & IPV4, ADDRESSES & IPV6)

Members = PortSet | NetworkSet


class Axis(Generic[_Members]):
    """One property: a whole, cut at every boundary of some sets."""

    def __init__(self, whole: _Members, members: Iterable[_Members]) -> None:
        points = set(whole.bounds)
        for one in members:
            points.update(one.bounds)
        self._points = sorted(points)
        self._index = {point: at for at, point in enumerate(self._points)}
        self._make = whole.from_bounds
        self.whole = self.mask(whole)

    @property
    def size(self) -> int:
        """How many pieces there are."""
        return max(0, len(self._points) - 1)

    def mask(self, members: _Members) -> int:
        """Return the pieces of a set that the axis was cut by."""
        index = self._index
        bounds = [index[point] for point in members.bounds]
        if len(bounds) <= 64:
            return sum((1 << end) - (1 << low) for low, end in zip(bounds[::2], bounds[1::2], strict=True))
        last, written = 0, []
        for low, end in zip(bounds[::2], bounds[1::2], strict=True):
            written.append("0" * (low - last) + "1" * (end - low))
            last = end
        return int("".join(written)[::-1], 2)

    def holding(self, members: _Members) -> int:
        """Return the pieces that a set of one range lies in, wholly or partly."""
        low, end = members.bounds
        first, last = bisect_right(self._points, low) - 1, bisect_left(self._points, end)
        return (1 << last) - (1 << max(0, first)) if last > 0 else 0

    def members(self, mask: int) -> _Members:
        """Return the set that some pieces make."""
        bits, points = f"{mask:b}"[::-1], self._points
        bounds: list[int] = []
        for run in _RUN.finditer(bits):
            bounds += (points[run.start()], points[run.end()])
        return self._make(tuple(bounds))


class Space:
    """What some rules can tell apart. ``ports`` may be a part of all ports: then nothing else is in the space.

    ``sets`` are all sets that conditions name, with the property that they are of.
    """

    def __init__(self, ports: PortSet, doors: frozenset[str], sets: Iterable[tuple[str, Members]]) -> None:
        given: dict[str, list[Members]] = {"ports": [], "sources": [], "targets": [], "origins": []}
        for field, members in sets:
            given[field].append(members)
        for field in ("sources", "targets"):
            given[field] += _FAMILIES
        self.ports: Axis[PortSet] = Axis(ports, (one & ports for one in (*given["ports"], *PLANES)))  # type: ignore[operator,misc]
        self.sources: Axis[NetworkSet] = Axis(ADDRESSES, given["sources"])  # type: ignore[arg-type]
        self.targets: Axis[NetworkSet] = Axis(ADDRESSES, given["targets"])  # type: ignore[arg-type]
        self.origins: Axis[PortSet] = Axis(SOURCE_PORTS, given["origins"])  # type: ignore[arg-type]
        self.doors = tuple(sorted(doors))
        self._ports = ports
        self._masks: dict[tuple[str, int], tuple[int, Members]] = {}
        self._named: dict[tuple[str, ...], int] = {}
        self._gates: dict[int, tuple[Gates, tuple[Condition, ...]]] = {}

    def mask(self, field: str, members: Members) -> int:
        """Return the pieces of one of the sets that the space was made for."""
        key = (field, id(members))
        if (known := self._masks.get(key)) is None:
            inside = members & self._ports if field == "ports" else members  # type: ignore[operator]
            known = self._masks[key] = (getattr(self, field).mask(inside), members)
        return known[0]

    def whole(self, field: str) -> int:
        """Return all pieces of a property."""
        if field == "doors":
            return (1 << len(self.doors)) - 1
        whole: int = getattr(self, field).whole
        return whole

    @property
    def size(self) -> int:
        """How many pieces the most finely cut property has."""
        return max(self.ports.size, self.sources.size, self.targets.size, self.origins.size, len(self.doors))

    def gates(self, conditions: tuple[Condition, ...]) -> Gates:
        """Return what packets must have for conditions to hold of some, worked out once."""
        if (known := self._gates.get(id(conditions))) is None:
            known = self._gates[id(conditions)] = (gates(conditions, self), conditions)
        return known[0]

    def named(self, names: tuple[str, ...]) -> int:
        """Return the pieces that interfaces are by these names, of which one may be all that begin alike."""
        if (known := self._named.get(names)) is None:
            meant = (door for door in self.doors if any(is_door(door, name) for name in names))
            known = self._named[names] = self.at_doors(meant)
        return known

    def at_doors(self, names: Iterable[str]) -> int:
        """Return the pieces that some interfaces are."""
        among = set(names)
        return sum(1 << at for at, door in enumerate(self.doors) if door in among)

    def doors_of(self, mask: int) -> frozenset[str]:
        """Return the interfaces that some pieces are."""
        return frozenset(door for at, door in enumerate(self.doors) if mask >> at & 1)

    def packets(self, addresses: NetworkSet) -> Packets:
        """Return all packets from and to some of the addresses, which is one family or both."""
        return Packets(
            ports=self.ports.whole,
            sources=self.mask("sources", addresses),
            targets=self.mask("targets", addresses),
            doors=self.whole("doors"),
            origins=self.origins.whole,
        )
