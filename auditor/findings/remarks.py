"""What the evidence given cannot speak to: said in every report, and no part of the exit code."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from auditor.findings.conditions import Says
from auditor.model.evidence import Kind
from auditor.model.findings import NotAssessed
from auditor.model.policy import LOCAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.findings.views import Rulings
    from auditor.model.observed import Reconciled
    from auditor.model.policy import Policy

_Condition = tuple[str, str, str]

_NEEDS = {
    "service": "no evidence that looked at the service",
    "process": "no socket table",
    "bind": "no socket table",
}


class Remarks:
    """Counters over all subjects of one audit."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._vantages: Counter[str | None] = Counter()
        self._kinds: set[Kind] = set()
        self._hosts: set[str] = set()
        self._unheard: Counter[_Condition] = Counter()
        self._pending: set[_Condition] = set()
        self._heard: set[_Condition] = set()
        self._unfiltered = 0
        self._unheeded: dict[str, str] = {}

    def note(self, reconciled: Reconciled) -> None:
        """Take in the evidence of one subject, before its views are judged."""
        self._settle()
        self._hosts.add(reconciled.host.name)
        if reconciled.declared:
            self._kinds.add(Kind.DECLARED)
        if any(Kind.SOCKETS in view.kinds for view in reconciled.views):
            self._unheeded.update({piece.source: piece.unheeded for piece in reconciled.declared if piece.unheeded})
        for view in reconciled.views:
            self._kinds.update(view.kinds)
            self._vantages[view.vantage] += Kind.PROBE in view.kinds or view.vantage == LOCAL
            silent_table = view.closed - view.refused - view.shut - view.expectation.permitted
            self._unfiltered += bool(view.expectation.otherwise_filtered and silent_table)

    def note_conditions(self, rulings: Rulings) -> None:
        """Take in the conditions of one view; what another view of the same subject hears is heard."""
        for _, ruled in rulings:
            rule = ruled.clause.rule.id if ruled.clause.rule else ""
            for outcome in ruled.outcomes:
                key = (rule, ruled.clause.item.text, outcome.condition)
                (self._pending if outcome.says is Says.NOT_ASSESSED else self._heard).add(key)

    def not_assessed(self, vague: Iterable[str]) -> Iterator[NotAssessed]:
        """Yield everything that no evidence speaks to, once all subjects have been taken in."""
        self._settle()
        if 0 < len(self._hosts) < len(self._policy.hosts):
            left_out = len(self._policy.hosts) - len(self._hosts)
            yield NotAssessed(what=f"{left_out} of {len(self._policy.hosts)} hosts", reason="left out of this audit")
        if self._kinds == {Kind.DECLARED}:
            yield NotAssessed(
                what="required ports and coverage",
                reason="declared evidence alone shows what will be opened, not what answers",
            )
        else:
            yield from self._unseen_vantages()
        for name in sorted(vague):
            yield NotAssessed(what=f"width of what is published to {name}", reason="the policy gives it no networks")
        for (rule, item, condition), subjects in sorted(self._unheard.items()):
            where = "1 host" if subjects == 1 else f"{subjects} hosts"
            yield NotAssessed(what=f"{condition} of {item} (rule {rule})", reason=f"{_NEEDS[condition]} of {where}")
        for source, reason in sorted(self._unheeded.items()):
            yield NotAssessed(what=f"what {source} keeps out of what listens", reason=reason)
        if self._unfiltered:
            where = "1 host" if self._unfiltered == 1 else f"{self._unfiltered} hosts"
            yield NotAssessed(
                what=f"'otherwise: filtered' on {where}",
                reason="a socket table shows that nothing listens, not that a firewall drops",
            )

    def _unseen_vantages(self) -> Iterator[NotAssessed]:
        for name in self._policy.vantage_names:
            if not self._vantages[name]:
                yield NotAssessed(what=f"vantage {name}", reason="no evidence looked from there")
            elif name == LOCAL and self._vantages[LOCAL] < len(self._hosts):
                missing = len(self._hosts) - self._vantages[LOCAL]
                yield NotAssessed(what="vantage local", reason=f"no evidence of {missing} of {len(self._hosts)} hosts")
        if self._vantages.keys() == {LOCAL}:
            yield NotAssessed(what="what the network reaches", reason="the evidence looked from loopback alone")

    def _settle(self) -> None:
        self._unheard.update(self._pending - self._heard)
        self._pending.clear()
        self._heard.clear()
