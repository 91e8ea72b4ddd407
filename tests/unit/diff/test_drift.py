"""Then and now: what changed is what both looked at; what one did not ask is in doubt, and never drift."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.diff.drift import drift
from auditor.errors import UsageError
from auditor.model.evidence import Observation, Unknown
from auditor.model.ports import Port, PortSet
from tests.unit.findings.worlds import declared, opening, ports, probe, seen, service, socket, table, unknown


def only(*pair):
    found = drift(*pair)
    (change,) = found.changes
    return change


def test_a_port_that_opened_or_shut_is_drift():
    change = only(probe(seen("192.0.2.1", open="22/tcp,80/tcp")), probe(seen("192.0.2.1", open="80/tcp,443/tcp")))
    assert (str(change.opened), str(change.shut)) == ("443/tcp", "22/tcp")
    assert change.is_drift
    assert not change.is_doubt


def test_a_change_of_what_was_asked_is_no_change_of_what_is_open():
    narrow = probe(Observation(address="192.0.2.1", open=ports("80/tcp"), closed=ports("1-79/tcp"), alive=True))
    wide = probe(seen("192.0.2.1", open="80/tcp,443/tcp"))
    grown = drift(narrow, wide)
    assert not grown.has_drift
    assert [str(one.unasked) for one in grown.changes] == ["443/tcp"]
    shrunk = drift(wide, narrow)
    assert not shrunk.has_drift
    assert shrunk.has_doubt
    assert [str(one.unseen) for one in shrunk.changes] == ["443/tcp"]


def test_a_port_that_could_not_be_looked_at_is_not_shut():
    change = only(probe(seen("192.0.2.1", open="22/tcp")), probe(unknown("192.0.2.1", "1-65535/tcp")))
    assert (str(change.shut), str(change.unseen)) == ("", "22/tcp")


def test_silence_where_there_was_a_refusal_is_told():
    change = only(probe(seen("192.0.2.1", filtered="25/tcp")), probe(seen("192.0.2.1")))
    assert [(str(one.ports), one.before, one.now) for one in change.moved] == [("25/tcp", "filtered", "closed")]


def test_another_service_at_the_same_port_is_drift():
    change = only(
        probe(seen("192.0.2.1", open="22/tcp", services=(service("22/tcp", "ssh", version="9.2"),))),
        probe(seen("192.0.2.1", open="22/tcp", services=(service("22/tcp", "http"),))),
    )
    assert [(str(one.port), one.before, one.now) for one in change.replaced] == [("22/tcp", "ssh 9.2", "http")]


def test_a_host_of_which_one_side_alone_speaks_is_in_doubt():
    found = drift(probe(seen("192.0.2.1")), probe(seen("192.0.2.1"), seen("192.0.2.2", open="22/tcp")))
    assert not found.has_drift
    assert found.has_doubt
    assert [(one.name, str(one.unasked)) for one in found.came] == [("192.0.2.2", "22/tcp")]


def test_nothing_to_compare_is_not_a_pass():
    assert drift(probe(), probe()).has_doubt


def test_an_incomplete_scan_is_not_a_pass():
    assert drift(probe(seen("192.0.2.1")), probe(seen("192.0.2.1"), complete=False)).has_doubt


def test_socket_tables_and_files_are_compared_too():
    change = only(table(socket("22/tcp", process="sshd")), table(socket("6379/tcp"), socket("22/tcp", "127.0.0.1")))
    assert (str(change.opened), str(change.shut)) == ("6379/tcp", "22/tcp")
    change = only(declared(opening("80")), declared(opening("80"), opening("443")))
    assert str(change.opened) == "443/tcp"


def test_a_table_that_was_cut_short_shuts_nothing():
    change = only(table(socket("22/tcp")), table(socket("80/tcp"), complete=False))
    assert (str(change.opened), str(change.shut), str(change.unseen)) == ("80/tcp", "", "22/tcp")


def test_kinds_and_vantages_are_not_mixed():
    with pytest.raises(UsageError, match="only like can be compared"):
        drift(probe(seen("192.0.2.1")), table())
    with pytest.raises(UsageError, match=r"was seen from office, and scan\.xml from internet"):
        drift(probe(seen("192.0.2.1"), vantage="office"), probe(seen("192.0.2.1"), vantage="internet"))


_states = st.dictionaries(st.integers(1, 12), st.sampled_from(["open", "closed", "filtered", "unknown"]))


def _looked(states):
    def of(wanted):
        return PortSet.of(*(Port.parse(str(port)) for port, state in states.items() if state == wanted))

    made = Observation(address="192.0.2.1", open=of("open"), closed=of("closed"), filtered=of("filtered"), alive=True)
    return probe(made)


@given(_states, _states)
def test_drift_is_exactly_what_both_looks_know_and_say_differently(before, now):
    found = drift(_looked(before), _looked(now))
    differs = {
        port
        for port in before.keys() & now.keys()
        if "unknown" not in (before[port], now[port]) and before[port] != now[port]
    }
    told = PortSet()
    for change in found.changes:
        told |= change.opened | change.shut
        for moved in change.moved:
            told |= moved.ports
    assert {port.number for port in told} == differs
    assert found.has_drift == bool(differs)


def spread(change):
    return [(str(one.ports), one.before, one.now) for one in (*change.widened, *change.narrowed)]


@pytest.mark.parametrize(
    ("narrow", "wide", "then", "today"),
    [
        ({"sources": "10.0.0.0/8"}, {}, "to 10.0.0.0/8 at all addresses", "to everyone at all addresses"),
        ({"bind": "127.0.0.1"}, {}, "to everyone at 127.0.0.1", "to everyone at all addresses"),
        ({"group": "app"}, {}, "to app at all addresses", "to everyone at all addresses"),
        ({"sources": "fd00::/8"}, {"sources": "::/0"}, "to fd00::/8 at all addresses", "to everyone at all addresses"),
    ],
)
def test_a_file_that_opens_a_port_to_more_has_drifted(narrow, wide, then, today):
    one, other = declared(opening("80", **narrow)), declared(opening("80", **wide))
    grown = only(one, other)
    assert (grown.is_drift, grown.opened, grown.narrowed) == (True, PortSet(), ())
    assert spread(grown) == [("80/tcp", f"published {then}", f"published {today}")]
    shrunk = only(other, one)
    assert (shrunk.is_drift, shrunk.widened) == (True, ())
    assert spread(shrunk) == [("80/tcp", f"published {today}", f"published {then}")]


def test_the_same_openings_in_other_words_or_the_same_file_twice_are_no_drift():
    whole = declared(opening("80", "10.0.0.0/8"))
    halves = declared(opening("80", "10.128.0.0/9", line=1), opening("80", "10.0.0.0/9", line=2))
    for pair in ((whole, whole), (whole, halves), (halves, whole)):
        assert drift(*pair).changes == ()


def test_of_a_range_only_the_ports_that_reach_further_are_told():
    before = declared(opening("7000", "10.0.0.0/8", last=7009))
    now = declared(opening("7000", "10.0.0.0/8", last=7009), opening("7005"))
    assert [one[0] for one in spread(only(before, now))] == ["7005/tcp"]


def test_a_socket_that_is_bound_to_all_addresses_now_has_drifted():
    before, now = table(socket("80/tcp", "192.0.2.10")), table(socket("80/tcp", "::", dual_stack=True))
    assert spread(only(before, now)) == [("80/tcp", "listening at 192.0.2.10", "listening at all addresses")]


def test_what_the_earlier_file_could_not_tell_may_have_been_as_wide():
    vague = declared(opening("80", "10.0.0.0/8"), unknown=unknown("x", "80/tcp").unknown)
    cut = declared(opening("80", "10.0.0.0/8"), complete=False)
    for earlier in (vague, cut):
        change = only(earlier, declared(opening("80")))
        assert (change.is_drift, str(change.unasked)) == (False, "80/tcp")


def test_silence_of_udp_is_neither_open_nor_shut():
    silent, loud = (seen("192.0.2.1", maybe="53/udp"), seen("192.0.2.1", open="53/udp"))
    assert (only(probe(silent), probe(loud)).is_drift, drift(probe(silent), probe(silent)).changes) == (False, ())
    gone = only(probe(loud), probe(silent))
    assert (gone.is_drift, str(gone.unseen)) == (False, "53/udp")


def test_evidence_of_nothing_is_no_pass():
    empty = probe()
    assert drift(empty, empty).has_doubt
    assert drift(probe(seen("2001:db8::1", open="22/tcp")), empty).has_doubt


ALL = "1-65535/tcp,1-65535/udp"


@pytest.mark.parametrize(
    ("before", "now", "lost"),
    [
        (probe(seen("192.0.2.1")), probe(unknown("192.0.2.1", "1-65535/tcp", "timeout")), ALL),
        (probe(seen("192.0.2.1", closed="79-81/tcp")), probe(seen("192.0.2.1", closed="80/tcp")), "79/tcp,81/tcp"),
        (probe(seen("192.0.2.1")), probe(seen("192.0.2.1", maybe="53/udp")), "53/udp"),
        (probe(seen("192.0.2.1", filtered="25/tcp", closed="")), probe(unknown("192.0.2.1", "25/tcp")), "25/tcp"),
        (table(), table(unknown=unknown("x", "1-65535/tcp").unknown), "1-65535/tcp"),
        (table(), table(asked=ports("1-65535/udp")), "1-65535/tcp"),
        (declared(), declared(unknown=unknown("x", "6379/tcp").unknown), "6379/tcp"),
        (declared(opening("80")), declared(opening("80"), unknown=(Unknown(ports=PortSet(), reason="host"),)), None),
    ],
)
def test_what_was_not_open_and_is_not_known_any_more_may_have_opened(before, now, lost):
    found = drift(before, now)
    (change,) = found.changes
    assert change.lost == (ports(ALL) - ports("80/tcp") if lost is None else ports(lost))
    assert (found.has_drift, found.has_doubt) == (False, True)
    back = drift(now, before)
    assert not back.has_drift
    assert [change for change in back.changes if change.is_doubt] == []


@pytest.mark.parametrize("came", [True, False])
def test_a_host_with_nothing_open_that_one_side_does_not_mention_is_in_doubt(came):
    more, less = probe(seen("192.0.2.1"), seen("192.0.2.2")), probe(seen("192.0.2.1"))
    found = drift(less, more) if came else drift(more, less)
    assert (found.has_drift, found.has_doubt) == (False, True)
    assert [one.name for one in (found.came if came else found.gone)] == ["192.0.2.2"]


def test_a_host_of_which_neither_look_knows_anything_is_not_compared():
    found = drift(probe(unknown("192.0.2.1", "80/tcp")), probe(unknown("192.0.2.1", "80/tcp")))
    assert (found.compared, found.has_doubt) == (0, True)


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (
            declared(replace(opening("8080"), target="80/tcp")),
            declared(replace(opening("8080"), target="6379/tcp")),
            ("80/tcp", "6379/tcp"),
        ),
        (
            table(socket("8080/tcp", nat=True, forwards="172.17.0.2:80")),
            table(socket("8080/tcp", nat=True, forwards="172.17.0.9:6379")),
            ("address translation to 172.17.0.2:80", "address translation to 172.17.0.9:6379"),
        ),
        (
            probe(seen("192.0.2.1", open="8080/tcp", services=(service("8080/tcp", "http", tls=True),))),
            probe(seen("192.0.2.1", open="8080/tcp", services=(service("8080/tcp", "http"),))),
            ("http in TLS", "http"),
        ),
    ],
)
def test_another_thing_behind_the_same_port_is_drift(before, now, words):
    change = only(before, now)
    assert [(str(one.port), one.before, one.now) for one in change.replaced] == [("8080/tcp", *words)]
    assert (change.widened, change.narrowed) == ((), ())
    assert drift(now, now).changes == ()
