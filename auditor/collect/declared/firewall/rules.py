"""Rules of a firewall, whoever printed them: base chains at hooks, chains, rules with conditions and a verdict. No I/O.

A condition that cannot be decided from the file says so, and one that depends on what happened before (a rate limit)
says what it does to the first packet after a quiet time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import TYPE_CHECKING
from typing import Protocol as Interface

from auditor.collect.declared.firewall.packets import ELSEWHERE, IPV4, IPV6, PORTS, Lead, Packets
from auditor.model.ports import Port, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.model.location import Location
    from auditor.model.network import NetworkSet


_INNER = re.compile(
    r"docker0|docker_gwbridge|br-[0-9a-f]{12}|veth[0-9a-f]{7}|(?:cni-)?podman\d+|cni0|virbr\d+|lxcbr\d+|lxdbr\d+"
)
"""What engines for containers and virtual machines call the bridges that they make."""


class Act(Enum):
    """What a rule does with a packet that it matches."""

    ACCEPT = auto()
    DROP = auto()
    RETURN = auto()
    JUMP = auto()
    GOTO = auto()
    CONTINUE = auto()
    NAT = auto()
    UNTRACK = auto()
    UNKNOWN = auto()
    """Nobody can say: a program decides, or an extension that is not known."""


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


class Condition(Interface):
    """What a rule asks of a packet. ``decided``: it is so or not, from the file alone."""

    @property
    def decided(self) -> bool:
        """Whether the file alone decides it."""
        ...

    def split(self, packets: Packets) -> Split:
        """Cut a box."""
        ...


@dataclass(frozen=True, slots=True)
class Within:
    """A property is in a set. ``field`` as in :class:`Packets`; ports and targets as NAT has made them."""

    field: str
    members: PortSet | NetworkSet
    inverted: bool = False

    @property
    def decided(self) -> bool:
        """Always."""
        return True

    def split(self, packets: Packets) -> Split:
        """Cut along the property, or judge the one value that NAT has set."""
        lead = packets.lead
        if lead is not None and self.field == "ports" and (lead.port is not None or not lead.settled):
            return self._led_port(packets, lead)
        if lead is not None and self.field == "targets" and lead.address is not None:
            return self._led_address(packets, lead.address)
        inside, outside = packets.cut(self.field, self.members)
        if self.inverted:
            inside, outside = outside, inside
        return Split(inside=_some(inside), outside=_some(outside))

    def _led_port(self, packets: Packets, lead: Lead) -> Split:
        """Judge the number that NAT has set; the protocol stays as it is."""
        split: dict[str, list[Packets]] = {"inside": [], "outside": [], "unsure": []}
        for protocol in Protocol:
            if not (asked := packets.ports.only(protocol)):
                continue
            if lead.port is not None and lead.settled:
                now = PortSet.of(Port(protocol, lead.port))
            else:
                now = PORTS.only(protocol)
            side = "inside" if now <= self.members else "outside" if now.isdisjoint(self.members) else "unsure"  # type: ignore[operator,arg-type]
            if self.inverted and side != "unsure":
                side = "outside" if side == "inside" else "inside"
            split[side].append(replace(packets, ports=asked))
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

    def split(self, packets: Packets) -> Split:
        """Cut by interface."""
        doors = frozenset(door for door in packets.doors if any(is_door(door, name) for name in self.names))
        inside, outside = packets.cut("doors", doors)
        return (
            Split(inside=_some(outside), outside=_some(inside))
            if self.inverted
            else Split(inside=_some(inside), outside=_some(outside))
        )


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of several combinations holds, each a list of conditions that do: the elements of a concatenated set."""

    ways: tuple[tuple[Condition, ...], ...]
    inverted: bool = False

    @property
    def decided(self) -> bool:
        """Always."""
        return True

    def split(self, packets: Packets) -> Split:
        """Cut off one combination after the other."""
        inside: list[Packets] = []
        unsure: list[Packets] = []
        rest = [packets]
        for way in self.ways:
            left: list[Packets] = []
            for box in rest:
                hit, missed, doubted = _all_of(box, way)
                inside += hit
                left += missed
                unsure += doubted
            rest = left
        outside = tuple(rest)
        if self.inverted:
            return Split(inside=outside, outside=tuple(inside), unsure=tuple(unsure))
        return Split(inside=tuple(inside), outside=outside, unsure=tuple(unsure))


@dataclass(frozen=True, slots=True)
class Fixed:
    """True or false of every first packet of a connection."""

    holds: bool

    @property
    def decided(self) -> bool:
        """Always."""
        return True

    def split(self, packets: Packets) -> Split:
        """All inside, or all outside."""
        return Split(inside=(packets,)) if self.holds else Split(outside=(packets,))


@dataclass(frozen=True, slots=True)
class State:
    """The state that connection tracking gives the first packet is among these: ``new``, or ``untracked``."""

    states: frozenset[str]
    inverted: bool = False

    @property
    def decided(self) -> bool:
        """Always."""
        return True

    def split(self, packets: Packets) -> Split:
        """By whether the packet is tracked, and led elsewhere: ``dnat`` is a state of its own to some."""
        states = {"new" if packets.tracked else "untracked"}
        if packets.lead is not None:
            states.add("dnat")
        holds = bool(states & self.states) != self.inverted
        return Split(inside=(packets,)) if holds else Split(outside=(packets,))


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

    def split(self, packets: Packets) -> Split:
        """Cut along the property."""
        inside, outside = packets.cut(self.field, self.members)
        if self.inverted:
            inside, outside = outside, inside
        return Split(inside=_some(inside), outside=_some(outside))


@dataclass(frozen=True, slots=True)
class Goes:
    """The packet leaves by one of these interfaces, which is known where rules tell what is behind an interface."""

    names: tuple[str, ...]
    inverted: bool
    behind: Callable[[NetworkSet], str | None]

    @property
    def decided(self) -> bool:
        """Only for some packets."""
        return False

    def split(self, packets: Packets) -> Split:
        """By the address that it is led to."""
        address = packets.lead.address if packets.lead is not None else None
        door = self.behind(address) if address is not None else None
        if door is None:
            return Split(unsure=(packets,))
        holds = any(is_door(door, name) for name in self.names) != self.inverted
        return Split(inside=(packets,)) if holds else Split(outside=(packets,))


@dataclass(frozen=True, slots=True)
class Unsure:
    """A condition that the file does not decide."""

    @property
    def decided(self) -> bool:
        """Never."""
        return False

    def split(self, packets: Packets) -> Split:
        """Either."""
        return Split(unsure=(packets,))


@dataclass(frozen=True, slots=True)
class AtRest:
    """A condition on what came before: it ``holds`` for the first packet after a quiet time, or does not."""

    holds: bool

    @property
    def decided(self) -> bool:
        """For the first packet."""
        return False

    def split(self, packets: Packets) -> Split:
        """One way at rest, the other once in a while."""
        if self.holds:
            return Split(inside=(packets,), rare_outside=(packets,))
        return Split(outside=(packets,), rare_inside=(packets,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. ``text`` is how the tool prints it; ``place`` finds its line. ``names_ports``: it speaks of ports."""

    conditions: tuple[Condition, ...]
    act: Act
    text: str
    place: Callable[[], Location]
    target: str = ""
    lead: Lead | None = None
    names_ports: bool = False
    hint: str = ""


@dataclass(slots=True, kw_only=True)
class Chain:
    """A list of rules. A base chain has a ``hook``; ``family`` is what it sees."""

    name: str
    rules: list[Rule] = field(default_factory=list)
    hook: str | None = None
    priority: int = 0
    kind: str = "filter"
    accepts: bool = True
    unsaid: str = ""
    """Why it is not known what happens at the end of the chain, if it is not."""
    family: NetworkSet = IPV4 | IPV6
    doors: frozenset[str] | None = None
    """For ``ingress``: the interfaces that it is at."""
    place: Callable[[], Location]


@dataclass(slots=True, kw_only=True)
class Table:
    """Chains that may jump to each other."""

    chains: dict[str, Chain] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Rules:
    """A whole rule set. ``covers`` are the families of which it is the full account."""

    tables: list[Table] = field(default_factory=list)
    covers: NetworkSet
    names: set[str] = field(default_factory=set)
    """Every interface that a rule names: with ``+`` at the end, all that begin so."""
    behind: list[tuple[NetworkSet, str]] = field(default_factory=list)
    """Networks that are known to be behind an interface."""
    doubt: str = ""
    """Why the file may not be what it is taken for: then it keeps nothing out."""
    whole: Callable[[], Location]

    def door_of(self, address: NetworkSet) -> str | None:
        """Return the interface that the address is behind, if a rule tells."""
        return next((door for network, door in self.behind if address <= network), None)

    def doors(self) -> frozenset[str]:
        """Return what interfaces packets from elsewhere may come in at: those that rules name, and all others.

        Those of containers and virtual machines on this host are not among them, nor is loopback.
        """
        outer = (name for name in self.names if name not in ("lo", "+") and not _INNER.fullmatch(name))
        return frozenset(outer) | {ELSEWHERE}


def is_door(door: str, name: str) -> bool:
    """Whether an interface, or all that begin alike, is what a rule names; ``+`` at the end stands for any rest."""
    if not name.endswith("+"):
        return door == name
    return door.removesuffix("+").startswith(name[:-1]) if door else name == "+"


def _some(packets: Packets | None) -> tuple[Packets, ...]:
    return () if packets is None else (packets,)


def _all_of(box: Packets, way: tuple[Condition, ...]) -> tuple[list[Packets], list[Packets], list[Packets]]:
    hit, missed, doubted = [box], [], []
    for one in way:
        splits = [one.split(part) for part in hit]
        hit = [part for split in splits for part in split.inside]
        missed += [part for split in splits for part in split.outside]
        doubted += [part for split in splits for part in split.unsure]
    return hit, missed, doubted
