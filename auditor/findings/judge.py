"""Judges subject by subject: what is known against what is expected, as findings, open questions and rows.

Streams: of the subjects judged, only counters stay behind (:class:`~auditor.findings.usage.Usage`, conditions that no
evidence speaks to), for what is said at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.findings import rows
from auditor.findings.declared import OpeningJudge, reachable
from auditor.findings.holds import holding
from auditor.findings.housekeeping import housekeeping
from auditor.findings.making import finished, merged
from auditor.findings.matrix import matrix_of
from auditor.findings.remarks import Remarks
from auditor.findings.scene import Scene
from auditor.findings.sights import Sights
from auditor.findings.together import together
from auditor.findings.unknown import unknown_host
from auditor.findings.usage import Usage
from auditor.findings.views import differences, rule_on_conditions, unsettled, watched_ports
from auditor.model.evidence import Kind
from auditor.model.observed import Gap

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import date

    from auditor.findings.making import Draft
    from auditor.model.expectation import Expectation, Expecting
    from auditor.model.findings import EvidenceUsed, Finding, HostResult, Matrix, NotAssessed, Unverified
    from auditor.model.observed import NetworkRow, Reconciled, UnknownHost, View
    from auditor.model.policy import Policy, Rule
    from auditor.model.ports import PortSet

_REMEMBERED = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What judging one subject, or the end of the audit, brings."""

    findings: tuple[Finding, ...] = ()
    unverified: tuple[Unverified, ...] = ()
    hosts: tuple[HostResult, ...] = ()
    not_assessed: tuple[NotAssessed, ...] = ()
    matrices: tuple[Matrix, ...] = ()


class Judge:
    """One policy's judge, for one audit."""

    def __init__(
        self, policy: Policy, expecting: Expecting, today: date, matrix_for: Collection[str] = frozenset()
    ) -> None:
        """Prepare; ``today`` is in UTC, for reviews and exceptions. ``matrix_for`` names hosts to lay out in full."""
        self._policy = policy
        self._expecting = expecting
        self._matrix_for = matrix_for
        self._today = today
        self._usage = Usage(expecting, len(policy.hosts))
        self._remarks = Remarks(policy)
        self._openings = OpeningJudge(policy, expecting)
        self._watched: dict[int, tuple[Expectation, PortSet]] = {}
        self._otherwise = {rule.otherwise_filtered: rule for rule in policy.rules if rule.otherwise_filtered}

    def judge(self, reconciled: Reconciled) -> Judged:
        """Judge one subject. Findings of one identity are one finding; the row of each view has its own verdict."""
        self._usage.note(reconciled)
        self._remarks.note(reconciled)
        parts = [
            *(self._judge_view(reconciled, view) for view in reconciled.views if not view.vacant),
            *(self._judge_network(reconciled, row) for row in reconciled.network),
        ]
        if reconciled.declared:
            parts.append(self._judge_declared(reconciled))
        sights = Sights(reconciled)
        return Judged(
            findings=together(merged(finding for part in parts for finding in part.findings), sights),
            unverified=tuple(gap for part in parts for gap in part.unverified),
            hosts=tuple(host for part in parts for host in part.hosts),
            matrices=tuple(self._matrices(reconciled, sights)),
        )

    def conclude(self, unknown: Iterable[UnknownHost], idle: Iterable[EvidenceUsed] = ()) -> Judged:
        """Judge what needs all subjects: unknown hosts, the policy's own entries, evidence that came to nothing.

        ``idle`` is the evidence that said nothing of any host of the policy. Where it broke off, hosts missing from
        probes and socket tables are told already; files leave no trace elsewhere.
        """
        met = tuple(unknown)
        strangers = (unknown_host(one, self._policy) for one in met if one.open)
        return Judged(
            findings=self._finished((*strangers, *housekeeping(self._policy, self._usage, self._today))),
            unverified=(
                *(rows.unsaid(self._policy, one, gap) for one in met for gap in one.unknown),
                *(rows.cut_short(self._policy, used) for used in idle if _is_cut_short(used)),
            ),
            not_assessed=tuple(self._remarks.not_assessed(self._openings.vague)),
        )

    def _matrices(self, reconciled: Reconciled, sights: Sights) -> Iterator[Matrix]:
        if reconciled.host.name in self._matrix_for and not reconciled.network:
            yield matrix_of(reconciled, sights, self._policy, self._expecting)

    def _judge_view(self, reconciled: Reconciled, view: View) -> Judged:
        host, member = reconciled.host, reconciled.member
        scene = Scene(host, member, view)
        rulings = rule_on_conditions(view)
        self._remarks.note_conditions(rulings)
        findings = self._finished(differences(scene, rulings, self._rule_of(view.expectation)))
        gaps = tuple(
            rows.unverified(host, member, view.vantage, gap)
            for gap in unsettled(scene, rulings, self._watched_by(view.expectation))
        )
        failed = frozenset(finding.port for finding in findings if finding.port)
        kept = (one for one in holding(scene, rulings) if one.port not in failed)
        row = rows.row(host, member, view, gaps, kept, rows.verdict_of(findings, gaps))
        return Judged(findings=findings, unverified=gaps, hosts=(row,))

    def _judge_network(self, reconciled: Reconciled, network: NetworkRow) -> Judged:
        host = reconciled.host
        reason = None if host.dark and not network.missing and not network.unheard else rows.network_reason(network)
        gaps = (rows.unverified(host, None, network.vantage, Gap(reason=reason)),) if reason else ()
        return Judged(unverified=gaps, hosts=(rows.network_result(host, network, rows.verdict_of((), gaps)),))

    def _judge_declared(self, reconciled: Reconciled) -> Judged:
        host, declared = reconciled.host, reconciled.declared
        findings = self._finished(self._openings.drafts(host, declared))
        gaps = tuple(
            rows.unverified(host, reconciled.member, None, gap) for gap in self._openings.unsettled(host, declared)
        )
        ports = reachable(declared)
        return Judged(
            findings=findings,
            unverified=gaps,
            hosts=(rows.declared_result(host, ports, rows.verdict_of(findings, gaps)),),
        )

    def _finished(self, drafts: Iterable[Draft]) -> tuple[Finding, ...]:
        return merged(self._noted(drafts))

    def _noted(self, drafts: Iterable[Draft]) -> Iterator[Finding]:
        for draft in drafts:
            self._usage.note_draft(draft)
            yield finished(draft, self._policy)

    def _rule_of(self, expectation: Expectation) -> Rule | None:
        asking = expectation.otherwise_filtered
        return None if asking is None else self._otherwise.get(asking)

    def _watched_by(self, expectation: Expectation) -> PortSet:
        """Return :func:`watched_ports`, once for all hosts that share the expectation."""
        known = self._watched.get(id(expectation))
        if known is None:
            if len(self._watched) >= _REMEMBERED:
                self._watched.clear()
            known = self._watched[id(expectation)] = (expectation, watched_ports(expectation))
        return known[1]


def _is_cut_short(used: EvidenceUsed) -> bool:
    return used.origin.kind is Kind.DECLARED and not used.completion.complete
