"""Rules of a firewall, whoever printed them: base chains at hooks, rules with conditions and a verdict. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from auditor.collect.declared.firewall.packets import ELSEWHERE, IPV4, IPV6, Lead

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.collect.declared.firewall.conditions import Condition
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
    sctp: bool = False
    """It names SCTP, whatever else it is for."""


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
    unread: str = ""
    """Why more ports may be open than the rules let in, with the place; empty if all of them are there."""
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
