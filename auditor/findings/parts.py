"""A published range cut where the policy speaks differently of its ports, so that each part is judged as one port."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from auditor.findings.scene import ranges
from auditor.model.ports import Port, PortSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.model.evidence import Opening
    from auditor.model.expectation import Clause, Expectation


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

    @property
    def slot(self) -> str:
        """What stands in the port's place in the identity of a finding about more than one port."""
        return str(self.opening.ports)

    def __str__(self) -> str:
        """``443/tcp``, or the first few ranges."""
        return ranges(self.ports)


def parts_of(opening: Opening, expectations: Iterable[Expectation]) -> Iterator[Part]:
    """Yield the parts of an opening, by their first port."""
    if opening.last is None or opening.last == opening.port.number:
        yield Part(opening=opening, ports=opening.ports, port=opening.port)
        return
    whole = opening.ports
    speaking = _cutting(whole, expectations)
    low, high = next(whole.ranges())
    cuts = sorted({low, high + 1, *(cut for one in speaking for cut in one.ports.bounds if low < cut <= high)})
    alike: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for start, end in pairwise(cuts):
        signature = tuple(at for at, clause in enumerate(speaking) if clause.ports.has(start))
        alike.setdefault(signature, []).append((start, end - 1))
    for spans in alike.values():
        ports = PortSet(spans)
        yield Part(opening=opening, ports=ports, port=next(iter(ports)))


def _cutting(whole: PortSet, expectations: Iterable[Expectation]) -> list[Clause]:
    """List the clauses that speak of some of the ports and not of all."""
    clauses = {id(clause): clause for one in expectations for clause in (*one.clauses, *one.expired)}
    return [one for one in clauses.values() if not one.ports.isdisjoint(whole) and not whole <= one.ports]
