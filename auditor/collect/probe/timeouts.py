"""How long to wait for an answer of one address: by what it has shown, or else by what others have. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.collect.probe.absence import MESSAGE_WAIT
from auditor.collect.probe.agenda import LOOK, UNHURRIED
from auditor.collect.probe.confirm import CONFIRM
from auditor.collect.probe.pacing import FIRST_WAIT, HASTY_WAIT, LATE_WAIT, PATIENT, RoundTrip, patience, queueing

if TYPE_CHECKING:
    from auditor.collect.probe.subject import Subject


class Timeouts:
    """Seconds to wait, never more than ``ceiling``. ``group`` is the round trip over all addresses.

    It reads what a subject has learnt, and changes nothing there.
    """

    __slots__ = ("_ceiling", "group")

    def __init__(self, ceiling: float) -> None:
        self.group = RoundTrip()
        self._ceiling = ceiling

    def of(self, subject: Subject, role: str = "") -> float:
        """For what is asked of this address now, in this role."""
        ceiling, tally = self._ceiling, subject.tally
        if role == LOOK:  # it is for a message, not for an answer
            return MESSAGE_WAIT
        if role in UNHURRIED and not subject.round_trip:
            return ceiling if ceiling > PATIENT else min(ceiling, FIRST_WAIT)
        if tally.rounds == 1 and not (subject.alive or subject.round_trip or self.group):
            return min(ceiling, HASTY_WAIT)
        passes = tally.rounds if subject.alive else min(1, tally.rounds)
        wait = patience(subject.round_trip, self.group, passes, ceiling) * subject.course.backoff
        work = subject.agenda.work
        if role == CONFIRM and subject.record.slow:
            wait = max(wait, 2 * LATE_WAIT)
        elif not subject.lingers and work and subject.insists(work[0]):
            wait = max(wait, LATE_WAIT)
        return min(ceiling, max(wait, queueing(subject.agenda.outstanding)) if subject.responsive else wait)
