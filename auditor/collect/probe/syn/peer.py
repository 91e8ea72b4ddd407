"""Addresses as the SYN method knows them: the way to each, whether anybody is there, and what is asked from where."""

from __future__ import annotations

import secrets
import socket
from bisect import bisect_right
from collections import OrderedDict
from hashlib import blake2s
from typing import TYPE_CHECKING, Final

from auditor.collect.probe.icmp import ROUTE_ERRORS
from auditor.collect.probe.syn.neighbours import Neighbours
from auditor.collect.probe.syn.packet import template
from auditor.collect.probe.syn.route import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.collect.probe.chunk import Chunk
    from auditor.collect.probe.syn.packet import Template
    from auditor.collect.probe.syn.wire import Name

_SECRET: Final = secrets.token_bytes(16)
_ABSENT_FOR: Final = 0.4
"""Seconds for which nobody is asked for again who did not answer as our neighbour."""
_REMEMBERED: Final = 1 << 14


class Flight:
    """A chunk under way: what asks it, and when which part of it was first sent."""

    __slots__ = ("chunk", "lows", "peer", "questions", "times")

    def __init__(self, chunk: Chunk, peer: Peer) -> None:
        self.chunk = chunk
        self.peer = peer
        self.questions: list[tuple[bytes, int]] = []
        self.lows: list[int] = []
        self.times: list[float] = []

    def sent(self, index: int) -> float:
        """When this one was."""
        return self.times[bisect_right(self.lows, index) - 1]


class Question:
    """The SYNs to one address from one source port.

    All carry one sequence number that nobody else can know, so that only an answer to them acknowledges it; it follows
    from the two, so that asking a port once more from there repeats the very packet (RFC 9293 section 3.8.1), and does
    not look like another connection. ``where`` has the chunk and the index of each port that may still answer.
    """

    __slots__ = ("acknowledgement", "template", "users", "where")

    def __init__(self, source: bytes, target: bytes, port: int) -> None:
        self.acknowledgement = acknowledgement(target, port)
        sequence = (self.acknowledgement - 1) & 0xFFFFFFFF
        self.template: Template = template(source, target, port, sequence)
        self.where: dict[int, tuple[Flight, int]] = {}
        self.users = 0


def acknowledgement(target: bytes, port: int) -> int:
    """What an answer to a SYN to this packed address from this port of ours acknowledges, and nothing else does."""
    cookie = blake2s(target + port.to_bytes(2, "big"), digest_size=4, key=_SECRET).digest()
    return (int.from_bytes(cookie, "big") + 1) & 0xFFFFFFFF


class Peer:
    """One address. ``trouble`` says why nothing can be sent there from this machine.

    While ``present`` is false it is not known whether anybody is there, and ``pending`` waits.
    """

    __slots__ = ("absent_until", "asked", "family", "name", "packed", "pending", "present", "route", "spare", "trouble")

    def __init__(self, host: str, scope: int | None, kernel: Kernel) -> None:
        self.name: Name = (host, 0) if scope is None else (host, 0, 0, scope)
        self.family = int(socket.AF_INET if scope is None else socket.AF_INET6)
        self.packed = socket.inet_pton(self.family, host)
        self.present = True
        self.absent_until = 0.0
        self.pending: list[Chunk] = []
        self.asked: dict[int, float] = {}
        """When it was last asked from each source port for passes, by the port's index."""
        self.spare = 0
        """The last of the source ports for single probes that was used."""
        self.route = None
        self.trouble: str | None = None
        try:
            self.route = kernel.route(self.packed, scope or 0)
        except OSError as error:
            self.trouble = ROUTE_ERRORS.get(error.errno or 0, f"local: {error.strerror}")

    def question(self, port: int) -> Question:
        """What asks this address from this port of ours."""
        return Question(self.route.source if self.route else b"", self.packed, port)


class Peers:
    """All addresses. ``listen`` is told of every descriptor that :meth:`step` should be called for."""

    def __init__(self, listen: Callable[[int], None]) -> None:
        self._listen = listen
        self._kernel = Kernel()
        self._neighbours = Neighbours()
        self._known: OrderedDict[tuple[str, int | None], Peer] = OrderedDict()
        self._sought: dict[bytes, Peer] = {}

    def close(self) -> None:
        """Let go of the sockets."""
        self._neighbours.close()
        self._kernel.close()

    @property
    def next_due(self) -> float | None:
        """When :meth:`step` has something to do even if nobody answers."""
        return self._neighbours.next_due

    def of(self, chunk: Chunk, now: float) -> Peer:
        """Whom the chunk asks. On a network of our own he is looked for first."""
        key = chunk.host, chunk.scope
        peer = self._known.get(key)
        if peer is None:
            peer = self._known[key] = Peer(chunk.host, chunk.scope, self._kernel)
            self._forget()
            self._seek(peer, now)
        elif peer.absent_until and now >= peer.absent_until:
            peer.absent_until = 0.0
            self._seek(peer, now)
        return peer

    def asked(self, host: str, slot: int) -> float | None:
        """When this address, of no zone, was last asked from that source port, by its index; None: nobody knows."""
        peer = self._known.get((host, 0 if ":" in host else None))
        return peer.asked.get(slot) if peer is not None else None

    def step(self, now: float) -> tuple[list[Chunk], list[Chunk]]:
        """What has waited: the chunks that can be sent now, and those of addresses that nobody has."""
        there: list[Chunk] = []
        nowhere: list[Chunk] = []
        if not self._sought:
            return there, nowhere
        found, absent = self._neighbours.step(now)
        for address in found:
            there += self._settle(address)
        for address in absent:
            self._sought[address].absent_until = now + _ABSENT_FOR
            nowhere += self._settle(address)
        return there, nowhere

    def _settle(self, address: bytes) -> list[Chunk]:
        peer = self._sought.pop(address)
        peer.present = True
        pending, peer.pending = peer.pending, []
        return pending

    def _forget(self) -> None:
        """Of very many addresses those that came first are done with; who is asked again is looked up again."""
        if len(self._known) > _REMEMBERED:
            key, peer = self._known.popitem(last=False)
            if not peer.present:
                self._known[key] = peer

    def _seek(self, peer: Peer, now: float) -> None:
        route = peer.route
        if route is None or not route.direct or not self._neighbours.can_ask(route.interface):
            return
        if self._kernel.knows_neighbour(peer.packed, route.interface):
            return
        peer.present = False
        self._sought[peer.packed] = peer
        for descriptor in self._neighbours.look_for(peer.packed, route, now):
            self._listen(descriptor)
