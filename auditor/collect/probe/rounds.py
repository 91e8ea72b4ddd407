"""How often to ask, and when it is enough: the arithmetic of loss. Pure; shared by all methods.

Every round asks what has not answered. From the second on, ports that are known to answer (canaries) are mixed in:
how many of these stay silent tells how much of the silence is loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

CANARIES: Final = 32
MOST_ROUNDS: Final = 14
SILENT_ROUNDS: Final = 3
"""Passes over a host that has answered nothing at all, the last one after :data:`SILENT_PAUSE` seconds."""
SILENT_PAUSE: Final = 0.25
SHORT: Final = 4096
"""A round of at most so many ports is over in a moment, and what goes wrong for a moment is not to count as silence
twice: the second one starts :data:`BREATH` seconds later."""
BREATH: Final = 0.1
_MISSED: Final = 0.002
_TAIL: Final = 0.002
_LIMITED: Final = 0.05
_REFUSALS: Final = 4
_CEASED: Final = 0.75
_CERTAIN: Final = 4
"""So many rounds until closed ports that are silent are not just late."""


class Next(Enum):
    """What to do after a round."""

    ENOUGH = auto()
    LIMITS_REFUSALS = auto()
    """Enough: what is silent is closed or filtered, if the host limits its refusals alone and not connections, too."""
    ANOTHER = auto()
    LOST = auto()
    """Too much gets lost to say anything about what is silent."""
    GONE = auto()
    """The host answers no more, not even where it did before: what was silent lately says nothing."""


@dataclass(slots=True)
class Tally:
    """What the rounds of one host have brought so far. ``late`` answers came first after round 1."""

    rounds: int = 0
    answers: int = 0
    opens: int = 0
    late: int = 0
    late_opens: int = 0
    canaries: int = 0
    lost: int = 0
    open_canaries: int = 0
    lost_open: int = 0
    asked_last: int = 0
    answered_last: int = 0
    refusals: int = 0
    """Ports that were closed before, asked again; of these stayed silent ``lost_refusals``."""
    lost_refusals: int = 0
    kept_in_last: int = 0
    """Probes of the last round that this machine's firewall kept in and said so. Its messages are limited, too."""

    @property
    def alive(self) -> bool:
        """Whether the host has answered anything at all, itself: a refusal of somebody on the way does not count."""
        return self.answers > 0

    @property
    def loss(self) -> float:
        """The estimated probability that one try goes unanswered though somebody is there.

        Where canaries get lost more often than the first round's answers tell, things have become worse since.
        """
        overall = (self.late + self.lost + 0.5) / (self.answers + self.canaries + 1)
        return max(overall, self.lost / self.canaries) if self.lost > 1 else overall

    @property
    def loss_of_opens(self) -> float:
        """The same, counted over open ports alone."""
        return (self.late_opens + self.lost_open + 0.5) / (self.opens + self.open_canaries + 1)

    def missed(self, loss: float) -> float:
        """How many open ports are expected to have been missed in all rounds so far, given this loss.

        Infinitely many before the first round has been carried through: nobody knows.
        """
        if not self.rounds:
            return float("inf")
        never = min(loss, 0.999) ** self.rounds
        return (self.opens + 0.5) * never / (1 - never)

    @property
    def limits_refusals(self) -> bool:
        """Whether the opens all answer while closed ports answer ever less."""
        if self.refusals >= _REFUSALS and self.lost_refusals * 2 < self.refusals:  # asked again they do answer
            return False
        few = self.answered_last < _LIMITED * max(1, self.asked_last) or self.rounds >= MOST_ROUNDS
        return (
            self.opens > 0 and few and self.loss_of_opens < self.loss / 2 and self.missed(self.loss_of_opens) < _MISSED
        )

    @property
    def shut_out(self) -> bool:
        """Whether closed ports have ceased to answer while open ones go on: other open ones may have ceased, too."""
        return self.refusals >= _REFUSALS and self.lost_refusals > _CEASED * self.refusals

    def count_refusals(self, asked: int, silent: int) -> None:
        """Ports that were closed have been asked again."""
        self.refusals += asked
        self.lost_refusals += silent

    def end_round(self, seen: Tally) -> None:
        """A round has been carried through: its canaries count."""
        self.rounds += 1
        self.canaries += seen.canaries
        self.lost += seen.lost
        self.open_canaries += seen.open_canaries
        self.lost_open += seen.lost_open

    def decide(self, silent: int) -> Next:
        """Whether ``silent`` ports may be called silent now."""
        if not silent:
            return Next.ENOUGH
        if self.rounds < 2:
            return Next.ANOTHER
        settled = self.answered_last <= _TAIL * max(1, self.answers) and not self.kept_in_last
        if settled and self.missed(self.loss) < _MISSED:
            if not self.shut_out:
                return Next.ENOUGH
            return Next.ANOTHER if self.rounds < _CERTAIN else Next.LIMITS_REFUSALS
        if self.limits_refusals and not self.kept_in_last:
            return Next.LIMITS_REFUSALS
        return Next.ANOTHER if self.rounds < MOST_ROUNDS else Next.LOST
