"""What opens ports in plans and templates and is not read: known by its type, and left *unverified* by its name.

This table is the one place that lists it. A firewall passed over in silence would look like one that lets nobody in.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from auditor.collect.declared.infrastructure.access import UNKNOWN
from auditor.collect.declared.infrastructure.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.collect.declared.infrastructure.plan import Plan, Resource

READ = (
    "aws_security_group", "aws_default_security_group", "aws_security_group_rule", "aws_vpc_security_group_*",
    "google_compute_firewall", "azurerm_network_security_group", "azurerm_network_security_rule",
    "azurerm_*_security_group_association",
)  # fmt: skip
"""What the readers of each cloud take; patterns of :mod:`fnmatch`, as all here."""
_WORKLOADS = (
    "kubernetes_pod*", "kubernetes_deployment*", "kubernetes_daemon*", "kubernetes_stateful_set*",
    "kubernetes_replication_controller*", "kubernetes_job*", "kubernetes_cron_job*",
)  # fmt: skip
_HOST_NETWORK: dict[str, set[str] | None] = {"host_port": None, "host_network": None}
TELLING: tuple[tuple[tuple[str, ...], dict[str, set[str] | None]], ...] = (
    (_WORKLOADS, _HOST_NETWORK),
    (("kubernetes_service", "kubernetes_service_v1"), {"type": {"NodePort", "LoadBalancer"}, "external_ips": None}),
    (("google_sql_database_instance",), {"authorized_networks": None}),
    (("docker_container",), {"ports": None, "publish_all_ports": None, "network_mode": {"host"}}),
)
"""Types that publish only if one of these attributes is set, at any depth; or set to one of these values."""
OPENERS = (
    # Firewalls of clouds that are read otherwise.
    "google_compute_firewall_policy*", "google_compute_*network_firewall_policy*", "google_compute_*forwarding_rule",
    "google_sql_database_instance",
    "azurerm_firewall*", "azurerm_*_firewall_rule", "azurerm_container_group", "azurerm_network_manager_admin_rule*",
    "aws_networkfirewall_*", "aws_lightsail_instance*", "aws_globalaccelerator_*listener",
    "aws_db_security_group", "aws_elasticache_security_group", "aws_redshift_security_group",
    # Other clouds and virtual machines: each provider has its own word for it.
    "*_firewall", "*_firewall_v[0-9]", "*_firewall_rule*", "*_firewall_policy*", "*_firewall_options*",
    "*_firewall_ip_range", "*_secgroup_rule*", "openstack_compute_secgroup_v2", "*_security_group",
    "*_security_group_v[0-9]", "*_security_group_rule*", "*_security_group_inbound*", "*_security_list",
    "*_network_acl*",
    "*_network_security_group", "*_network_security_group_security_rule", "*_security_rule", "*_nsg_rule*",
    "*_port_forward*", "*_ingress_rule*", "routeros_*nat", "scaleway_instance_security_group*", "*_access_group_rule*",
    # Containers and clusters, which publish ports of their own.
    "docker_container", "docker_service", "kubernetes_service", "kubernetes_service_v1", "kubernetes_ingress*",
    "kubernetes_manifest", "kubectl_manifest", "helm_release", "nomad_job", *_WORKLOADS,
)  # fmt: skip
NARROWING = ("aws_network_acl*", "aws_default_network_acl", "aws_network_acl_rule", "AWS::EC2::NetworkAclEntry")
"""Lets nobody in that a security group keeps out: a matter of doubt only where nothing else tells who may come in."""
HARMLESS = (
    "*_waf*", "*_web_application_firewall_policy", "aws_networkfirewall_logging_configuration",
    "aws_networkfirewall_resource_policy", "aws_networkfirewall_tls_inspection_configuration",
    "azurerm_application_security_group", "azurerm_firewall_policy", "google_compute_firewall_policy",
    "google_compute_network_firewall_policy", "google_compute_region_network_firewall_policy",
    "cloudflare_firewall_rule", "*_subnet_group", "aws_route53_resolver_firewall_*",
    "azurerm_firewall_application_rule_collection",
)  # fmt: skip
"""Of the same words, and lets nobody in by itself: it looks into traffic, or names what others let in."""
TEMPLATE_OPENERS = (
    "AWS::NetworkFirewall::*", "AWS::Lightsail::Instance", "AWS::GlobalAccelerator::Listener",
    "AWS::RDS::DBSecurityGroup*", "AWS::ElastiCache::SecurityGroup*", "AWS::Redshift::ClusterSecurityGroup*",
    "AWS::CloudFormation::Stack", "AWS::CloudFormation::Macro", "AWS::ServerlessRepo::Application",
    "AWS::Serverless::Application",
)  # fmt: skip
_OUTWARD = {"egress", "out", "outbound"}
_DEEPEST = 30
_REFUSING = {"deny", "drop", "reject", "block", "goto_next"}


def is_unread(kind: str) -> bool:
    """Whether a type of Terraform's may open ports, and nothing here reads it."""
    return not _is_any(kind, (*READ, *HARMLESS, *NARROWING)) and _is_any(kind, OPENERS)


def is_unread_in_template(kind: str, *, told: bool) -> bool:
    """Whether a type of CloudFormation's may open ports, and nothing here reads it; ``told`` as for :func:`unread`."""
    if kind == "AWS::NetworkFirewall::LoggingConfiguration":
        return False
    return _is_any(kind, TEMPLATE_OPENERS if told else (*TEMPLATE_OPENERS, *NARROWING))


def unread(plan: Plan, *, told: bool) -> Iterator[Subject]:
    """Yield what opens ports and is not read, all instances of a block as one.

    ``told`` says whether anything else of the plan tells who may come in.
    """
    blocks: dict[str, list[Resource]] = {}
    for one in plan.resources:
        narrows = not told and _is_any(one.type, NARROWING)
        if not one.data and (narrows or is_unread(one.type)) and _may_open(one):
            blocks.setdefault(one.plain, []).append(one)
    for plain, instances in blocks.items():
        names = dict.fromkeys(name for one in instances for name in _names(one))
        yield Subject(name=plain, names=tuple(names), doubts=[doubt_about(plain, instances[0].type)])


def doubt_about(name: str, kind: str) -> str:
    """Say why nobody knows what it opens."""
    return f"{name}: what {kind} opens is not read"


def _names(one: Resource) -> Iterable[str]:
    """Yield its address, and what else a policy may call it."""
    yield one.address
    for key in ("name", "id", "ip_address", "ipv4_address", "ipv6_address"):
        if isinstance(value := one.get(key), str) and value:
            yield value


def _may_open(one: Resource) -> bool:
    """Whether nothing in its own block says that it lets nobody in: outward, refusing, switched off, not published."""
    directions = {str(one.get(key)).lower() for key in ("direction", "type", "rule_direction")}
    actions = {str(one.get(key)).lower() for key in ("action", "rule_action", "access")}
    if directions & _OUTWARD or actions & _REFUSING or one.values.get("egress") is True:
        return False
    if "rule" in one.type and (one.values.get("disabled") is True or one.values.get("enabled") is False):
        return False  # a firewall that is switched off lets everyone in
    return all(_says(one.values, keys, 0) for kinds, keys in TELLING if _is_any(one.type, kinds))


def _says(value: Any, keys: dict[str, set[str] | None], depth: int) -> bool:
    """Whether a value sets one of these keys at any depth; one that is known only later may."""
    if value is UNKNOWN or depth > _DEEPEST:
        return True
    if isinstance(value, list):
        return any(_says(item, keys, depth + 1) for item in value)
    if not isinstance(value, dict):
        return False
    for key, inner in value.items():
        if key in keys:
            wanted = keys[key]
            if inner is UNKNOWN or (bool(inner) if wanted is None else str(inner) in wanted):
                return True
        elif isinstance(inner, list | dict) and _says(inner, keys, depth + 1):
            return True
    return False


def _is_any(kind: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(kind, pattern) for pattern in patterns)
