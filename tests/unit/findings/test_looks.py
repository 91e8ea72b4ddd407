"""Several looks at the same hosts: what changed, when to stop, and what never came to rest."""

from dataclasses import replace

import pytest

from auditor.errors import ExitCode
from auditor.findings.looks import changes, is_same, is_waiting, looked
from auditor.model.findings import Look
from auditor.policy.resolve import Resolver
from tests.unit.findings.worlds import NOW, audit, policy_of, ports, probe, seen, unknown

POLICY = "version: 1\nhosts: {web-1: 192.0.2.10}\nrules: [{hosts: ['*'], allow: [80], require: [443]}]\n"


def look(**states):
    return audit(POLICY, probe(seen("192.0.2.10", **states)))


def waiting(result):
    policy = policy_of(POLICY)
    return is_waiting(result, policy.hosts, Resolver(policy, NOW.date()))


def test_changes_are_told_port_by_port_and_host_by_host():
    assert changes(look(open="22/tcp,80/tcp"), look(open="80/tcp,443/tcp")) == (
        "web-1: opened 443/tcp",
        "web-1: no longer open 22/tcp",
    )


def test_the_same_twice_is_the_same():
    assert is_same(look(open="443/tcp"), look(open="443/tcp"))
    assert not is_same(look(open="443/tcp"), look(open="80/tcp,443/tcp"))
    assert not is_same(look(open="443/tcp"), audit(POLICY, probe(unknown("192.0.2.10", "443/tcp"))))


def test_waiting_is_for_required_ports_that_do_not_answer_or_that_nobody_could_look_at():
    assert waiting(look())
    assert waiting(audit(POLICY, probe(unknown("192.0.2.10", "443/tcp"))))
    assert not waiting(look(open="443/tcp,22/tcp"))


def test_what_never_came_to_rest_is_not_verified():
    before, last = look(open="443/tcp"), look(open="80/tcp,443/tcp")
    looks = [Look(finished=NOW), Look(finished=NOW, changes=changes(before, last))]
    result = looked(last, looks, settled=False)
    assert result.exit_code is ExitCode.UNVERIFIED
    assert [(gap.host, gap.reason) for gap in result.unverified] == [
        ("web-1", "still changing: the last two looks differ")
    ]
    assert looked(last, looks, settled=True).exit_code is ExitCode.CONFORMS


TWICE = "looked at twice: open, then closed"


def doubted():
    shown = seen("192.0.2.10", open="443/tcp")
    return audit(
        POLICY,
        probe(replace(shown, closed=shown.closed - ports("22/tcp"), unknown=unknown("", "22/tcp", TWICE).unknown)),
    )


def test_a_port_that_contradicts_itself_is_in_the_account():
    calm = look(open="443/tcp")
    assert changes(calm, doubted()) == (f"web-1: not verified 22/tcp: {TWICE}",)
    assert changes(doubted(), calm) == (f"web-1: no more in doubt for this reason 22/tcp: {TWICE}",)


def test_a_finding_that_no_port_explains_is_in_the_account():
    policy = POLICY.replace("443]", "443], otherwise: filtered")
    rest = "1-21/tcp,23-442/tcp,444-65535/tcp,1-65535/udp"
    before, now = (
        audit(policy, probe(seen("192.0.2.10", open="443/tcp", **states)))
        for states in ({"filtered": f"22/tcp,{rest}"}, {"filtered": rest})
    )
    assert any("web-1: not-filtered found: 22/tcp" in line for line in changes(before, now))
    assert any("web-1: not-filtered not found any more: 22/tcp" in line for line in changes(now, before))


@pytest.mark.parametrize("before", [look(open="22/tcp,443/tcp"), doubted()])
def test_a_port_that_was_in_the_way_one_look_before_the_last_is_named(before):
    last = look(open="443/tcp")
    looks = [Look(finished=NOW), Look(finished=NOW, changes=changes(before, last))]
    result = looked(last, looks, before=before, settled=False)
    assert result.exit_code is ExitCode.UNVERIFIED
    assert "22/tcp" in [str(gap.ports) for gap in result.unverified]
    assert looked(last, looks, before=last, settled=True).exit_code is ExitCode.CONFORMS
