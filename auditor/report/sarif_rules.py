"""The rules of a SARIF run: one for each check of the catalogue, and one more for each severity a policy gave it.

GitHub reads the severity of an alert from its rule, never from the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from auditor.findings.catalogue import CHECKS, DOCS, UNVERIFIED
from auditor.model.policy import Severity
from auditor.report.escape import one_line, sarif

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.model.findings import Finding

PROJECT_URL = "https://github.com/exposure-auditor/exposure-auditor"
CHECKS_URL = f"{PROJECT_URL}/blob/main/{DOCS}"

_LONGEST_NAME = 255
_LONGEST_TEXT = 1024
"""GitHub's limits."""


class Rules:
    """The rules that a run's results refer to, in a fixed order."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        used = {(finding.check, finding.severity) for finding in findings}
        catalogued = [(check.id, check.severity) for check in CHECKS.values() if check.id != UNVERIFIED]
        others = sorted(used.difference(catalogued), key=lambda pair: (pair[0], -pair[1]))
        self._pairs = [*catalogued, *others]
        self._index = {pair: at for at, pair in enumerate(self._pairs)}

    def index_of(self, finding: Finding) -> int:
        """Return the ``ruleIndex`` of a finding's rule."""
        return self._index[finding.check, finding.severity]

    def id_of(self, finding: Finding) -> str:
        """Return the ``ruleId``: the check, with the severity behind it where that is not the catalogue's."""
        return _id(finding.check, finding.severity)

    def descriptors(self) -> list[dict[str, Any]]:
        """Build the ``reportingDescriptor`` (3.49) of each rule."""
        return [_descriptor(check, severity) for check, severity in self._pairs]


def notification_descriptors() -> list[dict[str, Any]]:
    """Build the descriptor of each kind of notification, with all that GitHub wants of one."""
    return [
        {
            "id": about,
            "name": f"{_camel(about)}Notification",  # it must differ from the id
            "shortDescription": {"text": text},
            "fullDescription": {"text": text},
            "help": {"text": text},
        }
        for about, text in _NOTIFICATIONS.items()
    ]


_NOTIFICATIONS = {
    UNVERIFIED: "Ports that the evidence does not settle. What nobody has looked at is not closed.",
    "incomplete-evidence": "Evidence that breaks off, or was cut off.",
    "not-assessed": "What of the policy the evidence given does not speak of.",
    "cut": "What was left out of this file, as it would not be shown.",
}


def level(severity: Severity) -> str:
    """SARIF's own scale (3.27.10), which knows three grades."""
    match severity:
        case Severity.CRITICAL | Severity.HIGH:
            return "error"
        case Severity.MEDIUM | Severity.LOW:
            return "warning"
        case Severity.INFO:
            return "note"
        case _:
            assert_never(severity)


def _id(check: str, severity: Severity) -> str:
    known = CHECKS.get(check)
    plain = known is not None and known.severity == severity
    return one_line(check) if plain else f"{one_line(check)}/{severity}"


def _descriptor(check: str, severity: Severity) -> dict[str, Any]:
    known = CHECKS.get(check)
    title = known.title if known else check
    rationale = known.rationale if known else title
    remediation = known.remediation if known else ""
    url = f"{CHECKS_URL}#{check}" if known else CHECKS_URL
    return {
        "id": _id(check, severity),
        "name": _camel(check)[:_LONGEST_NAME],
        "shortDescription": {"text": _sentence(title)},
        "fullDescription": {"text": _sentence(rationale)},
        "help": {
            "text": sarif(f"{rationale} {remediation}".strip()),
            "markdown": f"{rationale}\n\n**What to do:** {remediation}\n\n[More about this check]({url})"
            if known
            else f"[The checks]({url})",
        },
        "helpUri": url,
        "defaultConfiguration": {"level": level(severity)},
        "properties": _properties(severity, known.tags if known else ()),
    }


def _properties(severity: Severity, tags: tuple[str, ...]) -> dict[str, Any]:
    """GitHub takes the score only from rules that are tagged ``security``. CWE-1327: bound without restriction."""
    score = _SCORES[severity]
    others = [tag for tag in tags if tag != "security"]
    properties = {
        "tags": ["security", "external/cwe/cwe-1327", *others] if score else others,
        "precision": "very-high",
        "problem.severity": _PROBLEMS[severity],
    }
    return {**properties, "security-severity": score} if score else properties


_PROBLEMS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "warning",
    Severity.INFO: "recommendation",
}
_SCORES = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.0",
    Severity.INFO: None,  # housekeeping: GitHub has no grade below low, and shows the level "note" instead
}


def _camel(check: str) -> str:
    words = one_line(check).replace("_", "-").split("-")
    return "".join(word[:1].upper() + word[1:] for word in words if word) or "Check"


def _sentence(text: str) -> str:
    said = sarif(text)
    said = said if len(said) < _LONGEST_TEXT else said[: _LONGEST_TEXT - 4] + "..."
    return said if said.endswith((".", "!", "?")) else f"{said}."
