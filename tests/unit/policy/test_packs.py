"""The packs that ship in ``policies/``."""

import re
from datetime import date

import pytest
import yaml

from auditor.files.resources import shipped
from auditor.model.ports import NO_PORTS, Port, PortSet, Protocol
from auditor.policy.load import load_policy
from auditor.policy.resolve import Resolver

PACKS = sorted(shipped("policies").glob("*.yaml"))
NAMES = [path.stem for path in PACKS]
NEVER_PUBLIC = [name for name in NAMES if name.startswith("never-public")]
ROLES = [name for name in NAMES if name not in NEVER_PUBLIC]

CONTROLS = {
    "pci-dss": r"(1\.2\.[5-8]|1\.3\.[12]|1\.4\.[24]|2\.2\.[457])",
    "nist-800-53": r"(CM-7(\([13]\))?|SC-7(\([35]\))?|CM-[236]|CM-8\(3\)|CA-[79]|RA-5)",
    "nist-csf": r"(PR\.IR-01|PR\.PS-01|ID\.AM-03|ID\.RA-07|DE\.CM-01)",
    "cis-v8": r"(4\.[124568]|12\.2|13\.4)",
    "iso-27001": r"8\.(9|20|21|22)",
}
"""The controls that the auditor knows, by standard."""


def of_pack(path, *names, tags=NAMES):
    """A policy of one host that carries every role, or the given ones, and extends these packs."""
    policy = path / "exposure.yaml"
    extends = ", ".join(f"pack:{name}" for name in names)
    policy.write_text(
        f"version: 1\nextends: [{extends}]\nhosts:\n  h: {{address: 192.0.2.1, tags: [{', '.join(tags)}]}}\n"
    )
    return load_policy(policy)


def expected(policy, vantage=None):
    return Resolver(policy, date(2026, 11, 22)).expectation(policy.hosts["h"], vantage)


def test_there_is_a_pack_for_each_common_role():
    assert set(NAMES) >= {
        *("web-server", "database", "cache", "mail", "dns", "bastion", "load-balancer", "monitoring"),
        *("kubernetes-node", "kubernetes-control-plane", "never-public"),
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_pack_can_be_extended_by_itself(tmp_path, name):
    policy = of_pack(tmp_path, name)
    assert policy.rules
    assert {rule.pack for rule in policy.rules} == {name}


def test_all_packs_can_be_extended_together(tmp_path):
    policy = of_pack(tmp_path, *NAMES)
    assert {rule.pack for rule in policy.rules} == set(NAMES)
    assert len({rule.id for rule in policy.rules}) == len(policy.rules)


@pytest.mark.parametrize("path", PACKS, ids=NAMES)
def test_a_pack_brings_rules_and_vantages_and_nothing_else(path):
    assert set(yaml.safe_load(path.read_text())) <= {"version", "vantages", "rules"}


@pytest.mark.parametrize("path", PACKS, ids=NAMES)
def test_a_pack_says_at_its_top_what_it_is_for(path):
    schema, first, *_ = path.read_text().splitlines()
    assert schema == "# yaml-language-server: $schema=../schemas/policy.schema.json"
    assert first.startswith(f"# pack:{path.stem}. ")


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_of_a_pack_carries_its_name_a_reason_and_known_controls(tmp_path, name):
    for rule in of_pack(tmp_path, name).rules:
        assert rule.id.startswith(f"{name}-")
        assert rule.reason
        assert rule.controls
        for control in rule.controls:
            standard, _, id_ = control.partition(":")
            assert re.fullmatch(CONTROLS[standard], id_), control


@pytest.mark.parametrize("name", ROLES)
def test_the_pack_of_a_role_speaks_of_hosts_with_its_tag_alone(tmp_path, name):
    assert expected(of_pack(tmp_path, name, tags=[name])).permitted
    assert expected(of_pack(tmp_path, name, tags=["other"])).clauses == ()


@pytest.mark.parametrize(
    ("name", "ports"),
    [
        ("web-server", "80,443,443/udp"),
        ("load-balancer", "80,443"),
        ("database", "5432,3306,1433,1521,27017,6379,9200"),
        ("cache", "6379,11211"),
        ("mail", "25,465,587,993,995"),
        ("dns", "53,53/udp,853"),
        ("bastion", "22"),
        ("kubernetes-node", "10250,30000-32767"),
        ("kubernetes-control-plane", "6443,2379-2380,10250"),
        ("monitoring", "9090,3000,9100"),
    ],
)
def test_a_role_may_expose_what_it_is_for(tmp_path, name, ports):
    assert PortSet.parse(ports) <= expected(of_pack(tmp_path, name, tags=[name])).permitted


@pytest.mark.parametrize("name", ROLES)
def test_no_role_may_expose_clear_text_logins_or_the_docker_engine(tmp_path, name):
    permitted = expected(of_pack(tmp_path, name, tags=[name])).permitted
    assert permitted.isdisjoint(PortSet.parse("21,23,512-514,2375,2376,10255"))


@pytest.mark.parametrize("name", ["database", "cache"])
def test_stores_may_listen_on_private_addresses_only(tmp_path, name):
    items = [item for rule in of_pack(tmp_path, name).rules for item in rule.allow]
    assert all(item.conditions and item.conditions.bind_text in {"private", "loopback"} for item in items)


def test_a_host_may_be_a_database_of_one_engine(tmp_path):
    permitted = expected(of_pack(tmp_path, "database", tags=["database-postgresql"])).permitted
    assert str(permitted) == "5432/tcp,6432/tcp"


def test_never_public_denies_from_the_internet_and_from_nowhere_else(tmp_path):
    policy = of_pack(tmp_path, "never-public")
    known = "21,23,512-514,139,445,2375,2379,2380,3306,3389,5432,5900,6000,6379,9200,9300,10250,10255,11211,27017"
    assert PortSet.parse(known) <= expected(policy, "internet").forbidden
    assert expected(policy, None).forbidden == expected(policy, "local").forbidden == NO_PORTS


@pytest.mark.parametrize("port", ["69/udp", "137/udp", "138/udp", "161/udp", "1900/udp", "11211/udp"])
def test_the_udp_half_of_never_public_denies_from_the_internet(tmp_path, port):
    assert Port.parse(port) in expected(of_pack(tmp_path, "never-public-udp"), "internet").forbidden


def test_the_tcp_half_of_never_public_asks_for_no_udp_scan(tmp_path):
    assert not expected(of_pack(tmp_path, "never-public"), "internet").scope.only(Protocol.UDP)


@pytest.mark.parametrize("name", NEVER_PUBLIC)
def test_what_is_never_public_is_critical_and_only_an_exception_lifts_it(tmp_path, name):
    rules = of_pack(tmp_path, name).rules
    assert {(str(rule.severity), rule.from_, rule.final) for rule in rules} == {("critical", ("internet",), False)}


@pytest.mark.parametrize("name", ["web-server", "load-balancer", "mail", "dns", "bastion"])
def test_what_is_never_public_spares_what_public_roles_are_for(tmp_path, name):
    alone = expected(of_pack(tmp_path, name, tags=[name]))
    public = PortSet(
        span
        for clause in alone.clauses
        if clause.conditions is None and clause.effect.value == "allow"
        for span in clause.ports.ranges()
    )
    together = expected(of_pack(tmp_path, name, *NEVER_PUBLIC, tags=[name]), "internet")
    assert public
    assert public <= together.permitted


@pytest.mark.parametrize("first", ROLES)
@pytest.mark.parametrize("second", ROLES)
def test_no_role_denies_what_another_is_for(tmp_path, first, second):
    alone = expected(of_pack(tmp_path, first, tags=[first])).permitted
    both = expected(of_pack(tmp_path, first, second, tags=[first, second])).permitted
    assert alone <= both
