"""The plan of a scan reads back as it was, whatever fields it has; a plan that somebody wrote is not believed."""

import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from auditor.errors import EvidenceError
from auditor.files.resources import shipped
from auditor.model.evidence import Kind, Origin
from auditor.model.ports import PortSet
from auditor.model.target import Batch, ServiceAsked, Surprises, Target
from auditor.snapshot import Snapshot, header_line
from auditor.snapshot.plan import _TYPES, plan_lines

SCHEMA = Draft202012Validator(json.loads((shipped("schemas") / "snapshot.schema.json").read_text("utf-8")))
HEADER = header_line(Origin(kind=Kind.PROBE, source="live")).strip()
WEB = Target(
    host="web",
    address="192.0.2.1",
    ask=PortSet.parse("1-65535,53/udp"),
    first=PortSet.parse("80,443"),
    network=True,
    name="web.example",
    surprises=Surprises(open=PortSet.parse("1-79")),
    services=(ServiceAsked(ports=PortSet.parse("443"), service="https"),),
)

port_sets = st.sampled_from(["", "80", "1-65535", "22,53/udp", "1-1024,5000-6000/udp"]).map(PortSet.parse)
BY_TYPE = {
    "str": st.text(max_size=8),
    "str | None": st.none() | st.text(max_size=8),
    "bool": st.booleans(),
    "int": st.integers(1, 10**6),
    "int | None": st.none() | st.integers(1, 10**6),
    "float": st.floats(0.001, 3600),
    "float | None": st.none() | st.floats(0.001, 3600),
    "PortSet": port_sets,
    "PortSet | None": st.none() | port_sets,
    "tuple[ServiceAsked, ...]": st.lists(
        st.builds(ServiceAsked, ports=port_sets, service=st.text(max_size=5)), max_size=2
    ).map(tuple),
    "Surprises": st.builds(Surprises, open=port_sets, shut=port_sets, closed=port_sets),
}


def any_of(kind, **given_fields):
    mine = {one.name: BY_TYPE[one.type] for one in fields(kind) if one.name not in given_fields}
    return st.builds(kind, **mine, **given_fields)


addresses = st.one_of(st.ip_addresses().map(str), st.just("fe80::1%eth0"))
targets = st.lists(any_of(Target, address=addresses), max_size=4, unique_by=lambda one: one.key).map(tuple)
batches = any_of(Batch, targets=targets)


@pytest.fixture
def read(tmp_path):
    def reading(*lines):
        path = tmp_path / "s.jsonl"
        path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
        return Snapshot(path, source="s.jsonl").plan()

    return reading


@given(batch=batches)
def test_a_plan_reads_back_as_it_was_with_every_field(tmp_path_factory, batch):
    lines = list(plan_lines(batch))
    for line in lines:
        assert line.isascii()
        assert line.startswith(('{"plan":', '{"targets":')), "the writer knows them by their beginning"
        SCHEMA.validate(json.loads(line))
    path = tmp_path_factory.mktemp("plan") / "s"
    path.write_text("".join([HEADER, "\n", *lines]))
    assert Snapshot(path).plan() == batch


def test_every_field_of_targets_and_batches_has_a_type_that_a_plan_can_hold():
    types = {one.type for kind in (Batch, Target) for one in fields(kind)} - {"Sequence[Target]"}
    assert types <= _TYPES.keys()
    assert set(BY_TYPE) == set(_TYPES)


def test_four_thousand_targets_share_what_they_are_asked(read):
    ask = PortSet.parse(",".join(str(port) for port in range(1, 2000, 2)))
    some = [Target(host="dmz", address=f"10.0.{n >> 8}.{n & 255}", ask=ask, first=ask) for n in range(4096)]
    lines = [line.strip() for line in plan_lines(Batch(targets=some))]
    assert sum(map(len, lines)) < 400_000
    assert max(map(len, lines)) < 100_000
    assert list(read(HEADER, *lines).targets) == some


def test_evidence_is_read_past_the_plan(tmp_path):
    path = tmp_path / "s.jsonl"
    host = '{"host":"web","address":"192.0.2.1","tcp":{"open":"80"}}\n'
    path.write_text("".join([HEADER, "\n", *plan_lines(Batch(targets=[WEB])), host]))
    assert [seen.host for seen in Snapshot(path)] == ["web"]


def test_without_a_plan_or_with_half_of_one_there_is_none(read):
    lines = [line.strip() for line in plan_lines(Batch(targets=[WEB]))]
    assert read(HEADER) is None
    assert read(HEADER, lines[0]) is None
    assert read(HEADER, lines[1]) is None
    assert read(HEADER, lines[0], lines[1], lines[1]) is None


GOOD = {"host": "a", "address": "192.0.2.1", "ask": 0}


@pytest.mark.parametrize(
    ("settings", "rows", "ports", "line", "says"),
    [
        ({"rate": -1}, [], [], 2, '"rate" must be a number above zero'),
        ({"rate": True}, [], [], 2, '"rate" must be a number above zero'),
        ({"rate": 1.5}, [], [], 2, '"rate" must be a whole number'),
        ({"timeout": float("nan")}, [], [], 2, '"timeout" must be a number above zero'),
        ({"timeout": float("inf")}, [], [], 2, '"timeout" must be a number above zero'),
        ({"timeout": "2s"}, [], [], 2, '"timeout" must be a number above zero'),
        ({"timeout": None}, [], [], 2, '"timeout" must be a number above zero'),
        ({"vantage": 7}, [], [], 2, '"vantage" must be a string'),
        ({"colour": "red"}, [], [], 2, 'the plan has a field "colour", which this auditor does not know'),
        ({"targets": []}, [], [], 2, 'the plan has a field "targets", which this auditor does not know'),
        ({"count": -1}, [], [], 2, '"plan.count" must be a whole number that is not negative'),
        ({"count": "many"}, [], [], 2, '"plan.count" must be a whole number that is not negative'),
        ({}, [GOOD | {"address": "web.example"}], ["80/tcp"], 3, "'web.example', which is not an IP address"),
        ({}, [GOOD | {"address": "192.0.2.1/24"}], ["80/tcp"], 3, "which is not an IP address"),
        ({}, [GOOD | {"address": "192.0.2.1%eth0"}], ["80/tcp"], 3, "which has no such zone"),
        ({}, [GOOD | {"address": "fe80::1%" + "9" * 40}], ["80/tcp"], 3, "which has no such zone"),
        ({}, [GOOD | {"address": "fe80::1%\u00b2"}], ["80/tcp"], 3, "which has no such zone"),
        ({}, [GOOD], ["80-70000"], 3, '"ports" holds what is not a list of ports'),
        ({}, [GOOD], ["1-65535," * 3 + "x"], 3, '"ports" holds what is not a list of ports'),
        ({}, [GOOD], [80], 3, '"ports" must be a list of strings'),
        ({}, [GOOD], {}, 3, '"ports" must be a list of strings'),
        ({}, [GOOD | {"ask": 1}], ["80/tcp"], 3, '"ask" must be the place of a port set in "ports"'),
        ({}, [GOOD | {"ask": -1}], ["80/tcp"], 3, '"ask" must be the place of a port set in "ports"'),
        ({}, [GOOD | {"ask": "80"}], ["80/tcp"], 3, '"ask" must be the place of a port set in "ports"'),
        ({}, [GOOD | {"network": 1}], ["80/tcp"], 3, '"network" must be true or false'),
        ({}, [GOOD | {"host": None}], ["80/tcp"], 3, '"host" must be a string'),
        ({}, [{"host": "a", "ask": 0}], ["80/tcp"], 3, '"address" is missing'),
        ({}, [GOOD | {"services": "ssh"}], ["80/tcp"], 3, '"services" must be a list of pairs'),
        ({}, [GOOD | {"services": [[0]]}], ["80/tcp"], 3, '"services" must be a list of pairs'),
        ({}, [GOOD | {"services": [[0, 1]]}], ["80/tcp"], 3, '"services" must be a string'),
        ({}, [GOOD | {"services": [["ssh", 0]]}], ["80/tcp"], 3, '"services" must be the place of a port set'),
        ({}, [GOOD | {"surprises": 1}], ["80/tcp"], 3, '"surprises" must hold objects'),
        ({}, [GOOD | {"surprises": {"open": 3}}], ["80/tcp"], 3, '"open" must be the place of a port set'),
        ({}, [GOOD | {"surprises": {"ajar": 0}}], ["80/tcp"], 3, 'the plan has a field "ajar"'),
        ({}, ["web"], [], 3, '"targets" must hold objects'),
        ({}, {"a": 1}, [], 3, '"targets" must be a list'),
    ],
)
def test_a_plan_that_cannot_be_is_refused_with_file_and_line(read, settings, rows, ports, line, says):
    with pytest.raises(EvidenceError) as caught:
        read(HEADER, {"plan": {"count": 1} | settings}, {"targets": rows, "ports": ports})
    assert str(caught.value).startswith(f"s.jsonl:{line}: ")
    assert says in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_second_plan_is_refused(read):
    with pytest.raises(EvidenceError, match=r"s\.jsonl:3: a second plan"):
        read(HEADER, {"plan": {"count": 0}}, {"plan": {"count": 0}})


def test_a_plan_that_is_no_object_is_refused(read):
    with pytest.raises(EvidenceError, match=r's\.jsonl:2: "plan" must hold objects'):
        read(HEADER, {"plan": [1]})
