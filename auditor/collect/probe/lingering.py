"""Connections that nobody waits for any more, and that may come about all the same."""

from __future__ import annotations

import select
from errno import EALREADY, ECONNREFUSED
from typing import TYPE_CHECKING, Final

from auditor.collect.probe.chunk import CLOSED, OPEN, REFUSALS
from auditor.collect.probe.descriptors import ANY4, ANY6, CAME_ABOUT
from auditor.collect.probe.late import Late
from auditor.collect.probe.pacing import LATE_WAIT, Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.collect.probe.chunk import Chunk
    from auditor.collect.probe.descriptors import Descriptors
    from auditor.collect.probe.errorqueue import ErrorQueues
    from auditor.collect.probe.icmp import Message

Probe = tuple[int, "Chunk", int, float]
"""Descriptor, chunk, index in it, when it was sent. Its identity tells it from an earlier one on the descriptor."""
_LEFT_TO_OTHERS: Final = 4096
"""So many places are kept for what is being asked, or half of all where there are few."""


class Lingering:
    """The probes that linger, each for :data:`LATE_WAIT` seconds since it was sent.

    It tells what a late answer says, and gives its descriptor back. Why a probe was given up, it does not know, nor
    what is asked meanwhile.
    """

    __slots__ = ("_descriptors", "_errors", "_probes", "_wheel")

    def __init__(self, descriptors: Descriptors, errors: ErrorQueues) -> None:
        self._descriptors = descriptors
        self._errors = errors
        self._probes: dict[int, Probe] = {}
        self._wheel: Wheel[Probe] = Wheel()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._probes)

    def has_room(self, limit: int) -> bool:
        """Whether one more may, for which nothing is to wait. ``limit`` is how many probes there may be in all."""
        return len(self._probes) < max(limit // 2, limit - _LEFT_TO_OTHERS)

    def add(self, probe: Probe) -> None:
        """It lingers from now on."""
        self._probes[probe[0]] = probe
        self._wheel.bucket(probe[3] + LATE_WAIT).append(probe)

    def get(self, descriptor: int) -> Probe | None:
        """What lingers on this descriptor."""
        return self._probes.get(descriptor)

    def hear(self, probe: Probe, mask: int, now: float) -> tuple[Late | None, list[tuple[Message, int, str]]]:
        """Something came for a probe, an event with this ``mask``: its answer, and what the network said meanwhile.

        None if it was none, or if the chunk is still under way and has the answer now. ICMP messages go the way of all
        others.
        """
        descriptor, chunk, index, _ = probe
        descriptors = self._descriptors
        error = descriptors.connect[descriptor](ANY4 if chunk.scope is None else ANY6)
        refusal: tuple[int, str | None] | None = None
        messages: list[tuple[Message, int, str]] = []
        if error != ECONNREFUSED and (error != EALREADY or mask & select.EPOLLERR):
            refusal, messages = self._errors.verdict(descriptor, chunk, index, late=True)
        if error == EALREADY and refusal is None:
            return None, messages
        del self._probes[descriptor]
        if error == ECONNREFUSED:
            descriptors.unread.add(descriptor)
            descriptors.idle[chunk.scope is not None].append(descriptor)
            return _late(probe, now, CLOSED), messages
        if error == EALREADY:
            descriptors.free(descriptor, six=chunk.scope is not None)
        else:
            descriptors.drop(descriptor)
        if error in CAME_ABOUT:
            return _late(probe, now, OPEN), messages
        if refusal is not None and refusal[0] in REFUSALS:
            return _late(probe, now, *refusal), messages
        return None, messages

    def due(self, now: float) -> Iterator[Probe]:
        """Those whose time is over; they are removed."""
        for probe in self._wheel.due(now):
            if self._probes.get(probe[0]) is probe:
                del self._probes[probe[0]]
                yield probe

    @property
    def next_due(self) -> float | None:
        """When the earliest is due."""
        return self._wheel.next_due

    def clear(self) -> None:
        """Forget them all."""
        self._probes.clear()


def _late(probe: Probe, now: float, code: int, reason: str | None = None) -> Late | None:
    _, chunk, index, sent = probe
    if not chunk.left:
        return Late(chunk.host, chunk.scope, chunk.asked[index], chunk.attempt, code, now - sent, reason)
    chunk.codes[index] = code  # it is not too late
    if reason is not None:
        chunk.reasons[index] = reason
    chunk.slow.append((chunk.asked[index], now - sent))
    return None
