"""Reading an audit file back, so that a saved audit renders in every format as it did when it was made.

The file may come from anywhere: each value is checked, and a wrong one is named by its place
(``findings[3].severity``). Fields that this version does not know are passed over: a later one may have added them.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from auditor.errors import EvidenceError, ExitCode
from auditor.files.json_keys import once_each
from auditor.model.evidence import Completion, Kind, Origin
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
from auditor.model.policy import Approval, PolicyFile, Severity
from auditor.model.ports import Port, PortSet
from auditor.report.escape import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = 1

_T = TypeVar("_T")


class _Record:
    """One JSON object and where it stands in the file; each method reads one of its fields, checked."""

    __slots__ = ("fields", "place")

    def __init__(self, value: Any, place: str) -> None:
        if not isinstance(value, dict):
            raise _wrong(place, "an object", value)
        self.fields: dict[str, Any] = value
        self.place = place

    def at(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    def get(self, key: str, kind: type[_T], noun: str) -> _T:
        value = self.fields.get(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise _wrong(self.at(key), noun, value)
        return value

    def text(self, key: str) -> str:
        return self.get(key, str, "a text")

    def maybe_text(self, key: str) -> str | None:
        return None if self.fields.get(key) is None else self.text(key)

    def flag(self, key: str) -> bool:
        return self.get(key, bool, "true or false")

    def number(self, key: str) -> int:
        value = 0 if key not in self.fields else self.get(key, int, "a whole number")
        if not 0 <= value <= 1 << 160:
            raise _wrong(self.at(key), "a number that is not negative", value)
        return value

    def parsed(self, key: str, parse: Callable[[str], _T], noun: str) -> _T:
        text = self.text(key)
        try:
            return parse(text)
        except (ValueError, KeyError, OverflowError):
            raise _wrong(self.at(key), noun, text) from None

    def maybe_parsed(self, key: str, parse: Callable[[str], _T], noun: str) -> _T | None:
        return None if self.fields.get(key) is None else self.parsed(key, parse, noun)

    def ports(self, key: str) -> PortSet:
        return self.maybe_parsed(key, PortSet.parse, "ports such as 80/tcp,8000-8010/tcp") or PortSet()

    def moment(self, key: str) -> datetime:
        return self.parsed(key, _moment, "a time such as 2026-11-22T21:04:05Z")

    def maybe_moment(self, key: str) -> datetime | None:
        return None if self.fields.get(key) is None else self.moment(key)

    def day(self, key: str) -> date:
        return self.parsed(key, date.fromisoformat, "a date such as 2026-12-31")

    def maybe_day(self, key: str) -> date | None:
        return None if self.fields.get(key) is None else self.day(key)

    def record(self, key: str) -> _Record:
        return _Record(self.fields.get(key), self.at(key))

    def records(self, key: str, read: Callable[[_Record], _T]) -> tuple[_T, ...]:
        items = self.get(key, list, "a list") if key in self.fields else []
        return tuple(read(_Record(item, f"{self.at(key)}[{at}]")) for at, item in enumerate(items))

    def maybe_texts(self, key: str) -> tuple[str | None, ...]:
        items = self.get(key, list, "a list") if key in self.fields else []
        if not all(item is None or isinstance(item, str) for item in items):
            raise _wrong(self.at(key), "a list of texts and nulls", items)
        return tuple(items)

    def texts(self, key: str) -> tuple[str, ...]:
        items = self.get(key, list, "a list") if key in self.fields else []
        if not all(isinstance(item, str) for item in items):
            raise _wrong(self.at(key), "a list of texts", items)
        return tuple(items)


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
        raise EvidenceError(f"{name}:{error.lineno}:{error.colno}: not an audit file: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise EvidenceError(f"{name}: not an audit file: {error}") from None
    try:
        return _audit(_Record(value, ""))
    except EvidenceError as error:
        raise EvidenceError(f"{name}: {error}") from None


def _audit(record: _Record) -> Audit:
    if record.fields.get("auditor") != "audit":
        raise EvidenceError('not an audit file: it does not begin with "auditor": "audit" (make one with -o json=FILE)')
    if record.fields.get("version") != VERSION:
        raise _wrong("version", f"{VERSION}, the one version that this auditor reads", record.fields.get("version"))
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
        matrices=record.records("matrices", _matrix),
        baseline=_maybe(record, "baseline", _baseline),
        looks=record.records(
            "looks", lambda look: Look(finished=look.moment("finished"), changes=look.texts("changes"))
        ),
    )


def _exit_code(record: _Record) -> ExitCode:
    number = record.get("exit_code", int, "an exit code")
    try:
        return ExitCode(number)
    except ValueError:
        raise _wrong("exit_code", f"one of {', '.join(str(int(code)) for code in ExitCode)}", number) from None


def _evidence(record: _Record) -> EvidenceUsed:
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


def _finding(record: _Record) -> Finding:
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
        novelty=record.maybe_parsed("novelty", Novelty, _one_of(Novelty)),
        fingerprint=record.text("fingerprint"),
    )


def _sight(record: _Record) -> Sight:
    return Sight(
        kind=record.parsed("kind", Kind, _one_of(Kind)),
        text=record.text("text"),
        source=record.maybe_text("source"),
        location=_maybe(record, "location", _location),
    )


def _baseline(record: _Record) -> Baseline:
    return Baseline(
        source=record.text("source"),
        sha256=record.maybe_text("sha256"),
        finished=record.maybe_moment("finished"),
        fixed=record.records("fixed", _finding),
        unseen=record.records("unseen", _finding),
    )


def _matrix(record: _Record) -> Matrix:
    return Matrix(
        host=record.text("host"),
        member=record.maybe_text("member"),
        vantages=record.maybe_texts("vantages"),
        rows=record.records("rows", _matrix_row),
    )


def _matrix_row(record: _Record) -> MatrixRow:
    return MatrixRow(
        port=record.parsed("port", Port.parse, "a port such as 443/tcp"),
        policy=record.text("policy"),
        declared=record.maybe_text("declared"),
        listening=record.maybe_text("listening"),
        reachable=record.maybe_texts("reachable"),
        locations=record.records("locations", _location),
    )


def _lifted(record: _Record) -> LiftedBy:
    return LiftedBy(
        id=record.text("id"),
        reason=record.text("reason"),
        owner=record.text("owner"),
        approved=_maybe(record, "approved", _approval),
        expires=record.day("expires"),
        location=_location(record.record("location")),
    )


def _approval(record: _Record) -> Approval:
    return Approval(by=record.text("by"), on=record.maybe_day("on"), ticket=record.maybe_text("ticket"))


def _unverified(record: _Record) -> Unverified:
    return Unverified(
        host=record.text("host"),
        member=record.maybe_text("member"),
        address=record.maybe_text("address"),
        vantage=record.maybe_text("vantage"),
        ports=record.ports("ports"),
        reason=record.text("reason"),
        policy_location=_location(record.record("policy_location")),
    )


def _host(record: _Record) -> HostResult:
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


def _kinds(record: _Record) -> tuple[Kind, ...]:
    texts = record.texts("kinds")
    try:
        return tuple(map(Kind, texts))
    except ValueError:
        raise _wrong(record.at("kinds"), _one_of(Kind), ", ".join(texts)) from None


def _requirement(record: _Record) -> Requirement:
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


def _location(record: _Record) -> Location:
    return Location(
        file=record.text("file"),
        line=record.number("line"),
        column=record.number("column"),
        end_column=record.number("end_column"),
        snippet=record.maybe_text("snippet"),
    )


def _maybe(record: _Record, key: str, read: Callable[[_Record], _T]) -> _T | None:
    return None if record.fields.get(key) is None else read(record.record(key))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _one_of(words: type[Verdict | Status | Kind | Novelty]) -> str:
    return "one of " + ", ".join(word.value for word in words)


def _wrong(place: str, expected: str, found: Any) -> EvidenceError:
    return EvidenceError(f"{place or 'the whole'}: expected {expected}, found {_shown(found)}")


def _shown(found: Any) -> str:
    match found:
        case None:
            return "nothing"
        case str() if len(found) > 60:
            return one_line(repr(found[:60])) + "..."
        case list() | dict():
            return "a list" if isinstance(found, list) else "an object"
        case _:
            return one_line(repr(found))
