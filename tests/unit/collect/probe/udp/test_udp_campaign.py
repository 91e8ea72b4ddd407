"""The dealing out and gathering, over a wire that is none, and the conclusions as evidence."""

import socket

import pytest

from auditor.collect.probe.chunk import CLOSED, FOREIGN, LOCAL, REFUSED, UNREACHED
from auditor.collect.probe.icmp import Message
from auditor.collect.probe.udp import campaign as campaigns
from auditor.collect.probe.udp import scan_udp
from auditor.collect.probe.udp.meaning import meaning
from auditor.collect.probe.udp.wire import Datagram, Outcome, Place
from auditor.model.ports import PortSet, Protocol
from auditor.model.target import Batch, Target

HOST, OTHER, ROUTER = "192.0.2.10", "192.0.2.11", "203.0.113.1"


def udp(text):
    return PortSet.parse(text, Protocol.UDP)


class FakeWire:
    """Answers at once: what ``talkers`` are sent comes back, all other ports are refused by ``refuser``."""

    talkers = frozenset({53})
    refuser = None
    busy = 0
    stray = ()

    def __init__(self):
        self.sent, self._errors, self._data = [], [], [*self.stray]
        self.closed = False
        FakeWire.last = self

    def send(self, place, port, data, *, wandering=False, again=False):
        if self.busy:
            type(self).busy -= 1
            return Outcome.BUSY
        self.sent.append((place.host, port))
        if port in self.talkers:
            self._data.append(Datagram(place, port, data, wandering, again))
        else:
            sender = self.refuser or place.host
            self._errors.append((place, Message(place.host, port, socket.AF_INET, 3, 3, sender)))
        return Outcome.SENT

    def errors(self):
        found, self._errors = self._errors, []
        return found

    def datagrams(self):
        found, self._data = self._data, []
        return iter(found)

    def wait(self, seconds):
        pass

    def own_ports(self, **_):
        return frozenset({40000})

    def close(self):
        self.closed = True


class Silent:
    def __init__(self):
        self.told = []

    def progress(self, done, total, opened):
        self.told.append((done, total, opened))

    def say(self, message):
        raise AssertionError(message)


@pytest.fixture
def wire(monkeypatch):
    class Fresh(FakeWire):
        pass

    monkeypatch.setattr(campaigns, "Wire", Fresh)
    monkeypatch.setattr(campaigns, "is_local", lambda *_: False)
    return Fresh


def scanned(*targets, rate=None):
    observer = Silent()
    evidence = scan_udp(Batch(targets=targets, vantage="lab", rate=rate), observer)
    return {seen.address: seen for seen in evidence}, evidence, observer


def target(address, ask, **more):
    return Target(host="web", address=address, ask=ask, **more)


def test_each_target_becomes_one_observation(wire):
    found, evidence, observer = scanned(target(HOST, udp("50-60")), target(OTHER, udp("53")))
    assert found[HOST].open == found[OTHER].open == udp("53")
    assert found[HOST].closed == udp("50-52,54-60")
    assert found[HOST].vantage == evidence.origin.vantage == "lab"
    assert evidence.completion.complete
    assert observer.told[-1] == (12, 12, 2)
    assert wire.last.closed


def test_targets_without_udp_ports_are_not_spoken_of(wire):
    found, evidence, _ = scanned(target(HOST, PortSet.parse("80")), target(OTHER, udp("0")))
    assert not found
    assert evidence.completion.complete
    assert not wire.last.sent


def test_nothing_is_sent_before_the_first_observation_is_asked_for(monkeypatch):
    monkeypatch.setattr(campaigns, "Wire", lambda: pytest.fail("opened"))
    evidence = scan_udp(Batch(targets=[target(HOST, udp("53"))]), Silent())
    assert evidence.completion.reason == "not begun"
    (seen,) = evidence.partial()
    assert [(one.ports, one.reason) for one in seen.unknown] == [(udp("53"), "interrupted")]


@pytest.mark.usefixtures("wire")
def test_a_name_is_no_address():
    with pytest.raises(ValueError, match="web"):
        list(scan_udp(Batch(targets=[target("web.example", udp("53"))]), Silent()))


def test_a_full_buffer_means_later_and_never_closed(wire):
    wire.busy = 30
    found, _, _ = scanned(target(HOST, udp("50-60")))
    assert found[HOST].closed == udp("50-52,54-60")
    assert found[HOST].open == udp("53")
    assert sorted(port for _, port in wire.last.sent) == list(range(50, 61))


def test_a_buffer_that_stays_full_is_unverified_in_the_end(wire, monkeypatch):
    wire.busy = 1_000_000
    monkeypatch.setattr(campaigns, "_BUSY_TOO_LONG", 0.0)
    found, _, _ = scanned(target(HOST, udp("50-60")))
    (unknown,) = found[HOST].unknown
    assert unknown.ports == udp("50-60")
    assert unknown.reason.startswith("local: ")


def test_datagrams_of_hosts_and_ports_that_were_not_asked_count_for_nothing(wire):
    wire.talkers = frozenset()
    wire.stray = (
        Datagram(Place(ROUTER, 0), 53, b"x", wandering=False),
        Datagram(Place(HOST, 0), 9999, b"x", wandering=False),
    )
    found, _, _ = scanned(target(HOST, udp("50-60")))
    assert not found[HOST].open
    assert found[HOST].closed == udp("50-60")


def test_hosts_are_asked_in_turn(wire):
    scanned(*(target(f"192.0.2.{last}", udp("1-200")) for last in range(1, 41)))
    first = {host for host, _ in wire.last.sent[:2000]}
    assert len(first) == 40


def test_ports_that_our_own_sockets_hold_are_asked_by_themselves(wire, monkeypatch):
    monkeypatch.setattr(campaigns, "is_local", lambda *_: True)
    asked = []

    def ask_alone(place, port):
        assert wire.last.closed
        asked.append((place.host, port))
        return CLOSED, "", b""

    monkeypatch.setattr(campaigns, "ask_alone", ask_alone)
    found, _, _ = scanned(target("127.0.0.1", udp("39990-40010")))
    assert asked == [("127.0.0.1", 40000)]
    assert ("127.0.0.1", 40000) not in wire.last.sent
    assert found["127.0.0.1"].closed == udp("39990-40010")


def message(kind, code, sender=HOST, family=socket.AF_INET):
    return Message(HOST if family == socket.AF_INET else "2001:db8::1", 53, family, kind, code, sender)


def test_the_host_s_own_port_unreachable_means_closed():
    assert meaning(message(3, 3), target_is_ours=False) == (CLOSED, "")
    six = message(1, 4, "2001:db8::1", socket.AF_INET6)
    assert meaning(six, target_is_ours=False) == (CLOSED, "")


def test_the_same_from_anybody_else_is_a_refusal_on_the_way():
    assert meaning(message(3, 3, ROUTER), target_is_ours=False)[0] == FOREIGN


def test_an_administrative_refusal_is_the_host_s_own_or_one_on_the_way():
    assert meaning(message(3, 13, HOST), target_is_ours=False)[0] == REFUSED
    assert meaning(message(3, 13, ROUTER), target_is_ours=False)[0] == FOREIGN


def test_a_router_that_knows_no_way_says_nothing_of_the_port():
    assert meaning(message(3, 1, ROUTER), target_is_ours=False)[0] == UNREACHED


def test_our_own_refusal_is_local():
    code, reason = meaning(message(3, 3, "127.0.0.1"), target_is_ours=False)
    assert code == LOCAL
    assert reason.startswith("local: ")


def test_too_big_and_slow_down_say_nothing():
    assert meaning(message(3, 4, ROUTER), target_is_ours=False) is None
    assert meaning(message(4, 0, ROUTER), target_is_ours=False) is None
    assert meaning(message(2, 0, ROUTER, socket.AF_INET6), target_is_ours=False) is None


@pytest.mark.usefixtures("wire")
def test_waiting_subjects_are_begun_as_room_allows(monkeypatch):
    monkeypatch.setattr(campaigns, "_PORTS", 100)
    found, _, _ = scanned(*(target(f"192.0.2.{last}", udp("1-90")) for last in range(1, 6)))
    assert len(found) == 5
    assert all(seen.closed == udp("1-52,54-90") for seen in found.values())
