"""CSV for spreadsheets: a row for each finding, gap and thing not assessed (RFC 4180, UTF-8, with a header)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.report import wording
from auditor.report.escape import csv_cell, one_line, workflow_safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditor.model.findings import Audit, Finding, NotAssessed, Unverified
    from auditor.report.options import ReportOptions

COLUMNS = (
    *("status", "check", "severity", "host", "member", "address", "port", "ports", "vantage", "expected", "actual"),
    *("message", "help", "rule", "owner", "controls", "exception", "expires", "policy", "policy_line"),
    *("source", "source_line", "service", "process", "seen", "evidence", "baseline", "grown", "first_seen"),
    "fingerprint",
)


def render(audit: Audit, options: ReportOptions) -> bytes:  # noqa: ARG001 - every format has this signature
    """Write CSV: findings in the order of the audit, then what is unverified, then what was not assessed.

    ``status`` is ``violation``, ``excepted``, ``note``, ``unverified`` or ``not assessed``. No cell is a formula.
    """
    import csv
    import io

    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    for row in _rows(audit):
        writer.writerow({column: _cell(value) for column, value in row.items()})
    return table.getvalue().encode()


def _rows(audit: Audit) -> Iterator[Mapping[str, str | int | None]]:
    yield from map(_finding, audit.findings)
    yield from map(_unverified, audit.unverified)
    yield from map(_not_assessed, audit.not_assessed)


def _cell(value: str | int | None) -> str:
    return "" if value is None else workflow_safe(csv_cell(one_line(str(value))))


def _finding(finding: Finding) -> Mapping[str, str | int | None]:
    lifted, opener = finding.exception, finding.source_location
    return {
        "status": finding.status.value,
        "check": finding.check,
        "severity": str(finding.severity),
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
        "rule": finding.rule,
        "owner": finding.owner,
        "controls": ", ".join(finding.controls),
        "exception": lifted.id if lifted else None,
        "expires": lifted.expires.isoformat() if lifted else None,
        "policy": finding.policy_location.file,
        "policy_line": finding.policy_location.line or None,
        "source": opener.file if opener else None,
        "source_line": (opener.line or None) if opener else None,
        "service": finding.service,
        "process": finding.process,
        "seen": wording.sights(finding),
        "evidence": ", ".join(finding.evidence),
        "baseline": finding.novelty.value if finding.novelty else None,
        "grown": finding.grown,
        "first_seen": wording.moment(finding.first_seen) if finding.first_seen else None,
        "fingerprint": finding.fingerprint,
    }


def _unverified(gap: Unverified) -> Mapping[str, str | int | None]:
    return {
        "status": "unverified",
        "check": "unverified",
        "host": gap.host,
        "member": gap.member,
        "address": gap.address,
        "ports": str(gap.ports),
        "vantage": gap.vantage,
        "message": gap.reason,
        "policy": gap.policy_location.file,
        "policy_line": gap.policy_location.line or None,
    }


def _not_assessed(item: NotAssessed) -> Mapping[str, str | int | None]:
    return {"status": "not assessed", "message": item.reason, "expected": item.what}
