"""The tool's own summary: policy → plan → collect → snapshot → diff → findings. Joins the stages, and judges nothing.

A check on saved evidence and a check on a live scan run through the same functions; they enter by different doors.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from auditor.model.ports import Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    from auditor.model.evidence import Evidence, Observation
    from auditor.model.findings import Audit
    from auditor.model.policy import Host, Policy
    from auditor.model.ports import PortSet
    from auditor.model.ssh import Asked
    from auditor.model.target import Batch, Observer
    from auditor.policy.resolve import Resolver
    from auditor.snapshot.checkpoint import Pulse
    from auditor.snapshot.read import Part

UNLIMITED = 0
_CONNECT = "connect"
_MANY = 20_000
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 10.0
"""Seconds between two looks at hosts that are still starting."""
_MOST_LOOKS = 1000
TOOL = "exposure-auditor"
"""The name under which findings appear at whoever collects them; they are told apart by it, so it never changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanLimits:
    """How to scan, and what the caller sets over the policy's ``scan:``; None: as the policy says.

    ``method`` is ``connect``, which is the default, or ``syn``; ``rate`` in packets a second over all hosts,
    ``host_rate`` to each address, ``UNLIMITED`` for no cap; ``timeout`` in seconds.
    """

    method: str | None = None
    rate: int | None = None
    host_rate: int | None = None
    timeout: float | None = None
    max_inflight: int | None = None
    max_targets: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SshLimits:
    """How to read the sockets of other machines over SSH; None: as the collector has it.

    ``sudo`` is for every host, whatever the policy says. ``configuration`` and ``known_hosts`` are files that stand in
    for the user's own. ``concurrency`` is of hosts at once, ``timeout`` in seconds for each.
    """

    sudo: bool = False
    configuration: str | None = None
    known_hosts: str | None = None
    concurrency: int | None = None
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One audit as asked for.

    ``policy`` is a file, or a policy that was read already. ``evidence`` names files, ``collected`` is open already and
    read once, ``sockets`` reads this machine's tables, and ``ssh`` those of the policy's hosts with
    logins; without any of them the hosts are scanned.
    ``asked`` and ``taken`` are what was asked, and when, of evidence that does not say so itself.
    ``baseline`` names an earlier audit: only what is new against it fails. ``retry_for`` is how long to look again, in
    seconds, until required ports answer. ``matrix`` selects hosts whose ports are laid out in full.
    ``reports`` names the files that the caller is going to write. ``settings`` overrides the policy's, by name.
    ``clock`` gives the time, in UTC. ``root`` is the folder that file names in the audit are relative to.
    """

    policy: str | Policy
    clock: Callable[[], datetime]
    root: Path
    evidence: Sequence[str] = ()
    collected: Sequence[Evidence] = ()
    sockets: bool = False
    ssh: SshLimits | None = None
    vantage: str | None = None
    host: str | None = None
    asked: PortSet | None = None
    taken: datetime | None = None
    only: Sequence[str] = ()
    matrix: Sequence[str] = ()
    baseline: str | None = None
    retry_for: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    save: str | None = None
    reports: Sequence[str] = ()
    limits: ScanLimits = field(default_factory=ScanLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A policy and what answers for it."""

    policy: Policy
    resolver: Resolver


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
    from auditor.files.spare import spare
    from auditor.findings.baseline import held_against
    from auditor.report.audit_file import read_audit

    started = request.clock()
    loaded = load(request.policy, today=started.date())
    earlier = (request.baseline,) if request.baseline else ()
    spare((*read_by(loaded), *request.evidence, *earlier), reports=request.reports, snapshot=request.save)
    hosts = chosen(loaded.policy, request.only)
    laid_out = chosen(loaded.policy, request.matrix, option="--matrix") if request.matrix else ()
    known = read_audit(request.baseline) if request.baseline else None

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

    audit = look() if request.retry_for is None else settled(look, loaded, request, observer)
    if known is None:
        return audit
    return held_against(audit, known.audit, source=request.baseline or "", sha256=known.sha256)


def settled(look: Callable[[], Audit], loaded: Loaded, request: Request, observer: Observer) -> Audit:
    """Look again until required ports answer and two looks see the same, for ``retry_for`` seconds; twice at least."""
    from time import monotonic, sleep

    from auditor.findings.looks import changes, is_same, is_waiting, looked
    from auditor.model.findings import Look

    end = monotonic() + (request.retry_for or 0)
    audit, pause = look(), _FIRST_PAUSE
    looks = [Look(finished=audit.finished)]
    observer.say(f"looking again for {request.retry_for:g} s, until required ports answer and two looks see the same")
    while True:
        before, left = audit, end - monotonic()
        sleep(max(0.0, min(pause, left)))
        audit, pause = look(), min(_LONGEST_PAUSE, pause * 1.5)
        looks.append(Look(finished=audit.finished, changes=changes(before, audit)))
        for change in looks[-1].changes:
            observer.say(f"look {len(looks)}: {change}")
        same = is_same(before, audit)
        if same and not is_waiting(audit, loaded.policy.hosts, loaded.resolver):
            return looked(audit, looks, settled=True)
        if left <= 0 or len(looks) >= _MOST_LOOKS:
            return looked(audit, looks, settled=same)


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


def over_ssh(
    hosts: Sequence[Asked], limits: SshLimits, observer: Observer, protocols: Iterable[Protocol] = tuple(Protocol)
) -> Evidence:
    """Read what listens on other machines; they are asked as the result is read.

    :raises CollectError: there is no OpenSSH client here.
    :raises UsageError: a file that is not to be read.
    """
    from auditor.collect.sockets.remote import CONCURRENCY, Settings, remote_listening

    settings = Settings(configuration=limits.configuration, known_hosts=limits.known_hosts)
    if limits.timeout is not None:
        settings = replace(settings, timeout=limits.timeout)
    if limits.sudo:
        hosts = [replace(asked, login=replace(asked.login, sudo=True)) for asked in hosts]
    return remote_listening(
        hosts, settings, observer, protocols=tuple(protocols), concurrency=limits.concurrency or CONCURRENCY
    )


def chosen(policy: Policy, only: Sequence[str], *, option: str = "--only") -> tuple[Host, ...]:
    """Return the hosts that ``--only`` selects, in policy order; without selectors all of them.

    :raises UsageError: a selector that matches nothing.
    """
    from auditor.policy.select import parse_only

    return parse_only(policy, only, option=option) if only else tuple(policy.hosts.values())


def opened(policy: Policy, request: Request, observer: Observer) -> Sequence[Evidence]:
    """Open evidence files, told apart by content; say which of them leave open what was asked.

    :raises EvidenceError: one of them cannot be read or recognised.
    :raises UsageError: a vantage that the policy does not know.
    """
    from auditor.collect.registry import open_all
    from auditor.plan.vantage import require_vantage

    require_vantage(policy, request.vantage, needed=False)
    pieces = open_all(
        request.evidence, vantage=request.vantage, host=request.host, asked=request.asked, taken=request.taken
    )
    for one in pieces:
        if one.undeclared:
            observer.say(
                f"{one.origin.source} does not say what was asked: what it does not list counts as not seen;"
                " declare it with --asked"
            )
    return pieces


def scan(
    loaded: Loaded,
    *,
    vantage: str | None,
    only: Sequence[str],
    limits: ScanLimits,
    save: str | None = None,
    observer: Observer,
) -> Evidence:
    """Plan a live scan of the policy's hosts; packets are sent as the result is read.

    ``save`` names the snapshot that it is written to meanwhile, here and below.

    :raises UsageError: the vantage is missing or unknown, or there are more addresses than the limit.
    """
    from auditor.collect.names import lookup
    from auditor.model.target import Batch
    from auditor.plan.targets import plan
    from auditor.plan.vantage import require_vantage

    policy = loaded.policy
    require_vantage(policy, vantage, needed=True)
    hosts = chosen(policy, only)
    planned = plan(policy, loaded.resolver, hosts=hosts, vantage=vantage, lookup=lookup, max_targets=limits.max_targets)
    batch = Batch(
        targets=planned.targets,
        vantage=vantage,
        rate=policy.scan.rate if limits.rate is None else (limits.rate or None),
        host_rate=policy.scan.host_rate if limits.host_rate is None else (limits.host_rate or None),
        timeout=limits.timeout or policy.scan.timeout,
        max_inflight=limits.max_inflight,
        method=limits.method or _CONNECT,
    )
    return _carried_out(batch, planned.unplanned, save, observer)


def scan_targets(
    targets: Sequence[str],
    ports: str,
    *,
    vantage: str | None,
    limits: ScanLimits,
    save: str | None = None,
    observer: Observer,
) -> Evidence:
    """Plan a live scan of bare addresses, networks and names; packets are sent as the result is read.

    :raises UsageError: not an address, network or name, a name that does not resolve, no port item, or too many.
    """
    from auditor.collect.names import lookup
    from auditor.model.policy import DEFAULT_SCAN
    from auditor.model.target import Batch
    from auditor.plan.targets import named_targets
    from auditor.policy.arguments import read_ports, read_targets

    batch = Batch(
        targets=named_targets(read_targets(targets), read_ports(ports), lookup=lookup, max_targets=limits.max_targets),
        vantage=vantage,
        rate=DEFAULT_SCAN.rate if limits.rate is None else (limits.rate or None),
        host_rate=limits.host_rate or None,
        timeout=limits.timeout or DEFAULT_SCAN.timeout,
        max_inflight=limits.max_inflight,
        method=limits.method or _CONNECT,
    )
    return _carried_out(batch, (), save, observer)


def resume(path: str, *, limits: ScanLimits, save: str | None = None, observer: Observer) -> Evidence:
    """Go on with an interrupted scan, from its snapshot alone; packets are sent as the result is read.

    The whole is written under the snapshot's own name, or to ``save``. Of a complete scan nothing is left to do.

    :raises UsageError: no snapshot of a scan, one that does not say what was to be asked, or too many addresses.
    :raises EvidenceError: the snapshot cannot be read, or something in it is wrong.
    """
    from auditor.collect.resumed import Resumed
    from auditor.errors import UsageError
    from auditor.files.spare import spare
    from auditor.model.target import METHODS
    from auditor.plan.targets import count_of, guard_plan
    from auditor.snapshot.checkpoint import Pulse
    from auditor.snapshot.resume import unfinished

    left = unfinished(path)
    if save is not None and save != left.path:
        spare((left.source,), snapshot=save)
    if left.complete:
        observer.say(f"{left.source} is complete: nothing is left to ask")
        return saved(left.snapshot, save) if save is not None and save != left.path else left.named()
    plan = _limited(left.plan, limits)
    if plan.method not in METHODS:
        raise UsageError(f"--resume: {left.source} wants the method {plan.method!r:.40}; expected {', '.join(METHODS)}")
    guard_plan(plan, left.source, limits.max_targets)
    rest = replace(plan, targets=left.rest)
    observer.say(f"going on: {count_of(len(rest.targets), 'address', 'addresses')} of {len(plan.targets):,} to finish")
    pulse = Pulse(observer)
    evidence = _identified(Resumed(_probed(rest, pulse), left.begun, left.origin), plan, pulse)
    earlier = left.parts
    return _recorded(evidence, left.finished, plan, save or left.path, pulse, earlier=earlier)


def _nothing() -> None:
    """Evidence that is not recorded has nothing to be closed."""


def saved(evidence: Evidence, path: str) -> Evidence:
    """Return the same evidence, written to a snapshot as it is read."""
    from auditor.snapshot.checkpoint import tee
    from auditor.snapshot.write import SnapshotWriter

    return tee(evidence, SnapshotWriter(path, evidence.origin))


def _limited(batch: Batch, limits: ScanLimits) -> Batch:
    """The batch, but for what the caller sets."""
    return replace(
        batch,
        rate=batch.rate if limits.rate is None else (limits.rate or None),
        host_rate=batch.host_rate if limits.host_rate is None else (limits.host_rate or None),
        timeout=limits.timeout or batch.timeout,
        max_inflight=limits.max_inflight or batch.max_inflight,
        method=limits.method or batch.method,
    )


def _carried_out(batch: Batch, unplanned: Sequence[Observation], save: str | None, observer: Observer) -> Evidence:
    from auditor.collect.chain import Preceded
    from auditor.snapshot.checkpoint import Pulse

    pulse = Pulse(observer)
    evidence = _identified(_probed(batch, pulse), batch, pulse)
    return _recorded(evidence, unplanned, batch, save, pulse) if save else Preceded(unplanned, evidence)


def _recorded(
    evidence: Evidence,
    known: Sequence[Observation],
    plan: Batch,
    save: str,
    pulse: Pulse,
    *,
    earlier: Sequence[Part] | None = None,
) -> Evidence:
    """Write a scan down while it is under way, so that it can go on from there; ``known`` is known before it begins.

    ``earlier`` is what the scan that is resumed has left, with ``known`` in it.
    """
    from auditor.collect.chain import Preceded
    from auditor.snapshot.checkpoint import tee
    from auditor.snapshot.plan import plan_lines
    from auditor.snapshot.read import Part
    from auditor.snapshot.write import SnapshotWriter

    before = [Part(seen, finished=True) for seen in known] if earlier is None else earlier
    writer = SnapshotWriter(
        save, evidence.origin, plan=plan_lines(plan), earlier=before, takes_over=earlier is not None
    )
    recorded = tee(evidence, writer)
    pulse.then = lambda said: recorded.checkpoint(thorough=said)
    return Preceded(known, recorded)


def _identified(evidence: Evidence, batch: Batch, observer: Observer) -> Evidence:
    """Speak to the open ports of which a rule says what must answer there."""
    from auditor.plan.services import ServiceQuestions

    questions = ServiceQuestions(batch.targets)
    if not questions:
        return evidence
    from auditor.collect.identify import identify

    return identify(
        evidence,
        questions.ports,
        timeout=batch.timeout,
        max_inflight=batch.max_inflight,
        observer=observer,
        expected=questions.names,
    )


def _probed(batch: Batch, observer: Observer) -> Evidence:
    from auditor.collect.probe import scan as probe
    from auditor.plan.targets import count_of, paced, stays_here

    batch = paced(batch)
    capped = f"at most {batch.rate:,} packets a second" if batch.rate else "no limit on packets a second"
    size = f"{count_of(batch.probes, 'port')} of {count_of(len(batch.targets), 'address', 'addresses')}"
    evidence = probe(batch, observer)  # refuses what this machine does not let us do; packets come later
    observer.say(f"about to probe {size}, {capped}")
    if batch.method == _CONNECT and batch.rate is None and batch.probes >= _MANY and not stays_here(batch):
        observer.say("so many ports are asked faster with --method syn, as root or with CAP_NET_RAW")
    return evidence
