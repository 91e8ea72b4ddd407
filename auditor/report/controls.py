"""What the audit means for the controls of common frameworks: evidence for, evidence against, or neither.

No report can say that anybody complies; it can only support, or contradict, somebody who does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.findings.catalogue import CHECKS
from auditor.model.findings import Novelty, Status
from auditor.model.policy import Severity
from auditor.report.control_titles import FRAMEWORKS, TITLES
from auditor.report.escape import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.model.findings import Audit, Finding

SUPPORTS, AGAINST, NOT_ASSESSED = "supports evidence for", "evidence against", "not assessed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """One control. ``word`` is one of the three outcomes; ``why`` says what it rests on."""

    id: str
    framework: str
    number: str
    title: str
    word: str
    why: str
    violations: int


def assessed_controls(audit: Audit) -> list[Assessed]:
    """Assess every control that a check, a finding or a rule names, by framework and number."""
    serving = [(check, control) for check in CHECKS.values() for control in check.controls]
    serving += [(CHECKS[check], own.id) for own in audit.controls for check in own.checks if check in CHECKS]
    of_checks = {control for _, control in serving}
    of_hosts = {control for check, control in serving if check.about_exposure}
    titles = {**TITLES, **{own.id: own.title for own in audit.controls if own.title}}
    of_rules = {control for row in audit.hosts for held in row.holds for control in held.controls}
    failed = _tally(found for found in audit.findings if speaks_against(found))
    lifted = _tally(found for found in audit.findings if found.status is Status.EXCEPTED)
    gap = _gap(audit)
    found = []
    for control in sorted(of_checks | of_rules | failed.keys() | lifted.keys(), key=_order):
        about_hosts = control in of_hosts or control not in of_checks
        missing, title = gap if about_hosts else None, titles.get(control, "")
        found.append(_assessed(control, title, failed.get(control, 0), lifted.get(control, 0), missing))
    return found


def _assessed(control: str, title: str, failed: int, lifted: int, gap: str | None) -> Assessed:
    prefix, colon, number = control.partition(":")
    if failed:
        word, why = AGAINST, f"{failed:,} {'violation' if failed == 1 else 'violations'}"
    elif gap:
        word, why = NOT_ASSESSED, gap
    else:
        word, why = SUPPORTS, "no violation found"
    if lifted:
        why += f", {lifted:,} excepted"
    return Assessed(
        id=control,
        framework=FRAMEWORKS.get(prefix, prefix) if colon else "Other",
        number=number if colon else control,
        title=title,
        word=word,
        why=why,
        violations=failed,
    )


def _gap(audit: Audit) -> str | None:
    """Say why the evidence is not enough to speak for any control that is about hosts; None where it is."""
    if not any(row.asked for row in audit.hosts):
        return "no evidence of what listens or answers"
    if audit.unverified:
        return f"{len(audit.unverified):,} {'gap' if len(audit.unverified) == 1 else 'gaps'} in the evidence"
    if any(not used.completion.complete for used in audit.evidence):
        return "incomplete evidence"
    return None


def speaks_against(finding: Finding) -> bool:
    """Whether a finding contradicts its controls.

    What a baseline knows, and what is below the severity that fails the gate, does so too: the gate may let it pass,
    and the port is open all the same.
    """
    if finding.status is Status.NOTE:
        check = CHECKS.get(finding.check)
        about_exposure = check is not None and check.about_exposure
        return about_exposure or finding.novelty is Novelty.PERSISTING or finding.severity > Severity.INFO
    return finding.status is Status.VIOLATION


def _tally(findings: Iterable[Finding]) -> dict[str, int]:
    tally: dict[str, int] = {}
    for finding in findings:
        for control in dict.fromkeys(finding.controls):
            tally[control] = tally.get(control, 0) + 1
    return tally


def _order(control: str) -> tuple[int, str, list[tuple[int, str]]]:
    prefix, _, number = one_line(control).partition(":")  # the same after the audit was kept and read back
    place = list(FRAMEWORKS).index(prefix) if prefix in FRAMEWORKS else len(FRAMEWORKS)
    parts = [(int(part), "") if part.isascii() and part.isdigit() else (-1, part) for part in number.split(".")]
    return place, prefix, parts
