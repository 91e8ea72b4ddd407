"""What rules ask of packets: conditions that cut boxes. No I/O.

A condition that cannot be decided from the file says so, and one that depends on what happened before (a rate limit)
says what it does to the first packet after a quiet time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from auditor.collect.declared.firewall.packets import AXES, PLANES, PORTS, Lead, Packets, of_every_protocol
from auditor.model.ports import PortSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from auditor.collect.declared.firewall.space import Space
    from auditor.model.network import NetworkSet

    Members = PortSet | NetworkSet
    Gates = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A box cut by a condition: inside, outside, and what may be either.

    ``rare`` are both ways that packets take only once others have come before: a limit that is used up.
    """

    inside: tuple[Packets, ...] = ()
    outside: tuple[Packets, ...] = ()
    unsure: tuple[Packets, ...] = ()
    rare_inside: tuple[Packets, ...] = ()
    rare_outside: tuple[Packets, ...] = ()


class Condition(Protocol):
    """What a rule asks of a packet. ``decided``: it is so or not, from the file alone."""

    @property
    def decided(self) -> bool:
        """Whether the file alone decides it."""
        ...

    @property
    def sets(self) -> Sequence[tuple[str, Members]]:
        """The sets that it holds packets against, each with the property that is meant."""
        ...

    def reach(self, field: str, space: Space) -> int | None:
        """Return the pieces of a property outside of which it never holds; None for no such limit.

        Of packets that NAT has not led anywhere.
        """
        ...

    def split(self, packets: Packets, space: Space) -> Split:
        """Cut a box."""
        ...


@dataclass(frozen=True, slots=True)
class Original:
    """A property as the sender meant it, whatever NAT has made of it."""

    field: str
    members: PortSet | NetworkSet
    inverted: bool = False

    @property
    def decided(self) -> bool:
        """Always."""
        return True

    @property
    def sets(self) -> Sequence[tuple[str, Members]]:
        """Its own."""
        return ((self.field, self.members),)

    def reach(self, field: str, space: Space) -> int | None:
        """The members, or all others."""
        if field != self.field:
            return None
        return _sided(space, field, space.mask(field, self.members), self.inverted)

    def split(self, packets: Packets, space: Space) -> Split:
        """Cut along the property."""
        inside, outside = packets.cut(self.field, space.mask(self.field, self.members))
        if self.inverted:
            inside, outside = outside, inside
        return Split(inside=_some(inside), outside=_some(outside))


@dataclass(frozen=True, slots=True)
class Within(Original):
    """A property is in a set. ``field`` as in :class:`Packets`; ports and targets as NAT has made them."""

    def split(self, packets: Packets, space: Space) -> Split:
        """Cut along the property, or judge the one value that NAT has set."""
        lead = packets.lead
        if lead is not None and self.field == "ports" and (lead.port is not None or not lead.settled):
            return self._led_port(packets, lead, space)
        if lead is not None and self.field == "targets" and lead.address is not None:
            return self._led_address(packets, lead.address)
        return Original.split(self, packets, space)

    def _led_port(self, packets: Packets, lead: Lead, space: Space) -> Split:
        """Judge the number that NAT has set; the protocol stays as it is."""
        split: dict[str, list[Packets]] = {"inside": [], "outside": [], "unsure": []}
        for plane in PLANES:
            if not (asked := packets.ports & space.mask("ports", plane)):
                continue
            if lead.port is not None and lead.settled:
                now = of_every_protocol(PortSet.span(lead.port, lead.port)) & plane
            else:
                now = PORTS & plane
            side = "inside" if now <= self.members else "outside" if now.isdisjoint(self.members) else "unsure"  # type: ignore[operator,arg-type]
            if self.inverted and side != "unsure":
                side = "outside" if side == "inside" else "inside"
            split[side].append(packets._replace(ports=asked))
        return Split(**{side: tuple(boxes) for side, boxes in split.items()})

    def _led_address(self, packets: Packets, address: NetworkSet) -> Split:
        if address <= self.members:  # type: ignore[operator]
            meets = True
        elif address.isdisjoint(self.members):  # type: ignore[arg-type]
            meets = False
        else:
            return Split(unsure=(packets,))
        return Split(inside=(packets,)) if meets != self.inverted else Split(outside=(packets,))


@dataclass(frozen=True, slots=True)
class Enters:
    """The packet comes in at one of these interfaces; a name with ``+`` at the end is all that begin so."""

    names: tuple[str, ...]
    inverted: bool = False

    @property
    def decided(self) -> bool:
        """Always."""
        return True

    def split(self, packets: Packets, space: Space) -> Split:
        """Cut by interface."""
        inside, outside = packets.cut("doors", space.named(self.names))
        if self.inverted:
            inside, outside = outside, inside
        return Split(inside=_some(inside), outside=_some(outside))

    @property
    def sets(self) -> Sequence[tuple[str, Members]]:
        """None: interfaces are told apart by name."""
        return ()

    def reach(self, field: str, space: Space) -> int | None:
        """Those interfaces, or all others."""
        return _sided(space, field, space.named(self.names), self.inverted) if field == "doors" else None


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of several combinations holds, each a list of conditions that do: the elements of a concatenated set."""

    ways: tuple[tuple[Condition, ...], ...]
    inverted: bool = False

    @property
    def decided(self) -> bool:
        """Always."""
        return True

    def split(self, packets: Packets, space: Space) -> Split:
        """Cut off one combination after the other."""
        inside: list[Packets] = []
        unsure: list[Packets] = []
        rest = [packets]
        for way in self.ways:
            left: list[Packets] = []
            needed = space.gates(way)
            for box in rest:
                if is_barred(box, needed):
                    left.append(box)
                    continue
                hit, missed, doubted = _all_of(box, way, space)
                inside += hit
                left += missed
                unsure += doubted
            rest = left
        outside = tuple(rest)
        if self.inverted:
            return Split(inside=outside, outside=tuple(inside), unsure=tuple(unsure))
        return Split(inside=tuple(inside), outside=outside, unsure=tuple(unsure))

    @property
    def sets(self) -> Sequence[tuple[str, Members]]:
        """Those of all combinations."""
        return tuple(one for way in self.ways for condition in way for one in condition.sets)

    def reach(self, field: str, space: Space) -> int | None:
        """What the combinations leave of a property."""
        found = 0
        for way in () if self.inverted else self.ways:
            if (mask := joint_reach(way, field, space)) is None:
                return None
            found |= mask
        return None if self.inverted else found

    def only(self, meets: Callable[[tuple[Condition, ...]], bool]) -> AnyOf:
        """Return it without the combinations that no packets meet."""
        return replace(self, ways=tuple(way for way in self.ways if meets(way)))


def is_door(door: str, name: str) -> bool:
    """Whether an interface, or all that begin alike, is what a rule names; ``+`` at the end stands for any rest."""
    if not name.endswith("+"):
        return door == name
    return door.removesuffix("+").startswith(name[:-1]) if door else name == "+"


def joint_reach(conditions: Iterable[Condition], field: str, space: Space) -> int | None:
    """Return the pieces of a property outside of which conditions never hold together; None for no such limit."""
    found: int | None = None
    for one in conditions:
        if (mask := one.reach(field, space)) is not None:
            found = mask if found is None else found & mask
    return found


def limit(conditions: Iterable[Condition], field: str) -> Members | None:
    """Return what NAT must have made of a property for conditions to hold together; None for anything."""
    found: Members | None = None
    for one in conditions:
        mine: Members | None = None
        if isinstance(one, Within) and one.field == field and not one.inverted:
            mine = one.members
        elif isinstance(one, AnyOf) and not one.inverted:
            mine = _limit_of_any(one, field)
        if mine is not None:
            found = mine if found is None else found & mine  # type: ignore[operator]
    return found


def _limit_of_any(one: AnyOf, field: str) -> Members | None:
    limits = [limit(way, field) for way in one.ways]
    if not limits or any(mine is None for mine in limits):
        return None
    return type(limits[0]).union(limits)  # type: ignore[arg-type,union-attr]


def gates(conditions: Sequence[Condition], space: Space) -> Gates:
    """Return what packets that NAT has not led anywhere must have of each property for conditions to hold of some."""
    limits = ((field, joint_reach(conditions, field, space)) for field in AXES)
    return tuple((field, mask) for field, mask in limits if mask is not None and mask != space.whole(field))


def is_barred(packets: Packets, by: Gates) -> bool:
    """Whether packets have nothing of what they must have; those that NAT has led are looked at one by one."""
    if packets.lead is None:
        for field, mask in by:
            if not getattr(packets, field) & mask:
                return True
    return False


def _sided(space: Space, field: str, mask: int, inverted: bool) -> int:  # noqa: FBT001 - as the conditions have it
    return space.whole(field) & ~mask if inverted else mask


def _some(packets: Packets | None) -> tuple[Packets, ...]:
    return () if packets is None else (packets,)


def _all_of(
    box: Packets, way: tuple[Condition, ...], space: Space
) -> tuple[list[Packets], list[Packets], list[Packets]]:
    hit, missed, doubted = [box], [], []
    for one in way:
        splits = [one.split(part, space) for part in hit]
        hit = [part for split in splits for part in split.inside]
        missed += [part for split in splits for part in split.outside]
        doubted += [part for split in splits for part in split.unsure]
    return hit, missed, doubted
