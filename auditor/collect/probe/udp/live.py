"""A live UDP scan as evidence: from a batch of targets to one observation an address. The way in to this package."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from auditor import __version__
from auditor.collect.probe.local import scope_of
from auditor.collect.probe.news import Told
from auditor.collect.probe.turns import fairly
from auditor.collect.probe.udp.campaign import Campaign
from auditor.collect.probe.udp.observation import concluded, increment, interrupted, known_codes, unasked
from auditor.collect.probe.udp.subject import Budget, Subject, asked
from auditor.collect.probe.udp.wire import Place
from auditor.model.evidence import INTERRUPTED, Completion, Kind, Observation, Origin
from auditor.model.network import parse_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from auditor.model.target import Batch, Observer, Target

_NO_ZONE: Final = "local: there is no such network interface as the address names"
BUDGET: Final = Budget(everything=5.0, named=60.0)
"""A host that limits its refusals shows about one closed port a second."""


class UdpScan:
    """Evidence that is gathered while it is read. Read it once; breaking off closes everything."""

    def __init__(self, batch: Batch, observer: Observer, budget: Budget) -> None:
        self._batch = batch
        self._observer = observer
        self._budget = budget
        self.origin = Origin(
            kind=Kind.PROBE,
            source="live",
            tool=f"auditor {__version__}",
            vantage=batch.vantage,
            started=datetime.now(UTC),
        )
        self.completion = Completion(complete=False, reason="not begun")
        self._campaign: Campaign | None = None
        self._told = Told()
        self._unbegun: deque[Target] = deque(batch.targets)

    def __iter__(self) -> Iterator[Observation]:
        """One observation a target that has UDP ports to ask, as each is finished."""
        self.completion = Completion(complete=False, reason=INTERRUPTED)
        vantage = self._batch.vantage
        targets = fairly(self._unbegun)
        at_once = [unasked(target, vantage, _NO_ZONE) for target in targets if scope_of(target.address) is None]
        waiting = deque(target for target in targets if scope_of(target.address) is not None and asked(target))
        campaign = self._campaign = Campaign(waiting, self._subject, self._batch, self._observer)
        self._unbegun.clear()
        try:
            yield from at_once
            for subject in campaign:
                yield concluded(subject, vantage)
        finally:
            self.completion = Completion(complete=False, reason=INTERRUPTED, finished=datetime.now(UTC))
        self.completion = Completion(complete=True, finished=datetime.now(UTC))

    def underway(self) -> Iterator[Observation]:
        """What has become known of unfinished targets since this was last asked; answers alone."""
        campaign = self._campaign
        if campaign is None:
            return
        for subject in (*campaign.active.values(), *campaign.held):
            if id(subject) not in campaign.active and subject not in campaign.held:  # it was finished meanwhile
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
            for subject in (*self._campaign.active.values(), *self._campaign.held):
                yield interrupted(subject, vantage, INTERRUPTED)
            for target in self._campaign.waiting:
                yield unasked(target, vantage, INTERRUPTED)

    def _subject(self, target: Target, patience: Callable[[Subject, int], float]) -> Subject:
        """What keeps the state of an address. A zone that has gone since counts as none."""
        host = str(parse_address(target.address.partition("%")[0]))
        return Subject(target, Place(host, scope_of(target.address) or 0), patience, self._budget)


def scan_udp(batch: Batch, observer: Observer, *, budget: Budget = BUDGET) -> UdpScan:
    """Ask the UDP ports of every target, in the services' own protocols, without privileges.

    Nothing is sent before the first observation is asked for. A target without UDP ports has no observation, port 0 is
    left out, and TCP ports are not spoken of. ``budget`` bounds what is spent on hosts that limit their refusals. The
    rate is the batch's; ``batch.timeout`` is the most that one answer is waited for.

    :raises ValueError: a target whose address is not a literal one.
    """
    return UdpScan(batch, observer, budget)
