from __future__ import annotations

from datetime import date

import pytest

from auditor.errors import UsageError
from auditor.model.ports import PortSet
from auditor.model.target import Batch
from auditor.plan.targets import named_targets, paced, plan
from auditor.plan.vantage import require_vantage
from auditor.policy.arguments import read_targets
from auditor.policy.load import load_policy
from auditor.policy.resolve import Resolver


def planned(tmp_path, text, lookup=None, vantage=None, max_targets=None):
    path = tmp_path / "exposure.yaml"
    path.write_text(f"version: 1\n{text}", encoding="utf-8")
    policy = load_policy(path)
    return plan(
        policy,
        Resolver(policy, date(2026, 11, 22)),
        hosts=policy.hosts.values(),
        vantage=vantage,
        lookup=lookup or refuse,
        max_targets=max_targets,
    )


def refuse(name):
    raise OSError(-2, f"Name or service not known: {name}")


def test_every_address_of_a_host_is_a_target_of_its_own_with_all_tcp_ports(tmp_path):
    targets = planned(tmp_path, "hosts: {a: [192.0.2.1, '2001:db8::1']}\nrules: [{hosts: a, allow: 80}]").targets
    assert [target.address for target in targets] == ["192.0.2.1", "2001:db8::1"]
    assert {len(target.ask) for target in targets} == {65535}
    assert {str(target.first) for target in targets} == {"80/tcp"}


def test_a_network_is_every_address_in_it_but_those_that_another_host_claims(tmp_path):
    targets = planned(
        tmp_path, "hosts: {dmz: 192.0.2.64/29, web: 192.0.2.66}\nrules: [{hosts: '*', allow: 80}]"
    ).targets
    assert [(target.host, target.address, target.network) for target in targets] == [
        *(("dmz", f"192.0.2.{last}", True) for last in (64, 65, 67, 68, 69, 70, 71)),
        ("web", "192.0.2.66", False),
    ]


def test_a_name_is_looked_up_when_the_plan_is_made(tmp_path):
    made = planned(
        tmp_path,
        "hosts: {db: db.internal}\nrules: [{hosts: db, allow: 22}]",
        lookup=lambda _name: ("192.0.2.9", "2001:db8::9"),
    )
    assert [target.address for target in made.targets] == ["192.0.2.9", "2001:db8::9"]
    assert {target.names for target in made.targets} == {("db.internal",)}


def test_a_literal_address_has_no_name_that_was_looked_up(tmp_path):
    (target,) = planned(tmp_path, "hosts: {a: 192.0.2.1}\nrules: [{hosts: a, allow: 80}]").targets
    assert target.names == ()


@pytest.mark.parametrize("host", ["192.0.2.1", "192.0.2.0/30", "db.internal", "[127.0.0.1, 192.0.2.1]"])
def test_local_is_refused_for_another_machine(tmp_path, host):
    with pytest.raises(UsageError, match="'local' is the host's own loopback"):
        planned(tmp_path, f"hosts: {{a: {host}}}", lookup=lambda _name: ("192.0.2.9",), vantage="local")


def test_local_is_for_loopback_and_for_policies_that_speak_of_it(tmp_path):
    assert len(planned(tmp_path, "hosts: {a: [127.0.0.1, '::1']}", vantage="local").targets) == 2
    rules = "rules: [{hosts: a, from: [local], allow: 80}]"
    assert len(planned(tmp_path, f"hosts: {{a: 192.0.2.1}}\n{rules}", vantage="local").targets) == 1


def test_a_name_that_does_not_resolve_is_unknown_with_that_reason_and_not_left_out(tmp_path):
    made = planned(tmp_path, "hosts: {db: db.internal}\nrules: [{hosts: db, allow: 22}]")
    assert made.targets == ()
    (unplanned,) = made.unplanned
    assert unplanned.host == "db"
    assert len(unplanned.unknown[0].ports) == 65535
    assert "db.internal does not resolve" in unplanned.unknown[0].reason


@pytest.mark.parametrize("network", ["192.0.2.0/8", "10.0.0.0/8", "2001:db8::/32"])
def test_more_addresses_than_the_limit_are_refused_before_any_is_made(tmp_path, network):
    text = f"hosts: {{big: '{network.replace('192.0.2.0/8', '11.0.0.0/8')}'}}\nrules: [{{hosts: big, allow: 80}}]"
    with pytest.raises(UsageError, match="--max-targets"):
        planned(tmp_path, text)


def test_the_limit_can_be_raised_by_hand(tmp_path):
    text = "hosts: {a: 192.0.2.0/29}\nrules: [{hosts: a, allow: 80}]"
    with pytest.raises(UsageError, match="more than 7"):
        planned(tmp_path, text, max_targets=7)
    assert len(planned(tmp_path, text, max_targets=8).targets) == 8


def test_bare_targets_are_asked_once_each_in_their_order():
    addresses = read_targets(["192.0.2.2", "192.0.2.0/30"])
    made = named_targets(addresses, PortSet.parse("80"), lookup=refuse)
    assert [target.address for target in made] == ["192.0.2.2", "192.0.2.0", "192.0.2.1", "192.0.2.3"]


def test_a_bare_name_that_does_not_resolve_is_a_usage_error():
    with pytest.raises(UsageError, match="does not resolve"):
        named_targets(read_targets(["nowhere.internal"]), PortSet.parse("80"), lookup=refuse)


VANTAGES = """
vantages: {internet: {networks: [0.0.0.0/0]}, office: {networks: [198.51.100.0/24]}}
hosts: {a: 192.0.2.1}
rules: [{hosts: a, from: office, allow: 22}]
"""


def vantage_policy(tmp_path, text=VANTAGES):
    path = tmp_path / "exposure.yaml"
    path.write_text(f"version: 1\n{text}", encoding="utf-8")
    return load_policy(path)


def test_a_policy_limited_by_from_must_be_told_the_vantage_before_it_probes(tmp_path):
    with pytest.raises(UsageError, match="--from: internet, office"):
        require_vantage(vantage_policy(tmp_path), None, needed=True)


def test_an_unknown_vantage_is_refused_with_the_nearest_known_one(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'office'"):
        require_vantage(vantage_policy(tmp_path), "offices", needed=True)


@pytest.mark.parametrize("vantage", ["internet", "office", "local"])
def test_the_policy_s_own_vantages_and_local_are_known(tmp_path, vantage):
    require_vantage(vantage_policy(tmp_path), vantage, needed=True)


def test_a_policy_without_vantages_takes_any_name_as_a_label(tmp_path):
    require_vantage(
        vantage_policy(tmp_path, "hosts: {a: 192.0.2.1}\nrules: [{hosts: a, allow: 1}]"), "moon", needed=True
    )


@pytest.mark.parametrize(
    ("addresses", "rate"),
    [(["127.0.0.1", "::1"], None), (["127.0.0.1", "192.0.2.1"], 500), (["fe80::1%eth0"], 500)],
)
def test_the_rate_limits_what_leaves_the_machine(addresses, rate):
    targets = named_targets(read_targets(addresses), PortSet.parse("80"), lookup=refuse)
    assert paced(Batch(targets=targets, rate=500)).rate == rate
