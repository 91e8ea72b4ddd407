"""Rates, estimates and timers, by a clock of the tests' own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.probe.pacing import FIRST_WAIT, RoundTrip, TokenBucket, Wheel, Window, patience, queueing


@given(
    st.integers(min_value=1, max_value=100_000),
    st.lists(st.tuples(st.floats(min_value=0, max_value=0.5), st.integers(min_value=0, max_value=2000)), max_size=50),
)
def test_no_more_leaves_than_the_rate_allows(rate, steps):
    bucket, now, sent = TokenBucket(rate), 0.0, 0
    bucket.take(0, now)
    for pause, wanted in steps:
        now += pause
        granted = bucket.take(wanted, now)
        assert 0 <= granted <= wanted
        sent += granted
    assert sent <= max(1, rate / 100) + now * rate + 1e-6


def test_without_a_rate_everything_may_leave():
    assert TokenBucket(None).take(10_000, 0.0) == 10_000


def test_one_packet_a_second_is_a_rate_too():
    bucket = TokenBucket(1)
    assert [bucket.take(5, second) for second in (0.0, 0.5, 1.1, 2.2)] == [1, 0, 1, 1]


def test_nothing_known_means_waiting_long():
    assert patience(RoundTrip(), RoundTrip(), passes=0, ceiling=2.0) == FIRST_WAIT


def test_a_host_without_an_answer_gets_twice_what_the_others_need():
    group = RoundTrip()
    group.add(0.2)
    assert patience(RoundTrip(), group, passes=0, ceiling=5.0) == pytest.approx(2 * group.patience)


@given(st.lists(st.floats(min_value=1e-5, max_value=3), min_size=1, max_size=30), st.integers(0, 9))
def test_patience_is_never_above_the_ceiling_nor_below_the_floor(samples, passes):
    own = RoundTrip()
    for sample in samples:
        own.add(sample)
    assert 0.025 <= patience(own, RoundTrip(), passes, ceiling=1.5) <= 1.5


def test_an_estimate_follows_a_way_that_becomes_longer():
    own = RoundTrip()
    for sample in [0.005] * 50 + [0.4] * 4:
        own.add(sample)
    assert own.patience > 0.4


@given(st.lists(st.floats(min_value=0, max_value=30), max_size=60), st.floats(min_value=0, max_value=40))
def test_a_wheel_gives_what_is_due_once_and_nothing_early(deadlines, now):
    wheel = Wheel()
    for deadline in deadlines:
        wheel.bucket(deadline).append(deadline)
    due = list(wheel.due(now))
    assert all(deadline <= now for deadline in due)
    assert sorted(due + list(wheel.due(100))) == sorted(deadlines)
    assert all(deadline > now - 0.005 for deadline in deadlines if deadline not in due)
    assert wheel.next_due is None


def test_what_is_put_off_while_a_wheel_turns_comes_later():
    wheel = Wheel()
    wheel.bucket(1.0).append("first")
    for _ in wheel.due(2.0):
        wheel.bucket(3.0).append("again")
    assert wheel.next_due == pytest.approx(3.0, abs=0.01)
    assert list(wheel.due(4.0)) == ["again"]


def grown(window, seconds, *, answers):
    """Its size after so many seconds of being full, looked at every two milliseconds."""
    for step in range(int(seconds / 0.002)):
        now = 100 + step * 0.002
        if answers is not None:
            window.sample(answers(window.size))
            window.heard(now, full=True)
        else:
            window.quiet(now)
    return window.size


def test_the_window_opens_fast_where_nothing_comes_and_nothing_is_known():
    assert grown(Window(64, 10_000), 0.03, answers=None) == 10_000


def test_the_window_stays_small_where_more_only_wait_in_a_queue():
    """A way for 10,000 packets a second, a millisecond long."""
    assert grown(Window(64, 10_000), 3, answers=lambda size: 0.001 + size / 10_000) < 500


def test_the_window_opens_where_answers_come_as_fast_as_ever():
    assert grown(Window(64, 10_000), 3, answers=lambda _: 0.1) == 10_000


def test_what_others_know_sets_out_a_window_that_is_neither_timid_nor_rash():
    window = Window(64, 10_000)
    window.expect(0.1, responsive=False)
    assert window.size == 1000
    window.expect(0.5, responsive=False)
    assert window.size == 1000
    window.expect(0, responsive=True)
    assert grown(window, 0.25, answers=None) == 1000, "nothing comes from one who answers: something is held up"
    window.bound(10)
    assert (window.size, window.limit) == (10, 10)


def test_the_window_opens_where_one_who_answered_says_nothing_for_longer_than_any_queue_takes():
    window = Window(64, 10_000)
    window.expect(0.01, responsive=True)
    assert grown(window, 0.15, answers=None) == 100
    assert grown(window, 1, answers=None) == 10_000


def test_answers_are_waited_for_as_long_as_the_probes_may_queue():
    assert [queueing(number) for number in (0, 500, 1000, 100_000)] == [0, 0.05, 0.1, 0.2]
