"""Permissions to send: the rate over all, the rate of each address, and those that have not answered last."""

import pytest

from auditor.collect.probe.dealing import Dealer
from auditor.model.ports import PortSet
from auditor.model.target import Batch, Target


class Address:
    """Somebody with so many packets to send."""

    def __init__(self, address, wants=1000):
        self.target = Target(host=address, address=address, ask=PortSet.parse("80"))
        self.wants = wants

    @property
    def hungry(self):
        return self.wants > 0


def dealer_for(*addresses, **of_batch):
    dealer = Dealer(Batch(targets=(), **of_batch), 10_000)
    for one in addresses:
        dealer.join(one)
        dealer.enlist(one)
    return dealer


def run(dealer, seconds, *, step=0.001, share=16):
    """Let time pass; when each packet was sent, by address."""
    sent = {}
    for tick in range(int(seconds / step)):
        now = tick * step
        while (one := dealer.pick(now)) is not None:
            granted = dealer.grant(one, min(share, one.wants), now)
            assert granted
            one.wants -= granted
            sent.setdefault(one.target.address, []).extend([now] * granted)
            dealer.enlist(one)
    return sent


@pytest.mark.parametrize("host_rate", [1, 7, 100, 1000])
def test_no_address_gets_more_than_its_rate_and_all_of_them_get_it(host_rate):
    several = [Address(f"192.0.2.{last}") for last in range(1, 6)]
    sent = run(dealer_for(*several, host_rate=host_rate), 1.0)
    for times in sent.values():
        saved = max(1, host_rate // 10)
        assert 0.85 * host_rate - 1 <= len(times) <= host_rate + saved
        for begin in range(10):
            window = [time for time in times if begin / 10 <= time < begin / 10 + 0.1]
            assert len(window) <= host_rate / 10 + saved + 1
    assert len(sent) == 5


def test_an_address_without_a_permission_is_no_reason_to_run_in_circles():
    slow = Address("192.0.2.1")
    dealer = dealer_for(slow, host_rate=10)
    one = dealer.pick(0.0)
    dealer.grant(one, 16, 0.0)
    dealer.enlist(one)
    assert dealer.pick(0.001) is None
    assert 0.05 < dealer.pause(0.001) <= 0.1


def test_the_rate_over_all_holds_beside_that_of_each():
    several = [Address(f"192.0.2.{last}") for last in range(1, 51)]
    sent = run(dealer_for(*several, rate=500, host_rate=100), 1.0)
    assert 450 <= sum(map(len, sent.values())) <= 510


def test_who_has_not_answered_comes_last_until_it_answers():
    silent, live = Address("192.0.2.1", 100), Address("192.0.2.2", 100)
    dealer = dealer_for(live)
    dealer.join(silent)
    dealer.enlist(silent, last=True)
    for _ in range(3):
        assert dealer.pick(0.0) is live
        dealer.enlist(live)
    dealer.enlist(silent)
    assert {dealer.pick(0.0), dealer.pick(0.0)} == {live, silent}


def test_who_has_left_is_neither_served_nor_kept():
    gone, other = Address("192.0.2.1"), Address("198.51.100.1")
    dealer = dealer_for(gone, other)
    dealer.leave(gone)
    assert dealer.pick(0.0) is other
    assert dealer.pick(0.0) is None
    dealer.give_back(gone, 16)


def test_who_is_slowed_down_gets_its_packets_evenly_and_the_others_as_before():
    slow, other = Address("192.0.2.1"), Address("192.0.2.2")
    dealer = dealer_for(slow, other)
    dealer.slow_down(slow, 250)
    sent = run(dealer, 1.0)
    assert 200 <= len(sent["192.0.2.1"]) <= 251
    assert max(sent["192.0.2.1"].count(time) for time in sent["192.0.2.1"]) == 1
    assert len(sent["192.0.2.2"]) == 1000
