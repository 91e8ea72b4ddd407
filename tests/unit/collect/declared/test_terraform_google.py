"""Firewall rules of Google's cloud in Terraform plans: priorities, targets, and sources by tag."""

import json

import pytest

from auditor.collect.registry import open_evidence
from tests.unit.collect.declared.plans import plan, resource


def firewall(name, *, unknown=None, config=None, **fields):
    told = {"name": name, "network": "default", "allow": [], "deny": [], "priority": 1000, "direction": "INGRESS"}
    return resource("google_compute_firewall", name, told | fields, unknown=unknown, config=config)


def tcp(*ports, protocol="tcp"):
    return [{"protocol": protocol, "ports": list(ports)}]


def vm(name, *tags, network="default", **fields):
    told = {"name": name, "tags": list(tags), "network_interface": [{"network": network}]}
    return resource("google_compute_instance", name, told | fields)


def read(tmp_path, *resources):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan(*resources)))
    return list(open_evidence(str(path)))


def said(observations):
    return sorted(
        (one.host.rpartition(".")[2], str(opening.ports), opening.group or str(opening.sources))
        for one in observations
        for opening in one.openings
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"allow": tcp("22"), "source_ranges": ["10.0.0.0/8"]}, [("22/tcp", "10.0.0.0/8")]),
        ({"allow": tcp("22", "8000-8010")}, [("22/tcp", "0.0.0.0/0"), ("8000-8010/tcp", "0.0.0.0/0")]),
        ({"allow": tcp()}, [("1-65535/tcp", "0.0.0.0/0")]),
        ({"allow": tcp(protocol="all")}, [("1-65535/tcp", "0.0.0.0/0"), ("1-65535/udp", "0.0.0.0/0")]),
        ({"allow": tcp(protocol="icmp")}, []),
        ({"allow": tcp("22"), "source_tags": ["web"]}, [("22/tcp", "instances tagged web")]),
        ({"allow": tcp("22"), "disabled": True}, []),
        ({"allow": tcp("22"), "direction": "EGRESS"}, []),
        ({"deny": tcp("22")}, []),
    ],
)
def test_a_rule_lets_in_what_it_says(tmp_path, fields, expected):
    assert said(read(tmp_path, firewall("rule", **fields))) == [("rule", *one) for one in expected]


def test_a_direction_that_nobody_gave_is_inward(tmp_path):
    rule = firewall("rule", allow=tcp("22"), direction=None, unknown={"direction": True}, config={"allow": [{}]})
    assert said(read(tmp_path, rule)) == [("rule", "22/tcp", "0.0.0.0/0")]


def test_rules_are_for_instances_by_network_and_tag(tmp_path):
    seen = read(
        tmp_path,
        vm("web", "public"),
        vm("db", "private"),
        vm("far", "public", network="projects/p/global/networks/other"),
        firewall("http", allow=tcp("80"), target_tags=["public"]),
        firewall("ssh", allow=tcp("22"), source_ranges=["198.51.100.0/24"]),
        firewall("stray", allow=tcp("99"), target_tags=["nobody"]),
    )
    assert said(seen) == [
        ("db", "22/tcp", "198.51.100.0/24"),
        ("stray", "99/tcp", "0.0.0.0/0"),
        ("web", "22/tcp", "198.51.100.0/24"),
        ("web", "80/tcp", "0.0.0.0/0"),
    ]
    stray = next(one for one in seen if one.host.endswith("stray"))
    assert stray.openings[0].what == "google_compute_firewall.stray; for no instance in this plan"


@pytest.mark.parametrize(
    ("priority", "fields", "expected"),
    [
        (900, {}, []),
        (1000, {}, []),
        (1001, {}, [("22/tcp", "0.0.0.0/0")]),
        (900, {"source_ranges": ["0.0.0.0/1"]}, [("22/tcp", "128.0.0.0/1")]),
        (900, {"target_tags": ["other"]}, [("22/tcp", "0.0.0.0/0")]),
        (900, {"source_tags": ["bad"], "source_ranges": []}, [("22/tcp", "0.0.0.0/0")]),
    ],
)
def test_a_denial_counts_by_priority_and_by_what_it_covers(tmp_path, priority, fields, expected):
    denial = firewall("no", deny=tcp("20-30"), priority=priority, **fields)
    seen = read(tmp_path, vm("web"), firewall("yes", allow=tcp("22")), denial)
    assert [one for one in said(seen) if one[0] == "web"] == [("web", *one) for one in expected]


def test_what_is_known_only_after_apply_is_unverified(tmp_path):
    rule = firewall("rule", allow=tcp("22"), unknown={"source_ranges": True}, config={"source_ranges": {}})
    (seen,) = read(tmp_path, rule)
    assert said([seen]) == []
    assert [(str(one.ports), one.reason) for one in seen.unknown] == [
        ("22/tcp", "google_compute_firewall.rule: its sources are known only after apply")
    ]


@pytest.mark.parametrize(
    ("fields", "unknown"),
    [
        ({}, {"disabled": True}),
        ({"direction": None}, {"direction": True}),
        ({"destination_ranges": ["10.0.0.4/32"]}, {}),
        ({}, {"destination_ranges": True}),
    ],
)
def test_a_denial_that_may_not_hold_for_every_address_keeps_nobody_out(tmp_path, fields, unknown):
    denial = firewall("no", deny=tcp("22"), priority=1, source_ranges=["0.0.0.0/0"], unknown=unknown, **fields)
    assert ("yes", "22/tcp", "0.0.0.0/0") in said(read(tmp_path, firewall("yes", allow=tcp("22")), denial))
