"""Answers that come after the round has gone on: what they count for, and how long they are waited for."""

from array import array

import pytest

from auditor.collect.probe.canaries import chosen
from auditor.collect.probe.chunk import CLOSED, FOREIGN, OPEN, REFUSED, SILENT, Chunk
from auditor.collect.probe.jury import Trust
from auditor.collect.probe.late import Late, Listening
from auditor.collect.probe.rounds import Next
from auditor.collect.probe.subject import Subject
from auditor.model.ports import PortSet
from auditor.model.target import Target


@pytest.fixture
def subject():
    """A host of which port 1 is open, port 2 closed, and 3 to 9 have kept silent in the first round, sent at 10.0."""
    ask = PortSet.parse("1-9")
    made = Subject(Target(host="web", address="192.0.2.10", ask=ask), "192.0.2.10", None, local=False)
    made.begin()
    answer(made, {1: OPEN, 2: CLOSED}, sent=10.0)
    return made


def answer(subject, codes, *, sent, heard=True):
    """Carry out everything that is to be asked now."""
    number = 0
    while subject.agenda.work:
        number += 1
        chunk = subject.next(number, 100, 1.0)
        chunk.sent, chunk.heard = sent, heard
        for index, port in enumerate(chunk.ports):
            chunk.settle(index, codes.get(port, SILENT))
        subject.sample(0.001, 1.0)
        subject.absorb(chunk, {})


def late(port, code=OPEN, attempt=0):
    return Late("192.0.2.10", None, port, attempt, code, 0.3)


def test_a_late_answer_counts_once_and_is_no_loss_where_it_answers_the_first_pass(subject):
    for _ in range(2):
        subject.hear_late(late(5), 0.1)
    assert subject.states[5] == OPEN
    assert (subject.tally.answers, subject.tally.opens, subject.tally.late) == (3, 2, 0)


def test_a_late_answer_to_a_later_pass_tells_that_the_first_was_lost(subject):
    subject.course.end_round(11.0)
    subject.hear_late(late(5, attempt=1), 0.1)
    assert (subject.tally.late, subject.tally.late_opens) == (1, 1)


def test_what_is_known_already_counts_no_second_time_and_silence_takes_nothing_back(subject):
    subject.course.end_round(11.0)
    subject.hear_late(late(5), 0.1)
    subject.hear_late(late(6, CLOSED), 0.1)
    answer(subject, {1: OPEN, 2: CLOSED, 5: OPEN}, sent=11.0)
    assert (subject.states[5], subject.states[6]) == (OPEN, CLOSED)
    assert (subject.tally.answers, subject.tally.opens, subject.tally.late) == (4, 2, 0)
    assert sorted(subject.record.still_silent().heard) == [3, 4, 7, 8, 9]


def test_open_outweighs_a_late_refusal(subject):
    subject.course.end_round(11.0)
    subject.hear_late(late(5, CLOSED), 0.1)
    answer(subject, {1: OPEN, 2: CLOSED, 5: OPEN}, sent=11.0)
    assert subject.states[5] == OPEN
    assert (subject.tally.answers, subject.tally.opens) == (3, 2)


@pytest.mark.parametrize("trust", [Trust.FULL, Trust.WATCHED])
def test_nobody_answers_for_a_port_that_was_not_asked(subject, trust):
    subject.jury.trust = trust
    for port in (10, 65535, 0):
        subject.hear_late(late(port), 0.1)
    assert (subject.tally.answers, subject.tally.opens) == (2, 1)


def test_no_port_is_called_silent_before_it_has_been_listened_to_and_what_comes_meanwhile_counts(subject):
    now, decision = 10.01, subject.course.end_round(10.01)
    while decision is Next.ANOTHER and subject.agenda.work:
        answer(subject, {1: OPEN, 2: CLOSED}, sent=10.0)
        decision = subject.course.end_round(now)
    assert decision is Next.ANOTHER
    assert subject.course.pause == pytest.approx(0.39)
    rounds = subject.tally.rounds
    subject.hear_late(late(5), 0.1)
    assert subject.course.end_round(10.5) is Next.ENOUGH
    assert (subject.states[5], subject.tally.rounds) == (OPEN, rounds)


def test_ports_for_which_there_was_no_room_insist_on_being_heard_in_the_next_round(subject):
    second = Subject(subject.target, "192.0.2.10", None, local=False)
    second.begin()
    answer(second, {1: OPEN, 2: CLOSED}, sent=10.0, heard=False)
    for one, firm in ((subject, False), (second, True)):
        one.course.end_round(11.0)
        chunk = one.next(50, 100, 1.0)
        assert (chunk.role, chunk.firm) == ("", firm)


def test_once_is_enough_where_nothing_gets_lost_and_else_each_time_counts():
    listening = Listening()
    for sent, due in ((10.0, True), (10.3, False)):
        chunk = Chunk(1, array("H", [80]), host="192.0.2.10", timeout=1.0, due=due)
        chunk.settle(0, SILENT)
        chunk.sent = sent
        listening.note(chunk)
    assert listening.left(10.35, lossy=False) == pytest.approx(0.05)
    assert listening.left(10.35, lossy=True) == pytest.approx(0.35)
    assert listening.left(10.45, lossy=False) == 0


def test_a_port_that_answers_slowly_is_no_canary_while_there_are_others_even_if_it_was_in_time(subject):
    chunk = Chunk(90, array("H", [5]), host="192.0.2.10", timeout=1.0)
    chunk.settle(0, OPEN)
    chunk.slow.append((5, 0.3))
    subject.absorb(chunk, {})
    subject.hear_late(late(6), 0.1)
    subject.course.end_round(11.0)
    assert [set(one.ports) for one in subject.agenda.work if one.role == "canary"] == [{1}]


def test_of_slow_ports_alone_those_in_time_are_canaries_before_those_that_were_late():
    states = bytearray([0, 0, OPEN, OPEN])
    assert set(chosen(states, (), slow={2, 3}, late={2})) == {3}
    assert set(chosen(states, (), slow={2, 3}, late={2, 3})) == {2, 3}


def test_where_everything_is_as_slow_no_port_stands_out(subject):
    subject.round_trip.shortest = 0.2
    chunk = Chunk(90, array("H", [5]), host="192.0.2.10", timeout=1.0)
    chunk.settle(0, OPEN)
    chunk.slow.append((5, 0.3))
    subject.absorb(chunk, {})
    assert subject.record.slow == set()


@pytest.mark.parametrize(("code", "answers"), [(REFUSED, 3), (FOREIGN, 2)])
def test_a_late_refusal_counts_once_and_is_no_loss(subject, code, answers):
    subject.course.end_round(11.0)
    subject.hear_late(late(5, code)._replace(reason="ICMP 3/13"), 0.1)
    answer(subject, {1: OPEN, 2: CLOSED, 5: code}, sent=11.0)
    assert (subject.states[5], subject.reasons[5]) == (code, "ICMP 3/13")
    assert (subject.tally.answers, subject.tally.late) == (answers, 0)


def test_a_refusal_that_is_told_before_its_chunk_comes_back_counts_once(subject):
    subject.course.end_round(11.0)
    subject.contradict(5, REFUSED, "ICMP 3/3")
    answer(subject, {5: REFUSED}, sent=12.0)
    tally = subject.tally
    assert subject.states[5] == REFUSED
    assert (tally.answers, tally.opens, tally.late, tally.answered_last) == (3, 1, 1, 1)


def test_a_refusal_that_is_told_after_the_first_pass_is_no_loss(subject):
    for _ in range(2):
        subject.contradict(5, REFUSED, "ICMP 3/3")
    assert (subject.tally.answers, subject.tally.late, subject.tally.answered_last) == (3, 0, 3)


def test_a_port_that_was_refused_and_then_opens_is_open_and_counts_once(subject):
    subject.course.end_round(11.0)
    subject.contradict(5, REFUSED, "ICMP 3/3")
    answer(subject, {5: OPEN}, sent=12.0)
    assert subject.states[5] == OPEN
    assert (subject.tally.answers, subject.tally.opens) == (3, 2)


@pytest.mark.parametrize("told", ["late", "message"])
def test_what_somebody_on_the_way_said_gives_way_to_an_answer(subject, told):
    subject.course.end_round(11.0)
    if told == "late":
        subject.hear_late(late(5, FOREIGN), 0.1)
    else:
        subject.contradict(5, FOREIGN, "ICMP 3/13")
    answer(subject, {5: OPEN}, sent=12.0)
    assert subject.states[5] == OPEN
    assert (subject.tally.answers, subject.tally.opens) == (3, 2)


def test_a_late_refusal_that_somebody_on_the_way_turns_out_to_have_sent_is_no_answer(subject):
    subject.course.end_round(11.0)
    subject.hear_late(late(5, CLOSED, attempt=1), 0.1)
    for _ in range(2):
        subject.contradict(5, FOREIGN, "ICMP 3/13")
    answer(subject, {5: FOREIGN}, sent=12.0)
    assert subject.states[5] == FOREIGN
    assert subject.tally.answers == 2
