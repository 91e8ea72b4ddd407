"""Every report format there is. The command line looks here; nothing else knows more than one format."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from auditor.errors import UsageError
from auditor.report import csv_format, github, gitlab, html, json_format, junit, markdown, oscal, sarif, text
from auditor.report.escape import one_line
from auditor.report.options import ReportOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from auditor.model.findings import Audit

__all__ = ["FORMATS", "Format", "Output", "ReportOptions", "parse_output"]


def _none(_audit: Audit, _options: ReportOptions, _written: bytes) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format. ``suffix`` is what its files are called; ``render`` is pure and deterministic.

    ``render`` may raise :class:`ReportError` where an audit cannot be said in the format. ``cautions`` tells of what it
    has written what its readers will not take, and what was left out for them: a line each.
    """

    name: str
    suffix: str
    render: Callable[[Audit, ReportOptions], bytes]
    cautions: Callable[[Audit, ReportOptions, bytes], Iterable[str]] = _none


class Output(NamedTuple):
    """One report that was asked for. ``path`` None is standard output."""

    format: Format
    path: str | None


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "text": Format(name="text", suffix=".txt", render=text.render),
        "json": Format(name="json", suffix=".json", render=json_format.render),
        "junit": Format(name="junit", suffix=".xml", render=junit.render, cautions=junit.cautions),
        "sarif": Format(name="sarif", suffix=".sarif", render=sarif.render, cautions=sarif.cautions),
        "markdown": Format(name="markdown", suffix=".md", render=markdown.render),
        "github": Format(name="github", suffix=".github", render=github.render),
        "gitlab": Format(name="gitlab", suffix=".gitlab.json", render=gitlab.render),
        "html": Format(name="html", suffix=".html", render=html.render),
        "csv": Format(name="csv", suffix=".csv", render=csv_format.render),
        "oscal": Format(name="oscal", suffix=".oscal.json", render=oscal.render),
    }
)


def parse_output(text: str) -> Output:
    """Read ``sarif=FILE``, or ``sarif`` or ``sarif=-`` for standard output.

    :raises UsageError: an unknown format (the message lists the known ones), or an empty file name.
    """
    name, equals, path = text.partition("=")
    found = FORMATS.get(name.strip().lower())
    if found is None:
        raise UsageError(_unknown(name.strip()))
    if equals and not path.strip():
        raise UsageError(f"-o {one_line(text)}: the file name after '=' is empty")
    return Output(format=found, path=None if path in ("", "-") else path)


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    message = f"unknown report format '{one_line(name)}'; valid are {', '.join(FORMATS)}"
    several = [word.strip() for word in name.split(",")]
    if len(several) > 1 and all(word.lower() in FORMATS for word in several):
        return f"{message}; repeat -o: {' '.join(f'-o {word}' for word in several)}"
    by_suffix = next((known.name for known in FORMATS.values() if name.lower().endswith(known.suffix)), None)
    if by_suffix:
        return f"{message}; did you mean '{by_suffix}={one_line(name)}'?"
    close = get_close_matches(name.lower(), FORMATS, n=1)
    return f"{message}; did you mean '{close[0]}'?" if close else message
