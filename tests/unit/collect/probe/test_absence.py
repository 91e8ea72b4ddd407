"""Giving up addresses of which somebody says that nobody is there: on evidence alone, and not at once."""

import pytest

from auditor.collect.probe.absence import Absence, Inquiry
from auditor.collect.probe.agenda import LOOK
from auditor.collect.probe.chunk import CLOSED, FOREIGN, SILENT, UNREACHED
from auditor.collect.probe.icmp import NO_NEIGHBOUR
from auditor.collect.probe.observation import concluded
from auditor.collect.probe.rounds import Next
from auditor.collect.probe.subject import Subject
from auditor.model.ports import PortSet
from auditor.model.target import Target

SAYS = "ICMP 3/1 (host unreachable) from 203.0.113.2"


def subject_for(ask="1-30000", first=""):
    target = Target(host="web", address="192.0.2.10", ask=PortSet.parse(ask), first=PortSet.parse(first))
    subject = Subject(target, "192.0.2.10", None, local=False)
    subject.begin()
    return subject


class World:
    """Time that passes, and a host that is asked whenever it may be. ``answer(port, now)`` is what comes of it."""

    def __init__(self, subject, answer, neighbour=lambda _now: True, *, says=SAYS, others=False):
        self.subject, self.answer = subject, answer
        self.inquiry = Inquiry(lambda _host, _scope, now: not neighbour(now), lambda: others)
        self.says = says
        self.asked = 0
        self.now = 0.0

    def run(self, seconds):
        end = self.now + seconds
        number = 0
        while self.now < end and self.subject.course.verdict is None:
            self.subject.course.pause = 0.0
            if self.subject.hungry:
                number += 1
                self._ask(self.subject.next(number, 16, 0.1))
            for subject in self.inquiry.proceed(self.now):
                assert subject is self.subject
            if self.subject.round_over:
                self.subject.course.end_round(0.0)
            self.now += 0.01
        return self

    def _ask(self, chunk):
        self.asked += len(chunk.ports)
        for index, port in enumerate(chunk.ports):
            code = self.answer(port, self.now)
            chunk.settle(index, code, self.says if code in {UNREACHED, FOREIGN} else None)
        unreached = UNREACHED in chunk.codes
        self.subject.absorb(chunk, {})
        if unreached:
            self.inquiry.hear(self.subject, self.says, self.now)
        elif chunk.role == "pilot":
            self.inquiry.wonder(self.subject, self.now)


def test_a_host_that_a_router_cannot_reach_is_given_up_without_being_asked_everything():
    world = World(subject_for(), lambda *_: UNREACHED).run(10)
    assert world.subject.course.verdict is Next.ENOUGH
    assert 1.2 < world.now < 5
    assert world.asked < 100
    one = concluded(world.subject, None)
    assert [(unknown.ports, unknown.reason) for unknown in one.unknown] == [(one.asked, f"no answer: {SAYS}")]
    assert one.alive is False
    assert "were not asked" in " ".join(one.notes)


def test_an_address_that_no_neighbour_answers_for_is_given_up():
    world = World(subject_for(), lambda *_: SILENT, neighbour=lambda _: False).run(10)
    assert concluded(world.subject, None).unknown[0].reason == f"no answer: {NO_NEIGHBOUR}"
    assert world.asked < 100


def test_where_others_answer_nobody_is_looked_for_twice_in_vain():
    """The message stands for three requests, and the network is there."""
    for others, long in ((True, False), (False, True)):
        world = World(subject_for(), lambda *_: UNREACHED, says=NO_NEIGHBOUR, others=others).run(10)
        assert concluded(world.subject, None).unknown[0].reason == f"no answer: {NO_NEIGHBOUR}"
        assert (world.now > 1.2) is long


def test_that_no_neighbour_has_answered_yet_is_not_enough_even_where_others_do():
    world = World(subject_for(), lambda *_: SILENT, neighbour=lambda now: now > 0.5, others=True).run(10)
    assert world.asked > 3000


def test_silence_alone_is_no_evidence():
    world = World(subject_for("1-3000"), lambda *_: SILENT).run(20)
    assert world.asked >= 3 * 3000
    assert world.subject.absence.looks == 1
    assert concluded(world.subject, None).notes == ()


def test_a_router_that_says_so_once_is_not_enough():
    """It has said so of three thousand ports, but at one moment alone."""
    world = World(subject_for("1-3000"), lambda _, now: UNREACHED if now < 1 else SILENT).run(60)
    assert world.asked >= 3 * 3000
    assert world.now > 5


@pytest.mark.parametrize("back", [0.5, 1.5, 2.9])
def test_a_host_that_comes_back_while_it_is_looked_into_is_scanned(back):
    world = World(subject_for("1-3000"), lambda _, now: UNREACHED if now < back else CLOSED).run(60)
    one = concluded(world.subject, None)
    assert one.closed == one.asked == PortSet.parse("1-3000")
    assert not one.unknown


def test_a_firewall_on_the_way_is_no_dead_host():
    world = World(subject_for("1-3000"), lambda port, _: FOREIGN if port % 2 else UNREACHED).run(60)
    assert world.asked >= 3000
    assert world.subject.course.doomed is None


def test_the_ports_that_the_policy_names_are_looked_at_each_time():
    subject = subject_for("1-3000", first="2000-2019")
    subject.look_again()
    segment = subject.agenda.work[0]
    assert segment.role == LOOK
    assert set(range(2000, 2020)) <= set(segment.ports)


def test_what_a_look_finds_counts_once():
    subject = subject_for("1-3000")
    for number in (1, 2):
        subject.look_again()
        chunk = subject.next(number, 100, 1.0)
        for index in range(len(chunk.ports)):
            chunk.settle(index, CLOSED)
        looked = len(chunk.ports)
        subject.absorb(chunk, {})
        assert subject.tally.answers == looked == subject.states.count(CLOSED)


def test_one_inquiry_for_an_address_and_no_more():
    absence = Absence()
    assert absence.note(SAYS, 1.0)
    assert not absence.note(SAYS, 2.0)
