"""The page as a whole: the template's surroundings, the style and script with their hashes, and what they show."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from auditor.model.findings import Status, Verdict
from auditor.model.policy import Severity
from auditor.report import wording
from auditor.report.controls import assessed_controls
from auditor.report.deviations import deviates
from auditor.report.escape import one_line
from auditor.report.html.exceptions import exceptions_used, reviews
from auditor.report.html.hosts import Sheets
from auditor.report.html.matrix import exposure
from auditor.report.html.numbers import numbers_of
from auditor.report.html.parts import anchor, ends, marked, slug
from auditor.report.html.scope import scope_of
from auditor.report.remedies import remedies
from auditor.report.tolerated import conclusion, outcome

if TYPE_CHECKING:
    from auditor.model.findings import Audit
    from auditor.report.options import ReportOptions

_PAGE = Path(__file__).with_name("page")
_LONGEST_TITLE = 40


def written(audit: Audit, options: ReportOptions) -> str:
    """Fill in the page."""
    style, script = _asset("report.css"), _asset("report.js")
    title = one_line(audit.policy)
    sheets = Sheets(audit)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            audit=audit,
            base=options.base,
            title=title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 1]}…",
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            security=_security(style, script),
            numbers=numbers_of(audit),
            outcome=outcome(audit),
            conclusion=conclusion(audit),
            counts={status.value: number for status, number in audit.counts().items()},
            hosts_named=sorted({one_line(found.host) for found in audit.findings if found.host}),
            several_vantages=wording.several_vantages(audit),
            sheets=sheets.all(),
            exposure=exposure(sheets),
            controls=assessed_controls(audit),
            remedies=[row for row in remedies(gap.reason for gap in audit.unverified) if row[1]],
            exceptions=exceptions_used(audit),
            reviews=reviews(audit),
            scope=scope_of(audit),
        )
    )


def _security(style: str, script: str) -> str:
    """Return the page's content security policy: nothing from anywhere, only this very style and this very script."""
    own = f"style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    from base64 import b64encode
    from hashlib import sha256

    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


@cache
def _asset(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.globals.update(
        Status=Status,
        Verdict=Verdict,
        severities=tuple(reversed(Severity)),
        wording=wording,
        marked=marked,
        deviates=deviates,
    )
    environment.filters.update(anchor=anchor, slug=slug, ends=ends)
    return environment


def _shown(value: Any) -> Any:
    """What stands in the page for a value, before markup in it is escaped."""
    if value is None:
        return ""
    return value if isinstance(value, Markup | int) else one_line(str(value))
