"""A subject against a simulated host: no sockets, no clock."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.collect.probe.chunk import CLOSED, FOREIGN, LOCAL, OPEN, REFUSED, UNREACHED
from auditor.collect.probe.udp import observation
from auditor.collect.probe.udp.observation import LIMITS, asked_of, concluded, interrupted
from auditor.collect.probe.udp.subject import Budget, Subject
from auditor.collect.probe.udp.table import questions
from auditor.collect.probe.udp.wire import Place
from auditor.model.evidence import NO_ANSWER
from auditor.model.ports import NO_PORTS, Port, PortSet, Protocol
from auditor.model.target import Target

RTT = 0.004
BEGAN = 1000.0
BUDGET = Budget(5.0, 60.0)


def udp(text):
    return PortSet.parse(text, Protocol.UDP)


class Simulation:
    """A host and the way to it. ``behaviour`` gives a code for a port and payload, or None for silence."""

    def __init__(self, behaviour, *, loss=0.0, interval=None, burst=6, refusal_here=None, seed=1):
        self.behaviour, self.loss = behaviour, loss
        self.interval, self.burst = interval, burst
        self.tokens, self.at = float(burst), 0.0
        self.refusal_here = refusal_here or {}
        self.random = random.Random(seed)  # noqa: S311 - a simulation
        self.sent = 0

    def answer(self, port, payload, now):
        self.sent += 1
        if self.random.random() < self.loss:
            return None
        code = self.behaviour(port, payload)
        if code in {CLOSED, REFUSED} and self.interval is not None:
            self.tokens = min(self.burst, self.tokens + (now - self.at) / self.interval)
            self.at = now
            if self.tokens < 1:
                return None
            self.tokens -= 1
        return None if self.random.random() < self.loss else code


class Clock:
    """Simulated time, and the answers that are on their way."""

    def __init__(self, subject, simulation):
        self.subject, self.simulation = subject, simulation
        self.now = BEGAN
        self.mail = []

    def deliver(self):
        for when, port, code in [one for one in self.mail if one[0] <= self.now]:
            self.subject.hear(port, code, "ICMP", when)
        self.mail = [one for one in self.mail if one[0] > self.now]

    def send(self):
        for ask in self.subject.take(8):
            self.now += 0.0001
            if ask.port in self.simulation.refusal_here:
                self.subject.refused_here(ask, self.simulation.refusal_here[ask.port], self.now)
                continue
            self.subject.sent(ask, self.now)
            code = self.simulation.answer(ask.port, ask.payload, self.now)
            if code is not None:
                self.mail.append((self.now + RTT, ask.port, code))
        if not self.subject.hungry:
            self.subject.exhausted()

    def pass_on(self):
        due = self.now + 1 if self.subject.due is None else self.subject.due
        self.now = max(self.now, min([due, *(one[0] for one in self.mail)]))


def scanned(simulation, ask, first=NO_PORTS, stop_after=1000.0):
    target = Target(host="web", address="192.0.2.10", ask=ask, first=first)
    place = Place("192.0.2.10", 0)
    subject = Subject(target, place, lambda one, _: one.round_trip.patience + 0.02, BUDGET)
    clock = Clock(subject, simulation)
    subject.begin(clock.now)
    while clock.now < BEGAN + stop_after:
        clock.deliver()
        if subject.hungry:
            clock.send()
        elif subject.due is None or subject.due > clock.now:
            clock.pass_on()
        elif subject.advance(clock.now):
            break
    assert stop_after < 1000 or subject.finished, "it does not end"
    return subject, clock.now - BEGAN


@pytest.fixture(autouse=True)
def no_neighbours(monkeypatch):
    monkeypatch.setattr(observation, "silent_neighbours", frozenset)


def accounts_for_all(observation):
    parts = [observation.open, observation.closed, observation.filtered, observation.open_filtered]
    parts += [one.ports for one in observation.unknown]
    whole = NO_PORTS
    for part in parts:
        whole |= part
    return whole == observation.asked and sum(map(len, parts)) == len(whole)


def test_every_port_of_a_generous_host_is_settled_in_one_pass():
    opened = {53, 161, 999}
    simulation = Simulation(lambda port, _: OPEN if port in opened else CLOSED)
    subject, _ = scanned(simulation, udp("1-1000"))
    seen = concluded(subject, "office")
    assert seen.open == udp("53,161,999")
    assert seen.closed == udp("1-1000") - seen.open
    assert not seen.unknown
    assert seen.alive is True
    assert simulation.sent == 1000


def test_silent_ports_beside_closed_ones_are_open_or_filtered():
    subject, _ = scanned(Simulation(lambda port, _: CLOSED if port < 500 else None), udp("1-600"))
    seen = concluded(subject, None)
    assert seen.open_filtered == udp("500-600")
    assert seen.closed == udp("1-499")
    assert not seen.unknown


def test_silence_tells_whether_the_port_was_asked_in_its_own_protocol():
    subject, _ = scanned(Simulation(lambda port, _: CLOSED if port > 200 else None), udp("53,123,199,300-400"))
    seen = concluded(subject, None)
    assert seen.open_filtered == udp("53,123,199")
    assert seen.unspoken == udp("199")


def test_a_host_from_which_nothing_came_back_is_unverified_and_not_known_to_be_dead():
    subject, ended = scanned(Simulation(lambda *_: None), udp("1-100"))
    seen = concluded(subject, None)
    assert [(one.ports, one.reason) for one in seen.unknown] == [(udp("1-100"), NO_ANSWER)]
    assert seen.alive is None
    assert not seen.seen
    assert ended < 7


def test_a_second_question_reaches_who_does_not_understand_the_first():
    second = questions(500)[1].datagram
    simulation = Simulation(lambda port, payload: OPEN if port == 500 and payload.datagram == second else None)
    subject, _ = scanned(simulation, udp("500,600"))
    assert concluded(subject, None).open == udp("500")


def test_every_dialect_of_a_port_is_tried():
    third = questions(161)[2].datagram
    simulation = Simulation(
        lambda port, payload: (OPEN if payload.datagram == third else None) if port == 161 else CLOSED
    )
    subject, _ = scanned(simulation, udp("161,200-210"))
    assert concluded(subject, None).open == udp("161")


def test_a_limited_host_yields_named_ports_first_and_the_rest_is_unverified():
    simulation = Simulation(lambda port, _: OPEN if port == 53 else CLOSED, interval=1.0)
    named = udp("53,2000-2009")
    subject, ended = scanned(simulation, udp("1-1000") | named, named)
    seen = concluded(subject, None)
    assert seen.open == udp("53")
    assert named - seen.open <= seen.closed
    assert [one.reason for one in seen.unknown] == [LIMITS]
    assert not seen.open_filtered
    assert ended < 10
    assert accounts_for_all(seen)


def test_a_limited_host_is_given_a_bounded_time():
    subject, ended = scanned(Simulation(lambda *_: CLOSED, interval=1.0), udp("1-1000"))
    assert ended < 8
    assert len(concluded(subject, None).closed) >= 9


def test_silent_named_ports_of_a_limited_host_are_told_from_closed_ones():
    simulation = Simulation(lambda port, _: None if 100 <= port < 120 else CLOSED, interval=1.0)
    subject, _ = scanned(simulation, udp("1-1000"), udp("90-119"))
    seen = concluded(subject, None)
    assert udp("100-119") <= seen.open_filtered
    assert udp("90-99") <= seen.closed


@pytest.mark.parametrize("seed", range(5))
def test_loss_of_a_tenth_each_way_leaves_no_open_port_out_and_no_closed_one_in_doubt(seed):
    opened = set(range(1, 1000, 20))
    simulation = Simulation(lambda port, _: OPEN if port in opened else CLOSED, loss=0.1, seed=seed)
    subject, _ = scanned(simulation, udp("1-1000"))
    seen = concluded(subject, None)
    assert seen.open == PortSet.numbers(opened, Protocol.UDP)
    assert len(seen.closed) >= 949
    assert accounts_for_all(seen)


def test_talkers_behind_a_firewall_are_found_in_spite_of_loss():
    opened = {53, 123, 161, 500}
    for seed in range(10):
        simulation = Simulation(lambda port, _: OPEN if port in opened else None, loss=0.1, seed=seed)
        subject, _ = scanned(simulation, udp("1-600"))
        assert concluded(subject, None).open == udp("53,123,161,500")


def test_refusals_are_filtered_and_counted_in_a_note():
    subject, _ = scanned(Simulation(lambda *_: REFUSED), udp("1-10"))
    seen = concluded(subject, None)
    assert seen.filtered == udp("1-10")
    assert "10 UDP ports refused by ICMP" in seen.notes


def test_what_is_refused_on_the_way_is_filtered_only_where_the_host_itself_answers():
    subject, _ = scanned(Simulation(lambda *_: FOREIGN), udp("1-10"))
    seen = concluded(subject, None)
    assert not seen.seen
    assert seen.alive is not True
    assert all(one.reason.startswith(f"{NO_ANSWER}: refused by ") for one in seen.unknown)
    subject, _ = scanned(Simulation(lambda port, _: CLOSED if port == 5 else FOREIGN), udp("1-10"))
    assert concluded(subject, None).filtered == udp("1-4,6-10")


def test_what_this_machine_does_not_send_is_unverified_with_the_reason():
    here = dict.fromkeys(range(1, 6), "local: firewall")
    subject, _ = scanned(Simulation(lambda *_: CLOSED, refusal_here=here), udp("1-20"))
    seen = concluded(subject, None)
    assert [(one.ports, one.reason) for one in seen.unknown] == [(udp("1-5"), "local: firewall")]
    assert seen.closed == udp("6-20")


def test_a_host_to_which_nothing_is_sent_is_given_up_soon():
    here = dict.fromkeys(range(1, 101), "local: no route")
    subject, ended = scanned(Simulation(lambda *_: None, refusal_here=here), udp("1-100"))
    seen = concluded(subject, None)
    assert [(one.ports, one.reason) for one in seen.unknown] == [(udp("1-100"), "local: no route")]
    assert ended < 1


def test_a_router_that_knows_no_way_gives_the_reason_and_no_state():
    subject, _ = scanned(Simulation(lambda *_: UNREACHED), udp("1-10"))
    seen = concluded(subject, None)
    assert not seen.seen
    assert [(one.ports, one.reason) for one in seen.unknown] == [(udp("1-10"), f"{NO_ANSWER}: ICMP")]
    assert seen.alive is None


def test_an_interrupted_scan_keeps_answers_and_believes_no_silence():
    subject, _ = scanned(Simulation(lambda port, _: CLOSED if port < 50 else None), udp("1-100"), stop_after=0.3)
    seen = interrupted(subject, None, "interrupted")
    assert seen.closed == udp("1-49")
    assert [(one.ports, one.reason) for one in seen.unknown] == [(udp("50-100"), "interrupted")]


def test_open_outweighs_a_refusal_of_the_same_port():
    subject, _ = scanned(Simulation(lambda *_: CLOSED), udp("1-10"))
    subject.hear(5, OPEN, "", 2000.0)
    seen = concluded(subject, None)
    assert seen.open == udp("5")
    assert seen.closed == udp("1-4,6-10")


def test_answers_of_ports_that_were_not_asked_count_for_nothing():
    subject, _ = scanned(Simulation(lambda *_: CLOSED), udp("10-20"))
    for port in (1, 9, 21, 60000):
        assert subject.hear(port, OPEN, "", 2000.0) is None
    assert not concluded(subject, None).open


def test_an_answer_from_elsewhere_on_the_socket_of_wanderers_is_that_of_tftp():
    subject, _ = scanned(Simulation(lambda *_: CLOSED), udp("60-70"))
    assert subject.wanderer(40000) == 69
    other, _ = scanned(Simulation(lambda *_: CLOSED), udp("60-68"))
    assert other.wanderer(40000) is None


def test_what_an_open_port_says_names_its_service_and_nothing_else_does():
    subject, _ = scanned(Simulation(lambda *_: OPEN), udp("69,9999"))
    subject.ledger.identify(69, b"\0\x05\0\x01no\0")
    subject.ledger.identify(9999, b"hello")
    assert [(str(one.port), one.service, one.method) for one in concluded(subject, None).services] == [
        ("69/udp", "tftp", "probed")
    ]


def test_port_zero_and_tcp_are_not_asked_of():
    target = Target(host="a", address="192.0.2.1", ask=PortSet.span(0, 5, Protocol.UDP) | PortSet.parse("80"))
    assert asked_of(target) == udp("1-5")
    assert Port(Protocol.UDP, 0) not in asked_of(target)


@settings(deadline=None, max_examples=60)
@given(
    data=st.data(),
    loss=st.sampled_from([0.0, 0.0, 0.05, 0.2]),
    interval=st.sampled_from([None, None, 1.0, 0.1, 0.01]),
    seed=st.integers(0, 1000),
)
def test_no_scan_invents_or_contradicts_and_every_port_is_accounted_for(data, loss, interval, seed):
    kinds = data.draw(st.lists(st.sampled_from([OPEN, CLOSED, CLOSED, REFUSED, None, LOCAL]), min_size=1, max_size=60))
    truth = dict(enumerate(kinds, 1))
    here = {port: "local: firewall" for port, kind in truth.items() if kind == LOCAL}
    simulation = Simulation(lambda port, _: truth[port], loss=loss, interval=interval, refusal_here=here, seed=seed)
    subject, ended = scanned(simulation, udp(f"1-{len(kinds)}"), udp("1-5"))
    seen = concluded(subject, None)
    assert accounts_for_all(seen)
    for port in seen.open:
        assert truth[port.number] == OPEN
    for port in seen.closed:
        assert truth[port.number] == CLOSED
    for port in seen.filtered:
        assert truth[port.number] == REFUSED
    if not loss and interval is None:
        assert {port.number for port in seen.open} == {port for port, kind in truth.items() if kind == OPEN}
    assert ended < 100
