"""Colours of the text report. Colour never says anything that the words do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.model.findings import Status, Verdict
from auditor.model.policy import Severity

if TYPE_CHECKING:
    from auditor.model.findings import Finding

# ECMA-48 SGR parameters: 1 bold, 2 faint, 31 red, 32 green, 33 yellow, 34 blue, 35 magenta, 36 cyan.
_SEVERITIES = {
    Severity.CRITICAL: "1;35",
    Severity.HIGH: "1;31",
    Severity.MEDIUM: "1;33",
    Severity.LOW: "1;36",
    Severity.INFO: "1;34",
}
_VERDICTS = {Verdict.CONFORMS: "1;32", Verdict.VIOLATIONS: "1;31", Verdict.UNVERIFIED: "1;33"}


class Style:
    """Paints, or leaves text as it is."""

    __slots__ = ("_on",)

    def __init__(self, on: bool) -> None:  # noqa: FBT001 - the one thing that a style is about
        self._on = on

    def _paint(self, text: str, parameters: str) -> str:
        if not self._on:
            return text
        lead = text[: len(text) - len(text.lstrip(" "))]  # stays outside, so that folding sees blanks as blanks
        return f"{lead}\x1b[{parameters}m{text[len(lead) :]}\x1b[0m"

    def bold(self, text: str) -> str:
        """Headings."""
        return self._paint(text, "1")

    def faint(self, text: str) -> str:
        """What the eye may pass over."""
        return self._paint(text, "2")

    def gutter(self, text: str) -> str:
        """Line numbers, bars and arrows."""
        return self._paint(text, "34")

    def warn(self, text: str) -> str:
        """What is not known."""
        return self._paint(text, "1;33")

    def finding(self, finding: Finding, text: str) -> str:
        """By severity, unless the finding is excused."""
        return self._paint(text, "32" if finding.status is Status.EXCEPTED else _SEVERITIES[finding.severity])

    def verdict(self, verdict: Verdict, text: str) -> str:
        """Green, red or yellow."""
        return self._paint(text, _VERDICTS[verdict])
