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
from auditor.model.evidence import LOOKED
from auditor.model.ports import NO_PORTS, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from auditor.model.target import Surprises

CONFIRM: Final = "confirm"
"""The role of what is asked for a second look."""
LOOKS: Final = 10
"""So often a port is looked at again at most."""
WITNESSES: Final = 8
_MANY: Final = 1024
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
}


class SecondLook:
    """The second look at one host, over ports by number.

    ``opens`` and ``closed`` are surprises, by what they were the first time; ``wanted`` ought to be open, and says what
    it was instead. ``loss`` is the chance that a try goes unanswered; 1: silence says nothing at all. After ``looks``
    of them it is enough. ``before`` counts surprises that have been met again already.

    ``todo`` is to be asked. :meth:`hear` takes answers, :meth:`go_on` ends a round.
    """

    def __init__(
        self,
        opens: PortSet,
        closed: PortSet,
        wanted: Mapping[int, int],
        *,
        loss: float,
        before: int = 0,
        looks: int = LOOKS,
    ) -> None:
        self.todo = array("H", (*numbers(opens), *numbers(closed), *wanted))
        self._opens = opens
        self._wanted = wanted
        self._loss = loss
        self._most = looks
        self._total = before + len(self.todo)
        self._added = array("H")
        self._trails: dict[int, bytes] = {}
        """What each port said in turn, the first look's state before all; but for those that agreed at once."""
        self._results: dict[int, int] = {}
        self._shared: dict[bytes, bytes] = {}
        self._looks = self._mute = self._unheard = 0
        self._witnesses = self._lost = 0
        self._heard = False

    def witnesses(self, states: bytearray, named: Container[int]) -> array[int]:
        """A few ports that answer and are not under question, to be asked beside them: they tell of loss.

        They tell, too, whether the host still speaks to us: a guard that shuts a scanner out may spare what is
        published, so ports that the policy names are asked only where no other port answers.
        """
        if not self._looks:
            return array("H")
        codes = (OPEN, CLOSED, REFUSED)
        todo = frozenset(self.todo)
        known = [
            port for code in codes for port in islice(numbers(ports_with(states, code)), _MANY) if port not in todo
        ]
        return array("H", [port for port in known if port not in named][:WITNESSES] or known[:WITNESSES])

    def hear(self, ports: Iterable[int], codes: Iterable[int], *, witness: bool = False) -> None:
        """What some ports said in this round: some of ``todo``, or witnesses."""
        for port, code in zip(ports, codes, strict=True):
            self._heard |= code in _STATEMENTS
            if witness:
                self._witnesses += 1
                self._lost += code not in _STATEMENTS
                continue
            trail = self._trails.get(port) or bytes([self._first(port)])
            if len(trail) > 1 or code != trail[0] or port in self._wanted:
                trail += bytes([code])
                self._trails[port] = self._shared.setdefault(trail, trail)

    def add(self, port: int) -> None:
        """One more is open, against all wishes."""
        self._opens |= PortSet.numbers([port])
        self._total += 1
        self._added.append(port)

    def go_on(self) -> float:
        """A round is over: draw conclusions, and leave in ``todo`` what needs another.

        Gives the seconds to wait before that one: haste may be what was wrong.
        """
        self._looks += 1
        self._mute = 0 if self._heard else self._mute + 1
        left = array("H")
        for port, trail in self._trails.items():
            if port not in self._results:
                result = self._result(port, trail)
                if result is None:
                    left.append(port)
                else:
                    self._results[port] = result
        left.extend(self._added)
        self._added = array("H")
        self.todo = left
        self._heard = False
        contradicted = any(trail[-1] in _STATEMENTS for trail in map(self._trails.get, left) if trail)
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
        """Each port whose state is another than the first look's, that state, and the reason in words."""
        for port, code in self._results.items():
            trail = self._trails[port]
            if code != trail[0]:
                told = _told(trail)
                times = "twice" if told.count(" then ") == 1 else "several times"
                yield port, code, f"{LOOKED} {times}: {told}"

    @property
    def note(self) -> str:
        """In one line, how many ports there were and what came of it."""
        changes: Counter[str] = Counter()
        for port, code, _ in self.changed():
            trail = self._trails[port]
            changes[f"in doubt: {_told(trail)}" if code == DOUBTED else _told(bytes([trail[0], code]))] += 1
        parts = {"as before": self._total - changes.total() - self._unheard, **dict(sorted(changes.items()))}
        parts["without an answer and left as they were"] = self._unheard
        listed = ", ".join(f"{number} {what}" for what, number in parts.items() if number)
        return f"ports looked at a second time: {self._total} ({listed})"

    def _first(self, port: int) -> int:
        """What it was the first time."""
        if port in self._wanted:
            return self._wanted[port]
        return OPEN if self._opens.has(port) else CLOSED

    def _result(self, port: int, trail: bytes) -> int | None:
        """The state of a port, or None to look once more."""
        if port in self._wanted:
            return OPEN if OPEN in trail else _informative(trail)
        if trail.count(OPEN) > 1:
            return OPEN
        if OPEN not in trail and CLOSED in trail[1:]:
            return CLOSED
        return self._in_doubt(trail)

    def _in_doubt(self, trail: bytes) -> int | None:
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
        return self._total * max(self._loss, lately) ** self._looks >= _MISTAKEN


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
    surprising = ports_with(states, OPEN) & surprises.open if opens else NO_PORTS
    again = surprising - PortSet.numbers(met_again)
    refusing = ports_with(states, CLOSED) & surprises.closed if closed else NO_PORTS
    expected = (port for port in numbers(surprises.shut.only(Protocol.TCP)) if port < len(states))
    wanted = {port: states[port] for port in expected if states[port] not in {UNASKED, OPEN, LOCAL}}
    if not (surprising or refusing or wanted):
        return None
    return SecondLook(again, refusing, wanted, loss=loss, before=len(surprising) - len(again))


def _told(trail: bytes) -> str:
    """``open, then closed``."""
    words = [_WORDS[code] for code in trail]
    return ", then ".join(word for word, before in zip(words, ["", *words], strict=False) if word != before)


def _informative(trail: bytes) -> int:
    """The first answer of a port that is not open, or else what was said on the way, or its silence."""
    said = (code for code in trail if code in _STATEMENTS)
    return next(said, FOREIGN if FOREIGN in trail else trail[0])
