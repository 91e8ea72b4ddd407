"""Folding findings that say the same for people to read: one port on many hosts or from many vantages, many ports.

Nothing is lost: every finding is in exactly one block, and blocks come in the order of their first findings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.model.ports import PortSet

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from auditor.model.findings import Finding

SHOWN_PORTS = 3
FOLDED_ABOVE = 6
"""More than six ports of one kind on the same hosts: three are shown in full, the others in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Findings to show together. They differ in host and vantage alone; with ``ports`` set, in the port as well."""

    findings: tuple[Finding, ...]
    ports: PortSet | None = None

    @property
    def first(self) -> Finding:
        """The finding to show in full."""
        return self.findings[0]


def single(findings: Iterable[Finding]) -> list[Block]:
    """Put each finding in a block of its own."""
    return [Block(findings=(finding,)) for finding in findings]


def folded(findings: Iterable[Finding]) -> list[Block]:
    """Fold hosts and vantages first, then ports of blocks about exactly the same ones."""
    by_port: dict[Hashable, list[Finding]] = {}
    for finding in findings:
        by_port.setdefault(_same_but_place(finding), []).append(finding)
    by_hosts: dict[Hashable, list[list[Finding]]] = {}
    for group in by_port.values():
        by_hosts.setdefault(_same_but_port(group), []).append(group)
    blocks: list[Block] = []
    for groups in by_hosts.values():
        blocks += _blocks(groups)
    return blocks


def _blocks(groups: list[list[Finding]]) -> list[Block]:
    shown = len(groups) if len(groups) <= FOLDED_ABOVE else SHOWN_PORTS
    blocks = [Block(findings=tuple(group)) for group in groups[:shown]]
    rest = [finding for group in groups[shown:] for finding in group]
    if rest:
        ports = PortSet.of(*(finding.port for finding in rest if finding.port))
        blocks.append(Block(findings=tuple(rest), ports=ports))
    return blocks


def _same_but_place(finding: Finding) -> Hashable:
    if finding.host is None or (finding.port is None and not finding.ports):
        return finding.fingerprint, id(finding)
    exception = finding.exception and finding.exception.id
    return (
        finding.check,
        finding.severity,
        finding.status,
        finding.port,
        finding.ports,
        finding.vantage is None,
        finding.expected,
        finding.actual,
        finding.rule,
        exception,
        finding.source_location,
        finding.sights,
        finding.novelty,
        finding.grown,
        finding.first_seen,
    )


def _same_but_port(group: list[Finding]) -> Hashable:
    first = group[0]
    if first.port is None or first.source_location is not None or first.sights:
        return id(group)
    exception = first.exception and first.exception.id
    places = tuple((finding.host, finding.member, finding.vantage) for finding in group)
    history = (first.novelty, first.grown, first.first_seen)
    return first.check, first.severity, first.status, history, first.expected, exception, places
