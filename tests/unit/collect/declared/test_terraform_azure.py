"""Network security groups of Azure in Terraform plans: priorities, service tags, and what they are attached to."""

import json

import pytest

from auditor.collect.registry import open_evidence
from tests.unit.collect.declared.plans import plan, resource

WEB = "azurerm_network_security_group.web"


def entry(port, access="Allow", priority=100, **fields):
    told = {"direction": "Inbound", "protocol": "Tcp", "name": "rule", "source_address_prefix": "*"}
    return told | {"access": access, "priority": priority, "destination_port_range": port} | fields


def nsg(*rules, unknown=None):
    told = {"name": "web", "resource_group_name": "shop"}
    return resource(
        "azurerm_network_security_group",
        "web",
        told if unknown else told | {"security_rule": list(rules)},
        unknown=unknown,
        config={},
    )


def read(tmp_path, *resources):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan(*resources)))
    return list(open_evidence(str(path)))


def said(observations):
    return [
        (one.host, str(opening.ports), opening.group or str(opening.sources))
        for one in observations
        for opening in one.openings
    ]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([entry("22")], [("22/tcp", "0.0.0.0/0,::/0")]),
        ([entry("22", source_address_prefix="Internet")], [("22/tcp", "0.0.0.0/0,::/0")]),
        ([entry("22", source_address_prefix="10.0.0.0/8")], [("22/tcp", "10.0.0.0/8")]),
        (
            [entry("22", source_address_prefix=None, source_address_prefixes=["10.0.0.1", "10.0.0.2/31"])],
            [("22/tcp", "10.0.0.1,10.0.0.2/31")],
        ),
        ([entry("22", source_address_prefix="VirtualNetwork")], [("22/tcp", "the service tag VirtualNetwork")]),
        ([entry("*", protocol="Udp")], [("1-65535/udp", "0.0.0.0/0,::/0")]),
        ([entry("53", protocol="*")], [("53/tcp", "0.0.0.0/0,::/0"), ("53/udp", "0.0.0.0/0,::/0")]),
        ([entry("*", protocol="Icmp")], []),
        ([entry("22", direction="Outbound")], []),
        ([entry("22", "Deny")], []),
        ([entry("22", priority=200), entry("*", "Deny", priority=100)], []),
        ([entry("22", priority=100), entry("*", "Deny", priority=200)], [("22/tcp", "0.0.0.0/0,::/0")]),
        (
            [entry("20-30", priority=200), entry("22", "Deny", priority=100)],
            [("20-21/tcp", "0.0.0.0/0,::/0"), ("23-30/tcp", "0.0.0.0/0,::/0")],
        ),
        (
            [entry("22", priority=200), entry("22", "Deny", priority=100, source_address_prefix="AzureCloud")],
            [("22/tcp", "0.0.0.0/0,::/0")],
        ),
    ],
)
def test_rules_let_in_what_no_rule_before_them_denies(tmp_path, rules, expected):
    assert said(read(tmp_path, nsg(*rules))) == [(WEB, *one) for one in expected]


def test_a_rule_of_its_own_joins_its_group_and_an_interface_leads_to_the_machine(tmp_path):
    rule = entry("22", name="ssh") | {"network_security_group_name": "web", "resource_group_name": "shop"}
    reference = {"references": ["azurerm_network_interface.nic.id", "azurerm_network_interface.nic"]}
    seen = read(
        tmp_path,
        nsg(unknown={"security_rule": True}),
        resource("azurerm_network_security_rule", "ssh", rule),
        resource("azurerm_network_interface", "nic", {"name": "nic"}, unknown={"id": True}, config={}),
        resource(
            "azurerm_network_interface_security_group_association",
            "a",
            {},
            unknown={"network_interface_id": True, "network_security_group_id": True},
            config={"network_interface_id": reference, "network_security_group_id": {"references": [f"{WEB}.id", WEB]}},
        ),
        resource(
            "azurerm_linux_virtual_machine",
            "vm",
            {"name": "web-1"},
            unknown={"network_interface_ids": True},
            config={"network_interface_ids": reference},
        ),
    )
    assert said(seen) == [("azurerm_linux_virtual_machine.vm", "22/tcp", "0.0.0.0/0,::/0")]
    assert {"web-1", WEB} <= set(seen[0].names)
    assert seen[0].unknown == ()


def test_rules_known_only_after_apply_are_unverified(tmp_path):
    (seen,) = read(tmp_path, nsg(unknown={"security_rule": True}))
    assert [one.reason for one in seen.unknown] == [f"the rules of {WEB} are known only after apply, or it has none"]


def test_a_subnets_group_is_for_the_interfaces_in_it(tmp_path):
    subnet = {"references": ["azurerm_subnet.front.id", "azurerm_subnet.front"]}
    seen = read(
        tmp_path,
        nsg(entry("22")),
        resource("azurerm_subnet", "front", {"name": "front"}, unknown={"id": True}, config={}),
        resource(
            "azurerm_subnet_network_security_group_association",
            "a",
            {},
            unknown={"subnet_id": True, "network_security_group_id": True},
            config={"subnet_id": subnet, "network_security_group_id": {"references": [f"{WEB}.id", WEB]}},
        ),
        resource("azurerm_network_interface", "nic", {}, config={"ip_configuration": [{"subnet_id": subnet}]}),
    )
    assert said(seen) == [("azurerm_network_interface.nic", "22/tcp", "0.0.0.0/0,::/0")]


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"destination_address_prefix": "10.0.0.4"}, True),
        ({"destination_address_prefix": None, "destination_address_prefixes": ["10.0.0.4", "10.0.0.5"]}, True),
        ({"destination_application_security_group_ids": ["asg"]}, True),
        ({"source_port_range": "1024-65535"}, True),
        ({"source_port_range": None, "source_port_ranges": ["53"]}, True),
        ({"destination_address_prefix": "VirtualNetwork"}, False),
        ({"destination_address_prefix": "*", "source_port_range": "*"}, False),
    ],
)
def test_a_denial_for_some_addresses_or_from_some_ports_keeps_nobody_out(tmp_path, fields, kept):
    rules = [entry("22", priority=200), entry("22", "Deny", priority=100, **fields)]
    assert bool(said(read(tmp_path, nsg(*rules)))) is kept
