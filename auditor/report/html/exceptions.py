"""Permissions that end: the exceptions at work, and the rules that are to be reviewed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from auditor.model.findings import Status
from auditor.report.escape import one_line

if TYPE_CHECKING:
    from datetime import date

    from auditor.model.findings import Audit, Finding, LiftedBy, Requirement

_SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """An exception with all that it lifts. ``days`` are left after the day of the audit."""

    by: LiftedBy
    findings: tuple[Finding, ...]
    days: int

    @property
    def soon(self) -> bool:
        """Whether it ends within a month."""
        return self.days <= _SOON.days


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A rule with a day to be reviewed by; ``state`` is overdue, due soon or later."""

    held: Requirement
    by: date
    state: str
    ports: int


def exceptions_used(audit: Audit) -> list[Used]:
    """List the exceptions that lift something, those that end first at the top."""
    lifted: dict[LiftedBy, list[Finding]] = {}
    for finding in audit.findings:
        if finding.status is Status.EXCEPTED and finding.exception is not None:
            lifted.setdefault(finding.exception, []).append(finding)
    today = audit.finished.date()
    used = [Used(by=by, findings=tuple(findings), days=(by.expires - today).days) for by, findings in lifted.items()]
    return sorted(used, key=lambda one: (one.by.expires, one_line(one.by.id)))


def reviews(audit: Audit) -> list[Review]:
    """List the rules that permit something that is there and have a day of review, the next ones at the top."""
    rules: dict[tuple[str, date], list[Requirement]] = {}
    for result in audit.hosts:
        for held in result.holds:
            if held.review_by is not None:
                rules.setdefault((held.rule or "", held.review_by), []).append(held)
    today = audit.finished.date()
    return [
        Review(held=held[0], by=by, state=_state(by, today), ports=len(held))
        for (_, by), held in sorted(rules.items(), key=lambda entry: (entry[0][1], one_line(entry[0][0])))
    ]


def _state(by: date, today: date) -> str:
    if by < today:
        return "overdue"
    return "due soon" if by - today <= _SOON else "later"
