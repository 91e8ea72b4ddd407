import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.probe.udp.asking import plan
from auditor.collect.probe.udp.rounds import MOST_PASSES, Next, Tally
from auditor.model.ports import NO_PORTS, PortSet, Protocol


def udp(text):
    return PortSet.parse(text, Protocol.UDP)


def test_nothing_silent_is_enough_at_once():
    assert Tally(passes=1, refusals=10).decide(0) is Next.ENOUGH


def test_silence_is_never_believed_after_one_pass():
    assert Tally(passes=1, refusals=10).decide(5) is Next.ANOTHER


def test_without_loss_two_passes_are_enough():
    tally = Tally(passes=2, refusals=900, refusal_canaries=16)
    assert tally.decide(100) is Next.ENOUGH


def test_ports_that_are_not_refused_a_second_time_show_a_limit():
    tally = Tally(passes=2, refusals=6, refusal_canaries=16, lost_refusals=15)
    assert tally.limited
    assert tally.decide(994) is Next.LIMITED


def test_a_lossy_way_is_no_limit_and_takes_more_passes():
    tally = Tally(passes=2, refusals=900, late_refusals=150, refusal_canaries=16, lost_refusals=3, answered_last=150)
    assert not tally.limited
    assert tally.decide(60) is Next.ANOTHER


def test_loss_that_no_number_of_passes_repairs_shows_nothing_silent():
    tally = Tally(passes=MOST_PASSES, refusals=900, late_refusals=500, refusal_canaries=100, lost_refusals=45,
                  answered_last=90)  # fmt: skip
    assert tally.decide(60) is Next.LIMITED


def test_a_host_that_refuses_nothing_is_asked_again_a_while_later():
    assert Tally(passes=2, opens=1).decide(10) is Next.LATE
    assert Tally(passes=3, opens=16).decide(10) is Next.ENOUGH


@pytest.mark.parametrize("opens", [0, 1, 3])
def test_where_too_little_answers_to_measure_loss_silence_is_doubted_for_longer(opens):
    decisions = [Tally(passes=passes, opens=opens).decide(10) for passes in range(2, 8)]
    assert decisions == [Next.LATE] * 5 + [Next.ENOUGH]


def test_lost_talkers_take_more_passes():
    tally = Tally(passes=3, opens=10, open_canaries=16, lost_opens=5)
    assert tally.decide(100) is Next.ANOTHER


@given(
    passes=st.integers(1, 12),
    numbers=st.lists(st.integers(0, 1000), min_size=8, max_size=8),
    silent=st.integers(0, 70_000),
)
def test_every_scan_comes_to_an_end(passes, numbers, silent):
    opens, refusals, late, lost, canaries, lost_opens, open_canaries, last = numbers
    tally = Tally(
        passes=passes, opens=opens, refusals=refusals, late_refusals=min(late, refusals), answered_last=last,
        refusal_canaries=canaries, lost_refusals=min(lost, canaries),
        open_canaries=open_canaries, lost_opens=min(lost_opens, open_canaries),
    )  # fmt: skip
    assert 0 < tally.loss < 1
    assert tally.missed(opens) >= 0
    if passes >= MOST_PASSES:
        assert tally.decide(silent) in {Next.ENOUGH, Next.LIMITED}


def test_named_ports_come_first_then_those_with_a_protocol_of_their_own():
    asked = plan(udp("1-1000") | PortSet.parse("53,80"), udp("7,900,2000"))
    order = [asked.ports[index] for index in asked.order]
    assert sorted(order[:2]) == [7, 900]
    assert asked.named == 2
    assert {53, 161, 123, 500} <= set(order[:30])
    assert sorted(order) == list(range(1, 1001)) == list(asked.ports)


@given(st.sets(st.integers(0, 65535), max_size=300), st.sets(st.integers(0, 65535), max_size=50))
def test_every_port_but_zero_is_asked_once(ask, first):
    asked = plan(PortSet.numbers(ask, Protocol.UDP), PortSet.numbers(first, Protocol.UDP))
    assert sorted(asked.ports[index] for index in asked.order) == sorted(ask - {0})
    assert asked.named == len((ask & first) - {0})


def test_tcp_ports_are_not_asked():
    assert not plan(PortSet.parse("80,443"), NO_PORTS).ports
