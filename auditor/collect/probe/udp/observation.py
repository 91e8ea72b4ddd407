"""What a finished or interrupted UDP subject amounts to, in the words of the evidence model. Sends nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from auditor.collect.probe.chunk import (
    CLOSED,
    DOUBTED,
    FOREIGN,
    LOCAL,
    OPEN,
    REFUSED,
    SILENT,
    UNASKED,
    UNREACHED,
)
from auditor.collect.probe.icmp import NO_NEIGHBOUR
from auditor.collect.probe.local import silent_neighbours
from auditor.collect.probe.observation import REFUSED_ON_THE_WAY
from auditor.collect.probe.udp.table import spoken
from auditor.model.evidence import INTERRUPTED, NO_ANSWER, Observation, Unknown
from auditor.model.ports import NO_PORTS, Port, Protocol

if TYPE_CHECKING:
    from auditor.collect.probe.news import News
    from auditor.collect.probe.udp.subject import Subject
    from auditor.model.ports import PortSet
    from auditor.model.target import Target

LIMITS: Final = "the host limits ICMP"
"""The reason for ports that may be closed or silent, as the host refuses only so many a second."""


def concluded(subject: Subject, vantage: str | None) -> Observation:
    """What a scan that was carried through shows."""
    ledger = subject.ledger
    silent, unreached = ledger.ports_with(SILENT), ledger.ports_with(UNREACHED)
    open_filtered, unknown = NO_PORTS, list[Unknown]()
    if not subject.alive:
        unknown += _no_answer(subject, silent)
    elif subject.limited:
        open_filtered = ledger.ports(one for one in ledger.shown_silent if ledger.states[one] in {SILENT, UNREACHED})
        unknown.append(Unknown(ports=(silent | unreached) - open_filtered, reason=LIMITS))
    else:
        open_filtered = silent | unreached
    return _observation(subject, vantage, open_filtered, unknown, finished=datetime.now(UTC))


def interrupted(subject: Subject, vantage: str | None, reason: str) -> Observation:
    """What is known of a subject whose scan was broken off: answers count, silence does not."""
    ledger = subject.ledger
    known = ledger.ports_with(OPEN) | ledger.ports_with(CLOSED) | _refused(subject)
    known |= ledger.ports_with(LOCAL) | ledger.ports_with(DOUBTED)
    return _observation(subject, vantage, NO_PORTS, [Unknown(ports=asked_of(subject.target) - known, reason=reason)])


def known_codes(subject: Subject) -> bytes:
    """What is known for good of each port of a subject under way, 0 for nothing: answers, by index in the plan."""
    foreign = REFUSED if subject.alive else UNASKED
    known = {OPEN: OPEN, CLOSED: CLOSED, REFUSED: REFUSED, FOREIGN: foreign}
    return bytes(subject.ledger.states).translate(bytes(known.get(code, UNASKED) for code in range(256)))


def increment(subject: Subject, vantage: str | None, news: News) -> Observation:
    """What has become known of a subject under way since it was last told."""
    ledger = subject.ledger

    def ports_with(codes: bytes, wanted: int) -> PortSet:
        return ledger.ports(index for index, code in enumerate(codes) if code == wanted)

    opened, lost = ports_with(news.fresh, OPEN), ports_with(news.lost, _MARK)
    return Observation(
        host=subject.target.host,
        address=subject.target.address,
        names=subject.target.names,
        vantage=vantage,
        open=opened,
        closed=ports_with(news.fresh, CLOSED),
        filtered=ports_with(news.fresh, REFUSED),
        unknown=(Unknown(ports=lost, reason=INTERRUPTED),) if lost else (),
        asked=asked_of(subject.target),
        alive=subject.alive or None,
        services=tuple(ledger.services[port.number] for port in opened if port.number in ledger.services),
        started=subject.started,
    )


def unasked(target: Target, vantage: str | None, reason: str) -> Observation:
    """A target to which nothing was sent."""
    asked = asked_of(target)
    unknown = (Unknown(ports=asked, reason=reason),) if asked else ()
    return Observation(
        host=target.host, address=target.address, names=target.names, vantage=vantage, asked=asked, unknown=unknown
    )


def asked_of(target: Target) -> PortSet:
    """The UDP ports that are asked; 0 cannot be."""
    return target.ask.only(Protocol.UDP) - _ZERO


_MARK: Final = 0xFF
_ZERO: Final = type(NO_PORTS).of(Port(Protocol.UDP, 0))


def _observation(
    subject: Subject,
    vantage: str | None,
    open_filtered: PortSet,
    unknown: list[Unknown],
    *,
    finished: datetime | None = None,
) -> Observation:
    ledger = subject.ledger
    unspeaking = (*ledger.by_reason(LOCAL), *ledger.by_reason(DOUBTED))
    unknown += (Unknown(ports=ports, reason=reason) for ports, reason in unspeaking)
    return Observation(
        host=subject.target.host,
        address=subject.target.address,
        names=subject.target.names,
        vantage=vantage,
        open=ledger.ports_with(OPEN),
        closed=ledger.ports_with(CLOSED),
        filtered=_refused(subject),
        open_filtered=open_filtered,
        unspoken=open_filtered - spoken(),
        unknown=tuple(one for one in unknown if one.ports),
        asked=asked_of(subject.target),
        alive=subject.alive or None,
        services=tuple(ledger.services[port] for port in sorted(ledger.services)),
        notes=_notes(subject) if finished else (),
        started=subject.started,
        finished=finished,
    )


def _refused(subject: Subject) -> PortSet:
    """Filtered by refusal; what somebody on the way refuses tells nothing of a host that has not answered itself."""
    refused = subject.ledger.ports_with(REFUSED)
    return refused | subject.ledger.ports_with(FOREIGN) if subject.alive else refused


def _no_answer(subject: Subject, silent: PortSet) -> list[Unknown]:
    """Silence alone does not tell a host that is down from one that says nothing over UDP."""
    refused = [(ports, f"{REFUSED_ON_THE_WAY}{reason}") for ports, reason in subject.ledger.by_reason(FOREIGN)]
    known = [(ports, f"{NO_ANSWER}: {reason}") for ports, reason in subject.ledger.by_reason(UNREACHED)]
    if len(known) == 1:  # routers limit what they say, too: it holds for the host
        known = [(known[0][0] | silent, known[0][1])]
        return [Unknown(ports=ports, reason=reason) for ports, reason in (*known, *refused)]
    known += refused
    no_neighbour = subject.place.host in silent_neighbours()
    known.append((silent, f"{NO_ANSWER}: {NO_NEIGHBOUR}" if no_neighbour else NO_ANSWER))
    return [Unknown(ports=ports, reason=reason) for ports, reason in known]


def _notes(subject: Subject) -> tuple[str, ...]:
    tally, notes = subject.ledger.tally, []
    if subject.alive and tally.passes > 1 and not subject.limited:
        notes.append(f"UDP: loss {tally.loss:.1%}, {tally.passes} passes")
    if subject.limited:
        notes.append("UDP: the host limits how many closed ports it tells of a second")
    if subject.second_look is not None:
        notes.append(f"UDP {subject.second_look.note}")
    notes += [f"{number} UDP ports refused by {reason}" for reason, number in subject.ledger.remarks.most_common(8)]
    return tuple(notes)
