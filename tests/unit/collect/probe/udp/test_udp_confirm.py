"""The second look over UDP: which ports, from which sockets, and what comes of it. A host that is played."""

import pytest

from auditor.collect.probe.chunk import CLOSED, FOREIGN, LOCAL, OPEN
from auditor.collect.probe.udp import observation
from auditor.collect.probe.udp.observation import concluded, interrupted
from auditor.collect.probe.udp.subject import Budget, Subject
from auditor.collect.probe.udp.wire import Place
from auditor.model.ports import PortSet, Protocol
from auditor.model.target import Surprises, Target

LATE = object()
"""The answer to the first look's question comes once more, at its socket, and nothing comes at the second's."""


@pytest.fixture(autouse=True)
def no_neighbours(monkeypatch):
    monkeypatch.setattr(observation, "silent_neighbours", frozenset)


def udp(text):
    return PortSet.parse(text, Protocol.UDP)


def meet(subject, ask, code, now):
    """Send one question, and deliver its answer."""
    if code == LOCAL:
        subject.refused_here(ask, "local: no", now)
        return
    subject.sent(ask, now)
    if code is LATE:
        subject.hear(ask.port, OPEN, "", now + 0.001, again=False)
    elif code is not None:
        subject.hear(ask.port, code, "said so", now + 0.001, again=ask.again)


def scanned(world, ask="1-200", then=(), *, stop=False, **surprises):
    """Play a host: ``world`` says what a port answers first, ``then`` what it answers to each look after that."""
    sets = {name: udp(text) for name, text in surprises.items()}
    target = Target(host="web", address="192.0.2.10", ask=udp(ask), surprises=Surprises(**sets))
    subject = Subject(target, Place("192.0.2.10", 0), lambda *_: 0.05, Budget(5.0, 60.0))
    now, again = 1000.0, []
    subject.begin(now)
    while now < 1100.0:
        for ask_ in subject.take(8):
            if not ask_.again:
                code = world(ask_.port)
            else:
                turn = again.count(ask_.port)
                again.append(ask_.port)
                code = then[min(turn, len(then) - 1)]
            meet(subject, ask_, code, now)
        if stop and again:
            return subject, again
        now += 0.001
        if subject.hungry:
            continue
        if subject.due is None:
            subject.exhausted()
        if subject.due <= now and subject.advance(now):
            return subject, again
    pytest.fail("it does not end")


def only(port, code, otherwise=CLOSED):
    return lambda asked: code if asked == port else otherwise


def reasons(seen):
    return {str(one.ports): one.reason for one in seen.unknown}


@pytest.mark.parametrize(
    ("then", "looks", "state", "reason"),
    [
        ([OPEN], 1, "open", None),
        ([CLOSED], 2, None, "looked at twice: open, then closed"),
        ([None], 3, "open", None),
        ([LATE], 3, "open", None),
        ([LOCAL], 3, "open", None),
        ([FOREIGN], 3, "open", None),
        ([CLOSED, OPEN], 2, "open", None),
        ([None, None, CLOSED], 3, None, "looked at several times: open, then silent, then closed"),
    ],
)
def test_an_answer_that_nobody_allows(then, looks, state, reason):
    subject, again = scanned(only(99, OPEN), then=then, open="1-200")
    seen = concluded(subject, None)
    assert again == [99] * looks
    assert seen.open == (udp("99") if state else udp(""))
    assert reasons(seen) == ({"99/udp": reason} if reason else {})
    assert seen.closed == seen.asked - udp("99")
    assert subject.ledger.tally.opens == bool(state)


@pytest.mark.parametrize("first", [CLOSED, None])
@pytest.mark.parametrize(("then", "state"), [(OPEN, "open"), (CLOSED, "closed"), (None, None)])
def test_a_required_port_that_is_not_open_is_asked_once_more(first, then, state):
    subject, again = scanned(only(99, first), then=[then], shut="99", open="1-98,100-200")
    seen = concluded(subject, None)
    assert again == [99]
    state = state or ("closed" if first else "open_filtered")
    assert udp("99") <= getattr(seen, state)
    assert len(seen.seen) == 200


def test_without_a_surprise_nothing_more_is_sent():
    assert scanned(only(99, OPEN), open="1-98", shut="99")[1] == []
    assert scanned(only(99, OPEN))[1] == []
    assert scanned(lambda _: None, shut="99")[1] == [], "a host that never answered"


def test_what_it_came_to_is_noted():
    subject, _ = scanned(lambda port: OPEN if port in {98, 99} else CLOSED, then=[OPEN], open="1-200")
    assert "UDP ports looked at a second time: 2 (2 as before)" in concluded(subject, None).notes


def test_a_service_that_is_doubted_is_not_named():
    subject, _ = scanned(only(53, OPEN), then=[CLOSED], open="1-200")
    assert concluded(subject, None).services == ()
    assert reasons(interrupted(subject, None, "interrupted")) == {"53/udp": "looked at twice: open, then closed"}


def test_a_break_during_the_second_look_leaves_the_first():
    subject, _ = scanned(only(99, OPEN), then=[CLOSED], stop=True, open="1-200")
    assert interrupted(subject, None, "interrupted").open == udp("99")
