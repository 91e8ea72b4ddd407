"""Annotations of GitHub Actions: workflow commands that put a finding on its line of the pull request.

A step shows ten of each level and swallows the rest, so the worst come first and a last notice counts all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.model.findings import Status
from auditor.report import wording
from auditor.report.escape import github_data, github_property, one_line
from auditor.report.sarif_location import inside
from auditor.report.tolerated import outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.model.findings import Audit, Finding, Unverified
    from auditor.model.location import Location
    from auditor.report.options import ReportOptions

MOST = 10
"""How many annotations of a level a step shows."""
_ROOM = 200
"""Columns for the items of one reason."""

_NO_VERDICT = "exposure not audited"

_Pins = dict[str | None, dict[str, str]]


def render(audit: Audit, options: ReportOptions) -> bytes:
    """Write workflow commands in UTF-8: ``error`` for violations, ``warning`` for gaps, ``notice`` for notes.

    The last line is a notice with the verdict and all counts, and how many findings have no annotation; the one before
    has what was not assessed, if anything. What an exception lifts has none. Findings of a pack, and of other files
    outside the repository, stand on the line of their host, or the first of the policy.
    """
    pins = _pins(audit, options)
    violations = [found for found in audit.findings if found.status is Status.VIOLATION]
    notes = [found for found in audit.findings if found.status is Status.NOTE]
    not_assessed = list(_not_assessed(audit))
    lines = [
        *_finding_lines("error", violations[:MOST], pins),
        *(_gap_line(gap, pins) for gap in audit.unverified[:MOST]),
        *_finding_lines("notice", notes[: MOST - 1 - len(not_assessed)], pins),
    ]
    hidden = len(violations) + len(audit.unverified) + len(notes) - len(lines)
    return "".join(f"{line}\n" for line in (*lines, *not_assessed, _last_line(audit, hidden))).encode()


def failure(told: Sequence[str], places: Sequence[Location]) -> bytes:
    """Write an ``error`` for each line that says why there is no audit, ten at most; ``places`` go with the lines."""
    shown = list(told[:MOST] if len(told) <= MOST else told[: MOST - 1])
    lines = [
        _command("error", _place(places[number] if number < len(places) else None), _NO_VERDICT, one_line(line))
        for number, line in enumerate(shown)
    ]
    if len(shown) < len(told):
        more = wording.plural(len(told) - len(shown), "more problem")
        lines.append(_command("error", {}, _NO_VERDICT, f"and {more} like these"))
    return "".join(f"{line}\n" for line in lines).encode()


def _pins(audit: Audit, options: ReportOptions) -> _Pins:
    """Where to show what has no line in the repository: by host, and under None for all others."""
    anchor = options.sarif_anchor or (audit.files[0].path if audit.files else "")
    pins: _Pins = {None: {"file": one_line(anchor), "line": "1"} if inside(anchor) else {}}
    for row in audit.hosts:
        if place := _place(row.location):
            pins.setdefault(row.host, place)
    return pins


def _pin(of: Finding | Unverified, pins: _Pins) -> dict[str, str]:
    return pins.get(of.host) or pins[None]


def _finding_lines(level: str, findings: list[Finding], pins: _Pins) -> Iterator[str]:
    for finding in findings:
        place = _place(finding.source_location) or _place(finding.policy_location) or _pin(finding, pins)
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


def _gap_line(gap: Unverified, pins: _Pins) -> str:
    seen_from = f" from {one_line(gap.vantage)}" if gap.vantage else ""
    ports = f", {wording.ports(gap.ports, 200)}" if gap.ports else ""
    text = f"{wording.subject(gap)}{seen_from}{ports}: {one_line(gap.reason)}"
    place = _place(gap.policy_location) or _pin(gap, pins)
    return _command("warning", place, f"unverified {wording.subject(gap)}", text)


def _not_assessed(audit: Audit) -> Iterator[str]:
    """One notice for all: these say what nobody asked the evidence for, and the runner shows few of a level."""
    told = wording.not_assessed(audit, _ROOM)
    if len(told) > MOST:
        told = [*told[: MOST - 1], f"and {len(told) - MOST + 1:,} more reasons, all are in the reports"]
    if told:
        yield _command(
            "notice", {}, f"not assessed: {wording.plural(len(audit.not_assessed), 'item')}", "\n".join(told)
        )


def _last_line(audit: Audit, hidden: int) -> str:
    text = f"{outcome(audit)}: {wording.counts(audit)}"
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
