"""Many hosts at once: fair, gentle to each, and quick about those that are not there."""

from __future__ import annotations

import subprocess

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
