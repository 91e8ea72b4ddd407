"""A live scan, from what is asked to evidence: planned, probed, identified and written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.pipeline.recording import recorded_scan
from auditor.pipeline.sources import chosen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.model.evidence import Evidence, Observation
    from auditor.model.target import Batch, Observer
    from auditor.pipeline.request import Loaded, ScanLimits

_CONNECT = "connect"
_MANY = 20_000


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


def _carried_out(batch: Batch, unplanned: Sequence[Observation], save: str | None, observer: Observer) -> Evidence:
    from auditor.collect.chain import Preceded
    from auditor.snapshot.checkpoint import Pulse

    pulse = Pulse(observer)
    evidence = identified(probed(batch, pulse), batch, pulse)
    return recorded_scan(evidence, unplanned, batch, save, pulse) if save else Preceded(unplanned, evidence)


def identified(evidence: Evidence, batch: Batch, observer: Observer) -> Evidence:
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


def probed(batch: Batch, observer: Observer) -> Evidence:
    """Send the packets as the result is read; say beforehand how many, and how fast."""
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
