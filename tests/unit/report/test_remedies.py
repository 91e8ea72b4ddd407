"""Every reason that the scanner and the difference give for what is not verified comes with something to do."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.probe import conntrack, icmp, observation, phantoms
from auditor.collect.probe.udp.observation import LIMITS
from auditor.model import evidence
from auditor.model.findings import Unverified
from auditor.model.location import Location
from auditor.model.ports import ALL_TCP
from auditor.report import html, junit, markdown, sarif, text
from auditor.report.options import ReportOptions
from auditor.report.remedies import remedies, remedy

from . import audits

NO_ANSWER_REFUSED = f"{evidence.NO_ANSWER}: refused by ICMP 3/1 (host unreachable) from 192.0.2.1"


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [
        (evidence.NO_ANSWER, "--timeout 5s"),
        (evidence.NO_ANSWER, "dark: true"),
        (NO_ANSWER_REFUSED, "lets in"),
        (f"{evidence.NO_ANSWER}: {icmp.NO_NEIGHBOUR}", "the host is up"),
        ("no answer from any of its 256 addresses", "dark: true"),
        (evidence.EVERY_PORT, "--sockets"),
        (evidence.GONE, "--host-rate 100"),
        (evidence.INTERRUPTED, "--resume"),
        (observation.LIMITED, "--host-rate 100"),
        (observation.KEPT_IN, "its own firewall"),
        (LIMITS, "rule"),
        (conntrack.FULL, "nf_conntrack_max"),
        (icmp.KEPT_IN, "its own firewall"),
        *((reason, "machine that scans") for reason in icmp.ROUTE_ERRORS.values()),
        (phantoms._ONCE, "--sockets"),
        ("local: Too many open files", "ulimit -n"),
        ("local: cause unknown", "machine that scans"),
        (f"{evidence.LOOKED} twice: open, then closed", "--host-rate 100"),
        ("loss: 62% of all probes go unanswered, too many to call silent ports filtered", "--rate"),
        ("the service was not identified", "nmap -sV"),
        ("open|filtered: silence does not tell which", "udp_silence: filtered"),
        ("closed|filtered: the evidence does not tell which", "otherwise: filtered"),
        ("the evidence is 3d old (limit 24h)", "max_evidence_age"),
        ("shard.jsonl is not complete: interrupted", "--resume"),
        ("db.internal does not resolve: Name or service not known", "name"),
        ("no evidence", "evidence"),
        ("no evidence for 192.0.2.7", "evidence"),
        ("not looked at by a.xml", "scan"),
        ("the process is hidden from the user who read the sockets", "root"),
    ],
)
def test_a_reason_has_its_remedy(reason: str, wanted: str) -> None:
    assert wanted in (remedy(reason) or "")


def test_the_more_particular_beginning_comes_first() -> None:
    assert remedy(NO_ANSWER_REFUSED) != remedy(evidence.NO_ANSWER)
    assert remedy(conntrack.FULL) != remedy("local: cause unknown")


@given(st.text())
def test_what_a_reason_says_is_never_part_of_the_advice(reason: str) -> None:
    assert remedy(f"no answer: {reason}") in {remedy("no answer"), remedy("no answer: refused by")}
    assert remedy(f"\x00{reason}") is None or " is not complete" in reason or " does not resolve: " in reason


def test_advice_is_given_once_for_reasons_that_share_it() -> None:
    both = ["looked at twice: open, then closed", "looked at twice: closed, then silent", "strange"]
    told = list(remedies([*both, both[0]]))
    assert [reason for reason, _ in told] == both
    assert [advice is not None for _, advice in told] == [True, False, False]


def gap(host: str, reason: str) -> Unverified:
    place = Location(file="exposure.yaml", line=3, column=1)
    return Unverified(host=host, ports=ALL_TCP, reason=reason, policy_location=place)


def test_reports_say_what_to_do_once_for_each_reason() -> None:
    audit = audits.audit_of(unverified=[gap("web-1", "no answer"), gap("web-2", "no answer"), gap("db", "odd")])
    options = ReportOptions()
    for writer in (text, markdown, html):
        page = writer.render(audit, options).decode()
        assert page.count("see whether the host is up") == 1, writer.__name__
    assert "\n    = help: see whether the host is up" in text.render(audit, options).decode()
    assert junit.render(audit, options).decode().count("\nhelp: see whether the host is up") == 2
    notes = json.loads(sarif.render(audit, options))["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert sum("(help: see whether" in note["message"]["text"] for note in notes) == 1
