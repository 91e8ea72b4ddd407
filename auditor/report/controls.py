"""What the audit means for the controls of common frameworks: evidence for, evidence against, or neither.

No report can say that anybody complies; it can only support, or contradict, somebody who does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from auditor.findings.catalogue import CHECKS
from auditor.model.findings import Novelty, Status
from auditor.report.control_titles import shipped_titles, standards
from auditor.report.deviations import tolerates
from auditor.report.escape import one_line
from auditor.report.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from auditor.model.findings import Audit, Finding

_NUMBER_OR_NOT = re.compile("[0-9]{1,18}|[^0-9]+")

SUPPORTS, AGAINST, NOT_ASSESSED = "supports evidence for", "evidence against", "not assessed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """One control. ``word`` is one of the three outcomes; ``why`` says what it rests on.

    ``violations`` is how many findings contradict it, those that fail nothing among them.
    """

    id: str
    framework: str
    number: str
    title: str
    word: str
    why: str
    violations: int


def assessed_controls(audit: Audit) -> list[Assessed]:
    """Assess every control that a check, a finding or a rule names, by framework and number.

    Titles are those that ship with the auditor, or the policy's own words; an id without a colon names a framework.
    """
    serving = [(check, control) for check in CHECKS.values() for control in check.controls]
    serving += [(CHECKS[check], own.id) for own in audit.controls for check in own.checks if check in CHECKS]
    of_checks = {control for _, control in serving}
    of_hosts = {control for check, control in serving if check.about_exposure}
    titles = {**shipped_titles(), **{own.id: own.title for own in audit.controls if own.title}}
    of_rules = {control for row in audit.hosts for held in row.holds for control in held.controls}
    failed = _tally(found for found in audit.findings if found.status is Status.VIOLATION)
    known = _tally(found for found in audit.findings if tolerates(found) and found.novelty is Novelty.PERSISTING)
    below = _tally(found for found in audit.findings if tolerates(found) and found.novelty is not Novelty.PERSISTING)
    lifted = _tally(found for found in audit.findings if found.status is Status.EXCEPTED)
    gap, unreviewed = _gap(audit), _unreviewed(audit)
    found = []
    for control in sorted(
        of_checks | of_rules | failed.keys() | known.keys() | below.keys() | lifted.keys(), key=_order
    ):
        about_hosts = control in of_hosts or control not in of_checks
        missing = gap if about_hosts else unreviewed
        tally = _Tally(
            failed=failed.get(control, 0),
            known=known.get(control, 0),
            below=below.get(control, 0),
            lifted=lifted.get(control, 0),
            baseline=audit.baseline is not None,
        )
        found.append(_assessed(control, titles, tally, missing))
    return found


class _Tally(NamedTuple):
    """Findings of one control: those that fail the gate, what it lets pass, and what exceptions lift."""

    failed: int
    known: int
    below: int
    lifted: int
    baseline: bool

    def __str__(self) -> str:
        """``14 new, 6 known, 1 that fails nothing`` with a baseline; ``3 violations`` without."""
        new = f"{self.failed:,} new" if self.baseline else plural(self.failed, "violation")
        below = f"{self.below:,} that {'fails' if self.below == 1 else 'fail'} nothing"
        parts = ((self.failed, new), (self.known, f"{self.known:,} known"), (self.below, below))
        return ", ".join(text for number, text in parts if number)


def _assessed(control: str, titles: Mapping[str, str], tally: _Tally, gap: str | None) -> Assessed:
    prefix, colon, number = control.partition(":")
    if against := str(tally):
        word, why = AGAINST, against
    elif gap:
        word, why = NOT_ASSESSED, gap
    else:
        word, why = SUPPORTS, "no violation found"
    if tally.lifted:
        why += f", {tally.lifted:,} excepted"
    return Assessed(
        id=control,
        framework=titles.get(prefix, prefix) if colon else "Other",
        number=number if colon else control,
        title=titles.get(control, ""),
        word=word,
        why=why,
        violations=tally.failed + tally.known + tally.below,
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


def _unreviewed(audit: Audit) -> str | None:
    """Say why nothing speaks for controls that are about the policy's upkeep; None where something does."""
    dated = any(held.review_by is not None for row in audit.hosts for held in row.holds)
    excepted = any(found.exception is not None for found in audit.findings)
    return None if dated or excepted else "no permission in use has a date of review"


def _tally(findings: Iterable[Finding]) -> dict[str, int]:
    tally: dict[str, int] = {}
    for finding in findings:
        for control in dict.fromkeys(finding.controls):
            tally[control] = tally.get(control, 0) + 1
    return tally


def _order(control: str) -> tuple[int, str, list[tuple[bool, int, str]]]:
    prefix, _, number = one_line(control).partition(":")  # the same after the audit was kept and read back
    known = standards()
    place = known.index(prefix) if prefix in known else len(known)
    pieces = _NUMBER_OR_NOT.findall(number)
    parts = [(False, int(piece), "") if piece[0] in "0123456789" else (True, 0, piece) for piece in pieces]
    return place, prefix, parts
