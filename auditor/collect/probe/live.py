"""A live scan as evidence: from a batch of targets to one observation an address. The way in to this package."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

from auditor import __version__
from auditor.collect.probe.campaign import Campaign
from auditor.collect.probe.icmp import KEPT_IN, NO_NEIGHBOUR
from auditor.collect.probe.local import Neighbourhood, is_local, lets_out, many_descriptors, scope_of
from auditor.collect.probe.news import Told
from auditor.collect.probe.observation import concluded, increment, interrupted, known_codes, nothing_to_ask, unasked
from auditor.collect.probe.subject import Subject
from auditor.collect.probe.turns import fairly
from auditor.model.evidence import INTERRUPTED, NO_ANSWER, Completion, Kind, Observation, Origin
from auditor.model.network import parse_address
from auditor.model.ports import PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model.target import Batch, Observer, Target

_PORT_ZERO = PortSet.parse("0")
_NO_ZONE = "local: there is no such network interface as the address names"


class LiveScan:
    """Evidence that is gathered while it is read. Read it once; breaking off closes everything."""

    def __init__(self, batch: Batch, observer: Observer) -> None:
        self._batch = batch
        self._observer = observer
        asks = {target.ask for target in batch.targets}
        self.origin = Origin(
            kind=Kind.PROBE,
            source="live",
            tool=f"auditor {__version__}",
            vantage=batch.vantage,
            started=datetime.now(UTC),
            asked=asks.pop() if len(asks) == 1 else None,
        )
        self.completion = Completion(complete=False, reason="not begun")
        self._campaign: Campaign | None = None
        self._told = Told()
        self._neighbourhood = Neighbourhood()
        self._unbegun: deque[Target] = deque(batch.targets)

    def __iter__(self) -> Iterator[Observation]:
        """One observation a target, as each is finished."""
        self.completion = Completion(complete=False, reason=INTERRUPTED)
        at_once, ready = self._sorted_out()
        self._unbegun.clear()
        with many_descriptors() as descriptors:
            self._campaign = Campaign(
                deque(fairly(ready)), _subject, self._batch, self._observer, descriptors=descriptors
            )
            try:
                yield from at_once
                for subject in self._campaign:
                    yield concluded(subject, self._batch.vantage, self._silence(subject))
            finally:
                stopped = datetime.now(UTC)
                self.completion = Completion(complete=False, reason=INTERRUPTED, finished=stopped)
        self.completion = Completion(complete=True, finished=datetime.now(UTC))

    def underway(self) -> Iterator[Observation]:
        """What has become known of unfinished targets since this was last asked; answers alone."""
        active = {} if self._campaign is None else self._campaign.active
        for number in tuple(active):
            subject = active.get(number)
            if subject is None:  # it was finished meanwhile
                continue
            news = self._told.news(subject, known_codes(subject))
            if news is not None:
                yield increment(subject, self._batch.vantage, news)

    def partial(self) -> Iterator[Observation]:
        """After a break: what is known of the targets that were not finished; the rest is unknown."""
        vantage = self._batch.vantage
        for target in self._unbegun:
            yield unasked(target, vantage, INTERRUPTED)
        if self._campaign is not None:
            for subject in self._campaign.active.values():
                yield interrupted(subject, vantage, INTERRUPTED)
            for target in self._campaign.waiting:
                yield unasked(target, vantage, INTERRUPTED)

    def _silence(self, subject: Subject) -> str:
        """Why a host may have answered nothing, as far as this machine can tell."""
        if subject.alive or subject.course.doomed is not None:
            return NO_ANSWER
        if not lets_out(subject.host, subject.scope):
            return KEPT_IN
        lacking = self._neighbourhood.lacks(subject.host, subject.scope, monotonic())
        return f"{NO_ANSWER}: {NO_NEIGHBOUR}" if lacking else NO_ANSWER

    def _sorted_out(self) -> tuple[list[Observation], list[Target]]:
        """What is known of targets that cannot be asked, or need not; and the others."""
        at_once: list[Observation] = []
        ready: list[Target] = []
        for target in self._batch.targets:
            if scope_of(target.address) is None:
                at_once.append(unasked(target, self._batch.vantage, _NO_ZONE))
            elif not target.ask.only(Protocol.TCP) - _PORT_ZERO:
                at_once.append(nothing_to_ask(target, self._batch.vantage))
            else:
                ready.append(target)
        return at_once, ready


def _subject(target: Target) -> Subject:
    """What keeps the state of an address. A zone that has gone since counts as none."""
    literal = parse_address(target.address.partition("%")[0])
    host, scope = str(literal), None if literal.version == 4 else scope_of(target.address) or 0
    return Subject(target, host, scope, local=is_local(host, scope))


def scan(batch: Batch, observer: Observer) -> LiveScan:
    """Ask the TCP ports of every target with ordinary connections; UDP ports come back unknown.

    Nothing is sent before the first observation is asked for. Port 0 cannot be asked and is left out. The rate and
    the number of connections under way are the batch's.

    :raises ValueError: a target whose address is not a literal one.
    """
    return LiveScan(batch, observer)
