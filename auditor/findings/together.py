"""One finding where several kinds of evidence speak of one port: it says what each of them saw.

A file that publishes a port, a socket that listens on it and a probe that reaches it are three views of one exposure.
What files or socket tables show without a vantage is the same as what a probe from a named vantage shows: the finding
with the vantage stays, points at the line that opens the port, and tells the rest.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from auditor.findings.catalogue import FORBIDDEN_OPEN, TOO_WIDE, UNEXPECTED_OPEN
from auditor.model.findings import Status
from auditor.model.policy import LOCAL
from auditor.model.ports import PortSet
from auditor.model.reach import joined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.findings.sights import Sights
    from auditor.model.findings import Finding
    from auditor.model.ports import Port

_EXPOSED = {FORBIDDEN_OPEN, TOO_WIDE, UNEXPECTED_OPEN}


def together(findings: Sequence[Finding], sights: Sights) -> tuple[Finding, ...]:
    """Give the findings of one subject what all its evidence says, and leave out those that others tell already."""
    if len(sights.kinds) < 2:
        return tuple(_told_by_all(one, sights) for one in findings)
    at_port: dict[tuple[str | None, Port | None], list[Finding]] = {}
    for one in findings:
        at_port.setdefault((one.member, one.port), []).append(one)
    kept = []
    for one in findings:
        near = at_port[one.member, one.port]
        if any(_tells(other, one) for other in near):
            continue
        unsaid = [other.reach for other in near if _tells(one, other)]
        kept.append(_told(replace(one, reach=joined(chain(one.reach, *unsaid))) if unsaid else one, sights))
    return tuple(kept)


def _told(finding: Finding, sights: Sights) -> Finding:
    if finding.port is None or finding.vantage == LOCAL:
        return _told_by_all(finding, sights)
    seen = sights.of(finding.port)
    if len({sight.kind for sight in seen}) < 2:
        return _told_by_all(finding, sights)
    sources = (sight.source for sight in seen if sight.source)
    return replace(
        finding,
        sights=seen,
        source_location=finding.source_location or sights.opened_at(finding.port),
        evidence=tuple(dict.fromkeys((*finding.evidence, *sources))),
    )


def _told_by_all(finding: Finding, sights: Sights) -> Finding:
    """Name every line that opens the port or range: who mends the first alone would find the finding again."""
    if finding.check not in _EXPOSED or finding.source_location is None:
        return finding
    seen = sights.publishing(
        PortSet.of(finding.port) if finding.port else finding.ports, local=finding.vantage == LOCAL
    )
    if len({(sight.source, sight.location) for sight in seen}) < 2:
        return finding
    return replace(finding, sights=seen)


def _tells(telling: Finding, other: Finding) -> bool:
    """Whether one finding says what the other does, and more: the vantage."""
    if telling is other or telling.port is None or telling.port != other.port or telling.member != other.member:
        return False
    if other.vantage is not None or telling.vantage in (None, LOCAL):
        return False
    same = telling.check == other.check or {telling.check, other.check} <= _EXPOSED
    as_loud = telling.severity >= other.severity and other.status in (telling.status, Status.NOTE)
    return same and as_loud
