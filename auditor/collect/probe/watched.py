"""Connections that came about and may be no more than somebody's way to greet all: watched for a reset."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from auditor.collect.probe.pacing import Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.collect.probe.descriptors import Descriptors
    from auditor.collect.probe.lingering import Probe

WATCH: Final = 0.3
"""Seconds for which a suspicious open port is watched for a reset."""


class Watched:
    """The probes whose connection is watched, each for :data:`WATCH` seconds.

    It tells who was reset, and whose time is over; what that says of a port, and what becomes of the descriptor, is
    left to who asks.
    """

    __slots__ = ("_probes", "_sockets", "_wheel")

    def __init__(self, descriptors: Descriptors) -> None:
        self._sockets = descriptors.sockets
        self._probes: dict[int, Probe] = {}
        self._wheel: Wheel[Probe] = Wheel()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._probes)

    def add(self, probe: Probe, now: float) -> None:
        """It is watched from now on; a reset may have come already."""
        self._probes[probe[0]] = probe
        self._wheel.bucket(now + WATCH).append(probe)

    def get(self, descriptor: int) -> Probe | None:
        """What is watched on this descriptor."""
        return self._probes.get(descriptor)

    def reset(self, probe: Probe) -> bool:
        """Whether a reset has come; then it is watched no longer."""
        try:
            self._sockets[probe[0]].recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            del self._probes[probe[0]]
            return True
        return False

    def due(self, now: float) -> Iterator[Probe]:
        """Those whose time is over without a reset; they are watched no longer."""
        for probe in self._wheel.due(now):
            if self._probes.get(probe[0]) is probe:
                del self._probes[probe[0]]
                yield probe

    @property
    def next_due(self) -> float | None:
        """When the time of the first is over."""
        return self._wheel.next_due

    def clear(self) -> None:
        """Forget them all."""
        self._probes.clear()
