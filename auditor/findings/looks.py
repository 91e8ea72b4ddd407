"""Several looks at the same hosts: what changed between two of them, and whether it is time to stop looking."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.findings.catalogue import (
    FORBIDDEN_OPEN,
    REQUIRED_NOT_OPEN,
    TOO_WIDE,
    UNEXPECTED_OPEN,
    UNEXPECTED_PROCESS,
    UNEXPECTED_SERVICE,
    UNKNOWN_HOST,
)
from auditor.findings.conclude import exit_code_of
from auditor.findings.making import plain
from auditor.findings.rows import verdict_of
from auditor.findings.scene import ranges
from auditor.model.evidence import LOOKED
from auditor.model.findings import Look, Status, Unverified
from auditor.model.ports import NO_PORTS, PortSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from auditor.model.expectation import Expecting
    from auditor.model.findings import Audit, Finding, HostResult
    from auditor.model.location import Location
    from auditor.model.policy import Host

_Place = tuple[str, str | None, str | None]
_OPEN = {FORBIDDEN_OPEN, TOO_WIDE, UNEXPECTED_OPEN, UNEXPECTED_PROCESS, UNEXPECTED_SERVICE, UNKNOWN_HOST}


def changes(before: Audit, now: Audit) -> tuple[str, ...]:
    """Say what became of each subject between two looks: its ports, in the order of the later audit, and what else.

    After the ports come findings that these do not explain, and what is in doubt now, or is not any more.
    """
    earlier, later = _rows(before), _rows(now)
    lines = [line for place, row in later.items() for line in _changed(place, earlier.get(place), row)]
    lines += [f"{_named(place)}: not seen any more" for place in earlier if place not in later]
    return (*lines, *_other_findings(before, now), *_other_gaps(before, now))


def is_waiting(audit: Audit, hosts: Mapping[str, Host], expecting: Expecting) -> bool:
    """Whether a required port does not answer, or nobody could tell yet."""
    if any(found.check == REQUIRED_NOT_OPEN for found in audit.findings):
        return True
    for gap in audit.unverified:
        host = hosts.get(gap.host)
        required = expecting.network_expectation(host).required if host else NO_PORTS
        if required and (not gap.ports or not required.isdisjoint(gap.ports)):
            return True
    return False


def is_same(before: Audit, now: Audit) -> bool:
    """Whether two looks saw the same: the same ports open, the same findings, the same gaps."""
    if changes(before, now):
        return False
    return {one.fingerprint for one in before.findings} == {one.fingerprint for one in now.findings}


def looked(audit: Audit, looks: Sequence[Look], *, before: Audit | None = None, settled: bool) -> Audit:
    """Return the last look's audit with the account of all; one that never settled is not verified.

    ``before`` is the look before it: what was open there against the policy, or contradicted itself, and is not open
    in the last one, was not closed in two looks in a row, and is named. Where two looks saw the same there is no such
    port.
    """
    if settled:
        return replace(audit, looks=tuple(looks))
    restless = [row for row in audit.hosts if any(line.startswith(_line_head(row)) for line in looks[-1].changes)]
    gaps = [
        Unverified(
            host=row.host,
            member=row.member,
            address=row.address,
            vantage=row.vantage,
            reason="still changing: the last two looks differ",
            policy_location=row.location,
        )
        for row in restless or audit.hosts[:1]
    ]
    unverified = (*audit.unverified, *(_unrest(before, audit) if before else ()), *gaps)
    verdict = verdict_of(audit.findings, unverified)
    code = exit_code_of(verdict, unverified_fails=audit.unverified_fails)
    return replace(audit, looks=tuple(looks), unverified=unverified, verdict=verdict, exit_code=code)


def _unrest(before: Audit, now: Audit) -> Iterator[Unverified]:
    """Yield the ports that were in the way of a pass in the look before the last, and are not in the last one."""
    last = _suspects(now)
    for place, (ports, location) in _suspects(before).items():
        if left := ports - (last[place][0] if place in last else NO_PORTS):
            host, member, vantage = place
            yield Unverified(
                host=host,
                member=member,
                vantage=vantage,
                ports=left,
                reason="open, or in contradiction with itself, in the look before the last: not closed in two in a row",
                policy_location=location,
            )


def _suspects(audit: Audit) -> dict[_Place, tuple[PortSet, Location]]:
    """Return what is open against the policy, and what said one thing and then another, by place."""
    found: dict[_Place, tuple[PortSet, Location]] = {}
    told: list[tuple[str | None, Finding | Unverified, PortSet]] = [
        (one.host, one, PortSet.of(one.port) if one.port else one.ports)
        for one in audit.findings
        if one.check in _OPEN and one.status is Status.VIOLATION
    ]
    told += [(gap.host, gap, gap.ports) for gap in audit.unverified if gap.reason.startswith(LOOKED)]
    for host, one, ports in told:
        place = (host or "the policy", one.member, one.vantage)
        known = found.get(place)
        found[place] = (known[0] | ports if known else ports, known[1] if known else one.policy_location)
    return found


def _other_findings(before: Audit, now: Audit) -> Iterator[str]:
    """Yield the findings of one look alone that no port which opened or shut explains."""
    earlier, later = _rows(before), _rows(now)
    ours, theirs = ({one.fingerprint for one in audit.findings} for audit in (now, before))
    for audit, others, what in ((now, theirs, "found"), (before, ours, "not found any more")):
        for one in audit.findings:
            place = (one.host or "the policy", one.member, one.vantage)
            ports = PortSet.of(one.port) if one.port else one.ports
            rows = earlier.get(place), later.get(place)
            was, is_now = (row.open if row else NO_PORTS for row in rows)
            if one.fingerprint in others or (ports and ports <= (was - is_now) | (is_now - was)):
                continue
            at = ranges(ports) if ports else plain(one.message)
            yield f"{_named(place)}: {one.check} {what}: {at}"


def _other_gaps(before: Audit, now: Audit) -> Iterator[str]:
    earlier, later = _gaps(before), _gaps(now)
    for (place, reason), gaps in later.items():
        if new := gaps - earlier.get((place, reason), set()):
            yield f"{_named(place)}: not verified {_ports_of(new)}: {plain(reason)}"
    for (place, reason), gaps in earlier.items():
        if gone := gaps - later.get((place, reason), set()):
            yield f"{_named(place)}: no more in doubt for this reason {_ports_of(gone)}: {plain(reason)}"


def _gaps(audit: Audit) -> dict[tuple[_Place, str], set[PortSet]]:
    found: dict[tuple[_Place, str], set[PortSet]] = {}
    for gap in audit.unverified:
        found.setdefault(((gap.host, gap.member, gap.vantage), gap.reason), set()).add(gap.ports)
    return found


def _ports_of(gaps: set[PortSet]) -> str:
    return ranges(PortSet.union(gaps)) if all(gaps) else "as a whole"


def _rows(audit: Audit) -> dict[_Place, HostResult]:
    return {(row.host, row.member, row.vantage): row for row in audit.hosts}


def _changed(place: _Place, before: HostResult | None, now: HostResult) -> Iterator[str]:
    opened = now.open - (before.open if before else NO_PORTS)
    shut = before.open - now.open if before else NO_PORTS
    if opened:
        yield f"{_named(place)}: opened {ranges(opened)}"
    if shut:
        yield f"{_named(place)}: no longer open {ranges(shut)}"


def _line_head(row: HostResult) -> str:
    return f"{_named((row.host, row.member, row.vantage))}: "


def _named(place: _Place) -> str:
    host, member, vantage = place
    name = f"{plain(host)} {member}" if member else plain(host)
    return f"{name} from {plain(vantage)}" if vantage else name
