"""Increments add up, and the parts of a resumed scan join: nothing known is lost, nothing is taken for known."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model.evidence import (
    EVERY_PORT,
    GONE,
    INTERRUPTED,
    NO_ANSWER,
    Observation,
    ServiceSeen,
    Unknown,
)
from auditor.model.ports import NO_PORTS, Port, PortSet
from auditor.model.target import Surprises, Target
from auditor.snapshot.parts import Begun, composed, joined, news_of, witnesses

FIRST = datetime(2026, 11, 20, tzinfo=UTC)
LATER = datetime(2026, 11, 22, tzinfo=UTC)
TARGET = Target(host="web", address="192.0.2.1", ask=PortSet.parse("1-100"))


def seen(unknown=None, **fields):
    made = {name: PortSet.parse(value) if isinstance(value, str) else value for name, value in fields.items()}
    reasons = tuple(Unknown(ports=PortSet.parse(ports), reason=reason) for reason, ports in (unknown or {}).items())
    base = Observation(host="web", address="192.0.2.1", asked=PortSet.parse("1-100"), unknown=reasons)
    return replace(base, **made)


def reasons(observation):
    return {one.reason: str(one.ports).replace("/tcp", "") for one in observation.unknown}


def begun(**fields):
    return Begun(target=TARGET, seen=composed([seen(alive=True, started=FIRST, **fields)]))


# -- increments ----------------------------------------------------------------------------------------------------


def test_increments_add_up_and_the_rest_is_unknown():
    whole = composed([seen(open="80", started=FIRST), seen(closed="1-10", alive=True, started=LATER)])
    assert (str(whole.open), str(whole.closed)) == ("80/tcp", "1-10/tcp".replace("1-10", "1-10"))
    assert reasons(whole) == {INTERRUPTED: "11-79,81-100"}
    assert whole.asked == PortSet.parse("1-100")
    assert (whole.alive, whole.started) == (True, FIRST)


def test_the_last_increment_that_speaks_of_a_port_counts():
    whole = composed([seen(closed="1-10"), seen(filtered="5", open="7"), seen({INTERRUPTED: "1"})])
    assert (str(whole.open), str(whole.filtered)) == ("7/tcp", "5/tcp")
    assert whole.closed == PortSet.parse("2-4,6,8-10")
    assert PortSet.parse("1") <= whole.unknown[0].ports


def test_both_protocols_and_their_services_are_kept():
    dns = ServiceSeen(port=Port.parse("53/udp"), service="dns")
    newer = replace(dns, version="9")
    whole = composed([
        seen(open="53/udp", services=(dns,), asked="53/udp"),
        seen(open="80", open_filtered="161/udp", unspoken="161/udp", services=(newer,), asked="80,161/udp"),
    ])  # fmt: skip
    assert whole.open == PortSet.parse("80,53/udp")
    assert whole.unspoken == PortSet.parse("161/udp")
    assert whole.services == (newer,)
    assert whole.asked == PortSet.parse("80,53/udp,161/udp")


def test_a_file_with_more_reasons_than_anybody_has_is_refused():
    with pytest.raises(ValueError, match="too many different reasons"):
        composed(seen({f"reason {number}": "1"}) for number in range(300))


@given(
    st.lists(
        st.tuples(st.sampled_from(["open", "closed", "filtered", "open_filtered"]), st.integers(1, 100)), max_size=30
    )
)
def test_composing_agrees_with_a_table(said):
    table = {port: state for state, port in said}
    whole = composed([seen(), *(seen(**{state: PortSet.numbers([port])}) for state, port in said)])
    for state in ("open", "closed", "filtered", "open_filtered"):
        assert {port.number for port in getattr(whole, state)} == {p for p, s in table.items() if s == state}
    assert whole.accounted == whole.asked


# -- what is left --------------------------------------------------------------------------------------------------


def test_only_answers_are_not_asked_again():
    part = begun(open="80", closed="1-79", filtered="81", unknown={"local: no route": "82", NO_ANSWER: "83"})
    assert part.left == PortSet.parse("82-100")


def test_the_rest_has_a_few_witnesses_open_ones_first():
    part = begun(open="80,81,82,83,84,85,86", closed="1-40")
    assert part.left <= part.rest.ask
    assert part.rest.ask - part.left == PortSet.parse("80-84,1-3")


def test_a_host_that_has_not_answered_has_no_witness():
    assert begun(unknown={NO_ANSWER: "1-100"}).rest.ask == PortSet.parse("1-100")


def test_witnesses_are_ports_that_the_policy_does_not_name_as_far_as_there_are_some():
    named = PortSet.parse("80-84")
    assert witnesses(seen(open="80-84,90-99"), named, PortSet.parse("1")) == PortSet.parse("80-81,90-92")
    target = replace(TARGET, first=named)
    part = Begun(target=target, seen=seen(open="80-84"))
    assert part.rest.first <= part.rest.ask
    assert part.rest.first <= named


def test_answers_over_one_protocol_vouch_for_the_host_where_the_other_has_none():
    tcp = seen(open="80", closed="1-10")
    assert witnesses(tcp, NO_PORTS, PortSet.parse("161/udp")) == PortSet.parse("80,1-7")
    both = seen(open=PortSet.parse("80,53/udp"))
    assert witnesses(both, NO_PORTS, PortSet.parse("161/udp")) == PortSet.parse("53/udp")
    assert witnesses(both, NO_PORTS, PortSet.parse("99")) == PortSet.parse("80")


def test_port_zero_is_never_left():
    assert not Begun(target=replace(TARGET, ask=PortSet.parse("0,80")), seen=seen(open="80")).left


# -- both parts ----------------------------------------------------------------------------------------------------


def test_both_parts_are_one_observation_as_old_as_the_first():
    part = begun(open="80", closed="1-50")
    now = seen(open="80,90", closed="1-3,51-79", filtered="81-89,91-100", started=LATER, finished=LATER, alive=True)
    whole = joined(part, now)
    assert whole.open == PortSet.parse("80,90")
    assert whole.closed == PortSet.parse("1-79")
    assert whole.filtered == PortSet.parse("81-89,91-100")
    assert not whole.unknown
    assert whole.asked == TARGET.ask
    assert (whole.started, whole.finished) == (FIRST, None)


def test_a_host_that_died_in_between_keeps_its_answers_and_the_rest_is_unknown():
    part = begun(open="80", closed="1-50")
    now = seen({NO_ANSWER: "1-3,51-100"}, alive=False, started=LATER, finished=LATER)
    whole = joined(part, now)
    assert (whole.open, whole.closed) == (PortSet.parse("80"), PortSet.parse("1-50"))
    assert reasons(whole) == {GONE: "51-79,81-100"}, "it did answer: this is no silence that a dark host may have"
    assert whole.alive


def test_a_witness_is_judged_again_only_if_it_is_open_now():
    part = begun(open="80", closed="1-50")
    now = seen(open="1", closed="80", filtered="2", unknown={INTERRUPTED: "51-79,81-100"})
    whole = joined(part, now)
    assert whole.open == PortSet.parse("1,80")
    assert whole.closed == PortSet.parse("2-50")
    assert not whole.filtered
    assert reasons(whole) == {INTERRUPTED: "51-79,81-100"}


def test_where_everything_answers_no_earlier_open_port_is_trusted():
    part = begun(open="80", closed="1-50", services=(ServiceSeen(port=Port.parse("80"), service="http"),))
    whole = joined(part, seen({EVERY_PORT: "51-100,80"}, alive=True))
    assert not whole.open
    assert reasons(whole) == {EVERY_PORT: "51-100"}
    assert not whole.services


SURPRISED = replace(TARGET, surprises=Surprises(open=PortSet.parse("50-100"), shut=PortSet.parse("10")))


def test_what_tells_against_the_host_is_asked_again_for_its_second_look():
    part = Begun(target=SURPRISED, seen=seen(open="20,60", closed="1-19,21-59,61-100"))
    assert not part.left
    assert part.wanted == PortSet.parse("10,60")
    assert part.wanted <= part.rest.ask


@pytest.mark.parametrize(
    ("now", "opened", "unknown"),
    [
        ({"open": "60"}, "20,60", {}),
        ({"open": "10,60"}, "10,20,60", {}),
        ({"closed": "60"}, "20", {"looked at twice: open, then closed": "60"}),
        ({"filtered": "10,60"}, "20", {"looked at twice: open, then filtered": "60"}),
        ({"unknown": {"looked at twice: open, then silent": "60"}}, "20", {"looked at twice: open, then silent": "60"}),
        ({"unknown": {NO_ANSWER: "10,20,60"}}, "20,60", {}),
        ({"unknown": {INTERRUPTED: "10,20,60"}}, "20,60", {}),
    ],
)
def test_an_open_port_that_nobody_can_repeat_is_in_doubt_and_silence_takes_nothing_back(now, opened, unknown):
    part = Begun(target=SURPRISED, seen=seen(open="20,60", closed="1-19,21-59,61-100", alive=True))
    whole = joined(part, seen(**now))
    assert whole.open == PortSet.parse(opened)
    assert reasons(whole) == unknown
    assert whole.accounted == TARGET.ask


def test_a_second_interruption_leaves_what_both_parts_know():
    whole = joined(begun(closed="1-50"), seen({INTERRUPTED: "71-100"}, closed="51-70"))
    assert whole.closed == PortSet.parse("1-70")
    assert reasons(whole) == {INTERRUPTED: "71-100"}


def test_an_increment_of_the_second_part_does_not_touch_what_the_first_knows():
    part = begun(open="80", closed="1-50")
    news = news_of(part, seen({INTERRUPTED: "1"}, open="2", closed="3,60,80", filtered="61"))
    whole = composed([part.seen, news])
    assert whole.open == PortSet.parse("2,80")
    assert whole.closed == PortSet.parse("1,3-50,60")
    assert whole.filtered == PortSet.parse("61")
    assert whole.asked == TARGET.ask


states = st.lists(st.sampled_from(["open", "closed", "filtered", "none"]), min_size=100, max_size=100)


@given(first=states, second=states)
def test_whatever_the_parts_say_each_port_has_one_outcome_and_no_open_one_is_lost(first, second):
    def sets(said, ports=range(1, 101)):
        return {
            state: PortSet.numbers(port for port in ports if said[port - 1] == state)
            for state in ("open", "closed", "filtered")
        }

    part = begun(**sets(first))
    asked = [port.number for port in part.rest.ask]
    now = sets(second, asked)
    rest = {port for port in asked if second[port - 1] == "none"}
    whole = joined(part, seen(**now, unknown={INTERRUPTED: ",".join(map(str, sorted(rest)))}))
    parts = [whole.open, whole.closed, whole.filtered, *(one.ports for one in whole.unknown)]
    assert sum(map(len, parts)) == 100
    assert part.seen.open | now["open"] == whole.open
    assert whole.closed <= part.seen.closed | now["closed"]
