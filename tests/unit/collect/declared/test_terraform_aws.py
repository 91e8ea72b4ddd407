"""Security groups of AWS in Terraform plans: what they let in, to whom, and what is known only after apply."""

import json
from pathlib import Path

import pytest

from auditor.collect.registry import open_evidence
from tests.unit.collect.declared.plans import aws_rule, group, ingress, instance, plan, resource, rule

GROUP_ID = {"references": ["aws_security_group.web.id", "aws_security_group.web"]}


def read(tmp_path, data):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(data))
    return list(open_evidence(str(path)))


def said(observations):
    """What is let in, in short: host, ports, sources or group."""
    return sorted(
        (one.host, str(opening.ports), opening.group or str(opening.sources))
        for one in observations
        for opening in one.openings
    )


def doubts(observations):
    return [(one.host, str(unknown.ports), unknown.reason) for one in observations for unknown in one.unknown]


def test_the_groups_of_an_instance_are_found_through_the_configuration(tmp_path):
    seen = read(tmp_path, plan(group("web", [ingress(443)]), instance("web", "aws_security_group.web")))
    assert said(seen) == [("aws_instance.web", "443/tcp", "0.0.0.0/0")]
    assert "aws_security_group.web" in seen[0].names


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (ingress(22, cidr_blocks=["0.0.0.0/1", "128.0.0.0/1"]), [("22/tcp", "0.0.0.0/0")]),
        (ingress(22, cidr_blocks=["198.51.100.7/24"]), [("22/tcp", "198.51.100.0/24")]),
        (ingress(22, cidr_blocks=[], ipv6_cidr_blocks=["::/0"]), [("22/tcp", "::/0")]),
        (ingress(8000, 8010, protocol="6"), [("8000-8010/tcp", "0.0.0.0/0")]),
        (
            ingress(0, protocol="-1", cidr_blocks=["10.0.0.0/8"]),
            [("1-65535/tcp", "10.0.0.0/8"), ("1-65535/udp", "10.0.0.0/8")],
        ),
        (ingress(0, 65535, protocol="udp"), [("1-65535/udp", "0.0.0.0/0")]),
        (ingress(-1, protocol="icmp"), []),
        (ingress(0, protocol="47"), []),
        (ingress(22, cidr_blocks=[]), []),
        (ingress(22, cidr_blocks=[], self=True), [("22/tcp", "other members of aws_security_group.web")]),
        (ingress(22, cidr_blocks=[], security_groups=["sg-1"]), [("22/tcp", "members of sg-1")]),
    ],
)
def test_an_ingress_block_opens_its_ports_to_its_sources(tmp_path, entry, expected):
    seen = read(tmp_path, plan(group("web", [entry])))
    assert said(seen) == [("aws_security_group.web", *one) for one in expected]
    assert doubts(seen) == []


def test_every_protocol_for_everyone_is_sctp_too(tmp_path):
    seen = read(tmp_path, plan(group("web", [ingress(0, protocol="-1")])))
    assert [ports for _, ports, _ in said(seen)] == ["1-65535/tcp", "1-65535/udp"]
    [(_, ports, reason)] = doubts(seen)
    assert ports == ""
    assert "aws_security_group.web" in reason
    assert reason.endswith("it lets in every protocol, SCTP too, of which policies cannot speak")


def test_two_rules_that_are_everyone_together_are_everyone(tmp_path):
    halves = [ingress(22, cidr_blocks=["0.0.0.0/1"]), ingress(20, 30, cidr_blocks=["128.0.0.0/1"])]
    assert said(read(tmp_path, plan(group("web", halves)))) == [
        ("aws_security_group.web", "20-30/tcp", "128.0.0.0/1"),
        ("aws_security_group.web", "22/tcp", "0.0.0.0/0"),
    ]


def test_a_group_that_nothing_carries_says_so(tmp_path):
    (seen,) = read(tmp_path, plan(group("web", [ingress(443)])))
    assert seen.openings[0].what == "aws_security_group.web; attached to nothing in this plan"


@pytest.mark.parametrize(
    ("unknown", "ports", "reason"),
    [
        ({"cidr_blocks": [True]}, "22/tcp", "its sources are known only after apply"),
        ({"cidr_blocks": True}, "22/tcp", "its sources are known only after apply"),
        ({"from_port": True}, "1-65535/tcp", "its ports are known only after apply"),
        ({"protocol": True}, "1-65535/tcp,1-65535/udp", "its protocol is known only after apply"),
    ],
)
def test_what_is_known_only_after_apply_is_unverified(tmp_path, unknown, ports, reason):
    entry = ingress(22)
    if "cidr_blocks" in unknown:
        entry["cidr_blocks"] = [None]
    seen = read(tmp_path, plan(group("web", [entry], unknown={"ingress": [unknown]})))
    assert said(seen) == []
    assert doubts(seen) == [("aws_security_group.web", ports, f"aws_security_group.web: {reason}")]


UNSAID = (
    "aws_security_group.web",
    "",
    "the ingress rules of aws_security_group.web are known only after apply, or it has none",
)


def test_ingress_that_is_known_only_after_apply_as_a_whole_is_unverified(tmp_path):
    web = group("web", None, unknown={"ingress": True}, config={})
    assert doubts(read(tmp_path, plan(web))) == [UNSAID]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("  egress {}\n  # ingress: none\n", []),
        ('  dynamic "ingress" {\n    for_each = local.rules\n    content {}\n  }\n', [UNSAID]),
    ],
)
def test_the_configuration_beside_the_plan_tells_whether_a_group_has_ingress_at_all(
    tmp_path, monkeypatch, block, expected
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.tf").write_text(f'resource "aws_security_group" "web" {{\n{block}}}\n')
    assert doubts(read(Path(), plan(group("web", None, unknown={"ingress": True}, config={})))) == expected


@pytest.mark.parametrize("form", [rule, aws_rule])
def test_a_rule_of_its_own_belongs_to_the_group_that_it_names(tmp_path, form):
    web = group("web", None, unknown={"ingress": True}, config={})
    seen = read(tmp_path, plan(web, form("ssh", 22, GROUP_ID), instance("web", "aws_security_group.web")))
    assert said(seen) == [("aws_instance.web", "22/tcp", "0.0.0.0/0")]


@pytest.mark.parametrize("form", [rule, aws_rule])
def test_a_rule_of_a_group_outside_the_plan_stands_by_itself(tmp_path, form):
    (seen,) = read(tmp_path, plan(form("ssh", 22, None, values={"security_group_id": "sg-77"})))
    assert seen.host.endswith(".ssh")
    assert "sg-77" in seen.names
    assert [str(one.ports) for one in seen.openings] == ["22/tcp"]


def test_what_is_deleted_is_gone_and_what_is_forgotten_stays(tmp_path):
    assert said(read(tmp_path, plan(group("web", [ingress(22)], actions=["delete"])))) == []
    kept = group("web", [ingress(22)], actions=["forget"])
    assert said(read(tmp_path, plan(kept))) == [("aws_security_group.web", "22/tcp", "0.0.0.0/0")]


def test_a_rule_that_the_plan_deletes_is_not_read_from_the_groups_state(tmp_path):
    web = group("web", [ingress(22), ingress(443)], actions=["no-op"], config={}, values={"id": "sg-1"})
    gone = rule("ssh", 22, GROUP_ID, actions=["delete"], values={"security_group_id": "sg-1"})
    assert said(read(tmp_path, plan(web, gone))) == [("aws_security_group.web", "443/tcp", "0.0.0.0/0")]


def test_a_prefix_list_of_the_plan_is_resolved_and_another_is_unverified(tmp_path):
    listed = resource("aws_ec2_managed_prefix_list", "office", {"id": "pl-1", "entry": [{"cidr": "198.51.100.0/24"}]})
    web = group("web", [ingress(22, cidr_blocks=[], prefix_list_ids=["pl-1", "pl-2"])])
    seen = read(tmp_path, plan(listed, web))
    assert said(seen) == [("aws_security_group.web", "22/tcp", "198.51.100.0/24")]
    assert [reason for *_, reason in doubts(seen)] == [
        "aws_security_group.web: what is in the prefix list pl-2 is not in the plan"
    ]


def test_a_group_that_is_not_in_the_plan_is_said_of_who_carries_it(tmp_path):
    seen = read(tmp_path, plan(resource("aws_instance", "web", {"vpc_security_group_ids": ["sg-9"]})))
    assert doubts(seen) == [
        ("aws_instance.web", "", "aws_instance.web takes security groups that are not in the plan: sg-9")
    ]


def test_each_instance_of_a_loop_has_the_group_of_its_own_key(tmp_path):
    groups = [
        group("web", [ingress(port)], index=f'["{key}"]', values={"name": key}) for key, port in (("a", 1), ("b", 2))
    ]
    carriers = [instance("web", "aws_security_group.web", index=f'["{key}"]', more=["each.key"]) for key in ("a", "b")]
    assert said(read(tmp_path, plan(*groups, *carriers))) == [
        ('aws_instance.web["a"]', "1/tcp", "0.0.0.0/0"),
        ('aws_instance.web["b"]', "2/tcp", "0.0.0.0/0"),
    ]


def test_a_group_made_in_a_module_is_found_through_its_output(tmp_path):
    inner = group("this", [ingress(443)], module="module.sg")
    data = plan(inner, instance("web", "module.sg.id", reference=["module.sg.id", "module.sg"]))
    root = data["configuration"]["root_module"]
    root["module_calls"] = {
        "sg": {
            "source": "./sg",
            "module": {
                "resources": [],
                "outputs": {
                    "id": {"expression": {"references": ["aws_security_group.this.id", "aws_security_group.this"]}}
                },
            },
        }
    }
    assert said(read(tmp_path, data)) == [("aws_instance.web", "443/tcp", "0.0.0.0/0")]


def test_a_plan_in_utf_16_is_read(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan(group("web", [ingress(443)]))), encoding="utf-16")
    assert said(open_evidence(str(path))) == [("aws_security_group.web", "443/tcp", "0.0.0.0/0")]


def test_a_state_is_read_like_a_plan(tmp_path):
    values = {"ingress": [ingress(443)], "id": "sg-1", "name": "web"}
    entry = {"address": "aws_security_group.web", "mode": "managed", "type": "aws_security_group", "name": "web"}
    state = {"format_version": "1.0", "values": {"root_module": {"resources": [entry | {"values": values}]}}}
    assert said(read(tmp_path, state)) == [("aws_security_group.web", "443/tcp", "0.0.0.0/0")]


def test_what_changed_outside_and_the_plan_leaves_so_counts_as_it_is(tmp_path):
    drift = {"resource_drift": [group("web", [ingress(22)], actions=["update"])["change"]]}
    assert said(read(tmp_path, plan() | drift)) == [("aws_security_group.web", "22/tcp", "0.0.0.0/0")]
    mended = plan(group("web", [ingress(443)], actions=["update"]))
    assert said(read(tmp_path, mended | drift)) == [("aws_security_group.web", "443/tcp", "0.0.0.0/0")]
    gone = {"resource_drift": [group("web", [ingress(22)], actions=["delete"])["change"]]}
    assert said(read(tmp_path, plan() | gone)) == []


def test_a_group_of_which_everything_is_known_only_later_is_unverified(tmp_path):
    late = resource("aws_security_group", "web", {}, unknown=True, config={"ingress": {}})
    assert [(host, ports) for host, ports, _ in doubts(read(tmp_path, plan(late)))] == [("aws_security_group.web", "")]


def test_a_plan_that_ended_in_an_error_is_unverified(tmp_path):
    assert doubts(read(tmp_path, plan() | {"errored": True}))[0][0] == "plan"


def test_the_place_is_the_line_of_the_configuration_beside_the_plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("main.tf").write_text(
        'resource "aws_security_group" "web" {\n'
        "  # { 0.0.0.0/0 in a comment\n"
        '  ingress {\n    from_port = 443\n    cidr_blocks = ["0.0.0.0/0"]\n  }\n'
        '  ingress {\n    from_port = 22\n    description = "${var.a} }"\n    cidr_blocks = ["0.0.0.0/0"]\n  }\n}\n'
    )
    Path("plan.json").write_text(json.dumps(plan(group("web", [ingress(22), ingress(443)]))))
    (seen,) = open_evidence("plan.json")
    places = {str(one.ports): one.location for one in seen.openings}
    assert {ports: (str(place), place.end_column) for ports, place in places.items()} == {
        "22/tcp": ("main.tf:10:20", 31),
        "443/tcp": ("main.tf:5:20", 31),
    }


def test_without_the_configuration_the_place_is_the_line_of_the_plan(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan(group("web", [ingress(22, cidr_blocks=["10.0.0.0/8", "0.0.0.0/0"])])), indent=1))
    (seen,) = open_evidence(str(path))
    place = seen.openings[0].location
    assert place.file == str(path)
    assert place.snippet.strip() == '"0.0.0.0/0"'


@pytest.mark.parametrize("protocol", ["sctp", "132"])
def test_sctp_is_let_in_and_cannot_be_judged(tmp_path, protocol):
    seen = read(tmp_path, plan(group("web", [ingress(3868, protocol=protocol), ingress(443)])))
    assert said(seen) == [("aws_security_group.web", "443/tcp", "0.0.0.0/0")]
    [(host, ports, reason)] = doubts(seen)
    assert (host, ports) == ("aws_security_group.web", "")
    assert reason.startswith("plan.json:") or "plan.json:" in reason
    assert reason.endswith("it lets in SCTP, of which policies cannot speak")
