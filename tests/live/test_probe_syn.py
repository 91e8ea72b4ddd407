"""The SYN method where it differs from connecting: source ports, stray packets, lost answers, privilege, half-opens."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auditor.collect.probe.syn import ring, sources
from auditor.model.ports import PortSet

HOST4, HOST6 = "192.0.2.10", "2001:db8::10"
FAR4, FAR6 = "198.51.100.10", "2001:db8:1::10"
FIFTY = PortSet.numbers(range(1000, 2000, 20))
TEXT = {"capture_output": True, "text": True}
FEW = PortSet.parse("22,80,443,5000")


def numbers(ports):
    return tuple(port.number for port in ports)


@pytest.mark.parametrize("permille", [50, 100])
def test_no_open_port_is_missed_under_loss_both_ways(lab, look, permille):
    lab.host("far", FAR4, FAR6, routed=True).listen(*numbers(FIFTY))
    lab.router.lose(permille, hook="forward")
    for address in (FAR4, FAR6):
        one = look(address, ask="1000-1999", method="syn")[address]
        assert one.open == FIFTY
        assert len(one.closed) >= 945


def test_all_ports_under_loss(lab, look):
    opens = PortSet.numbers(range(1000, 61000, 1200))
    lab.host("far", FAR4, routed=True).listen(*numbers(opens))
    lab.router.lose(100, hook="forward")
    assert look(FAR4, method="syn")[FAR4].open == opens


def test_a_host_that_limits_its_resets_is_recognised(lab, look):
    host = lab.host("web", HOST4)
    host.listen(*numbers(FIFTY))
    host.firewall("tcp flags & rst == rst limit rate over 200/second burst 5 packets drop", hook="output")
    one = look(HOST4, ask="1-20000", method="syn")[HOST4]
    assert (one.open, one.unknown) == (FIFTY, ())


def test_a_fleet_with_dead_hosts_on_link_and_behind_a_router(lab, look):
    for last in range(10, 20):
        lab.host(f"n{last}", f"192.0.2.{last}", f"2001:db8::{last}").listen(80)
    lab.host("far", FAR4, routed=True).listen(80)
    lab.router.firewall("ip daddr 203.0.113.64/26 drop", hook="prerouting", priority=-350)
    silent = [f"203.0.113.{last}" for last in range(70, 90)]
    for address in silent:
        subprocess.run(["ip", "route", "replace", address, "via", "203.0.113.2"], check=True)
    vacant = [lab.vacant(f"192.0.2.{last}") for last in range(100, 160)] + [lab.vacant("2001:db8::99")]
    live = [address for last in range(10, 20) for address in (f"192.0.2.{last}", f"2001:db8::{last}")]
    found = look(*live, FAR4, *silent, *vacant, ask="1-100", method="syn")
    for address in (*live, FAR4):
        assert (found[address].open, len(found[address].closed)) == (PortSet.parse("80"), 99)
    for address in (*silent, *vacant):
        assert found[address].alive is False
        assert not found[address].seen
    assert {unknown.reason for unknown in found[vacant[0]].unknown} == {
        "no answer: no neighbour answers for the address"
    }


def test_every_pass_and_every_canary_has_a_source_port_of_its_own(lab, look):
    """A second SYN from the same port can look like an old one to a host that is in the middle of a handshake."""
    host = lab.host("web", HOST4)
    host.listen(80)
    host.firewall("tcp dport != 80 drop")
    asked = recorded(host, lambda: look(HOST4, ask="80,1000-1100", method="syn"))
    silent = [source for source, port in asked if port == 1000]
    assert len(silent) == len(set(silent)) >= 2
    opened = [source for source, port in asked if port == 80]
    assert len(opened) == len(set(opened)) >= 3


def recorded(host, act) -> list[tuple[int, int]]:
    """Source and target port of each SYN that reaches the host meanwhile, seen by a packet socket within it."""
    program = (
        "import socket, struct, sys\n"
        "s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))\n"
        "s.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)\n"
        "print('ready', flush=True)\n"
        "s.settimeout(0.8)\n"
        "try:\n"
        "    while True:\n"
        "        d = s.recv(256)\n"
        "        if d[9] == 6 and d[33] & 0x12 == 2: print(*struct.unpack_from('!HH', d, 20))\n"
        "except TimeoutError: pass\n"
    )
    process = host.start(sys.executable, "-S", "-c", program, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    act()
    return [tuple(map(int, line.split())) for line in process.stdout]


def test_packets_that_nobody_asked_for_open_nothing(lab, look):
    """Forged SYN-ACKs and resets to every port of ours, with any acknowledgement but the right one."""
    host = lab.host("web", HOST4)
    host.listen(80)
    host.firewall("tcp dport != 80 drop")
    forger = host.start(sys.executable, "-S", "-c", FORGER)
    try:
        one = look(HOST4, ask="80,1000-1500", method="syn")[HOST4]
    finally:
        forger.kill()
    assert (one.open, one.closed) == (PortSet.parse("80"), PortSet.parse("9/tcp") - PortSet.parse("9"))
    assert one.filtered == PortSet.parse("1000-1500")


FORGER = """
import os, socket, struct, time
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
end = time.monotonic() + 8
while time.monotonic() < end:
    for mine in range(10000, 65536, 7):
        flags = 0x12 if mine & 1 else 0x14
        ack = os.urandom(4)
        raw.sendto(struct.pack("!HH4s4sBBHHH", 1000 + mine % 500, mine, os.urandom(4), ack, 0x50, flags, 512, 0, 0),
                   ("192.0.2.1", 0))
"""


def test_answers_that_found_no_room_are_asked_for_again(lab, look, monkeypatch):
    monkeypatch.setattr(ring, "_BLOCK", 1 << 12)
    monkeypatch.setattr(ring, "_FRAMES", 1 << 5)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    lost = []
    before = ring.Ring.lost
    monkeypatch.setattr(ring.Ring, "lost", lambda self: lost.append(before(self)) or lost[-1])
    lab.host("web", HOST4).listen(*numbers(FIFTY))
    one = look(HOST4, ask="1-20000", method="syn")[HOST4]
    assert sum(lost) > 0
    assert one.open == FIFTY
    assert one.closed == one.asked - FIFTY


def test_nothing_half_open_is_left_behind(lab, look):
    host = lab.host("web", HOST4, HOST6)
    host.listen(*numbers(FIFTY))
    for address in (HOST4, HOST6):
        assert look(address, ask="1000-1999", method="syn")[address].open == FIFTY
    deadline = time.monotonic() + 5
    while (half := host.run("ss", "-Htan", "state", "syn-recv")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not half


def test_addresses_of_our_own_are_free_of_phantoms(lab, look):
    lab.host("web", HOST4)
    with socket.create_server(("::", 34567), family=socket.AF_INET6, dualstack_ipv6=True):
        for one in look("127.0.0.1", "::1", "192.0.2.1", method="syn").values():
            assert one.open == PortSet.parse("34567")
            assert len(one.closed) == 65534


def test_few_probes_at_once_and_a_low_rate_change_nothing(lab, look):
    lab.host("web", HOST4).listen(*numbers(FEW))
    one = look(HOST4, ask="1-500,5000", method="syn", max_inflight=3, rate=2000)[HOST4]
    assert (one.open, one.closed) == (FEW, one.asked - FEW)


def test_a_host_that_dies_in_the_middle_leaves_a_reason(lab, look):
    host = lab.host("web", HOST4)
    host.listen(*numbers(FIFTY))
    found = look(HOST4, ask="1-20000", method="syn", rate=20_000, then=lambda done: done > 6_000 and host.stop())
    assert not found[HOST4].filtered
    assert {unknown.reason for unknown in found[HOST4].unknown} == {"the host stopped answering during the scan"}


def test_the_source_ports_are_nobody_elses_meanwhile():
    mine = sources.SourcePorts()
    try:
        for port in (mine.ports[0], mine.ports[-1]):
            with socket.socket() as other, pytest.raises(OSError, match="in use"):
                other.bind(("0.0.0.0", port))
        low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
        assert set(mine.ports).isdisjoint(range(low, high + 1))
        another = sources.SourcePorts()
        assert set(another.ports).isdisjoint(mine.ports)
        another.close()
    finally:
        mine.close()


def test_without_privilege_it_says_what_it_needs():
    if shutil.which("setpriv") is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("setpriv not installed")
    words = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", sys.executable, "-m", "auditor", "scan"]
    done = subprocess.run(
        [*words, "127.0.0.1", "-p", "22", "--method", "syn"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 4
    assert "needs CAP_NET_RAW" in done.stderr
    assert "Traceback" not in done.stderr
