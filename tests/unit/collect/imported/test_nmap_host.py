"""The usual host, told of by a short cut, is told of as any other would be."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from auditor.collect.imported import nmap_host
from auditor.collect.imported.nmap_host import Extra, HostRecord, observation
from auditor.model.evidence import Observation, ServiceSeen
from auditor.model.ports import NO_PORTS, Port, PortSet, Protocol

STATES = ["open", "closed", "filtered", "open|filtered", "closed|filtered", "unfiltered", ""]
ASKED = ["1-10", "1-3,7-10", "1-8,3/udp", ""]
LISTINGS = st.lists(st.tuples(st.sampled_from(STATES), st.integers(1, 10), st.sampled_from(Protocol)), max_size=5)
EXTRAS = st.lists(
    st.tuples(st.sampled_from(STATES), st.integers(0, 10), st.sampled_from(["", "1-3", "5,9/udp"])), max_size=2
)


@st.composite
def records(draw: st.DrawFn) -> HostRecord:
    """Hosts of which about half are told of in full: what is listed, and the count of the others."""
    record = HostRecord(
        asked=PortSet.parse(draw(st.sampled_from(ASKED))),
        state=draw(st.sampled_from(["up", "down", ""])),
        reason=draw(st.sampled_from(["echo-reply", "user-set", "host-unreach"])),
        addresses=draw(st.sampled_from([[], ["10.0.0.1"], ["10.0.0.1", "2001:db8::1"]])),
        user_names=draw(st.sampled_from([[], ["web"]])),
        started=datetime(2026, 11, 20, tzinfo=UTC),
        answered=draw(st.booleans()),
    )
    for state, number, protocol in draw(LISTINGS):
        record.listed[state, protocol].append(number)
        record.serve(ServiceSeen(port=Port(protocol, number), service=draw(st.sampled_from(["ssh", "http"]))))
    told = [PortSet.numbers(numbers, protocol) for (_, protocol), numbers in record.listed.items()]
    if draw(st.booleans()):
        left = record.asked - PortSet.union(told)
        named = draw(st.sampled_from([NO_PORTS, PortSet.parse("1-4,7"), PortSet.parse("1-10,3/udp")])) & left
        if named:
            record.extras.append(Extra(state=draw(st.sampled_from(STATES)), count=len(named), named=named))
        if left - named:
            rest = draw(st.sampled_from([NO_PORTS, left - named]))
            record.extras.append(Extra(state=draw(st.sampled_from(STATES)), count=len(left - named), named=rest))
    else:
        record.extras.extend(
            Extra(state=state, count=count, named=PortSet.parse(named)) for state, count, named in draw(EXTRAS)
        )
    return record


def the_long_way(record: HostRecord) -> Observation | None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(nmap_host, "_settled", lambda _: None)
        return observation(deepcopy(record))


@given(records())
def test_a_host_is_told_of_the_same_by_the_short_cut_and_by_the_long_way(record: HostRecord) -> None:
    event(f"short cut taken: {nmap_host._settled(record) is not None}")
    assert observation(deepcopy(record)) == the_long_way(record)


def test_the_usual_host_takes_the_short_cut() -> None:
    record = HostRecord(asked=PortSet.parse("1-10"), addresses=["10.0.0.1"], state="up", reason="echo-reply")
    record.listed["open", Protocol.TCP] += [2, 5]
    record.extras.append(Extra(state="closed", count=8))
    assert nmap_host._settled(record) == {"open": PortSet.parse("2,5"), "closed": PortSet.parse("1,3-4,6-10")}


def test_the_usual_host_of_a_recent_nmap_which_names_the_others_takes_the_short_cut() -> None:
    record = HostRecord(asked=PortSet.parse("1-10"), addresses=["10.0.0.1"], state="up", reason="echo-reply")
    record.listed["open", Protocol.TCP] += [2, 5]
    closed, filtered = PortSet.parse("1,3-4"), PortSet.parse("6-10")
    record.extras += [
        Extra(state="closed", count=3, named=closed),
        Extra(state="filtered", count=5, named=filtered),
    ]
    assert nmap_host._settled(record) == {"open": PortSet.parse("2,5"), "closed": closed, "filtered": filtered}


@pytest.mark.parametrize("numbers", [[2, 2], [2, 11]])
def test_a_port_that_is_told_twice_or_was_not_asked_takes_the_long_way(numbers: list[int]) -> None:
    record = HostRecord(asked=PortSet.parse("1-10"), addresses=["10.0.0.1"], state="up", reason="echo-reply")
    record.listed["open", Protocol.TCP] += numbers
    record.extras.append(Extra(state="closed", count=8))
    assert nmap_host._settled(record) is None
    seen = observation(record)
    assert seen is not None
    assert seen.closed == NO_PORTS
