"""What a caller may choose about a report: all that is not the audit itself comes in here, so writers stay pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """Choices for all formats; a format takes no notice of those that are not about it.

    ``base`` is the user's folder relative to the repository root: text names files relative to it. ``width`` is in
    columns; with ``wrap`` no line of the text report is longer, as a terminal would break it anywhere, and without it
    the lines that others search stay whole. ``ascii`` keeps the text report to ASCII. ``sarif_anchor`` is a file,
    relative to the repository root, to which findings are pinned that point outside it. ``sarif_category`` keeps
    several analyses of one commit apart.
    """

    base: str = ""
    wrap: bool = False
    ascii: bool = False
    color: bool = False
    width: int = 100
    verbose: bool = False
    sarif_anchor: str | None = None
    sarif_include_excepted: bool = False
    sarif_category: str | None = None


DEFAULTS = ReportOptions()
