"""The connection table of this machine: where it is nearly full the scan waits, and what it swallowed is known.

Every probe leaves an entry for as long as two minutes where a rule of this machine tracks connections. When the table
is full the kernel drops what would be a new connection, or forgets an old one, and says so to nobody but its counters
(net/netfilter/nf_conntrack_core.c): what is silent meanwhile says nothing of the host.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from auditor.model.target import Observer

COUNT: Final = Path("/proc/sys/net/netfilter/nf_conntrack_count")
MOST: Final = Path("/proc/sys/net/netfilter/nf_conntrack_max")
COUNTERS: Final = Path("/proc/net/stat/nf_conntrack")
FULL: Final = "local: this machine's connection table (nf_conntrack) is full"
_LOSSES: Final = ("insert_failed", "drop", "early_drop")
_CROWDED, _ROOMY = 0.8, 0.75
_LOOK_EVERY: Final = 0.1
_LONGEST: Final = 150.0
"""Seconds to wait for room at a time: an unanswered connection is forgotten after two minutes."""
PAUSE: Final = 0.1
"""Seconds until asking again is worth while."""


class Tracking:
    """What is known of the table just now. Times are of one clock, in seconds; nothing is read where nobody tracks."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._most = _number(MOST)
        self._next = 0.0
        self._count = 0
        self._crowded_since: float | None = None
        self._said = False
        self._losses: int | None = None
        self._lost_at = 0.0

    def holds(self, now: float) -> bool:
        """Whether new probes have to wait."""
        if now >= self._next:
            self._look(now)
        return self._crowded_since is not None and now < self._crowded_since + _LONGEST

    def lost(self, since: float, now: float) -> bool:
        """Whether the table may have swallowed a packet of ours since this time."""
        if self._count:
            self._count_losses(now)
        return self._lost_at >= since > 0

    def _look(self, now: float) -> None:
        self._next = now + _LOOK_EVERY
        if not self._most:
            return
        self._count = _number(COUNT)
        if self._losses is None and self._count:
            self._count_losses(now)
        if self._crowded_since is not None:  # somebody may have taken the advice
            self._most = _number(MOST)
        if self._count > _CROWDED * self._most:
            if self._crowded_since is None:
                self._crowded_since = now
            self._say()
        elif self._count < _ROOMY * self._most:
            self._crowded_since = None

    def _say(self) -> None:
        if self._said:
            return
        self._said = True
        self._observer.say(
            f"this machine's connection table holds {self._count:,} of {self._most:,} entries: the scan waits for room"
            " (raise net.netfilter.nf_conntrack_max, or exempt the scan with a notrack rule)"
        )

    def _count_losses(self, now: float) -> None:
        losses = _losses()
        if self._losses is not None and losses > self._losses:
            self._lost_at = now
        self._losses = losses


def _number(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _losses() -> int:
    """How many packets and entries the table had no room for, over all processors; hexadecimal in the file."""
    try:
        names, *rows = COUNTERS.read_text(encoding="ascii").splitlines()
        wanted = [at for at, name in enumerate(names.split()) if name in _LOSSES]
        return sum(int(fields[at], 16) for fields in map(str.split, rows) for at in wanted)
    except (OSError, ValueError, IndexError):
        return 0
