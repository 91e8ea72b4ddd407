from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.collect.probe.udp.trickle import INTERVAL4, Trickle

RTT = 0.01
PATIENCE = 0.05


class LimitedHost:
    """Refuses closed ports while it has a refusal to spend: ``burst`` at most, one more every ``interval`` seconds."""

    def __init__(self, closed, opened=(), *, interval=1.0, burst=6):
        self.closed, self.opened = set(closed), set(opened)
        self.interval, self.burst = interval, burst
        self.tokens, self.at = min(burst, PATIENCE / interval), 0.0

    def answers(self, number, now):
        if number in self.opened:
            return "open"
        if number not in self.closed:
            return None
        self.tokens = min(self.burst, self.tokens + (now - self.at) / self.interval)
        self.at = now
        if self.tokens < 1:
            return None
        self.tokens -= 1
        return "refusal"


def carried_out(host, candidates, witnesses, *, seconds, interval=INTERVAL4):
    """The trickle run to its end against the host: (it, what was answered, when it ended)."""
    answered = {}
    now = 0.0
    trickle = Trickle(
        candidates, witnesses, lambda one: one not in answered, interval=interval, began=0.0, until=lambda _: seconds
    )
    for _ in range(100_000):
        group = trickle.step(now)
        if trickle.finished:
            return trickle, answered, now
        if not group:
            assert trickle.due > now, "it wants to wait, so it must say until when"
            now = trickle.due
            continue
        heard = 0
        for number in group:
            said = host.answers(number, now)
            if said:
                heard += 1
                answered[number] = said
                trickle.heard(number, now + RTT, refusal=said == "refusal")
        now += RTT if heard == len(group) else PATIENCE
    raise AssertionError("it does not end")


def test_a_host_that_refuses_once_a_second_proves_about_one_port_a_second():
    host = LimitedHost(range(100))
    _, answered, ended = carried_out(host, range(1, 100), [0], seconds=10)
    assert 8 <= len(answered) <= 10
    assert ended <= 12


def test_ports_are_proven_in_the_order_of_their_importance():
    host = LimitedHost(range(100))
    _, answered, _ = carried_out(host, range(1, 100), [0], seconds=10)
    assert set(answered) <= set(range(1, 13))
    assert set(range(3, 8)) <= set(answered)


def test_silent_ports_among_few_closed_ones_are_shown_silent_by_a_witness():
    host = LimitedHost([0])
    trickle, answered, ended = carried_out(host, range(1, 200), [0], seconds=20)
    assert sorted(trickle.shown_silent) == list(range(1, 200))
    assert answered == {0: "refusal"}
    assert ended < 5


def test_open_ports_that_answer_late_spend_nothing():
    host = LimitedHost([0, 1], opened=[5, 6])
    trickle, answered, _ = carried_out(host, range(1, 10), [0], seconds=20)
    assert answered[5] == answered[6] == "open"
    assert answered[1] == "refusal"
    assert sorted(trickle.shown_silent) == [2, 3, 4, 7, 8, 9]


def test_a_host_that_is_not_so_slow_is_asked_faster():
    host = LimitedHost(range(1000), interval=0.001, burst=50)
    _, answered, ended = carried_out(host, range(4, 1000), [0, 1, 2, 3], seconds=10)
    assert len(answered) == 1000
    assert ended < 3


def test_a_host_that_refuses_nothing_any_more_shows_nothing():
    host = LimitedHost([], interval=1.0)
    trickle, answered, ended = carried_out(host, range(1, 50), [0], seconds=60)
    assert not trickle.shown_silent
    assert not answered
    assert ended < 20


@settings(deadline=None)
@given(
    closed=st.sets(st.integers(1, 60)),
    opened=st.sets(st.integers(1, 60)),
    interval=st.floats(0.001, 1.0),
    burst=st.integers(1, 10),
    seconds=st.floats(0.1, 15),
)
def test_no_closed_port_is_shown_silent_and_the_time_is_bounded(closed, opened, interval, burst, seconds):
    host = LimitedHost({*closed, 0} - opened, opened, interval=interval, burst=burst)
    trickle, answered, ended = carried_out(host, range(1, 61), [0], seconds=seconds)
    assert not set(trickle.shown_silent) & (closed | opened)
    assert not set(trickle.shown_silent) & set(answered)
    assert ended <= seconds + 12
