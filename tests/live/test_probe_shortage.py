"""A machine short of something, and its own firewall: what is ours is never taken for the host's, nor left behind."""

from __future__ import annotations

import contextlib
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auditor.model.evidence import NO_ANSWER
from auditor.model.ports import PortSet

ONCE = str(Path(__file__).with_name("scan_once.py"))
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
WEB4, WEB6 = "192.0.2.10", "2001:db8::10"


@pytest.fixture
def ten_sources():
    """The kernel picks source ports from ten; the old range returns."""
    before = RANGE.read_text()
    RANGE.write_text("20000 20009")
    yield range(20000, 20010)
    RANGE.write_text(before)


@pytest.fixture
def our_firewall():
    """Rules for what leaves this namespace; gone afterwards."""

    def rules(*texts):
        table = f"table inet ours {{ chain out {{ type filter hook output priority 0; {'; '.join(texts)}; }}; }}"
        subprocess.run(["nft", "-f", "-"], input=table, text=True, check=True)

    yield rules
    subprocess.run(["nft", "delete", "table", "inet", "ours"], check=False)


def reasons(observation):
    return {unknown.reason: unknown.ports for unknown in observation.unknown}


def own_addresses():
    """Every address of this namespace, with its zone where it has one."""
    found = []
    for line in subprocess.run(["ip", "-o", "addr"], capture_output=True, text=True, check=True).stdout.splitlines():
        words = line.split()
        address = words[3].partition("/")[0]
        found.append(f"{address}%{words[1]}" if address.startswith("fe80") else address)
    return found


def test_no_address_of_our_own_shows_a_phantom_with_ten_source_ports(lab, look, ten_sources):
    """Nearly every connection to one of the ten ports meets itself."""
    lab.host("web", WEB4, WEB6)
    own = own_addresses()
    assert {"127.0.0.1", "::1", "192.0.2.1", "2001:db8::1"} < set(own)
    assert any("%" in address for address in own)
    for one in look(*own, "127.8.8.8", ask=f"1-300,{ten_sources[0] - 20}-{ten_sources[-1] + 20}").values():
        assert not one.open, one.address
        assert not one.filtered
        assert all(reason.startswith("local: ") for reason in reasons(one))
        assert len(one.closed) >= len(one.asked) - len(ten_sources)


def hold(ports):
    """Sockets that have these ports, so that nobody gets them as a source."""
    with contextlib.ExitStack() as stack:
        for port in ports:
            sock = stack.enter_context(socket.socket(socket.AF_INET6))
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.bind(("::", port))
        return stack.pop_all()


def test_without_a_free_source_port_nothing_is_known(lab, look, ten_sources):
    lab.host("web", WEB4, WEB6).listen(80)
    with hold(ten_sources):
        for one in look(WEB4, WEB6, ask="79-81").values():
            assert not one.seen
            assert not one.alive
            assert list(reasons(one)) == ["local: Cannot assign requested address"]


def test_when_source_ports_become_free_again_the_scan_goes_on(lab, look, ten_sources):
    lab.host("web", WEB4).listen(80)
    held = hold(ten_sources)
    begun = time.monotonic()

    def free(_):
        if time.monotonic() > begun + 0.3:
            held.close()

    with held:
        one = look(WEB4, ask="75-84", then=free)[WEB4]
    assert one.open == PortSet.parse("80")
    assert one.closed == one.asked - one.open


def test_a_port_that_takes_nothing_from_the_ten_is_found_beside_them(lab, look, ten_sources):
    lab.host("web", WEB4, WEB6).listen(80, 20005)
    with hold(ten_sources[:9]):
        for one in look(WEB4, WEB6, ask="1-100,20000-20010").values():
            assert one.open == PortSet.parse("80,20005")
            assert one.closed == one.asked - one.open


def test_no_connection_lingers_after_a_scan_of_many_open_ports(lab, look):
    """TIME_WAIT would hold a source port for a minute: an open port is reset, and not closed."""
    ports = PortSet.parse("1000-1299")
    host = lab.host("web", WEB4, WEB6)
    host.listen(*(port.number for port in ports))
    for one in look(WEB4, WEB6, ask="900-1399,20000-20050").values():
        assert one.open == ports
    asked = ["dport", ">=", ":900", "and", "dport", "<=", ":1399"]  # others linger from tests that came before
    words = ["ss", "-Htan", "exclude", "listening", *asked, "and", "(", "dst", WEB4, "or", "dst", f"[{WEB6}]", ")"]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == ""
    assert "TIME-WAIT" not in host.run("ss", "-Htan")


def test_sixty_four_descriptors_are_enough_for_both_families_and_silent_hosts(lab):
    host = lab.host("web", WEB4, WEB6)
    host.listen(80, 50001)
    host.firewall("tcp dport 100-199 drop")
    words = [sys.executable, ONCE, "1-500,50001", WEB4, WEB6, lab.vacant("192.0.2.98")]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=200, check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
    )  # fmt: skip
    lines = done.stdout.splitlines()
    for address in (WEB4, WEB6):
        assert f"{address} 80/tcp,50001/tcp 399 100 []" in lines
    assert next(line for line in lines if line.startswith("192.0.2.98")).startswith(f"192.0.2.98  0 0 ['{NO_ANSWER}")
    assert lines[-1] == "end True None leaked 0"


@pytest.mark.parametrize("rule", ["ip6 daddr 2001:db8::10 drop", "ip6 daddr 2001:db8::10 meta l4proto tcp reject",
                                  "ip6 daddr 2001:db8::10 reject with icmpv6 admin-prohibited"])  # fmt: skip
def test_what_our_own_firewall_stops_says_nothing_about_ports_of_ipv6(lab, look, our_firewall, rule):
    lab.host("web", WEB4, WEB6).listen(80)
    our_firewall(rule)
    one = look(WEB6, ask="1-200")[WEB6]
    assert not one.seen
    assert one.alive is False
    assert all(reason.startswith("local: ") for reason in reasons(one))


def test_ports_that_our_own_firewall_refuses_are_local_and_the_others_are_told(lab, look, our_firewall):
    lab.host("web", WEB4, WEB6).listen(80, 150)
    our_firewall("tcp dport 100-199 reject")
    for one in look(WEB4, WEB6, ask="1-300").values():
        assert one.open == PortSet.parse("80")
        assert one.closed == PortSet.parse("1-300") - PortSet.parse("80,100-199")
        assert not one.filtered
        assert all(reason.startswith("local: this machine's firewall refuses") for reason in reasons(one))


def test_a_firewall_of_ours_that_drops_tcp_alone_leaves_the_host_unknown(lab, look, our_firewall):
    lab.host("web", WEB4, WEB6).listen(80)
    our_firewall("meta l4proto tcp drop")
    for one in look(WEB4, WEB6, ask="79-81").values():
        assert not one.seen
        assert one.alive is False


def test_an_address_that_no_neighbour_has_is_unknown_over_both_families(lab, look):
    lab.host("web", WEB4, WEB6)
    for one in look(lab.vacant("192.0.2.98"), lab.vacant("2001:db8::98"), ask="1-50").values():
        assert not one.seen
        assert one.alive is False
        assert all(reason.startswith(NO_ANSWER) for reason in reasons(one))


def cpu(who):
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def test_the_first_port_kept_in_by_our_own_firewall_does_not_decide_about_the_host(lab, look, our_firewall):
    lab.host("web", WEB4, WEB6).listen(24)
    our_firewall("tcp dport { 21, 22, 25 } reject")
    for one in look(WEB4, WEB6, ask="20-40", first="22", rate=100).values():
        assert one.open == PortSet.parse("24")
        assert one.closed == PortSet.parse("20,23,26-40")


def test_more_refusals_of_our_own_firewall_than_it_may_tell_leave_the_silent_rest_unknown(lab, look, our_firewall):
    """The kernel sends 1,000 ICMP messages a second, 50 at once; an open port is among those it says nothing of."""
    host = lab.host("web", WEB4)
    host.listen(80, 5000)
    host.firewall("tcp dport 300-399 drop")
    our_firewall("tcp dport 1000-9999 reject")
    one = look(WEB4, ask="1-12000")[WEB4]
    assert one.open == PortSet.parse("80")
    assert not one.filtered & PortSet.parse("1000-9999")
    assert not one.closed & PortSet.parse("1000-9999")
    assert all(reason.startswith("local: this machine's firewall refuses") for reason in reasons(one))


@pytest.mark.parametrize("permille", [0, 200])
def test_a_scan_that_waits_most_of_the_time_leaves_the_processor_alone(lab, look, permille):
    host = lab.host("web", WEB4)
    host.listen(80)
    host.firewall("tcp dport 300-900 drop")
    host.lose(permille, hook="output")
    begun, before = time.monotonic(), cpu(resource.RUSAGE_SELF)
    one = look(WEB4, lab.vacant("192.0.2.98"), ask="1-900", rate=2000)[WEB4]
    seconds, used = time.monotonic() - begun, cpu(resource.RUSAGE_SELF) - before
    assert one.open == PortSet.parse("80")
    assert used < seconds / 2
