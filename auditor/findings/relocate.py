"""File names of an audit, brought into the form that reports need: relative to the repository's root."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.model.findings import Audit, EvidenceUsed, Finding, Matrix
    from auditor.model.location import Location


def relocated(audit: Audit, rename: Callable[[str], str]) -> Audit:
    """Return the same audit with every file name put through ``rename``, which is asked once a name."""
    names: dict[str, str] = {}

    def name(old: str) -> str:
        if old not in names:
            names[old] = rename(old)
        return names[old]

    def moved(location: Location) -> Location:
        return replace(location, file=name(location.file))

    return replace(
        audit,
        files=tuple(replace(file, path=name(file.path)) for file in audit.files),
        evidence=tuple(_evidence(used, name) for used in audit.evidence),
        findings=tuple(_finding(finding, moved, name) for finding in audit.findings),
        unverified=tuple(replace(item, policy_location=moved(item.policy_location)) for item in audit.unverified),
        hosts=tuple(replace(host, location=moved(host.location)) for host in audit.hosts),
        matrices=tuple(_matrix(one, moved) for one in audit.matrices),
    )


def _evidence(used: EvidenceUsed, name: Callable[[str], str]) -> EvidenceUsed:
    return replace(used, origin=replace(used.origin, source=name(used.origin.source)))


def _finding(finding: Finding, moved: Callable[[Location], Location], name: Callable[[str], str]) -> Finding:
    lifted = finding.exception
    return replace(
        finding,
        policy_location=moved(finding.policy_location),
        source_location=moved(finding.source_location) if finding.source_location else None,
        exception=replace(lifted, location=moved(lifted.location)) if lifted else None,
        evidence=tuple(name(source) for source in finding.evidence),
        sights=tuple(
            replace(
                sight,
                source=name(sight.source) if sight.source else None,
                location=moved(sight.location) if sight.location else None,
            )
            for sight in finding.sights
        ),
    )


def _matrix(matrix: Matrix, moved: Callable[[Location], Location]) -> Matrix:
    rows = (replace(row, locations=tuple(map(moved, row.locations))) for row in matrix.rows)
    return replace(matrix, rows=tuple(rows))
