"""What is written reads back as it was, whatever the evidence says; and every line fits the published schema."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from auditor.files.resources import shipped
from auditor.model.evidence import (
    Completion,
    Container,
    Kind,
    Observation,
    Opening,
    Origin,
    Scope,
    ServiceSeen,
    Socket,
    Unknown,
    Way,
)
from auditor.model.location import Location
from auditor.model.network import EVERYWHERE, NOWHERE, NetworkSet
from auditor.model.ports import HIGHEST, NO_PORTS, Port, PortSet, Protocol
from auditor.snapshot import footer_line, header_line, observation_line
from auditor.snapshot.decode import completion_of, fields_of, observation_of, origin_of

texts = st.text(st.characters(codec=None), max_size=20)  # lone surrogates and control characters included
times = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2500, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ports = st.builds(Port, st.sampled_from(Protocol), st.integers(0, 65535))
counts = st.integers(0, 2**40)
flags = st.booleans()


def maybe(strategy):
    return st.none() | strategy


def several(strategy):
    return st.lists(strategy, max_size=3).map(tuple)


@st.composite
def port_sets(draw):
    ends = draw(st.lists(st.integers(0, 131071), max_size=8, unique=True).map(sorted))
    return PortSet.from_bounds(tuple(ends[: len(ends) // 2 * 2]))


@st.composite
def partitions(draw, parts):
    """Disjoint port sets: the axis is cut at random, and each piece is dealt to one of the parts, or to none."""
    cuts = draw(st.lists(st.integers(1, 131070), max_size=12, unique=True).map(sorted))
    dealt = [NO_PORTS] * (parts + 1)
    for low, high in zip([0, *cuts], [*cuts, 131071], strict=True):
        at = draw(st.integers(0, parts))
        dealt[at] |= PortSet.from_bounds((low, high))
    return dealt[:parts]


networks = st.one_of(
    st.just(EVERYWHERE),
    st.just(NOWHERE),
    st.lists(st.ip_addresses(), min_size=1, max_size=4).map(lambda members: NetworkSet.of(*members)),
    st.sampled_from(["10.0.0.0/8", "192.0.2.0/24,2001:db8::/32", "::/0", "0.0.0.0/0"]).map(NetworkSet.parse),
)
locations = st.builds(Location, file=texts, line=counts, column=counts, end_column=counts, snippet=maybe(texts))
services = st.builds(
    ServiceSeen, port=ports, service=texts, product=maybe(texts), version=maybe(texts), tls=flags,
    method=st.sampled_from(["probed", "table"]), certificate=maybe(texts), certificate_expires=maybe(times),
)  # fmt: skip
containers = st.builds(Container, engine=texts, id=maybe(texts), name=maybe(texts))
sockets = st.builds(
    Socket, port=ports, address=texts, scope=st.sampled_from(Scope), process=maybe(texts), pid=maybe(counts),
    user=maybe(texts), netns=maybe(texts), interface=maybe(texts), dual_stack=flags, client=flags, shared_by=counts,
    unit=maybe(texts), container=maybe(containers), forwards=maybe(texts), nat=flags,
)  # fmt: skip
openings = st.builds(
    Opening, port=ports, bind=maybe(networks), sources=maybe(networks), group=maybe(texts), what=maybe(texts),
    target=maybe(texts), location=maybe(locations), way=st.sampled_from(Way), more=port_sets(),
).flatmap(
    lambda one: maybe(st.integers(one.port.number + 1, HIGHEST + 1)).map(
        lambda last: replace(one, last=None if last is None or last > HIGHEST else last)
    )
)  # fmt: skip
addresses = st.one_of(st.ip_addresses().map(str), st.just("fe80::1%eth0"))


@st.composite
def observations(draw):
    opened, closed, filtered, silent, shut, unknown, another, asked = draw(partitions(8))
    reasons = [Unknown(ports=part, reason=draw(texts)) for part in (unknown, another) if part]
    accounted = opened | closed | filtered | silent | shut | unknown | another
    return Observation(
        host=draw(maybe(texts)),
        address=draw(maybe(addresses)),
        names=draw(several(texts)),
        vantage=draw(maybe(texts)),
        open=opened,
        closed=closed,
        filtered=filtered,
        open_filtered=silent,
        closed_filtered=shut,
        unspoken=silent if draw(flags) else NO_PORTS,
        unknown=tuple(reasons),
        asked=draw(st.sampled_from([accounted, accounted | asked, NO_PORTS])),
        alive=draw(maybe(flags)),
        services=draw(several(services)),
        sockets=draw(several(sockets)),
        openings=draw(several(openings)),
        guarded=draw(networks),
        notes=draw(several(texts)),
        started=draw(maybe(times)),
        finished=draw(maybe(times)),
    )


origins = st.builds(
    Origin, kind=st.sampled_from(Kind), source=texts, tool=maybe(texts), vantage=maybe(texts), sha256=st.none(),
    started=maybe(times), asked=maybe(port_sets()), host=maybe(texts),
)  # fmt: skip
completions = st.builds(Completion, complete=flags, finished=maybe(times), reason=maybe(texts))

A_FIELD_OF_EVERY_KIND = {
    Observation: 20,
    ServiceSeen: 8,
    Socket: 15,
    Container: 3,
    Opening: 10,
    Location: 5,
    Origin: 8,
    Completion: 3,
    Unknown: 2,
}


@cache
def line_validator():
    schema = json.loads((shipped("schemas") / "snapshot.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def assert_one_plain_line(line):
    assert line.isascii()
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    assert line == json.dumps(json.loads(line), separators=(",", ":")) + "\n"
    line_validator().validate(json.loads(line))


@given(seen=observations())
def test_an_observation_reads_back_as_it_was(seen):
    line = observation_line(seen)
    assert_one_plain_line(line)
    assert observation_of(fields_of(line.encode())) == seen


@given(origin=origins)
def test_a_header_reads_back_as_it_was(origin):
    line = header_line(origin)
    assert_one_plain_line(line)
    assert origin_of(fields_of(line.encode()), origin.source) == origin


@given(completion=completions)
def test_a_footer_reads_back_as_it_was(completion):
    line = footer_line(completion)
    assert_one_plain_line(line)
    assert completion_of(fields_of(line.encode())) == completion


@pytest.mark.parametrize("noun", A_FIELD_OF_EVERY_KIND)
def test_a_field_added_to_the_model_is_missed_here_until_the_file_has_it(noun):
    assert len(fields(noun)) == A_FIELD_OF_EVERY_KIND[noun]


def test_asked_is_left_out_where_states_and_errors_add_up_to_it():
    opened, other = PortSet.parse("80"), PortSet.parse("1-79")
    plain = Observation(
        address="192.0.2.1", open=opened, unknown=(Unknown(ports=other, reason="?"),), asked=PortSet.parse("1-80")
    )
    assert "asked" not in json.loads(observation_line(plain))
    wider = Observation(address="192.0.2.1", open=opened, asked=PortSet.parse("1-80"))
    assert json.loads(observation_line(wider))["asked"] == "1-80/tcp"


def test_the_line_has_the_documented_form():
    seen = Observation(
        host="web-1",
        address="192.0.2.10",
        open=PortSet.parse("80,443,53/udp"),
        closed=PortSet.parse("1-79,81-442,444-65535"),
        open_filtered=PortSet.parse("161/udp"),
        services=(ServiceSeen(port=Port.parse("443"), service="https", tls=True),),
        started=datetime(2026, 11, 22, 20, 50, 39, tzinfo=UTC),
    )
    assert json.loads(observation_line(seen)) == {
        "host": "web-1",
        "address": "192.0.2.10",
        "started": "2026-11-22T20:50:39Z",
        "tcp": {"open": "80,443", "closed": "1-79,81-442,444-65535"},
        "udp": {"open": "53", "open|filtered": "161"},
        "asked": "",
        "services": [{"port": "443/tcp", "service": "https", "tls": True, "method": "probed"}],
    }


@pytest.mark.parametrize(
    "line",
    [
        {"auditor": "snapshot", "version": 2, "kind": "probe"},
        {"auditor": "snapshot", "version": 1, "kind": "guess"},
        {"auditor": "snapshot", "version": 1, "kind": "probe", "complete": True},
        {"address": "192.0.2.1", "tcp": {"open": "80/udp"}},
        {"address": "192.0.2.1", "tcp": {"open": [80]}},
        {"sockets": [{"port": "80/tcp", "address": "::"}]},
        {"complete": "yes"},
    ],
)
def test_the_schema_refuses_what_no_snapshot_holds(line):
    assert not line_validator().is_valid(line)
