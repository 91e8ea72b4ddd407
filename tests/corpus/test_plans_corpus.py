"""Terraform plans, CloudFormation templates and listings that others wrote. What is open is found by other means."""

import json
import os
from collections import defaultdict
from ipaddress import collapse_addresses, ip_network
from pathlib import Path

import pytest

from auditor.collect.registry import open_evidence
from auditor.errors import EvidenceError
from auditor.model.evidence import EVERY_PROTOCOL

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"

if not CORPUS.is_dir() and os.environ.get("CI") != "true":
    pytest.skip("the corpus of real files is not beside this checkout", allow_module_level=True)

PLANS = [*sorted((CORPUS / "tfplan").rglob("*.json")), CORPUS / "synthetic" / "tfplan-vpc-rules.json"]
TEMPLATES = [path for path in sorted((CORPUS / "cloudformation").rglob("*.*")) if path.is_file()]
LISTINGS = sorted((CORPUS / "aws-describe").rglob("*.json"))
WRITTEN_TWICE = "tf1_0plan.applied.json"
"""Edited by hand: an object in it names a key twice."""
PROTOCOLS = {"tcp": ["tcp"], "udp": ["udp"], "-1": ["tcp", "udp"], "all": ["tcp", "udp"], "*": ["tcp", "udp"]}
EVERYONE = {"0.0.0.0/0", "::/0"}
CHECKOV = "example_SecurityGroupUnrestrictedIngress"


def name_of(path):
    return str(path.relative_to(CORPUS))


def read(path):
    return list(open_evidence(str(path)))


def joined(found):
    """Ports to networks, joined as far as they go."""
    joined = {}
    for ports, networks in found.items():
        families = [[one for one in networks if one.version == version] for version in (4, 6)]
        joined[ports] = {str(one) for family in families for one in collapse_addresses(family)}
    return {ports: networks for ports, networks in joined.items() if networks}


def ours(path):
    found = defaultdict(set)
    for seen in read(path):
        for opening in seen.openings:
            found[str(opening.ports)] |= set(opening.sources.networks() if opening.sources else ())
    return joined(found)


def told(protocol, low, high):
    """Yield ranges as text; nothing can listen on port 0."""
    for name in PROTOCOLS.get(str(protocol).lower(), []):
        first, last = (1, 65535) if str(protocol) == "-1" or low == high == "*" else (max(int(low), 1), int(high))
        yield f"{first}/{name}" if first == last else f"{first}-{last}/{name}"


def aws_rules(kind, after):
    """Yield (protocol, low, high, networks) of whatever form a resource has."""
    if kind in {"aws_security_group", "aws_default_security_group"}:
        entries = after.get("ingress") or []
    elif kind == "aws_security_group_rule" and after["type"] == "ingress":
        entries = [after]
    elif kind == "aws_vpc_security_group_ingress_rule" and "from_port" in after:
        entries = [{**after, "protocol": after["ip_protocol"], "cidr_blocks": [after["cidr_ipv4"], after["cidr_ipv6"]]}]
    else:
        entries = []
    for one in entries:
        networks = [*(one.get("cidr_blocks") or []), *(one.get("ipv6_cidr_blocks") or [])]
        yield one["protocol"], one["from_port"], one["to_port"], [text for text in networks if text]


def azure_rules(kind, after):
    one = "azurerm_network_security_rule"
    for rule in [after] if kind == one else (after.get("security_rule") or []) if kind == f"{one[:-4]}group" else []:
        if rule["direction"] != "Inbound" or rule["access"] != "Allow":
            continue
        texts = [rule.get("source_address_prefix"), *(rule.get("source_address_prefixes") or [])]
        wide = {"*", "Any", "Internet"} & set(texts)
        networks = EVERYONE if wide else [text for text in texts if text and text[0].isdigit()]
        for ports in [rule.get("destination_port_range"), *(rule.get("destination_port_ranges") or [])]:
            if ports:
                low, _, high = ports.partition("-")
                yield rule["protocol"], low, high or low, networks


def google_rules(kind, after):
    inward = kind == "google_compute_firewall" and after.get("direction") != "EGRESS" and not after.get("disabled")
    for rule in after["allow"] if inward else []:
        for ports in rule["ports"] or ["1-65535"]:
            low, _, high = ports.partition("-")
            yield rule["protocol"], low, high or low, after.get("source_ranges") or []


def theirs(path):
    """Read what all rules of a plan say, by walking its changes; hand-checked: no rule denies what another allows."""
    raw = path.read_bytes()
    data = json.loads(raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"))
    found = defaultdict(set)
    for change in data.get("resource_changes", []):
        after = change["change"]["after"] or {}
        for form in (aws_rules, azure_rules, google_rules):
            for protocol, low, high, networks in form(change["type"], after):
                for ports in told(protocol, low, high):
                    found[ports] |= {ip_network(text, strict=False) for text in networks}
    return joined(found)


@pytest.mark.parametrize("path", PLANS, ids=name_of)
def test_a_plan_lets_in_what_its_rules_say(path):
    if path.name == WRITTEN_TWICE:
        with pytest.raises(EvidenceError, match="is here twice"):
            read(path)
        return
    assert split(ours(path)) == split(theirs(path))


def split(found):
    """One entry a port and network: two spellings of a set of rules are one set."""
    ports = set()
    for text, networks in found.items():
        span, _, protocol = text.partition("/")
        low, _, high = span.partition("-")
        ports |= {(int(low), int(high or low), protocol, network) for network in networks}
    return touching(ports)


def touching(spans):
    """Join spans that touch or overlap."""
    out = []
    for low, high, *rest in sorted(spans, key=lambda one: (one[2], one[3], one[0])):
        if out and out[-1][2:] == rest and low <= out[-1][1] + 1:
            out[-1][1] = max(out[-1][1], high)
        else:
            out.append([low, high, *rest])
    return out


def test_plans_let_somebody_in_and_leave_something_open():
    """Hand-counted: so that the comparison above cannot pass on nothing."""
    plans = [path for path in PLANS if path.name != WRITTEN_TWICE]
    seen = {path: read(path) for path in plans}
    assert sum(any(one.openings for one in group) for group in seen.values()) == 20
    synthetic = seen[PLANS[-1]]
    reasons = [unknown.reason for one in synthetic for unknown in one.unknown]
    assert [reason for reason in reasons if not reason.endswith(EVERY_PROTOCOL)] == [
        "aws_vpc_security_group_ingress_rule.unk: its ports are known only after apply"
    ]


@pytest.mark.parametrize("path", [path for path in TEMPLATES if CHECKOV in str(path)], ids=name_of)
def test_a_template_agrees_with_the_answer_in_its_name(path):
    port = f"{path.parent.name.removeprefix(CHECKOV)}/tcp"
    open_to_all = any(ports == port and networks & EVERYONE for ports, networks in ours(path).items())
    unknown = [reason for seen in read(path) for reason in seen.unknown]
    if "FAILED" in path.name:
        assert open_to_all
    else:
        assert not open_to_all
        assert bool(unknown) == ("UNKNOWN" in path.name or "Invalid" in path.name)


@pytest.mark.parametrize(
    "path", [path for path in TEMPLATES if path.suffix == ".json" and path.with_suffix(".yaml").is_file()], ids=name_of
)
def test_a_template_says_the_same_in_both_languages(path):
    assert ours(path) == ours(path.with_suffix(".yaml"))


def test_the_number_of_templates_that_are_read():
    refused = []
    for path in TEMPLATES:
        try:
            read(path)
        except EvidenceError:
            refused.append(path.name)
    assert (len(TEMPLATES) > 30, refused) == (True, ["cfparams.json"])  # parameters alone are no template


def test_listed_groups_open_what_their_permissions_say():
    (path,) = (path for path in LISTINGS if path.name == "SecurityGroups.json")
    assert ours(path) == {"22/tcp": {"0.0.0.0/0"}, "3306/tcp": {"0.0.0.0/0"}}


@pytest.mark.parametrize("path", [path for path in LISTINGS if path.name != "SecurityGroups.json"], ids=name_of)
def test_other_listings_are_refused_and_not_taken_for_nothing_open(path):
    with pytest.raises(EvidenceError, match="not recognised as evidence"):
        read(path)
