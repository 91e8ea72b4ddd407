"""Rules of address translation in one form, and what they take. No I/O.

Only what opens ports is kept: jumps, and targets that send packets elsewhere. A condition that is not understood is
taken to hold, and so is one on senders, devices or states: what comes out is never less than what is open, and where
it is wide, because no port is named, the caller has to say so rather than count it as open.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.model.network import EVERYWHERE, NetworkSet
from auditor.model.ports import ALL_TCP, ALL_UDP, PortSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

EVERY_PORT = ALL_TCP | ALL_UDP
IPV4 = NetworkSet.parse("0.0.0.0/0")
IPV6 = EVERYWHERE - IPV4

_DEEPEST = 64  # chains that call one another; the kernel itself allows 16
_MOST_STEPS = 500_000


class TooManyRulesError(Exception):
    """Following the rules takes longer than anybody waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Which packets a rule is about: to these ports of these addresses. ``inner``: only those of the host itself."""

    ports: PortSet = EVERY_PORT
    to: NetworkSet = EVERYWHERE
    inner: bool = False

    def __and__(self, other: Reach) -> Reach:
        """What both are about."""
        return Reach(ports=self.ports & other.ports, to=self.to & other.to, inner=self.inner or other.inner)

    def __bool__(self) -> bool:
        """Whether any packet is left."""
        return bool(self.ports) and bool(self.to)


EVERYTHING = Reach()
NOTHING = Reach(ports=PortSet())


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where packets are sent: an address (None: the host's own), and a port (None: the one they were sent to).

    Both are as printed: a list or a range is kept as such. ``transparent`` is a local socket that takes them as they
    are (TPROXY).
    """

    address: str | None = None
    port: str | None = None
    transparent: bool = False

    def __str__(self) -> str:
        """``172.17.0.2:80``, ``[fd00::2]:80``, ``port 8080``."""
        if self.address is None:
            return f"port {self.port}" if self.port else "this host"
        host = f"[{self.address}]" if ":" in self.address and self.port else self.address
        return f"{host}:{self.port}" if self.port else host


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What becomes of some packets: they go through another chain, or to a target."""

    reach: Reach
    jump: str | None = None
    target: Target | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Packets that address translation takes, and where they go."""

    reach: Reach
    target: Target


@dataclass(slots=True, kw_only=True)
class Ruleset:
    """The rules of one table by chain, and the chains that every arriving packet goes through."""

    chains: Mapping[str, Sequence[Rule]]
    entries: Sequence[str] = ("PREROUTING",)
    reach: Reach = EVERYTHING
    _steps: int = field(default=0, init=False)

    def taken(self, reach: Reach) -> Iterator[Taken]:
        """Yield what the rules take of the packets in ``reach``.

        :raises TooManyRulesError: more steps than anybody waits for.
        """
        for chain in self.entries:
            yield from self._follow(chain, self.reach & reach, 0)

    def _follow(self, chain: str, reach: Reach, depth: int) -> Iterator[Taken]:
        if depth > _DEEPEST:
            raise TooManyRulesError
        for rule in self.chains.get(chain, ()):
            self._steps += 1
            if self._steps > _MOST_STEPS:
                raise TooManyRulesError
            if not (met := reach & rule.reach):
                continue
            if rule.target:
                yield Taken(reach=met, target=rule.target)
            elif rule.jump:
                yield from self._follow(rule.jump, met, depth + 1)
