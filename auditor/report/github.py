"""Annotations of GitHub Actions: workflow commands that put a finding on its line of the pull request.

A step shows ten of each level and swallows the rest, so the worst come first and a last notice counts all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.model.findings import Status
from auditor.report import wording
from auditor.report.escape import github_data, github_property, one_line
from auditor.report.sarif_location import inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model.findings import Audit, Finding, Unverified
    from auditor.model.location import Location
    from auditor.report.options import ReportOptions

MOST = 10
"""How many annotations of a level a step shows."""


def render(audit: Audit, options: ReportOptions) -> bytes:  # noqa: ARG001 - every format has this signature
    """Write workflow commands in UTF-8: ``error`` for violations, ``warning`` for gaps, ``notice`` for notes.

    The last line is a notice with the verdict and all counts, and how many findings have no annotation. What an
    exception lifts has none.
    """
    violations = [found for found in audit.findings if found.status is Status.VIOLATION]
    notes = [found for found in audit.findings if found.status is Status.NOTE]
    lines = [
        *_finding_lines("error", violations[:MOST]),
        *(_gap_line(gap) for gap in audit.unverified[:MOST]),
        *_finding_lines("notice", notes[: MOST - 1]),
    ]
    hidden = len(violations) + len(audit.unverified) + len(notes) - len(lines)
    return "".join(f"{line}\n" for line in (*lines, _last_line(audit, hidden))).encode()


def _finding_lines(level: str, findings: list[Finding]) -> Iterator[str]:
    for finding in findings:
        place = _place(finding.source_location) or _place(finding.policy_location)
        title = " ".join(one_line(part) for part in (finding.check, finding.host, finding.member) if part)
        yield _command(level, place, title, _message(finding))


def _message(finding: Finding) -> str:
    facts = [
        one_line(finding.message),
        f"expected: {one_line(finding.expected)}",
        f"actual: {one_line(finding.actual)}",
    ]
    if finding.sights:
        facts.append(f"seen: {wording.sights(finding)}")
    if history := wording.history(finding):
        facts.append(f"baseline: {history}")
    if finding.help:
        facts.append(f"help: {one_line(finding.help)}")
    if _place(finding.source_location) or not _place(finding.policy_location):
        facts.append(f"policy: {wording.place(finding.policy_location)}")
    return "\n".join(facts)


def _gap_line(gap: Unverified) -> str:
    seen_from = f" from {one_line(gap.vantage)}" if gap.vantage else ""
    ports = f", {wording.ports(gap.ports, 200)}" if gap.ports else ""
    text = f"{wording.subject(gap)}{seen_from}{ports}: {one_line(gap.reason)}"
    return _command("warning", _place(gap.policy_location), f"unverified {wording.subject(gap)}", text)


def _last_line(audit: Audit, hidden: int) -> str:
    text = f"{audit.verdict.value}: {wording.counts(audit)}"
    if audit.baseline is not None:
        text += f"; {wording.baseline(audit)}"
    if hidden:
        text += f"; {wording.plural(hidden, 'more finding')} without an annotation, all are in the reports"
    return _command("notice", {}, f"exposure of {one_line(audit.policy)}", text)


def _command(level: str, place: dict[str, str], title: str, message: str) -> str:
    properties = {**place, "title": title}
    listed = ",".join(f"{key}={github_property(value)}" for key, value in properties.items())
    return f"::{level} {listed}::{github_data(message)}"


def _place(location: Location | None) -> dict[str, str]:
    """Where the annotation is shown; empty for what lies outside the repository."""
    if location is None or not inside(location.file):
        return {}
    place = {"file": one_line(location.file), "line": str(max(1, location.line))}
    if location.line and location.column:
        place["col"] = str(location.column)
        if location.end_column > location.column:
            place["endColumn"] = str(location.end_column)
    return place
