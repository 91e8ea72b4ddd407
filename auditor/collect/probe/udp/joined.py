"""TCP and UDP of the same targets as one piece of evidence, one observation a target.

UDP goes first: its observations are small enough to be kept until TCP's come, and TCP has the line to itself.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from auditor.collect.probe.live import scan
from auditor.collect.probe.observation import REFUSED_ON_THE_WAY
from auditor.collect.probe.udp.live import scan_udp
from auditor.collect.probe.udp.table import spoken
from auditor.model.evidence import NO_ANSWER, Completion, Observation
from auditor.model.ports import NO_PORTS, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.model.ports import PortSet
    from auditor.model.target import Batch, Observer

_Key = tuple[str | None, str | None]


class JoinedScan:
    """Evidence that is gathered while it is read. Read it once; breaking off closes everything."""

    def __init__(self, batch: Batch, observer: Observer) -> None:
        parts = {protocol: _part(batch, protocol) for protocol in Protocol}
        tcp, udp = parts[Protocol.TCP], parts[Protocol.UDP]
        total = tcp.probes + udp.probes
        self._udp = scan_udp(udp, _Shifted(observer, total, 0))
        self._tcp = scan(tcp, _Shifted(observer, total, udp.probes))
        asks = {target.ask for target in batch.targets}
        self.origin = replace(self._tcp.origin, asked=asks.pop() if len(asks) == 1 else None)
        self.completion = Completion(complete=False, reason="not begun")
        self._kept: dict[_Key, Observation] = {}
        self._told: set[_Key] = set()

    def __iter__(self) -> Iterator[Observation]:
        """One observation a target that has ports to ask, as each is finished."""
        try:
            for seen in self._udp:
                self._kept[seen.host, seen.address] = seen
            for seen in self._tcp:
                yield self._with_udp(seen)
            while self._kept:
                yield self._kept.popitem()[1]
        finally:
            finished = datetime.now(UTC)
            self.completion = Completion(complete=False, reason="interrupted", finished=finished)
        self.completion = Completion(complete=True, finished=finished)

    def underway(self) -> Iterator[Observation]:
        """What has become known of unfinished targets since this was last asked, by halves."""
        yield from self._udp.underway()
        for key in tuple(self._kept.keys() - self._told):
            self._told.add(key)
            if key in self._kept and self._kept[key].seen:
                yield replace(self._kept[key], unknown=(), finished=None)
        yield from self._tcp.underway()

    def partial(self) -> Iterator[Observation]:
        """After a break: what is known of the targets that were not finished; the rest is unknown."""
        for seen in self._udp.partial():
            self._kept[seen.host, seen.address] = seen
        for seen in self._tcp.partial():
            yield self._with_udp(seen)
        yield from self._kept.values()

    def _with_udp(self, seen: Observation) -> Observation:
        other = self._kept.pop((seen.host, seen.address), None)
        return seen if other is None else joined(seen, other)


class _Shifted:
    """An observer of one of two scans, which tells of both."""

    def __init__(self, observer: Observer, total: int, before: int) -> None:
        self._observer = observer
        self._total = total
        self._before = before

    def progress(self, done: int, _total: int, opened: int) -> None:
        """So many of this scan's, and all of the one before."""
        self._observer.progress(min(self._total, self._before + done), self._total, opened)

    def say(self, message: str) -> None:
        """As it is."""
        self._observer.say(message)


def scan_joined(batch: Batch, observer: Observer) -> JoinedScan:
    """Ask the TCP and the UDP ports of every target; one observation speaks of both.

    :raises ValueError: a target whose address is not a literal one.
    """
    return JoinedScan(batch, observer)


def joined(tcp: Observation, udp: Observation) -> Observation:
    """One observation of the two halves of a target.

    A host that answers on one protocol is alive: its silence on the other is that of the ports, and not the host's.
    """
    alive = True if tcp.alive or udp.alive else tcp.alive
    quiet_tcp = _silence(tcp) if udp.alive else NO_PORTS
    quiet_udp = _silence(udp) if tcp.alive else NO_PORTS
    unknown = [replace(one, ports=one.ports - quiet_tcp - quiet_udp) for one in (*tcp.unknown, *udp.unknown)]
    return replace(
        tcp,
        open=tcp.open | udp.open,
        closed=tcp.closed | udp.closed,
        filtered=tcp.filtered | udp.filtered | quiet_tcp,
        open_filtered=tcp.open_filtered | udp.open_filtered | quiet_udp,
        unspoken=udp.unspoken | (quiet_udp - spoken()),
        unknown=tuple(one for one in unknown if one.ports),
        asked=tcp.asked | udp.asked,
        alive=alive,
        services=(*tcp.services, *udp.services),
        notes=(*tcp.notes, *udp.notes),
        started=min(_given(tcp.started, udp.started), default=None),
        finished=None if tcp.finished is None or udp.finished is None else max(tcp.finished, udp.finished),
    )


def _silence(seen: Observation) -> PortSet:
    """The ports of a host that answered nothing at all."""
    found = NO_PORTS
    for one in seen.unknown:
        if one.reason == NO_ANSWER or one.reason.startswith(REFUSED_ON_THE_WAY):
            found |= one.ports
    return found


def _given(*times: datetime | None) -> Iterable[datetime]:
    return [time for time in times if time is not None]


def _part(batch: Batch, protocol: Protocol) -> Batch:
    targets = (replace(target, ask=target.ask.only(protocol)) for target in batch.targets)
    return replace(batch, targets=[target for target in targets if target.ask])
