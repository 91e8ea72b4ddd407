"""Which permissions and exceptions the evidence shows in use: counters, so that no host need be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.findings.conditions import held_inward, may_be_inward
from auditor.findings.declared import published
from auditor.model.expectation import Effect
from auditor.model.ports import NO_PORTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.findings.making import Draft
    from auditor.model.expectation import Clause, Expecting
    from auditor.model.observed import Reconciled, View
    from auditor.model.policy import PolicyException, PortItem, Rule
    from auditor.model.ports import PortSet


class Usage:
    """What has been seen in use so far.

    An item is *idle* if every view that it applies to settles all its ports, and none is open. Items that are in use
    or in doubt are settled for good, so that most are looked at once.
    """

    def __init__(self, expecting: Expecting, hosts: int) -> None:
        """Prepare for so many hosts: while some of them are missing, nothing is idle."""
        self._expecting = expecting
        self._hosts = hosts
        self._noted: set[str] = set()
        self._idle: dict[int, Clause] = {}
        self._busy: set[int] = set()
        self._vantages: set[str | None] = set()
        self._lifting: set[str] = set()
        self._returned: set[str] = set()

    def note(self, reconciled: Reconciled) -> None:
        """Take in the evidence of one subject."""
        self._noted.add(reconciled.host.name)
        for view in reconciled.views:
            self._vantages.add(view.vantage)
            if not view.vacant:
                self._note_view(view)
        for row in reconciled.network:
            if row.missing or not row.members:
                self._busy.update(id(clause.item) for clause in row.expectation.clauses)
        if reconciled.declared:
            self._note_openings(reconciled)

    def note_draft(self, draft: Draft) -> None:
        """Take in a difference: the exception that lifts it, those that no longer do."""
        if draft.exception:
            self._lifting.add(draft.exception.id)
        self._returned.update(exception.id for exception in draft.expired)

    def idle_permissions(self) -> tuple[tuple[Rule, PortItem], ...]:
        """Return the items of ``allow`` that were looked at in full and of which nothing is open, in file order.

        Those of shipped packs are left out: a pack allows what its role may need, and nobody can edit it.
        """
        found = [
            (clause.rule, clause.item)
            for key, clause in self._idle.items()
            if key not in self._busy
            and clause.rule
            and clause.rule.pack is None
            and self._looked_from(clause.rule.from_)
        ]
        return tuple(sorted(found, key=lambda entry: entry[1].location.order))

    def is_idle(self, exception: PolicyException) -> bool:
        """Whether a live exception was looked at in full and lifted nothing."""
        keys = [id(item) for item in exception.ports]
        if exception.id in self._lifting or not self._looked_from(exception.from_):
            return False
        return all(key in self._idle and key not in self._busy for key in keys)

    def has_returned(self, exception: PolicyException) -> bool:
        """Whether a finding names this exception, which has run out, or may do so once all hosts are looked at."""
        return exception.id in self._returned or len(self._noted) < self._hosts

    def _looked_from(self, vantages: Iterable[str] | None) -> bool:
        return len(self._noted) == self._hosts and self._from_each(vantages)

    def _from_each(self, vantages: Iterable[str] | None) -> bool:
        return vantages is None or all(name in self._vantages for name in vantages)

    def _note_view(self, view: View) -> None:
        pending = [clause for clause in view.expectation.clauses if id(clause.item) not in self._busy]
        if not pending:
            return
        doubtful, inside = _doubtful(view), held_inward(view)
        for clause in pending:
            match clause.effect:
                case Effect.ALLOW:
                    used = not clause.ports.isdisjoint(view.open | inside if may_be_inward(clause) else view.open)
                case Effect.EXCEPTION:
                    used = False
                case Effect.FINAL_DENY | Effect.DENY | Effect.REQUIRE | Effect.DEFAULT:
                    continue
            if used or doubtful is None or not clause.ports.isdisjoint(doubtful) or not clause.ports <= view.asked:
                self._busy.add(id(clause.item))
            else:
                self._idle[id(clause.item)] = clause

    def _note_openings(self, reconciled: Reconciled) -> None:
        expectation = self._expecting.network_expectation(reconciled.host)
        opened = published(reconciled.declared)
        self._busy.update(
            id(clause.item)
            for clause in expectation.clauses
            if clause.effect in (Effect.REQUIRE, Effect.ALLOW) and not clause.ports.isdisjoint(opened)
        )


def _doubtful(view: View) -> PortSet | None:
    """Return the ports that the view leaves open; None: all of them."""
    found = NO_PORTS | view.open_filtered | view.old_open
    for gap in view.gaps:
        if not gap.ports:
            return None
        found |= gap.ports
    return found
