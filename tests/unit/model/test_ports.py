"""Ports and port sets: membership, ranges to text and back, and what is refused."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model.ports import ALL_TCP, ALL_UDP, HIGHEST, NO_PORTS, Port, PortSet, Protocol

NUMBERS = st.integers(0, HIGHEST)
PORTS = st.builds(Port, st.sampled_from(Protocol), NUMBERS)
SPANS = st.tuples(NUMBERS, st.integers(0, 3000), st.sampled_from(Protocol)).map(
    lambda drawn: PortSet.span(drawn[0], min(drawn[0] + drawn[1], HIGHEST), drawn[2])
)


@st.composite
def port_sets(draw: st.DrawFn) -> PortSet:
    found = NO_PORTS
    for span in draw(st.lists(SPANS, max_size=6)):
        found |= span
    return found


@given(PORTS)
def test_a_port_reads_back_from_its_text(port: Port) -> None:
    assert Port.parse(str(port)) == port


def test_a_bare_number_means_tcp() -> None:
    assert Port.parse("443") == Port(Protocol.TCP, 443)


@pytest.mark.parametrize(
    "text", ["", "http", "-1", "65536", "4 4", "443/sctp", "0x50", "1e3", "\u0664\u0664\u0663", "/tcp", "000443"]
)
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Port.parse(text)


@given(st.sets(PORTS, max_size=30), st.sets(PORTS, max_size=30))
def test_algebra_over_both_protocols_is_that_of_sets(left: set[Port], right: set[Port]) -> None:
    ours, theirs = PortSet.of(*left), PortSet.of(*right)
    assert set(ours | theirs) == left | right
    assert set(ours & theirs) == left & right
    assert set(ours - theirs) == left - right
    assert (ours <= theirs) is (left <= right)
    assert len(ours) == len(left)


@given(st.sets(PORTS, max_size=30), PORTS)
def test_membership_tells_protocols_apart(ports: set[Port], port: Port) -> None:
    assert (port in PortSet.of(*ports)) is (port in ports)


@given(port_sets())
def test_a_port_set_reads_back_from_its_text(ports: PortSet) -> None:
    assert PortSet.parse(str(ports)) == ports


@given(
    st.lists(st.tuples(NUMBERS, st.integers(0, 9), st.sampled_from(["", " "])), min_size=1), st.sampled_from(Protocol)
)
def test_a_list_is_the_union_of_its_items_in_whatever_order(
    items: list[tuple[int, int, str]], protocol: Protocol
) -> None:
    spans = [(low, min(low + more, HIGHEST), blank) for low, more, blank in items]
    text = ",".join(f"{blank}{low}-{high}{blank}" for low, high, blank in spans)
    expected = PortSet.union(PortSet.span(low, high, protocol) for low, high, _ in spans)
    assert PortSet.parse(text, protocol) == expected


@given(port_sets(), st.sampled_from(Protocol))
def test_the_text_of_one_protocol_reads_back_as_that_part(ports: PortSet, protocol: Protocol) -> None:
    assert PortSet.parse(ports.text(protocol), protocol) == ports.only(protocol)


@given(port_sets())
def test_a_port_set_is_the_union_of_its_two_protocols(ports: PortSet) -> None:
    tcp, udp = ports.only(Protocol.TCP), ports.only(Protocol.UDP)
    assert tcp | udp == ports
    assert tcp.isdisjoint(udp)


@given(port_sets())
def test_a_pickled_port_set_comes_back_as_a_port_set(ports: PortSet) -> None:
    back = pickle.loads(pickle.dumps(ports))  # noqa: S301  # its own bytes, made on this line
    assert back == ports
    assert isinstance(back, PortSet)


@given(st.lists(NUMBERS, max_size=50), st.sampled_from(Protocol))
def test_numbers_in_any_order_make_the_same_set(numbers: list[int], protocol: Protocol) -> None:
    assert PortSet.numbers(numbers, protocol) == PortSet.of(*(Port(protocol, number) for number in numbers))


def test_iteration_is_ascending_with_tcp_first() -> None:
    ports = PortSet.parse("53/udp,443,80,52-53/udp")
    assert [str(port) for port in ports] == ["80/tcp", "443/tcp", "52/udp", "53/udp"]


def test_neighbouring_ports_print_as_one_range() -> None:
    assert str(PortSet.parse("80,81,82,90,53/udp,54/udp")) == "80-82/tcp,90/tcp,53-54/udp"


def test_a_range_never_runs_from_tcp_into_udp() -> None:
    assert str(PortSet.span(0, HIGHEST) | PortSet.span(0, HIGHEST, Protocol.UDP)) == "0-65535/tcp,0-65535/udp"


@pytest.mark.parametrize("text", ["90-80", "70000", "1-70000", "http", "80;90", "80/icmp", "1-2-3", "-", "80-", "-80"])
def test_a_text_that_is_no_set_of_ports_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        PortSet.parse(text)


@pytest.mark.parametrize(("low", "high"), [(90, 80), (0, 65536), (-1, 5)])
def test_a_span_outside_the_numbers_of_ports_is_refused(low: int, high: int) -> None:
    with pytest.raises(ValueError, match="not a range of ports"):
        PortSet.span(low, high)


@given(st.text(alphabet="0123456789-,/tcpud ", max_size=20))
def test_any_text_is_read_or_refused_with_a_value_error(text: str) -> None:
    try:
        ports = PortSet.parse(text)
    except ValueError:
        return
    assert PortSet.parse(str(ports)) == ports


def test_everything_that_can_be_asked_is_each_port_but_zero() -> None:
    assert len(ALL_TCP) == len(ALL_UDP) == HIGHEST
    assert Port(Protocol.TCP, 0) not in ALL_TCP
    assert ALL_TCP.isdisjoint(ALL_UDP)
    assert ALL_TCP.bounds == (1, 65536), "all ports cost two integers"


def test_a_port_set_shows_itself_when_debugging() -> None:
    assert repr(PortSet.parse("80")) == "PortSet('80/tcp')"
