"""Canaries over UDP: ports of an address that have answered, asked again among those that have not. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from auditor.collect.probe.chunk import CLOSED, OPEN, REFUSED
from auditor.collect.probe.udp.rounds import CANARIES

if TYPE_CHECKING:
    from auditor.collect.probe.udp.ledger import Ledger

_FEW_CANARIES: Final = 4


class Canaries:
    """Which answered ports have been asked again in a pass, by index, how often, and how often in vain so far.

    It chooses and counts; when a pass is over, and what the loss means, others decide.
    """

    __slots__ = ("_asked", "_unheard")

    def __init__(self) -> None:
        self._asked: Counter[int] = Counter()
        self._unheard: Counter[int] = Counter()

    def sent(self, index: int) -> None:
        """It has been asked once more."""
        self._asked[index] += 1
        self._unheard[index] += 1

    def hear(self, index: int) -> bool:
        """It has answered; whether an answer was missing."""
        missing = self._unheard.get(index, 0) > 0
        if missing:
            self._unheard[index] -= 1
        return missing

    def expect_none(self) -> None:
        """Answers that are missing are waited for no longer."""
        self._unheard.clear()

    def count(self, ledger: Ledger) -> None:
        """The pass is over: enter in the tally what was asked, and what was lost."""
        tally = ledger.tally
        for index, asked in self._asked.items():
            if ledger.states[index] == OPEN:
                tally.open_canaries += asked
                tally.lost_opens += self._unheard[index]
            else:
                tally.refusal_canaries += asked
                tally.lost_refusals += self._unheard[index]
        self._asked.clear()
        self._unheard.clear()


def chosen(ledger: Ledger, doubts: int) -> list[int]:
    """Ports that are known to be refused, again and again if they are few, and some that are open."""
    wanted = min(CANARIES, max(_FEW_CANARIES, doubts))
    refused = ledger.with_code(CLOSED, REFUSED)[:wanted]
    found = [*ledger.with_code(OPEN)[: CANARIES // 2], *(refused * wanted)[:wanted]]
    found.sort(key=lambda index: index * 40503 & 0xFFFF)
    return found
