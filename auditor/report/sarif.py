"""SARIF 2.1.0, as GitHub code scanning reads it first of all; GitLab, SonarQube and DefectDojo read it too.

Section numbers are those of the OASIS standard (errata 01).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.errors import ExitCode
from auditor.model.findings import Novelty, Status
from auditor.report import wording
from auditor.report.document import json_document
from auditor.report.escape import one_line, sarif, shortened
from auditor.report.json_format import timestamp
from auditor.report.remedies import remedies
from auditor.report.sarif_location import inside, logical, pinned
from auditor.report.sarif_rules import PROJECT_URL, Rules, level, notification_descriptors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.model.findings import Audit, Finding
    from auditor.report.options import ReportOptions

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

MOST_RESULTS = 5000
"""GitHub shows no more than so many results of one run; the worst come first."""

MOST_BYTES = 10_000_000
"""How large an upload GitHub takes, compressed by gzip."""

_MOST_NOTIFICATIONS = 1000


def render(audit: Audit, options: ReportOptions) -> bytes:
    """Write one SARIF run in UTF-8, worst results first, at most 5,000 of them; a notification says what was cut.

    Violations and notes are results; excepted findings are left out, as GitHub would show them as open, unless the
    options ask for them. What is unverified is a notification of the invocation.

    :raises ReportError: a finding points outside the repository and no anchor is given.
    """
    wanted = _wanted(audit, options)
    rules = Rules(wanted)
    main = audit.files[0].path if audit.files else ""
    ranked = sorted(wanted, key=lambda finding: -finding.severity)  # stable: then the order of the audit
    shown = ranked[:MOST_RESULTS]
    run: dict[str, Any] = {
        "tool": {"driver": _driver(audit, rules)},
        "columnKind": "unicodeCodePoints",
        "results": (_result(finding, rules, main, options) for finding in shown),
        "invocations": [_invocation(audit, cut=len(ranked) - len(shown))],
        "properties": _counts(audit),
    }
    if options.sarif_category:
        run["automationDetails"] = {"id": one_line(options.sarif_category).rstrip("/") + "/"}
    return json_document({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, depth=6)


def cautions(audit: Audit, options: ReportOptions, written: bytes) -> Iterator[str]:
    """Say what was cut, and that GitHub does not take a file that is too large."""
    if (cut := len(_wanted(audit, options)) - MOST_RESULTS) > 0:
        least = f"the {MOST_RESULTS:,} worst findings are written, as GitHub shows no more"
        yield f"{least}; {wording.plural(cut, 'finding')} left out, all are in the other reports"
    if len(written) > MOST_BYTES:
        from gzip import compress

        if (size := len(compress(written, compresslevel=6, mtime=0))) > MOST_BYTES:
            yield f"{size / 1e6:.0f} MB compressed, and GitHub takes {MOST_BYTES / 1e6:.0f} MB at most"


def _wanted(audit: Audit, options: ReportOptions) -> list[Finding]:
    return [
        finding for finding in audit.findings if finding.status is not Status.EXCEPTED or options.sarif_include_excepted
    ]


def _driver(audit: Audit, rules: Rules) -> dict[str, Any]:
    return {
        "name": one_line(audit.tool_name),
        "semanticVersion": one_line(audit.tool_version),
        "informationUri": PROJECT_URL,
        "rules": rules.descriptors(),
        "notifications": notification_descriptors(),
    }


def _result(finding: Finding, rules: Rules, main: str, options: ReportOptions) -> dict[str, Any]:
    physical, related = pinned(finding, main, options)
    result: dict[str, Any] = {
        "ruleId": rules.id_of(finding),
        "ruleIndex": rules.index_of(finding),
        "level": level(finding.severity),
        "message": {"text": _message(finding, linked=related is not None)},
        "locations": [{"physicalLocation": physical, "logicalLocations": logical(finding)}],
        "partialFingerprints": {
            "primaryLocationLineHash": f"{finding.fingerprint[:16]}:1",
            "exposureFinding/v1": finding.fingerprint,
        },
        "properties": _properties(finding),
    }
    if finding.novelty is not None:
        result["baselineState"] = _state(finding)
    if finding.first_seen is not None:
        result["provenance"] = {"firstDetectionTimeUtc": timestamp(finding.first_seen)}
    if related is not None:
        result["relatedLocations"] = [{"id": 1, "physicalLocation": related, "message": {"text": "policy"}}]
    if finding.exception is not None and finding.status is Status.EXCEPTED:
        result["suppressions"] = [
            {
                "kind": "external",
                "status": "accepted",
                "justification": sarif(wording.lifted(finding.exception)),
            }
        ]
    return result


def _state(finding: Finding) -> str:
    """Say what the result is against the baseline (3.27.24): one that grew is there in both, and not the same."""
    if finding.novelty is Novelty.NEW:
        return "updated" if finding.grown else "new"
    return "unchanged"


def _message(finding: Finding, *, linked: bool) -> str:
    """Write the title as the first sentence, then the facts; ``[policy](1)`` links to the related location."""
    title = sarif(finding.message).rstrip(". ")
    facts = [f"{title}.", f"Expected: {sarif(finding.expected)}.", f"Actual: {sarif(finding.actual)}."]
    if finding.sights:
        facts.append(_sentence(sarif(wording.sights(finding))))
    if finding.grown:
        facts.append(_sentence(sarif(wording.history(finding))))
    if finding.help:
        facts.append(_sentence(sarif(finding.help)))
    if not inside(finding.policy_location.file):
        facts.append(f"Policy: {sarif(wording.place(finding.policy_location))}.")
    if linked:
        facts.append("See the [policy](1).")
    return " ".join(facts)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('. ')}."


def _properties(finding: Finding) -> dict[str, Any]:
    port = finding.port
    facts = {
        "host": finding.host,
        "member": finding.member,
        "address": finding.address,
        "port": port and port.number,
        "protocol": port and port.protocol.value,
        "ports": wording.ports(finding.ports, 500) if finding.ports else None,
        "vantage": finding.vantage,
        "service": finding.service,
        "process": finding.process,
        "expected": finding.expected,
        "actual": finding.actual,
        "severity": str(finding.severity),
        "rule": finding.rule,
        "owner": finding.owner,
        "controls": [shortened(one_line(control)) for control in finding.controls],
        "evidence": [shortened(one_line(source)) for source in finding.evidence],
        "sights": [shortened(one_line(sight.text)) for sight in finding.sights],
    }
    return {key: shortened(one_line(fact)) if isinstance(fact, str) else fact for key, fact in facts.items() if fact}


def _invocation(audit: Audit, *, cut: int) -> dict[str, Any]:
    """Describe the run. It was successful (3.20.14) if the audit was carried out, whatever it found."""
    return {
        "executionSuccessful": audit.exit_code in (ExitCode.CONFORMS, ExitCode.VIOLATIONS, ExitCode.UNVERIFIED),
        "exitCode": int(audit.exit_code),
        "startTimeUtc": timestamp(audit.started),
        "endTimeUtc": timestamp(audit.finished),
        "toolExecutionNotifications": _notifications(audit, cut),
    }


def _notifications(audit: Audit, cut: int) -> list[dict[str, Any]]:
    unsettled = "error" if audit.unverified_fails else "warning"
    said = []
    if cut:
        said.append(_note("cut", "warning", f"{wording.plural(cut, 'more finding')} of lower rank left out."))
    said += [
        _note("incomplete-evidence", unsettled, wording.evidence(used))
        for used in audit.evidence
        if not used.completion.complete
    ]
    several = wording.several_vantages(audit)
    advices = dict(remedies(gap.reason for gap in audit.unverified))
    for gap in audit.unverified:
        seen_from = f" from {one_line(gap.vantage)}" if several and gap.vantage else ""
        about = f", {wording.ports(gap.ports, 200)}" if gap.ports else ""
        advice = f" (help: {found})" if (found := advices.pop(gap.reason, None)) else ""  # once for each
        said.append(_note("unverified", unsettled, f"{wording.subject(gap)}{seen_from}{about}: {gap.reason}{advice}"))
    said += [_note("not-assessed", "note", f"{item.what}: {item.reason}") for item in audit.not_assessed]
    return _limited(said)


def _limited(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(said) <= _MOST_NOTIFICATIONS:
        return said
    left = len(said) - _MOST_NOTIFICATIONS + 1
    return [_note("cut", "warning", f"{left:,} more notifications left out."), *said[: _MOST_NOTIFICATIONS - 1]]


def _note(about: str, how: str, text: str) -> dict[str, Any]:
    return {"descriptor": {"id": about}, "level": how, "message": {"text": sarif(text)}}


def _counts(audit: Audit) -> dict[str, Any]:
    files: Sequence[dict[str, str]] = [{"path": one_line(file.path), "sha256": file.sha256} for file in audit.files]
    return {
        "verdict": audit.verdict.value,
        "policy": shortened(one_line(audit.policy)),
        "policyFiles": files,
        "counts": {
            **{status.value: number for status, number in audit.counts().items()},
            "unverified": len(audit.unverified),
        },
    }
