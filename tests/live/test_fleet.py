"""Many hosts at once: fair, gentle to each, and quick about those that are not there."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.collect.probe import conntrack, scan
from auditor.model.ports import PortSet
from auditor.model.target import Batch, Target

METHODS = ["connect", "syn"]


def test_a_rate_for_each_address_bounds_each_and_leaves_the_others_alone(lab, look):
    near = lab.host("near", *(f"192.0.2.{last}" for last in range(10, 30)))
    near.listen(22)
    found = look(*near.addresses, ask="1-60", host_rate=100)
    for one in found.values():
        assert one.open == PortSet.parse("22")
        assert (one.finished - one.started).total_seconds() > 0.4, "sixty packets at a hundred a second"
    begun, ended = min(one.started for one in found.values()), max(one.finished for one in found.values())
    assert (ended - begun).total_seconds() < 9, "twenty hosts take no longer than one"


@pytest.fixture
def tracked():
    """This machine's own rules track connections."""
    rules = "table inet own { chain out { type filter hook output priority 0; ct state new accept; }; }"
    subprocess.run(["nft", rules], check=True)
    yield
    subprocess.run(["nft", "delete table inet own"], check=True)


@pytest.mark.usefixtures("tracked")
def test_the_scan_waits_for_room_in_the_machines_own_connection_table(lab, monkeypatch, tmp_path):
    near = lab.host("near", "192.0.2.10")
    near.listen(22)
    near.firewall("tcp dport != 22 drop")  # a reset would take the entry away
    most = tmp_path / "most"
    most.write_text("1000")
    monkeypatch.setattr(conntrack, "MOST", most)
    entries = []

    class Owner:
        """Raises the limit when told that the scan waits, but not at once."""

        def progress(self, *_):
            if entries:
                entries.append(int(conntrack.COUNT.read_text()))
            if len(entries) > 4:
                most.write_text("100000")

        def say(self, message):
            assert "connection table" in message
            entries.append(int(conntrack.COUNT.read_text()))

    ask = PortSet.parse("1-5000")
    targets = [Target(host="near", address="192.0.2.10", ask=ask)]
    (one,) = scan(Batch(targets=targets, rate=4000), Owner())
    assert entries, "the table has filled up and nobody has noticed"
    assert max(entries[:4]) < 2000, "while it waits hardly anything is added"
    assert (one.open, one.filtered, one.unknown) == (PortSet.parse("22"), ask - PortSet.parse("22"), ())


@pytest.mark.parametrize("method", METHODS)
def test_who_no_neighbour_answers_for_is_given_up_and_a_silent_host_is_asked_everything(lab, look, method):
    near = lab.host("near", "192.0.2.10")
    near.listen(2222)
    near.firewall("tcp dport != 2222 drop")
    nobody = (lab.vacant("192.0.2.99"), lab.vacant("2001:db8::99"))
    found = look("192.0.2.10", *nobody, ask="1-3000", method=method)
    assert found["192.0.2.10"].open == PortSet.parse("2222")
    for address in nobody:
        (unknown,) = found[address].unknown
        assert unknown.reason == "no answer: no neighbour answers for the address"
        assert unknown.ports == found[address].asked
        assert "given up" in " ".join(found[address].notes)


def test_a_host_that_a_router_has_no_way_to_is_given_up_before_it_is_asked_everything(lab, look):
    lab.host("far", "198.51.100.10", routed=True)
    lab.router.ip("route", "del", "198.51.100.10")
    one = look("198.51.100.10")["198.51.100.10"]
    (unknown,) = one.unknown
    assert unknown.reason == "no answer: ICMP 3/0 (network unreachable) from 203.0.113.2"
    assert "given up" in " ".join(one.notes)


@pytest.fixture
def slow_link():
    """Puts a link of 5 ms behind the router's way to the hosts; what is returned makes it 400 ms."""

    def made(router):
        program = str(Path(__file__).with_name("slow_link.py"))
        process = router.start(sys.executable, "-S", program, "5", "400", stdout=subprocess.PIPE)
        assert process.stdout.readline().strip() == "ready"
        router.ip("link", "set", "long0", "txqueuelen", "10000", "up")
        router.sysctl(net__ipv4__conf__all__rp_filter=0, net__ipv4__conf__long0__rp_filter=0)
        router.ip("route", "add", "default", "dev", "long0", "table", "100")
        router.ip("rule", "add", "iif", "up0", "lookup", "100")
        return lambda: process.send_signal(signal.SIGUSR1)

    return made


@pytest.mark.parametrize("method", METHODS)
def test_a_way_that_becomes_eighty_times_as_long_costs_no_open_port(lab, look, slow_link, method):
    opens = PortSet.numbers(range(1000, 1600, 100))
    far = lab.host("far", "198.51.100.10", routed=True)
    far.listen(*(port.number for port in opens))
    lengthen = slow_link(lab.router)
    told = []

    def then(done):
        if done > 200 and not told:
            told.append(done)
            lengthen()

    one = look("198.51.100.10", ask="1000-1599", rate=1500, then=then, method=method)["198.51.100.10"]
    assert told, "the scan was over before the way became longer"
    assert one.open == opens
    assert len(one.closed | one.filtered | opens) + sum(len(unknown.ports) for unknown in one.unknown) == 600


def test_a_router_that_carries_ten_thousand_packets_a_second_costs_no_open_port(lab, look):
    opens = PortSet.numbers(range(1000, 4000, 60))
    lab.host("far", "198.51.100.10", routed=True).listen(*(port.number for port in opens))
    lab.router.firewall('iifname "up0" limit rate over 10000/second drop', hook="forward")
    one = look("198.51.100.10", ask="1-5000")["198.51.100.10"]
    assert one.open == opens
    assert len(one.closed) > 4900
