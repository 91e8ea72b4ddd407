"""What was observed, as OSCAL says it: an observation for each finding, each gap in the evidence, each judged host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.report import wording
from auditor.report.json_format import timestamp
from auditor.report.oscal_parts import filled, identifier, properties, prose
from auditor.report.tolerated import tolerated_by_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from auditor.model.findings import Audit, Finding, HostResult, Unverified


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The identifiers that observations refer to: ``seed`` of this audit, hosts and evidence by their names."""

    seed: str
    tool: str
    hosts: dict[str, str]
    evidence: dict[str, str]


def finding_identifier(finding: Finding, seed: str) -> str:
    """Return the identifier of a finding's observation."""
    return identifier(seed, "finding", finding.fingerprint)


def row_identifier(at: int, seed: str) -> str:
    """Return the identifier of the observation about the judged host at this place of the audit."""
    return identifier(seed, "host", str(at))


def observations(audit: Audit, named: Named) -> Iterator[dict[str, Any]]:
    """Yield them in the order of the audit: findings, gaps, hosts. ``status`` tells which of them each is."""
    collected = _Collected(audit)
    for finding in audit.findings:
        yield _observation(
            finding_identifier(finding, named.seed),
            title=f"{finding.check}: {finding.message}",
            description=_told(finding),
            facts=_facts(finding),
            host=finding.host,
            sources=finding.evidence,
            named=named,
            collected=collected.of(finding.evidence),
        )
    for at, gap in enumerate(audit.unverified):
        yield _observation(
            identifier(named.seed, "unverified", str(at)),
            title=f"not verified: {wording.subject(gap)}",
            description=gap.reason,
            facts={"status": "unverified", **_place(gap), "ports": str(gap.ports)},
            host=gap.host,
            sources=(),
            named=named,
            collected=collected.by_default,
        )
    for at, (row, let_pass) in enumerate(zip(audit.hosts, tolerated_by_row(audit), strict=True)):
        verdict = ", with ".join(filter(None, (row.verdict.value, let_pass.spelled)))
        yield _observation(
            row_identifier(at, named.seed),
            title=f"{wording.subject(row)}: {verdict}",
            description=f"What {wording.subject(row)} exposes, held against the policy: {verdict}",
            facts=_row(row),
            host=row.host,
            sources=(),
            named=named,
            collected=collected.by_default,
        )


class _Collected:
    """When evidence was collected; where nobody knows, the end of the audit stands for it."""

    def __init__(self, audit: Audit) -> None:
        self.by_default = audit.finished
        times = ((used.origin.source, used.completion.finished or used.origin.started) for used in audit.evidence)
        self._times = {source: when for source, when in times if when is not None}

    def of(self, sources: tuple[str, ...]) -> datetime:
        known = [self._times[source] for source in sources if source in self._times]
        return max(known, default=self.by_default)


def _observation(
    identity: str,
    *,
    title: str,
    description: str,
    facts: dict[str, str | int | None],
    host: str | None,
    sources: tuple[str, ...],
    named: Named,
    collected: datetime,
) -> dict[str, Any]:
    subject = named.hosts.get(host) if host else None
    seen_in = [
        {"href": f"#{named.evidence[one]}", "description": prose(one)} for one in sources if one in named.evidence
    ]
    return filled(
        uuid=identity,
        title=prose(title),
        description=prose(description),
        props=properties(facts),
        methods=["TEST"],
        types=["control-objective" if facts["status"] == "assessed" else "finding"],
        origins=[{"actors": [{"type": "tool", "actor-uuid": named.tool}]}],
        subjects=[{"subject-uuid": subject, "type": "inventory-item", "title": prose(host or "")}] if subject else [],
        relevant_evidence=seen_in,
        collected=timestamp(collected),
    )


def _told(finding: Finding) -> str:
    facts = [finding.message, f"expected: {finding.expected}", f"actual: {finding.actual}"]
    if finding.sights:
        facts.append(f"seen: {wording.sights(finding)}")
    if finding.exception is not None:
        facts.append(f"excepted by {wording.lifted(finding.exception)}")
    if history := wording.history(finding):
        facts.append(f"baseline: {history}")
    if finding.help:
        facts.append(f"help: {finding.help}")
    return "; ".join(facts)


def _facts(finding: Finding) -> dict[str, str | int | None]:
    lifted = finding.exception
    return {
        "status": finding.status.value,
        "check": finding.check,
        "severity": str(finding.severity),
        **_place(finding),
        "port": None if finding.port is None else str(finding.port),
        "ports": str(finding.ports),
        "service": finding.service,
        "process": finding.process,
        "rule": finding.rule,
        "owner": finding.owner,
        "exception": lifted.id if lifted else None,
        "exception-expires": lifted.expires.isoformat() if lifted else None,
        "policy-location": wording.place(finding.policy_location),
        "source-location": wording.place(finding.source_location) if finding.source_location else None,
        "baseline": finding.novelty.value if finding.novelty else None,
        "first-seen": timestamp(finding.first_seen),
        "fingerprint": finding.fingerprint,
    }


def _row(row: HostResult) -> dict[str, str | int | None]:
    return {
        "status": "assessed",
        "verdict": row.verdict.value,
        **_place(row),
        "evidence": ", ".join(kind.value for kind in row.kinds),
        "asked": str(row.asked),
        "open": str(row.open),
        "unverified": str(row.unverified),
        "vacant-addresses": row.vacant or None,
    }


def _place(of: Finding | Unverified | HostResult) -> dict[str, str | int | None]:
    return {"host": of.host, "member": of.member, "address": of.address, "vantage": of.vantage}
