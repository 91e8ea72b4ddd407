"""A published range cut where the policy speaks differently of its ports, so that each part is judged as one port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.findings.scene import ranges
from auditor.model.ports import NO_PORTS, Port, PortSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.model.evidence import Opening
    from auditor.model.expectation import Clause, Expectation


MANY = 1024
"""So many ports of a part are told how many they are."""
FEW = 16
"""So many forbidden ports are findings of their own; more are one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Ports of one opening of which the policy says the same; ``port`` is the first of them, and speaks for all."""

    opening: Opening
    ports: PortSet
    port: Port

    @property
    def single(self) -> bool:
        """Whether it is one port."""
        return len(self.ports) == 1

    def with_more(self, other: Part) -> Part:
        """Return this part and another of its opening as one."""
        ports = self.ports | other.ports
        return Part(opening=self.opening, ports=ports, port=next(iter(ports)))

    @property
    def slot(self) -> str:
        """What stands in the port's place in the identity of a finding about more than one port."""
        return str(self.opening.ports)

    def __str__(self) -> str:
        """``443/tcp``, or the first few ranges."""
        return ranges(self.ports)

    @property
    def subject(self) -> str:
        """``443/tcp``, or of many ports how many they are, and the first few ranges."""
        return f"{len(self.ports):,} ports ({self})" if len(self.ports) > MANY else str(self)


def parts_of(opening: Opening, expectations: Iterable[Expectation]) -> Iterator[Part]:
    """Yield the parts of an opening: where only a few ports are forbidden, item by item."""
    whole = opening.ports
    if len(whole) == 1:
        yield Part(opening=opening, ports=whole, port=opening.port)
        return
    said = tuple({id(one): one for one in expectations}.values())
    states = [state for one in said for state in (one.forbidden, one.permitted, one.excepted)]
    special = [one.ports for one in _clauses(said) if one.conditions is not None or one.exception is not None]
    forbidden = NO_PORTS
    for one in said:
        forbidden |= one.forbidden
    for alike in _cut([whole], [*states, *special]):
        split = alike <= forbidden and len(alike) <= FEW
        for ports in _cut([alike], [one.ports for one in _clauses(said)]) if split else [alike]:
            yield Part(opening=opening, ports=ports, port=next(iter(ports)))


def _clauses(said: Iterable[Expectation]) -> Iterable[Clause]:
    return {id(clause): clause for one in said for clause in (*one.clauses, *one.expired)}.values()


def _cut(found: list[PortSet], cuts: Iterable[PortSet]) -> list[PortSet]:
    """Cut each set into what is inside and outside of each cut."""
    for cut in cuts:
        pieces = ((one - cut, one & cut) if not cut.isdisjoint(one) else (one,) for one in found)
        found = [piece for pair in pieces for piece in pair if piece]
    return found
