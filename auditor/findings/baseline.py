"""An audit held against an earlier one: what is new, what persists, what is fixed. Only what is new fails the gate.

Findings are the same if their fingerprints are. One that is worse is new all the same: at other ports or addresses, to
more sources, told by another kind of evidence, with another service behind it. The baseline excuses what it tells of,
and nothing that it does not. What a file publishes and what a vantage sees are two findings here: whoever the file
names, the vantage may be new. A violation of the baseline that is not found any more is fixed only if somebody looked
again: no evidence is never a pass.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from auditor.errors import EvidenceError, UsageError
from auditor.findings.catalogue import UNKNOWN_HOST
from auditor.findings.conclude import exit_code_of
from auditor.findings.growth import how_grown
from auditor.findings.making import fingerprint, plain
from auditor.findings.rows import verdict_of
from auditor.model.evidence import Kind
from auditor.model.findings import Baseline, Novelty, Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from auditor.model.findings import Audit, Finding, HostResult, Unverified

_CLOCKS_DIFFER = timedelta(minutes=5)
"""So far ahead may the clock of the machine that made the baseline be."""


def held_against(audit: Audit, earlier: Audit, *, source: str, sha256: str | None = None) -> Audit:
    """Return the audit with what the baseline says of each finding, and the verdict on what is new.

    Violations that persist become notes. What is unverified stays so, whatever the baseline says.

    :raises UsageError: the baseline is of another policy, so that no finding of it could be found again.
    :raises EvidenceError: no audit wrote it so: a fingerprint is of another finding, or it ended in the future.
    """
    if earlier.policy != audit.policy:
        raise UsageError(
            f"{source} is an audit of policy {earlier.policy!r:.80}, and this is one of {audit.policy!r:.80}"
        )
    if earlier.finished > audit.finished + _CLOCKS_DIFFER:
        raise EvidenceError(f"{source} ended {earlier.finished:%Y-%m-%dT%H:%M:%SZ}, which is yet to come: no baseline")
    known = _Index(found for found in earlier.findings if _counts(found))
    present = _Index(audit.findings)
    _refuse_edited(earlier, present, source)
    findings = tuple(_told(found, known, earlier.finished) for found in audit.findings)
    looked = _Looked(audit, earlier)
    gone = [found for found in earlier.findings if _counts(found) and not present.has(found)]
    verdict = verdict_of(findings, audit.unverified)
    failing = {(found.host, found.member, found.vantage) for found in findings if found.status is Status.VIOLATION}
    return replace(
        audit,
        findings=findings,
        hosts=tuple(_row(row, failing) for row in audit.hosts),
        verdict=verdict,
        exit_code=exit_code_of(verdict, unverified_fails=audit.unverified_fails),
        baseline=Baseline(
            source=source,
            sha256=sha256,
            finished=earlier.finished,
            fixed=tuple(found for found in gone if looked.at(found)),
            unseen=tuple(found for found in gone if not looked.at(found)),
        ),
    )


def _counts(earlier: Finding) -> bool:
    """Whether a finding of the baseline may excuse one of today: a violation, or one that persisted then already."""
    return earlier.status is Status.VIOLATION or earlier.novelty is Novelty.PERSISTING


def _refuse_edited(earlier: Audit, present: _Index, source: str) -> None:
    """Refuse a finding that says of itself another thing than its fingerprint does: it would excuse what it is not.

    The identity of one without a port has a part that no audit file tells: such a one is held against today's.
    """
    for number, found in enumerate(earlier.findings):
        made = fingerprint(
            found.check,
            earlier.policy,
            host=found.host or "",
            member=found.member,
            vantage=found.vantage,
            port=str(found.port),
        )
        fits = found.port is None or found.fingerprint == made
        if not fits or any(_said_of(one) != _said_of(found) for one in present.like(found)):
            where = f"{found.check} {plain(found.host or 'of the policy')} {found.port or ''}".rstrip()
            raise EvidenceError(
                f"{source}: findings[{number}]: its fingerprint is not that of {where}: the file was edited, so that it"
                " is no baseline; make it anew"
            )


def _said_of(found: Finding) -> tuple[str | None, ...]:
    return found.check, found.host, found.member, found.vantage, str(found.port)


class _Index:
    """Findings by fingerprint."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._found: dict[str, list[Finding]] = {}
        for found in findings:
            self._found.setdefault(found.fingerprint, []).append(found)

    def has(self, found: Finding) -> bool:
        """Whether a finding of the same identity is there, however far it reaches."""
        return found.fingerprint in self._found

    def like(self, found: Finding) -> list[Finding]:
        """Those of the same identity: one, in an audit that nobody has edited."""
        return self._found.get(found.fingerprint, [])


def _told(found: Finding, known: _Index, known_at: datetime) -> Finding:
    if found.status is Status.EXCEPTED:
        return found
    if not (earlier := known.like(found)):
        return replace(found, novelty=Novelty.NEW)
    if worse := how_grown(found, earlier):
        return replace(found, novelty=Novelty.NEW, grown=worse)
    since = min(known_at, *(one.first_seen or known_at for one in earlier))
    return replace(found, novelty=Novelty.PERSISTING, status=Status.NOTE, first_seen=since)


def _row(row: HostResult, failing: set[tuple[str | None, str | None, str | None]]) -> HostResult:
    """Give a host the verdict of what is left to fail it.

    One finding tells what several rows of a host saw, of which some have no vantage: these keep their violations.
    """
    same = (vantage for host, member, vantage in failing if (host, member) == (row.host, row.member))
    if row.verdict is not Verdict.VIOLATIONS or any(row.vantage in {None, one} or one is None for one in same):
        return row
    return replace(row, verdict=Verdict.UNVERIFIED if row.unverified else Verdict.CONFORMS)


class _Looked:
    """Whether this audit looked where an earlier one had found something."""

    def __init__(self, audit: Audit, earlier: Audit) -> None:
        self._kinds = {used.origin.source: used.origin.kind for used in earlier.evidence}
        self._whole = {used.origin.source for used in audit.evidence if used.completion.complete}
        self._rows: dict[tuple[str, str | None, str | None], list[HostResult]] = {}
        for row in audit.hosts:
            self._rows.setdefault((row.host, row.member, row.vantage), []).append(row)
        self._gaps: dict[str, list[Unverified]] = {}
        for gap in audit.unverified:
            self._gaps.setdefault(gap.host, []).append(gap)

    def at(self, found: Finding) -> bool:
        """Say whether what an earlier audit found would have been found again."""
        if found.host is None:  # of the policy itself, which is read each time
            return True
        if found.check == UNKNOWN_HOST:
            return set(found.evidence) <= self._whole
        if any(_leaves_open(gap, found) for gap in self._gaps.get(found.host, ())):
            return False
        rows = self._rows.get((found.host, found.member, found.vantage), [])
        kinds = {self._kinds[source] for source in found.evidence if source in self._kinds}
        return any(_covers(row, found, kinds) for row in rows)


def _leaves_open(gap: Unverified, found: Finding) -> bool:
    if gap.member not in (None, found.member) or gap.vantage not in (None, found.vantage):
        return False
    return not gap.ports or (found.port in gap.ports if found.port else not gap.ports.isdisjoint(found.ports))


def _covers(row: HostResult, found: Finding, kinds: set[Kind]) -> bool:
    if kinds and kinds.isdisjoint(row.kinds):
        return False
    if Kind.DECLARED in row.kinds:
        return True
    return found.port in row.asked if found.port is not None else found.ports <= row.asked
