"""Reading an audit file back, so that a saved audit renders in every format as it did when it was made.

The file may come from anywhere: each value is checked, and a wrong one is named by its place
(``findings[3].severity``). Fields that this version does not know are passed over: a later one may have added them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from auditor.errors import EvidenceError, ExitCode
from auditor.files.json_keys import once_each
from auditor.model.evidence import Completion, Kind, Origin, Way
from auditor.model.findings import (
    Audit,
    Baseline,
    EvidenceUsed,
    Finding,
    HostResult,
    LiftedBy,
    Look,
    Matrix,
    MatrixRow,
    NotAssessed,
    Novelty,
    Requirement,
    Sight,
    Status,
    Unverified,
    Verdict,
)
from auditor.model.location import Location
from auditor.model.network import EVERYWHERE, NetworkSet
from auditor.model.policy import Approval, Control, PolicyFile, Severity
from auditor.model.ports import Port, PortSet
from auditor.model.reach import Reach
from auditor.report.json_record import Record, wrong

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = 1

_T = TypeVar("_T")


def load(data: bytes, name: str = "audit") -> Audit:
    """Read an audit file. ``name`` is what messages call it.

    :raises EvidenceError: not an audit file, of another version, or with a value that does not fit.
    """
    import json

    try:
        value = json.loads(data.decode(), object_pairs_hook=once_each)
    except UnicodeDecodeError as error:
        raise EvidenceError(f"{name}: not an audit file: not UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        where = f"{name}:{error.lineno}:{error.colno}"
        raise EvidenceError(f"{where}: not an audit file, as -o json=FILE makes: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise EvidenceError(f"{name}: not an audit file: {error}") from None
    try:
        return _audit(Record(value, ""))
    except EvidenceError as error:
        raise EvidenceError(f"{name}: {error}") from None


def _audit(record: Record) -> Audit:
    if record.fields.get("auditor") != "audit":
        raise EvidenceError('not an audit file: it does not begin with "auditor": "audit" (make one with -o json=FILE)')
    if record.fields.get("version") != VERSION:
        raise wrong("version", f"{VERSION}, the one version that this auditor reads", record.fields.get("version"))
    policy, tool = record.record("policy"), record.record("tool")
    return Audit(
        policy=policy.text("name"),
        files=policy.records("files", lambda file: PolicyFile(path=file.text("path"), sha256=file.text("sha256"))),
        tool_name=tool.text("name"),
        tool_version=tool.text("version"),
        started=record.moment("started"),
        finished=record.moment("finished"),
        verdict=record.parsed("verdict", Verdict, _one_of(Verdict)),
        exit_code=_exit_code(record),
        fail_on=record.maybe_parsed("fail_on", Severity.parse, "a severity, or null"),
        unverified_fails=record.flag("unverified_fails"),
        evidence=record.records("evidence", _evidence),
        findings=record.records("findings", _finding),
        unverified=record.records("unverified", _unverified),
        not_assessed=record.records(
            "not_assessed", lambda item: NotAssessed(what=item.text("what"), reason=item.text("reason"))
        ),
        hosts=record.records("hosts", _host),
        controls=policy.records(
            "controls",
            lambda one: Control(id=one.text("id"), title=one.maybe_text("title"), checks=one.texts("checks")),
        ),
        matrices=record.records("matrices", _matrix),
        baseline=_maybe(record, "baseline", _baseline),
        looks=record.records(
            "looks", lambda look: Look(finished=look.moment("finished"), changes=look.texts("changes"))
        ),
    )


def _exit_code(record: Record) -> ExitCode:
    number = record.get("exit_code", int, "an exit code")
    try:
        return ExitCode(number)
    except ValueError:
        raise wrong("exit_code", f"one of {', '.join(str(int(code)) for code in ExitCode)}", number) from None


def _evidence(record: Record) -> EvidenceUsed:
    return EvidenceUsed(
        origin=Origin(
            kind=record.parsed("kind", Kind, _one_of(Kind)),
            source=record.text("source"),
            tool=record.maybe_text("tool"),
            vantage=record.maybe_text("vantage"),
            host=record.maybe_text("host"),
            sha256=record.maybe_text("sha256"),
            asked=record.maybe_parsed("asked", PortSet.parse, "ports such as 80/tcp"),
            started=record.maybe_moment("started"),
        ),
        completion=Completion(
            complete=record.flag("complete"),
            finished=record.maybe_moment("finished"),
            reason=record.maybe_text("reason"),
        ),
    )


def _finding(record: Record) -> Finding:
    return Finding(
        check=record.text("check"),
        severity=record.parsed("severity", Severity.parse, "a severity"),
        status=record.parsed("status", Status, _one_of(Status)),
        host=record.maybe_text("host"),
        member=record.maybe_text("member"),
        address=record.maybe_text("address"),
        port=record.maybe_parsed("port", Port.parse, "a port such as 443/tcp"),
        ports=record.ports("ports"),
        vantage=record.maybe_text("vantage"),
        expected=record.text("expected"),
        actual=record.text("actual"),
        message=record.text("message"),
        help=record.text("help"),
        policy_location=_location(record.record("policy_location")),
        source_location=_maybe(record, "source_location", _location),
        service=record.maybe_text("service"),
        process=record.maybe_text("process"),
        exception=_maybe(record, "lifted_by", _lifted),
        controls=record.texts("controls"),
        rule=record.maybe_text("rule"),
        owner=record.maybe_text("owner"),
        evidence=record.texts("evidence"),
        sights=record.records("sights", _sight),
        reach=record.records("reach", _reach),
        novelty=record.maybe_parsed("novelty", Novelty, _one_of(Novelty)),
        grown=record.maybe_text("grown"),
        first_seen=record.maybe_moment("first_seen"),
        fingerprint=record.text("fingerprint"),
    )


def _reach(record: Record) -> Reach:
    networks = "networks such as 192.0.2.0/24, or null for all"
    sources = record.maybe_parsed("sources", NetworkSet.parse, networks)
    at = record.maybe_parsed("at", NetworkSet.parse, networks)
    return Reach(
        kind=record.parsed("kind", Kind, _one_of(Kind)),
        way=record.maybe_parsed("way", Way, _one_of(Way)),
        ports=record.ports("ports"),
        sources=EVERYWHERE if sources is None else sources,
        at=EVERYWHERE if at is None else at,
        group=record.maybe_text("group"),
        behind=record.maybe_text("behind"),
    )


def _sight(record: Record) -> Sight:
    return Sight(
        kind=record.parsed("kind", Kind, _one_of(Kind)),
        text=record.text("text"),
        source=record.maybe_text("source"),
        location=_maybe(record, "location", _location),
    )


def _baseline(record: Record) -> Baseline:
    return Baseline(
        source=record.text("source"),
        sha256=record.maybe_text("sha256"),
        finished=record.maybe_moment("finished"),
        fixed=record.records("fixed", _finding),
        unseen=record.records("unseen", _finding),
    )


def _matrix(record: Record) -> Matrix:
    vantages, rows = record.maybe_texts("vantages"), record.records("rows", _matrix_row)
    for row in rows:
        if len(row.reachable) != len(vantages):
            raise wrong(record.at("rows"), f"{len(vantages)} states in 'reachable'", list(row.reachable))
    return Matrix(host=record.text("host"), member=record.maybe_text("member"), vantages=vantages, rows=rows)


def _matrix_row(record: Record) -> MatrixRow:
    return MatrixRow(
        port=record.parsed("port", Port.parse, "a port such as 443/tcp"),
        policy=record.text("policy"),
        declared=record.maybe_text("declared"),
        listening=record.maybe_text("listening"),
        reachable=record.maybe_texts("reachable"),
        locations=record.records("locations", _location),
    )


def _lifted(record: Record) -> LiftedBy:
    return LiftedBy(
        id=record.text("id"),
        reason=record.text("reason"),
        owner=record.text("owner"),
        approved=_maybe(record, "approved", _approval),
        expires=record.day("expires"),
        location=_location(record.record("location")),
    )


def _approval(record: Record) -> Approval:
    return Approval(by=record.text("by"), on=record.maybe_day("on"), ticket=record.maybe_text("ticket"))


def _unverified(record: Record) -> Unverified:
    return Unverified(
        host=record.text("host"),
        member=record.maybe_text("member"),
        address=record.maybe_text("address"),
        vantage=record.maybe_text("vantage"),
        ports=record.ports("ports"),
        reason=record.text("reason"),
        policy_location=_location(record.record("policy_location")),
    )


def _host(record: Record) -> HostResult:
    return HostResult(
        host=record.text("host"),
        member=record.maybe_text("member"),
        address=record.maybe_text("address"),
        vantage=record.maybe_text("vantage"),
        verdict=record.parsed("verdict", Verdict, _one_of(Verdict)),
        asked=record.ports("asked"),
        open=record.ports("open"),
        closed=record.ports("closed"),
        filtered=record.ports("filtered"),
        open_filtered=record.ports("open_filtered"),
        unverified=record.ports("unverified"),
        out_of_scope=record.ports("out_of_scope"),
        kinds=_kinds(record),
        holds=record.records("holds", _requirement),
        vacant=record.number("vacant"),
        members=record.number("members"),
        location=_location(record.record("location")),
    )


def _kinds(record: Record) -> tuple[Kind, ...]:
    texts = record.texts("kinds")
    try:
        return tuple(map(Kind, texts))
    except ValueError:
        raise wrong(record.at("kinds"), _one_of(Kind), ", ".join(texts)) from None


def _requirement(record: Record) -> Requirement:
    return Requirement(
        port=record.parsed("port", Port.parse, "a port such as 443/tcp"),
        required=record.flag("required"),
        state=record.text("state"),
        service=record.maybe_text("service"),
        rule=record.maybe_text("rule"),
        reason=record.maybe_text("reason"),
        owner=record.maybe_text("owner"),
        approved=_maybe(record, "approved", _approval),
        review_by=record.maybe_day("review_by"),
        controls=record.texts("controls"),
    )


def _location(record: Record) -> Location:
    return Location(
        file=record.text("file"),
        line=record.number("line"),
        column=record.number("column"),
        end_column=record.number("end_column"),
        snippet=record.maybe_text("snippet"),
    )


def _maybe(record: Record, key: str, read: Callable[[Record], _T]) -> _T | None:
    return None if record.fields.get(key) is None else read(record.record(key))


def _one_of(words: type[Verdict | Status | Kind | Novelty | Way]) -> str:
    return "one of " + ", ".join(word.value for word in words)
