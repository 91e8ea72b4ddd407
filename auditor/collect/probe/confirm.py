"""The second look at the ports whose state would change the verdict. Pure: no sockets, no clock.

The first look is fast and meets every port once, so what stands on the way can make up an answer: a device that
completes handshakes while it is flooded, a service that restarts, a limit on connections. Before a state counts against
a host it is therefore looked at again, after all others and from another source port. Whatever agrees is done with at
once; the rest is asked for as long as loss could be the cause. What then still contradicts itself is *doubted*, which
is neither the one state nor the other.
"""

from __future__ import annotations

from array import array
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Final

from auditor.collect.probe.chunk import CLOSED, DOUBTED, FOREIGN, LOCAL, OPEN, REFUSED, SILENT, UNASKED, UNREACHED
from auditor.collect.probe.rounds import SILENT_PAUSE
from auditor.collect.probe.states import numbers, ports_with
from auditor.model.ports import Protocol

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from auditor.model.target import Surprises

CONFIRM: Final = "confirm"
"""The role of what is asked for a second look."""
LOOKS: Final = 10
"""So often a port is looked at again at most."""
WITNESSES: Final = 8
_SILENT_LOOKS: Final = 3
_MISTAKEN: Final = 0.01
_STATEMENTS: Final = frozenset({OPEN, CLOSED, REFUSED})
_WORDS: Final = {
    OPEN: "open",
    CLOSED: "closed",
    REFUSED: "filtered",
    FOREIGN: "filtered",
    SILENT: "silent",
    UNREACHED: "silent",
    LOCAL: "not asked",
    DOUBTED: "in doubt",
}


class SecondLook:
    """The second look at one host. ``trails`` holds what each port said, in turn, the first look's state before all.

    Ports of ``wanted`` ought to be open and were not; the others are surprises. ``before`` counts surprises that have
    been met again already. ``loss`` is the chance that a try goes unanswered; 1: silence says nothing at all. After
    ``looks`` of them it is enough. :meth:`hear` takes answers, :meth:`go_on` ends a round.
    """

    def __init__(
        self, first: dict[int, int], wanted: Container[int], *, loss: float, before: int = 0, looks: int = LOOKS
    ) -> None:
        self.trails = {port: bytearray([code]) for port, code in first.items()}
        self.todo = array("H", first)
        self._asked = frozenset(first)
        self._wanted = wanted
        self._loss = loss
        self._before = before
        self._most = looks
        self._looks = self._mute = self._unheard = 0
        self._heard = False
        self._witnesses = self._lost = 0
        self._results: dict[int, int] = {}

    def witnesses(self, states: bytearray) -> array[int]:
        """A few ports that answer and are not under question, to be asked in the next round: they tell of loss."""
        if not self._looks:
            return array("H")
        codes = (OPEN, CLOSED, REFUSED)
        known = (port for code in codes for port in numbers(ports_with(states, code)) if port not in self._asked)
        return array("H", islice(known, WITNESSES))

    def hear(self, ports: Iterable[int], codes: Iterable[int]) -> None:
        """What some ports said in this round; one that is not under question is a witness."""
        for port, code in zip(ports, codes, strict=True):
            self._heard |= code in _STATEMENTS
            if port in self._asked:
                self.trails[port].append(code)
            else:
                self._witnesses += 1
                self._lost += code not in _STATEMENTS

    def go_on(self) -> float:
        """A round is over: draw conclusions, and leave in ``todo`` what needs another.

        Gives the seconds to wait before that one: haste may be what was wrong.
        """
        self._looks += 1
        self._mute = 0 if self._heard else self._mute + 1
        left = array("H")
        for port in self.todo:
            result = self._result(port, self.trails[port])
            if result is None:
                left.append(port)
            else:
                self._results[port] = result
        self.todo, self._asked = left, frozenset(left)
        self._heard = False
        contradicted = any(self.trails[port][-1] in _STATEMENTS for port in left)
        return SILENT_PAUSE if contradicted or (left and self._looks > 1) else 0.0

    def settle(self, states: bytearray, reasons: dict[int, str]) -> int:
        """Write down what has changed; how many more ports are open now (or fewer)."""
        more = 0
        for port, code, reason in self.changed():
            more += (code == OPEN) - (states[port] == OPEN)
            states[port] = code
            if code == DOUBTED:
                reasons[port] = reason
        return more

    def changed(self) -> Iterator[tuple[int, int, str]]:
        """Each port whose state is another than the first look's, that state, and a reason in words."""
        for port, code in self._results.items():
            if code != self.trails[port][0]:
                yield port, code, self._reason(port)

    @property
    def note(self) -> str:
        """In one line, how many ports there were and what came of it."""
        changes = Counter(f"{_WORDS[self.trails[port][0]]}, then {_WORDS[code]}" for port, code, _ in self.changed())
        total = len(self.trails) + self._before
        parts = {"as before": total - changes.total() - self._unheard, **dict(sorted(changes.items()))}
        parts["without an answer and left as they were"] = self._unheard
        listed = ", ".join(f"{number} {what}" for what, number in parts.items() if number)
        return f"ports looked at a second time: {total} ({listed})"

    def _reason(self, port: int) -> str:
        """``looked at twice: open, then closed``."""
        words = [_WORDS[code] for code in self.trails[port]]
        said = [word for word, before in zip(words, ["", *words], strict=False) if word != before]
        times = "twice" if len(said) == 2 else "several times"
        return f"looked at {times}: {', then '.join(said)}"

    def _result(self, port: int, trail: bytearray) -> int | None:
        """The state of a port, or None to look once more."""
        if port in self._wanted:
            return OPEN if OPEN in trail else _informative(trail)
        if trail.count(OPEN) > 1:
            return OPEN
        if OPEN not in trail and CLOSED in trail[1:]:
            return CLOSED
        return self._in_doubt(trail)

    def _in_doubt(self, trail: bytearray) -> int | None:
        """The same for a surprise that was not met a second time."""
        again = trail[1:]
        answers = sum(code in _STATEMENTS for code in again)
        if answers > 1:
            return DOUBTED
        if not self._enough:
            return None
        if answers or (self._heard and not self._lossy and again.strip(bytes([LOCAL]))):
            return DOUBTED
        self._unheard += 1
        return trail[0]

    @property
    def _enough(self) -> bool:
        """Whether another round is pointless."""
        if self._looks >= self._most or self._mute >= _SILENT_LOOKS:
            return True
        return self._looks >= _SILENT_LOOKS and self._heard and not self._lossy

    @property
    def _lossy(self) -> bool:
        """Whether loss alone may have silenced one of all the ports in every round."""
        lately = (self._lost + 0.5) / (self._witnesses + 1) if self._witnesses else 0.0
        return len(self.trails) * max(self._loss, lately) ** self._looks >= _MISTAKEN


def second_look(
    states: bytearray,
    surprises: Surprises,
    *,
    met_again: AbstractSet[int],
    loss: float,
    opens: bool = True,
    closed: bool = True,
) -> SecondLook | None:
    """What has to be looked at again at a host, given the state of each port; None where nothing is surprising.

    ``met_again`` are ports that were found open from a second source port already. ``opens`` and ``closed``: whether
    these states mean anything at this host.
    """
    first: dict[int, int] = {}
    before = 0
    if opens:
        surprising = list(numbers(ports_with(states, OPEN) & surprises.open))
        first = {port: OPEN for port in surprising if port not in met_again}
        before = len(surprising) - len(first)
    if closed:
        first |= dict.fromkeys(numbers(ports_with(states, CLOSED) & surprises.closed), CLOSED)
    wanted = {
        port for port in numbers(surprises.shut.only(Protocol.TCP)) if port < len(states) and _is_shut(states[port])
    }
    first |= {port: states[port] for port in sorted(wanted)}
    return SecondLook(first, wanted, loss=loss, before=before) if first or before else None


def _is_shut(code: int) -> bool:
    return code not in {UNASKED, OPEN, LOCAL}


def _informative(trail: bytearray) -> int:
    """The first answer of a port that is not open, or else what was said on the way, or its silence."""
    said = (code for code in trail if code in _STATEMENTS)
    return next(said, FOREIGN if FOREIGN in trail else trail[0])
