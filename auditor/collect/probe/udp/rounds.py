"""When a host has been asked enough over UDP. Pure arithmetic.

Refusals (ICMP messages) tell how much gets lost, and whether the host limits them: then they stay away where they came
before, and no silence means anything. Loss is estimated as for TCP: from answers that came late and from *canaries*,
ports that are known to answer and are asked once more among the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

CANARIES: Final = 16
MOST_PASSES: Final = 10
LATE_PORTS: Final = 64
"""How many silent ports of a host that refuses nothing are asked once more, a while later."""
LATE_AFTER: Final = 1.1
"""Seconds after the beginning: a host that spent its refusals before we came may refuse again (Linux: one a second)."""
HURRIED: Final = 3
"""From this pass on (from 0) there is no long wait: answers to earlier ones are still heard."""
_SAMPLE: Final = 16
_UNMEASURED: Final = 7
"""Passes over a few ports where too little has answered to measure the loss: where a fifth gets lost each way, one
talker of a thousand stays unheard."""
_LIMITED: Final = 0.5
_MISSED_OPEN: Final = 0.01
_MISSED_REFUSAL: Final = 0.05
_TAIL: Final = 0.002


class Next(Enum):
    """What to do after a pass."""

    ENOUGH = auto()
    ANOTHER = auto()
    LATE = auto()
    """Another over :data:`LATE_PORTS` of them, when :data:`LATE_AFTER` has passed."""
    LIMITED = auto()
    """The host limits its refusals."""


@dataclass(slots=True)
class Tally:
    """What the passes over one host have brought. ``late`` came first after pass 1; canaries by what they said."""

    passes: int = 0
    opens: int = 0
    refusals: int = 0
    late_opens: int = 0
    late_refusals: int = 0
    open_canaries: int = 0
    lost_opens: int = 0
    refusal_canaries: int = 0
    lost_refusals: int = 0
    answered_last: int = 0

    @property
    def answers(self) -> int:
        """Ports that answered in any way."""
        return self.opens + self.refusals

    @property
    def loss(self) -> float:
        """The estimated probability that one try goes unanswered though somebody is there."""
        if self.refusals:
            missing = self.late_refusals + self.lost_refusals
            return (missing + 0.5) / (self.refusals + self.refusal_canaries + 1)
        # a port that took to another payload came late, too, but lost nothing: canaries alone
        return (self.lost_opens + 0.5) / (self.opens + self.open_canaries + 1)

    @property
    def limited(self) -> bool:
        """Whether most ports that were refused before are not refused any more."""
        return self.lost_refusals > _LIMITED * self.refusal_canaries

    def missed(self, answers: int) -> float:
        """How many such answers are expected to have been missed in all passes so far."""
        never = min(self.loss, 0.999) ** self.passes
        return (answers + 0.5) * never / (1 - never)

    def decide(self, silent: int) -> Next:
        """Whether ``silent`` ports may be called silent now."""
        if not silent:
            return Next.ENOUGH
        if self.passes < 2:
            return Next.ANOTHER
        if not self.refusals:
            return self._without_refusals()
        if self.limited:
            return Next.LIMITED
        settled = self.answered_last <= max(1, _TAIL * self.answers)
        if settled and self.missed(self.refusals) < _MISSED_REFUSAL:
            return Next.ENOUGH
        return Next.ANOTHER if self.passes < MOST_PASSES else Next.LIMITED

    def _without_refusals(self) -> Next:
        few = self.opens + self.open_canaries < _SAMPLE  # and nobody knows how much gets lost
        if self.passes == 2 or (few and self.passes < _UNMEASURED):
            return Next.LATE
        if not self.opens or self.passes >= MOST_PASSES or self.missed(self.opens) < _MISSED_OPEN:
            return Next.ENOUGH
        return Next.ANOTHER
