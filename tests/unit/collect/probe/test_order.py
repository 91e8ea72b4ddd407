"""Every port is asked once, the telling ones first."""

from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.probe.order import HIGH, order, outsiders
from auditor.model.ports import ALL_TCP, NO_PORTS, PortSet

port_sets = st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 3000)), max_size=6).map(
    lambda pairs: PortSet((low, min(65535, low + more)) for low, more in pairs)
)


@given(port_sets, port_sets)
def test_each_port_asked_comes_up_once_but_never_port_zero(ask, first):
    sentinels, pilots, rest = order(ask, first)
    everything = [*sentinels, *pilots, *rest]
    assert len(everything) == len(set(everything))
    assert PortSet.numbers(everything) == ask - PortSet.parse("0")


def test_ports_of_the_policy_come_before_common_ones_and_these_before_the_rest():
    _, pilots, rest = order(ALL_TCP, PortSet.parse("9999,12345"))
    beginning = [*pilots, *rest[:20]]
    assert beginning[:2] == [9999, 12345]
    assert {22, 80, 443} <= set(beginning)


def test_sentinels_are_high_ports_that_nobody_named():
    sentinels, _, _ = order(ALL_TCP, PortSet.parse("10000-60000"))
    assert len(sentinels) == 8
    assert all(port > 60000 for port in sentinels)


def test_a_few_ports_have_no_sentinels_among_them():
    assert len(order(PortSet.parse("80,443,20000"), NO_PORTS)[0]) == 0
    assert len(order(PortSet.parse("1-1000,20000-20500"), NO_PORTS)[0]) == 0  # a host may serve all of these
    assert len(order(PortSet.parse("1-1000,20000-20600"), NO_PORTS)[0]) == 8


def test_sentinels_are_drawn_anew_where_ports_are_few():
    drawn = {tuple(order(PortSet([(30000, 31000 + more)]), NO_PORTS)[0]) for more in range(5)}
    assert len(drawn) == 5
    assert all(30000 <= port <= 31004 for ports in drawn for port in ports)


def test_udp_ports_are_not_asked_here():
    assert [len(part) for part in order(PortSet.parse("53/udp"), NO_PORTS)] == [0, 0, 0]


@given(port_sets)
def test_outsiders_are_high_ports_that_were_not_asked_for(ask):
    found = outsiders(ask)
    assert len(found) <= 8
    assert all(port >= HIGH and not ask.has(port) for port in found)


def test_there_are_no_outsiders_where_everything_is_asked():
    assert len(outsiders(ALL_TCP)) == 0
