"""Both parts of a scan as one piece of evidence, and what each layer of a live scan tells of unfinished targets."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.chain import Preceded
from auditor.collect.identify import identify
from auditor.collect.probe.news import Told
from auditor.collect.probe.udp import JoinedScan
from auditor.collect.resumed import Resumed
from auditor.model.evidence import INTERRUPTED, Completion, Kind, Observation, Origin, Unknown
from auditor.model.ports import PortSet
from auditor.model.target import Batch, Target
from auditor.snapshot.parts import Begun

FIRST = datetime(2026, 11, 20, tzinfo=UTC)
LATER = datetime(2026, 11, 22, tzinfo=UTC)
ASK = PortSet.parse("1-10")
WEB = Target(host="web", address="192.0.2.1", ask=ASK)
DB = Target(host="db", address="192.0.2.2", ask=ASK)


def of(target, **fields):
    made = {name: PortSet.parse(value) if isinstance(value, str) else value for name, value in fields.items()}
    return Observation(host=target.host, address=target.address, asked=ASK, **made)


class SecondPart:
    origin = Origin(kind=Kind.PROBE, source="live", started=LATER)
    completion = Completion(complete=True, finished=LATER)

    def __init__(self, *found, unfinished=(), news=()):
        self._found, self._unfinished, self._news = found, unfinished, news

    def __iter__(self):
        yield from self._found

    def partial(self):
        yield from self._unfinished

    def underway(self):
        yield from self._news


class Silent:
    def progress(self, *_):
        pass

    def say(self, _):
        pass


ORIGIN = Origin(kind=Kind.PROBE, source="s.jsonl", started=FIRST, vantage="office")
ANSWERED = Begun(target=DB, seen=of(DB, open="5", closed="1-4,6-10", alive=True, started=FIRST))
HALF = Begun(target=WEB, seen=of(WEB, open="5", closed="1-4", alive=True, started=FIRST))


def test_it_is_as_old_as_its_first_part_and_complete_as_its_second():
    whole = Resumed(SecondPart(), (), ORIGIN)
    assert (whole.origin.started, whole.origin.vantage, whole.origin.source) == (FIRST, "office", "live")
    assert whole.completion.complete


def test_what_was_answered_comes_at_once_and_the_rest_is_joined():
    whole = Resumed(SecondPart(of(WEB, open="5,7", closed="6,8-10", started=LATER)), (ANSWERED, HALF), ORIGIN)
    db, web = whole
    assert (db.host, db.open, db.closed, db.started, db.alive) == (
        "db", PortSet.parse("5"), PortSet.parse("1-4,6-10"), FIRST, True,
    )  # fmt: skip
    assert (web.open, web.closed, web.started) == (PortSet.parse("5,7"), PortSet.parse("1-4,6,8-10"), FIRST)


def test_broken_off_it_still_knows_both_parts_and_what_had_been_answered():
    rest = (Unknown(ports=PortSet.parse("7-10"), reason=INTERRUPTED),)
    part = SecondPart(unfinished=[of(WEB, closed="6", unknown=rest)])
    db, web = Resumed(part, (ANSWERED, HALF), ORIGIN).partial()
    assert db.closed == PortSet.parse("1-4,6-10")
    assert (web.open, web.closed, web.unknown) == (PortSet.parse("5"), PortSet.parse("1-4,6"), rest)


def test_news_of_the_second_part_do_not_contradict_the_first():
    [news] = Resumed(SecondPart(news=[of(WEB, closed="5,6")]), (HALF,), ORIGIN).underway()
    assert news.closed == PortSet.parse("6")


def test_hosts_held_back_to_be_spoken_to_are_told_once_and_news_pass_through():
    part = SecondPart(of(WEB, open="5", finished=LATER), news=[of(DB, closed="1")])
    held = identify(Preceded((), part), lambda seen: seen.open, timeout=0.1, observer=Silent())
    reading = iter(held)
    held._answered = lambda _: iter(())
    assert list(reading) == []
    assert [seen.host for seen in held.underway()] == ["web", "db"]
    assert [seen.host for seen in held.underway()] == ["db"]


def test_the_finished_udp_half_of_a_target_is_told_while_tcp_is_asked():
    scan = JoinedScan(Batch(targets=[WEB]), Silent())
    half = of(WEB, open="5/udp", open_filtered="6/udp", finished=LATER, unknown=(Unknown(ports=ASK, reason="?"),))
    scan._kept["web", "192.0.2.1"] = half
    [told] = scan.underway()
    assert told.seen == half.seen
    assert (told.finished, told.unknown) == (None, ())
    assert list(scan.underway()) == []


class Subject:
    pass


@pytest.mark.parametrize("gone", [0, 1])
def test_news_are_what_changed_since_they_were_last_told(gone):
    told, subject = Told(), Subject()
    first = told.news(subject, bytes([0, 2, 3, 3]))
    assert first.fresh == bytes([0, 2, 3, 3])
    assert not any(first.lost)
    assert told.news(subject, bytes([0, 2, 3, 3])) is None
    then = told.news(subject, bytes([2, 2, 0 if gone else 4, 3]))
    assert then.fresh == bytes([2, 0, 0 if gone else 4, 0])
    assert then.lost == bytes([0, 0, 0xFF * gone, 0])


@given(st.lists(st.binary(min_size=6, max_size=6), min_size=1, max_size=6))
def test_news_add_up_to_what_is_known(states):
    told, subject, table = Told(), Subject(), bytearray(6)
    for known in states:
        news = told.news(subject, known)
        if news is not None:
            table = bytearray(
                0 if lost else fresh or before for fresh, lost, before in zip(news.fresh, news.lost, table, strict=True)
            )
        assert table == known
