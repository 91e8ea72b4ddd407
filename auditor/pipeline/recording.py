"""Writing evidence down while it is read, so that it can be judged again and a scan can go on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.model.evidence import Evidence, Observation
    from auditor.model.target import Batch
    from auditor.snapshot.checkpoint import Pulse
    from auditor.snapshot.read import Part


def saved(evidence: Evidence, path: str) -> Evidence:
    """Return the same evidence, written to a snapshot as it is read."""
    from auditor.snapshot.checkpoint import tee
    from auditor.snapshot.write import SnapshotWriter

    return tee(evidence, SnapshotWriter(path, evidence.origin))


def recorded_scan(
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
