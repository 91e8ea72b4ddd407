"""Answers that come after the round has gone on: what one says, and how long it pays to listen. Pure.

Some ports of a host may be served from far away, through a tunnel or a proxy, and the answers of the others tell
nothing of that. A round does not wait for them: a probe that is given up goes on being listened to while further rounds
are under way, and only what is then still missing of :data:`LATE_WAIT` is waited for before silence is called silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from auditor.collect.probe.chunk import SILENT
from auditor.collect.probe.pacing import LATE_WAIT

if TYPE_CHECKING:
    from auditor.collect.probe.chunk import Chunk

SLOW: Final = 0.1
"""An answer that took more seconds than this may be too late another time, even if it was in time once."""


class Late(NamedTuple):
    """An answer of a port whose chunk was over. ``attempt`` is the pass it answers; ``scope`` is that of the chunk.

    ``seconds`` is how long it took, 0 where nobody knows; ``reason`` explains an odd one.
    """

    host: str
    scope: int | None
    port: int
    attempt: int
    code: int
    seconds: float
    reason: str | None = None


class Listening:
    """When the probes of one address were sent that go on being listened to."""

    __slots__ = ("_every", "_first")

    def __init__(self) -> None:
        self._first = self._every = 0.0

    def note(self, chunk: Chunk) -> None:
        """A chunk is back; what kept silent of it is still listened to, where it is ``heard``."""
        if chunk.heard and SILENT in chunk.codes:
            self._every = max(self._every, chunk.sent)
            if chunk.due:
                self._first = max(self._first, chunk.sent)

    def left(self, now: float, *, lossy: bool) -> float:
        """Seconds until every silent port has been listened to long enough.

        Once is enough where nothing gets lost. Where something does, the answer may have been lost that time, so that
        each time counts.
        """
        since = self._every if lossy else self._first
        return max(0.0, since + LATE_WAIT - now) if since else 0.0
