"""Databases, clusters and machines that a provider opens to everyone unless the block says otherwise. Tables, no I/O.

Nothing of a firewall stands in such a block, and no rule need be in the plan: what is not said is open. Patterns are of
:mod:`fnmatch`; the defaults are those of each provider's documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.collect.declared.infrastructure.access import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable

_GROUPS = (
    "vpc_security_group_ids", "security_group_ids", "security_groups", "cluster_security_groups", "VPCSecurityGroups",
    "VpcSecurityGroupIds", "SecurityGroupIds", "SecurityGroups", "ClusterSecurityGroups",
)  # fmt: skip
"""Security groups are read, and say who may come in."""
_OPEN = (
    "digitalocean_database_cluster", "digitalocean_kubernetes_cluster", "digitalocean_droplet", "scaleway_rdb_instance",
    "scaleway_mongodb_instance", "scaleway_k8s_cluster", "scaleway_instance_server", "aiven_*", "vultr_database",
    "vultr_kubernetes", "vultr_instance", "vultr_bare_metal_server", "exoscale_dbaas", "exoscale_database",
    "exoscale_sks_cluster", "exoscale_compute_instance", "ovh_cloud_project_database", "ovh_cloud_project_kube",
    "linode_lke_cluster", "linode_instance", "hcloud_server", "civo_database", "civo_kubernetes_cluster",
    "civo_instance", "upcloud_server", "rediscloud_*subscription", "rediscloud_*database",
    "alicloud_*_public_connection", "alicloud_db_connection", "alicloud_kvstore_connection",
    "aws_rds_cluster_instance", "aws_neptune_cluster_instance", "azurerm_mssql_server", "azurerm_sql_server",
    "azurerm_synapse_workspace", "azurerm_postgresql_server", "azurerm_mysql_server", "azurerm_mariadb_server",
    "azurerm_redis_enterprise_cluster", "azurerm_managed_redis", "azurerm_cosmosdb_*cluster",
    "azurerm_cosmosdb_account", "azurerm_mongo_cluster",
)  # fmt: skip
"""Types that nothing in their own block takes away from everyone: a list or a firewall elsewhere may."""
_SHELTERED: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("scaleway_redis_cluster",), ("private_network",)),
    (("oci_database_autonomous_database",), ("subnet_id",)),
    (("aws_redshift_cluster", "AWS::Redshift::Cluster", "aws_db_instance"), _GROUPS),
    (("AWS::RDS::DBInstance",), (*_GROUPS, "DBClusterIdentifier")),
    (("aws_redshiftserverless_workgroup", "AWS::RedshiftServerless::Workgroup"), _GROUPS),
    (("aws_dms_replication_instance", "AWS::DMS::ReplicationInstance"), _GROUPS),
    (("aws_mq_broker", "AWS::AmazonMQ::Broker"), _GROUPS),
    (("aws_opensearch_domain", "aws_elasticsearch_domain"), ("vpc_options",)),
    (("AWS::OpenSearchService::Domain", "AWS::Elasticsearch::Domain"), ("VPCOptions",)),
    (("azurerm_postgresql_flexible_server", "azurerm_mysql_flexible_server"), ("delegated_subnet_id",)),
    (("azurerm_redis_cache",), ("subnet_id",)),
)
"""Types, and the attributes of their own that take them away from everyone, each by itself."""
MANAGED = (*_OPEN, *(kind for kinds, _ in _SHELTERED for kind in kinds))
_PART_OF = (
    "aiven_*_user", "aiven_*_database", "aiven_*_topic*", "aiven_*_acl*", "aiven_*schema*", "aiven_*connector*",
    "aiven_*_role", "aiven_*grant*", "aiven_*quota*", "aiven_project*", "aiven_organization*", "aiven_account*",
    "aiven_service_integration*", "aiven_*_pool", "aiven_*_vpc*", "aiven_*peering*", "aiven_billing*",
    "aiven_*_config*", "aiven_*_ip_filter",
)  # fmt: skip
"""Of the same words, and no service of its own."""
_ASKED: tuple[tuple[tuple[str, ...], str, str, bool], ...] = (
    (("aws_db_instance", "aws_rds_cluster_instance", "aws_neptune_cluster_instance",
      "aws_redshiftserverless_workgroup", "aws_mq_broker"), "publicly_accessible", "True", False),
    (("aws_redshift_cluster", "aws_dms_replication_instance"), "publicly_accessible", "True", True),
    (("AWS::RDS::DBInstance", "AWS::Redshift::Cluster", "AWS::DMS::ReplicationInstance"),
     "PubliclyAccessible", "True", True),
    (("AWS::RedshiftServerless::Workgroup", "AWS::AmazonMQ::Broker"), "PubliclyAccessible", "True", False),
    (("azurerm_mssql_server", "azurerm_sql_server", "azurerm_postgresql_*server", "azurerm_mysql_*server",
      "azurerm_mariadb_server", "azurerm_redis_cache", "azurerm_cosmosdb_account", "azurerm_synapse_workspace"),
     "public_network_access_enabled", "True", True),
    (("azurerm_managed_redis", "azurerm_mongo_cluster", "azurerm_mysql_flexible_server"),
     "public_network_access", "Enabled", True),
    (("azurerm_cosmosdb_postgresql_cluster",), "coordinator_public_ip_access_enabled", "True", True),
)  # fmt: skip
"""Types that say it themselves: by which attribute, its value for public, and whether they are without it."""


def is_part(kind: str, is_any: Callable[[str, tuple[str, ...]], bool]) -> bool:
    """Whether a type only belongs to a service, and opens nothing."""
    return is_any(kind, _PART_OF)


def is_sheltered(
    kind: str, own: dict[str, Any], is_any: Callable[[str, tuple[str, ...]], bool], is_set: Callable[[str], bool]
) -> bool:
    """Whether a block takes its service away from everyone. ``own`` are its attributes.

    ``is_set`` says whether the block names an attribute: it is how one that is known only later counts.
    """
    for kinds, key, public, otherwise in _ASKED:
        if not is_any(kind, kinds):
            continue
        value = own.get(key)
        if isinstance(value, bool | str):
            if str(value).capitalize() != public:
                return True
        elif not otherwise and (value is None or (value is UNKNOWN and not is_set(key))):
            return True
    shelters = [key for kinds, keys in _SHELTERED if is_any(kind, kinds) for key in keys]
    return any(is_set(key) if own.get(key) is UNKNOWN else bool(own.get(key)) for key in shelters)
