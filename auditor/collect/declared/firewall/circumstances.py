"""Conditions that hold packets against no set: fixed ones, the state of connections, the way out, what came before.

No I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.collect.declared.firewall.conditions import Split, is_door

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from auditor.collect.declared.firewall.conditions import Members
    from auditor.collect.declared.firewall.packets import Packets
    from auditor.collect.declared.firewall.space import Space
    from auditor.model.network import NetworkSet


class _Plain:
    """A condition that names no set, and of whose packets nothing is known beforehand."""

    __slots__ = ()

    @property
    def sets(self) -> Sequence[tuple[str, Members]]:
        """None."""
        return ()

    def reach(self, field: str, space: Space) -> int | None:  # noqa: ARG002 - the others look at them
        """No limit."""
        return None


@dataclass(frozen=True, slots=True)
class Fixed(_Plain):
    """True or false of every first packet of a connection."""

    holds: bool

    @property
    def decided(self) -> bool:
        """Always."""
        return True

    def split(self, packets: Packets, space: Space) -> Split:  # noqa: ARG002 - as above
        """All inside, or all outside."""
        return Split(inside=(packets,)) if self.holds else Split(outside=(packets,))

    def reach(self, field: str, space: Space) -> int | None:  # noqa: ARG002 - the others look at them
        """No limit, or nothing."""
        return None if self.holds else 0


@dataclass(frozen=True, slots=True)
class State(_Plain):
    """The state that connection tracking gives the first packet is among these: ``new``, or ``untracked``."""

    states: frozenset[str]
    inverted: bool = False

    @property
    def decided(self) -> bool:
        """Always."""
        return True

    def split(self, packets: Packets, space: Space) -> Split:  # noqa: ARG002 - as above
        """By whether the packet is tracked, and led elsewhere: ``dnat`` is a state of its own to some."""
        states = {"new" if packets.tracked else "untracked"}
        if packets.lead is not None:
            states.add("dnat")
        holds = bool(states & self.states) != self.inverted
        return Split(inside=(packets,)) if holds else Split(outside=(packets,))


@dataclass(frozen=True, slots=True)
class Goes(_Plain):
    """The packet leaves by one of these interfaces, which is known where rules tell what is behind an interface."""

    names: tuple[str, ...]
    inverted: bool
    behind: Callable[[NetworkSet], str | None]

    @property
    def decided(self) -> bool:
        """Only for some packets."""
        return False

    def split(self, packets: Packets, space: Space) -> Split:  # noqa: ARG002 - as above
        """By the address that it is led to."""
        address = packets.lead.address if packets.lead is not None else None
        door = self.behind(address) if address is not None else None
        if door is None:
            return Split(unsure=(packets,))
        holds = any(is_door(door, name) for name in self.names) != self.inverted
        return Split(inside=(packets,)) if holds else Split(outside=(packets,))


@dataclass(frozen=True, slots=True)
class Unsure(_Plain):
    """A condition that the file does not decide."""

    @property
    def decided(self) -> bool:
        """Never."""
        return False

    def split(self, packets: Packets, space: Space) -> Split:  # noqa: ARG002 - as above
        """Either."""
        return Split(unsure=(packets,))


@dataclass(frozen=True, slots=True)
class AtRest(_Plain):
    """A condition on what came before: it ``holds`` for the first packet after a quiet time, or does not."""

    holds: bool

    @property
    def decided(self) -> bool:
        """For the first packet."""
        return False

    def split(self, packets: Packets, space: Space) -> Split:  # noqa: ARG002 - as above
        """One way at rest, the other once in a while."""
        if self.holds:
            return Split(inside=(packets,), rare_outside=(packets,))
        return Split(outside=(packets,), rare_inside=(packets,))
