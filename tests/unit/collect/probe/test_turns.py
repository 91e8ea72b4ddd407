"""Whose turn it is: networks first, then the hosts in them, then the addresses of a host."""

from collections import Counter, deque

import pytest

from auditor.collect.probe.turns import Load, Turns, fairly, network_of
from auditor.model.ports import PortSet
from auditor.model.target import Target

ASK = PortSet.parse("80")


def target(address, host=None):
    return Target(host=host or address, address=address, ask=ASK)


def never_full(_network):
    return False


def served(turns, count):
    """Serve so many in turn, each of which wants more at once."""
    for _ in range(count):
        one = turns.take(lambda _: True)
        yield one
        turns.add(one, network_of(one.address), one.host)


def test_a_network_is_a_24_or_a_64_and_a_zone_is_a_network_of_its_own():
    assert network_of("192.0.2.1") == network_of("192.0.2.254") != network_of("192.0.3.1")
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:0:1") != network_of("2001:db8:0:1::1")
    assert network_of("fe80::1%eth0") != network_of("fe80::1%eth1")
    assert network_of("0.0.2.1") != network_of("::2:1")


def test_what_is_no_address_has_no_network():
    with pytest.raises(ValueError, match="web"):
        network_of("web")


def test_a_small_network_gets_as_many_turns_as_one_of_hundreds():
    turns = Turns(never_full)
    for one in [target(f"192.0.2.{last}") for last in range(1, 251)] + [target("198.51.100.1")]:
        turns.add(one, network_of(one.address), one.host)
    count = Counter(network_of(one.address) for one in served(turns, 400))
    assert set(count.values()) == {200}


def test_a_host_of_many_addresses_gets_as_many_turns_as_one_of_one():
    turns = Turns(never_full)
    for one in [target(f"192.0.2.{last}", "many") for last in range(1, 101)] + [target("192.0.2.200", "one")]:
        turns.add(one, network_of(one.address), one.host)
    turn = list(served(turns, 200))
    assert Counter(one.host for one in turn) == {"many": 100, "one": 100}
    assert len({one.address for one in turn}) == 101


def test_who_does_not_fit_keeps_nobody_from_being_served_and_is_not_lost():
    turns = Turns(never_full)
    for last in range(1, 6):
        turns.add(target(f"192.0.2.{last}"), network_of("192.0.2.0"), str(last))
    assert turns.take(lambda one: one.address == "192.0.2.4").address == "192.0.2.4"
    assert turns.take(lambda one: one.address == "192.0.2.9") is None
    rest = deque(iter(lambda: turns.take(lambda _: True), None))
    assert sorted(one.address for one in rest) == [f"192.0.2.{last}" for last in (1, 2, 3, 5)]


def test_who_is_taken_out_is_not_served():
    turns = Turns(never_full)
    one, network = target("192.0.2.1"), network_of("192.0.2.1")
    turns.add(one, network, "web")
    turns.remove(one, network, "web")
    assert turns.take(lambda _: True) is None
    turns.add(one, network, "web")
    assert turns.take(lambda _: True) is one


def test_a_network_that_swallows_everything_leaves_room_for_the_others():
    load = Load(100)
    dead, live = network_of("192.0.2.1"), network_of("198.51.100.1")
    load.join(dead)
    load.add(dead, 100)
    assert not load.full(dead), "alone it may have everything"
    load.join(live)
    assert load.full(dead)
    assert not load.full(live)
    load.add(dead, -30)
    assert not load.full(dead)
    load.leave(live)
    load.add(dead, 30)
    assert not load.full(dead)


def test_hosts_are_begun_in_turn_too():
    thousands = [target(f"10.0.0.{last}") for last in range(256)] + [target("10.0.0.1", "twice")]
    few = [target("192.0.2.1"), target("192.0.2.2")]
    order = fairly(thousands + few)
    assert {one.address for one in order[:4]} == {"10.0.0.0", "10.0.0.1", "192.0.2.1", "192.0.2.2"}
    assert sorted(map(id, order)) == sorted(map(id, thousands + few))
