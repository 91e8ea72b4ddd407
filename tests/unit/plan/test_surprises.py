"""What is looked at twice is what would change the verdict: held against the judge himself, cell by cell."""

import pickle
from datetime import date

import pytest

from auditor.model.findings import Verdict
from auditor.model.ports import Port, PortSet
from auditor.model.target import NO_SURPRISES, Batch, Surprises, Target
from auditor.plan.surprises import surprising
from auditor.plan.targets import plan
from auditor.policy.resolve import Resolver
from tests.unit.findings.worlds import audit, policy_of, probe, seen

PORT = Port.parse("80")
RULES = {
    "require": "require: [80]",
    "allow": "allow: [80]",
    "nothing": "allow: [22]",
    "deny": "deny: [80]",
    "allow and deny": "allow: [80], deny: [80]",
    "require and deny": "require: [80], deny: [80]",
    "final": "deny: [80], final: true",
    "require for a service": "require: [{port: 80, service: http}]",
    "allow for a process": "allow: [{port: 80, process: nginx}]",
    "allow on loopback": "allow: [{port: 80, bind: loopback}]",
    "require on loopback": "require: [{port: 80, bind: loopback}]",
    "allow on loopback and anywhere": "allow: [{port: 80, bind: loopback}, 80]",
    "require on loopback, allow anywhere": "require: [{port: 80, bind: loopback}], allow: [80]",
    "allow on private addresses": "allow: [{port: 80, bind: private}]",
    "from elsewhere": "allow: [80], from: [office]",
    "from here": "require: [80], from: [lab]",
}
EXCEPTION = "exceptions:\n  - {id: EX, hosts: [web-1], ports: [80], reason: old, owner: me, expires: "
MORE = {
    "": "",
    "excepted": EXCEPTION + "2026-12-31}\n",
    "no longer excepted": EXCEPTION + "2026-01-31}\n",
}
CASES = [
    (rule, strict, dark, more) for rule in RULES for strict in (False, True) for dark in (False, True) for more in MORE
]


def written(rule, *, strict, dark, more):
    otherwise = ", otherwise: filtered" if strict else ""
    return (
        "version: 1\nscan: {tcp: [80, 443], udp: none}\n"
        "vantages: {lab: {networks: [0.0.0.0/0]}, office: {networks: [0.0.0.0/0]}}\n"
        f"hosts: {{web-1: {{address: 192.0.2.10, dark: {str(dark).lower()}}}}}\n"
        f"rules:\n  - {{id: it, hosts: [web-1], {RULES[rule]}{otherwise}}}\n{MORE[more]}"
    )


@pytest.mark.parametrize(("rule", "strict", "dark", "more"), CASES)
def test_a_state_is_surprising_where_it_is_a_violation_and_nowhere_else(rule, strict, dark, more):
    text = written(rule, strict=strict, dark=dark, more=more)
    policy = policy_of(text)
    (target,) = plan(
        policy,
        Resolver(policy, date(2026, 11, 22)),
        hosts=policy.hosts.values(),
        vantage="lab",
        lookup=lambda _: (),
    ).targets
    surprises = target.surprises
    expected = {"open": surprises.open, "closed": surprises.closed | surprises.shut, "filtered": surprises.shut}
    for state, ports in expected.items():
        sets = {"open": "", "closed": "", "filtered": "443"}
        sets[state] = f"{sets[state]},80".strip(",")
        found = audit(policy, probe(seen("192.0.2.10", **sets), vantage="lab"), vantage="lab")
        assert (PORT in ports) == (found.verdict is Verdict.VIOLATIONS), state


def test_on_the_host_s_own_loopback_what_is_bound_there_is_as_it_should_be():
    policy = policy_of(written("require on loopback", strict=False, dark=False, more=""))
    expectation = Resolver(policy, date(2026, 11, 22)).expectation(policy.hosts["web-1"], "local")
    surprises = surprising(expectation, "local", dark=False)
    assert PORT not in surprises.open
    assert PORT in surprises.shut


def test_targets_carry_their_surprises_to_another_process():
    surprises = Surprises(open=PortSet.parse("1-79,53/udp"), shut=PortSet.of(PORT), closed=PortSet.parse("9"))
    target = Target(host="web", address="192.0.2.10", ask=PortSet.of(PORT), surprises=surprises)
    assert pickle.loads(pickle.dumps(Batch(targets=[target]))).targets == [target]  # noqa: S301 - its own bytes
    assert Target(host="web", address="192.0.2.10", ask=PortSet.of(PORT)).surprises == NO_SURPRISES
