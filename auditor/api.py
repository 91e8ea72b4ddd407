"""The auditor for Python programs: the stages of the command line as functions that return values and print nothing.

What users may rely on is what the package itself exports: ``import auditor``.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from auditor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import UnionType
    from typing import TypeAlias

    from auditor.model.evidence import Evidence
    from auditor.model.findings import Audit
    from auditor.model.policy import Policy, Severity
    from auditor.model.target import Observer
    from auditor.report.registry import Format, ReportOptions

    PolicySource: TypeAlias = str | os.PathLike[str] | Policy
    EvidenceSource: TypeAlias = str | os.PathLike[str] | Evidence
    SeverityName: TypeAlias = Literal["info", "low", "medium", "high", "critical"]

_METHODS = ("connect", "syn")
_HOUR = 3600


class _Silent:
    """Nobody watches."""

    def progress(self, done: int, total: int, opened: int) -> None:
        """Pass it over."""

    def say(self, message: str) -> None:
        """Pass it over."""


def load_policy(path: str | os.PathLike[str], *, now: datetime | None = None) -> Policy:
    """Read a policy and all that it extends.

    ``now``, with its offset from UTC, decides which exceptions have expired; left out, it is the present.

    :raises PolicyError: it is invalid; ``problems`` has every one found, with its place.
    """
    from auditor.policy.load import load_policy as load

    if not isinstance(path, str | os.PathLike):
        raise UsageError(f"path: expected that of a policy, not {type(path).__name__}")
    return load(os.fspath(path), today=_clock(now)().date())


def scan(
    policy: PolicySource,
    *,
    vantage: str | None = None,
    only: str | Sequence[str] = (),
    save: str | os.PathLike[str] | None = None,
    method: Literal["connect", "syn"] | None = None,
    rate: int | None = None,
    timeout: float | None = None,
    max_targets: int | None = None,
    observer: Observer | None = None,
) -> Evidence:
    """Scan the policy's hosts from this machine. **Packets are sent while the result is iterated**, which is once.

    ``vantage`` names the place that this machine stands for. ``only`` selects hosts as ``--only`` does, by one
    selector or several. ``save`` names a snapshot that is written meanwhile. ``rate`` in packets a second over all
    hosts, 0 for no cap; ``timeout`` in seconds; None: as the policy has it. ``completion`` of the result says, after
    the last host, whether it is whole.

    :raises UsageError: the vantage is missing or unknown, a selector matches nothing, there are too many addresses, or
        a limit is none.
    """
    from auditor import pipeline

    _refuse_no_limits(method, rate, timeout, max_targets)
    return pipeline.scan(
        pipeline.load(_source(policy), today=_clock(None)().date()),
        vantage=vantage,
        only=_selectors(only),
        limits=pipeline.ScanLimits(method=method, rate=rate, timeout=timeout, max_targets=max_targets),
        save=None if save is None else os.fspath(save),
        observer=observer or _Silent(),
    )


def audit(
    policy: PolicySource,
    evidence: EvidenceSource | Iterable[EvidenceSource] | None = None,
    *,
    vantage: str | None = None,
    host: str | None = None,
    only: str | Sequence[str] = (),
    sockets: bool = False,
    fail_on: Severity | SeverityName | None = None,
    baseline: str | os.PathLike[str] | None = None,
    save: str | os.PathLike[str] | None = None,
    now: datetime | None = None,
    observer: Observer | None = None,
) -> Audit:
    """Hold what is exposed against a policy.

    ``evidence`` are files of any kind that the auditor reads, and what :func:`scan` returns: several, or a single one.
    With None the policy's hosts are scanned, or with ``sockets`` this machine's socket tables are read; ``save`` then
    names a snapshot. ``vantage``, ``host`` and ``only`` mean what ``--from``, ``--host`` and ``--only`` do.
    ``fail_on``, a severity or its name, stands in for the policy's own. ``baseline`` names an earlier audit: only
    what is new against it fails.

    **Look at** ``verdict``, **not at** ``findings`` **alone**: an audit without findings may be unverified.

    :raises AuditorError: the audit could not be carried out. Its kind says why, and ``exit_code`` what a command would
        end in. Violations are no errors.
    """
    from auditor import pipeline
    from auditor.files.paths import repository_root

    given = _pieces(evidence)
    if evidence is not None and not given:
        raise UsageError("evidence: an empty sequence shows nothing; leave it out to have the hosts scanned")
    if given and (sockets or save):
        raise UsageError("sockets and save do not go with evidence: nothing is collected")
    request = pipeline.Request(
        policy=_source(policy),
        clock=_clock(now),
        root=repository_root(Path.cwd()),
        evidence=[os.fspath(one) for one in given if isinstance(one, str | os.PathLike)],
        collected=[one for one in given if not isinstance(one, str | os.PathLike)],
        sockets=sockets,
        vantage=vantage,
        host=host,
        only=_selectors(only),
        baseline=None if baseline is None else os.fspath(baseline),
        settings={} if fail_on is None else {"fail_on": _severity(fail_on)},
        save=None if save is None else os.fspath(save),
    )
    return pipeline.check(request, observer or _Silent())


def read_audit(path: str | os.PathLike[str]) -> Audit:
    """Read an audit that was written as ``json``.

    :raises EvidenceError: it cannot be read, or is none.
    """
    from auditor.report.audit_file import read_audit as read

    return read(os.fspath(path)).audit


def render_report(audit: Audit, format: str, *, options: ReportOptions | None = None) -> bytes:  # noqa: A002 - its name
    """Return an audit as ``text``, ``json``, ``junit``, ``sarif`` or any other format; the same bytes each time.

    :raises UsageError: an unknown format; the message lists those there are.
    :raises ReportError: the audit cannot be said in that format.
    """
    from auditor.report.registry import ReportOptions

    return _format(format).render(audit, options or ReportOptions())


def write_report(
    audit: Audit,
    format: str,  # noqa: A002 - its name
    path: str | os.PathLike[str],
    *,
    options: ReportOptions | None = None,
) -> None:
    """Write an audit to a file, which is there whole or not at all.

    :raises UsageError: an unknown format.
    :raises ReportError: the file cannot be written.
    """
    from auditor.files.atomic import write_atomic

    write_atomic(os.fspath(path), render_report(audit, format, options=options))


def _format(name: str) -> Format:
    from auditor.report.registry import FORMATS, parse_output

    if not isinstance(name, str):
        raise UsageError(f"format: expected a name, not {type(name).__name__}")
    return FORMATS[name] if name in FORMATS else parse_output(name.partition("=")[0] or "''").format


def _source(policy: PolicySource) -> str | Policy:
    if isinstance(policy, str | os.PathLike):
        return os.fspath(policy)
    if not hasattr(policy, "rules"):
        raise UsageError(f"policy: expected a path or what load_policy() gives, not {type(policy).__name__}")
    return policy


def _selectors(only: str | Sequence[str]) -> tuple[str, ...]:
    return (only,) if isinstance(only, str) else tuple(only)


def _refuse_no_limits(method: object, rate: object, timeout: object, max_targets: object) -> None:
    """Refuse what would scan without end, or in another way than was meant: scripts are not always typed."""
    wrong = {
        "method: expected 'connect' or 'syn'": (method, method in _METHODS),
        "rate: expected packets a second, and 0 for no cap": (rate, _is_number(rate, int) and cast("int", rate) >= 0),
        "timeout: expected seconds, more than 0 and less than 3600": (
            timeout,
            _is_number(timeout, int | float) and 0 < cast("float", timeout) < _HOUR,
        ),
        "max_targets: expected a number of addresses, 1 at least": (
            max_targets,
            _is_number(max_targets, int) and cast("int", max_targets) >= 1,
        ),
    }
    for what, (value, fits) in wrong.items():
        if value is not None and not fits:
            raise UsageError(f"{what}, not {value!r}")


def _is_number(value: object, kind: type | UnionType) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _pieces(evidence: EvidenceSource | Iterable[EvidenceSource] | None) -> list[EvidenceSource]:
    """Make a list of what may be a single piece: a text is a path, and no sequence of letters.

    :raises UsageError: something that is neither a path nor evidence.
    """
    if evidence is None:
        return []
    several = not _is_piece(evidence) and hasattr(evidence, "__iter__")
    pieces: list[Any] = list(cast("Any", evidence)) if several else [evidence]
    wrong = next((type(one).__name__ for one in pieces if not _is_piece(one)), None)
    if wrong:
        raise UsageError(f"evidence: expected paths and what scan() gives, not {wrong}")
    return pieces


def _is_piece(value: object) -> bool:
    return isinstance(value, str | os.PathLike) or (hasattr(value, "origin") and hasattr(value, "completion"))


def _severity(given: Severity | SeverityName) -> Severity:
    from auditor.model.policy import Severity

    if isinstance(given, Severity):
        return given
    try:
        return Severity.parse(given)
    except (KeyError, AttributeError):
        words = ", ".join(str(severity) for severity in Severity)
        raise UsageError(f"fail_on: {given!r} is no severity; expected {words}") from None


def _clock(now: datetime | None) -> Callable[[], datetime]:
    if now is None:
        return lambda: datetime.now(UTC)
    if not isinstance(now, datetime) or now.tzinfo is None:
        raise UsageError("now: a time without its offset from UTC; expected such as datetime.now(UTC)")
    fixed = now.astimezone(UTC)
    return lambda: fixed
