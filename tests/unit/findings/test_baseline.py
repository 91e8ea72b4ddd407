"""An audit against an earlier one: what is new fails, what persists is told, what is fixed was looked at again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from auditor.errors import EvidenceError, ExitCode, UsageError
from auditor.findings.baseline import held_against
from auditor.model.findings import Novelty, Status
from auditor.model.ports import Port
from auditor.model.reach import declared_reach
from auditor.model.reach import grown as reach_grown
from tests.unit.findings.worlds import (
    audit,
    days_ago,
    declared,
    opening,
    probe,
    seen,
    service,
    socket,
    table,
    unknown,
)

POLICY = "version: 1\nhosts: {web-1: 192.0.2.10, web-2: 192.0.2.11}\nrules: [{hosts: ['*'], allow: [443]}]\n"
CLEAN = seen("192.0.2.11", open="443/tcp")


def look(*observations, policy=POLICY):
    return audit(policy, probe(*observations))


def against(earlier, now):
    return held_against(now, earlier, source="old.json", sha256="ab" * 32)


def novelties(result):
    return {str(one.port): one.novelty for one in result.findings if one.port}


def test_only_what_is_new_fails_the_gate():
    earlier = look(seen("192.0.2.10", open="443/tcp,22/tcp"), CLEAN)
    same = against(earlier, look(seen("192.0.2.10", open="443/tcp,22/tcp"), CLEAN))
    assert (same.exit_code, novelties(same)) == (ExitCode.CONFORMS, {"22/tcp": Novelty.PERSISTING})
    assert {one.status for one in same.findings if one.port} == {Status.NOTE}
    more = against(earlier, look(seen("192.0.2.10", open="443/tcp,22/tcp,25/tcp"), CLEAN))
    assert more.exit_code is ExitCode.VIOLATIONS
    assert novelties(more) == {"22/tcp": Novelty.PERSISTING, "25/tcp": Novelty.NEW}


def test_what_was_looked_at_again_and_is_gone_is_fixed():
    result = against(look(seen("192.0.2.10", open="22/tcp"), CLEAN), look(seen("192.0.2.10"), CLEAN))
    assert [str(one.port) for one in result.baseline.fixed] == ["22/tcp"]
    assert result.baseline.unseen == ()
    assert result.exit_code is ExitCode.CONFORMS


def test_what_nobody_looked_at_again_is_not_fixed():
    earlier = look(seen("192.0.2.10", open="22/tcp"), CLEAN)
    now = look(unknown("192.0.2.10", "1-65535/tcp"), CLEAN)
    result = against(earlier, now)
    assert [str(one.port) for one in result.baseline.unseen] == ["22/tcp"]
    assert result.exit_code is ExitCode.UNVERIFIED


def test_a_baseline_hides_no_gap():
    earlier = look(unknown("192.0.2.10", "1-65535/tcp"), CLEAN)
    assert against(earlier, look(unknown("192.0.2.10", "1-65535/tcp"), CLEAN)).exit_code is ExitCode.UNVERIFIED


def test_evidence_of_another_kind_fixes_nothing():
    earlier = audit(POLICY, declared(opening("6379")))
    result = against(earlier, look(seen("192.0.2.10"), CLEAN))
    assert [str(one.port) for one in result.baseline.unseen] == ["6379/tcp"]
    assert against(earlier, audit(POLICY, declared(opening("443")))).baseline.fixed


def test_what_a_vantage_sees_is_new_where_a_file_alone_was_known():
    places = POLICY.replace("hosts: {", "vantages: {internet: {networks: ['0.0.0.0/0']}}\nhosts: {").replace(
        "allow: [443]", "from: [internet], allow: [443]"
    )
    earlier = audit(places, declared(opening("6379", "198.51.100.0/24")))
    now = audit(places, probe(seen("192.0.2.10", open="6379/tcp"), CLEAN, vantage="internet"))
    assert novelties(against(earlier, now)) == {"6379/tcp": Novelty.NEW}


def test_an_unknown_host_that_opens_another_port_is_new():
    earlier = look(seen("192.0.2.10"), CLEAN, seen("192.0.2.99", open="22/tcp"))
    same = against(earlier, look(seen("192.0.2.10"), CLEAN, seen("192.0.2.99", open="22/tcp")))
    assert same.exit_code is ExitCode.CONFORMS
    grown = against(earlier, look(seen("192.0.2.10"), CLEAN, seen("192.0.2.99", open="22/tcp,6379/tcp")))
    assert grown.exit_code is ExitCode.VIOLATIONS
    assert grown.baseline.fixed == grown.baseline.unseen == ()


def test_a_flood_of_other_ports_is_new():
    earlier = look(seen("192.0.2.10", open="1000-3000/tcp"), CLEAN)
    fewer = against(earlier, look(seen("192.0.2.10", open="1000-2900/tcp"), CLEAN))
    assert fewer.exit_code is ExitCode.CONFORMS
    others = against(earlier, look(seen("192.0.2.10", open="1000-2999/tcp,6379/tcp"), CLEAN))
    assert others.exit_code is ExitCode.VIOLATIONS


def test_a_finding_that_persisted_in_the_baseline_persists():
    first = look(seen("192.0.2.10", open="22/tcp"), CLEAN)
    second = against(first, look(seen("192.0.2.10", open="22/tcp"), CLEAN))
    third = against(second, look(seen("192.0.2.10", open="22/tcp"), CLEAN))
    assert third.exit_code is ExitCode.CONFORMS
    fixed = against(second, look(seen("192.0.2.10"), CLEAN))
    assert [str(one.port) for one in fixed.baseline.fixed] == ["22/tcp"]


def test_an_excepted_finding_excuses_nothing_once_the_exception_is_gone():
    lifted = POLICY + (
        "exceptions:\n  - {id: EX-1, hosts: [web-1], ports: [22], reason: r, owner: o,"
        " approved: {by: c, on: 2026-10-01}, expires: 2026-12-31}\n"
    )
    earlier = look(seen("192.0.2.10", open="22/tcp"), CLEAN, policy=lifted)
    result = against(earlier, look(seen("192.0.2.10", open="22/tcp"), CLEAN))
    assert novelties(result) == {"22/tcp": Novelty.NEW}
    assert result.exit_code is ExitCode.VIOLATIONS


def test_the_baseline_of_another_policy_is_refused():
    other = look(CLEAN, policy=POLICY.replace("version: 1\n", "version: 1\nname: other\n"))
    with pytest.raises(UsageError, match=r"old\.json is an audit of policy 'other'"):
        against(other, look(CLEAN))


def test_a_host_of_known_violations_alone_does_not_fail():
    earlier = look(seen("192.0.2.10", open="22/tcp"), CLEAN)
    result = against(earlier, audit(POLICY, probe(seen("192.0.2.10", open="22/tcp"), CLEAN), table(host="web-2")))
    assert {row.verdict.value for row in result.hosts} == {"conforms"}


PLACES = POLICY.replace(
    "hosts: {",
    "vantages: {office: {networks: [10.0.0.0/8]}, internet: {networks: ['0.0.0.0/0', '::/0']}}\nhosts: {",
)


@pytest.mark.parametrize("vantage", [None, "office"])
def test_a_row_without_a_vantage_keeps_the_violation_that_a_finding_from_somewhere_tells(vantage):
    earlier = look(seen("192.0.2.10", open="443/tcp"), CLEAN)
    now = look(seen("192.0.2.10", open="443/tcp,6379/tcp"), CLEAN)
    failing = [found for found in now.findings if found.status is Status.VIOLATION]
    assert failing
    moved = tuple(replace(found, vantage="office") if found in failing else found for found in now.findings)
    rows = tuple(replace(row, vantage=vantage) for row in now.hosts)
    result = held_against(replace(now, findings=moved, hosts=rows), earlier, source="before.json")
    assert any(found.novelty is Novelty.NEW for found in result.findings)
    assert "violations" in {row.verdict.value for row in result.hosts}


def told(result, port="6379/tcp"):
    (found,) = [one for one in result.findings if str(one.port) == port]
    return found


def publish(*openings, policy=POLICY, **more):
    return audit(policy, declared(*openings, **more))


@pytest.mark.parametrize(
    ("before", "now", "how"),
    [
        ({"sources": "10.0.0.0/8"}, {"sources": "0.0.0.0/0"}, "from everyone where 10.0.0.0/8 was"),
        ({"sources": "10.0.0.0/8"}, {}, "from everyone where 10.0.0.0/8 was"),
        (
            {"sources": "10.0.0.0/8"},
            {"sources": "10.0.0.0/8,198.51.100.7"},
            "from 10.0.0.0/8, 198.51.100.7 where 10.0.0.0/8 was",
        ),
        ({"bind": "192.0.2.10"}, {}, "at all addresses where 192.0.2.10 was"),
        ({"bind": "192.0.2.10"}, {"bind": "192.0.2.10,192.0.2.11"}, "at 192.0.2.10/31 where 192.0.2.10 was"),
        ({"group": "members of app"}, {}, "from everyone where members of app was"),
        (
            {"group": "g", "sources": "10.1.0.0/16"},
            {"group": "g", "sources": "10.0.0.0/8"},
            "from g in 10.0.0.0/8 where g in 10.1.0.0/16 was",
        ),
    ],
)
@pytest.mark.parametrize("policy", [POLICY, PLACES])
def test_what_is_published_more_widely_is_new_and_what_is_narrower_persists(before, now, how, policy):
    narrow, wide = (publish(opening("6379", **one), policy=policy) for one in (before, now))
    assert narrow.findings[0].fingerprint == wide.findings[0].fingerprint
    grown = against(narrow, wide)
    assert (grown.exit_code, told(grown).novelty) == (ExitCode.VIOLATIONS, Novelty.NEW)
    assert told(grown).grown == how
    assert told(against(wide, wide)).novelty is told(against(narrow, narrow)).novelty is Novelty.PERSISTING
    assert told(against(wide, narrow)).novelty is Novelty.PERSISTING


@pytest.mark.parametrize(
    ("before", "now", "how"),
    [
        ({"sources": "10.0.0.0/8"}, {"sources": "198.51.100.0/24"}, "from 198.51.100.0/24 where 10.0.0.0/8 was"),
        ({"group": "members of app"}, {"group": "members of all"}, "from members of all where members of app was"),
        ({"sources": "10.0.0.0/8"}, {"group": "members of all"}, "from members of all where 10.0.0.0/8 was"),
    ],
)
def test_what_is_published_to_others_is_new(before, now, how):
    assert told(against(*(publish(opening("6379", **one)) for one in (before, now)))).grown == how


def test_the_same_networks_in_other_words_persist():
    halves = publish(opening("6379", "10.0.0.0/9", line=3), opening("6379", "10.128.0.0/9", line=9))
    assert told(against(halves, publish(opening("6379", "10.0.0.0/8")))).novelty is Novelty.PERSISTING
    assert told(against(publish(opening("6379", "10.0.0.0/8")), halves)).novelty is Novelty.PERSISTING


def test_a_second_opening_of_the_same_port_to_others_is_new():
    earlier = publish(
        opening("6379", "10.0.0.0/8", bind="192.0.2.10"), opening("6379", "198.51.100.7", bind="192.0.2.9")
    )
    crossed = publish(
        opening("6379", "10.0.0.0/8", bind="192.0.2.9"), opening("6379", "198.51.100.7", bind="192.0.2.9")
    )
    assert told(against(earlier, crossed)).novelty is Novelty.NEW, "these sources, and not at this address"


def test_what_is_allowed_anyway_does_not_make_a_known_finding_new():
    office = PLACES.replace("allow: [443]", "from: [office], allow: [443, 6379]")
    earlier = publish(opening("6379", "198.51.100.7", line=3), policy=office)
    more = publish(opening("6379", "198.51.100.7", line=3), opening("6379", "10.2.0.0/16", line=5), policy=office)
    assert told(against(earlier, more)).novelty is Novelty.PERSISTING


def test_a_range_of_which_one_port_is_published_more_widely_is_new():
    def ranges(*sources):
        return publish(*(opening("7000", one, last=7003, line=at) for at, one in enumerate(sources)))

    narrow, wide = ranges("10.0.0.0/8"), ranges("10.0.0.0/8", "0.0.0.0/0")
    (found,) = against(narrow, wide).findings
    assert (found.novelty, found.ports) == (Novelty.NEW, wide.findings[0].ports)
    assert {one.novelty for one in against(wide, narrow).findings} == {Novelty.PERSISTING}


def test_what_another_kind_of_evidence_shows_is_new():
    file, socket_there = declared(opening("6379")), table(socket("6379/tcp"))
    seen_there = probe(seen("192.0.2.10", open="6379/tcp"), CLEAN)
    alone = audit(POLICY, file)
    assert told(against(alone, audit(POLICY, file, socket_there))).grown.startswith("listening")
    assert told(against(alone, audit(POLICY, seen_there))).grown.startswith("reached by a probe")
    assert told(against(audit(POLICY, seen_there), alone)).grown.startswith("opened by a file")
    both = audit(POLICY, file, seen_there)
    assert told(against(both, audit(POLICY, seen_there))).novelty is Novelty.PERSISTING


def test_a_socket_that_is_bound_more_widely_is_new():
    def held(address, **more):
        return audit(POLICY, table(socket("6379/tcp", address, **more)))

    one, four, six = held("192.0.2.10"), held("0.0.0.0"), held("::", dual_stack=True)
    assert told(against(one, four)).novelty is told(against(four, six)).novelty is Novelty.NEW
    assert told(against(six, four)).novelty is told(against(four, one)).novelty is Novelty.PERSISTING


def test_a_port_that_answers_at_another_address_of_the_host_is_new():
    policy = POLICY.replace("192.0.2.10", "[192.0.2.10, '2001:db8::10']")
    one = look(seen("192.0.2.10", open="6379/tcp"), seen("2001:db8::10"), CLEAN, policy=policy)
    two = look(seen("192.0.2.10", open="6379/tcp"), seen("2001:db8::10", open="6379/tcp"), CLEAN, policy=policy)
    assert told(against(one, two)).grown == "at 192.0.2.10, 2001:db8::10 where 192.0.2.10 was"
    assert told(against(two, one)).novelty is Novelty.PERSISTING


def test_the_address_of_a_name_may_be_another_one_in_the_same_family():
    policy = POLICY.replace("192.0.2.10", "db.example")
    seen_at = [
        look(seen(address, open="6379/tcp", host="db.example"), CLEAN, policy=policy)
        for address in ("198.51.100.7", "198.51.100.8", "2001:db8::8")
    ]
    assert told(against(seen_at[0], seen_at[1])).novelty is Novelty.PERSISTING
    assert told(against(seen_at[0], seen_at[2])).novelty is Novelty.NEW


def test_another_service_or_program_behind_a_known_port_is_new():
    def answering(*names):
        services = tuple(service("6379/tcp", name) for name in names)
        return look(seen("192.0.2.10", open="6379/tcp", services=services), CLEAN)

    assert told(against(answering("http"), answering("redis"))).grown == "redis where http was"
    for before, now in ((["http"], ["http"]), ([], ["redis"]), (["redis"], [])):
        assert told(against(answering(*before), answering(*now))).novelty is Novelty.PERSISTING

    def held(process, **more):
        return audit(POLICY, table(socket("6379/tcp", process=process, **more)))

    assert told(against(held("nginx"), held("nc"))).grown == "nc where nginx was"
    assert told(against(held("nginx", unit="a.service"), held("nginx", unit="b.service"))).grown is None


def test_an_unknown_host_that_is_published_more_widely_is_new():
    def stranger(sources):
        return audit(POLICY, probe(seen("192.0.2.10"), CLEAN), declared(opening("22", sources), host="stranger"))

    grown = against(stranger("10.0.0.0/8"), stranger("0.0.0.0/0"))
    assert (grown.exit_code, grown.findings[0].novelty) == (ExitCode.VIOLATIONS, Novelty.NEW)
    assert against(stranger("0.0.0.0/0"), stranger("10.0.0.0/8")).exit_code is ExitCode.CONFORMS


def test_a_baseline_that_does_not_say_how_far_something_reached_excuses_nothing():
    earlier = publish(opening("6379", "10.0.0.0/8"))
    old = replace(earlier, findings=tuple(replace(one, reach=()) for one in earlier.findings))
    assert told(against(old, earlier)).grown == "the baseline does not say how far it reached"


def test_what_persists_is_known_since_the_first_audit_that_tells_of_it():
    def at(days, *openings):
        return audit(POLICY, declared(*openings), now=days_ago(days))

    first = at(30, opening("6379", "10.0.0.0/8"))
    second = against(first, at(20, opening("6379", "10.0.0.0/8"), opening("25")))
    assert (told(second).first_seen, told(second, "25/tcp").first_seen) == (days_ago(30), None)
    third = against(second, at(10, opening("6379", "10.0.0.0/8"), opening("25")))
    assert (told(third).first_seen, told(third, "25/tcp").first_seen) == (days_ago(30), days_ago(20))
    grown = against(third, at(5, opening("6379", "0.0.0.0/0")))
    assert (told(grown).first_seen, told(grown).novelty) == (None, Novelty.NEW)
    assert told(against(grown, at(1, opening("6379", "0.0.0.0/0")))).first_seen == days_ago(5)


def test_another_service_at_an_unknown_host_is_new():
    def stranger(*names):
        services = tuple(service("80/tcp", name) for name in names)
        return look(seen("192.0.2.10"), CLEAN, seen("192.0.2.77", open="80/tcp,22/tcp", services=services))

    result = against(stranger("http"), stranger("redis"))
    assert (result.exit_code, result.findings[0].grown) == (ExitCode.VIOLATIONS, "redis behind it where http was")
    for before, now in ((["http"], ["http"]), ([], ["redis"]), (["redis"], [])):
        assert against(stranger(*before), stranger(*now)).exit_code is ExitCode.CONFORMS

    def held(process):
        return audit(POLICY, probe(seen("192.0.2.10"), CLEAN), table(socket("80/tcp", process=process), host="other"))

    assert against(held("nginx"), held("nc")).exit_code is ExitCode.VIOLATIONS
    assert against(held("nginx"), held("nginx")).exit_code is ExitCode.CONFORMS


def test_another_port_behind_a_published_one_is_new():
    def to(target):
        return audit(POLICY, declared(replace(opening("8080"), target=target)))

    assert told(against(to("80/tcp"), to("6379/tcp")), "8080/tcp").grown == "6379/tcp behind it where 80/tcp was"
    for before, now in (("80/tcp", "80/tcp"), (None, "80/tcp"), ("80/tcp", None)):
        assert told(against(to(before), to(now)), "8080/tcp").novelty is Novelty.PERSISTING


def test_a_range_that_leads_elsewhere_is_new_and_a_shorter_one_reaches_no_further():
    def to(last, target):
        return audit(POLICY, declared(replace(opening("7000", last=last), target=target)))

    (grown,) = against(to(7009, "7000-7009/tcp"), to(7009, "6370-6379/tcp")).findings
    assert grown.grown == "630 ports lower behind it where the same ports was"
    assert grown.novelty is Novelty.NEW
    long, short = (
        declared_reach(one, one.ports)
        for one in (replace(opening("7000", last=last), target=f"7000-{last}/tcp") for last in (7009, 7004))
    )
    assert (reach_grown([short], [long]), len(reach_grown([long], [short]))) == ((), 1)


@pytest.mark.parametrize("more", [{"process": "docker-proxy"}, {"nat": True}])
def test_a_forward_to_another_port_is_new_and_one_to_another_address_persists(more):
    def to(forwards):
        return audit(POLICY, table(socket("8080/tcp", forwards=forwards, **more)))

    web, other = to("172.17.0.2:80"), to("172.17.0.9:6379")
    assert told(against(web, other), "8080/tcp").grown == "6379/tcp behind it where 80/tcp was"
    assert told(against(web, to("172.17.0.9:80")), "8080/tcp").novelty is Novelty.PERSISTING
    assert told(against(to("[fd00::2]:80"), to("[fd00::9]:6379")), "8080/tcp").novelty is Novelty.NEW


def rule(text):
    return (
        "version: 1\nsettings: {fail_on: low}\nvantages: {office: {networks: [10.0.0.0/8]}}\n"
        "hosts: {web-1: 192.0.2.10, web-2: 192.0.2.11}\n"
        f"rules: [{{id: r, reviewed: false, {text}}}]\n"
    )


@pytest.mark.parametrize(
    ("before", "now", "how"),
    [
        (
            "hosts: [web-1], allow: [22, 80]",
            "hosts: [web-1], allow: ['1-65535']",
            "1-21/tcp,23-79/tcp,81-65535/tcp too",
        ),
        ("hosts: [web-1], allow: [22]", "hosts: ['*'], allow: [22]", "for hosts * where hosts web-1 was"),
        (
            "hosts: [web-1], from: [office], allow: [22]",
            "hosts: [web-1], allow: [22]",
            "for hosts web-1 where hosts web-1 from office was",
        ),
        (
            "hosts: [web-1], allow: [{port: 22, process: sshd}]",
            "hosts: [web-1], allow: [22]",
            "for hosts web-1 where hosts web-1, process sshd was",
        ),
    ],
)
def test_a_rule_nobody_reviewed_that_permits_more_is_new(before, now, how):
    def rules(text):
        everything = probe(seen("192.0.2.10"), seen("192.0.2.11"), vantage="office")
        return audit(rule(text), everything)

    def of(result):
        (found,) = [one for one in result.findings if one.check == "unreviewed-allow"]
        return found

    assert of(against(rules(before), rules(now))).grown == how
    assert of(against(rules(before), rules(before))).novelty is Novelty.PERSISTING


def edited(earlier, **what):
    return replace(earlier, findings=tuple(replace(one, **what) for one in earlier.findings))


@pytest.mark.parametrize(
    "what", [{"host": "web-2"}, {"check": "too-wide"}, {"port": Port.parse("25")}, {"vantage": "x"}]
)
def test_a_finding_that_is_not_what_its_fingerprint_says_excuses_nothing(what):
    earlier = look(seen("192.0.2.10", open="22/tcp"), CLEAN)
    with pytest.raises(EvidenceError, match=r"old\.json: findings\[0\]: its fingerprint is not that of"):
        against(edited(earlier, **what), earlier)


def test_a_fingerprint_that_was_put_under_another_finding_excuses_nothing():
    earlier = look(seen("192.0.2.10", open="22/tcp"), CLEAN)
    now = look(seen("192.0.2.10", open="6379/tcp"), CLEAN)
    with pytest.raises(EvidenceError, match=r"not that of unexpected-open web-1 22/tcp"):
        against(edited(earlier, fingerprint=now.findings[0].fingerprint), now)


def test_a_fingerprint_without_a_port_is_held_against_what_is_found_today():
    earlier = look(seen("192.0.2.10"), CLEAN, seen("192.0.2.99", open="22/tcp"))
    assert against(earlier, earlier).exit_code is ExitCode.CONFORMS
    with pytest.raises(EvidenceError, match="its fingerprint is not that of unknown-host web-1"):
        against(edited(earlier, host="web-1"), earlier)


def test_a_baseline_of_the_future_is_refused_and_a_clock_that_is_ahead_is_not():
    earlier = look(seen("192.0.2.10", open="22/tcp"), CLEAN)
    with pytest.raises(EvidenceError, match=r"old\.json ended 2026-11-23T12:00:00Z, which is yet to come"):
        against(replace(earlier, finished=days_ago(-1)), earlier)
    ahead = replace(earlier, finished=earlier.finished + timedelta(minutes=4))
    assert against(ahead, earlier).exit_code is ExitCode.CONFORMS


def test_what_the_policy_holds_for_graver_now_is_new():
    def judged(severity):
        rules = f"rules: [{{hosts: ['*'], deny: [23], severity: {severity}}}]\n"
        return look(seen("192.0.2.10", open="23/tcp"), seen("192.0.2.11"), policy=POLICY.partition("rules:")[0] + rules)

    low, critical = judged("low"), judged("critical")
    assert told(against(low, critical), "23/tcp").grown == "critical where low was"
    assert told(against(critical, low), "23/tcp").novelty is Novelty.PERSISTING
