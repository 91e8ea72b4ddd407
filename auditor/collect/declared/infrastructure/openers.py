"""Which types of resources let a network in, and which only sound like it: the tables behind :mod:`.unread`.

Words come first. Providers call the same things alike, and a type that nobody has heard of is doubted by its words.
The tables have what opens ports without any of these words, and what has them and lets nobody in. Patterns are of
:mod:`fnmatch`. They are made from the lists of resources in each provider's documentation.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from auditor.collect.declared.infrastructure.managed import MANAGED, is_part

if TYPE_CHECKING:
    from collections.abc import Iterable

    Wanted = dict[str, set[str] | None]

READ = (
    "aws_security_group", "aws_default_security_group", "aws_security_group_rule", "aws_vpc_security_group_*",
    "aws_lb_listener", "aws_alb_listener", "google_compute_firewall", "azurerm_network_security_group",
    "azurerm_network_security_rule", "azurerm_*_security_group_association",
)  # fmt: skip
"""What the readers of each cloud take."""
_WORDS = re.compile(
    r"""_firewalls?(_|\d|$) | firewallrule | _fw_(group|policy|rule) | secgroup | security_(group|list|rule)s?(_|$)
    | _network_acl | _nacl(_|$) | _nsg(_|$) | _nsg_ | listeners?(_|$) | _frontend | forwarding_?rule | forward_entry
    | port_?forward | _(nat|dnat|pat)_(rule|pool|entry) | _dnat(_|$) | routeros_.*nat$ | virtual_server$ | ingress
    | inbound_?rule | access_group_rule | ip_?(white|allow|access)_?list | _allow_?list(_|$)
    | ip_?restriction | allowed_ip | security_ip_group
    | _public_(access|endpoint|port|network_address)""",
    re.VERBOSE,
)
"""What firewalls, the entrances of load balancers and translations of ports are called."""
_WORKLOADS = (
    "kubernetes_pod", "kubernetes_pod_v1", "kubernetes_deployment*", "kubernetes_daemon*", "kubernetes_stateful_set*",
    "kubernetes_replication_controller*", "kubernetes_job*", "kubernetes_cron_job*",
)  # fmt: skip
_BALANCERS = (
    "azurerm_lb_rule", "azurerm_application_gateway", "azurerm_service_fabric_managed_cluster", "aws_lightsail_lb",
    "digitalocean_loadbalancer", "vultr_load_balancer", "hcloud_load_balancer_service", "exoscale_nlb_service",
    "linode_nodebalancer_config", "ovh_cloud_project_loadbalancer", "stackit_*loadbalancer",
    "stackit_application_load_balancer", "yandex_lb_network_load_balancer", "yandex_alb_load_balancer",
    "ibm_lb_service", "ibm_lb_vpx_vip", "ibm_lbaas", "huaweicloud_aad_forward_rule", "google_network_services_gateway",
    "cloudflare_spectrum_application", "citrixadc_*vserver",
)  # fmt: skip
"""What has the entrances of a load balancer, and none of the words."""
_FIREWALLS = (
    "aws_networkfirewall_*", "awscc_networkfirewall_*",
    "azurerm_network_manager_admin_rule*", "azurerm_network_security_perimeter_access_rule",
    "azurerm_palo_alto_local_rulestack_rule", "google_vmwareengine_external_access_rule", "scaleway_rdb_acl",
    "scaleway_k8s_acl", "linode_database_access_controls", "ovh_hosting_privatedatabase_whitelist",
    "huaweicloud_cfw_acl_rule", "tencentcloud_vpc_acl", "tencentcloud_cfw_nat_policy", "aws_workspaces_ip_group",
    "panos_*polic*", "nsxt_policy_*security_policy*", "nsxt_policy_*gateway_policy*", "junos_security_*",
    "checkpoint_management_access_rule", "ciscoasa_access_*_rules", "alicloud_*as_access_rule", "*fs_access_rule",
)  # fmt: skip
_PUBLISHERS = (
    "aws_lightsail_instance*", "aws_elastic_beanstalk_environment", "aws_ec2_client_vpn_endpoint",
    "azurerm_bastion_host", "docker_service", "docker_compose", "nomad_job",
)  # fmt: skip
_HIDERS = (
    "aws_cloudformation_stack*", "aws_cloudcontrolapi_resource", "aws_serverlessapplicationrepository_*",
    "awscc_cloudformation_*stack*", "azurerm_*template_deployment*", "azurerm_*deployment_stack*",
    "google_deployment_manager_deployment", "openstack_orchestration_stack_v1", "oci_resourcemanager_stack",
    "alicloud_ros_stack*", "kubernetes_manifest", "kubectl_manifest", "kubectl_server_version_manifest",
    "kustomization_resource", "helm_release", "argocd_application*",
)  # fmt: skip
"""What brings about things that the plan itself does not have."""
_AZURE_API = re.compile(
    r"networksecuritygroups|securityrules|loadbalancers|firewall|applicationgateways|containergroups|containerapps"
    r"|managedclusters|openshiftclusters|bastionhosts|frontdoors|inboundnatrules|networkmanagers|accessrules"
    r"|networkrulesets|trafficcontrollers|templatespecs|deployments|managedinstances"
)
TELLING: tuple[tuple[tuple[str, ...], Wanted], ...] = (
    (_WORKLOADS, {"host_port": None, "host_network": None}),
    (("kubernetes_service", "kubernetes_service_v1"), {"type": {"NodePort", "LoadBalancer"}, "external_ips": None}),
    (("docker_container",), {"ports": None, "publish_all_ports": None, "network_mode": {"host"}}),
    (("google_sql_database_instance",), {"authorized_networks": None}),
    (("google_alloydb_instance",), {"authorized_external_networks": None}),
    (("aws_eks_node_group", "awscc_eks_nodegroup"), {"ec2_ssh_key": None}),
    (("aws_gamelift_*fleet", "awscc_gamelift_*fleet"), {
        "ec2_inbound_permission": None, "ec2_inbound_permissions": None, "instance_inbound_permissions": None,
    }),
    (("aws_lightsail_database",), {"publicly_accessible": {"True"}}),
    (("aws_msk_cluster",), {"type": {"SERVICE_PROVIDED_EIPS"}}),
    (("AWS::MSK::Cluster",), {"Type": {"SERVICE_PROVIDED_EIPS"}}),
    (("linode_database_mysql*", "linode_database_postgresql*"), {"allow_list": None}),
    (("upcloud_managed_database_*",), {"public_access": {"True"}, "ip_filter": None}),
    (("yandex_mdb_*",), {"assign_public_ip": {"True"}}),
    (("yandex_kubernetes_cluster",), {"public_ip": {"True"}}),
    (("tencentcloud_mysql_instance",), {"internet_service": {"1"}}),
    (("tencentcloud_kubernetes_cluster",), {"cluster_internet": {"True"}}),
    (("alicloud_cs_*kubernetes",), {"slb_internet_enabled": {"True"}, "load_balancer_spec": None}),
    (("ibm_database",), {"service_endpoints": {"public", "public-and-private"}}),
    (("ibm_container_*cluster",), {"public_service_endpoint": {"True"}, "kube_version": None}),
    (("stackit_*flex_instance", "stackit_ske_cluster"), {"acl": None, "allowed_cidrs": None, "node_pools": None}),
    (("azurerm_container_app",), {"external_enabled": {"True"}}),
    (("azurerm_redhat_openshift_cluster",), {"visibility": {"Public"}}),
    (("azurerm_mssql_managed_instance",), {"public_data_endpoint_enabled": {"True"}}),
    (("oci_containerengine_cluster",), {"is_public_ip_enabled": {"True"}}),
    (("oci_bastion_bastion",), {"client_cidr_block_allow_list": None}),
    (("AWS::EKS::Nodegroup",), {"Ec2SshKey": None}),
    (("AWS::GameLift::*Fleet",), {"EC2InboundPermissions": None, "InstanceInboundPermissions": None}),
)  # fmt: skip
"""Types that publish only if one of these attributes is set, at any depth; or set to one of these values."""
PRIVATE: tuple[tuple[tuple[str, ...], str, set[str]], ...] = (
    (("aws_eks_cluster", "awscc_eks_cluster"), "endpoint_public_access", {"False"}),
    (("AWS::EKS::Cluster",), "EndpointPublicAccess", {"False"}),
    (("aws_transfer_server", "awscc_transfer_server"), "endpoint_type", {"VPC", "VPC_ENDPOINT"}),
    (("AWS::Transfer::Server",), "EndpointType", {"VPC", "VPC_ENDPOINT"}),
    (("google_container_cluster",), "enable_private_endpoint", {"True"}),
    (("azurerm_kubernetes_cluster",), "private_cluster_enabled", {"True"}),
    (("azurerm_container_group",), "ip_address_type", {"Private", "None"}),
)
"""Types that publish unless this attribute has one of these values, at whatever depth it stands."""
_OPENERS = (
    *_BALANCERS, *_FIREWALLS, *_PUBLISHERS, *_HIDERS, *(kind for kinds, _ in TELLING for kind in kinds),
    *(kind for kinds, *_ in PRIVATE for kind in kinds), *MANAGED,
)  # fmt: skip
NARROWING = ("aws_network_acl*", "aws_default_network_acl", "awscc_ec2_network_acl*")
"""Lets nobody in that a security group keeps out: a matter of doubt only where nothing else tells who may come in."""
_HARMLESS = (
    # It looks into traffic, resolves names, or only writes down.
    "*_waf*", "*_web_application_firewall_policy", "*frontdoor_firewall_policy", "*_resolver_firewall_*",
    "*dns*_firewall*", "awscc_route53*resolver_firewall*", "*dns*forward*", "cloudflare_firewall_rule",
    "aws_networkfirewall_*configuration", "*networkfirewall_resource_policy",
    "awscc_networkfirewall_*configuration", "*_sql_firewall_policy*",
    "google_network_security_firewall_endpoint*", "*_packet_mirroring_rule", "*_traffic_mirror_*",
    "azurerm_firewall_application_rule_collection", "huaweicloud_iotda_*",
    # A name for others, or a hull: the rules are resources of their own.
    "*_application_security_group*", "azurerm_firewall_policy", "google_compute_firewall_policy",
    "google_compute_network_firewall_policy", "google_compute_region_network_firewall_policy", "*_subnet_group",
    "vultr_firewall_group", "openstack_networking_secgroup_v2", "openstack_networking_port_secgroup_*",
    "huaweicloud_networking_secgroup", "*_firewall_attachment", "*_firewall_device", "*_security_group*_attachment",
    "ionoscloud_datacenter_nsg_selection", "ibm_pi_network_security_group_member", "linode_firewall_settings",
    "ibm_pi_network_security_group_action", "azurerm_network_interface_nat_rule_association",
    "awscc_ec2_security_group_vpc_association", "alicloud_cloud_firewall_instance*",
    "oci_network_firewall_network_firewall_policy_*_list", "alicloud_cloud_firewall_address_book",
    "alicloud_cloud_firewall_*config*", "alicloud_cloud_firewall_*_order", "alicloud_cloud_firewall_*_member",
    "alicloud_cloud_firewall_*_status", "alicloud_cloud_firewall_*_mode", "alicloud_cloud_firewall_*_switch",
    "kubernetes_ingress_class*", "kubernetes_network_policy*",
    # What an entrance does with what has come in, or how it shows who it is.
    "*_listener_rule", "*_listener_policy*", "*_listener_certificate*", "*_listener_additional_certificate*",
    "*_listener_acl_attachment", "*_listener_default_domain", "*_frontend_rule", "*_frontend_tls_config",
    "oci_database_management_*listener", "ibm_container_ingress_*",
    # Outward, private or refusing.
    "*_snat_*", "*_outbound_*", "*_egress", "*_gateway_nat_rule", "*public_access_block*", "*block_public_access*",
    "*_vpc_ingress_connection", "*_ingress_policy", "*_iam", "*_iam_*",
)  # fmt: skip
"""Of the same words, and lets nobody in by itself."""
TEMPLATE_READ = (
    "AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupVpcAssociation",
    "AWS::ElasticLoadBalancingV2::Listener",
)  # fmt: skip
_TEMPLATE_OPENERS = (
    "AWS::Lightsail::*", "AWS::CloudFormation::Stack", "AWS::CloudFormation::StackSet", "AWS::CloudFormation::Macro",
    "AWS::ServerlessRepo::Application", "AWS::Serverless::Application", "AWS::EC2::ClientVpnEndpoint",
    "AWS::ElasticBeanstalk::Environment", "AWS::WorkSpaces::IpGroup", "*::MODULE",
)  # fmt: skip
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def is_opener(kind: str) -> bool:
    """Whether a type of Terraform's may open ports, and nothing here reads it."""
    if is_any(kind, (*READ, *NARROWING, *_HARMLESS)) or is_part(kind, is_any):
        return False
    return _WORDS.search(kind) is not None or is_any(kind, _OPENERS)


def is_opener_of_template(kind: str) -> bool:
    """Whether a type of CloudFormation's may open ports, and nothing here reads it: by the same words."""
    if kind in TEMPLATE_READ:
        return False
    return is_any(kind, (*_TEMPLATE_OPENERS, *_OPENERS)) or is_opener(as_terraform(kind))


def is_narrowing(kind: str) -> bool:
    """Whether a type only keeps others out."""
    return is_any(as_terraform(kind), NARROWING)


def is_settled(kind: str) -> bool:
    """Whether a type is read elsewhere, or known to let nobody in by itself."""
    return kind in TEMPLATE_READ or is_any(as_terraform(kind), (*READ, *NARROWING, *_HARMLESS))


def is_azure_opener(kind: str) -> bool:
    """Whether a type of Azure's own interface (``Microsoft.Network/networkSecurityGroups@2023-09-01``) opens ports."""
    return _AZURE_API.search(kind.lower().partition("@")[0]) is not None


def is_any(kind: str, patterns: Iterable[str]) -> bool:
    """Whether a type fits one of some patterns."""
    return any(fnmatchcase(kind, pattern) for pattern in patterns)


def as_terraform(kind: str) -> str:
    """``awscc_ec2_security_group`` of ``AWS::EC2::SecurityGroup``, one naming for both; others as they are."""
    if "::" not in kind:
        return kind
    _, service, name = (*kind.split("::"), "", "")[:3]
    return f"awscc_{service.lower()}_{_CAPITAL.sub('_', name).lower()}"
