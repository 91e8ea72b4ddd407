"""What opens ports in plans and templates and is not read: unverified by its name, never passed over."""

import json

import pytest

from auditor.collect.registry import open_evidence
from tests.unit.collect.declared.plans import group, ingress, plan, resource


def read(tmp_path, *resources):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan(*resources)))
    return list(open_evidence(str(path)))


def doubts(observations):
    return {one.host: [unknown.reason for unknown in one.unknown] for one in observations if one.unknown}


@pytest.mark.parametrize(
    "kind",
    [
        "google_compute_firewall_policy_rule", "google_compute_network_firewall_policy_rule",
        "google_compute_region_network_firewall_policy_with_rules", "google_compute_firewall_policy_association",
        "google_compute_global_forwarding_rule", "azurerm_firewall", "azurerm_firewall_nat_rule_collection",
        "azurerm_mssql_firewall_rule", "aws_networkfirewall_rule_group", "aws_network_acl", "aws_network_acl_rule",
        "aws_default_network_acl", "aws_lightsail_instance_public_ports", "digitalocean_firewall", "hcloud_firewall",
        "openstack_networking_secgroup_rule_v2", "openstack_compute_secgroup_v2",
        "oci_core_security_list", "oci_core_network_security_group_security_rule", "oci_core_default_security_list",
        "linode_firewall", "vultr_firewall_rule", "scaleway_instance_security_group", "exoscale_security_group_rule",
        "alicloud_security_group_rule", "ibm_is_security_group_rule", "upcloud_firewall_rules", "civo_firewall",
        "tencentcloud_security_group_rule_set", "proxmox_virtual_environment_firewall_rules", "aws_lightsail_instance",
        "kubernetes_manifest", "helm_release",
    ],
)  # fmt: skip
def test_what_may_let_others_in_and_is_not_read_is_unverified_by_its_address(tmp_path, kind):
    found = doubts(read(tmp_path, resource(kind, "edge", {"name": "edge"})))
    assert found == {f"{kind}.edge": [f"{kind}.edge: what {kind} opens is not read"]}


def test_a_database_that_lets_networks_in_is_unverified(tmp_path):
    configuration = {"ipv4_enabled": True, "authorized_networks": [{"value": "0.0.0.0/0"}]}
    kind = "google_sql_database_instance"
    found = doubts(read(tmp_path, resource(kind, "db", {"settings": [{"ip_configuration": [configuration]}]})))
    assert found == {f"{kind}.db": [f"{kind}.db: what {kind} opens is not read"]}


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("google_compute_network_firewall_policy_rule", {"direction": "EGRESS"}),
        ("google_compute_network_firewall_policy_rule", {"direction": "INGRESS", "action": "deny"}),
        ("google_compute_firewall_policy_rule", {"disabled": True}),
        ("openstack_networking_secgroup_rule_v2", {"direction": "egress"}),
        ("aws_network_acl_rule", {"egress": True}),
        ("aws_wafv2_web_acl", {}),
        ("aws_route53_resolver_firewall_rule", {}),
        ("aws_db_subnet_group", {}),
        ("aws_instance", {}),
        ("docker_container", {"ports": [], "network_mode": "bridge"}),
        ("google_sql_database_instance", {"settings": [{"ip_configuration": [{"authorized_networks": []}]}]}),
        ("kubernetes_service", {"spec": [{"type": [{}]}]}),
        ("kubernetes_service", {"spec": [{"type": "ClusterIP", "port": [{"port": 80}]}]}),
        ("kubernetes_deployment_v1", {"spec": [{"template": [{"spec": [{"host_network": False}]}]}]}),
    ],
)
def test_what_lets_nobody_in_is_not_doubted(tmp_path, kind, values):
    assert doubts(read(tmp_path, resource(kind, "edge", values))) == {}


def test_a_network_acl_beside_security_groups_is_passed_over_because_it_only_narrows(tmp_path):
    acl = resource("aws_network_acl_rule", "in", {"egress": False, "rule_action": "allow"})
    assert doubts(read(tmp_path, acl, group("web", [ingress(22)]))) == {}


def test_instances_of_one_block_are_one_doubt(tmp_path):
    rules = [resource("hcloud_firewall", "f", {"name": f"f{n}"}, index=f"[{n}]") for n in range(3)]
    (one,) = read(tmp_path, *rules)
    assert one.host == "hcloud_firewall.f"
    assert {"hcloud_firewall.f[2]", "f0", "f1", "f2"} <= set(one.names)


def test_what_the_plan_removes_is_not_doubted(tmp_path):
    assert doubts(read(tmp_path, resource("hcloud_firewall", "f", {}, actions=["delete"]))) == {}


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("docker_container", {"ports": [{"external": 6379, "internal": 6379}]}),
        ("docker_container", {"network_mode": "host"}),
        ("kubernetes_service", {"spec": [{"type": "NodePort", "port": [{"port": 80}]}]}),
        ("kubernetes_deployment_v1", {"spec": [{"template": [{"spec": [{"container": [{"host_port": 80}]}]}]}]}),
        ("proxmox_virtual_environment_firewall_options", {"enabled": False}),
    ],
)
def test_what_publishes_by_its_own_words_is_unverified(tmp_path, kind, values):
    assert list(doubts(read(tmp_path, resource(kind, "edge", values)))) == [f"{kind}.edge"]
