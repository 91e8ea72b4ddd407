"""Several pieces of evidence, several addresses, old and broken evidence: what is known in the end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from auditor.diff.age import duration
from auditor.model.evidence import Observation, Unknown
from auditor.model.findings import Status, Verdict
from auditor.model.ports import PortSet
from tests.unit.findings.worlds import (
    NOW,
    audit,
    checks,
    days_ago,
    dead,
    declared,
    only,
    opening,
    ports,
    probe,
    reasons,
    seen,
    socket,
    table,
    unknown,
)

ONE = """
version: 1
scan: {tcp: [20-30], udp: [53]}
hosts: {web-1: 192.0.2.10}
rules: [{id: web, hosts: [web-1], allow: [22]}]
"""
TWO = ONE.replace("192.0.2.10", '[192.0.2.10, "2001:db8::10"]')
NAMED = ONE.replace("192.0.2.10", "web.example")
REQUIRED = TWO.replace("allow", "require")
FAR = """
version: 1
scan: {tcp: [20-30], udp: [53]}
vantages: {internet: {networks: [0.0.0.0/0]}, office: {networks: [198.51.100.0/24]}}
hosts: {web-1: 192.0.2.10, web-2: 192.0.2.11}
rules: [{id: web, hosts: ["*"], from: [internet], allow: [22]}, {id: in, hosts: ["*"], from: [office], allow: [25]}]
"""
NET = """
version: 1
scan: {tcp: [20-30], udp: [53]}
hosts: {dmz: 192.0.2.64/30}
rules: [{id: web, hosts: [dmz], allow: [22]}]
"""
LOCAL = """
version: 1
scan: {tcp: [20-30], udp: [53]}
hosts: {web-1: 192.0.2.10}
rules: [{id: web, hosts: [web-1], from: [local], allow: [25]}, {id: all, hosts: [web-1], allow: [22]}]
"""


def rows(result):
    return {(one.member, one.vantage): one for one in result.hosts}


def test_open_in_any_piece_outweighs_the_rest():
    result = audit(ONE, probe(seen("192.0.2.10")), probe(seen("192.0.2.10", open="23"), source="late.xml"))
    found = only(result, "unexpected-open")
    assert found.evidence == ("scan.xml", "late.xml")


def test_closed_outweighs_filtered_and_filtered_outweighs_open_or_filtered():
    pieces = [
        probe(seen("192.0.2.10", closed="", maybe="20-30,53/udp")),
        probe(seen("192.0.2.10", closed="", filtered="20-30,53/udp")),
        probe(seen("192.0.2.10", closed="20-29")),
    ]
    row = rows(audit(ONE, *pieces))[None, None]
    assert (str(row.closed), str(row.filtered), str(row.open_filtered)) == ("20-29/tcp", "30/tcp,53/udp", "")
    assert audit(ONE, *pieces).verdict is Verdict.CONFORMS


def test_pieces_add_up_to_the_whole():
    assert audit(ONE, probe(seen("192.0.2.10", closed="20-25"))).verdict is Verdict.UNVERIFIED
    result = audit(ONE, probe(seen("192.0.2.10", closed="20-25")), probe(seen("192.0.2.10", closed="26-30,53/udp")))
    assert result.verdict is Verdict.CONFORMS


def test_a_port_not_looked_at_is_not_closed():
    result = audit(ONE, probe(seen("192.0.2.10", closed="20-25,53/udp")))
    (gap,) = result.unverified
    assert (str(gap.ports), gap.reason) == ("26-30/tcp", "not looked at by scan.xml")


def test_an_allowed_port_need_not_be_looked_at():
    assert audit(ONE, probe(seen("192.0.2.10", closed="20-21,23-30,53/udp"))).verdict is Verdict.CONFORMS


def test_what_is_unknown_has_its_own_reason():
    result = audit(ONE, probe(seen("192.0.2.10", closed="20-29")), probe(unknown("192.0.2.10", "30/tcp,53/udp")))
    assert reasons(result) == ["no descriptors left"]
    assert str(rows(result)[None, None].unverified) == "30/tcp,53/udp"


def test_every_declared_address_must_be_looked_at():
    result = audit(TWO, probe(seen("192.0.2.10")))
    (gap,) = result.unverified
    assert (gap.address, gap.reason) == ("2001:db8::10", "no evidence for 2001:db8::10")
    assert audit(TWO, probe(seen("192.0.2.10"), seen("2001:db8::10"))).verdict is Verdict.CONFORMS


def test_open_at_one_address_is_open_even_where_another_was_not_looked_at():
    result = audit(TWO, probe(seen("192.0.2.10", open="23")))
    assert only(result, "unexpected-open").address == "192.0.2.10"
    assert result.verdict is Verdict.VIOLATIONS


def test_a_required_port_open_at_one_address_holds_and_one_closed_at_one_alone_is_not_settled():
    assert checks(audit(REQUIRED, probe(seen("192.0.2.10", open="22"), seen("2001:db8::10")))) == []
    assert audit(REQUIRED, probe(seen("192.0.2.10"))).verdict is Verdict.UNVERIFIED
    assert checks(audit(REQUIRED, probe(seen("192.0.2.10"), seen("2001:db8::10")))) == ["required-not-open"]


def test_closed_here_and_open_or_filtered_there_is_not_settled():
    result = audit(TWO, probe(seen("192.0.2.10"), seen("2001:db8::10", maybe="53/udp")))
    (gap,) = result.unverified
    assert (gap.address, str(gap.ports)) == ("2001:db8::10", "53/udp")


def test_a_host_of_dns_names_is_judged_at_the_addresses_seen():
    assert audit(NAMED, probe(seen("203.0.113.5", host="web.example"))).verdict is Verdict.CONFORMS
    unresolved = Observation(host="web-1", unknown=(Unknown(ports=ports("1-65535"), reason="no such name"),))
    assert "no such name" in reasons(audit(NAMED, probe(unresolved)))


def test_evidence_without_an_address_speaks_for_the_only_address_and_not_for_one_of_two():
    assert audit(ONE, probe(seen(None, host="web-1"))).verdict is Verdict.CONFORMS
    assert "no evidence for 192.0.2.10" in reasons(audit(TWO, probe(seen(None, host="web-1"))))


@pytest.mark.parametrize("alive", [False, None])
def test_a_host_that_answers_nothing_is_not_clean(alive):
    result = audit(ONE, probe(Observation(address="192.0.2.10", filtered=ports("1-65535,53/udp"), alive=alive)))
    assert reasons(result) == ["no answer"]
    assert result.verdict is Verdict.UNVERIFIED


def test_silence_of_a_host_that_lives_is_filtered():
    result = audit(ONE, probe(Observation(address="192.0.2.10", filtered=ports("1-65535,53/udp"), alive=True)))
    assert result.verdict is Verdict.CONFORMS


def test_a_dead_address_is_not_saved_by_a_living_one():
    result = audit(TWO, probe(seen("192.0.2.10"), dead("2001:db8::10")))
    assert [(one.address, one.reason) for one in result.unverified] == [("2001:db8::10", "no answer")]


def test_an_interrupted_scan_leaves_silence_unverified_and_answers_as_they_are():
    broken = probe(seen("192.0.2.10", open="23", closed="20-22", filtered="24-30,53/udp"), complete=False, reason="^C")
    result = audit(ONE, broken)
    assert "unexpected-open" in checks(result)
    (gap,) = result.unverified
    assert (str(gap.ports), gap.reason) == ("24-30/tcp,53/udp", "scan.xml is not complete: ^C")


def test_a_host_missing_from_an_interrupted_scan_says_so():
    assert reasons(audit(ONE, probe(complete=False))) == ["no evidence (scan.xml is not complete)"]


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        (days_ago(3), "the evidence is 3d old (limit 24h)"),
        (NOW + timedelta(minutes=10), "the evidence is from the future (by 10m): check the clocks"),
        (None, "the evidence does not say when it was taken"),
    ],
)
def test_evidence_of_another_time_proves_no_pass_but_still_shows_what_was_open(when, reason):
    result = audit(ONE, probe(seen("192.0.2.10", open="23"), started=when))
    assert reasons(result) == [reason]
    found = only(result, "unexpected-open")
    assert found.message == "23/tcp was open on web-1 (192.0.2.10) and nothing allows it"
    assert found.actual == "open in evidence that is too old"


def test_the_hosts_own_time_counts_before_that_of_the_run():
    observation = seen("192.0.2.10", finished=NOW)
    assert audit(ONE, probe(observation, started=days_ago(3))).verdict is Verdict.CONFORMS


def test_a_time_without_an_offset_is_utc():
    assert audit(ONE, probe(seen("192.0.2.10"), started=NOW.replace(tzinfo=None))).verdict is Verdict.CONFORMS


def test_newer_evidence_overrules_older():
    old = probe(seen("192.0.2.10", open="23"), started=days_ago(3))
    assert audit(ONE, old, probe(seen("192.0.2.10"))).verdict is Verdict.CONFORMS


def test_a_required_port_open_in_old_evidence_alone_is_not_settled():
    policy = ONE.replace("allow", "require")
    old = probe(seen("192.0.2.10", open="22"), started=days_ago(3))
    assert audit(policy, old).verdict is Verdict.UNVERIFIED
    assert not checks(audit(policy, old))


@pytest.mark.parametrize(
    ("span", "text"),
    [(timedelta(minutes=89), "89m"), (timedelta(hours=24), "24h"), (timedelta(hours=49), "2d")],
)
def test_durations_read_like_the_settings(span, text):
    assert duration(span) == text


def test_each_vantage_is_judged_by_itself():
    result = audit(
        FAR,
        probe(seen("192.0.2.10", open="22"), seen("192.0.2.11"), vantage="internet"),
        probe(seen("192.0.2.10", open="22"), seen("192.0.2.11"), vantage="office"),
    )
    assert [(one.check, one.vantage) for one in result.findings if one.host] == [("unexpected-open", "office")]


def test_a_host_that_was_not_looked_at_from_a_vantage_that_others_were_is_unverified_there():
    result = audit(
        FAR,
        probe(seen("192.0.2.10"), seen("192.0.2.11"), vantage="internet"),
        probe(seen("192.0.2.10"), vantage="office"),
    )
    assert [(one.host, one.vantage, one.reason) for one in result.unverified] == [
        ("web-2", "office", "no evidence from office")
    ]


def test_a_vantage_that_no_evidence_speaks_for_is_not_assessed():
    result = audit(FAR, probe(seen("192.0.2.10"), seen("192.0.2.11"), vantage="internet"))
    assert [one.what for one in result.not_assessed] == ["vantage office"]
    assert result.verdict is Verdict.CONFORMS


def test_a_socket_table_is_judged_on_what_any_vantage_may_see():
    both = [table(socket("22"), socket("25"), host=name) for name in ("web-1", "web-2")]
    result = audit(FAR, *both)
    assert result.verdict is Verdict.CONFORMS
    assert [one.what for one in result.not_assessed] == ["vantage internet", "vantage office"]


def test_a_table_settles_for_other_vantages_only_what_does_not_listen():
    result = audit(
        FAR,
        probe(seen("192.0.2.10"), vantage="internet"),
        table(socket("25"), host="web-2"),
        table(host="web-1"),
    )
    (gap,) = result.unverified
    assert (gap.host, gap.vantage, str(gap.ports)) == ("web-2", "internet", "25/tcp")
    assert gap.reason == "it listens, and nothing looked from internet"


def test_a_socket_bound_to_loopback_is_not_open_to_the_network():
    assert audit(ONE, table(socket("25", "127.0.0.1"))).verdict is Verdict.CONFORMS
    assert checks(audit(ONE, table(socket("25", "::")))) == ["unexpected-open", "unused-allow"]


def test_a_socket_of_another_namespace_is_not_the_hosts():
    assert audit(ONE, table(socket("25", netns="net:[4026532001]"))).verdict is Verdict.CONFORMS


def test_loopback_is_judged_where_the_policy_speaks_of_it():
    result = audit(LOCAL, table(socket("25", "127.0.0.1"), socket("26", "127.0.0.1"), socket("22")))
    assert [(one.check, str(one.port), one.vantage) for one in result.findings] == [
        ("unexpected-open", "26/tcp", "local")
    ]
    assert set(rows(result)) == {(None, None), (None, "local")}


def test_a_required_local_port_is_held_by_a_socket_that_listens_everywhere():
    policy = LOCAL.replace("allow: [25]", "require: [25]").replace("allow: [22]", "allow: [22, 25]")
    assert not checks(audit(policy, table(socket("25"), socket("22"))))
    assert "required-not-open" in checks(audit(policy, table(socket("22"))))


def test_a_probe_and_a_table_of_one_place_are_joined():
    result = audit(ONE, probe(seen("192.0.2.10", open="23", closed="", maybe="53/udp")), table(socket("24")))
    assert [str(one.port) for one in result.findings if one.check == "unexpected-open"] == ["23/tcp", "24/tcp"]
    assert not result.unverified
    (row,) = result.hosts
    assert [kind.value for kind in row.kinds] == ["probe", "sockets"]


def test_a_table_that_was_not_read_in_full_settles_what_it_read():
    part = table(asked=ports("1-65535"), unknown=(Unknown(ports=ports("53/udp"), reason="permission denied"),))
    assert [(str(one.ports), one.reason) for one in audit(ONE, part).unverified] == [("53/udp", "permission denied")]


def test_a_table_that_broke_off_or_is_old_settles_nothing_but_what_it_shows():
    for piece in (table(socket("25"), complete=False), table(socket("25"), started=days_ago(3))):
        result = audit(ONE, piece)
        assert "unexpected-open" in checks(result)
        assert result.unverified


def test_members_of_a_network_are_judged_one_by_one_and_the_silent_are_vacant():
    silent = [dead(f"192.0.2.{last}") for last in (64, 65)]
    result = audit(NET, probe(*silent, seen("192.0.2.66", open="23"), seen("192.0.2.67", open="22")))
    found = only(result, "unexpected-open")
    assert (found.host, found.member) == ("dmz", "192.0.2.66")
    row = rows(result)[None, None]
    assert (row.vacant, row.members) == (2, 4)
    assert not result.unverified


def test_an_address_of_a_network_at_which_a_scan_got_no_answer_is_vacant():
    silent = [replace(unknown(f"192.0.2.{last}", "1-65535,53/udp", "no answer"), alive=False) for last in (64, 65, 66)]
    result = audit(NET, probe(*silent, seen("192.0.2.67", open="22")))
    assert rows(result)[None, None].vacant == 3
    assert not result.unverified
    assert reasons(audit(NET, probe(*silent, silent[0]))) == ["no evidence for 1 of 4 addresses"]


def test_a_network_in_which_nothing_answers_is_unverified():
    result = audit(NET, probe(*(dead(f"192.0.2.{last}") for last in range(64, 68))))
    assert reasons(result) == ["no answer from any of its 4 addresses"]


def test_addresses_of_a_network_without_evidence_are_counted():
    result = audit(NET, probe(seen("192.0.2.66"), dead("192.0.2.64")))
    assert reasons(result) == ["no evidence for 2 of 4 addresses"]
    assert reasons(audit(NET, probe())) == ["no evidence"]


def test_a_large_network_costs_as_little_as_its_members():
    policy = NET.replace("192.0.2.64/30", '"2001:db8::/64"')
    result = audit(policy, probe(seen("2001:db8::1")))
    assert reasons(result) == [f"no evidence for {2**64 - 1} of {2**64} addresses"]


def test_a_member_that_could_not_be_looked_at_is_not_vacant():
    pieces = [dead(f"192.0.2.{last}") for last in (64, 65)]
    result = audit(NET, probe(*pieces, unknown("192.0.2.66", "1-65535,53/udp", "no route"), seen("192.0.2.67")))
    assert reasons(result) == ["no route"]
    assert rows(result)[None, None].vacant == 2


def test_silence_in_an_interrupted_scan_of_a_network_is_not_vacancy():
    pieces = [dead(f"192.0.2.{last}") for last in (64, 65, 66)]
    result = audit(NET, probe(*pieces, seen("192.0.2.67"), complete=False))
    assert rows(result)[None, None].vacant == 0
    assert len(result.unverified) == 3


def test_files_that_declare_openings_leave_coverage_unassessed():
    result = audit(ONE, declared(opening("22")))
    assert result.verdict is Verdict.CONFORMS
    assert result.not_assessed[0].what == "required ports and coverage"


def test_files_beside_a_scan_do_not_stand_in_for_it():
    assert audit(ONE, declared(opening("22")), probe()).verdict is Verdict.UNVERIFIED


def test_files_that_say_nothing_of_any_host_are_no_pass():
    assert audit(ONE, declared(host="other")).verdict is Verdict.UNVERIFIED


def test_what_a_file_does_not_tell_is_unverified_and_so_is_a_file_cut_short():
    later = Unknown(ports=ports("20-30"), reason="known only after apply")
    assert reasons(audit(ONE, declared(unknown=(later,)))) == ["known only after apply"]
    assert str(audit(ONE, declared(unknown=(later,))).unverified[0].ports) == "20-21/tcp,23-30/tcp"
    assert reasons(audit(ONE, declared(complete=False, reason="cut"))) == ["compose.yaml is not complete: cut"]
    cut = declared(host="other", complete=False)
    assert "compose.yaml is not complete" in reasons(audit(ONE, cut))


def test_a_published_port_that_also_answers_is_one_finding_with_the_files_line():
    result = audit(ONE, probe(seen("192.0.2.10", open="23")), declared(opening("23")))
    found = only(result, "unexpected-open")
    assert found.source_location.line == 7
    assert found.evidence == ("scan.xml", "compose.yaml")
    assert found.status is Status.VIOLATION


def test_the_row_says_what_was_out_of_scope():
    row = rows(audit(ONE, probe(seen("192.0.2.10", closed="20-30,53/udp"))))[None, None]
    assert len(row.out_of_scope) == 2 * 65535 - 12
    assert row.asked == PortSet.parse("20-30,53/udp")


BOTH = LOCAL.replace("192.0.2.10", "192.0.2.10, web-2: 192.0.2.11")


def test_a_look_at_its_own_loopback_does_not_show_a_host_as_the_network_sees_it():
    inner = probe(seen("192.0.2.11"), vantage="local")
    result = audit(BOTH, table(socket("22")), inner)
    assert [(one.host, one.vantage, one.reason) for one in result.unverified] == [("web-2", None, "no evidence")]


def test_an_audit_of_loopback_alone_leaves_the_network_out():
    inner = probe(seen("192.0.2.10"), seen("192.0.2.11"), vantage="local")
    assert audit(BOTH, inner).verdict is Verdict.CONFORMS
    result = audit(BOTH, probe(seen("192.0.2.10"), vantage="local"))
    assert [(one.host, one.vantage) for one in result.unverified] == [("web-2", "local")]


BESIDE = ONE.replace("192.0.2.10", "[192.0.2.10, db.example]")
LOOKUP = Observation(
    host="web-1",
    names=("db.example",),
    unknown=(Unknown(ports=ports("20-30,53/udp"), reason="db.example does not resolve"),),
)


def test_a_name_beside_an_address_is_one_more_place_to_look_at():
    result = audit(BESIDE, probe(seen("192.0.2.10")))
    assert (result.verdict, set(reasons(result))) == (Verdict.UNVERIFIED, {"no evidence for db.example"})


@pytest.mark.parametrize("called", [{"names": ("DB.example.",)}, {"host": "db.example"}])
def test_evidence_that_names_the_name_is_evidence_of_it(called):
    other = seen("192.0.2.77", **called)
    assert audit(BESIDE, probe(seen("192.0.2.10"), other)).verdict is Verdict.CONFORMS
    assert audit(BESIDE, probe(seen("192.0.2.10", **called))).verdict is Verdict.CONFORMS


@pytest.mark.parametrize("declared", ["[192.0.2.10, db.example]", "[db.example, 192.0.2.10]"])
def test_a_name_that_does_not_resolve_is_not_made_up_for_by_the_other_address(declared):
    result = audit(ONE.replace("192.0.2.10", declared), probe(LOOKUP, seen("192.0.2.10", host="web-1")))
    assert (result.verdict, set(reasons(result))) == (Verdict.UNVERIFIED, {"db.example does not resolve"})


def test_a_name_that_resolved_for_somebody_else_was_looked_at():
    found = seen("192.0.2.77", host="web-1", names=("db.example",))
    assert audit(BESIDE, probe(LOOKUP), probe(seen("192.0.2.10"), found)).verdict is Verdict.CONFORMS


def test_each_of_several_names_must_be_looked_at():
    policy = ONE.replace("192.0.2.10", "[a.example, b.example]")
    one, other = seen("192.0.2.10", names=("a.example",)), seen("192.0.2.11", names=("b.example",))
    assert set(reasons(audit(policy, probe(one)))) == {"no evidence for b.example"}
    assert audit(policy, probe(one, other)).verdict is Verdict.CONFORMS


def test_evidence_of_a_host_that_is_one_name_alone_need_not_repeat_it():
    result = audit(NAMED, probe(seen("192.0.2.10", host="web-1"), tool="auditor"))
    assert result.verdict is Verdict.CONFORMS


def test_what_could_not_be_looked_at_without_an_address_stays_open():
    lost = Observation(host="web-1", unknown=(Unknown(ports=ports("20-30,53/udp"), reason="no descriptors left"),))
    result = audit(ONE, probe(lost), probe(seen("192.0.2.10")))
    assert (result.verdict, set(reasons(result))) == (Verdict.UNVERIFIED, {"no descriptors left"})


def test_a_socket_table_speaks_for_every_name_of_its_host():
    assert audit(BESIDE, table(socket("22"))).verdict is Verdict.CONFORMS


def test_a_name_beside_a_network_must_be_looked_at_too():
    policy = NET.replace("192.0.2.64/30", "[192.0.2.64/31, db.example]")
    inside = [seen("192.0.2.64"), seen("192.0.2.65")]
    assert reasons(audit(policy, probe(*inside))) == ["no evidence for db.example"]
    named = seen("192.0.2.77", host="dmz", names=("db.example",))
    assert audit(policy, probe(*inside, named, tool="auditor")).verdict is Verdict.CONFORMS


def test_an_address_of_a_network_that_another_host_claims_is_told_with_that_host():
    policy = NET.replace("dmz: 192.0.2.64/30", "dmz: 192.0.2.64/31, one: 192.0.2.65")
    assert audit(policy, probe(seen("192.0.2.64"), seen("192.0.2.65"))).verdict is Verdict.CONFORMS
    missing = audit(policy, probe(seen("192.0.2.65")))
    assert [(one.host, one.reason) for one in missing.unverified] == [("dmz", "no evidence")]
    unseen = audit(policy, probe(seen("192.0.2.64")))
    assert {one.host for one in unseen.unverified} == {"one"}


def test_that_somebody_was_answered_vouches_for_nobody_elses_silence():
    alive = Observation(address="192.0.2.10", alive=True)
    result = audit(ONE, probe(alive), probe(dead("192.0.2.10"), source="dead.xml"))
    assert (result.verdict, set(reasons(result))) == (Verdict.UNVERIFIED, {"no answer"})


def test_an_answer_in_other_evidence_settles_its_own_port_alone():
    closed = Observation(address="192.0.2.10", closed=ports("21"), alive=True)
    result = audit(ONE, probe(closed), probe(dead("192.0.2.10"), source="dead.xml"))
    (gap,) = {str(one.ports) for one in result.unverified}
    assert PortSet.parse(gap) == ports("20,23-30,53/udp")


FROM_BOTH = """
version: 1
scan: {tcp: [20-30], udp: [53]}
vantages: {internet: {networks: [0.0.0.0/0]}}
hosts: {web-1: 192.0.2.10}
rules: [{id: in, hosts: [web-1], from: [local], allow: [25]}, {id: web, hosts: [web-1], from: [internet], allow: [22]}]
"""


@pytest.mark.parametrize("policy", [FROM_BOTH, FROM_BOTH.replace("from: [local], ", "from: [internet], ")])
def test_a_look_at_loopback_alone_is_not_what_a_policy_of_vantages_asks_for(policy):
    address = "192.0.2.10" if "from: [local]" in policy else "127.0.0.1"
    policy = policy.replace("192.0.2.10", address)
    result = audit(policy, probe(seen(address), vantage="local"))
    assert [(one.vantage, one.reason) for one in result.unverified] == [("internet", "nothing looked from internet")]
    both = audit(policy, probe(seen(address), vantage="local"), probe(seen(address), vantage="internet"))
    assert both.verdict is Verdict.CONFORMS
