import json
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from auditor.errors import EvidenceError
from auditor.report.json_format import load, render, timestamp
from auditor.report.options import DEFAULTS
from tests.unit.report import audits

SCHEMA = json.loads((Path(__file__).parents[3] / "schemas/audit.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)

thorough = settings(
    max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None
)


def written(audit=None):
    return json.loads(render(audit or audits.fixed_audit(), DEFAULTS))


def test_the_schema_is_a_valid_schema():
    Draft202012Validator.check_schema(SCHEMA)


@thorough
@given(audits.audits())
def test_every_audit_file_fits_its_schema(audit):
    VALIDATOR.validate(written(audit))


def described(schema):
    """The names of the properties that a part of the schema knows, by the name of the part."""
    parts = {name: set(part.get("properties", ())) for name, part in schema["$defs"].items()}
    return {**parts, "audit": set(schema["properties"])}


def test_the_schema_describes_every_field_that_is_written():
    value, parts = written(), described(SCHEMA)
    assert set(value) == parts["audit"]
    for key, part in {
        "findings": "finding",
        "unverified": "unverified",
        "hosts": "host",
        "evidence": "evidence",
    }.items():
        assert all(set(item) == parts[part] for item in value[key]), key
    assert set(value["findings"][0]["policy_location"]) == parts["location"]


def test_the_fields_that_the_contract_fixes_are_there():
    finding = written()["findings"][0]
    fixed = "check severity status host address port vantage expected actual message help policy_location"
    assert set(f"{fixed} source_location exception controls fingerprint".split()) <= set(finding)


def test_an_exception_is_named_by_its_id():
    finding = next(found for found in written()["findings"] if found["status"] == "excepted")
    assert finding["exception"] == "EX-17"
    assert finding["lifted_by"]["expires"] == "2026-12-31"


@thorough
@given(audits.audits())
def test_an_audit_reads_back_as_it_was_but_for_lone_surrogates(audit):
    def spelled(value):
        return repr(value).replace("\\\\u", "\\u")

    assert spelled(load(render(audit, DEFAULTS))) == spelled(audit)


def test_the_fixed_audit_reads_back_as_it_was():
    assert load(render(audits.fixed_audit(), DEFAULTS)) == audits.fixed_audit()


@pytest.mark.parametrize("text", ["\ud800", "a\udce9b", "\\\ud800", '"\ud800"'])
def test_lone_surrogates_are_written_as_visible_text(text):
    data = render(audits.audit_of(policy=text), DEFAULTS)
    assert load(data).policy == text.encode("utf-8", "backslashreplace").decode()


def test_a_finding_stands_on_a_line_of_its_own():
    lines = render(audits.fixed_audit(), DEFAULTS).decode().splitlines()
    assert sum('"fingerprint"' in line for line in lines) == len(audits.fixed_audit().findings)


def test_unknown_fields_of_a_later_version_are_passed_over():
    value = written()
    value["findings"][0]["brand_new"] = {"x": 1}
    value["brand_new"] = []
    assert load(json.dumps(value).encode()) == audits.fixed_audit()


def test_fields_that_were_added_later_may_be_missing():
    value = written()
    for finding in value["findings"]:
        for key in ("member", "ports", "service", "process", "lifted_by", "rule", "owner", "evidence"):
            del finding[key]
    for host in value["hosts"]:
        for key in ("member", "open_filtered", "out_of_scope", "kinds", "holds", "vacant", "members"):
            del host[key]
    assert len(load(json.dumps(value).encode()).findings) == len(audits.fixed_audit().findings)


def broken(*path, to):
    value = written()
    at = value
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = to
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"x\.json:1:1: not an audit file"),
        (b"\xff\xfe", r"not UTF-8 \(byte 0\)"),
        (b"{", r"x\.json:1:2: not an audit file"),
        (b"[" * 100_000, "not an audit file"),
        (b"9" * 10_000, "not an audit file"),
        (b"[]", "the whole: expected an object, found a list"),
        (b"{}", "does not begin with"),
        (b'{"auditor": "snapshot"}', "does not begin with"),
        (broken("version", to=2), "version: expected 1, the one version"),
        (broken("exit_code", to=7), "exit_code: expected one of 0, 1, 2, 3, 4, 130, found 7"),
        (broken("exit_code", to=True), "exit_code: expected an exit code, found True"),
        (broken("findings", 3, "severity", to="dire"), r"findings\[3\]\.severity: expected a severity, found 'dire'"),
        (broken("findings", 0, "severity", to=None), r"findings\[0\]\.severity: expected a text, found nothing"),
        (broken("findings", 0, "port", to="99999/tcp"), "expected a port such as 443/tcp"),
        (broken("findings", 0, "port", to="1/sctp"), "expected a port such as 443/tcp"),
        (broken("findings", 0, "controls", to=[1]), "expected a list of texts, found a list"),
        (broken("findings", to={}), "findings: expected a list, found an object"),
        (broken("findings", 0, "policy_location", "line", to=-1), "not negative"),
        (broken("findings", 0, "policy_location", to=None), "policy_location: expected an object, found nothing"),
        (broken("hosts", 0, "open", to="9-1"), "expected ports such as"),
        (broken("hosts", 0, "kinds", to=["x"]), "expected one of probe, sockets, declared"),
        (broken("matrices", 0, "vantages", to=[]), r"matrices\[0\]\.rows: expected 0 states in 'reachable'"),
        (broken("matrices", 0, "rows", 1, "reachable", to=["open", "open"]), "expected 1 states in 'reachable'"),
        (broken("started", to="yesterday"), "started: expected a time"),
        (broken("verdict", to="\x1b[31m" + "x" * 99), "verdict: expected one of conforms"),
    ],
)
def test_what_is_no_audit_file_is_refused_by_place(data, message):
    with pytest.raises(EvidenceError, match=message) as caught:
        load(data, "x.json")
    assert str(caught.value).startswith("x.json")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@thorough
@given(st.data())
def test_a_spoilt_audit_file_loads_or_is_refused_and_never_crashes(data):
    value = written()
    key = data.draw(st.sampled_from(sorted(value)))
    if isinstance(value[key], list) and value[key] and data.draw(st.booleans()):
        record = value[key][0]
        record[data.draw(st.sampled_from(sorted(record)))] = data.draw(json_values)
    else:
        value[key] = data.draw(json_values)
    with suppress(EvidenceError):
        assert load(json.dumps(value).encode()).files is not None


def test_times_are_written_in_utc():
    eastern = timezone(timedelta(hours=-5))
    assert timestamp(datetime(2026, 1, 1, 20, 0, 0, tzinfo=eastern)) == "2026-01-02T01:00:00Z"
    assert timestamp(datetime(2026, 1, 1)) == "2026-01-01T00:00:00Z"  # noqa: DTZ001 - that is the case
    assert timestamp(None) is None


def test_a_key_that_is_there_twice_is_refused():
    data = render(audits.fixed_audit(), DEFAULTS).replace(b'"verdict":', b'"verdict": "conforms", "verdict":', 1)
    with pytest.raises(EvidenceError, match="the key 'verdict' is here twice in one object"):
        load(data, "audit.json")


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_time_that_is_none_in_utc_is_refused(time):
    value = written()
    value["started"] = time
    with pytest.raises(EvidenceError, match="started: expected a time"):
        load(json.dumps(value).encode(), "audit.json")
