"""How reports for people say numbers, names, ports, times and places. Everything that comes out of here is one line.

Names and texts of others are escaped here, so that writers cannot forget it.
"""

from __future__ import annotations

from datetime import UTC
from posixpath import normpath, relpath
from typing import TYPE_CHECKING

from auditor.model.findings import Novelty, Status
from auditor.model.location import STDIN
from auditor.model.policy import Severity
from auditor.model.ports import Protocol
from auditor.report.deviations import deviates
from auditor.report.escape import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from auditor.model.findings import Audit, EvidenceUsed, Finding, HostResult, LiftedBy, Sight, Unverified
    from auditor.model.location import Location
    from auditor.model.ports import PortSet

LIVE = "live"
"""What evidence calls its source when it was collected in the same run."""

PACK = "pack:"
"""How the names of policies that ship with the auditor begin."""

NO_FILES = frozenset({"", "-", LIVE, STDIN})

_IRREGULAR = {"address": "addresses"}


def plural(number: int, noun: str) -> str:
    """``1 host``, ``1,024 hosts``."""
    return f"{number:,} {noun if number == 1 else _IRREGULAR.get(noun, noun + 's')}"


def subject(of: Finding | HostResult | Unverified) -> str:
    """Name what was judged: ``web-1``, or ``dmz 192.0.2.66`` for an address of a declared network."""
    name = one_line(of.host or "the policy")
    return f"{name} {one_line(of.member)}" if of.member else name


def view(row: HostResult) -> str:
    """Say by what and from where a host was seen: ``probe from internet``, ``sockets``, ``declared``."""
    kinds = ", ".join(kind.value for kind in row.kinds)
    return " ".join(filter(None, (kinds, row.vantage and f"from {one_line(row.vantage)}")))


def listed(names: Sequence[str], noun: str, width: int | None) -> str:
    """Join names by commas, as many as fit in ``width`` columns (None: all): ``web-1, web-2 and 12 more hosts``."""
    if width is None:
        return ", ".join(names)
    taken, used = 0, 0
    for name in names:
        used += len(name) + 2
        if taken and used > width:
            break
        taken += 1
    shown, left = ", ".join(names[:taken]), len(names) - taken
    return f"{shown} and {left:,} more {noun if left == 1 else _IRREGULAR.get(noun, noun + 's')}" if left else shown


def ports(found: PortSet, width: int | None = None) -> str:
    """Write a set of ports as ``22,80-90/tcp 53/udp``; more than ``width`` columns are cut, with their number."""
    parts = ((protocol, found.text(protocol)) for protocol in Protocol)
    text = " ".join(f"{numbers}/{protocol.value}" for protocol, numbers in parts if numbers)
    if width is None or len(text) <= width:
        return text
    head = text[: max(8, width - 24)].rpartition(",")[0] or text.partition(",")[0]
    return f"{head},... ({plural(len(found), 'port')})"


def duration(span: timedelta) -> str:
    """``0.35 s``, ``12.3 s``, ``4 min 10 s``, ``2 h 5 min``."""
    seconds = max(0.0, span.total_seconds())
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def moment(when: datetime) -> str:
    """``2026-11-22 21:04:05 UTC``; a time without a zone is taken for UTC."""
    utc = when.astimezone(UTC) if when.tzinfo else when
    return f"{utc:%Y-%m-%d %H:%M:%S} UTC"


def place(location: Location, base: str = "") -> str:
    """``exposure.yaml:12:9``, the file relative to ``base``; without a line the file alone."""
    file = one_line(shown_file(location.file, base))
    return f"{file}:{location.line}:{max(1, location.column)}" if location.line else file


def line(location: Location, base: str = "") -> str:
    """``compose.yaml:14``, the file relative to ``base``; without a line the file alone."""
    file = one_line(shown_file(location.file, base))
    return f"{file}:{location.line}" if location.line else file


def shown_file(file: str, base: str) -> str:
    """Name a file relative to ``base``; both are relative to the repository root.

    What is absolute, and what is no file of the repository (``live``, standard input, a shipped pack), stays as it is.
    """
    if not base or file in NO_FILES or file.startswith(("/", "../", PACK)):
        return file
    rooted = normpath("/" + base)
    return relpath("/" + file, rooted) if rooted != "/" else file


def weight(finding: Finding) -> str:
    """``high``, or with a baseline ``high, new`` or ``high, persisting since 2026-11-20``."""
    if finding.novelty is None:
        return str(finding.severity)
    since = f" since {moment(finding.first_seen)[:10]}" if finding.first_seen else ""
    return f"{finding.severity}, {finding.novelty.value}{since}"


def history(finding: Finding) -> str:
    """``known since 2026-11-20 08:00:00 UTC``, ``worse than in the baseline: from 0.0.0.0/0 too``, or nothing."""
    if finding.grown:
        return f"worse than in the baseline: {one_line(finding.grown)}"
    return f"known since {moment(finding.first_seen)}" if finding.first_seen else ""


def baseline(audit: Audit, base: str = "") -> str:
    """``against audit.json of 2026-11-20 08:00:00 UTC: 1 new, 4 persisting, 2 fixed, 1 not looked at again``."""
    against = audit.baseline
    if against is None:
        return ""
    tally = dict.fromkeys(Novelty, 0)
    for finding in audit.findings:
        if finding.novelty and deviates(finding):
            tally[finding.novelty] += 1
    when = f" of {moment(against.finished)}" if against.finished else ""
    unseen = f", {len(against.unseen):,} not looked at again" if against.unseen else ""
    return (
        f"against {one_line(shown_file(against.source, base))}{when}: {tally[Novelty.NEW]:,} new,"
        f" {tally[Novelty.PERSISTING]:,} persisting, {len(against.fixed):,} fixed{unseen}"
    )


def counts(audit: Audit) -> str:
    """``2 violations (1 critical, 1 high), 0 excepted, 1 unverified; 4 hosts, 65,535 ports, 3.20 s``."""
    tally = audit.counts()
    parts = [plural(tally[Status.VIOLATION], "violation") + _by_severity(audit)]
    parts.append(f"{tally[Status.EXCEPTED]:,} excepted")
    if tally[Status.NOTE]:
        parts.append(plural(tally[Status.NOTE], "note"))
    parts.append(f"{len(audit.unverified):,} unverified")
    hosts = len({host.host for host in audit.hosts})
    asked = sum(len(host.asked) for host in audit.hosts)
    took = duration(audit.finished - audit.started)
    return f"{', '.join(parts)}; {plural(hosts, 'host')}, {plural(asked, 'port')}, {took}"


def _by_severity(audit: Audit) -> str:
    tally = dict.fromkeys(reversed(Severity), 0)
    for finding in audit.findings:
        tally[finding.severity] += finding.status is Status.VIOLATION
    known = ", ".join(f"{number:,} {severity}" for severity, number in tally.items() if number)
    return f" ({known})" if known else ""


def sights(finding: Finding, base: str = "") -> str:
    """Join what the kinds of evidence say: ``published to everyone in compose.yaml:14, filtered as seen from ci``."""
    return ", ".join(_sight(sight, base) for sight in finding.sights)


def _sight(sight: Sight, base: str) -> str:
    text = one_line(sight.text)
    if sight.location is not None:
        return f"{text} in {line(sight.location, base)}"
    return f"{text} in {one_line(shown_file(sight.source, base))}" if sight.source else text


def lifted(exception: LiftedBy) -> str:
    """``EX-17 until 2026-12-31: Legacy proxy (platform)``."""
    return (
        f"{one_line(exception.id)} until {exception.expires.isoformat()}: "
        f"{one_line(exception.reason)} ({one_line(exception.owner)})"
    )


def evidence(used: EvidenceUsed, base: str = "") -> str:
    """Say in one line what a piece of evidence is, from where, when, and whether it is complete."""
    origin, completion = used.origin, used.completion
    text = f"{origin.kind.value}: {one_line(shown_file(origin.source, base))}"
    if origin.vantage:
        text += f" from {one_line(origin.vantage)}"
    if origin.host:
        text += f" of {one_line(origin.host)}"
    if origin.tool:
        text += f", {one_line(origin.tool)}"
    if origin.started:
        text += f", {moment(origin.started)}"
        if completion.finished:
            text += f", took {duration(completion.finished - origin.started)}"
    elif completion.finished:
        text += f", {moment(completion.finished)}"
    if completion.complete:
        return f"{text}, complete"
    return f"{text}, INCOMPLETE: {one_line(completion.reason or 'it has no end')}"


def not_assessed(audit: Audit, width: int | None) -> list[str]:
    """Say by reason what was not assessed, each in ``width`` columns: ``no evidence from there: vantage office``."""
    reasons: dict[str, list[str]] = {}
    for item in audit.not_assessed:
        reasons.setdefault(item.reason, []).append(one_line(item.what))
    return [f"{one_line(reason)}: {listed(whats, 'item', width)}" for reason, whats in reasons.items()]


def several_vantages(audit: Audit) -> bool:
    """Whether the audit speaks of more than one place to look from, so that each subject must name its own."""
    subjects: Iterable[Finding | HostResult | Unverified] = (*audit.hosts, *audit.findings, *audit.unverified)
    return len({of.vantage for of in subjects if of.vantage}) > 1
