"""How long an exception may last. Part of reading exceptions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from auditor.files.located_yaml import Located
    from auditor.model.policy import Approval
    from auditor.policy.problems import Problems

_AHEAD = timedelta(days=1)
"""An approval may be dated where the day has already begun."""


class Spans:
    """Checks the dates of exceptions. Without ``today`` those that do not say when they were approved are not bound."""

    def __init__(self, max_days: int, today: date | None, problems: Problems) -> None:
        self._max_days = max_days
        self._today = today
        self._problems = problems

    def check(self, node: Located, expires: date, approved: Approval | None) -> None:
        """Note an exception that lasts too long: from its approval, or from today if that has no date."""
        place = node.fields["expires"].location
        if approved is not None and approved.on is not None:
            self._check_approval(node, approved.on)
            if expires < approved.on:
                self._problems.add(place, "the exception expires before it was approved")
            self._bound(node, (expires - approved.on).days, "its approval")
        elif self._today is not None:
            self._bound(node, (expires - self._today).days, "today, as no 'approved.on' says when it began")

    def _check_approval(self, node: Located, on: date) -> None:
        if self._today is not None and on - self._today > _AHEAD:
            place = node.fields["approved"].fields["on"].location
            self._problems.add(place, f"the approval is of a day to come: {on}", expected=f"{self._today} or before")

    def _bound(self, node: Located, days: int, start: str) -> None:
        if days > self._max_days:
            self._problems.add(
                node.fields["expires"].location,
                f"the exception permits {days} days from {start}",
                expected=f"at most {self._max_days}, as settings.exceptions.max_days says",
            )
