"""Where a finding points in SARIF: a line of a file inside the repository, always, or the whole upload is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.errors import ReportError
from auditor.model.location import STDIN
from auditor.report import wording
from auditor.report.escape import one_line, shortened

if TYPE_CHECKING:
    from auditor.model.findings import Finding
    from auditor.model.location import Location
    from auditor.report.options import ReportOptions

_Physical = dict[str, Any]


def pinned(finding: Finding, main: str, options: ReportOptions) -> tuple[_Physical, _Physical | None]:
    """Return the physical location to show a finding at, and the policy's where that is another one.

    The opener's line is first choice, the policy's second. A place outside the repository, as that of a shipped pack,
    is pinned to the anchor, and without one to ``main``: the policy file that extends it.

    :raises ReportError: all of them lie outside the repository.
    """
    policy, source = finding.policy_location, finding.source_location
    if source is not None and inside(source.file):
        return physical(source), physical(policy) if inside(policy.file) else None
    if inside(policy.file):
        return physical(policy), None
    anchor = options.sarif_anchor or main
    if inside(anchor):
        return {"artifactLocation": {"uri": uri(anchor)}, "region": {"startLine": 1}}, None
    if options.sarif_anchor:
        raise ReportError(
            f"--sarif-anchor {one_line(options.sarif_anchor)} must name a file inside the repository, from its root on"
        )
    raise ReportError(
        f"SARIF can only point into the repository, and {wording.place(policy)} lies outside it; "
        "name a file inside to pin such findings to: --sarif-anchor FILE"
    )


def inside(file: str) -> bool:
    """Whether a file named relative to the repository's root stays inside it."""
    if not file or file == STDIN:
        return False
    return not file.startswith(("/", wording.PACK)) and ".." not in file.split("/")


def physical(location: Location) -> _Physical:
    """Build a ``physicalLocation`` (3.29) with a region, which DefectDojo cannot do without."""
    return {"artifactLocation": {"uri": uri(location.file)}, "region": region_of(location)}


def region_of(location: Location) -> dict[str, int]:
    """Build a ``region`` (3.30) within one line; a location of the file as a whole is its first line."""
    if location.line < 1:
        return {"startLine": 1}
    region = {"startLine": location.line}
    if location.column >= 1:
        region["startColumn"] = location.column
        if location.end_column > location.column:
            region["endColumn"] = location.end_column
    return region


def uri(file: str) -> str:
    """Percent-encode a relative path (RFC 3986), colons included, so that nothing reads as a scheme."""
    from posixpath import normpath
    from urllib.parse import quote

    return quote(normpath(file).encode("utf-8", "backslashreplace"), safe="/")  # lone surrogates: shown as elsewhere


def logical(finding: Finding) -> list[dict[str, str]]:
    """Name the exposed thing itself: ``web-1/tcp/6379``."""
    parts = [finding.host or "policy", finding.member]
    if finding.port is not None:
        parts += [finding.port.protocol.value, str(finding.port.number)]
    named = [shortened(one_line(part)) for part in parts if part]
    return [{"name": named[-1], "fullyQualifiedName": "/".join(named), "kind": "resource"}]
