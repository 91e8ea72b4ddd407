"""The audit file: the audit itself as JSON, so that it can be kept, compared and rendered again.

The form is fixed by ``schemas/audit.schema.json``; :mod:`auditor.report.json_load` reads it back.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from auditor.model.network import EVERYWHERE
from auditor.report.document import json_chunks, json_document
from auditor.report.json_load import VERSION, load

if TYPE_CHECKING:
    from auditor.model.findings import (
        Audit,
        Baseline,
        EvidenceUsed,
        Finding,
        HostResult,
        LiftedBy,
        Matrix,
        NotAssessed,
        Requirement,
        Sight,
        Unverified,
    )
    from auditor.model.location import Location
    from auditor.model.policy import Approval, Control
    from auditor.model.reach import Reach
    from auditor.report.options import ReportOptions

__all__ = ["digest", "load", "render", "timestamp"]

_DEPTH = 2


def render(audit: Audit, options: ReportOptions) -> bytes:  # noqa: ARG001 - every format has this signature
    """Write the audit file: UTF-8 JSON, one finding, host or piece of evidence a line."""
    return json_document(_audit(audit), depth=_DEPTH)


def digest(audit: Audit) -> str:
    """Return the SHA-256 of the audit file, in lower-case hex, without holding the file in memory."""
    from hashlib import sha256

    found = sha256()
    for chunk in json_chunks(_audit(audit), depth=_DEPTH):
        found.update(chunk)
    return found.hexdigest()


def timestamp(moment: datetime | None) -> str | None:
    """Write a time as RFC 3339 in UTC, ``2026-11-22T21:04:05Z``; one without a zone is taken for UTC."""
    if moment is None:
        return None
    utc = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return utc.isoformat().replace("+00:00", "Z")


def _audit(audit: Audit) -> dict[str, Any]:
    return {
        "auditor": "audit",
        "version": VERSION,
        "policy": {
            "name": audit.policy,
            "files": [{"path": file.path, "sha256": file.sha256} for file in audit.files],
            **({"controls": [_control(one) for one in audit.controls]} if audit.controls else {}),
        },
        "tool": {"name": audit.tool_name, "version": audit.tool_version},
        "started": timestamp(audit.started),
        "finished": timestamp(audit.finished),
        "verdict": audit.verdict.value,
        "exit_code": int(audit.exit_code),
        "fail_on": None if audit.fail_on is None else str(audit.fail_on),
        "unverified_fails": audit.unverified_fails,
        "counts": {
            **{status.value: number for status, number in audit.counts().items()},
            "unverified": len(audit.unverified),
            "hosts": len({host.host for host in audit.hosts}),
        },
        "evidence": [_evidence(used) for used in audit.evidence],
        "findings": map(_finding, audit.findings),
        "unverified": map(_unverified, audit.unverified),
        "not_assessed": map(_not_assessed, audit.not_assessed),
        "hosts": map(_host, audit.hosts),
        "matrices": [_matrix(matrix) for matrix in audit.matrices],
        "baseline": audit.baseline and _baseline(audit.baseline),
        "looks": [{"finished": timestamp(look.finished), "changes": list(look.changes)} for look in audit.looks],
    }


def _control(control: Control) -> dict[str, Any]:
    return {"id": control.id, "title": control.title, "checks": list(control.checks)}


def _evidence(used: EvidenceUsed) -> dict[str, Any]:
    origin, completion = used.origin, used.completion
    return {
        "kind": origin.kind.value,
        "source": origin.source,
        "tool": origin.tool,
        "vantage": origin.vantage,
        "host": origin.host,
        "sha256": origin.sha256,
        "asked": None if origin.asked is None else str(origin.asked),
        "started": timestamp(origin.started),
        "finished": timestamp(completion.finished),
        "complete": completion.complete,
        "reason": completion.reason,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    lifted = finding.exception
    return {
        "check": finding.check,
        "severity": str(finding.severity),
        "status": finding.status.value,
        "host": finding.host,
        "member": finding.member,
        "address": finding.address,
        "port": None if finding.port is None else str(finding.port),
        "ports": str(finding.ports),
        "vantage": finding.vantage,
        "expected": finding.expected,
        "actual": finding.actual,
        "message": finding.message,
        "help": finding.help,
        "policy_location": _location(finding.policy_location),
        "source_location": finding.source_location and _location(finding.source_location),
        "service": finding.service,
        "process": finding.process,
        "exception": lifted and lifted.id,
        "lifted_by": lifted and _lifted(lifted),
        "controls": list(finding.controls),
        "rule": finding.rule,
        "owner": finding.owner,
        "evidence": list(finding.evidence),
        "sights": [_sight(sight) for sight in finding.sights],
        "reach": [_reach(reach) for reach in finding.reach],
        "novelty": finding.novelty and finding.novelty.value,
        "grown": finding.grown,
        "first_seen": timestamp(finding.first_seen),
        "fingerprint": finding.fingerprint,
    }


def _reach(reach: Reach) -> dict[str, Any]:
    return {
        "kind": reach.kind.value,
        "way": reach.way and reach.way.value,
        "ports": str(reach.ports),
        "sources": None if reach.sources == EVERYWHERE else str(reach.sources),
        "at": None if reach.at == EVERYWHERE else str(reach.at),
        "group": reach.group,
        "behind": reach.behind,
    }


def _sight(sight: Sight) -> dict[str, Any]:
    return {
        "kind": sight.kind.value,
        "text": sight.text,
        "source": sight.source,
        "location": sight.location and _location(sight.location),
    }


def _lifted(lifted: LiftedBy) -> dict[str, Any]:
    return {
        "id": lifted.id,
        "reason": lifted.reason,
        "owner": lifted.owner,
        "approved": lifted.approved and _approval(lifted.approved),
        "expires": lifted.expires.isoformat(),
        "location": _location(lifted.location),
    }


def _location(location: Location) -> dict[str, Any]:
    return {
        "file": location.file,
        "line": location.line,
        "column": location.column,
        "end_column": location.end_column,
        "snippet": location.snippet,
    }


def _approval(approval: Approval) -> dict[str, Any]:
    return {"by": approval.by, "on": approval.on and approval.on.isoformat(), "ticket": approval.ticket}


def _unverified(unverified: Unverified) -> dict[str, Any]:
    return {
        "host": unverified.host,
        "member": unverified.member,
        "address": unverified.address,
        "vantage": unverified.vantage,
        "ports": str(unverified.ports),
        "reason": unverified.reason,
        "policy_location": _location(unverified.policy_location),
    }


def _not_assessed(item: NotAssessed) -> dict[str, Any]:
    return {"what": item.what, "reason": item.reason}


def _host(host: HostResult) -> dict[str, Any]:
    return {
        "host": host.host,
        "member": host.member,
        "address": host.address,
        "vantage": host.vantage,
        "verdict": host.verdict.value,
        "asked": str(host.asked),
        "open": str(host.open),
        "closed": str(host.closed),
        "filtered": str(host.filtered),
        "open_filtered": str(host.open_filtered),
        "unverified": str(host.unverified),
        "out_of_scope": str(host.out_of_scope),
        "kinds": [kind.value for kind in host.kinds],
        "holds": [_requirement(held) for held in host.holds],
        "vacant": host.vacant,
        "members": host.members,
        "location": _location(host.location),
    }


def _baseline(baseline: Baseline) -> dict[str, Any]:
    return {
        "source": baseline.source,
        "sha256": baseline.sha256,
        "finished": timestamp(baseline.finished),
        "fixed": [_finding(finding) for finding in baseline.fixed],
        "unseen": [_finding(finding) for finding in baseline.unseen],
    }


def _matrix(matrix: Matrix) -> dict[str, Any]:
    return {
        "host": matrix.host,
        "member": matrix.member,
        "vantages": list(matrix.vantages),
        "rows": [
            {
                "port": str(row.port),
                "policy": row.policy,
                "declared": row.declared,
                "listening": row.listening,
                "reachable": list(row.reachable),
                "locations": [_location(location) for location in row.locations],
            }
            for row in matrix.rows
        ],
    }


def _requirement(held: Requirement) -> dict[str, Any]:
    return {
        "port": str(held.port),
        "required": held.required,
        "state": held.state,
        "service": held.service,
        "rule": held.rule,
        "reason": held.reason,
        "owner": held.owner,
        "approved": held.approved and _approval(held.approved),
        "review_by": held.review_by and held.review_by.isoformat(),
        "controls": list(held.controls),
    }
