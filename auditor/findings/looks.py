"""Several looks at the same hosts: what changed between two of them, and whether it is time to stop looking."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.findings.catalogue import REQUIRED_NOT_OPEN
from auditor.findings.conclude import exit_code_of
from auditor.findings.making import plain
from auditor.findings.rows import verdict_of
from auditor.findings.scene import ranges
from auditor.model.findings import Look, Unverified
from auditor.model.ports import NO_PORTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from auditor.model.expectation import Expecting
    from auditor.model.findings import Audit, HostResult
    from auditor.model.policy import Host

_Place = tuple[str, str | None, str | None]


def changes(before: Audit, now: Audit) -> tuple[str, ...]:
    """Say what became of each subject between two looks, one line each, in the order of the later audit."""
    earlier, later = _rows(before), _rows(now)
    lines = [line for place, row in later.items() for line in _changed(place, earlier.get(place), row)]
    lines += [f"{_named(place)}: not seen any more" for place in earlier if place not in later]
    return tuple(lines)


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
    return {one.fingerprint for one in before.findings} == {one.fingerprint for one in now.findings} and {
        (gap.host, gap.member, gap.vantage, gap.ports, gap.reason) for gap in before.unverified
    } == {(gap.host, gap.member, gap.vantage, gap.ports, gap.reason) for gap in now.unverified}


def looked(audit: Audit, looks: Sequence[Look], *, settled: bool) -> Audit:
    """Return the last look's audit with the account of all; one that never settled is not verified."""
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
    unverified = (*audit.unverified, *gaps)
    verdict = verdict_of(audit.findings, unverified)
    code = exit_code_of(verdict, unverified_fails=audit.unverified_fails)
    return replace(audit, looks=tuple(looks), unverified=unverified, verdict=verdict, exit_code=code)


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
