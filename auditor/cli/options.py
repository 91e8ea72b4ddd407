"""Options that several commands share, each with one wording, and how their values are read."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import complete
from auditor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.model.policy import Severity
    from auditor.model.ports import PortSet
    from auditor.pipeline import ScanLimits


class ScanMethod(StrEnum):
    """How a scan asks TCP ports."""

    CONNECT = "connect"
    SYN = "syn"


class Shape(StrEnum):
    """How a command that writes no report prints its answer."""

    TEXT = "text"
    JSON = "json"


DEFAULT_POLICY = "exposure.yaml"

PolicyFile = Annotated[str, typer.Argument(metavar="POLICY", envvar="AUDITOR_POLICY", help="The policy.")]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="VANTAGE",
        envvar="AUDITOR_FROM",
        autocompletion=complete.vantages,
        help="The place that is looked from: a vantage of the policy.",
    ),
]
HostName = Annotated[
    str | None,
    typer.Option(
        "--host",
        metavar="NAME",
        envvar="AUDITOR_HOST",
        autocompletion=complete.hosts,
        help="The host that evidence without a host of its own speaks of.",
    ),
]
Asked = Annotated[
    str | None,
    typer.Option(
        "--asked",
        metavar="PORTS",
        help="What evidence that does not say so asked of every address in it, such as masscan's: 1-65535/tcp.",
    ),
]
Taken = Annotated[
    str | None,
    typer.Option("--taken", metavar="TIME", help="When evidence that does not say so was taken, as an RFC 3339 time."),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="SELECTOR",
        autocompletion=complete.selectors,
        help="Only these hosts: name, glob, tag:NAME, CIDR; repeatable.",
    ),
]
Matrix = Annotated[
    list[str] | None,
    typer.Option(
        "--matrix",
        metavar="SELECTOR",
        autocompletion=complete.selectors,
        help="Lay out these hosts' ports: declared, listening, reachable; repeatable.",
    ),
]
Save = Annotated[
    str | None, typer.Option("--save", metavar="SNAPSHOT", help="Write what was seen to this snapshot file.")
]
Method = Annotated[
    ScanMethod | None,
    typer.Option(
        "--method",
        envvar="AUDITOR_METHOD",
        help="How TCP ports are asked: connections (the default), or SYN packets alone (needs CAP_NET_RAW).",
    ),
]
Rate = Annotated[
    str | None,
    typer.Option(
        "--rate",
        metavar="N",
        envvar="AUDITOR_RATE",
        help="Packets a second over all hosts, or 'unlimited'. Default: the policy's.",
    ),
]
HostRate = Annotated[
    str | None,
    typer.Option(
        "--host-rate",
        metavar="N",
        envvar="AUDITOR_HOST_RATE",
        help="Packets a second to each address, or 'unlimited'. Default: the policy's.",
    ),
]
Timeout = Annotated[
    str | None,
    typer.Option(
        "--timeout",
        metavar="TIME",
        envvar="AUDITOR_TIMEOUT",
        help="The longest wait for one answer: 2s, 500ms. Default: the policy's.",
    ),
]
MaxInflight = Annotated[
    int | None,
    typer.Option(
        "--max-inflight",
        metavar="N",
        min=1,
        envvar="AUDITOR_MAX_INFLIGHT",
        help="At most so many probes under way at once.",
    ),
]
MaxTargets = Annotated[
    int | None,
    typer.Option(
        "--max-targets",
        metavar="N",
        min=1,
        envvar="AUDITOR_MAX_TARGETS",
        help="Probe up to so many addresses. Default: 4096.",
    ),
]
SCAN_OPTIONS = ("method", "rate", "host_rate", "timeout", "max_inflight", "max_targets")
"""The parameters that shape a scan, and mean nothing where nothing is scanned."""

Reports = Annotated[
    list[str] | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FORMAT[=FILE]",
        autocompletion=complete.formats,
        help="A report; repeatable. Default: text.",
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Text: every finding and every host by itself.")]
GitHub = Annotated[
    bool | None,
    typer.Option(
        "--github/--no-github",
        help="Annotations on stderr and the step's summary. Default: in GitHub Actions alone.",
    ),
]
BaselineFile = Annotated[
    str | None,
    typer.Option("--baseline", metavar="AUDIT.json", help="An earlier audit: only what is new against it fails."),
]
RetryFor = Annotated[
    str | None,
    typer.Option(
        "--retry-for",
        metavar="TIME",
        help="Look again for so long (60s) until required ports answer and nothing moves.",
    ),
]
SarifAnchor = Annotated[
    str | None,
    typer.Option(
        "--sarif-anchor",
        metavar="FILE",
        envvar="AUDITOR_SARIF_ANCHOR",
        help="SARIF: point here where the policy is outside the repository.",
    ),
]
SarifCategory = Annotated[
    str | None,
    typer.Option("--sarif-category", metavar="NAME", envvar="AUDITOR_SARIF_CATEGORY", help="SARIF: the category."),
]
SarifIncludeExcepted = Annotated[
    bool, typer.Option("--sarif-include-excepted", help="SARIF: write excepted findings too, as suppressed.")
]
Form = Annotated[Shape, typer.Option("-o", "--output", help="The form.")]
SnapshotForm = Annotated[Shape, typer.Option("-o", "--output", help="text, or json: the lines of a snapshot.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no diagnostics but errors.")]
Now = Annotated[
    str | None,
    typer.Option("--now", metavar="TIME", help="Judge as of this RFC 3339 time; for repeatable reports."),
]


def usual_policy() -> str:
    """The policy of commands that are given none, and take several: that of the environment, or the default."""
    return os.environ.get("AUDITOR_POLICY") or DEFAULT_POLICY


def moment(text: str | None, option: str = "--now") -> datetime:
    """Read an RFC 3339 time, or take the present one.

    :raises UsageError: not a time, or one without its offset from UTC.
    """
    if text is None:
        return datetime.now(UTC)
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        read = None
    if read is None or read.tzinfo is None:
        raise UsageError(f"{option}: not an RFC 3339 time: {text!r}; expected such as 2026-01-31T12:00:00Z")
    return read.astimezone(UTC)


def clock(text: str | None) -> Callable[[], datetime]:
    """Return what tells the time: the machine's clock, or one that stands still where ``--now`` puts it."""
    if text is None:
        return lambda: datetime.now(UTC)
    fixed = moment(text)
    return lambda: fixed


def limits(
    *,
    method: ScanMethod | None,
    rate: str | None,
    host_rate: str | None,
    timeout: str | None,
    max_inflight: int | None,
    max_targets: int | None,
) -> ScanLimits:
    """Read the options that shape and limit a scan.

    :raises UsageError: one of them is not of its form.
    """
    from auditor.pipeline import ScanLimits

    return ScanLimits(
        method=method and method.value,
        rate=_rate(rate, "--rate"),
        host_rate=_rate(host_rate, "--host-rate"),
        timeout=seconds(timeout, "--timeout"),
        max_inflight=max_inflight,
        max_targets=max_targets,
    )


def settings(*, fail_on: str | None) -> dict[str, Severity | None]:
    """Read the options that override the policy's ``settings:``, by their names there. ``never`` reads as None.

    :raises UsageError: neither a severity nor ``never``.
    """
    from auditor.model.policy import Severity

    if fail_on is None:
        return {}
    if fail_on == "never":
        return {"fail_on": None}
    try:
        return {"fail_on": Severity.parse(fail_on)}
    except KeyError:
        words = ", ".join(str(severity) for severity in Severity)
        raise UsageError(f"--fail-on: unknown severity {fail_on!r}; expected {words} or never") from None


def asked(text: str | None) -> PortSet | None:
    """Read ``--asked``.

    :raises UsageError: not a list of port items.
    """
    from auditor.policy.arguments import read_ports

    if text is None:
        return None
    try:
        return read_ports(text)
    except UsageError as error:
        raise UsageError(f"--asked: {error}") from None


def taken(text: str | None) -> datetime | None:
    """Read ``--taken``.

    :raises UsageError: not a time.
    """
    return None if text is None else moment(text, "--taken")


def _rate(text: str | None, option: str) -> int | None:
    if text is None:
        return None
    if text == "unlimited":
        return 0
    if not (text.isascii() and text.isdigit() and int(text)):
        raise UsageError(f"{option}: {text!r}: expected packets a second, such as 5000, or 'unlimited'")
    return int(text)


def seconds(text: str | None, option: str) -> float | None:
    """Read a time as the policy writes it, ``2s`` or ``500ms``, in seconds.

    :raises UsageError: it is none, or an hour or longer.
    """
    from auditor.policy.words import parse_duration

    if text is None:
        return None
    try:
        value = parse_duration(text).total_seconds()
    except (ValueError, OverflowError):
        value = 0.0
    if not 0 < value < 3600:
        hint = f"; did you mean '{int(text)}s'?" if re.fullmatch("[0-9]{1,4}", text) and 0 < int(text) < 3600 else ""
        raise UsageError(f"{option}: {text!r}: expected a time such as 2s or 500ms, below an hour{hint}")
    return value
