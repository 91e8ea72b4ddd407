"""The tool's own summary: policy → plan → collect → snapshot → diff → findings. Joins the stages, and judges nothing.

A check on saved evidence and a check on a live scan run through the same functions; they enter by different doors.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from auditor.pipeline.looks import settled
from auditor.pipeline.recording import saved
from auditor.pipeline.request import UNLIMITED, Loaded, Request, ScanLimits, SshLimits
from auditor.pipeline.resuming import resume
from auditor.pipeline.scanning import scan, scan_targets
from auditor.pipeline.sources import chosen, opened, over_ssh

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

    from auditor.model.evidence import Evidence
    from auditor.model.findings import Audit
    from auditor.model.policy import Host, Policy
    from auditor.model.target import Observer

__all__ = [
    "TOOL",
    "UNLIMITED",
    "Loaded",
    "Request",
    "ScanLimits",
    "SshLimits",
    "check",
    "chosen",
    "collect",
    "judge",
    "load",
    "opened",
    "over_ssh",
    "read_by",
    "resume",
    "saved",
    "scan",
    "scan_targets",
]

TOOL = "exposure-auditor"
"""The name under which findings appear at whoever collects them; they are told apart by it, so it never changes."""


def load(source: str | Policy, *, today: date) -> Loaded:
    """Read a policy, unless it was read already, and make it ready to answer.

    :raises PolicyError: the policy is invalid.
    """
    from auditor.policy.load import load_policy
    from auditor.policy.resolve import Resolver

    policy = load_policy(source, today=today) if isinstance(source, str) else source
    return Loaded(policy=policy, resolver=Resolver(policy, today))


def read_by(loaded: Loaded) -> tuple[str, ...]:
    """Return the names of all files that made up the policy."""
    return tuple(file.path for file in loaded.policy.files)


def check(request: Request, observer: Observer) -> Audit:
    """Carry out one audit.

    :raises AuditorError: it could not be carried out; the kind says why.
    :raises KeyboardInterrupt: the user stopped it; what was seen until then is saved, if asked for.
    """
    from auditor.files.spare import reading, spare, spare_noted
    from auditor.findings.baseline import held_against
    from auditor.findings.services import doubtful_names
    from auditor.report.audit_file import read_audit

    started = request.clock()
    loaded = load(request.policy, today=started.date())
    earlier = (request.baseline,) if request.baseline else ()
    spare((*read_by(loaded), *request.evidence, *earlier), reports=request.reports, snapshot=request.save)
    hosts = chosen(loaded.policy, request.only)
    laid_out = chosen(loaded.policy, request.matrix, option="--matrix") if request.matrix else ()
    known = read_audit(request.baseline) if request.baseline else None

    for doubt in doubtful_names(loaded.policy):
        observer.say(f"warning: {doubt}")

    def look() -> Audit:
        evidence = collect(request, loaded, observer)
        try:
            audit = judge(request, loaded, hosts, evidence, started, laid_out=laid_out)
            for remark in filter(None, (getattr(one, "remark", None) for one in evidence)):
                observer.say(remark)
            return audit
        finally:
            for one in evidence:
                getattr(one, "close", _nothing)()

    with reading():
        audit = look() if request.retry_for is None else settled(look, loaded, request.retry_for, observer)
        spare_noted(request.reports)
    if known is None:
        return audit
    return held_against(audit, known.audit, source=request.baseline or "", sha256=known.sha256)


def collect(request: Request, loaded: Loaded, observer: Observer) -> Sequence[Evidence]:
    """Open the evidence asked for: files, the sockets of this machine or of others, or else a live scan."""
    pieces: list[Evidence] = [*request.collected]
    if request.evidence:
        pieces += opened(loaded.policy, request, observer)
    if request.ssh is not None:
        from auditor.plan.logins import planned_logins

        logins = planned_logins(chosen(loaded.policy, request.only))
        remote = over_ssh(logins, request.ssh, observer)
        pieces.append(saved(remote, request.save) if request.save else remote)
    elif request.sockets:
        from auditor.collect.sockets import listening

        live: Evidence = listening(request.host)
        pieces.append(saved(live, request.save) if request.save else live)
    if pieces:
        return pieces
    limits, save = request.limits, request.save
    return (scan(loaded, vantage=request.vantage, only=request.only, limits=limits, save=save, observer=observer),)


def judge(
    request: Request,
    loaded: Loaded,
    hosts: Sequence[Host],
    evidence: Iterable[Evidence],
    started: datetime,
    *,
    laid_out: Sequence[Host] = (),
) -> Audit:
    """Read the evidence to its end, hold it against the policy host by host, and conclude.

    ``laid_out`` are the hosts whose matrix is wanted.

    :raises UsageError: evidence that names no host, or no vantage where the policy's rules depend on it.
    :raises EvidenceError: evidence that cannot be read at all.
    """
    from auditor import __version__
    from auditor.diff.attribute import Attribution
    from auditor.diff.gather import gather
    from auditor.diff.reconcile import Reconciler
    from auditor.files.paths import below
    from auditor.findings.conclude import conclude
    from auditor.findings.judge import Judge
    from auditor.findings.relocate import relocated

    policy = replace(loaded.policy, settings=replace(loaded.policy.settings, **request.settings))
    gathered = gather(evidence, Attribution(policy, request.host), policy, request.vantage)
    if request.sockets and not request.ssh and not request.only:  # this machine's sockets are asked about this machine
        hosts = [host for host in hosts if gathered.speaks_of(host)]
    finished = request.clock()
    reconciler = Reconciler(policy, loaded.resolver, gathered, finished)
    judging = Judge(policy, loaded.resolver, finished.date(), matrix_for={host.name for host in laid_out})
    audit = conclude(
        policy,
        chain(
            (judging.judge(reconciler.reconcile(subject)) for subject in gathered.subjects(hosts)),
            (judging.conclude(gathered.unknown.values(), gathered.idle) for _ in ("last",)),
        ),
        evidence=gathered.used,
        tool_name=TOOL,
        tool_version=__version__,
        started=started,
        finished=finished,
    )
    return relocated(audit, partial(below, request.root))


def _nothing() -> None:
    """Evidence that is not recorded has nothing to be closed."""
