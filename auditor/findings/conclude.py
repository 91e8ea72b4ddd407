"""The verdict and the exit code, and the audit that every report is made from. Last step before the reports."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from auditor.errors import ExitCode
from auditor.findings.rows import cut_short, verdict_of
from auditor.model.evidence import Kind
from auditor.model.findings import Audit, Unverified, Verdict
from auditor.model.network import parse_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from auditor.findings.judge import Judged
    from auditor.model.findings import EvidenceUsed, Finding, HostResult, Matrix, NotAssessed
    from auditor.model.policy import Policy


def conclude(
    policy: Policy,
    judged: Iterable[Judged],
    *,
    evidence: Sequence[EvidenceUsed],
    tool_name: str,
    tool_version: str,
    started: datetime,
    finished: datetime,
) -> Audit:
    """Bring everything judged together; ``judged`` is read once, and its last part comes from ``Judge.conclude``.

    Violations outrank open questions. An audit that judged no host at all is never a pass.
    """
    findings: list[Finding] = []
    unverified: list[Unverified] = []
    hosts: list[HostResult] = []
    not_assessed: list[NotAssessed] = []
    matrices: list[Matrix] = []
    for part in judged:
        findings += part.findings
        unverified += part.unverified
        hosts += part.hosts
        not_assessed += part.not_assessed
        matrices += part.matrices
    if not hosts:
        unverified.append(_nothing(policy))
    looked = [used for used in evidence if used.origin.kind is not Kind.DECLARED]
    if not unverified and looked and not any(used.completion.complete for used in looked):
        unverified += (cut_short(policy, used) for used in looked)
    verdict = verdict_of(findings, unverified)
    return Audit(
        policy=policy.name,
        files=policy.files,
        tool_name=tool_name,
        tool_version=tool_version,
        started=started,
        finished=finished,
        verdict=verdict,
        exit_code=exit_code_of(verdict, unverified_fails=policy.settings.unverified_fails),
        fail_on=policy.settings.fail_on,
        unverified_fails=policy.settings.unverified_fails,
        evidence=tuple(evidence),
        findings=tuple(sorted(findings, key=_order)),
        unverified=tuple(unverified),
        not_assessed=tuple(not_assessed),
        hosts=tuple(hosts),
        controls=tuple(replace(control, location=None) for control in policy.controls.values()),
        matrices=tuple(matrices),
    )


def exit_code_of(verdict: Verdict, *, unverified_fails: bool) -> ExitCode:
    """Return 0, 1 or 3; what is not verified is a 0 for teams on their way in (``unverified: report``)."""
    match verdict:
        case Verdict.CONFORMS:
            return ExitCode.CONFORMS
        case Verdict.VIOLATIONS:
            return ExitCode.VIOLATIONS
        case Verdict.UNVERIFIED:
            return ExitCode.UNVERIFIED if unverified_fails else ExitCode.CONFORMS
        case _:
            assert_never(verdict)


def _nothing(policy: Policy) -> Unverified:
    return Unverified(
        host=policy.name,
        reason="the evidence says nothing of any host of the policy",
        policy_location=policy.hosts_location,
    )


def _order(finding: Finding) -> tuple[object, ...]:
    """Worst first, then host, member, vantage, port; the identity settles the rest."""
    return (
        -finding.severity,
        finding.host or "",
        _place(finding.member),
        finding.vantage or "",
        finding.port or (),
        finding.check,
        finding.fingerprint,
    )


def _place(member: str | None) -> tuple[int, int, str]:
    if member is None:
        return (0, 0, "")
    address = parse_address(member)
    return (address.version, int(address), member)
