"""What a finished or interrupted subject amounts to, in the words of the evidence model. No sockets, no packets."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from auditor.collect.probe.chunk import CLOSED, DOUBTED, FOREIGN, LOCAL, OPEN, REFUSED, SILENT, UNASKED, UNREACHED
from auditor.collect.probe.icmp import FIREWALL
from auditor.collect.probe.jury import Trust
from auditor.collect.probe.rounds import Next
from auditor.collect.probe.states import numbers, ports_with
from auditor.model.evidence import EVERY_PORT, GONE, INTERRUPTED, NO_ANSWER, Observation, Unknown
from auditor.model.ports import NO_PORTS, Port, PortSet, Protocol

if TYPE_CHECKING:
    from auditor.collect.probe.news import News
    from auditor.collect.probe.subject import Subject
    from auditor.model.target import Target

NOT_UDP = "UDP was not asked"
LIMITED = "the host limits its answers: closed, or dropped before it could answer"
REFUSED_ON_THE_WAY = f"{NO_ANSWER}: refused by "
SHUT = (
    "the host refuses connections that it accepted before: closed, or shut by a guard against scans; "
    "ask slower, with --host-rate"
)
KEPT_IN = f"{FIREWALL} refuses, more than it says"
_MARK = 0xFF
_ZERO = PortSet.of(Port(Protocol.TCP, 0), Port(Protocol.UDP, 0))


def concluded(subject: Subject, vantage: str | None, silence: str = NO_ANSWER) -> Observation:
    """What a scan that was carried through shows. ``silence`` is the reason for a host that answered nothing."""
    states = subject.states
    silent, unreached = ports_with(states, SILENT), ports_with(states, UNREACHED)
    opened, unknown = _trusted(subject, ports_with(states, OPEN))
    closed, filtered = _closed(subject, unknown), _refused(subject)
    if subject.course.doomed is not None:
        unseen = _asked(subject.target).only(Protocol.TCP) - opened - closed - filtered
        unknown.append(Unknown(ports=unseen, reason=subject.course.doomed))
    elif not subject.alive:
        unknown += _no_answer(subject, silent | unreached, silence)
        unknown += _by_reason(subject, FOREIGN, REFUSED_ON_THE_WAY)
    elif subject.course.verdict is Next.LOST:
        unknown.append(Unknown(ports=silent | unreached, reason=_lost(subject)))
    elif subject.course.verdict is Next.GONE:
        unknown.append(Unknown(ports=silent | unreached, reason=GONE))
    elif subject.course.verdict is Next.LIMITS_REFUSALS and not subject.limits_refusals_alone:
        unknown.append(Unknown(ports=silent | unreached, reason=LIMITED))
    else:
        filtered |= silent | unreached
    if subject.course.doomed is None:
        unknown += _by_reason(subject, LOCAL) + _by_reason(subject, DOUBTED)
    return _observation(subject, vantage, opened, closed, filtered, unknown, notes=_notes(subject, silent))


def interrupted(subject: Subject, vantage: str | None, reason: str) -> Observation:
    """What is known of a subject whose scan was broken off: answers count, silence does not."""
    states = subject.states
    opened, unknown = _trusted(subject, ports_with(states, OPEN))
    closed, filtered = _closed(subject, unknown), _refused(subject)
    unknown += _by_reason(subject, LOCAL)
    known = opened | closed | filtered
    for one in unknown:
        known |= one.ports
    unknown.append(Unknown(ports=_asked(subject.target).only(Protocol.TCP) - known, reason=reason))
    return _observation(subject, vantage, opened, closed, filtered, unknown, finished=False)


def known_codes(subject: Subject) -> bytes:
    """What is known for good of each port of a subject under way, 0 for nothing: answers that count."""
    return bytes(subject.states).translate(
        _known(opens=subject.opens_count, closed=not subject.shut, alive=subject.alive)
    )


@cache
def _known(*, opens: bool, closed: bool, alive: bool) -> bytes:
    """A table for ``bytes.translate``."""
    known = {
        OPEN: OPEN if opens else UNASKED,
        CLOSED: CLOSED if closed else UNASKED,
        REFUSED: REFUSED,
        FOREIGN: REFUSED if alive else UNASKED,
    }
    return bytes(known.get(code, UNASKED) for code in range(256))


def increment(subject: Subject, vantage: str | None, news: News) -> Observation:
    """What has become known of a subject under way since it was last told."""
    lost = ports_with(news.lost, _MARK)
    return Observation(
        host=subject.target.host,
        address=subject.target.address,
        names=subject.target.names,
        vantage=vantage,
        open=ports_with(news.fresh, OPEN),
        closed=ports_with(news.fresh, CLOSED),
        filtered=ports_with(news.fresh, REFUSED),
        unknown=(Unknown(ports=lost, reason=INTERRUPTED),) if lost else (),
        asked=_asked(subject.target),
        alive=subject.alive or None,
        started=subject.started,
    )


def unasked(target: Target, vantage: str | None, reason: str) -> Observation:
    """A target to which nothing was sent."""
    asked = _asked(target)
    unknown = [Unknown(ports=asked.only(Protocol.TCP), reason=reason), *_udp(target)]
    return Observation(
        host=target.host,
        address=target.address,
        names=target.names,
        vantage=vantage,
        asked=asked,
        unknown=tuple(one for one in unknown if one.ports),
    )


def nothing_to_ask(target: Target, vantage: str | None) -> Observation:
    """A target without a TCP port to ask."""
    return unasked(target, vantage, "")


def _observation(
    subject: Subject,
    vantage: str | None,
    opened: PortSet,
    closed: PortSet,
    filtered: PortSet,
    unknown: list[Unknown],
    *,
    notes: tuple[str, ...] = (),
    finished: bool = True,
) -> Observation:
    unknown += _udp(subject.target)
    return Observation(
        host=subject.target.host,
        address=subject.target.address,
        names=subject.target.names,
        vantage=vantage,
        open=opened,
        closed=closed,
        filtered=filtered,
        unknown=tuple(one for one in unknown if one.ports),
        asked=_asked(subject.target),
        alive=(subject.alive or None) if not finished else subject.alive,
        notes=notes,
        started=subject.started,
        finished=datetime.now(UTC) if finished else None,
    )


def _asked(target: Target) -> PortSet:
    return target.ask - _ZERO


def _udp(target: Target) -> list[Unknown]:
    return [Unknown(ports=_asked(target).only(Protocol.UDP), reason=NOT_UDP)]


def _trusted(subject: Subject, opened: PortSet) -> tuple[PortSet, list[Unknown]]:
    if subject.trust is Trust.NONE:
        return NO_PORTS, [Unknown(ports=opened, reason=EVERY_PORT)]
    return opened, []


def _closed(subject: Subject, unknown: list[Unknown]) -> PortSet:
    """Closed by refusal. What refuses where others were open before is no evidence, and becomes ``unknown``."""
    closed = ports_with(subject.states, CLOSED)
    if not subject.shut:
        return closed
    unknown.append(Unknown(ports=closed, reason=SHUT))
    return NO_PORTS


def _no_answer(subject: Subject, silent: PortSet, silence: str) -> list[Unknown]:
    """Routers say so only now and then (RFC 1812 section 4.3.2.8): it holds for the whole address."""
    unreached = _by_reason(subject, UNREACHED)
    if any(one.reason.startswith(FIREWALL) for one in _by_reason(subject, LOCAL)):
        silence = KEPT_IN  # it says so only now and then
    return [Unknown(ports=silent, reason=f"{NO_ANSWER}: {unreached[0].reason}" if unreached else silence)]


def _refused(subject: Subject) -> PortSet:
    """Filtered by refusal; what somebody on the way refuses tells nothing of a host that has not answered itself."""
    refused = ports_with(subject.states, REFUSED)
    return refused | ports_with(subject.states, FOREIGN) if subject.alive else refused


def _by_reason(subject: Subject, code: int, prefix: str = "") -> list[Unknown]:
    groups: dict[str, list[int]] = {}
    for number in numbers(ports_with(subject.states, code)):
        groups.setdefault(subject.reasons.get(number, "local: cause unknown"), []).append(number)
    return [Unknown(ports=PortSet.numbers(group), reason=prefix + reason) for reason, group in sorted(groups.items())]


def _lost(subject: Subject) -> str:
    tally = subject.tally
    if tally.kept_in_last:
        return KEPT_IN
    return f"loss: {tally.loss:.0%} of all probes go unanswered, too many to call silent ports filtered"


def _notes(subject: Subject, silent: PortSet) -> tuple[str, ...]:
    tally = subject.tally
    notes = []
    if subject.course.doomed is not None and subject.absence.doubtful:
        spared = subject.size - (len(subject.states) - subject.states.count(UNASKED))
        looks = subject.absence.looks
        note = f"given up after {looks} look{'s' if looks > 1 else ''}"
        notes.append(f"{note}: {spared:,} of {subject.size:,} ports were not asked" if spared else note)
    if subject.alive and silent and subject.course.verdict not in {Next.LOST, Next.GONE} and tally.rounds:
        missed = tally.missed(tally.loss_of_opens if subject.course.verdict is Next.LIMITS_REFUSALS else tally.loss)
        bound = "" if tally.late or tally.lost else "at most "
        passes = f"{tally.rounds} pass{'es' * (tally.rounds > 1)}"
        notes.append(f"loss {bound}{tally.loss:.1%}, {passes}, expected opens missed {missed:.3f}")
    if subject.course.verdict is Next.LIMITS_REFUSALS and subject.limits_refusals_alone:
        notes.append("the host limits its refusals: silent ports are closed or filtered")
    if subject.course.second_look is not None:
        notes.append(subject.course.second_look.note)
    if subject.trust is Trust.WATCHED:
        notes.append("something in front of the host completes every handshake: open ports were watched for a reset")
    refused = _by_reason(subject, REFUSED) + (_by_reason(subject, FOREIGN) if subject.alive else [])
    notes += [f"{len(one.ports)} ports refused by {one.reason}" for one in refused[:8]]
    return tuple(notes)
