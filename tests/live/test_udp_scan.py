"""The UDP scanner against hosts of the laboratory: real servers, firewalls, limits, loss, dead ends."""

from __future__ import annotations

import gc
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auditor.collect.probe.udp import Budget, scan_joined, scan_udp
from auditor.model.evidence import NO_ANSWER
from auditor.model.ports import NO_PORTS, PortSet, Protocol
from auditor.model.target import Batch, Surprises, Target

WEB4, WEB6 = "192.0.2.10", "2001:db8::10"
LIMITS = "the host limits ICMP"
RESPONDER = """
import select, socket, sys
def bound(place):
    address, _, port = place.rpartition("#")
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind((f"::ffff:{address}" if address else "::", int(port)))
    return sock
socks = [bound(word) for word in sys.argv[2:]]
print("ready", flush=True)
while True:
    for sock in select.select(socks, [], [])[0]:
        data, peer = sock.recvfrom(4096)
        try:
            if sys.argv[1] == "elsewhere":
                bound("0").sendto(b"\\0\\5\\0\\1no such file\\0", peer)
            elif sys.argv[1] == "answer":
                sock.sendto(b"here I am", peer)
        except OSError:
            pass
"""


class Watcher:
    """Notes when the first open port was seen."""

    def __init__(self):
        self.began = time.monotonic()
        self.opened = []

    def progress(self, done, total, opened):
        assert 0 <= done <= total
        self.opened.append((time.monotonic() - self.began, opened))

    def say(self, message):
        raise AssertionError(message)


def udp(text):
    return PortSet.parse(text, Protocol.UDP)


def respond(host, *ports, manner="answer"):
    words = [sys.executable, "-S", "-c", RESPONDER, manner, *map(str, ports)]
    process = host.start(*words, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"


def generous(host):
    """A host that refuses every closed port."""
    host.sysctl(
        net__ipv4__icmp_ratelimit=0,
        net__ipv4__icmp_msgs_per_sec=1_000_000,
        net__ipv4__icmp_msgs_burst=100_000,
        net__ipv6__icmp__ratelimit=0,
    )


def scan(*addresses, ask, first=NO_PORTS, rate=20_000, budget=Budget(5.0, 60.0), network=False):  # noqa: B008 - frozen
    """The observations by address; the evidence must be complete."""
    targets = [Target(host=one, address=one, ask=ask, first=first, network=network) for one in addresses]
    evidence = scan_udp(Batch(targets=targets, vantage="lab", rate=rate), Watcher(), budget=budget)
    found = {seen.address: seen for seen in evidence}
    assert evidence.completion.complete
    for seen in found.values():
        assert_accounted(seen)
    return found


def scan_one(address, **options):
    return scan(address, **options)[address]


def assert_accounted(seen):
    parts = [seen.open, seen.closed, seen.filtered, seen.open_filtered, *(one.ports for one in seen.unknown)]
    whole = NO_PORTS
    for part in parts:
        whole |= part
    assert whole == seen.asked
    assert sum(map(len, parts)) == len(whole)


def reasons(seen):
    return {one.reason: one.ports for one in seen.unknown}


def real(program):
    """The path of a real server; its absence skips with the reason, or fails where CI is true."""
    path = shutil.which(program) or shutil.which(f"/usr/sbin/{program}")
    if path is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{program} is not installed")
    return path


def eventually(check, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := check():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come about")


def open_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def bound_ports(host):
    return {int(line.split()[3].rpartition(":")[2]) for line in host.run("ss", "-Hlun").splitlines()}


def test_a_host_without_limits_is_settled_port_by_port(lab):
    host = lab.host("web", WEB4, WEB6)
    generous(host)
    respond(host, 1000, 1777, 2999)
    for address in (WEB4, WEB6):
        seen = scan_one(address, ask=udp("1-3000"), rate=None)
        assert seen.open == udp("1000,1777,2999")
        assert seen.closed == udp("1-3000") - seen.open
        assert seen.alive is True
        assert not seen.services, "an unknown answer names no protocol"


def test_real_dns_time_and_management_servers_answer_and_are_recognised(lab, tmp_path):
    host = lab.host("web", WEB4, WEB6)
    generous(host)
    host.start(real("dnsmasq"), "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--user=root", "--pid-file=")
    host.start(
        real("chronyd"), "-d", "-x", "-u", "root", "allow", "local stratum 10", "cmdport 0",
        f"pidfile {tmp_path}/chronyd.pid",
    )  # fmt: skip
    config = tmp_path / "snmpd.conf"
    config.write_text("rocommunity public\nagentaddress udp:161,udp6:161\n", encoding="ascii")
    host.start(real("snmpd"), "-f", "-Lo", "-C", "-c", str(config), "-p", str(tmp_path / "snmpd.pid"))
    eventually(lambda: {53, 123, 161} <= bound_ports(host))
    for address in (WEB4, WEB6):
        seen = scan_one(address, ask=udp("1-1000"))
        assert seen.open == udp("53,123,161")
        assert seen.closed == udp("1-1000") - seen.open
        named = {one.port.number: one for one in seen.services}
        assert {port: one.service for port, one in named.items()} == {53: "dns", 123: "ntp", 161: "snmp"}
        assert named[53].product == "dnsmasq"
        assert named[53].version


def test_an_agent_that_speaks_the_second_version_alone_is_found(lab, tmp_path):
    host = lab.host("web", WEB4)
    config = tmp_path / "snmpd.conf"
    config.write_text("rocommunity public\nagentaddress udp:161\n", encoding="ascii")
    host.start(real("snmpd"), "-f", "-Lo", "-C", "-c", str(config), "-p", str(tmp_path / "snmpd.pid"))
    eventually(lambda: 161 in bound_ports(host))
    host.firewall("udp dport 161 @ih,32,24 0x020103 drop")
    assert scan_one(WEB4, ask=udp("161,162")).open == udp("161")


def test_answers_from_another_port_belong_to_the_one_that_was_asked(lab):
    host = lab.host("web", WEB4, WEB6)
    generous(host)
    respond(host, 69, manner="elsewhere")
    for address in (WEB4, WEB6):
        seen = scan_one(address, ask=udp("1-100,1024-65535"), rate=None)
        assert seen.open == udp("69")
        assert [one.service for one in seen.services] == ["tftp"]


def test_the_default_limits_of_linux_hide_no_talker_and_invent_nothing(lab):
    host = lab.host("web", WEB4)
    talkers = (53, 123, 161, 500, 777)
    respond(host, *talkers)
    target = Target(host="web", address=WEB4, ask=udp("1-1000"))
    watcher = Watcher()
    (seen,) = scan_udp(Batch(targets=[target], rate=20_000), watcher)
    assert seen.open == PortSet.numbers(talkers, Protocol.UDP)
    assert not seen.filtered
    assert not seen.open_filtered
    assert seen.closed
    assert set(reasons(seen)) == {LIMITS}
    assert any("limits" in note for note in seen.notes)
    assert max(when for when, opened in watcher.opened if opened < len(talkers)) < 5, "talkers come first"


def test_named_ports_of_a_limited_host_are_proven_one_after_another(lab):
    lab.host("web", WEB4)
    scan_one(WEB4, ask=udp("1-50"), budget=Budget(0.0, 0.0))  # it has given away what it had saved
    named = udp("53,123,161,500,5353")
    seen = scan_one(WEB4, ask=named, first=named)
    assert seen.closed == named


def test_silent_named_ports_of_a_limited_host_are_told_from_closed_ones(lab):
    host = lab.host("web", WEB4)
    host.firewall("udp dport { 123, 161, 700-740 } drop")
    named = udp("53,123,161,500,700-740")
    seen = scan_one(WEB4, ask=named | udp("1000-1500"), first=named)
    assert udp("53,500") <= seen.closed
    assert udp("123,161,700-740") <= seen.open_filtered
    assert seen.unspoken == seen.open_filtered - udp("123,161")
    assert set(reasons(seen)) == {LIMITS}


def test_ipv6_limits_are_recognised(lab):
    host = lab.host("web", WEB4, WEB6)
    respond(host, 53)
    seen = scan_one(WEB6, ask=udp("1-1000"))
    assert seen.open == udp("53")
    assert not seen.open_filtered
    assert set(reasons(seen)) == {LIMITS}


def test_dropped_ports_beside_closed_ones_are_open_or_filtered(lab):
    host = lab.host("web", WEB4, WEB6)
    generous(host)
    respond(host, 53)
    host.firewall("udp dport 400-600 drop")
    for address in (WEB4, WEB6):
        seen = scan_one(address, ask=udp("1-1000"))
        assert seen.open == udp("53")
        assert seen.open_filtered == udp("400-600")
        assert seen.closed == udp("1-1000") - udp("53,400-600")


def test_a_host_that_drops_all_is_unverified_and_not_called_dead(lab):
    host = lab.host("web", WEB4)
    host.firewall("meta l4proto udp drop")
    seen = scan_one(WEB4, ask=udp("1-100"))
    assert reasons(seen) == {NO_ANSWER: udp("1-100")}
    assert seen.alive is None


@pytest.mark.parametrize(
    ("reject", "said"),
    [
        ("reject with icmpx admin-prohibited", "prohibited"),
        ("reject with icmpx host-unreachable", "unreachable"),
        ("reject with icmpx no-route", ""),
    ],
)
def test_a_firewall_s_refusal_is_filtered(lab, reject, said):
    host = lab.host("web", WEB4, WEB6)
    generous(host)
    host.firewall(f"udp dport 100-199 {reject}")
    for address in (WEB4, WEB6):
        seen = scan_one(address, ask=udp("1-300"))
        assert seen.filtered == udp("100-199")
        assert seen.closed == udp("1-99,200-300")
        assert any("100 UDP ports refused by ICMP" in note and said in note for note in seen.notes)


def test_what_a_router_refuses_is_filtered_even_if_it_says_that_the_port_is_unreachable(lab):
    host = lab.host("far", "198.51.100.20", routed=True)
    generous(host)
    generous(lab.router)
    respond(host, 53)
    lab.router.firewall("udp dport 100-199 reject", hook="forward")
    seen = scan_one("198.51.100.20", ask=udp("1-300"))
    assert seen.open == udp("53")
    assert seen.filtered == udp("100-199")
    assert seen.closed == udp("1-52,54-99,200-300")


def test_a_router_without_a_way_to_the_host_is_no_answer_of_the_host(lab):
    lab.host("far", "198.51.100.20", routed=True)
    lab.router.ip("route", "replace", "unreachable", "198.51.100.20")
    seen = scan_one("198.51.100.20", ask=udp("1-50"))
    assert not seen.seen
    assert [reason.startswith(f"{NO_ANSWER}: ICMP 3/1") for reason in reasons(seen)] == [True]
    assert seen.alive is None


def test_a_tenth_lost_each_way_costs_no_talker_and_no_closed_port(lab):
    host = lab.host("web", WEB4, WEB6)
    generous(host)
    talkers = range(1000, 2000, 20)
    respond(host, *talkers)
    for hook in ("input", "output"):
        host.firewall("meta l4proto { udp, icmp } numgen random mod 1000 < 100 drop", hook=hook)
    for _ in range(3):
        seen = scan_one(WEB4, ask=udp("1000-1999"))
        assert seen.open == PortSet.numbers(talkers, Protocol.UDP)
        assert len(seen.closed) >= 949
        assert not seen.filtered


def test_what_our_own_firewall_keeps_in_is_unverified(lab):
    host = lab.host("web", WEB4)
    generous(host)
    rules = "add table inet own\nadd chain inet own out { type filter hook output priority 0; }\n"
    rules += "add rule inet own out udp dport 100-110 drop\nadd rule inet own out udp dport 200-210 reject\n"
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
    try:
        seen = scan_one(WEB4, ask=udp("1-300"))
    finally:
        subprocess.run(["nft", "delete", "table", "inet", "own"], check=True)
    assert seen.closed == udp("1-300") - udp("100-110,200-210")
    for reason in reasons(seen):
        assert reason.startswith("local: this machine's firewall")


def test_dead_ends_of_our_own_routes_are_unverified_at_once(lab):
    lab.host("web", WEB4)
    holes = {kind: lab.hole(kind, f"192.0.2.{last}") for last, kind in
             enumerate(("blackhole", "prohibit", "unreachable"), 60)}  # fmt: skip
    found = scan(*holes.values(), "203.0.113.200", ask=udp("1-50"))
    for address, seen in found.items():
        assert not seen.seen, address
        assert [reason.startswith("local: ") for reason in reasons(seen)] == [True]
        assert seen.alive is None


def test_an_address_that_nobody_has_is_no_answer(lab):
    lab.host("web", WEB4)
    seen = scan_one(lab.vacant("192.0.2.99"), ask=udp("1-50"))
    assert not seen.seen
    assert all(reason.startswith(NO_ANSWER) for reason in reasons(seen))


def test_an_address_with_a_zone_is_scanned_on_that_link(lab):
    host = lab.host("web", WEB4, WEB6)
    generous(host)
    respond(host, 53)
    seen = scan_one(host.link_local, ask=udp("50-60"))
    assert seen.open == udp("53")
    assert seen.closed == udp("50-52,54-60")
    (unknown,) = scan_one("fe80::1%nowhere", ask=udp("53")).unknown
    assert unknown.reason == "local: there is no such network interface as the address names"


def test_every_port_of_this_very_machine_is_told_without_meeting_ourselves():
    if os.environ.get("AUDITOR_ISOLATED") != "1":
        pytest.skip("it runs inside tests/isolated alone")
    found = scan("127.0.0.1", "::1", ask=udp("1-65535"), rate=None)
    for seen in found.values():
        assert not seen.open
        assert seen.closed == udp("1-65535")


def test_two_names_of_one_address_both_get_the_answers(lab):
    host = lab.host("web", WEB4)
    generous(host)
    respond(host, 53)
    targets = [Target(host=name, address=WEB4, ask=udp(ask)) for name, ask in (("a", "50-60"), ("b", "53-70"))]
    found = {seen.host: seen for seen in scan_udp(Batch(targets=targets, rate=20_000), Watcher())}
    assert found["a"].open == found["b"].open == udp("53")
    assert found["a"].closed == udp("50-52,54-60")
    assert found["b"].closed == udp("54-70")


def test_many_hosts_are_asked_side_by_side(lab):
    addresses = tuple(f"198.51.100.{last}" for last in range(1, 61))
    host = lab.host("many", *addresses)
    generous(host)
    respond(host, *(f"{address}#{port}" for address in addresses for port in (53, 161)))
    found = scan(*addresses, *(lab.vacant(f"203.0.113.{last}") for last in range(100, 150)), ask=udp("53,123,161,500"))
    for address in addresses:
        assert found[address].open == udp("53,161"), address
        assert found[address].closed == udp("123,500")
    assert sum(seen.alive is None for seen in found.values()) == 50


def test_a_scan_that_is_broken_off_keeps_what_it_knows_and_closes_everything(lab):
    host = lab.host("web", WEB4, "192.0.2.11")
    generous(host)
    before = open_descriptors()
    targets = [Target(host="a", address=one, ask=udp("1-500")) for one in (WEB4, lab.vacant("192.0.2.98"))]
    evidence = scan_udp(Batch(targets=targets, rate=20_000), Watcher())
    reading = iter(evidence)
    first = next(reading)
    assert first.closed == udp("1-500")
    reading.close()
    (rest,) = evidence.partial()
    assert reasons(rest) == {"interrupted": udp("1-500")}
    assert not evidence.completion.complete
    gc.collect()
    assert open_descriptors() == before


def test_the_rate_is_kept(lab):
    host = lab.host("web", WEB4)
    generous(host)
    began = time.monotonic()
    seen = scan_one(WEB4, ask=udp("1-1000"), rate=2000)
    assert time.monotonic() - began > 0.45
    assert seen.closed == udp("1-1000")


def test_tcp_and_udp_of_a_target_come_as_one_observation(lab):
    host, mute = lab.host("web", WEB4), lab.host("mute", "192.0.2.11")
    generous(host)
    host.listen(80)
    respond(host, 53)
    mute.listen(80)
    mute.firewall("meta l4proto udp drop")
    ask = PortSet.parse("79-81") | udp("53-54")
    targets = [Target(host=one.name, address=one.address, ask=ask) for one in (host, mute)]
    evidence = scan_joined(Batch(targets=targets, rate=20_000), Watcher())
    found = {seen.host: seen for seen in evidence}
    assert evidence.completion.complete
    assert evidence.origin.asked == ask
    assert found["web"].open == PortSet.parse("80") | udp("53")
    assert found["web"].closed == PortSet.parse("79,81") | udp("54")
    assert found["mute"].open == PortSet.parse("80")
    assert found["mute"].open_filtered == udp("53-54")
    assert found["mute"].unspoken == udp("54")


def confirmed(address, ask, allowed):
    surprises = Surprises(open=ask - allowed)
    target = Target(host="web", address=address, ask=ask, surprises=surprises)
    (seen,) = scan_udp(Batch(targets=[target], vantage="lab", rate=20_000), Watcher())
    assert_accounted(seen)
    return seen


@pytest.mark.parametrize("address", [WEB4, WEB6])
def test_an_answer_that_nobody_allows_is_asked_for_again_from_another_source_port(lab, address):
    host = lab.host("web", WEB4, WEB6)
    generous(host)
    respond(host, 500, 999)
    made = (
        "add table inet lab\nadd set inet lab seen { type inet_service . inet_service; flags dynamic; size 65535; }\n"
    )
    host.run("nft", "-f", "-", given=made)
    host.firewall("meta l4proto udp add @seen { udp dport . udp sport }")
    seen = confirmed(address, udp("400-1000"), udp("500"))
    assert (seen.open, seen.unknown) == (udp("500,999"), ())
    assert "UDP ports looked at a second time: 1 (1 as before)" in seen.notes
    sources = re.findall(r"\b999 \. (\d+)", host.run("nft", "list", "set", "inet", "lab", "seen"))
    assert len(set(sources)) == 2


@pytest.mark.parametrize(("then", "stands"), [("reject", False), ("drop", True)])
def test_an_answer_that_is_taken_back_is_in_doubt_and_one_that_is_not_repeated_stands(lab, then, stands):
    host = lab.host("web", WEB4)
    generous(host)
    respond(host, 999)
    for _ in range(3):  # on a busy machine the one answer may come too late
        host.no_firewall()
        host.firewall(f"udp dport 999 limit rate over 1/hour burst 1 packets {then}")
        seen = confirmed(WEB4, udp("900-1000"), NO_PORTS)
        if any("second time" in note for note in seen.notes):
            break
    assert seen.open == (udp("999") if stands else NO_PORTS)
    assert reasons(seen) == ({} if stands else {"looked at twice: open, then closed": udp("999")})
