"""The scanner tells what is there: states, reasons and hosts, against namespaces whose truth is known."""

from __future__ import annotations

import subprocess
from functools import partial

import pytest

from auditor.model.evidence import NO_ANSWER
from auditor.model.ports import PortSet

OPEN = PortSet.parse("22,80,443,5000,33333,50001,65535")
PORTS = tuple(port.number for port in OPEN)
SOME = "20-30,80,443,1000-1100,5000,33333,50001,65535"


@pytest.fixture(params=["connect", "syn"])
def look(look, request):
    """Every method tells the same."""
    return partial(look, method=request.param)


def reasons(observation):
    return {unknown.reason for unknown in observation.unknown}


def test_all_ports_of_a_responsive_host_are_told_apart_over_ipv4_ipv6_and_a_zone(lab, look):
    host = lab.host("web", "192.0.2.10", "2001:db8::10")
    host.listen(*PORTS)
    found = look("192.0.2.10", "2001:db8::10", host.link_local)
    for one in found.values():
        assert one.open == OPEN
        assert len(one.closed) == 65535 - len(OPEN)
        assert one.alive
        assert one.unknown == ()
        assert one.started <= one.finished


def test_a_host_behind_a_router_is_seen_as_one_on_link(lab, look):
    lab.host("far", "198.51.100.10", "2001:db8:1::10", routed=True).listen(*PORTS)
    for one in look("198.51.100.10", "2001:db8:1::10", ask=SOME).values():
        assert one.open == OPEN
        assert one.closed == one.asked - OPEN


def test_a_listener_that_resets_each_connection_is_open(lab, look):
    host = lab.host("web", "192.0.2.10")
    host.listen(80, 50001, behaviour="reset")
    assert look("192.0.2.10")["192.0.2.10"].open == PortSet.parse("80,50001")


def test_silent_ports_of_a_host_that_answers_are_filtered(lab, look):
    host = lab.host("web", "192.0.2.10")
    host.listen(22, 80)
    host.firewall("tcp dport != { 22, 443 } drop")
    one = look("192.0.2.10", ask="1-2000")["192.0.2.10"]
    assert (one.open, one.closed) == (PortSet.parse("22"), PortSet.parse("443"))
    assert one.filtered == one.asked - PortSet.parse("22,443")
    assert any("loss" in note for note in one.notes)


def test_a_full_accept_queue_looks_filtered_and_not_closed(lab, look):
    host = lab.host("web", "192.0.2.10")
    host.listen(80, behaviour="full")
    one = look("192.0.2.10", ask="79-81")["192.0.2.10"]
    assert one.filtered == PortSet.parse("80")


@pytest.mark.parametrize("routed", [False, True])
@pytest.mark.parametrize(
    "refusal",
    ["port-unreachable", "admin-prohibited", "host-prohibited", "net-prohibited", "host-unreachable",
     "net-unreachable", "prot-unreachable"],
)  # fmt: skip
def test_a_refusal_by_icmp_is_filtered(lab, look, refusal, routed):
    address = "198.51.100.10" if routed else "192.0.2.10"
    host = lab.host("web", address, routed=routed)
    host.listen(22)
    where, hook = (lab.router, "forward") if routed else (host, "input")
    where.firewall(f"tcp dport 1000-1200 reject with icmp {refusal}", hook=hook)
    one = look(address, ask="22-23,1000-1200")[address]
    assert one.filtered == PortSet.parse("1000-1200")
    assert (one.open, one.closed) == (PortSet.parse("22"), PortSet.parse("23"))
    assert any("ICMP 3/" in note for note in one.notes) or refusal in {"host-unreachable", "net-unreachable"}


@pytest.mark.parametrize("refusal", ["port-unreachable", "admin-prohibited", "addr-unreachable", "no-route",
                                     "policy-fail", "reject-route"])  # fmt: skip
def test_a_refusal_by_icmpv6_is_filtered(lab, look, refusal):
    host = lab.host("web", "2001:db8::10")
    host.listen(22)
    host.firewall(f"tcp dport 1000-1200 reject with icmpv6 {refusal}")
    one = look("2001:db8::10", ask="22-23,1000-1200")["2001:db8::10"]
    assert one.filtered == PortSet.parse("1000-1200")
    assert (one.open, one.closed) == (PortSet.parse("22"), PortSet.parse("23"))


def test_a_refusal_that_arrives_after_a_while_is_told_from_a_reset(lab, look):
    """Another processor handles the link, so that the message comes when the call that sent the SYN is over."""
    host = lab.host("web", "192.0.2.10")
    host.run(
        "sh", "-c", "mount -t sysfs sysfs /sys 2>/dev/null; echo 3 >/sys/class/net/eth0/queues/rx-0/rps_cpus || true"
    )
    host.listen(22)
    host.firewall("tcp dport 1000-3000 reject")
    one = look("192.0.2.10", ask="22-23,1000-3000")["192.0.2.10"]
    assert one.filtered == PortSet.parse("1000-3000")
    assert one.closed == PortSet.parse("23")


def test_a_reset_by_a_firewall_is_closed(lab, look):
    host = lab.host("web", "192.0.2.10")
    host.firewall("tcp dport 1000-1200 reject with tcp reset")
    assert look("192.0.2.10", ask="1000-1200")["192.0.2.10"].closed == PortSet.parse("1000-1200")


def test_a_dead_host_and_one_that_drops_everything_are_not_known_to_be_clean(lab, look):
    dark = lab.host("dark", "192.0.2.10")
    dark.firewall("tcp dport 1-65535 drop")
    lab.host("gone", "198.51.100.10", routed=True).stop()
    vacant = lab.vacant("192.0.2.99")
    found = look("192.0.2.10", "198.51.100.10", vacant, ask=SOME)
    for one in found.values():
        assert not one.seen
        assert one.alive is False
        assert all(reason.startswith(NO_ANSWER) for reason in reasons(one))
    assert reasons(found["192.0.2.10"]) == {NO_ANSWER}
    assert "no neighbour" in reasons(found[vacant]).pop()


def test_a_router_that_knows_no_such_host_does_not_make_it_alive(lab, look):
    lab.router.ip("route", "replace", "unreachable", "198.51.100.77")
    route_to("198.51.100.77")
    one = look("198.51.100.77", ask="1-100")["198.51.100.77"]
    assert one.alive is False
    assert not one.seen
    assert any("host unreachable" in reason for reason in reasons(one))


def test_a_router_that_refuses_some_ports_does_not_make_a_dead_host_alive(lab, look):
    lab.host("gone", "198.51.100.10", routed=True).stop()
    rules = ("tcp dport 23 reject with icmp admin-prohibited", "tcp dport 24 reject", "tcp dport 25-100 drop")
    lab.router.firewall(*rules, hook="forward")
    lab.router.ip("route", "replace", "198.51.100.10", "dev", "up0")
    one = look("198.51.100.10", ask="23-100")["198.51.100.10"]
    assert one.alive is False
    assert not one.seen
    assert all(reason.startswith(NO_ANSWER) for reason in reasons(one))


def route_to(address):
    subprocess.run(["ip", "route", "replace", address, "via", "203.0.113.2"], check=True)


@pytest.mark.parametrize("kind", ["blackhole", "prohibit", "unreachable", "throw"])
@pytest.mark.parametrize("address", ["192.0.2.66", "2001:db8::66"])
def test_a_route_of_our_own_that_leads_nowhere_says_nothing_about_ports(lab, look, kind, address):
    one = look(lab.hole(kind, address))[address]
    assert not one.seen
    assert one.alive is False
    assert all(reason.startswith("local: ") for reason in reasons(one))


@pytest.mark.usefixtures("lab")
def test_an_interface_that_does_not_exist_is_a_local_reason(look):
    one = look("fe80::1%nowhere0", ask="1-10")["fe80::1%nowhere0"]
    assert all(reason.startswith("local: ") for reason in reasons(one))


@pytest.fixture
def our_firewall():
    """Rules for what leaves this namespace; gone afterwards."""

    def rule(text):
        table = f"table inet ours {{ chain out {{ type filter hook output priority 0; {text}; }}; }}"
        subprocess.run(["nft", "-f", "-"], input=table, text=True, check=True)

    yield rule
    subprocess.run(["nft", "delete", "table", "inet", "ours"], check=False)


@pytest.mark.parametrize("rule", ["ip daddr 192.0.2.10 drop", "ip daddr 192.0.2.10 meta l4proto tcp reject",
                                  "ip daddr 192.0.2.10 reject with icmp admin-prohibited"])  # fmt: skip
def test_what_our_own_firewall_stops_says_nothing_about_ports(lab, look, our_firewall, rule):
    lab.host("web", "192.0.2.10").listen(80)
    our_firewall(rule)
    one = look("192.0.2.10", ask="1-200")["192.0.2.10"]
    assert not one.seen
    assert one.alive is False
    assert all(reason.startswith("local: ") for reason in reasons(one))


def test_a_proxy_that_answers_on_every_port_proves_nothing_open(lab, look):
    host = lab.host("web", "192.0.2.10")
    host.listen(9)
    host.firewall("tcp dport 1-65535 redirect to :9", hook="prerouting", kind="nat", priority=-100)
    one = look("192.0.2.10", ask="1-20000,40000-50000")["192.0.2.10"]
    assert not one.open
    assert reasons(one) == {"answers on every port"}


def test_few_ports_that_all_answer_are_checked_against_ports_that_nobody_serves(lab, look):
    host = lab.host("web", "192.0.2.10")
    host.listen(9)
    host.firewall("tcp dport 1-65535 redirect to :9", hook="prerouting", kind="nat", priority=-100)
    lab.host("honest", "192.0.2.11").listen(80, 443)
    found = look("192.0.2.10", "192.0.2.11", ask="80,443")
    assert reasons(found["192.0.2.10"]) == {"answers on every port"}
    assert found["192.0.2.11"].open == PortSet.parse("80,443")


def test_behind_a_syn_proxy_open_ports_are_those_that_are_not_reset(lab, look):
    lab.host("web", "198.51.100.10", routed=True).listen(80, 5000)
    router = lab.router
    router.sysctl(net__ipv4__tcp_syncookies=2, net__ipv4__tcp_timestamps=1, net__netfilter__nf_conntrack_tcp_loose=0)
    router.firewall("ip daddr 198.51.100.10 tcp flags syn notrack", hook="prerouting", priority=-300)
    router.firewall("ip daddr 198.51.100.10 ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm",
                    "ct state invalid drop", hook="forward")  # fmt: skip
    one = look("198.51.100.10", ask="1-100,5000,20000-20400")["198.51.100.10"]
    assert one.open == PortSet.parse("80,5000")
    assert one.closed == one.asked - one.open


def test_udp_and_port_zero_are_never_silently_dropped(lab, look):
    lab.host("web", "192.0.2.10").listen(80)
    one = look("192.0.2.10", ask="0,80,81,53/udp")["192.0.2.10"]
    assert one.asked == PortSet.parse("80,81,53/udp")
    assert one.closed == PortSet.parse("81,53/udp")
