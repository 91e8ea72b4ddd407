"""When enough has been asked."""

from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.probe.rounds import MOST_ROUNDS, Next, Tally

counts = st.integers(min_value=0, max_value=70_000)


def test_a_host_whose_every_port_answered_is_done_after_one_round():
    assert Tally(rounds=1, answers=65_535).decide(silent=0) is Next.ENOUGH


def test_silence_is_never_believed_after_one_round():
    assert Tally(rounds=1, answers=60_000).decide(silent=5) is Next.ANOTHER


def test_without_loss_two_rounds_are_enough():
    tally = Tally(rounds=2, answers=3, opens=3, canaries=32, open_canaries=32, asked_last=65_532)
    assert tally.decide(silent=65_532) is Next.ENOUGH
    assert tally.missed(tally.loss) < 0.01


def test_lost_canaries_call_for_another_round():
    tally = Tally(rounds=2, answers=100, opens=50, canaries=32, lost=6, open_canaries=32, lost_open=6)
    assert tally.decide(silent=900) is Next.ANOTHER


def test_recent_loss_counts_even_where_a_large_first_round_knew_none():
    assert Tally(rounds=2, answers=60_000, canaries=32, lost=16).loss >= 0.5


def test_a_round_that_still_brought_answers_calls_for_another():
    assert Tally(rounds=3, answers=1000, canaries=64, answered_last=30, late=30).decide(silent=10) is Next.ANOTHER


def test_refusals_that_dry_up_while_all_open_ports_answer_are_limited_and_not_lost():
    tally = Tally(
        rounds=2, answers=350, opens=50, late=100, canaries=32, open_canaries=32, asked_last=65_000, answered_last=100
    )
    assert tally.decide(silent=65_000) is Next.LIMITS_REFUSALS


def test_refusals_that_come_again_when_asked_again_are_not_limited():
    tally = Tally(
        rounds=3, answers=1100, opens=1, late=500, canaries=10, open_canaries=10, asked_last=114, refusals=16,
        lost_refusals=1,
    )  # fmt: skip
    assert tally.decide(silent=101) is Next.ANOTHER


def test_loss_of_open_ports_is_not_taken_for_a_limit():
    tally = Tally(
        rounds=2, answers=350, opens=50, late=100, late_opens=20, canaries=32, lost=8, open_canaries=32, lost_open=8,
        asked_last=65_000, answered_last=100,
    )  # fmt: skip
    assert tally.decide(silent=65_000) is Next.ANOTHER


def test_after_ten_rounds_it_is_said_that_loss_was_too_much():
    tally = Tally(rounds=MOST_ROUNDS, answers=10, late=9, canaries=320, lost=300, answered_last=1)
    assert tally.decide(silent=100) is Next.LOST


@given(counts, counts, counts, st.integers(min_value=1, max_value=MOST_ROUNDS))
def test_the_more_rounds_the_fewer_ports_are_missed(opens, lost, more, rounds):
    fewer = Tally(rounds=rounds, answers=opens, opens=opens, canaries=lost + more, lost=lost)
    further = Tally(rounds=rounds + 1, answers=opens, opens=opens, canaries=lost + more, lost=lost)
    assert 0 <= further.missed(further.loss) <= fewer.missed(fewer.loss)
    assert 0 < fewer.loss <= 1


def test_before_a_round_has_been_carried_through_nobody_knows_what_is_missed():
    assert Tally(answers=3, opens=1).missed(0.1) == float("inf")
