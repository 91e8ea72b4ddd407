"""Code Quality of GitLab: the findings that a merge request shows beside its changed lines."""

from __future__ import annotations

import re
from hashlib import sha256
from itertools import chain
from posixpath import normpath
from typing import TYPE_CHECKING, Any

from auditor.errors import ReportError
from auditor.model.findings import Status
from auditor.model.policy import Severity
from auditor.report import wording
from auditor.report.document import json_document
from auditor.report.escape import one_line
from auditor.report.sarif_location import inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model.findings import Audit, Finding, Unverified
    from auditor.model.location import Location
    from auditor.report.options import ReportOptions

_SEVERITIES = {
    Severity.INFO: "info",
    Severity.LOW: "minor",
    Severity.MEDIUM: "major",
    Severity.HIGH: "critical",
    Severity.CRITICAL: "blocker",
}
_NUMBERS = re.compile(r"[0-9][0-9a-zA-Z.:]*")
_SEPARATOR = "\x1f"
_ROOM = 200
"""Columns for what is listed in one entry."""


def render(audit: Audit, options: ReportOptions) -> bytes:
    """Write a Code Quality report: violations and notes in the order of the audit, what is unverified, not assessed.

    What an exception lifts is left out, as GitLab would show it as open. ``[]`` says that all is well: a gap in the
    evidence is an entry too, and so is each reason why something was not assessed, unless there is no file inside the
    repository to pin it to. One entry that GitLab does not take would drop all others.

    :raises ReportError: a finding points outside the repository, the policy lies outside, and no anchor is given.
    """
    anchor = options.sarif_anchor or (audit.files[0].path if audit.files else "")
    shown = [finding for finding in audit.findings if finding.status is not Status.EXCEPTED]
    entries = chain(
        (_finding(finding, anchor) for finding in shown), _gaps(audit, anchor), _not_assessed(audit, anchor)
    )
    return json_document(entries, depth=1)


def _finding(finding: Finding, anchor: str) -> dict[str, Any]:
    return {
        "description": f"{one_line(finding.message)} (expected: {one_line(finding.expected)}{_grown(finding)})",
        "check_name": one_line(finding.check),
        "fingerprint": finding.fingerprint,
        "severity": _SEVERITIES[finding.severity],
        "location": _location(finding.source_location, finding.policy_location, anchor),
    }


def _grown(finding: Finding) -> str:
    return f"; {wording.history(finding)}" if finding.grown else ""


def _gaps(audit: Audit, anchor: str) -> Iterator[dict[str, Any]]:
    """Yield an entry for each gap; those that are alike are told apart by their number, as GitLab drops doubles.

    Ages, sizes and addresses in a reason change from run to run, and are no part of the identity.
    """
    met: dict[tuple[str, ...], int] = {}
    for gap in audit.unverified:
        parts = map(one_line, (audit.policy, gap.host, gap.member or "", gap.vantage or ""))
        identity = (*parts, _NUMBERS.sub("#", one_line(gap.reason)))
        met[identity] = number = met.get(identity, 0) + 1
        yield _gap(gap, audit, anchor, (*identity, str(number)))


def _gap(gap: Unverified, audit: Audit, anchor: str, identity: tuple[str, ...]) -> dict[str, Any]:
    seen_from = f" from {one_line(gap.vantage)}" if gap.vantage else ""
    ports = f", {wording.ports(gap.ports, 200)}" if gap.ports else ""
    return {
        "description": f"not verified: {wording.subject(gap)}{seen_from}{ports}: {one_line(gap.reason)}",
        "check_name": "unverified",
        "fingerprint": sha256(_SEPARATOR.join(("unverified", *identity)).encode()).hexdigest(),
        "severity": "major" if audit.unverified_fails else "info",
        "location": _location(None, gap.policy_location, anchor),
    }


def _not_assessed(audit: Audit, anchor: str) -> Iterator[dict[str, Any]]:
    """Yield an entry for each reason. It is no part of the exit code, so it must not be what fails the report."""
    if not inside(anchor):
        return
    for told in dict.fromkeys(wording.not_assessed(audit, _ROOM)):
        identity = ("not assessed", one_line(audit.policy), told)
        yield {
            "description": f"not assessed: {told}",
            "check_name": "not-assessed",
            "fingerprint": sha256(_SEPARATOR.join(identity).encode()).hexdigest(),
            "severity": "info",
            "location": {"path": one_line(normpath(anchor)), "lines": {"begin": 1}},
        }


def _location(source: Location | None, policy: Location, anchor: str) -> dict[str, Any]:
    for place in (source, policy):
        if place is not None and inside(place.file):
            return {"path": one_line(normpath(place.file)), "lines": {"begin": max(1, place.line)}}
    if inside(anchor):
        return {"path": one_line(normpath(anchor)), "lines": {"begin": 1}}
    raise ReportError(
        f"GitLab's report can only point into the repository, and {wording.place(policy)} lies outside it; "
        "name a file inside to pin such findings to: --sarif-anchor FILE"
    )
