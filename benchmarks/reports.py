"""Writes an audit of 25,000 findings in every format of the registry: seconds and peak memory of the whole process.

Each is ``auditor report AUDIT -o FORMAT=FILE`` of its own, so that what is measured is what a user waits for: start,
reading the audit, rendering, writing. No packet is sent.

Usage: python benchmarks/reports.py [FINDINGS]      (default: 25000)
"""

import hashlib
import os
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from multiprocessing import Process
from pathlib import Path

from auditor.errors import ExitCode
from auditor.model.evidence import Completion, Kind, Origin
from auditor.model.findings import Audit, EvidenceUsed, Finding, HostResult, Status, Unverified, Verdict
from auditor.model.location import Location
from auditor.model.policy import PolicyFile, Severity
from auditor.model.ports import ALL_TCP, PortSet
from auditor.report.json_format import render
from auditor.report.options import DEFAULTS
from auditor.report.registry import FORMATS

MOST_SECONDS, MOST_MEGABYTES = 10, 500
A_HOST = 10
WHEN = datetime(2026, 11, 22, 21, 4, 5, tzinfo=UTC)
CHECKS = (
    ("unexpected-open", Severity.HIGH, "closed or filtered, as nothing allows it"),
    ("forbidden-open", Severity.CRITICAL, "never open: rule never-public denies it"),
    ("required-not-open", Severity.MEDIUM, "open, as rule shopfront requires it"),
    ("not-filtered", Severity.LOW, "filtered, as rule dark wants it"),
)


def finding(host: int, place: int) -> Finding:
    """One violation, unlike all others: no two hosts show the same ports, so that little can be folded."""
    check, severity, expected = CHECKS[(host + place) % len(CHECKS)]
    name, address = f"web-{host}", f"10.{host >> 8 & 255}.{host & 255}.10"
    port = next(iter(PortSet.parse(f"{1024 + (host * 17 + place * 613) % 60000}/tcp")))
    return Finding(
        check=check,
        severity=severity,
        status=Status.VIOLATION,
        host=name,
        address=address,
        port=port,
        vantage="internet",
        expected=expected,
        actual="open, and it speaks http",
        message=f"{port} is open on {name}",
        help=f"Stop what listens there, or allow it in a rule: allow: [{port}]",
        policy_location=Location(
            file="exposure.yaml", line=host + 10, column=3, end_column=3 + len(name), snippet=f"  {name}: {address}"
        ),
        service="http",
        process=f"worker-{place}",
        controls=("pci-dss:1.2.5", "nist-800-53:CM-7"),
        rule="shopfront",
        owner="web-team",
        evidence=("live",),
        fingerprint=hashlib.sha256(f"{check} {host} {place}".encode()).hexdigest(),
    )


def audit(count: int) -> Audit:
    """Ten findings a host, and a tenth as many gaps in the evidence."""
    hosts = range(-(-count // A_HOST))
    places = [(host, place) for host in hosts for place in range(A_HOST)][:count]
    here = Location(file="exposure.yaml", line=1)
    return Audit(
        policy="shop",
        files=(PolicyFile(path="exposure.yaml", sha256="ab" * 32),),
        tool_name="exposure-auditor",
        tool_version="0.1.0",
        started=WHEN,
        finished=WHEN + timedelta(minutes=5),
        verdict=Verdict.VIOLATIONS,
        exit_code=ExitCode.VIOLATIONS,
        fail_on=Severity.LOW,
        unverified_fails=True,
        evidence=(
            EvidenceUsed(
                origin=Origin(kind=Kind.PROBE, source="live", vantage="internet", started=WHEN, asked=ALL_TCP),
                completion=Completion(complete=True, finished=WHEN + timedelta(minutes=4)),
            ),
        ),
        findings=tuple(finding(host, place) for host, place in places),
        unverified=tuple(
            Unverified(host=f"web-{host}", ports=PortSet.parse("8000-8010"), reason="no answer", policy_location=here)
            for host in hosts
        ),
        hosts=tuple(
            HostResult(
                host=f"web-{host}",
                address=f"10.{host >> 8 & 255}.{host & 255}.10",
                vantage="internet",
                verdict=Verdict.VIOLATIONS,
                asked=ALL_TCP,
                open=PortSet.parse(f"80,443,{1024 + host * 17 % 60000}"),
                location=here,
            )
            for host in hosts
        ),
        not_assessed=(),
    )


def write_audit(path: Path, count: int) -> None:
    """Write the audit file that all the reports are made of."""
    path.write_bytes(render(audit(count), DEFAULTS))


def measured(command: list[str]) -> tuple[float, float, float]:
    """Run a program to its end, and tell its seconds, the processor's, and how many megabytes (MiB) it held at most.

    :raises RuntimeError: it did not end as a report of violations does.
    """
    started = time.perf_counter()
    _, status, usage = os.wait4(os.posix_spawn(command[0], command, os.environ), 0)
    if os.waitstatus_to_exitcode(status) not in (ExitCode.CONFORMS, ExitCode.VIOLATIONS):
        raise RuntimeError(f"{' '.join(command)}: exit code {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Print a line a format, and end with 1 where one misses the goal."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 25_000
    missed = False
    program = str(Path(sys.executable).with_name("auditor"))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "audit.json"
        # The kernel counts the memory of a parent to its child until the child runs its own program: keep ours small.
        writer = Process(target=write_audit, args=(source, count))
        writer.start()
        writer.join()
        print(f"{count:,} findings; the goal: {MOST_SECONDS} s and {MOST_MEGABYTES} MB a format")
        for name, known in FORMATS.items():
            target = Path(folder) / f"report{known.suffix}"
            seconds, busy, megabytes = measured([program, "report", str(source), "-o", f"{name}={target}"])
            # It waits for nothing: on a machine with other work the processor's seconds are those that count.
            misses = busy >= MOST_SECONDS or megabytes >= MOST_MEGABYTES
            missed |= misses
            size = target.stat().st_size / 1e6
            figures = f"{seconds:6.2f} s  {busy:6.2f} s busy  {megabytes:6.0f} MB  {size:7.1f} MB written"
            print(f"{name:<10} {figures}{'  MISSED' * misses}")
    sys.exit(missed)


if __name__ == "__main__":
    main()
