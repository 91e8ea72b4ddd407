"""Canaries: ports of an address that are known to answer, asked again among those that do not. Pure.

How many of them stay silent tells how much gets lost, and whether the host is still there; open ones that refuse now,
that something guards it against scans.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Final

from auditor.collect.probe.chunk import ANSWERS, CLOSED, OPEN, REFUSED
from auditor.collect.probe.rounds import CANARIES, Tally
from auditor.collect.probe.states import iter_where, where

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from collections.abc import Set as AbstractSet

    from auditor.collect.probe.chunk import Chunk

CHECKS: Final = 4
"""So many canaries that are all silent raise the question whether the host is still there."""
_TOUCH: Final = 0.5
_SHUT: Final = 1 / 2
_REFUSALS: Final = 8
_AT_ONE_DOOR: Final = 5
"""So many canaries at once for one open port: more would overflow the accept queue of a small server (listen(2))."""
_MET_AT_ONCE: Final = 8
_CROWD: Final = 32
"""So many closed ports stand before open ones that are met again in the midst of a flood."""


class Canaries:
    """What the canaries of one address have said. ``met_again`` are those that were open once more."""

    __slots__ = ("_group_lost", "_heard", "_late", "_missed", "_missing", "_round", "_stayed", "_turned", "met_again")

    def __init__(self) -> None:
        self.met_again: set[int] = set()
        self._round = Tally()
        self._heard: set[int] = set()
        self._stayed: set[int] = set()
        self._turned: set[int] = set()
        self._missed: set[int] = set()
        self._missing: Counter[int] = Counter()
        self._late = 0
        self._group_lost = False

    def hear(self, chunk: Chunk, states: bytearray, *, trusted: bool) -> None:
        """Count a chunk of canaries. ``trusted``: whether a finished handshake means that a port is open."""
        self.compare(chunk, states)
        seen = self._round
        lost = 0
        for port, code in zip(chunk.ports, chunk.codes, strict=True):
            missing = code not in ANSWERS
            lost += missing
            self._missing[port] += missing
            (self._missed if missing else self._heard).add(port)
            if code == OPEN and trusted:
                self.met_again.add(port)
            if states[port] == OPEN:
                seen.open_canaries += 1
                seen.lost_open += missing
        seen.canaries += len(chunk.ports)
        seen.lost += lost
        self._group_lost = lost == len(chunk.ports) >= CHECKS

    def hear_late(self, port: int) -> bool:
        """One of this round's was answered when it had been given up; whether it was a canary at all."""
        if not self._missing[port]:
            return False
        self._missing[port] -= 1
        self._late += 1
        return True

    def compare(self, chunk: Chunk, states: bytearray) -> None:
        """Note which open ports are still so, and which refuse. In the midst of a flood that is all that counts."""
        for port, code in zip(chunk.ports, chunk.codes, strict=True):
            if states[port] == OPEN and code in {OPEN, CLOSED}:
                (self._stayed if code == OPEN else self._turned).add(port)

    @property
    def lost_touch(self) -> bool:
        """Whether most canaries of this round, or all of its last ones, went unanswered."""
        return self._round.lost > _TOUCH * self._round.canaries or self._group_lost

    @property
    def merely_late(self) -> bool:
        """Whether those that went unanswered in time were answered later, most of them: the host is there, and slow."""
        return self._late > _TOUCH * self._round.lost

    def shut(self, named: AbstractSet[int]) -> bool:
        """Whether ports that were open refuse now: not one of several, which a service that ended explains.

        Ports that are ``named`` by the policy may be spared, so others decide where there are any.
        """
        again = self._turned | self._stayed
        counted = again - named or again
        return len(counted & self._turned) > _SHUT * len(counted)

    @property
    def steady(self) -> set[int]:
        """Ports that answered whenever they were asked again."""
        return self._heard - self._missed

    def end_round(self) -> Tally:
        """The counts of this round; the next one begins."""
        seen, self._round, self._group_lost = self._round, Tally(), False
        self._missing.clear()
        self._late = 0
        return seen


def refusals(states: bytearray, last: Container[int]) -> array[int]:
    """A few ports that were closed, none of ``last``: whether they still say so shows whether we are shut out."""
    found = (match.start() for match in re.finditer(re.escape(bytes([CLOSED])), states))
    return array("H", islice((port for port in found if port not in last), _REFUSALS))


def chosen(
    states: bytearray, last: Container[int], *, slow: Iterable[int] = (), late: Iterable[int] = ()
) -> array[int]:
    """Ports known to answer, open ones if there are any; those of ``last`` only where others do not suffice.

    Those that are ``slow`` only where there are no others, and those that were ``late`` already least of all: their
    answers would come too late again. Refusals by ICMP are chosen only where nothing else answers: hosts limit these
    messages (RFC 1812 section 4.3.2.8), so that silence of such a port says little.
    """
    states = _quick(states, slow, late)
    if opens := where(states, OPEN):
        early = [port for port in opens if port not in last]
        opens = (early + [port for port in opens if port in last])[:CANARIES]
        return array("H", (opens * _AT_ONE_DOOR)[:CANARIES])
    known = where(states, CLOSED)[:CANARIES] or where(states, REFUSED)[:CANARIES]
    return array("H", (known * CANARIES)[:CANARIES])


def _quick(states: bytearray, slow: Iterable[int], late: Iterable[int]) -> bytearray:
    for reliable in ((OPEN, CLOSED), (REFUSED,)):
        for passed_over in (slow, late):
            quick = bytearray(states)
            for port in passed_over:
                quick[port] = 0
            if any(code in quick for code in reliable):
                return quick
        if any(code in states for code in reliable):
            break
    return states


def in_a_crowd(states: bytearray, last: Container[int], times: int) -> array[int]:
    """Open ports, so many times, and each time behind closed ones; none where nothing is open.

    Those of ``last`` only where no other is open.
    """
    again = array("H")
    opens = where(states, OPEN)
    opens = [port for port in opens if port not in last] or opens
    if opens:
        crowd = iter_where(states, CLOSED)
        for _ in range(times):
            again.extend((*islice(crowd, _CROWD), *opens[:_MET_AT_ONCE]))
    return again
