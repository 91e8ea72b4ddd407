"""Connections that nobody waits for any more, and that may come about all the same. No system calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auditor.collect.probe.pacing import LATE_WAIT, Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.collect.probe.chunk import Chunk

Probe = tuple[int, "Chunk", int, float]
"""Descriptor, chunk, index in it, when it was sent. Its identity tells it from an earlier one on the descriptor."""
_LEFT_TO_OTHERS: Final = 4096
"""So many places are kept for what is being asked, or half of all where there are few."""


class Lingering:
    """The probes that linger, each for :data:`LATE_WAIT` seconds since it was sent."""

    __slots__ = ("_probes", "_wheel")

    def __init__(self) -> None:
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

    def remove(self, probe: Probe) -> None:
        """It has been answered."""
        del self._probes[probe[0]]

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
