"""Network load balancers without security groups in Terraform plans: their listeners let everyone in."""

import json

import pytest

from auditor.collect.registry import open_evidence
from tests.unit.collect.declared.plans import plan, resource


def balancer(config=None, unknown=None, **values):
    told = {"load_balancer_type": "network", "internal": False, "name": "front"}
    return resource("aws_lb", "front", told | values, config=config or {}, unknown=unknown)


def listener(port=6379, protocol="TCP", target=None):
    config = {"load_balancer_arn": target or {"references": ["aws_lb.front.arn", "aws_lb.front"]}}
    unknown = {"load_balancer_arn": True}
    return resource("aws_lb_listener", "in", {"port": port, "protocol": protocol}, unknown=unknown, config=config)


def read(tmp_path, *resources):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan(*resources)))
    return [
        (
            one.host,
            [(str(opening.ports), opening.group or str(opening.sources)) for opening in one.openings],
            [unknown.reason for unknown in one.unknown],
        )
        for one in open_evidence(str(path))
    ]


@pytest.mark.parametrize(
    ("protocol", "ports"), [("TCP", ["6379/tcp"]), ("TLS", ["6379/tcp"]), ("UDP", ["6379/udp"]), ("QUIC", ["6379/udp"]),
                            ("TCP_UDP", ["6379/tcp", "6379/udp"])],
)  # fmt: skip
def test_a_listener_lets_everyone_in_to_its_port(tmp_path, protocol, ports):
    unset = {"security_groups": True}
    found = read(tmp_path, balancer(unknown=unset), listener(protocol=protocol))
    assert found == [("aws_lb.front", [(port, "0.0.0.0/0,::/0") for port in ports], [])]


@pytest.mark.parametrize(
    ("inner", "target"),
    [({"port": 8080, "protocol": "TCP"}, "8080/tcp"), ({"port": 5300, "protocol": "UDP"}, "5300/udp"),
     ({"port": 53, "protocol": "TCP_UDP"}, None), ({"protocol": "TCP"}, None)],
)  # fmt: skip
def test_what_a_listener_forwards_to_is_told(tmp_path, inner, target):
    path = tmp_path / "plan.json"
    group = resource("aws_lb_target_group", "inner", inner)
    arn = {"references": ["aws_lb_target_group.inner.arn", "aws_lb_target_group.inner"]}
    config = {"load_balancer_arn": {"references": ["aws_lb.front"]}, "default_action": [{"target_group_arn": arn}]}
    through = resource("aws_lb_listener", "in", {"port": 80, "protocol": "TCP"}, config=config,
                       unknown={"load_balancer_arn": True})  # fmt: skip
    path.write_text(json.dumps(plan(balancer(), through, group)))
    assert [one.target for seen in open_evidence(str(path)) for one in seen.openings] == [target]


def test_an_internal_one_lets_its_own_network_in(tmp_path):
    found = read(tmp_path, balancer(internal=True), listener())
    assert found == [("aws_lb.front", [("6379/tcp", "whoever is in its own network")], [])]


@pytest.mark.parametrize("values", [{"load_balancer_type": "application"}, {"load_balancer_type": "gateway"}])
def test_balancers_of_other_kinds_are_not_open_by_themselves(tmp_path, values):
    assert read(tmp_path, balancer(**values), listener()) == []


def test_a_listener_of_http_is_behind_a_security_group(tmp_path):
    assert read(tmp_path, listener(protocol="HTTPS", target={"references": ["var.arn"]})) == []


def test_a_listener_whose_balancer_is_not_in_the_plan_is_unverified(tmp_path):
    reason = "aws_lb_listener.in: whom its load balancer lets in is not in the plan"
    assert read(tmp_path, listener(target={"references": ["var.arn"]})) == [("aws_lb_listener.in", [], [reason])]


def test_what_is_known_only_after_apply_is_unverified(tmp_path):
    config, unknown = {"security_groups": {"references": ["var.groups"]}}, {"security_groups": True}
    found = read(tmp_path, balancer(config=config, unknown=unknown), listener())
    assert ("aws_lb.front", [], ["aws_lb_listener.in: its security groups are known only after apply"]) in found
