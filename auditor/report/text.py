"""The report for people, in the manner of a compiler: each finding with its line of source, then what else to know.

Every line is made harmless at the end: nothing in it acts on a terminal (names are escaped where they come in, in
:mod:`auditor.report.wording`) or on a CI runner that reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.model.findings import Status, Verdict
from auditor.model.policy import Severity
from auditor.report import wording
from auditor.report.escape import ascii_only, one_line, workflow_safe
from auditor.report.fold import folded, single
from auditor.report.remedies import remedies
from auditor.report.text_blocks import block_lines, brief_lines
from auditor.report.text_hosts import host_lines
from auditor.report.text_matrix import matrix_lines
from auditor.report.text_style import Style
from auditor.report.text_wrap import wrapped
from auditor.report.tolerated import outcome, tolerated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from auditor.model.findings import Audit, Finding, Unverified
    from auditor.report.options import ReportOptions

_NOTES = 5
_LISTED = 10
"""How many reasons of a kind are listed; ``verbose`` lists them all."""


def render(audit: Audit, options: ReportOptions) -> bytes:
    """Write UTF-8 text: findings worst first, unverified, not assessed, hosts, evidence, and one line of counts."""
    style = Style(options.color)
    sections = [
        *_findings(audit, options, style),
        list(_unverified(audit, options, style)),
        list(_not_assessed(audit, options, style)),
        list(matrix_lines(audit, options, style)),
        list(host_lines(audit, options, style)),
        list(_evidence(audit, options, style)),
        list(_baseline(audit, options, style)),
        list(_looks(audit, options, style)),
        list(_summary(audit, style)),
    ]
    text = "\n\n".join("\n".join(_fitted(lines, options)) for lines in sections if lines)
    return f"{workflow_safe(text)}\n".encode()


def _fitted(lines: Iterable[str], options: ReportOptions) -> Iterator[str]:
    for line in lines:
        shown = ascii_only(line) if options.ascii else line
        # Commands of CI runners are broken up first, as that makes lines longer.
        yield from wrapped(workflow_safe(shown), options.width) if options.wrap else [shown]


def _findings(audit: Audit, options: ReportOptions, style: Style) -> Iterator[list[str]]:
    brief = [] if options.verbose else [finding for finding in audit.findings if _is_brief(finding)]
    for status in Status:
        findings = [
            found for found in audit.findings if found.status is status and (options.verbose or not _is_brief(found))
        ]
        for block in single(findings) if options.verbose else folded(findings):
            yield list(block_lines(block, options, style))
    yield list(_brief(brief, options, style))


def _is_brief(finding: Finding) -> bool:
    """Housekeeping: good to know, and nothing to do today."""
    return finding.status is Status.NOTE and finding.severity is Severity.INFO


def _brief(findings: Sequence[Finding], options: ReportOptions, style: Style) -> Iterator[str]:
    for finding in findings[:_NOTES]:
        yield from brief_lines(finding, options, style)
    if len(findings) > _NOTES:
        yield f"and {wording.plural(len(findings) - _NOTES, 'more note')} (--verbose shows them)"


def _unverified(audit: Audit, options: ReportOptions, style: Style) -> Iterator[str]:
    if not audit.unverified:
        return
    reasons: dict[str, dict[tuple[str, str | None], list[str]]] = {}
    for item in audit.unverified:
        about = (_ports(item, options), item.vantage)
        reasons.setdefault(item.reason, {}).setdefault(about, []).append(wording.subject(item))
    yield style.warn(f"unverified: {wording.plural(len(audit.unverified), 'gap')} in the evidence") + (
        "" if audit.unverified_fails else " (reported only: settings.unverified)"
    )
    for reason, advice in remedies(reasons):
        yield f"  {one_line(reason)}"
        room = None if options.verbose else max(30, options.width - 40)
        lines = [_gap(about, names, room) for about, names in reasons[reason].items()]
        yield from _capped(lines, options, "    ")
        if advice:
            head = "    = "
            yield from wrapped(f"{style.gutter(head)}{style.bold('help:')} {advice}", options.width, hang=12)


def _ports(item: Unverified, options: ReportOptions) -> str:
    return wording.ports(item.ports, None if options.verbose else max(24, options.width * 36 // 100))


def _gap(about: tuple[str, str | None], names: list[str], room: int | None) -> str:
    ports, vantage = about
    seen_from = f" from {one_line(vantage)}" if vantage else ""
    return f"{wording.listed(names, 'host', room)}{seen_from}" + (f": {ports}" if ports else "")


def _not_assessed(audit: Audit, options: ReportOptions, style: Style) -> Iterator[str]:
    if not audit.not_assessed:
        return
    yield style.bold("not assessed") + ", as the evidence given does not speak of it; no part of the exit code"
    room = None if options.verbose else options.width - 12
    yield from _capped(wording.not_assessed(audit, room), options, "  ")


def _capped(lines: list[str], options: ReportOptions, indent: str) -> Iterator[str]:
    shown = lines if options.verbose or len(lines) <= _LISTED else lines[: _LISTED - 1]
    yield from (indent + line for line in shown)
    if len(shown) < len(lines):
        yield f"{indent}and {len(lines) - len(shown):,} more lines like these (--verbose shows them)"


def _evidence(audit: Audit, options: ReportOptions, style: Style) -> Iterator[str]:
    yield style.bold("evidence")
    if not audit.evidence:
        yield style.warn("  none")
    for used in audit.evidence:
        line = f"  {wording.evidence(used, options.base)}"
        yield line if used.completion.complete else style.warn(line)


def _baseline(audit: Audit, options: ReportOptions, style: Style) -> Iterator[str]:
    if audit.baseline is None:
        return
    yield style.bold("baseline") + f" {wording.baseline(audit, options.base)}"
    for word, findings in (("fixed", audit.baseline.fixed), ("not looked at again", audit.baseline.unseen)):
        lines = [f"{word}: {one_line(found.message)} ({found.check})" for found in findings]
        yield from _capped(lines, options, "  ")


def _looks(audit: Audit, options: ReportOptions, style: Style) -> Iterator[str]:
    if not audit.looks:
        return
    waited = wording.duration(audit.looks[-1].finished - audit.looks[0].finished)
    yield style.bold("looks") + f" {len(audit.looks):,}, over {waited}"
    lines = [
        f"look {number}: {one_line(change)}" for number, look in enumerate(audit.looks, 1) for change in look.changes
    ]
    yield from _capped(lines, options, "  ")


def _summary(audit: Audit, style: Style) -> Iterator[str]:
    let_pass = audit.verdict is Verdict.CONFORMS and tolerated(audit.findings)
    said = style.warn(outcome(audit)) if let_pass else style.verdict(audit.verdict, outcome(audit))
    yield f"{said}: {wording.counts(audit)}"
