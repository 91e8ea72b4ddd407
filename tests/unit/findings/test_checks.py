"""Every check of the catalogue, triggered, and worded for people."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

from auditor.findings.catalogue import CHECKS
from auditor.findings.making import fingerprint
from auditor.model.findings import Status, Verdict
from auditor.model.policy import Severity
from tests.unit.findings.worlds import (
    audit,
    checks,
    declared,
    only,
    opening,
    policy_of,
    probe,
    said,
    seen,
    service,
    socket,
    table,
    unknown,
)

DOCS = Path(__file__).parents[3] / "docs" / "checks.md"
SCAN = "scan: {tcp: all, udp: named}\n"
BASE = """
version: 1
name: shop
hosts: {web-1: 192.0.2.10, web-2: [192.0.2.11, "2001:db8::11"]}
rules:
  - id: web
    hosts: ["web-*"]
    allow: [443]
    owner: web-team
    controls: [pci-dss:1.2.5]
"""
ONE = """
version: 1
name: shop
hosts: {web-1: 192.0.2.10}
"""


def test_unexpected_open():
    result = audit(BASE, probe(seen("192.0.2.10", open="443,6379", services=(service("6379", "redis"),))))
    found = only(result, "unexpected-open")
    assert found.message == "6379/tcp is open on web-1 (192.0.2.10) and nothing allows it"
    assert (found.expected, found.actual) == ("closed or filtered", "open (redis)")
    assert found.help == "close it, or allow it in a rule: allow: [6379/tcp]"
    assert (found.severity, found.status, found.service) == (Severity.HIGH, Status.VIOLATION, "redis")
    assert found.policy_location.snippet is None or "web-1" in found.policy_location.snippet
    assert found.evidence == ("scan.xml",)


def test_one_finding_joins_the_addresses_of_a_host():
    result = audit(BASE, probe(seen("192.0.2.11", open="6379"), seen("2001:db8::11", open="6379")))
    assert only(result, "unexpected-open").address == "192.0.2.11, 2001:db8::11"


def test_forbidden_open_has_the_severity_and_the_place_of_the_rule_that_denies():
    policy = ONE + "rules:\n  - id: no-telnet\n    hosts: ['*']\n    deny: [23]\n    severity: high\n    final: true\n"
    found = only(audit(policy, probe(seen("192.0.2.10", open="23"))), "forbidden-open")
    assert found.message == "23/tcp is open on web-1 (192.0.2.10) and rule no-telnet forbids it"
    assert (found.severity, found.rule, found.policy_location.line) == (Severity.HIGH, "no-telnet", 8)
    assert "final" in found.help


def test_required_not_open():
    policy = ONE + "rules: [{id: shop, hosts: [web-1], require: [443], owner: web-team}]"
    found = only(audit(policy, probe(seen("192.0.2.10"))), "required-not-open")
    assert found.message == "443/tcp is closed on web-1 (192.0.2.10), and rule shop requires it to be open"
    assert (found.expected, found.actual, found.owner) == ("open", "closed", "web-team")


STRICT = ONE + "rules: [{id: shop, hosts: [web-1], allow: [443], otherwise: filtered, severity: medium}]"


def test_not_filtered_is_a_finding_a_port_where_few_answer():
    result = audit(STRICT, probe(seen("192.0.2.10", closed="25,443", filtered="1-24,26-442,444-65535,443/udp")))
    found = only(result, "not-filtered")
    assert (str(found.port), found.severity, found.rule) == ("25/tcp", Severity.MEDIUM, "shop")
    assert "rule shop wants every other port filtered" in found.message


def test_not_filtered_is_one_finding_where_many_answer():
    found = only(audit(STRICT, probe(seen("192.0.2.10"))), "not-filtered")
    assert found.port is None
    assert len(found.ports) == 65535 * 2 - 1
    assert found.message.startswith("131069 ports answer on web-1 (192.0.2.10)")


def test_a_dark_host_may_answer_nothing():
    policy = "version: 1\nscan: {tcp: [22]}\nhosts: {vault: {address: 192.0.2.99, dark: true}}\nrules: []\n"
    silent = audit(policy, probe(seen("192.0.2.99", closed="", filtered="22", alive=False)))
    assert silent.verdict is Verdict.CONFORMS
    assert checks(audit(policy, probe(seen("192.0.2.99", closed="22")))) == ["not-filtered"]
    assert checks(audit(policy, probe(seen("192.0.2.99", closed="", open="22")))) == ["unexpected-open"]
    assert audit(policy, probe()).verdict is Verdict.UNVERIFIED


@pytest.mark.parametrize(
    ("reason", "verdict"),
    [
        ("no answer", Verdict.CONFORMS),
        ("no answer: no neighbour answers for the address", Verdict.CONFORMS),
        ("local: this machine has no route to the address", Verdict.UNVERIFIED),
        ("interrupted", Verdict.UNVERIFIED),
    ],
)
def test_no_answer_at_all_is_the_silence_of_a_dark_host_and_a_port_that_was_not_asked_is_not(reason, verdict):
    policy = "version: 1\nscan: {tcp: [22]}\nhosts: {vault: {address: 192.0.2.99, dark: true}}\nrules: []\n"
    assert audit(policy, probe(unknown("192.0.2.99", "22", reason))).verdict is verdict
    lit = policy.replace("true", "false")
    assert audit(lit, probe(unknown("192.0.2.99", "22", reason))).verdict is Verdict.UNVERIFIED


def test_unexpected_service():
    policy = ONE + "rules: [{id: web, hosts: [web-1], allow: [{port: 443, service: https}]}]"
    result = audit(policy, probe(seen("192.0.2.10", open="443", services=(service("443", "ssh"),))))
    found = only(result, "unexpected-service")
    assert (found.expected, found.actual, found.severity) == ("open (https)", "open (ssh)", Severity.HIGH)
    assert found.message == "443/tcp on web-1 (192.0.2.10) is open (ssh), and rule web wants it open (https)"


def test_unexpected_process():
    policy = ONE + "rules: [{id: db, hosts: [web-1], allow: [{port: 5432, process: postgres}]}]"
    found = only(audit(policy, table(socket("5432", process="nc"))), "unexpected-process")
    assert (found.actual, found.process) == ("open (nc)", "nc")


def test_too_wide():
    policy = ONE + "rules: [{id: db, hosts: [web-1], allow: [{port: 5432, bind: loopback}]}]"
    found = only(audit(policy, table(socket("5432", "0.0.0.0"))), "too-wide")
    assert (found.expected, found.actual) == ("bound to loopback", "bound to 0.0.0.0")
    assert audit(policy, table(socket("5432", "127.0.0.1"))).verdict is Verdict.CONFORMS


def test_unknown_host():
    result = audit(BASE, probe(seen("203.0.113.9", open="22,80", names=("evil.example",)), seen("203.0.113.10")))
    found = only(result, "unknown-host")
    assert found.host == "203.0.113.9"
    assert found.message == (
        "203.0.113.9 (evil.example) shows open ports (22/tcp,80/tcp), and the policy does not know it"
    )
    assert result.verdict is Verdict.VIOLATIONS


def test_an_unknown_host_that_is_opened_in_several_places_says_how_many():
    more = (opening("80", line=7), opening("443", line=7), opening("22", line=9))
    one = audit(BASE, declared(*more[:2], host="stranger"))
    assert only(one, "unknown-host").message.startswith("stranger shows open ports (80/tcp,443/tcp), and the policy")
    several = audit(BASE, declared(*more, host="stranger"), declared(opening("25", line=7), host="stranger"))
    assert only(several, "unknown-host").message == (
        "stranger shows open ports (22/tcp,25/tcp,80/tcp,443/tcp) in 2 places, and the policy does not know it"
    )


def test_unreviewed_allow():
    policy = ONE + "rules: [{id: old, hosts: [web-1], allow: [443], review_by: 2026-11-21, severity: critical}]"
    found = only(audit(policy, probe(seen("192.0.2.10", open="443"))), "unreviewed-allow")
    assert (found.message, found.severity) == ("rule old was to be reviewed by 2026-11-21", Severity.LOW)
    assert found.status is Status.VIOLATION


def test_a_review_that_is_due_today_is_not_overdue():
    policy = ONE + "rules: [{id: old, hosts: [web-1], allow: [443], review_by: 2026-11-22}]"
    assert not checks(audit(policy, probe(seen("192.0.2.10", open="443"))))


def exception(expires):
    return (
        "exceptions:\n"
        f"  - {{id: EX-17, hosts: [web-1], ports: [8080], reason: Legacy, owner: me, expires: {expires}}}\n"
    )


def test_expiring_exception():
    policy = ONE + "rules: []\n" + exception("2026-12-06")
    result = audit(policy, probe(seen("192.0.2.10", open="8080")))
    assert only(result, "expiring-exception").status is Status.NOTE
    assert "expiring-exception" not in checks(
        audit(ONE + "rules: []\n" + exception("2026-12-07"), probe(seen("192.0.2.10", open="8080")))
    )


def test_a_live_exception_lifts_the_finding_and_leaves_it_visible():
    result = audit(ONE + "rules: []\n" + exception("2026-12-31"), probe(seen("192.0.2.10", open="8080")))
    found = only(result, "unexpected-open")
    assert (found.status, found.exception.id) == (Status.EXCEPTED, "EX-17")
    assert result.verdict is Verdict.CONFORMS


def test_the_last_day_of_an_exception_is_included():
    result = audit(ONE + "rules: []\n" + exception("2026-11-22"), probe(seen("192.0.2.10", open="8080")))
    assert result.verdict is Verdict.CONFORMS


def test_an_expired_exception_excuses_nothing_and_is_named():
    result = audit(ONE + "rules: []\n" + exception("2026-11-21"), probe(seen("192.0.2.10", open="8080")))
    found = only(result, "unexpected-open")
    assert found.message.endswith("nothing allows it; EX-17 expired on 2026-11-21")
    assert "have EX-17 renewed" in found.help
    assert found.policy_location.line > 5
    assert result.verdict is Verdict.VIOLATIONS
    assert "unused-exception" not in checks(result)


@pytest.mark.parametrize("expires", ["2026-12-31", "2026-11-21"])
def test_unused_exception(expires):
    result = audit(ONE + "rules: []\n" + exception(expires), probe(seen("192.0.2.10")))
    assert checks(result) == ["unused-exception"]
    assert result.verdict is Verdict.CONFORMS


def test_an_exception_whose_ports_nobody_looked_at_is_not_called_unused():
    result = audit(ONE + "rules: []\n" + exception("2026-12-31"), probe(seen("192.0.2.10", closed="1-8000")))
    assert "unused-exception" not in checks(result)


def test_unused_allow():
    policy = ONE + "rules: [{id: web, hosts: [web-1], allow: [443, 80]}]"
    result = audit(policy, probe(seen("192.0.2.10", open="443")))
    found = only(result, "unused-allow")
    assert found.message == "rule web allows 80, and none of it is open on any host that it applies to"
    assert found.status is Status.NOTE
    assert "unused-allow" not in checks(audit(policy, probe(seen("192.0.2.10", open="443", closed="1-79"))))


def test_a_published_port_uses_the_permission():
    policy = ONE + "rules: [{id: web, hosts: [web-1], allow: [443]}]"
    assert not checks(audit(policy, probe(seen("192.0.2.10")), declared(opening("443"))))


def test_a_finding_below_the_threshold_is_a_note():
    policy = ONE + "rules: []\nsettings: {fail_on: critical}\n"
    result = audit(policy, probe(seen("192.0.2.10", open="8080")))
    assert only(result, "unexpected-open").status is Status.NOTE
    assert result.verdict is Verdict.CONFORMS


def test_a_host_that_answers_on_every_port_is_one_finding():
    result = audit(ONE + "rules: [{id: web, hosts: [web-1], allow: [443]}]", probe(seen("192.0.2.10", open="1-65535")))
    found = only(result, "unexpected-open")
    assert (found.port, len(found.ports)) == (None, 65534)


def test_findings_of_one_audit_have_different_fingerprints():
    result = audit(
        policy_of(BASE),
        probe(seen("192.0.2.10", open="22,23,6379"), seen("192.0.2.11", open="22"), seen("203.0.113.1", open="22")),
    )
    assert len({one.fingerprint for one in result.findings}) == len(result.findings) >= 5
    assert ("unexpected-open", "web-2", "22/tcp", "violation") in said(result)


def test_a_fingerprint_is_the_hash_of_check_policy_host_vantage_and_port_and_of_nothing_else():
    made = fingerprint("unexpected-open", "shop", host="web-1", member=None, vantage="office", port="6379/tcp")
    assert made == sha256(b"unexpected-open\x1fshop\x1fweb-1\x1foffice\x1f6379/tcp").hexdigest()
    inside = fingerprint("unexpected-open", "shop", host="dmz", member="192.0.2.66", vantage=None, port="")
    assert inside == sha256(b"unexpected-open\x1fshop\x1fdmz/192.0.2.66\x1f\x1f").hexdigest()


def test_the_fingerprint_does_not_change_with_addresses_services_or_lines():
    first = audit(BASE, probe(seen("192.0.2.11", open="22"), seen("2001:db8::11")))
    second = audit(
        "\n\n" + BASE,
        probe(seen("192.0.2.11"), seen("2001:db8::11", open="22", services=(service("22", "ssh"),)), source="b.xml"),
    )
    assert only(first, "unexpected-open").fingerprint == only(second, "unexpected-open").fingerprint
    assert re.fullmatch("[0-9a-f]{64}", only(first, "unexpected-open").fingerprint)


def test_text_from_the_network_stays_on_one_line():
    evil = service("22", "ssh\n::error::\x1b[31m" + "x" * 500)
    found = only(audit(BASE, probe(seen("192.0.2.10", open="22", services=(evil,)))), "unexpected-open")
    assert "\n" not in found.actual + found.message
    assert "\x1b" not in found.actual
    assert len(found.actual) < 200


@pytest.mark.parametrize("check", sorted(CHECKS))
def test_every_check_is_documented_and_complete(check):
    entry = CHECKS[check]
    assert f"\n## {check}\n" in DOCS.read_text()
    assert entry.anchor == f"docs/checks.md#{check}"
    assert entry.title
    assert entry.rationale.endswith(".")
    assert entry.remediation.endswith(".")
    assert len(entry.tags) <= 10


def test_a_pack_may_allow_more_than_is_used():
    policy = "version: 1\nextends: [pack:web-server]\nhosts: {web-1: {address: 192.0.2.10, tags: [web-server]}}\n"
    assert "unused-allow" not in checks(audit(policy, probe(seen("192.0.2.10", open="443"))))


def test_an_exception_that_lifts_some_of_many_ports_is_shown_beside_the_rest():
    lifted = exception("2026-12-31").replace("[8080]", "[1-100]")
    result = audit(STRICT + "\n" + lifted, probe(seen("192.0.2.10")))
    found = [one for one in result.findings if one.check == "not-filtered"]
    assert [(one.status, len(one.ports)) for one in sorted(found, key=lambda one: len(one.ports))] == [
        (Status.EXCEPTED, 100),
        (Status.VIOLATION, 131069 - 100),
    ]
    assert len({one.fingerprint for one in found}) == 2


def test_a_flood_of_forbidden_ports_is_one_finding():
    policy = ONE + "rules: [{id: shut, hosts: [web-1], deny: [1-65535]}]"
    found = only(audit(policy, probe(seen("192.0.2.10", open="1-65535"))), "forbidden-open")
    assert found.message == "65535 ports are open on web-1 (192.0.2.10) and rule shut forbids them"


def test_hosts_without_evidence_of_their_loopback_are_counted():
    policy = BASE + "  - {id: inner, hosts: [web-1], from: [local], allow: [25]}\n"
    pieces = [table(socket("443")), table(socket("443"), host="web-2")]
    assert audit(policy, *pieces).not_assessed == ()
    result = audit(policy, pieces[0])
    assert [(one.what, one.reason) for one in result.not_assessed] == [("vantage local", "no evidence of 1 of 2 hosts")]


def test_an_audit_of_some_hosts_says_so_and_calls_nothing_unused():
    policy = policy_of(BASE)
    result = audit(policy, probe(seen("192.0.2.10")), hosts=[policy.hosts["web-1"]])
    assert (result.verdict, checks(result)) == (Verdict.CONFORMS, [])
    assert [(one.what, one.reason) for one in result.not_assessed] == [("1 of 2 hosts", "left out of this audit")]


def test_an_audit_of_loopback_alone_says_that_the_network_was_not_assessed():
    result = audit(ONE.replace("192.0.2.10", "127.0.0.1") + "rules: []", probe(seen("127.0.0.1"), vantage="local"))
    assert [one.what for one in result.not_assessed] == ["what the network reaches"]
