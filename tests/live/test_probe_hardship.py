"""The scanner under hardship: loss, limits, interrupts and a machine short of everything."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auditor.model.ports import PortSet

ONCE = str(Path(__file__).with_name("scan_once.py"))
FIFTY = PortSet.numbers(range(1000, 2000, 20))
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


@pytest.fixture
def ephemeral():
    """Sets the kernel's range of source ports; the old one returns."""
    before = RANGE.read_text()
    yield lambda low, high: RANGE.write_text(f"{low} {high}")
    RANGE.write_text(before)


@pytest.mark.parametrize("permille", [50, 100, 200])
def test_no_open_port_is_missed_under_loss_both_ways(lab, look, permille):
    lab.host("far", "198.51.100.10", routed=True).listen(*(port.number for port in FIFTY))
    lab.router.lose(permille, hook="forward")
    one = look("198.51.100.10", ask="1000-1999")["198.51.100.10"]
    assert one.open == FIFTY
    assert len(one.closed) >= 945


def test_loss_and_drop_together_are_told_apart(lab, look):
    far = lab.host("far", "198.51.100.10", routed=True)
    far.listen(*(port.number for port in FIFTY))
    far.firewall("tcp dport 1500-1999 tcp dport != { 1500, 1520, 1540 } drop")
    lab.router.lose(100, hook="forward")
    one = look("198.51.100.10", ask="1000-1999")["198.51.100.10"]
    assert one.open == PortSet.parse("1000-1539") & FIFTY | PortSet.parse("1540")
    assert PortSet.parse("1541-1999") <= one.filtered


@pytest.mark.parametrize("ask", ["22,5432", "1-133", "1-6000"])
def test_a_small_server_behind_a_firewall_is_not_overrun(lab, look, ask):
    small = lab.host("small", "192.0.2.10")
    server = small.start(
        sys.executable, "-S", "-m", "http.server", "22", stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    small.wait_for(22)
    small.firewall("tcp dport != 22 drop")
    one = look("192.0.2.10", ask=ask)["192.0.2.10"]
    assert (one.open, one.unknown) == (PortSet.parse("22"), ())
    assert one.filtered == one.asked - one.open
    assert "TcpExtListenOverflows           0" in small.run("nstat", "-az", "TcpExtListenOverflows")
    assert server.poll() is None


def test_a_host_that_limits_its_resets_is_recognised(lab, look):
    host = lab.host("web", "192.0.2.10")
    host.listen(*(port.number for port in FIFTY))
    host.firewall("tcp flags & rst == rst limit rate over 200/second burst 5 packets drop", hook="output")
    one = look("192.0.2.10", ask="1-20000")["192.0.2.10"]
    assert one.open == FIFTY
    assert one.unknown == ()
    assert any("limits its refusals" in note for note in one.notes)


def test_a_fleet_with_dead_hosts_is_scanned_together(lab, look):
    for last in range(10, 22):
        lab.host(f"h{last}", f"192.0.2.{last}").listen(80, 1024 + last)
    dead = [lab.vacant(f"192.0.2.{last}") for last in range(100, 160)]
    found = look(*(f"192.0.2.{last}" for last in range(10, 22)), *dead, ask="1-100,1024-1099")
    for last in range(10, 22):
        assert found[f"192.0.2.{last}"].open == PortSet.parse(f"80,{1024 + last}")
    assert not any(found[address].alive for address in dead)


def test_a_host_that_dies_in_the_middle_leaves_what_it_answered_and_a_reason(lab, look):
    host = lab.host("web", "192.0.2.10")
    host.listen(*(port.number for port in FIFTY))
    found = look("192.0.2.10", ask="1-40000", rate=20_000, then=lambda done: done > 10_000 and host.stop())
    one = found["192.0.2.10"]
    assert len(one.closed) >= 9_000
    assert one.alive
    assert not one.filtered
    assert {unknown.reason for unknown in one.unknown} == {"the host stopped answering during the scan"}


def test_a_host_that_comes_back_is_scanned_to_the_end(lab, look):
    host = lab.host("web", "192.0.2.10")
    host.listen(*(port.number for port in FIFTY))
    steps = iter(("down", "up"))

    def blink(done):
        if done > 10_000 and (step := next(steps, None)):
            host.ip("link", "set", "eth0", step)
            if step == "up":
                host.ip("route", "replace", "192.0.2.1", "dev", "eth0", "src", "192.0.2.10")

    one = look("192.0.2.10", ask="1-30000", rate=20_000, then=blink)["192.0.2.10"]
    assert one.open == FIFTY
    assert one.closed == one.asked - FIFTY


@pytest.mark.usefixtures("lab")
def test_every_address_of_our_own_is_free_of_phantoms(look, ephemeral):
    """Most ports asked are in the range of source ports, so connections do meet themselves."""
    subprocess.run(["ip", "addr", "replace", "2001:db8::77/128", "dev", "lo", "nodad"], check=True)
    subprocess.run(["ip", "addr", "replace", "192.0.2.77/32", "dev", "lo"], check=True)
    ephemeral(30000, 31000)
    for address in ("127.0.0.1", "127.8.8.8", "::1", "192.0.2.77", "2001:db8::77"):
        one = look(address, ask="29990-31010")[address]
        assert not one.open
        assert one.closed == one.asked


def test_ten_source_ports_are_enough(lab, look, ephemeral):
    lab.host("web", "192.0.2.10").listen(80, 20005)
    ephemeral(20000, 20009)
    found = look("192.0.2.10", "127.0.0.1", ask="1-3000,20000-20100")
    assert found["192.0.2.10"].open == PortSet.parse("80,20005")
    assert len(found["192.0.2.10"].closed) == 3099
    assert not found["127.0.0.1"].open


def test_six_full_scans_of_loopback_show_no_phantom_and_no_miss(lab, look):
    lab.host("idle", "192.0.2.10")
    listener = subprocess.Popen(
        [
            sys.executable,
            "-S",
            str(Path(__file__).with_name("lab.py")),
            "listen",
            "127.0.0.1",
            "accept",
            "22",
            "8080",
            "40000",
        ],
        stdout=subprocess.PIPE,
    )
    try:
        assert listener.stdout.readline()
        for _ in range(6):
            one = look("127.0.0.1")["127.0.0.1"]
            assert one.open == PortSet.parse("22,8080,40000")
            assert len(one.closed) == 65532
    finally:
        listener.terminate()
        listener.wait(timeout=5)
        listener.stdout.close()


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(("address", "bound"), [("127.0.0.1", "127.0.0.1"), ("::1", "::"), ("127.0.0.1", "::")])
def test_our_own_listener_that_never_accepts_is_open_even_among_the_source_ports(look, ephemeral, address, bound):
    ephemeral(40000, 41000)
    with socket.socket(socket.AF_INET6 if ":" in bound else socket.AF_INET) as server:
        server.bind((bound, 40500))
        server.listen(0)
        assert look(address, ask="40400-40600")[address].open == PortSet.parse("40500")


@pytest.mark.usefixtures("lab")
def test_a_port_of_our_own_that_takes_one_connection_alone_is_neither_open_nor_closed(look, ephemeral):
    ephemeral(40000, 41000)
    once = (
        "import socket; s = socket.create_server(('127.0.0.1', 40500)); print(1, flush=True)\n"
        "s.accept(); s.close(); input()"
    )
    with subprocess.Popen([sys.executable, "-S", "-c", once], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline()
        one = look("127.0.0.1", ask="40400-40600")["127.0.0.1"]
        process.stdin.close()
    assert PortSet.parse("40500") <= one.open | next((unknown.ports for unknown in one.unknown), PortSet())
    assert all(unknown.reason.startswith("local: ") for unknown in one.unknown)


def test_a_limit_on_connections_that_spares_what_the_policy_names_leaves_the_rest_unknown(lab, look):
    host = lab.host("web", "192.0.2.10")
    host.listen(22, 80, 443, 3333)
    host.firewall("tcp dport { 22, 80, 443 } accept",
                  "tcp flags & (syn|ack) == syn limit rate over 500/second burst 100 packets drop")  # fmt: skip
    one = look("192.0.2.10", ask="1-4000", first="22,80,443", rate=20_000)["192.0.2.10"]
    hidden = PortSet.parse("3333")
    seen = one.open  # on a busy machine the scan may be so slow that the limit is hardly met
    for unknown in one.unknown:
        seen |= unknown.ports
    assert hidden <= seen
    assert one.open - hidden == PortSet.parse("22,80,443")


@pytest.mark.parametrize("method", ["connect", "syn"])
@pytest.mark.parametrize("limit", ["limit rate over 500/second burst 100 packets", "ct count over 20"])
def test_a_guard_that_resets_what_comes_too_fast_makes_no_port_closed_that_is_open(lab, look, limit, method):
    host = lab.host("web", "192.0.2.10")
    host.listen(22, 80, 4117, 7743, 9871)
    host.firewall(f"tcp flags & (syn|ack) == syn {limit} reject with tcp reset")
    one = look("192.0.2.10", ask="1-10000", first="22,80", method=method)["192.0.2.10"]
    assert not one.closed & PortSet.parse("22,80,4117,7743,9871")
    assert PortSet.parse("22,80") <= one.open


def test_sixty_four_descriptors_are_enough(lab):
    host = lab.host("web", "192.0.2.10")
    host.listen(80, 443, 50001)
    host.firewall("tcp dport 100-400 drop")
    done = run(["1-2000,50001", "192.0.2.10"], preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    assert "192.0.2.10 80/tcp,443/tcp,50001/tcp 1697 301 []" in done.splitlines()


def test_the_soft_limit_on_descriptors_is_what_it_was_afterwards(lab, look):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lab.host("web", "192.0.2.10")
    look("192.0.2.10", ask="1-10")
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


def run(words, **options):
    done = subprocess.run(
        [sys.executable, ONCE, *words], capture_output=True, text=True, timeout=200, check=True, **options
    )
    return done.stdout


@pytest.fixture
def under_way(lab):
    """A scan of a host that drops nearly everything, in a process of its own, somewhere in the middle."""
    host = lab.host("web", "192.0.2.10")
    host.listen(80)
    host.firewall("tcp dport != 80 drop")
    process = subprocess.Popen(
        [sys.executable, "-u", ONCE, "1-65535", "192.0.2.10"], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    while "under way" not in process.stdout.readline():
        pass
    time.sleep(0.5)
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    process.stdout.close()


def test_ctrl_c_ends_at_once_keeps_what_is_known_and_leaves_nothing_open(under_way, group):
    begun = time.monotonic()
    os.killpg(under_way.pid, signal.SIGINT)  # as a terminal does: to the second process, too
    lines = under_way.communicate(timeout=60)[0].splitlines()
    assert time.monotonic() - begun < 5  # a moment, and room for a busy machine; left alone it takes longer
    assert lines[-1] == "end False interrupted leaked 0"
    partial = next(line for line in lines if line.startswith("partial"))
    assert "65535 65535" in partial
    assert "interrupted" in partial
    assert group(under_way.pid) == []


def test_a_kill_leaves_no_process_behind(under_way, group):
    assert len(group(under_way.pid)) == 2
    os.kill(under_way.pid, signal.SIGKILL)
    under_way.wait(timeout=5)
    deadline = time.monotonic() + 20
    while group(under_way.pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert group(under_way.pid) == []


def test_a_second_process_that_is_killed_costs_nothing_but_time(under_way, group):
    second = next(pid for pid in group(under_way.pid) if pid != under_way.pid)
    os.kill(second, signal.SIGKILL)
    lines = under_way.communicate(timeout=200)[0].splitlines()
    assert any("second process is gone" in line for line in lines)
    assert "192.0.2.10 80/tcp 0 65534 []" in lines
    assert lines[-1] == "end True None leaked 0"


def test_the_rate_is_kept(lab, look):
    host = lab.host("web", "192.0.2.10")
    host.firewall("tcp flags syn / syn,ack counter", hook="input")
    begun = time.monotonic()
    look("192.0.2.10", ask="1-3000", rate=2000)
    seconds = time.monotonic() - begun
    packets = int(host.run("nft", "list", "ruleset").partition("packets ")[2].split()[0])
    assert packets >= 3000
    assert packets / seconds < 2200
