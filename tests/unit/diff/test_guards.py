"""A socket table and the firewall of the same host: exposed is what listens and is let through."""

from dataclasses import replace
from datetime import timedelta

import pytest

from auditor.model.evidence import Unknown, Way
from auditor.model.network import EVERYWHERE, NetworkSet
from auditor.model.ports import PortSet
from tests.unit.findings.worlds import NOW, audit, checks, declared, only, opening, reasons, said, socket, table

POLICY = """
version: 1
vantages: {office: {networks: [198.51.100.0/24]}}
hosts: {web-1: %s}
rules:
  - {id: web, hosts: [web-1], allow: [443]}
  - {id: ssh, hosts: [web-1], from: [office], allow: [22]}
"""


def through(port, sources=None, way=Way.LET_THROUGH, more="", **rest):
    return replace(opening(port, sources, **rest), way=way, more=PortSet.parse(more))


def fire(*openings, covers=EVERYWHERE, started=NOW, **more):
    return declared(*openings, source="fw.rules", guarded=covers, started=started, **more)


def exposed(found):
    return [check for check in checks(found) if check != "unused-allow"]


def check(*evidence, address="192.0.2.10"):
    return audit(POLICY % address, *evidence)


REDIS, WEB, SSH = socket("6379", process="redis-server"), socket("443"), socket("22")


def test_what_listens_and_is_not_let_in_is_not_exposed():
    assert exposed(check(table(REDIS, WEB))) == ["unexpected-open"]
    assert exposed(check(table(REDIS, WEB), fire(through("443")))) == []


def test_what_listens_and_is_let_in_is_one_finding_that_points_at_the_rule():
    found = only(check(table(REDIS, WEB), fire(through("443", more="6379", line=3))), "unexpected-open")
    assert str(found.port) == "6379/tcp"
    assert found.source_location.file == "compose.yaml"
    assert {"fw.rules", "sockets.jsonl"} <= set(found.evidence)


def test_a_firewall_that_accepts_everything_exposes_what_listens_and_nothing_else():
    wide = through("1", more="2-65535/tcp,1-65535/udp")
    assert said(check(table(REDIS, WEB), fire(wide))) == {("unexpected-open", "web-1", "6379/tcp", "violation")}


def test_what_is_led_elsewhere_is_open_whether_anything_listens_or_not():
    found = check(table(WEB), fire(through("443"), through("8080", way=Way.FORWARDED)))
    assert said(found) == {("unexpected-open", "web-1", "8080/tcp", "violation")}


def test_sources_that_are_too_wide_are_told_of_what_listens():
    assert exposed(check(table(SSH, WEB), fire(through("443"), through("22")))) == ["too-wide"]
    assert exposed(check(table(SSH, WEB), fire(through("443"), through("22", "198.51.100.0/24")))) == []


@pytest.mark.parametrize(
    "doubt",
    [
        fire(through("443"), started=NOW - timedelta(days=30)),
        fire(through("443"), started=None),
        fire(through("443"), complete=False),
        fire(through("443"), unknown=(Unknown(ports=PortSet.parse("6379"), reason="fw.rules:3: -m geoip"),)),
        fire(through("443"), unknown=(Unknown(ports=PortSet(), reason="too complex"),)),
        fire(through("443"), covers=NetworkSet.parse("::/0")),
        declared(through("443"), source="ufw.txt", started=NOW),
    ],
)
def test_a_firewall_that_cannot_be_relied_upon_takes_nothing_out_of_sight(doubt):
    assert ("unexpected-open", "web-1", "6379/tcp", "violation") in said(check(table(REDIS, WEB), doubt))


def test_a_firewall_of_unknown_age_says_why_it_is_not_heeded():
    found = check(table(REDIS), fire(started=None))
    assert ("what fw.rules keeps out of what listens", "the evidence does not say when it was taken") in [
        (one.what, one.reason) for one in found.not_assessed
    ]


def test_one_family_guarded_does_not_guard_the_other():
    both = socket("6379", "::", dual_stack=True)
    four = fire(covers=NetworkSet.parse("0.0.0.0/0"))
    six = fire(covers=NetworkSet.parse("::/0"))
    named = '"db.internal"'
    assert exposed(check(table(both), four, address=named)) == ["unexpected-open"]
    assert exposed(check(table(both), four, six, address=named)) == []
    assert exposed(check(table(both), four)) == []  # the host has no other address than one of IPv4


def test_rule_sets_of_one_host_must_agree():
    assert exposed(check(table(REDIS), fire(), fire(through("6379")))) == ["unexpected-open"]


def test_a_family_that_no_rules_speak_of_is_unverified():
    four = fire(through("443"), covers=NetworkSet.parse("0.0.0.0/0"))
    assert reasons(check(four)) == []
    (reason,) = reasons(check(four, address='"db.internal"'))
    assert reason.startswith("fw.rules says nothing of IPv6: give what ip6tables-save prints, too")


def test_what_must_be_open_and_is_not_let_in_is_not():
    policy = "version: 1\nhosts: {web-1: 192.0.2.10}\nrules:\n  - {id: r, hosts: [web-1], require: [443]}\n"
    assert exposed(audit(policy, table(WEB), fire())) == ["required-not-open"]
    assert exposed(audit(policy, table(WEB), fire(through("443")))) == []
