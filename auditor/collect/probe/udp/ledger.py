"""What is known of one address: the state of each port asked, and what was said about it. No sockets, no clock."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from itertools import compress
from typing import TYPE_CHECKING, Final

from auditor.collect.probe.chunk import CLOSED, DOUBTED, FOREIGN, LOCAL, OPEN, REFUSED, SILENT, UNASKED, UNREACHED
from auditor.collect.probe.udp.rounds import Tally
from auditor.collect.probe.udp.table import questions
from auditor.model.evidence import ServiceSeen
from auditor.model.ports import Port, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.collect.probe.udp.asking import Plan

REFUSALS: Final = (CLOSED, REFUSED)
ANSWERS: Final = (OPEN, *REFUSALS)
_DOUBTS: Final = frozenset({UNASKED, SILENT, UNREACHED, LOCAL})
_REMARKS: Final = 8
_LOOKS: Final = 4
"""How many datagrams of a port are looked at: one for each question asked, but no flood."""


class Ledger:
    """Ports are spoken of by their index in the plan. ``states`` holds a code a port, ``reasons`` explains odd ones.

    ``remarks`` counts the messages that refused ports. ``shown_silent`` are ports at which a host that limits its
    refusals was silent although it had one to spend.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.states = bytearray(len(plan.ports))
        self.tally = Tally()
        self.reasons: dict[int, str] = {}
        self.services: dict[int, ServiceSeen] = {}
        self.remarks: Counter[str] = Counter()
        self.shown_silent: frozenset[int] = frozenset()
        self._looks: Counter[int] = Counter()

    def index(self, port: int) -> int | None:
        """Where a port stands, if it was asked."""
        ports = self.plan.ports
        at = bisect_left(ports, port)
        return at if at < len(ports) and ports[at] == port and self.states[at] != UNASKED else None

    def answered(self, index: int) -> bool:
        """Whether the port has answered, or was refused."""
        return self.states[index] in ANSWERS

    def with_code(self, *codes: int) -> list[int]:
        """The indexes of ports with these outcomes, ascending within each."""
        states = self.states
        return [found.start() for code in codes for found in re.finditer(re.escape(bytes([code])), states)]

    def doubtful(self, excluded: frozenset[int]) -> list[int]:
        """Ports without an answer, in the order of asking, but for those of the excluded numbers."""
        states, ports = self.states, self.plan.ports
        return [one for one in self.plan.order if states[one] in _DOUBTS and ports[one] not in excluded]

    def ports(self, indexes: Iterable[int]) -> PortSet:
        """The ports of these indexes."""
        return PortSet.numbers((self.plan.ports[index] for index in indexes), Protocol.UDP)

    def ports_with(self, code: int) -> PortSet:
        """The ports with this outcome."""
        mask = (state == code for state in self.states)
        return PortSet.numbers(compress(self.plan.ports, mask), Protocol.UDP) if code in self.states else PortSet()

    def by_reason(self, code: int) -> list[tuple[PortSet, str]]:
        """The ports with this outcome, by the reason given."""
        groups: dict[str, list[int]] = {}
        for index in self.with_code(code):
            groups.setdefault(self.reasons.get(index, "local: cause unknown"), []).append(index)
        return [(self.ports(indexes), reason) for reason, indexes in sorted(groups.items())]

    def doubt(self, index: int, code: int, reason: str) -> None:
        """Something that is no answer of the host was said of a port: refused on the way, not reached, not sent."""
        if not self.answered(index):
            if code == FOREIGN != self.states[index]:
                self._remark(reason)
            self.states[index] = code
            self.reasons[index] = reason

    def answer(self, index: int, code: int, reason: str) -> None:
        """The first answer of a port, or a better one: open outweighs refusals."""
        tally, before = self.tally, self.states[index]
        if before in ANSWERS:
            if code == OPEN != before:
                self.states[index] = OPEN
                tally.opens += 1
                tally.refusals -= 1
            return
        self.states[index] = code
        tally.answered_last += 1
        late = tally.passes > 0
        if code == OPEN:
            tally.opens += 1
            tally.late_opens += late
        else:
            tally.refusals += 1
            tally.late_refusals += late
        if code == REFUSED:
            self._remark(reason)

    def revise(self, index: int, code: int, reason: str) -> None:
        """What a port has come to after a second look, whatever it was before."""
        self.tally.opens += (code == OPEN) - (self.states[index] == OPEN)
        self.states[index] = code
        if code == DOUBTED:
            self.reasons[index] = reason
            self.services.pop(self.plan.ports[index], None)

    def _remark(self, reason: str) -> None:
        if reason in self.remarks or len(self.remarks) < _REMARKS:
            self.remarks[reason] += 1

    def identify(self, port: int, data: bytes) -> None:
        """What an open port sent tells who is there; the first to tell a version is believed."""
        known = self.services.get(port)
        if self._looks[port] >= _LOOKS or (known is not None and known.version):
            return
        self._looks[port] += 1
        for payload in questions(port):
            told = payload.recognise(data)
            if told is not None and payload.service:
                self.services[port] = ServiceSeen(
                    port=Port(Protocol.UDP, port),
                    service=payload.service,
                    product=told.product or (known.product if known else None),
                    version=told.version or (known.version if known else None),
                )
                return
