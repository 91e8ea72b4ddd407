"""Addresses and network sets: both families on one axis, IPv4-mapped IPv6 as the IPv4 that it carries."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model.network import EVERYWHERE, LOOPBACK, NOWHERE, PRIVATE, NetworkSet, parse_address

V4 = st.ip_addresses(v=4)
V6 = st.ip_addresses(v=6).filter(lambda address: address.ipv4_mapped is None)
ADDRESSES = V4 | V6
SMALL_V4 = st.integers(0, 255).map(lambda last: IPv4Address(f"192.0.2.{last}"))
SMALL_V6 = st.integers(0, 255).map(lambda last: IPv6Address(f"2001:db8::{last:x}"))
NEIGHBOURS = st.sets(SMALL_V4 | SMALL_V6, max_size=30)
NETWORKS = st.one_of(
    st.tuples(V4, st.integers(0, 32)).map(lambda drawn: IPv4Network((int(drawn[0]), drawn[1]), strict=False)),
    st.tuples(V6, st.integers(96, 128)).map(lambda drawn: IPv6Network((int(drawn[0]), drawn[1]), strict=False)),
)


def addresses_of(networks: NetworkSet) -> set[IPv4Address | IPv6Address]:
    return {address for network in networks.networks() for address in network}


@given(NEIGHBOURS, NEIGHBOURS)
def test_algebra_over_both_families_is_that_of_sets(
    left: set[IPv4Address | IPv6Address], right: set[IPv4Address | IPv6Address]
) -> None:
    ours, theirs = NetworkSet.of(*left), NetworkSet.of(*right)
    assert addresses_of(ours | theirs) == left | right
    assert addresses_of(ours & theirs) == left & right
    assert addresses_of(ours - theirs) == left - right
    assert (ours <= theirs) is (left <= right)
    assert ours.size == len(left)


@given(st.lists(NETWORKS, min_size=1, max_size=6), ADDRESSES)
def test_an_address_is_inside_when_one_of_the_networks_holds_it(
    networks: list[IPv4Network | IPv6Network], address: IPv4Address | IPv6Address
) -> None:
    assert (address in NetworkSet.of(*networks)) is any(address in network for network in networks)


@given(st.lists(NETWORKS, min_size=1, max_size=6))
def test_a_network_set_reads_back_from_its_text(networks: list[IPv4Network | IPv6Network]) -> None:
    made = NetworkSet.of(*networks)
    assert NetworkSet.parse(str(made)) == made


@given(st.lists(NETWORKS, min_size=1, max_size=6))
def test_networks_come_back_disjoint_and_cover_the_same(networks: list[IPv4Network | IPv6Network]) -> None:
    back = list(NetworkSet.of(*networks).networks())
    assert NetworkSet.of(*back) == NetworkSet.of(*networks)
    assert sum(network.num_addresses for network in back) == NetworkSet.of(*networks).size


def test_two_halves_of_the_internet_are_the_whole() -> None:
    assert NetworkSet.parse("0.0.0.0/1,128.0.0.0/1") == NetworkSet.parse("0.0.0.0/0")
    assert NetworkSet.parse("0.0.0.0/0,::/0") == EVERYWHERE


@given(V4)
def test_an_ipv4_mapped_address_is_the_ipv4_address_it_carries(address: IPv4Address) -> None:
    mapped = IPv6Address(f"::ffff:{address}")
    assert parse_address(str(mapped)) == address
    assert NetworkSet.of(mapped) == NetworkSet.of(address)
    assert mapped in NetworkSet.of(address)


def test_mapped_networks_are_the_ipv4_networks_they_carry() -> None:
    assert NetworkSet.parse("::ffff:192.0.2.0/120") == NetworkSet.parse("192.0.2.0/24")


def test_a_network_around_the_mapped_block_stays_ipv6() -> None:
    assert ip_address("2001:db8::1") in NetworkSet.parse("::/0")
    assert ip_address("192.0.2.1") not in NetworkSet.parse("::/0")


@given(V6)
def test_an_ipv6_address_keeps_its_own_place(address: IPv6Address) -> None:
    assert parse_address(str(address)) == address
    assert list(NetworkSet.of(address).networks()) == [ip_network(address)]


def test_an_address_keeps_its_zone() -> None:
    assert str(parse_address("fe80::1%eth0")) == "fe80::1%eth0"


@pytest.mark.parametrize("text", ["", "web-1", "192.0.2.1/24", "192.0.2.0/33", "192.0.2.256", "::/129", "1.2.3", "a,b"])
def test_a_text_that_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        NetworkSet.parse(text)


@pytest.mark.parametrize("text", ["", "192.0.2.0/24", "web-1", "010.0.0.1", "192.0.2.1 "])
def test_a_text_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_address(text)


def test_single_addresses_print_without_a_length() -> None:
    assert str(NetworkSet.parse("192.0.2.7,2001:db8::/64,192.0.2.8/31")) == "192.0.2.7,192.0.2.8/31,2001:db8::/64"
    assert repr(NetworkSet.parse("::1")) == "NetworkSet('::1')"


@pytest.mark.parametrize("inside", ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_all_of_127_and_one_ipv6_address(inside: str) -> None:
    assert ip_address(inside) in LOOPBACK


@pytest.mark.parametrize("inside", ["10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "fe80::1", "::1"])
def test_private_holds_every_network_that_the_internet_cannot_route_to(inside: str) -> None:
    assert ip_address(inside) in PRIVATE


@pytest.mark.parametrize("outside", ["172.32.0.1", "192.0.2.1", "100.128.0.1", "2001:db8::1"])
def test_private_holds_no_public_address(outside: str) -> None:
    assert ip_address(outside) not in PRIVATE


def test_nowhere_is_empty_and_inside_everything() -> None:
    assert not NOWHERE
    assert NOWHERE <= LOOPBACK <= PRIVATE <= EVERYWHERE
    assert str(NOWHERE) == ""
