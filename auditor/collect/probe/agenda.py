"""What one address is to be asked, in which order and for which purpose, and what of it is under way. Pure."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from auditor.collect.probe import jury
from auditor.collect.probe.chunk import Chunk

if TYPE_CHECKING:
    from array import array

MOST_OUTSTANDING: Final = 32_768
_LEAST_OUTSTANDING: Final = 256
LOOK: Final = "look"
"""The role of what is asked of an address at which there may be nobody; see :mod:`auditor.collect.probe.absence`."""
AGAIN: Final = "again"
"""The role of open ports that are asked once more in the midst of the first round."""
UNHURRIED: Final = frozenset({"sentinel", "pilot"})
"""Chunks that wait long for a host that has not answered yet, and do not hold up its round."""
_SCOUTS: Final = jury.ROLES | UNHURRIED


class Segment(NamedTuple):
    """Ports to ask, in this order, for this purpose. ``due``: they have not been listened to for long yet."""

    ports: array[int]
    role: str = ""
    due: bool = True


class Agenda:
    """Segments yet to be asked, ``work``, and ``chunks`` under way, by number: ``outstanding`` ports of ``cap``.

    ``attempt`` is the pass over the ports, from 0. What answers mean, and which ports are worth asking, it does not
    know. ``scope`` is None for IPv4.
    """

    __slots__ = ("_scouts", "attempt", "cap", "chunks", "host", "local", "outstanding", "scope", "work")

    def __init__(self, host: str, scope: int | None, *, local: bool) -> None:
        self.host = host
        self.scope = scope
        self.local = local
        self.work: deque[Segment] = deque()
        self.chunks: dict[int, Chunk] = {}
        self.outstanding = 0
        self.cap = MOST_OUTSTANDING
        self.attempt = 0
        self._scouts: dict[int, Chunk] = {}

    def add(self, *segments: Segment) -> None:
        """Line these up, in this order, after all others; empty ones are left out."""
        self.work.extend(segment for segment in segments if segment.ports)

    def put_first(self, segment: Segment) -> None:
        """Have this asked before anything else."""
        self.work.appendleft(segment)

    def cut(self, number: int, most: int, timeout: float, *, watched: bool, firm: bool) -> Chunk:
        """The next ports to ask, at most so many; they count as under way until they are :meth:`back`."""
        segment = self.work.popleft()
        ports = segment.ports
        if len(ports) > most:
            self.work.appendleft(segment._replace(ports=ports[most:]) if most else segment)
            ports = ports[:most]
        chunk = self.chunks[number] = Chunk(
            number,
            ports,
            host=self.host,
            scope=self.scope,
            timeout=timeout,
            local=self.local,
            watch=watched or segment.role in jury.ROLES,
            role=segment.role,
            attempt=self.attempt,
            due=segment.due,
            firm=firm,
        )
        if segment.role in _SCOUTS:
            self._scouts[number] = chunk
        self.outstanding += len(ports)
        return chunk

    def back(self, chunk: Chunk) -> None:
        """It is no longer under way."""
        self.chunks.pop(chunk.number, None)
        self._scouts.pop(chunk.number, None)
        self.outstanding -= len(chunk.ports)

    def take_back(self, chunk: Chunk) -> None:
        """Whoever had the chunk is gone: ask it again."""
        self.back(chunk)
        self.put_first(Segment(chunk.ports, chunk.role, chunk.due))

    def ask_fewer(self) -> None:
        """Half as many at a time from now on."""
        self.cap = max(_LEAST_OUTSTANDING, self.cap // 2)

    @property
    def crowded(self) -> bool:
        """Whether it is better to wait for what the sentinels under way say."""
        return jury.crowded(self._scouts.values())

    @property
    def patient(self) -> int:
        """How many chunks are under way that wait long for a first answer."""
        return sum(chunk.role in UNHURRIED for chunk in self._scouts.values())

    @property
    def judges(self) -> bool:
        """Whether sentinels are yet to be asked, or under way."""
        return any(one.role in jury.ROLES for some in (self.work, self._scouts.values()) for one in some)
