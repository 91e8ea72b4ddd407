"""What opens ports in plans and templates and is not read: unverified by its name, never passed over."""

import json

import pytest

from auditor.collect.registry import open_evidence
from auditor.model.ports import NO_PORTS, PortSet
from tests.unit.collect.declared.plans import group, ingress, plan, resource


def read(tmp_path, *resources):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan(*resources)))
    return list(open_evidence(str(path)))


def doubts(observations):
    """The reasons by host, without the place in the plan, which is one line."""
    return {
        one.host: [unknown.reason.rpartition("plan.json:1: ")[2] for unknown in one.unknown]
        for one in observations
        if one.unknown
    }


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
        "kubernetes_manifest", "helm_release", "azurerm_lb_rule", "azurerm_lb_nat_rule", "azurerm_lb_nat_pool",
        "azurerm_application_gateway", "azurerm_bastion_host", "azurerm_resource_group_template_deployment",
        "aws_cloudformation_stack", "awscc_ec2_security_group_ingress", "awscc_elasticloadbalancingv2_listener",
        "google_deployment_manager_deployment", "google_vmwareengine_external_access_rule",
        "digitalocean_loadbalancer", "hcloud_load_balancer_service", "linode_nodebalancer_config",
        "linode_database_access_controls", "vultr_load_balancer", "vultr_nat_gateway_port_forwarding_rule",
        "scaleway_lb_frontend", "scaleway_vpc_public_gateway_pat_rule", "scaleway_rdb_acl", "ovh_ip_firewall_rule",
        "ovh_iploadbalancing_tcp_frontend", "ovh_cloud_project_kube_iprestrictions", "exoscale_nlb_service",
        "oci_load_balancer_listener", "oci_network_load_balancer_listener", "alicloud_slb_listener",
        "alicloud_forward_entry", "alicloud_cloud_firewall_control_policy", "openstack_lb_listener_v2",
        "openstack_networking_portforwarding_v2", "openstack_fw_rule_v2", "openstack_orchestration_stack_v1",
        "huaweicloud_nat_dnat_rule", "tencentcloud_clb_listener", "ibm_is_lb_listener", "upcloud_loadbalancer_frontend",
        "ionoscloud_networkloadbalancer_forwardingrule", "ionoscloud_nsg_firewallrule", "stackit_loadbalancer",
        "yandex_lb_network_load_balancer", "cloudflare_spectrum_application", "docker_compose", "argocd_application",
        "nsxt_policy_nat_rule", "nsxt_policy_security_policy", "bigip_ltm_virtual_server", "panos_security_policy",
        "unheardof_edge_listener",
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
        ("azurerm_lb", {"frontend_ip_configuration": [{"public_ip_address_id": "x"}]}),
        ("azurerm_lb_outbound_rule", {"protocol": "All"}),
        ("azurerm_lb_probe", {"port": 80}),
        ("azurerm_public_ip", {}),
        ("azurerm_vpn_gateway_nat_rule", {}),
        ("azurerm_application_security_group", {}),
        ("azurerm_private_dns_resolver_forwarding_rule", {}),
        ("aws_lb_listener_rule", {"priority": 1}),
        ("aws_lb_listener_certificate", {}),
        ("aws_s3_bucket_public_access_block", {"block_public_acls": True}),
        ("aws_route", {"destination_cidr_block": "0.0.0.0/0"}),
        ("aws_route_table", {"route": [{"cidr_block": "0.0.0.0/0", "gateway_id": "igw-1"}]}),
        ("aws_ssm_parameter", {"value": "0.0.0.0/0"}),
        ("azurerm_route", {"address_prefix": "0.0.0.0/0", "next_hop_type": "Internet"}),
        ("google_compute_route", {"dest_range": "0.0.0.0/0"}),
        ("google_compute_firewall_policy_iam", {}),
        ("google_access_context_manager_ingress_policy", {}),
        ("cloudflare_load_balancer_monitor", {"port": 80}),
        ("hcloud_load_balancer", {}),
        ("hcloud_firewall_attachment", {}),
        ("openstack_networking_secgroup_v2", {}),
        ("kubernetes_network_policy", {"spec": [{"ingress": [{"from": [{"ip_block": [{"cidr": "0.0.0.0/0"}]}]}]}]}),
        ("kubernetes_pod_disruption_budget", {}),
        ("azapi_resource", {"type": "Microsoft.Storage/storageAccounts@2023-01-01"}),
        ("azurerm_kubernetes_cluster", {"private_cluster_enabled": True}),
        ("azurerm_container_group", {"ip_address_type": "Private"}),
        ("aws_eks_cluster", {"vpc_config": [{"endpoint_public_access": False}]}),
        ("aws_transfer_server", {"endpoint_type": "VPC"}),
        ("aws_eks_node_group", {"remote_access": []}),
        ("google_container_cluster", {"private_cluster_config": [{"enable_private_endpoint": True}]}),
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
        ("azapi_resource", {"type": "Microsoft.Network/networkSecurityGroups/securityRules@2023-09-01"}),
        ("azapi_update_resource", {"type": "Microsoft.Network/loadBalancers@2023-09-01"}),
        ("aws_eks_cluster", {"vpc_config": [{"endpoint_public_access": True}]}),
        ("aws_eks_cluster", {}),
        ("aws_eks_node_group", {"remote_access": [{"ec2_ssh_key": "ops"}]}),
        ("aws_transfer_server", {"endpoint_type": "PUBLIC"}),
        ("azurerm_kubernetes_cluster", {"private_cluster_enabled": False}),
        ("azurerm_container_group", {}),
        ("azurerm_container_app", {"ingress": [{"external_enabled": True}]}),
        ("oci_containerengine_cluster", {"endpoint_config": [{"is_public_ip_enabled": True}]}),
        ("kubernetes_service", {"spec": [{"type": "NodePort", "port": [{"port": 80}]}]}),
        ("kubernetes_deployment_v1", {"spec": [{"template": [{"spec": [{"container": [{"host_port": 80}]}]}]}]}),
        ("proxmox_virtual_environment_firewall_options", {"enabled": False}),
    ],
)
def test_what_publishes_by_its_own_words_is_unverified(tmp_path, kind, values):
    assert list(doubts(read(tmp_path, resource(kind, "edge", values)))) == [f"{kind}.edge"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("stackit_postgresflex_instance", {"acl": ["0.0.0.0/0"]}),
        ("ovh_cloud_project_database", {"ip_restrictions": [{"ip": "0.0.0.0/0"}]}),
        ("upcloud_managed_database_postgresql", {"properties": [{"ip_filter": ["::/0"]}]}),
        ("unheardof_thing", {"sources": ["10.0.0.0/8", "0.0.0.0/0"]}),
    ],
)  # fmt: skip
def test_a_block_of_any_type_that_names_everyone_is_unverified(tmp_path, kind, values):
    assert list(doubts(read(tmp_path, resource(kind, "edge", values)))) == [f"{kind}.edge"]


def test_a_type_that_is_known_only_later_may_be_a_firewall(tmp_path):
    late = resource("azapi_resource", "edge", {}, unknown={"type": True})
    assert list(doubts(read(tmp_path, late))) == ["azapi_resource.edge"]


@pytest.mark.parametrize(
    ("kind", "values", "ports"),
    [
        ("azurerm_lb_rule", {"protocol": "Tcp", "frontend_port": 443, "backend_port": 8443}, "443/tcp"),
        ("azurerm_lb_rule", {"protocol": "All", "frontend_port": 0, "backend_port": 0}, ""),
        ("azurerm_lb_nat_rule", {"protocol": "Udp", "frontend_port": 500}, "500/udp"),
        ("azurerm_lb_nat_rule", {"protocol": "Tcp", "frontend_port_start": 5000, "frontend_port_end": 5010}, ""),
        ("azurerm_lb_nat_pool", {"protocol": "Tcp", "frontend_port_start": 5000, "frontend_port_end": 5010}, ""),
        ("openstack_lb_listener_v2", {"protocol": "TERMINATED_HTTPS", "protocol_port": 443}, "443/tcp"),
        ("hcloud_load_balancer_service", {"protocol": "tcp", "listen_port": 22, "destination_port": 2022}, "22/tcp"),
        ("hcloud_load_balancer_service", {"protocol": "http", "listen_port": None}, ""),
        ("alicloud_forward_entry", {"ip_protocol": "tcp", "external_port": "8080", "internal_port": "80"}, "8080/tcp"),
        ("alicloud_forward_entry", {"ip_protocol": "any", "external_port": "any", "internal_port": "any"}, ""),
        ("oci_network_load_balancer_listener", {"protocol": "TCP_AND_UDP", "port": 53}, "53/tcp,53/udp"),
        ("tencentcloud_clb_listener", {"protocol": "TCP", "port": 80, "end_port": 90}, ""),
        ("google_compute_forwarding_rule", {"ip_protocol": "TCP", "port_range": "80-80"}, ""),
        ("digitalocean_loadbalancer", {"port": 80}, ""),
        ("aws_eks_cluster", {"vpc_config": [{"endpoint_public_access": True}]}, "443/tcp"),
        ("google_container_cluster", {}, "443/tcp"),
    ],
)
def test_an_entrance_leaves_the_port_open_that_it_says_or_else_any(tmp_path, kind, values, ports):
    (one,) = read(tmp_path, resource(kind, "edge", values))
    (unknown,) = one.unknown
    assert unknown.ports == (PortSet.parse(ports) if ports else NO_PORTS)
    assert one.openings == ()


def test_a_port_known_only_later_leaves_any_open(tmp_path):
    late = resource("azurerm_lb_rule", "edge", {"protocol": "Tcp"}, unknown={"frontend_port": True})
    (one,) = read(tmp_path, late)
    assert one.unknown[0].ports == NO_PORTS


def test_the_reason_says_the_line_of_the_configuration_beside_the_plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.tf").write_text('# edge\n\nresource "hcloud_firewall" "edge" {\n  name = "edge"\n}\n')
    (tmp_path / "plan.json").write_text(json.dumps(plan(resource("hcloud_firewall", "edge", {"name": "edge"}))))
    (one,) = open_evidence("plan.json")
    assert one.unknown[0].reason == "main.tf:3: hcloud_firewall.edge: what hcloud_firewall opens is not read"
