"""What the files say arrives in the policy, and where they say it."""

from __future__ import annotations

import hashlib
import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from auditor.errors import PolicyError
from auditor.model.network import EVERYWHERE, LOOPBACK, NOWHERE, PRIVATE, NetworkSet
from auditor.model.policy import Approval, Named, Policy, Rule, Severity, UdpSilence
from auditor.model.ports import ALL_TCP, ALL_UDP, NO_PORTS, PortSet
from auditor.policy.load import load_policy

GOOD = Path(__file__).parent / "good"


def good(name: str) -> Policy:
    return load_policy(GOOD / f"{name}.yaml")


def rule(policy: Policy, identity: str) -> Rule:
    return next(rule for rule in policy.rules if rule.id == identity)


def shown(place) -> str:
    return place.snippet[place.column - 1 : place.end_column - 1]


@pytest.fixture
def policy_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def load(text: str) -> Policy:
        (tmp_path / "exposure.yaml").write_text(f"version: 1\n{text}", encoding="utf-8")
        return load_policy("exposure.yaml")

    return load


def test_the_smallest_policy_has_the_defaults():
    policy = good("smallest")
    assert policy.name == "smallest"
    assert (policy.scan.tcp, policy.scan.udp, policy.scan.rate, policy.scan.timeout) == (ALL_TCP, Named.NAMED, 20000, 2)
    settings = policy.settings
    assert (settings.fail_on, settings.max_evidence_age) == (Severity.LOW, timedelta(hours=24))
    assert (settings.exception_max_days, settings.exception_warn_days) == (180, 14)
    assert (settings.unverified_fails, settings.udp_silence) == (True, UdpSilence.UNVERIFIED)


def test_a_rule_without_an_id_is_called_by_its_file_and_number():
    assert [rule.id for rule in good("single-values").rules[:2]] == ["single-values#1", "single-values#2"]


def test_a_host_has_its_addresses_tags_aliases_and_darkness():
    hosts = good("everything").hosts
    assert [address.text for address in hosts["web-2"].addresses] == ["192.0.2.11", "2001:db8::11"]
    assert (hosts["web-2"].tags, hosts["web-2"].aliases) == (("web", "prod"), ("aws_instance.web",))
    assert hosts["dmz"].is_network
    assert hosts["vault"].dark
    assert hosts["db"].networks == NOWHERE


def test_everything_of_a_rule_arrives():
    found = rule(good("everything"), "shopfront")
    assert [selector.text for selector in found.hosts] == ["tag:web"]
    assert found.from_ == ("internet",)
    assert [item.ports for item in found.allow] == [PortSet.parse("80,443,443/udp"), PortSet.parse("8000-8010")]
    assert [item.text for item in found.require] == ["443/tcp"]
    assert shown(found.otherwise_filtered) == "filtered"
    assert (found.reason, found.owner, found.severity) == ("The public shop", "web-team", Severity.HIGH)
    assert found.approved == Approval(by="ciso", on=date(2026, 6, 1), ticket="SEC-12")
    assert found.review_by == date(2026, 12, 1)
    assert found.controls == ("pci-dss:1.2.5", "nist-800-53:CM-7")
    assert shown(found.location) == "id: shopfront"
    assert (found.final, found.unreviewed, found.pack) == (False, False, None)


def test_conditions_of_a_port_arrive():
    database, shell = rule(good("everything"), "db-local").allow
    assert database.conditions.process == "postgres"
    assert (database.conditions.bind, database.conditions.bind_text) == (LOOPBACK, "loopback")
    assert shell.conditions.service == "ssh"
    assert shown(shell.location) == "{port: 22/tcp, service: ssh}"


def test_several_ports_and_networks_share_one_condition():
    found = rule(good("single-values"), "single-values#2").require[0]
    assert (found.text, found.ports) == ("22, 2222", PortSet.parse("22,2222"))
    assert found.conditions.bind == PRIVATE | NetworkSet.parse("203.0.113.0/24")
    assert found.conditions.bind_text == "private, 203.0.113.0/24"


def test_a_port_mapping_without_conditions_has_none(policy_of):
    policy = policy_of("hosts: {web: 192.0.2.1}\nrules: [{hosts: web, allow: {port: 80}}]")
    assert policy.rules[0].allow[0].conditions is None


def test_a_final_deny_and_an_unreviewed_entry_are_marked():
    assert rule(good("everything"), "no-telnet").final
    assert rule(good("single-values"), "single-values#3").unreviewed


def test_an_exception_arrives_even_when_it_has_expired():
    found = good("expired").exceptions[0]
    assert (found.id, found.reason, found.owner, found.expires) == ("EX-1", "r", "o", date(2020, 1, 31))
    assert found.port_set == PortSet.parse("8080")


def test_vantages_have_their_networks():
    vantages = good("everything").vantages
    assert vantages["internet"].networks == EVERYWHERE
    assert vantages["office"].networks == NetworkSet.parse("198.51.100.0/24")


def test_the_teams_services_may_name_each_other():
    assert good("single-values").services == {"web": PortSet.parse("443"), "both": PortSet.parse("443,80,53,53/udp")}


@pytest.mark.parametrize(
    ("scan", "tcp", "udp"),
    [
        ("tcp: none, udp: all", NO_PORTS, ALL_UDP),
        ("tcp: named, udp: none", Named.NAMED, NO_PORTS),
        ("tcp: [22, 1-1024, https], udp: [53, ntp, 69/udp, dns]", "22,1-1024", "53/udp,123/udp,69/udp"),
    ],
)
def test_a_bare_number_in_a_scan_scope_is_of_the_protocol_it_stands_under(policy_of, scan, tcp, udp):
    found = policy_of(f"hosts: {{web: 192.0.2.1}}\nscan: {{{scan}}}").scan
    assert found.tcp == (PortSet.parse(tcp) if isinstance(tcp, str) else tcp)
    assert found.udp == (PortSet.parse(udp) if isinstance(udp, str) else udp)


def test_settings_arrive(policy_of):
    policy = policy_of(
        "hosts: {web: 192.0.2.1}\nscan: {rate: unlimited, host_rate: 50, timeout: 500ms}\n"
        "settings: {fail_on: never, max_evidence_age: 7d, unverified: report, udp_silence: filtered}"
    )
    assert (policy.scan.rate, policy.scan.host_rate, policy.scan.timeout) == (None, 50, 0.5)
    assert (policy.settings.fail_on, policy.settings.max_evidence_age) == (None, timedelta(days=7))
    assert (policy.settings.unverified_fails, policy.settings.udp_silence) == (False, UdpSilence.FILTERED)


def test_the_hosts_key_and_the_hosts_know_their_place(policy_of):
    policy = policy_of("name: x\nhosts:\n  web: 192.0.2.1\n")
    assert (str(policy.hosts_location), shown(policy.hosts_location)) == ("exposure.yaml:3:1", "hosts")
    assert (str(policy.hosts["web"].location), shown(policy.hosts["web"].location)) == ("exposure.yaml:4:3", "web")


def test_hosts_may_come_from_the_file_and_from_inventories(monkeypatch):
    monkeypatch.chdir(GOOD)
    policy = load_policy("host-forms.yaml")
    assert list(policy.hosts) == ["192.0.2.50", "cache", "web", "db", "mail"]
    assert policy.hosts["cache"].location.file == "parts/hosts.txt"
    inventory = policy.files[-1]
    assert inventory.path == "parts/hosts.txt"
    assert inventory.sha256 == hashlib.sha256(Path("parts/hosts.txt").read_bytes()).hexdigest()


def test_words_that_yaml_once_read_as_numbers_and_truths_are_taken_literally():
    policy = good("words-taken-literally")
    assert policy.name == "22:22"
    assert list(policy.hosts) == ["no", "on", "10"]
    assert policy.hosts["on"].tags == ("yes", "0x50", "010", "1.10", "2026-01-01")
    assert (policy.rules[0].reason, policy.rules[0].owner) == ("12:30", "off")


def test_an_address_inside_the_network_of_another_host_is_allowed(policy_of):
    assert len(policy_of("hosts: {dmz: 192.0.2.0/24, web: 192.0.2.1}").hosts) == 2


EXCEPTION = """\
hosts: {{web: 192.0.2.1}}
settings: {{exceptions: {{max_days: 30}}}}
exceptions:
  - {{id: E, hosts: web, ports: [80], reason: r, owner: o, expires: {expires}, approved: {approved}}}
"""
TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("expires", "approved", "says"),
    [
        ("2026-12-23", "{by: ciso}", "exposure.yaml:5:68: the exception permits 31 days from today"),
        ("9999-12-31", "{by: ciso}", "the exception permits 2912117 days from today"),
        ("2027-01-23", "{by: ciso, on: 2027-01-22}", "the approval is of a day to come: 2027-01-22"),
        ("2026-12-31", "{by: ciso, on: 2026-11-22}", "the exception permits 39 days from its approval"),
    ],
)
def test_an_exception_is_bound_by_its_approval_or_by_today(tmp_path, monkeypatch, expires, approved, says):
    monkeypatch.chdir(tmp_path)
    text = f"version: 1\n{EXCEPTION.format(expires=expires, approved=approved)}"
    (tmp_path / "exposure.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError, match=re.escape(says)):
        load_policy("exposure.yaml", today=TODAY)


@pytest.mark.parametrize(
    ("expires", "approved"),
    [
        ("2026-12-22", "{by: ciso}"),
        ("2020-01-01", "{by: ciso}"),
        ("2026-12-22", "{by: ciso, on: 2026-11-22}"),
        ("2026-12-22", "{by: ciso, on: 2026-11-23}"),  # where it is tomorrow already
    ],
)
def test_an_exception_within_its_bounds_is_read(tmp_path, expires, approved):
    text = f"version: 1\n{EXCEPTION.format(expires=expires, approved=approved)}"
    (tmp_path / "exposure.yaml").write_text(text, encoding="utf-8")
    assert load_policy(tmp_path / "exposure.yaml", today=TODAY).exceptions[0].expires == date.fromisoformat(expires)
