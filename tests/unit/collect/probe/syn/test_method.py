"""What the SYN method makes of the wire: which answers count, when silence does, what goes to whole connections."""

from __future__ import annotations

from array import array
from errno import EAGAIN, EPERM
from time import monotonic, sleep

import pytest

from auditor.collect.probe import chunk as outcome
from auditor.collect.probe import errorqueue
from auditor.collect.probe.chunk import Chunk
from auditor.collect.probe.syn import method, peer
from auditor.collect.probe.syn.packet import Refusal
from auditor.collect.probe.syn.route import Route

HERE, THERE, ROUTER = b"\xc0\0\2\1", b"\xc0\0\2\x0a", b"\xcb\0\x71\2"
SYN_ACK, RST_ACK, ACK = 0x12, 0x14, 0x10


class Wire:
    """A wire that remembers what is sent; tests put answers on it."""

    ports = range(20000, 20064)

    def __init__(self) -> None:
        self.sent = []
        self.answers = []
        self.refusals = []
        self.errors = []
        self.kept_in = set()
        self.dropped = False

    def open(self, _family):
        return None

    def send(self, _family, _name, template, ports):
        if self.errors:
            return 0, self.errors.pop()
        if self.kept_in & set(ports):
            kept = next(at for at, port in enumerate(ports) if port in self.kept_in)
            self.send(_family, _name, template, ports[:kept])
            return kept, EPERM
        source = int.from_bytes(template.packet[20:22], "big")
        sequence = int.from_bytes(template.packet[24:28], "big")
        self.sent += [(source, port, sequence) for port in ports]
        return len(ports), 0

    def hear(self):
        answers, self.answers = self.answers, []
        return iter(answers)

    def lost(self):
        lost, self.dropped = self.dropped, False
        return lost

    def close(self):
        pass


class Kernel:
    def route(self, _target, _interface=0):
        return Route(HERE, 1, local=False, direct=False)

    def close(self):
        pass


@pytest.fixture
def wire(monkeypatch):
    made = Wire()
    monkeypatch.setattr(method, "Wire", lambda: made)
    monkeypatch.setattr(peer, "Kernel", Kernel)
    monkeypatch.setattr(errorqueue, "is_local", lambda address: address == "192.0.2.1")
    return made


@pytest.fixture
def run(wire):  # noqa: ARG001 - the wire has to be there before
    """Gives chunks to a fresh method; steps it until all are finished, or so many times."""
    made = []

    def start(*chunks):
        queue = list(chunks)
        syn = method.Syn(lambda: queue.pop(0) if queue else None, window=1000)
        made.append(syn)
        return syn

    yield start
    for syn in made:
        syn.close()


def chunk(*ports, role="", timeout=0.05, attempt=0, **more):
    return Chunk(1, array("H", ports), host="192.0.2.10", timeout=timeout, role=role, attempt=attempt, **more)


def finish(syn, seconds=3.0):
    end = monotonic() + seconds
    syn.step(0)
    while syn.busy and monotonic() < end:
        syn.step(0.01)
    return syn.finished


def reply(wire, at, flags, *, ack=1, sender=THERE):
    source, port, sequence = wire.sent[at]
    wire.answers.append((sender, source, port, (sequence + ack) & 0xFFFFFFFF, flags))


def test_answers_are_told_apart_and_silence_is_waited_for(wire, run):
    one = chunk(22, 23, 24)
    syn = run(one)
    syn.step(0)
    reply(wire, 0, SYN_ACK)
    reply(wire, 1, RST_ACK)
    assert finish(syn) == [one]
    assert list(one.codes) == [outcome.OPEN, outcome.CLOSED, outcome.SILENT]
    assert len(syn.samples) == 1


@pytest.mark.parametrize(
    "stray",
    [{"ack": 0}, {"ack": 2}, {"sender": ROUTER}, {"flags": ACK}, {"flags": 0x13}, {"flags": 0x02}],
    ids=str,
)
def test_what_does_not_acknowledge_our_own_packet_counts_for_nothing(wire, run, stray):
    one = chunk(22)
    syn = run(one)
    syn.step(0)
    reply(wire, 0, stray.pop("flags", SYN_ACK), **stray)
    finish(syn)
    assert list(one.codes) == [outcome.SILENT]


def test_answers_that_come_twice_or_too_late_change_no_chunk_and_are_told_apart(wire, run):
    one = chunk(22, 23)
    syn = run(one)
    syn.step(0)
    reply(wire, 0, SYN_ACK)
    reply(wire, 0, RST_ACK)
    finish(syn)
    assert list(one.codes) == [outcome.OPEN, outcome.SILENT]
    syn.late.clear()
    reply(wire, 1, SYN_ACK)
    reply(wire, 1, SYN_ACK, ack=2)
    syn.step(0)
    assert list(one.codes) == [outcome.OPEN, outcome.SILENT]
    assert syn.finished == [one]
    assert [(answer.port, answer.attempt, answer.code) for answer in syn.late] == [(23, 0, outcome.OPEN)]


def test_an_answer_that_comes_late_tells_how_long_it_took_and_counts_while_its_chunk_is_under_way(wire, run):
    one, other = chunk(22, 23), chunk(24, timeout=2.0)
    syn = run(one, other)
    syn.step(0)
    one.timeout = 0.0
    one.left += 1  # as if a third port of it were still to be asked
    sleep(0.12)
    syn.step(0)
    assert list(one.codes) == [outcome.SILENT] * 2
    reply(wire, 0, SYN_ACK)
    syn.step(0)
    assert list(one.codes) == [outcome.OPEN, outcome.SILENT]
    ((sampled, seconds),) = syn.samples
    assert sampled is one
    assert seconds >= 0.12


def test_each_pass_and_each_canary_has_a_source_port_of_its_own_and_the_same_question_its_sequence(wire, run):
    canaries = chunk(*[22] * 5, role="canary")
    syn = run(chunk(22, attempt=0), chunk(22, attempt=1), canaries, chunk(22, attempt=0))
    finish(syn)
    sources = [source for source, _, _ in wire.sent]
    assert len(set(sources)) == 7
    assert wire.sent[0] == wire.sent[-1]
    assert len({sequence for _, _, sequence in wire.sent}) == 7


def test_a_refusal_is_believed_only_with_our_sequence_number(wire, run):
    one = chunk(22, 23)
    syn = run(one)
    syn.step(0)
    for (source, port, sequence), wrong in zip(wire.sent, (0, 1), strict=True):
        wire.refusals.append((2, Refusal(ROUTER, 3, 13, THERE, source, port, sequence + wrong)))
    finish(syn)
    assert list(one.codes) == [outcome.FOREIGN, outcome.SILENT]
    assert "ICMP 3/13" in one.reasons[0]


def test_a_refusal_of_our_own_firewall_is_a_local_matter(wire, run):
    one = chunk(22)
    syn = run(one)
    syn.step(0)
    source, port, sequence = wire.sent[0]
    wire.refusals.append((2, Refusal(HERE, 3, 13, THERE, source, port, sequence)))
    finish(syn)
    assert list(one.codes) == [outcome.LOCAL]


def test_what_could_not_be_sent_is_sent_later_and_never_called_silent_before(wire, run):
    wire.errors = [EAGAIN] * 3
    one = chunk(22)
    syn = run(one)
    syn.step(0)
    assert not wire.sent
    deadline = monotonic() + 3
    while not wire.sent and monotonic() < deadline:
        syn.step(0.01)
    reply(wire, 0, SYN_ACK)
    finish(syn)
    assert list(one.codes) == [outcome.OPEN]
    assert not syn.samples, "whoever was asked twice tells no round-trip time (RFC 6298, section 3)"


def test_what_the_firewall_never_lets_out_is_a_local_matter_at_once(wire, run):
    wire.kept_in = {22, 23}
    one = chunk(22, 23)
    syn = run(one)
    syn.step(0)
    assert syn.finished == [one]
    assert list(one.codes) == [outcome.LOCAL] * 2
    assert all("firewall" in reason for reason in one.reasons.values())


def test_a_rule_of_the_firewall_about_some_ports_leaves_the_others_of_the_batch_to_be_asked(wire, run):
    wire.kept_in = {25, 27}
    one = chunk(22, 23, 25, 26, 27)
    run(one).step(0)
    assert [port for _, port, _ in wire.sent] == [22, 23, 26]
    assert [index for index, code in enumerate(one.codes) if code == outcome.LOCAL] == [2, 4]


def test_an_answer_to_a_pass_that_is_over_tells_how_long_it_took_at_least(wire, run):
    one = chunk(22, timeout=0.001)
    syn = run(one)
    assert finish(syn) == [one]
    sleep(0.05)
    reply(wire, 0, SYN_ACK)
    syn.step(0)
    (late,) = syn.late
    assert (late.port, late.attempt, late.code) == (22, 0, outcome.OPEN)
    assert late.seconds >= 0.05


def test_silence_proves_nothing_while_answers_found_no_room(wire, run):
    one = chunk(22, 23)
    syn = run(one)
    syn.step(0)
    wire.dropped = True
    sleep(0.06)
    syn.step(0)
    assert not syn.finished
    deadline = monotonic() + 3
    while len(wire.sent) < 4 and monotonic() < deadline:
        syn.step(0.01)
    reply(wire, 2, SYN_ACK)
    finish(syn)
    assert list(one.codes) == [outcome.OPEN, outcome.SILENT]
    assert wire.sent[2][0] != wire.sent[0][0]


def test_what_is_watched_and_what_is_our_own_is_connected_to(wire, run):
    watched, own = chunk(1, watch=True, timeout=0.2), chunk(2, local=True)
    for one in (watched, own):
        one.host = "127.0.0.1"
    syn = run(watched, own)
    deadline = monotonic() + 3
    while len(syn.finished) < 2 and monotonic() < deadline:
        syn.step(0.01)
    assert not wire.sent
    assert [list(one.codes) for one in (watched, own)] == [[outcome.CLOSED], [outcome.CLOSED]]


def test_the_window_bounds_what_is_under_way(wire):
    queue = [chunk(*range(1000, 1400)) for _ in range(4)]
    syn = method.Syn(lambda: queue.pop(0) if queue else None, window=50)
    syn.step(0)
    assert len(wire.sent) == 50
    for at in range(50):
        reply(wire, at, RST_ACK)
    syn.step(0)
    syn.step(0)
    assert len(wire.sent) == 100
    syn.close()
