"""Going on with an interrupted scan, from its snapshot alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.pipeline.recording import recorded_scan, saved
from auditor.pipeline.scanning import identified, probed

if TYPE_CHECKING:
    from auditor.model.evidence import Evidence
    from auditor.model.target import Batch, Observer
    from auditor.pipeline.request import ScanLimits


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
    evidence = identified(Resumed(probed(rest, pulse), left.begun, left.origin), plan, pulse)
    earlier = left.parts
    return recorded_scan(evidence, left.finished, plan, save or left.path, pulse, earlier=earlier)


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
