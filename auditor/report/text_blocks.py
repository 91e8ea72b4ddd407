"""One block of findings as lines: header, place, source line with carets, and what to know about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from auditor.model.findings import Status
from auditor.report import wording
from auditor.report.escape import one_line
from auditor.report.source_line import source_line
from auditor.report.text_wrap import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model.findings import Finding
    from auditor.model.location import Location
    from auditor.report.fold import Block
    from auditor.report.options import ReportOptions
    from auditor.report.text_style import Style


def block_lines(block: Block, options: ReportOptions, style: Style) -> Iterator[str]:
    """Show a block: its first finding in full, what the others add in a line."""
    first = block.first
    if block.ports is not None:
        yield _header(first, _more_ports(block, options), style)
        yield style.gutter("   = ") + f"note: {wording.ports(block.ports, options.width - 12)}"
        return
    yield _header(first, one_line(first.message), style)
    pointed = first.source_location or first.policy_location
    gutter = " " * max(2, len(str(pointed.line)))
    yield from _pointed(first, pointed, gutter, options, style)
    for label, text in _facts(block, options):
        yield from _fact(label, text, gutter, options, style)


def brief_lines(finding: Finding, options: ReportOptions, style: Style) -> Iterator[str]:
    """Show a finding that is good to know in two lines."""
    yield _header(finding, one_line(finding.message), style)
    yield f"  {style.gutter('-->')} {wording.place(finding.policy_location, options.base)}"


def _header(finding: Finding, message: str, style: Style) -> str:
    label = f"{_word(finding.status)}[{one_line(finding.check)}]"
    return f"{style.finding(finding, label)}{style.bold(f': {message}')} {style.faint(f'({wording.weight(finding)})')}"


def _word(status: Status) -> str:
    match status:
        case Status.VIOLATION:
            return "error"
        case Status.EXCEPTED:
            return "excepted"
        case Status.NOTE:
            return "note"
        case _:
            assert_never(status)


def _more_ports(block: Block, options: ReportOptions) -> str:
    assert block.ports is not None  # noqa: S101 - the caller has looked
    subjects = list(dict.fromkeys(map(wording.subject, block.findings)))
    where = wording.listed(subjects, "host", None if options.verbose else max(20, options.width - 50))
    vantages = [one_line(place) for place in dict.fromkeys(found.vantage for found in block.findings) if place]
    seen_from = f" from {', '.join(vantages)}" if len(vantages) > 1 else ""
    return f"the same at {wording.plural(len(block.ports), 'more port')} of {where}{seen_from}"


def _pointed(finding: Finding, location: Location, gutter: str, options: ReportOptions, style: Style) -> Iterator[str]:
    yield f"{gutter}{style.gutter('-->')} {wording.place(location, options.base)}"
    line = source_line(location, options.width - len(gutter) - 3, ascii_only=options.ascii)
    if line is None:
        return
    bar = style.gutter(f"{gutter} |")
    yield bar
    yield f"{style.gutter(f'{location.line:>{len(gutter)}} |')} {line.text}"
    yield f"{bar} {style.finding(finding, line.carets)}"


def _facts(block: Block, options: ReportOptions) -> Iterator[tuple[str, str]]:
    first = block.first
    if first.source_location is not None:
        yield "policy", wording.place(first.policy_location, options.base)
    yield "expected", one_line(first.expected)
    yield "actual", one_line(first.actual)
    if first.sights:
        yield "seen", wording.sights(first, options.base)
    if history := wording.history(first):
        yield "baseline", history
    if first.exception is not None:
        yield "excepted by", wording.lifted(first.exception)
    if first.help and first.status is not Status.EXCEPTED:
        yield "help", one_line(first.help)
    yield from _notes(block, options)


def _notes(block: Block, options: ReportOptions) -> Iterator[tuple[str, str]]:
    first = block.first
    if first.ports:
        yield "ports", wording.ports(first.ports, None if options.verbose else 3 * options.width)
    if not first.sights and (seen := _seen(first, options.base)):
        yield "note", f"seen {seen}"
    if answers := _answers(first):
        yield "note", answers
    others: dict[str | None, list[str]] = {}
    for finding in block.findings[1:]:
        others.setdefault(finding.vantage, []).append(wording.subject(finding))
    for vantage, names in others.items():
        seen_from = f"from {one_line(vantage)} " if vantage and vantage != first.vantage else ""
        yield "note", f"the same {seen_from}on {wording.listed(names, 'host', max(24, options.width - 40))}"
    if first.rule:
        owner = f" (owner {one_line(first.owner)})" if first.owner else ""
        yield "rule", f"{one_line(first.rule)}{owner}"
    if options.verbose and first.controls:
        yield "controls", one_line(", ".join(first.controls))
    if options.verbose:
        yield "fingerprint", one_line(first.fingerprint)


def _answers(finding: Finding) -> str:
    """Say who answers, unless ``actual`` says it already."""
    known = (("answers as", finding.service), ("held by", finding.process))
    return ", ".join(f"{verb} {one_line(name)}" for verb, name in known if name and name not in finding.actual)


def _seen(finding: Finding, base: str) -> str:
    parts = []
    if wording.LIVE in finding.evidence:
        parts.append("live")
    if files := [one_line(wording.shown_file(source, base)) for source in finding.evidence if source != wording.LIVE]:
        parts.append(f"{'and ' if parts else ''}in {', '.join(files)}")
    if finding.vantage:
        parts.append(f"from {one_line(finding.vantage)}")
    if finding.address and finding.address != finding.host:
        parts.append(f"at {one_line(finding.address)}")
    return " ".join(parts)


def _fact(label: str, text: str, gutter: str, options: ReportOptions, style: Style) -> Iterator[str]:
    head = f"{gutter} = "
    line = f"{style.gutter(head)}{style.bold(f'{label}:')} {text}"
    yield from wrapped(line, options.width, hang=len(head) + len(label) + 2)
