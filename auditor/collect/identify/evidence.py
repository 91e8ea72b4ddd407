"""Probe evidence with services filled in: the way in to this package."""

from __future__ import annotations

import resource
import socket
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from auditor.collect.identify.answer import Peer
from auditor.collect.identify.interview import interview
from auditor.collect.identify.loop import MOST_AT_ONCE, Job, Loop
from auditor.collect.identify.plan import attempts
from auditor.collect.identify.tls import server_name
from auditor.model.evidence import INTERRUPTED, Completion, ServiceSeen
from auditor.model.ports import Port, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from auditor.collect.identify.interview import Identity
    from auditor.model.evidence import Evidence, Observation, Origin
    from auditor.model.target import Observer

    Expected = Callable[[Observation, Port], Iterable[str]]

_MOST_HELD: Final = 256
_MOST_PORTS: Final = 8192
_SHORTEST: Final = 0.05


def identify(
    evidence: Evidence,
    wanted: Callable[[Observation], PortSet],
    *,
    timeout: float,
    max_inflight: int | None = None,
    observer: Observer,
    expected: Expected | None = None,
) -> Identified:
    """Pass probe evidence on, with what answers at the open TCP ports that ``wanted`` gives for an observation.

    A port that gave no recognisable answer gets no service; no port's state is changed. Observations with nothing to
    ask pass at once, the others are held back and asked together: at the end, or when there are 256 of them.

    :param timeout: seconds for one answer; a port takes six times as long at the most.
    :param max_inflight: how many ports are spoken with at once; None: 256.
    :param expected: names of services that rules expect at a port: their greetings are tried first.
    """
    return Identified(evidence, wanted, timeout, max_inflight, observer, expected)


class Identified:
    """The evidence that :func:`identify` gives. Read it once."""

    def __init__(
        self,
        evidence: Evidence,
        wanted: Callable[[Observation], PortSet],
        timeout: float,
        max_inflight: int | None,
        observer: Observer,
        expected: Expected | None,
    ) -> None:
        self._evidence = evidence
        self._wanted = wanted
        self._timeout = max(timeout, _SHORTEST)
        self._most = min(max_inflight or MOST_AT_ONCE, _descriptors())
        self._observer = observer
        self._expected = expected
        self._held: dict[int, Observation] = {}
        self._told: set[int] = set()
        self._ended = False
        self._stopped: datetime | None = None

    @property
    def origin(self) -> Origin:
        """As the evidence has it."""
        return self._evidence.origin

    @property
    def completion(self) -> Completion:
        """As the evidence has it, once everything was passed on; it ends when the last port has said what it is."""
        end = self._evidence.completion
        if self._stopped is not None and end.finished is not None:
            end = replace(end, finished=max(end.finished, self._stopped))
        return end if self._ended or not end.complete else replace(end, complete=False, reason=INTERRUPTED)

    def __iter__(self) -> Iterator[Observation]:
        """Each observation once; those that were asked come after those that were not."""
        asks: dict[int, PortSet] = {}
        for index, seen in enumerate(self._evidence):
            ports = self._wanted(seen).only(Protocol.TCP) & seen.open
            if not ports or seen.address is None:
                yield seen
                continue
            asks[index], self._held[index] = ports, seen
            if len(asks) >= _MOST_HELD or sum(map(len, asks.values())) >= _MOST_PORTS:
                yield from self._answered(asks)
                asks = {}
        yield from self._answered(asks)
        self._ended = True

    def partial(self) -> Iterator[Observation]:
        """After a break: what was held back, as it came, and what the evidence itself knows of the rest."""
        yield from self._held.values()
        yield from getattr(self._evidence, "partial", tuple)()

    def underway(self) -> Iterator[Observation]:
        """What has become known of hosts that are not finished, since this was last asked: those held back, too."""
        for index in tuple(self._held.keys() - self._told):
            if index in self._held:
                self._told.add(index)
                yield self._held[index]
        yield from getattr(self._evidence, "underway", tuple)()

    def _answered(self, asks: dict[int, PortSet]) -> Iterator[Observation]:
        """Ask all ports of the observations that are held, and pass each on when its last one is done."""
        if not asks:
            return
        try:
            yield from self._spoken_to(asks)
        finally:
            self._stopped = datetime.now(UTC)

    def _spoken_to(self, asks: dict[int, PortSet]) -> Iterator[Observation]:
        count = sum(map(len, asks.values()))
        self._observer.say(f"asking {count} open {'port' if count == 1 else 'ports'} what answers there")
        found: dict[int, list[ServiceSeen]] = {index: [] for index in asks}
        jobs = [job for index, ports in asks.items() for job in self._jobs(index, self._held[index], ports)]
        left = Counter(job.index for job in jobs)
        for index in asks.keys() - left.keys():
            yield self._held.pop(index)
        for job, identity in Loop(self._most).run(jobs):
            if identity is not None:
                found[job.index].append(_service(job.port, identity))
            left[job.index] -= 1
            if not left[job.index]:
                yield _with(self._held.pop(job.index), found.pop(job.index))

    def _jobs(self, index: int, seen: Observation, ports: PortSet) -> Iterator[Job]:
        address, _, zone = (seen.address or "").partition("%")
        try:
            scope = (int(zone) if zone.isdigit() else socket.if_nametoindex(zone)) if zone else 0
        except OSError:  # the interface has gone since the scan
            return
        name = next(filter(None, map(server_name, (*seen.names, seen.host))), None)
        shown = name or (f"[{address}]" if ":" in address else address)
        for port in ports:
            expected = self._expected(seen, port) if self._expected else ()
            conversation = interview(Peer(shown, port.number), attempts(port.number, expected), self._timeout, name)
            yield Job(index=index, address=address, port=port, scope=scope, conversation=conversation)


def _service(port: Port, identity: Identity) -> ServiceSeen:
    answer = identity.answer
    return ServiceSeen(
        port=port,
        service=answer.service,
        product=answer.product,
        version=answer.version,
        tls=identity.tls,
        certificate=identity.certificate.subject,
        certificate_expires=identity.certificate.expires,
    )


def _with(seen: Observation, found: list[ServiceSeen]) -> Observation:
    """What was spoken to replaces what was merely looked up by number."""
    known = {service.port for service in found}
    kept = [service for service in seen.services if service.port not in known]
    return replace(seen, services=(*kept, *sorted(found, key=lambda service: service.port)))


def _descriptors() -> int:
    """Half of what the process may open: others have some open too."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_AT_ONCE if soft == resource.RLIM_INFINITY else max(1, soft // 2)
