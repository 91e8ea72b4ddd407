"""What an ICMP message means for the port, by who says it."""

import socket

import pytest

from auditor.collect.probe.chunk import FOREIGN, LOCAL, REFUSED, UNREACHED
from auditor.collect.probe.icmp import Message, classify

HOST, ROUTER, OURS = "192.0.2.10", "192.0.2.254", "192.0.2.1"
FOUR, SIX = int(socket.AF_INET), int(socket.AF_INET6)


def verdict(kind, code, sender, family=FOUR, *, target_is_ours=False):
    message = Message(HOST, 80, family, kind, code, sender)
    return classify(message, ours=lambda address: address == OURS, target_is_ours=target_is_ours)


@pytest.mark.parametrize("code", range(16))
def test_whatever_the_host_itself_says_is_a_refusal(code):
    assert verdict(3, code, HOST)[0] == REFUSED


@pytest.mark.parametrize("code", [2, 3, 9, 10, 13])
def test_a_refusal_on_the_way_is_not_the_host_s(code):
    outcome, reason = verdict(3, code, ROUTER)
    assert outcome == FOREIGN
    assert f"ICMP 3/{code}" in reason
    assert ROUTER in reason


@pytest.mark.parametrize(("kind", "code"), [(3, 0), (3, 1), (3, 7), (11, 0)])
def test_a_router_that_cannot_reach_the_host_proves_nothing_about_the_port(kind, code):
    assert verdict(kind, code, ROUTER)[0] == UNREACHED


@pytest.mark.parametrize(
    ("kind", "code", "outcome"),
    [(1, 0, UNREACHED), (1, 1, FOREIGN), (1, 3, UNREACHED), (1, 4, FOREIGN), (1, 5, FOREIGN), (3, 0, UNREACHED)],
)
def test_the_same_holds_for_icmpv6(kind, code, outcome):
    assert verdict(kind, code, ROUTER, SIX)[0] == outcome


def test_our_own_kernel_saying_host_unreachable_means_no_neighbour():
    assert verdict(3, 1, OURS) == (UNREACHED, "no neighbour answers for the address")


@pytest.mark.parametrize("code", [0, 3, 13])
def test_our_own_firewall_says_nothing_about_the_host(code):
    outcome, reason = verdict(3, code, OURS)
    assert outcome == LOCAL
    assert reason.startswith("local: ")


def test_on_our_own_address_a_refusal_is_the_host_s():
    assert verdict(3, 3, OURS, target_is_ours=True)[0] == REFUSED
