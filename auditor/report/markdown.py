"""Markdown as GitHub and GitLab show it: the summary of a step, and a comment that replaces the last one.

A comment may have 65,536 characters and a summary 1 MiB; what is written stays below 60,000 bytes, and says what it
left out. The hidden first line lets a script find the comment that it made before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.model.findings import Status, Verdict
from auditor.report import wording
from auditor.report.escape import markdown, markdown_code, one_line
from auditor.report.remedies import remedies
from auditor.report.tolerated import outcome, tolerated, tolerated_by_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.model.findings import Audit, Finding, HostResult, Look, Unverified
    from auditor.report.options import ReportOptions
    from auditor.report.tolerated import Tolerated

BUDGET = 60_000
"""Bytes of the whole document."""
_LAST_WORDS = 400
"""Bytes kept free for saying what was cut, for each section."""

_MARKS = {
    Verdict.CONFORMS: "✅ conforms",
    Verdict.VIOLATIONS: "❌ violations",
    Verdict.UNVERIFIED: "⚠️ not verified",
}
_NOT_A_MARKER = re.compile(r"[^A-Za-z0-9_.]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """A table. ``folded`` ones open on a click, so that the page stays short."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    folded: bool = True


_PROBLEMS = 10
_LONGEST = 500
"""Characters of the policy's name, and of what is said of the baseline; escaped they may be ten times as many."""


@dataclass(slots=True)
class _Page:
    """The document so far; takes rows as long as there is room."""

    parts: list[str] = field(default_factory=list)
    used: int = 0

    def add(self, text: str) -> None:
        self.parts.append(text)
        self.used += len(text.encode("utf-8", "surrogatepass"))

    def has_room(self, text: str, kept: int) -> bool:
        return self.used + len(text.encode("utf-8", "surrogatepass")) + kept <= BUDGET


def render(audit: Audit, options: ReportOptions) -> bytes:  # noqa: ARG001 - every format has this signature
    """Write Markdown in UTF-8: verdict and counts, violations, gaps, then folded the rest; at most 60,000 bytes."""
    page = _Page()
    marker = _NOT_A_MARKER.sub("-", one_line(audit.policy))[:60].strip("-")
    page.add(f"<!-- exposure-auditor:{marker} -->\n")
    page.add(f"## {_mark(audit)}: exposure of {markdown(_short(audit.policy))}\n\n{_counts(audit)}\n")
    sections = [section for section in _sections(audit) if section.rows]
    for number, section in enumerate(sections):
        _write(page, section, kept=_LAST_WORDS * (len(sections) - number))
    return "".join(page.parts).encode()


def failure(told: Sequence[str], exit_code: int) -> bytes:
    """Write Markdown in UTF-8 where there is no audit: what went wrong, ten lines of it at most."""
    lines = [f"- {markdown(_short(line))}" for line in told[:_PROBLEMS]]
    if len(told) > _PROBLEMS:
        lines.append(f"- and {wording.plural(len(told) - _PROBLEMS, 'more problem')} like these")
    return "\n".join((f"## ❌ not audited (exit code {int(exit_code)})", "", *lines, "")).encode()


def _mark(audit: Audit) -> str:
    if audit.verdict is Verdict.CONFORMS and tolerated(audit.findings):
        return f"⚠️ {outcome(audit)}"
    return _MARKS[audit.verdict]


def _short(text: str) -> str:
    """What is said outside the tables fits, whatever it is; rows that do not fit are left out and counted."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _counts(audit: Audit) -> str:
    text = markdown(wording.counts(audit))
    if audit.unverified and not audit.unverified_fails:
        text += " (what is not verified is only reported, as the policy says)"
    if audit.baseline is not None:
        text += f"\n\nBaseline: {markdown(_short(wording.baseline(audit)))}"
    return text


def _sections(audit: Audit) -> Iterator[_Section]:
    of = {status: [found for found in audit.findings if found.status is status] for status in Status}
    columns = ("severity", "host", "port", "what", "where")
    yield _Section(
        title="Violations", columns=columns, rows=[_finding(one) for one in of[Status.VIOLATION]], folded=False
    )
    yield _Section(
        title="Not verified",
        columns=("host", "ports", "why"),
        rows=[_gap(gap) for gap in audit.unverified],
        folded=False,
    )
    yield _Section(
        title="What to do about what is not verified",
        columns=("why", "help"),
        rows=[
            (markdown(reason), markdown(advice))
            for reason, advice in remedies(gap.reason for gap in audit.unverified)
            if advice
        ],
    )
    yield _Section(
        title="Excepted",
        columns=("host", "port", "check", "exception"),
        rows=[_excepted(found) for found in of[Status.EXCEPTED]],
    )
    yield _Section(title="Notes", columns=columns, rows=[_finding(found) for found in of[Status.NOTE]])
    yield _Section(
        title="Not assessed",
        columns=("what", "why"),
        rows=[(markdown(item.what), markdown(item.reason)) for item in audit.not_assessed],
    )
    yield _Section(
        title="Looks",
        columns=("look", "ended", "what had changed"),
        rows=[_look(number, look) for number, look in enumerate(audit.looks, 1)],
    )
    yield _Section(
        title="Hosts",
        columns=("host", "address", "from", "verdict", "open"),
        rows=[_host(*of) for of in zip(audit.hosts, tolerated_by_row(audit), strict=True)],
    )
    yield _Section(
        title="Evidence",
        columns=("evidence",),
        rows=[(markdown(wording.evidence(used)),) for used in audit.evidence],
    )


def _write(page: _Page, section: _Section, *, kept: int) -> None:
    title = f"{section.title} ({len(section.rows):,})"
    opening = f"\n<details><summary>{title}</summary>\n\n" if section.folded else f"\n### {title}\n\n"
    closing = "\n</details>\n" if section.folded else ""
    head = f"{opening}| {' | '.join(section.columns)} |\n|{' --- |' * len(section.columns)}\n"
    if not page.has_room(head, kept):
        page.add(f"\n{title}: left out here, and in the other reports.\n")
        return
    page.add(head)
    written = 0
    for cells in section.rows:
        line = f"| {' | '.join(cells)} |\n"
        if not page.has_room(line, kept):
            break
        page.add(line)
        written += 1
    if left := len(section.rows) - written:
        page.add(f"\n{left:,} more left out here; all are in the other reports.\n")
    page.add(closing)


def _finding(finding: Finding) -> tuple[str, ...]:
    pointed = finding.source_location or finding.policy_location
    told = [markdown(finding.message)]
    if finding.sights:
        told.append(markdown(f"seen: {wording.sights(finding)}"))
    if finding.grown:
        told.append(markdown(wording.history(finding)))
    if finding.help:
        told.append(markdown(f"help: {finding.help}"))
    return (
        wording.weight(finding),
        markdown(wording.subject(finding)),
        markdown_code(str(finding.port)) if finding.port else _ports(finding),
        "<br>".join(told),
        markdown_code(wording.place(pointed)),
    )


def _ports(finding: Finding) -> str:
    return markdown_code(wording.ports(finding.ports, 60)) if finding.ports else ""


def _gap(gap: Unverified) -> tuple[str, ...]:
    seen_from = f" from {gap.vantage}" if gap.vantage else ""
    ports = markdown_code(wording.ports(gap.ports, 60)) if gap.ports else "all that was asked for"
    return (markdown(f"{wording.subject(gap)}{seen_from}"), ports, markdown(gap.reason))


def _excepted(finding: Finding) -> tuple[str, ...]:
    lifted = markdown(wording.lifted(finding.exception)) if finding.exception else ""
    port = markdown_code(str(finding.port)) if finding.port else _ports(finding)
    return (markdown(wording.subject(finding)), port, markdown(finding.check), lifted)


def _look(number: int, look: Look) -> tuple[str, ...]:
    return (str(number), wording.moment(look.finished), "<br>".join(map(markdown, look.changes)) or "-")


def _host(host: HostResult, let_pass: Tolerated) -> tuple[str, ...]:
    if host.members:
        shown = f"{host.vacant:,} of {wording.plural(host.members, 'address')} silent"
    else:
        shown = markdown_code(wording.ports(host.open, 60)) if host.open else "-"
    return (
        markdown(wording.subject(host)),
        markdown(host.address or ""),
        markdown(host.vantage or ""),
        ", ".join(filter(None, (host.verdict.value, let_pass.brief))),
        shown,
    )
