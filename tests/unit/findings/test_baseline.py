"""An audit against an earlier one: what is new fails, what persists is told, what is fixed was looked at again."""

import pytest

from auditor.errors import ExitCode, UsageError
from auditor.findings.baseline import held_against
from auditor.model.findings import Novelty, Status
from tests.unit.findings.worlds import audit, declared, opening, probe, seen, table, unknown

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
