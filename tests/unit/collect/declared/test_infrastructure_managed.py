"""Databases, clusters and machines that are open by default: unverified, unless their block says otherwise."""

import json

import pytest

from auditor.collect.registry import open_evidence
from tests.unit.collect.declared.plans import plan, resource

PUBLIC, NETWORK = "public_network_access_enabled", "delegated_subnet_id"
GROUPS = "vpc_security_group_ids"


def doubts(tmp_path, kind, values, unknown=None, config=None):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan(resource(kind, "main", values, unknown=unknown, config=config or {}))))
    return [(str(gap.ports), gap.reason) for seen in open_evidence(str(path)) for gap in seen.unknown]


@pytest.mark.parametrize(
    ("kind", "values", "ports"),
    [
        ("digitalocean_database_cluster", {"engine": "redis"}, ""),
        ("digitalocean_database_cluster", {"engine": "pg", "port": 25060}, "25060/tcp,25060/udp"),
        ("digitalocean_droplet", {}, ""),
        ("hcloud_server", {"firewall_ids": [7]}, ""),
        ("scaleway_rdb_instance", {}, ""),
        ("scaleway_redis_cluster", {"acl": []}, ""),
        ("aiven_pg", {}, ""),
        ("vultr_database", {}, ""),
        ("linode_lke_cluster", {}, ""),
        ("linode_database_postgresql_v2", {"allow_list": ["198.51.100.0/24"]}, ""),
        ("aws_db_instance", {"publicly_accessible": True, "port": 5432}, "5432/tcp,5432/udp"),
        ("aws_redshift_cluster", {"publicly_accessible": True, "port": 5439}, "5439/tcp,5439/udp"),
        ("aws_redshift_cluster", {}, ""),
        ("aws_mq_broker", {"publicly_accessible": True}, ""),
        ("aws_opensearch_domain", {"vpc_options": []}, "443/tcp"),
        ("azurerm_mssql_server", {PUBLIC: True}, "1433/tcp"),
        ("azurerm_mssql_server", {}, "1433/tcp"),
        ("azurerm_postgresql_flexible_server", {PUBLIC: True, NETWORK: None}, ""),
        ("azurerm_redis_cache", {}, ""),
        ("azurerm_cosmosdb_account", {PUBLIC: True}, ""),
        ("oci_database_autonomous_database", {}, ""),
        ("yandex_mdb_redis_cluster", {"host": [{"assign_public_ip": True}]}, ""),
        ("mongodbatlas_project_ip_access_list", {"cidr_block": "198.51.100.0/24"}, ""),
        ("cockroach_allow_list", {"cidr_ip": "0.0.0.0", "cidr_mask": 0}, ""),
    ],
)
def test_what_is_open_by_default_is_unverified(tmp_path, kind, values, ports):
    [(found, reason)] = doubts(tmp_path, kind, values)
    assert found == ports
    assert f"{kind}.main: wh" in reason
    assert reason.endswith("is not read")


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("aws_db_instance", {"publicly_accessible": False}),
        ("aws_db_instance", {}),
        ("aws_db_instance", {"publicly_accessible": None}),
        ("aws_redshift_cluster", {"publicly_accessible": False}),
        ("aws_elasticache_cluster", {}),
        ("aws_memorydb_cluster", {}),
        ("aws_docdb_cluster", {}),
        (
            "aws_msk_cluster",
            {"broker_node_group_info": [{"connectivity_info": [{"public_access": [{"type": "DISABLED"}]}]}]},
        ),
        ("aws_opensearch_domain", {"vpc_options": [{"subnet_ids": ["subnet-1"]}]}),
        ("azurerm_mssql_server", {PUBLIC: False}),
        ("azurerm_redis_cache", {PUBLIC: False}),
        ("azurerm_mysql_flexible_server", {"public_network_access": "Disabled"}),
        ("scaleway_redis_cluster", {"private_network": [{"id": "pn"}]}),
        ("google_sql_database_instance", {"settings": [{"ip_configuration": [{"ipv4_enabled": False}]}]}),
        ("google_redis_instance", {}),
        ("linode_database_postgresql_v2", {"allow_list": []}),
        ("yandex_mdb_redis_cluster", {"host": [{"assign_public_ip": False}]}),
        ("aiven_kafka_topic", {}),
    ],
)
def test_what_its_block_takes_away_from_everyone_is_not_doubted(tmp_path, kind, values):
    assert doubts(tmp_path, kind, values) == []


def test_security_groups_judge_a_public_database_and_a_subnet_that_is_yet_to_be_made_shelters_one(tmp_path):
    reference = {"references": ["aws_security_group.db.id", "aws_security_group.db"]}
    public = {"publicly_accessible": True}
    assert doubts(tmp_path, "aws_db_instance", public, {GROUPS: True}, {GROUPS: reference}) != []
    assert "is not read" not in str(doubts(tmp_path, "aws_db_instance", public, {GROUPS: True}, {GROUPS: reference}))
    assert "is not read" in str(doubts(tmp_path, "aws_db_instance", public, {GROUPS: True}))
    kind, made = "azurerm_postgresql_flexible_server", {NETWORK: {"references": ["azurerm_subnet.db.id"]}}
    assert doubts(tmp_path, kind, {}, {NETWORK: True}, made) == []
    assert len(doubts(tmp_path, kind, {}, {NETWORK: True})) == 1


def test_whether_it_is_public_may_be_known_only_later(tmp_path):
    later, said = {"publicly_accessible": True}, {"publicly_accessible": {"references": ["var.public"]}}
    assert len(doubts(tmp_path, "aws_db_instance", {}, later, said)) == 1
    assert doubts(tmp_path, "aws_db_instance", {}, later) == []


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ("{PubliclyAccessible: true}", 1),
        ("{PubliclyAccessible: 'true', DBSubnetGroupName: x}", 1),
        ("{PubliclyAccessible: !Ref Public}", 1),
        ("{Engine: postgres}", 1),
        ("{PubliclyAccessible: false}", 0),
        ("{PubliclyAccessible: 'false'}", 0),
        ("{DBClusterIdentifier: !Ref Cluster}", 0),
    ],
)
def test_a_template_is_held_to_the_same(tmp_path, properties, told):
    text = f"""AWSTemplateFormatVersion: '2010-09-09'
Parameters: {{Public: {{Type: String}}}}
Resources:
  Db:
    Type: AWS::RDS::DBInstance
    Properties: {properties}
"""
    (tmp_path / "t.yaml").write_text(text)
    found = [gap.reason for seen in open_evidence(str(tmp_path / "t.yaml")) for gap in seen.unknown]
    assert [reason.partition("Db: ")[2] for reason in found] == ["whom AWS::RDS::DBInstance lets in is not read"] * told
