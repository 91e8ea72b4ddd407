"""What deviates from the policy and yet fails nothing: known to the baseline, or below the severity that fails.

Verdict and exit code are those of the gate. Reports say beside them what the gate has let pass, as the ports are open
all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.model.findings import Novelty, Status, Verdict
from auditor.report.deviations import tolerates
from auditor.report.seen import seen_by_row
from auditor.report.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.model.findings import Audit, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerated:
    """How many deviations fail nothing: ``known`` to the baseline, or else ``below`` the severity that fails."""

    known: int
    below: int

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.known or self.below)

    @property
    def total(self) -> int:
        """All of them."""
        return self.known + self.below

    @property
    def brief(self) -> str:
        """``2 known``, ``2 known, 1 that fails nothing``; empty where there are none."""
        parts = (
            self.known and f"{self.known:,} known",
            self.below and f"{self.below:,} that {_fail(self.below)} nothing",
        )
        return ", ".join(part for part in parts if part)

    @property
    def spelled(self) -> str:
        """``2 known deviations``, ``1 deviation that fails nothing``, or both; empty where there are none."""
        known = plural(self.known, "known deviation")
        below = f"{plural(self.below, 'deviation')} that {_fail(self.below)} nothing"
        return " and ".join(text for number, text in ((self.known, known), (self.below, below)) if number)


def tolerated(findings: Iterable[Finding]) -> Tolerated:
    """Count the deviations that fail nothing."""
    found = [one for one in findings if tolerates(one)]
    known = sum(one.novelty is Novelty.PERSISTING for one in found)
    return Tolerated(known=known, below=len(found) - known)


def tolerated_by_row(audit: Audit) -> list[Tolerated]:
    """Count them for each row of the audit's hosts, in its order."""
    return [tolerated(seen.findings) for seen in seen_by_row(audit)]


def outcome(audit: Audit) -> str:
    """Name the verdict, and for one that conforms what it leaves out: ``conforms, with 3 known deviations``."""
    let_pass = tolerated(audit.findings)
    if audit.verdict is Verdict.CONFORMS and let_pass:
        return f"{audit.verdict.value}, with {let_pass.spelled}"
    return audit.verdict.value


def conclusion(audit: Audit) -> str:
    """Say in a sentence or two what the verdict means in this audit."""
    if audit.verdict is Verdict.VIOLATIONS:
        return "What is exposed is not what the policy allows."
    if audit.verdict is Verdict.UNVERIFIED:
        return "The evidence leaves open whether the policy is kept."
    let_pass = tolerated(audit.findings)
    if let_pass:
        return f"{_let_pass(let_pass, audit)}{_unseen(audit)}"
    permitted = " or its exceptions permit" if audit.counts()[Status.EXCEPTED] else ""
    if unseen := _unseen(audit):
        return f"What the evidence tells of is as the policy says{permitted}.{unseen}"
    return f"Everything that was asked for was seen, and is as the policy says{permitted}."


def _let_pass(let_pass: Tolerated, audit: Audit) -> str:
    remain = "remains" if let_pass.total == 1 else "remain"
    if not let_pass.below:
        return f"Nothing new; {let_pass.spelled} {remain}."
    if audit.fail_on is None:
        known = f", {let_pass.known:,} of them known," if let_pass.known else ""
        return f"Nothing fails, whatever its severity; {plural(let_pass.total, 'deviation')}{known} {remain}."
    new = "new " if let_pass.known else ""
    return f"Nothing {new}of severity {audit.fail_on} or above; {let_pass.spelled} {remain}."


def _unseen(audit: Audit) -> str:
    """Say which hosts nobody looked at, known from files or not at all; empty where all were looked at."""
    hosts = {row.host for row in audit.hosts}
    looked = {row.host for row in audit.hosts if row.asked or row.members}
    if not hosts:
        return " No host was looked at."
    if not looked:
        return " Files alone tell of it: no host was looked at, and what really listens or answers is not known."
    left = len(hosts - looked)
    return f" {plural(left, 'host')} of {len(hosts):,} {_are(left)} known from files alone." if left else ""


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _fail(number: int) -> str:
    return "fails" if number == 1 else "fail"
