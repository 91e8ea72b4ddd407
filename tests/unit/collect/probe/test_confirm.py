"""The second look, state by state, played through without a network."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.collect.probe.chunk import CLOSED, DOUBTED, FOREIGN, LOCAL, OPEN, REFUSED, RESET, SILENT, UNREACHED
from auditor.collect.probe.confirm import LOOKS, SecondLook, second_look
from auditor.collect.probe.observation import EVERY_PORT, GONE, concluded, interrupted
from auditor.collect.probe.rounds import Next
from auditor.collect.probe.subject import Subject
from auditor.model.ports import PortSet
from auditor.model.target import Surprises, Target

PORT = 80
WITNESS = 443


def looked(first, *again, wanted=False, witness=CLOSED, loss=0.001):
    """The state that a port ends in whose second look brings these codes, the last one for ever; and the look."""
    states = bytearray(65536)
    states[PORT], states[WITNESS] = first, CLOSED
    given = {OPEN: PortSet(), CLOSED: PortSet()}
    if not wanted:
        given[first] = PortSet.numbers([PORT])
    look = SecondLook(given[OPEN], given[CLOSED], {PORT: first} if wanted else {}, loss=loss)
    turn = 0
    while look.todo:
        others = look.witnesses(states, ())
        look.hear([PORT], [again[min(turn, len(again) - 1)]])
        look.hear(others, [witness] * len(others), witness=True)
        turn += 1
        assert turn <= LOOKS
        look.go_on()
    reasons = {}
    look.settle(states, reasons)
    return states[PORT], reasons.get(PORT), turn, look


def test_a_guard_that_spares_the_published_ports_contradicts_nothing():
    seen = set()

    def shutting_out(port, role):
        if role == "confirm":
            seen.add(port)
        return OPEN if port == 443 else SILENT if seen else OPEN if port == 6379 else CLOSED

    subject = subject_for("1-7000", open="1-442,444-7000", first="443")
    one, asked = play(subject, shutting_out)
    assert asked == [[6379]] * 3
    assert one.open == PortSet.parse("443,6379")
    assert any("1 without an answer" in note for note in one.notes)


def test_where_nothing_else_answers_a_named_port_is_the_witness():
    look = surprised("6379")
    states = bytearray(7000)
    states[443] = OPEN
    look.hear([6379], [SILENT])
    look.go_on()
    assert list(look.witnesses(states, {443})) == [443]
    states[80] = CLOSED
    assert list(look.witnesses(states, {443})) == [80]


def surprised(opens, loss=0.01):
    return SecondLook(PortSet.parse(opens), PortSet(), {}, loss=loss)


@pytest.mark.parametrize(
    ("again", "state", "reason", "turns"),
    [
        ([OPEN], OPEN, None, 1),
        ([CLOSED], DOUBTED, "looked at twice: open, then closed", 2),
        ([REFUSED], DOUBTED, "looked at twice: open, then filtered", 2),
        ([SILENT], DOUBTED, "looked at twice: open, then silent", 3),
        ([FOREIGN], DOUBTED, "looked at twice: open, then filtered", 3),
        ([UNREACHED], DOUBTED, "looked at twice: open, then silent", 3),
        ([LOCAL], OPEN, None, 3),
        ([SILENT, SILENT, OPEN], OPEN, None, 3),
        ([CLOSED, OPEN], OPEN, None, 2),
        ([SILENT, CLOSED], DOUBTED, "looked at several times: open, then silent, then closed", 3),
    ],
)
def test_a_surprising_open_port(again, state, reason, turns):
    assert looked(OPEN, *again)[:3] == (state, reason, turns)


@pytest.mark.parametrize(
    ("again", "state", "reason"),
    [
        ([CLOSED], CLOSED, None),
        ([OPEN], OPEN, None),
        ([OPEN, CLOSED], DOUBTED, "looked at several times: closed, then open, then closed"),
        ([SILENT], DOUBTED, "looked at twice: closed, then silent"),
        ([REFUSED], DOUBTED, "looked at twice: closed, then filtered"),
        ([SILENT, CLOSED], CLOSED, None),
    ],
)
def test_an_answer_where_silence_was_wanted(again, state, reason):
    assert looked(CLOSED, *again)[:2] == (state, reason)


@pytest.mark.parametrize("first", [CLOSED, SILENT, REFUSED, FOREIGN, UNREACHED])
@pytest.mark.parametrize("again", [OPEN, CLOSED, SILENT, REFUSED, FOREIGN, UNREACHED, LOCAL])
def test_a_required_port_that_was_shut_is_asked_once_more_and_open_is_what_counts(first, again):
    state, _, turns, _ = looked(first, again, wanted=True)
    said = [code for code in (first, again) if code in {CLOSED, REFUSED}]
    assert turns == 1
    assert state == (OPEN if again == OPEN else said[0] if said else FOREIGN if FOREIGN in {first, again} else first)


def test_a_host_of_which_nothing_is_heard_any_more_contradicts_nothing():
    state, _, turns, look = looked(OPEN, SILENT, witness=SILENT)
    assert (state, turns) == (OPEN, 3)
    assert look.note == "ports looked at a second time: 1 (1 without an answer and left as they were)"


def test_silence_under_heavy_loss_contradicts_nothing():
    state, _, turns, look = looked(OPEN, SILENT, loss=0.7)
    assert (state, turns) == (OPEN, LOOKS)
    assert "1 without an answer" in look.note


@pytest.mark.parametrize("loss", [0.05, 0.1, 0.19, 0.36])
def test_loss_does_not_turn_open_ports_into_doubted_ones(loss):
    chance = random.Random(5)  # noqa: S311 - a simulation that is the same every time
    wrong = 0
    for _ in range(200):
        states = bytearray(65536)
        states[WITNESS] = CLOSED
        look = surprised("1000-1049", loss)
        while look.todo:
            for ports, code in ((look.todo, OPEN), (look.witnesses(states, ()), CLOSED)):
                codes = [SILENT if chance.random() < loss else code for _ in ports]
                look.hear(ports, codes, witness=code == CLOSED)
            look.go_on()
        look.settle(states, {})
        wrong += states.count(DOUBTED)
    assert wrong <= 6  # of 10,000; 0.01 a host are to be expected


def test_what_did_not_answer_at_once_is_given_a_moment():
    look = surprised("80,81")
    look.hear([80, 81], [OPEN, SILENT])
    assert look.go_on() == 0.0
    look.hear([81], [CLOSED])
    assert look.go_on() > 0.1
    assert list(look.todo) == [81]


def test_what_agrees_costs_no_memory_and_is_asked_once():
    look = surprised("1-60000")
    look.hear(range(1, 60_001), [OPEN] * 60_000)
    assert not look._trails
    look.go_on()
    assert not look.todo
    assert look.note == "ports looked at a second time: 60000 (60000 as before)"


def test_only_what_is_surprising_and_was_not_met_again_is_looked_at():
    states = bytearray([CLOSED] * 100)
    for port in (20, 21, 22, 23):
        states[port] = OPEN
    states[30] = SILENT
    surprises = Surprises(open=PortSet.parse("1-21,53/udp"), shut=PortSet.parse("22,30,31,4000,53/udp"))
    look = second_look(states, surprises, met_again={20}, loss=0.01)
    assert list(look.todo) == [21, 30, 31]
    assert second_look(states, Surprises(open=PortSet.parse("1-19")), met_again=set(), loss=0.01) is None
    assert second_look(states, Surprises(), met_again=set(), loss=0.01) is None
    assert list(second_look(states, surprises, met_again=set(), loss=0.01, opens=False).todo) == [30, 31]
    silence = Surprises(closed=PortSet.parse("50-51"))
    assert list(second_look(states, silence, met_again=set(), loss=0.01).todo) == [50, 51]
    assert second_look(states, silence, met_again=set(), loss=0.01, closed=False) is None


# -- within the scan of a host -------------------------------------------------------------------------------------


def subject_for(ask, first="", **surprises):
    sets = {name: PortSet.parse(text) for name, text in surprises.items()}
    target = Target(
        host="web",
        address="192.0.2.10",
        ask=PortSet.parse(ask),
        first=PortSet.parse(first),
        surprises=Surprises(**sets),
    )
    subject = Subject(target, "192.0.2.10", None, local=False)
    subject.begin()
    return subject


def play(subject, world):
    """Answer every chunk as ``world(port, role)`` says; the observation, and the ports of each second look."""
    asked, attempts, number = [], [], 0
    for _ in range(10_000):
        subject.course.pause = 0.0
        if subject.hungry:
            number += 1
            chunk = subject.next(number, 700, 1.0)
            if chunk.role == "confirm":
                asked.append(list(chunk.ports))
            attempts.append((chunk.role, chunk.attempt))
            for index, port in enumerate(chunk.ports):
                chunk.settle(index, world(port, chunk.role))
            subject.sample(0.001, 0.1)
            subject.absorb(chunk, {})
        if subject.round_over and subject.course.end_round(0.0) is not Next.ANOTHER:
            looks = [attempt for role, attempt in attempts if role == "confirm"]
            others = {attempt for role, attempt in attempts if role not in {"confirm", "canary"}}
            assert len(set(looks)) == len(looks), "each look is a pass of its own"
            assert others.isdisjoint(looks)
            return concluded(subject, "internet"), asked
    pytest.fail("the scan never ends")


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(["80", "1-300", "1-3000,20000-22000"]))
def test_every_port_has_one_outcome_whatever_the_world_does(chance, ask):
    choice = chance.choices([OPEN, CLOSED, REFUSED, FOREIGN, RESET, SILENT, UNREACHED, LOCAL], k=chance.randint(1, 8))
    subject = subject_for(ask, open="2-30000", closed="2-30000", shut="1,80")
    one, _ = play(subject, lambda *_: chance.choice(choice))
    parts = [one.open, one.closed, one.filtered, *(gap.ports for gap in one.unknown)]
    assert sum(map(len, parts)) == len(one.asked)
    assert all(part <= one.asked for part in parts)


def second_time(port, then, otherwise=CLOSED, first=OPEN):
    return lambda asked, role: (then if role == "confirm" else first) if asked == port else otherwise


def test_a_host_without_a_surprise_is_asked_nothing_more():
    one, asked = play(subject_for("1-3000", open="1-79,81-3000", shut="80"), second_time(80, OPEN))
    assert asked == []
    assert not any("second time" in note for note in one.notes)


def test_an_open_port_that_agrees_is_open_and_the_notes_say_that_it_was_looked_at():
    one, asked = play(subject_for("1-3000", open="1-3000"), second_time(80, OPEN))
    assert asked == [[80]]
    assert one.open == PortSet.parse("80")
    assert "ports looked at a second time: 1 (1 as before)" in one.notes


def test_an_open_port_that_is_closed_the_second_time_is_neither():
    subject = subject_for("1-3000", open="1-3000")
    one, asked = play(subject, second_time(80, CLOSED))
    assert asked == [[80], [80]]
    assert "ports looked at a second time: 1 (1 in doubt: open, then closed)" in one.notes
    assert (one.open, one.closed) == (PortSet(), one.asked - PortSet.parse("80"))
    assert [(str(gap.ports), gap.reason) for gap in one.unknown] == [("80/tcp", "looked at twice: open, then closed")]
    assert subject.tally.opens == 0


def test_a_required_port_that_comes_up_between_the_looks_is_open():
    subject = subject_for("1-3000", shut="80")
    one, asked = play(subject, second_time(80, OPEN, first=SILENT))
    assert asked == [[80]]
    assert one.open == PortSet.parse("80")
    assert not one.filtered
    assert "ports looked at a second time: 1 (1 silent, then open)" in one.notes
    assert subject.tally.opens == 1


def test_what_answered_as_a_canary_was_met_again_already():
    world = {80: OPEN, 81: SILENT}
    one, asked = play(subject_for("1-3000", open="1-3000"), lambda port, _: world.get(port, CLOSED))
    assert asked == []
    assert one.open == PortSet.parse("80")
    assert "ports looked at a second time: 1 (1 as before)" in one.notes


def test_where_everything_is_open_nothing_is_confirmed():
    one, asked = play(subject_for("1-3000,20000-22000", open="1-3000,20000-22000"), lambda *_: OPEN)
    assert asked == []
    assert [gap.reason for gap in one.unknown] == [EVERY_PORT]


def test_a_host_that_is_gone_or_never_answered_is_not_looked_at_again():
    seen = set()

    def dying(port, _):
        again = port in seen
        seen.add(port)
        return SILENT if again or port > 2000 else OPEN if port < 5 else CLOSED

    one, asked = play(subject_for("1-3000", open="1-3000", shut="2500"), dying)
    assert asked == []
    assert GONE in {gap.reason for gap in one.unknown}
    assert one.open == PortSet.parse("1-4")
    assert play(subject_for("1-3000", shut="80"), lambda *_: SILENT)[1] == []


def test_a_break_during_the_second_look_leaves_the_first():
    subject = subject_for("1-100", open="1-100")
    number = 0
    while subject.course.second_look is None:
        number += 1
        chunk = subject.next(number, 700, 1.0)
        for index, port in enumerate(chunk.ports):
            chunk.settle(index, OPEN if port == 80 else CLOSED)
        subject.absorb(chunk, {})
        if subject.round_over:
            subject.course.end_round(0.0)
    one = interrupted(subject, "office", "interrupted")
    assert one.open == PortSet.parse("80")
    assert one.unknown == ()


def test_an_open_port_that_comes_late_in_the_second_look_is_looked_at_in_the_next_round():
    look = surprised("6379")
    look.hear([6379], [CLOSED])
    look.add(333)
    assert look.go_on() > 0
    assert sorted(look.todo) == [333, 6379]
    look.hear([333, 6379], [OPEN, OPEN])
    look.go_on()
    assert not look.todo
    assert "2 (2 as before)" in look.note


def refusing_the_crowd(port, role):
    """A guard that resets most of what comes too fast: only what came first was let through."""
    if role == "again":
        return CLOSED
    return OPEN if port in {22, 80} else CLOSED


def test_where_open_ports_refuse_in_the_midst_of_the_scan_no_refusal_says_closed():
    one, _ = play(subject_for("1-3000", first="22,80"), refusing_the_crowd)
    assert one.open == PortSet.parse("22,80")
    assert not one.closed
    (unknown,) = [each for each in one.unknown if each.ports]
    assert "a guard against scans" in unknown.reason
    assert len(unknown.ports) == 2998


def test_one_service_that_ends_meanwhile_among_many_is_no_guard():
    ports = range(100, 104)
    one, _ = play(
        subject_for("1-3000", first="100-103"),
        lambda port, role: OPEN if port in ports and (port, role) != (100, "again") else CLOSED,
    )
    assert one.open == PortSet.numbers(ports)
    assert len(one.closed) == 2996


def test_a_few_ports_are_not_asked_again_for_a_guard():
    roles = set()
    play(subject_for("1-400"), lambda port, role: (roles.add(role), OPEN if port == 80 else CLOSED)[1])
    assert "again" not in roles
