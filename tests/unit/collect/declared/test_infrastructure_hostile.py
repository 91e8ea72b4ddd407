"""Whatever a plan or a template holds, reading it ends in observations or in one clean error."""

import json
import time
from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.collect.declared.infrastructure import aws_listing, cloudformation, terraform
from auditor.collect.declared.infrastructure.hcl import blocks_of
from auditor.errors import AuditorError
from auditor.files.text import SourceText
from tests.unit.collect.declared.plans import group, ingress, instance, plan

KEYS = st.sampled_from([
    "resource_changes", "planned_values", "configuration", "root_module", "module_calls", "resources", "address",
    "type", "name", "mode",
    "change", "actions", "after", "after_unknown", "before", "ingress", "security_rule", "allow",
    "protocol", "from_port", "ports", "cidr_blocks", "source_ranges", "security_group_id", "vpc_security_group_ids",
    "references", "expressions", "Resources", "Properties", "Type", "SecurityGroupIngress", "CidrIp", "Ref", "Fn::If",
    "Fn::Sub", "Fn::Join", "Fn::FindInMap", "Parameters", "Conditions", "Default", "SecurityGroups", "IpPermissions",
    "IpRanges", "GroupId", "values", "entry", "tags", "network_interface", "deny", "priority", "module", "outputs",
])  # fmt: skip
WORDS = st.sampled_from([
    "aws_security_group", "aws_security_group_rule", "aws_instance", "google_compute_firewall",
    "google_compute_instance",
    "azurerm_network_security_group", "azurerm_network_security_rule", "AWS::EC2::SecurityGroup", "AWS::EC2::Instance",
    "create", "delete", "0.0.0.0/0", "tcp", "-1", "22", "a", "aws_security_group.a", "module.a.b", "var.a", "each.key",
    "${a}", "Ref",
])  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 70000), st.floats(allow_nan=False), WORDS, st.text(max_size=5)
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | WORDS, inner, max_size=5), max_leaves=40
)
CHANGES = st.fixed_dictionaries(
    {"type": WORDS, "name": st.just("a"), "address": WORDS},
    optional={
        "change": st.fixed_dictionaries(
            {"actions": st.lists(WORDS, max_size=2), "after": VALUES, "after_unknown": VALUES}
        )
    },
)
SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def ends_cleanly(parse, text):
    with suppress(AuditorError):
        for seen in parse(SourceText("given", text)):
            assert isinstance(seen.host, str)


@SLOW
@given(changes=st.lists(CHANGES, max_size=4), rest=st.dictionaries(KEYS, VALUES, max_size=3))
def test_any_plan_ends_in_observations_or_one_error(changes, rest):
    ends_cleanly(terraform.parse, json.dumps({"planned_values": {}, "resource_changes": changes} | rest))


@SLOW
@given(
    resources=st.dictionaries(WORDS, st.fixed_dictionaries({"Type": WORDS, "Properties": VALUES}), max_size=4),
    rest=VALUES,
)
def test_any_template_ends_in_observations_or_one_error(resources, rest):
    more = rest if isinstance(rest, dict) else {}
    ends_cleanly(cloudformation.parse, json.dumps({"Resources": resources} | more))


@SLOW
@given(groups=VALUES)
def test_any_listing_ends_in_observations_or_one_error(groups):
    ends_cleanly(aws_listing.parse, json.dumps({"SecurityGroups": groups}))


@SLOW
@given(text=st.text(alphabet='ab "{}#/*\n\\$%<-=E', max_size=200))
def test_any_text_has_blocks_within_itself(text):
    for block in blocks_of(text).top:
        assert 0 <= block.start <= block.end <= len(text)


def test_a_plan_of_many_thousand_resources_is_read_in_seconds():
    """About 12 MB here; the time grows with the size, so that 50 MB stay quick."""
    many = [group(f"g{at}", [ingress(at % 60000 + 1)]) for at in range(4000)]
    many += [instance(f"i{at}", f"aws_security_group.g{at}") for at in range(4000)]
    for one in many:
        one["change"]["change"]["after"]["user_data"] = "x" * 1000
    text = json.dumps(plan(*many))
    started = time.process_time()
    seen = list(terraform.parse(SourceText("plan.json", text)))
    assert sum(bool(one.openings) for one in seen) == 4000
    assert time.process_time() - started < 20


def test_a_template_that_refers_to_itself_ends():
    text = "Resources: {}\nConditions: {A: !Not [!Condition A]}\n"
    ends_cleanly(cloudformation.parse, text)
    loop = {"Ref": "A"}
    for _ in range(60):
        loop = {"Fn::Join": ["", [loop, loop]]} if not isinstance(loop, str) else loop
        if len(json.dumps(loop)) > 100_000:
            break
    resource = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": [{"CidrIp": loop}]}}
    ends_cleanly(cloudformation.parse, json.dumps({"Resources": {"Web": resource}}))
