"""What the HTML report says of coverage, controls and permissions, and what it lets run."""

import base64
import hashlib
import html
import re
from datetime import date

import pytest

from auditor.model.evidence import Completion, Kind, Origin
from auditor.model.findings import EvidenceUsed, Requirement, Status, Unverified, Verdict
from auditor.model.policy import Approval
from auditor.model.ports import ALL_TCP, NO_PORTS, Port, PortSet
from auditor.report.controls import AGAINST, NOT_ASSESSED, SUPPORTS, assessed_controls
from auditor.report.html import render
from auditor.report.html.exceptions import reviews
from auditor.report.html.hosts import Sheets
from auditor.report.html.matrix import exposure
from auditor.report.html.numbers import numbers_of
from auditor.report.html.parts import ends
from auditor.report.options import DEFAULTS
from tests.unit.report import audits


def word_of(audit, control="nist-800-53:CM-7"):
    return next(one.word for one in assessed_controls(audit) if one.id == control)


def gap(host="web-1"):
    return Unverified(host=host, reason="it answered nothing", policy_location=audits.location())


def page(audit):
    return render(audit, DEFAULTS).decode()


def test_a_control_is_supported_only_by_hosts_that_were_looked_at_and_left_no_gap():
    seen = audits.host(open=PortSet.parse("443"))
    broken = EvidenceUsed(origin=Origin(kind=Kind.PROBE, source="x"), completion=Completion(complete=False))
    declared = audits.host(asked=NO_PORTS, kinds=(Kind.DECLARED,))
    assert word_of(audits.audit_of(hosts=[seen])) == SUPPORTS
    assert word_of(audits.audit_of()) == NOT_ASSESSED
    assert word_of(audits.audit_of(hosts=[declared])) == NOT_ASSESSED
    assert word_of(audits.audit_of(hosts=[seen], unverified=[gap()])) == NOT_ASSESSED
    assert word_of(audits.audit_of(hosts=[seen], evidence=(broken,))) == NOT_ASSESSED


def test_a_violation_speaks_against_its_controls_whatever_else_is_unknown():
    found = audits.finding(controls=("nist-800-53:CM-7", "house:1"))
    audit = audits.audit_of([found], unverified=[gap()])
    assert word_of(audit) == AGAINST
    assert word_of(audit, "house:1") == AGAINST
    assert word_of(audit, "nist-800-53:SC-7") == NOT_ASSESSED


@pytest.mark.parametrize(("review_by", "word"), [(None, NOT_ASSESSED), (date(2027, 6, 1), SUPPORTS)])
def test_a_control_about_reviews_is_supported_only_by_permissions_that_have_a_date(review_by, word):
    held = Requirement(port=Port.parse("443/tcp"), required=True, state="open", rule="web", review_by=review_by)
    audit = audits.audit_of(hosts=[audits.host(holds=(held,))])
    assert word_of(audit, "pci-dss:1.2.7") == word
    assert word_of(audit) == SUPPORTS


def test_what_an_exception_lifts_is_told_beside_the_control():
    found = audits.finding(status=Status.EXCEPTED, controls=("nist-800-53:CM-7",))
    (one,) = [
        one
        for one in assessed_controls(audits.audit_of([found], hosts=[audits.host()]))
        if one.id == "nist-800-53:CM-7"
    ]
    assert (one.word, one.why) == (SUPPORTS, "no violation found, 1 excepted")


def test_nobody_is_called_compliant():
    assert not re.search(r"\b(is|are|fully) compliant", page(audits.fixed_audit()).replace("nobody is compliant", ""))


@pytest.mark.parametrize(("silent", "said"), [(0, 100), (1, 99), (200, 0)])
def test_coverage_is_rounded_down(silent, said):
    hosts = [
        audits.host(f"h{at}", Verdict.UNVERIFIED, unverified=ALL_TCP) if at < silent else audits.host(f"h{at}")
        for at in range(200)
    ]
    assert numbers_of(audits.audit_of(hosts=hosts)).coverage == said


def test_a_host_of_which_nothing_was_seen_lowers_the_coverage():
    assert numbers_of(audits.audit_of(hosts=[audits.host("a")], unverified=[gap("b")])).coverage == 50
    assert numbers_of(audits.audit_of()).coverage is None


def test_a_host_with_gaps_is_never_said_to_have_nothing_open():
    silent = audits.host(verdict=Verdict.UNVERIFIED, unverified=ALL_TCP)
    assert "nothing open" not in page(audits.audit_of(hosts=[silent], unverified=[gap()]))
    assert "nothing open" in page(audits.audit_of(hosts=[audits.host()]))


def test_a_port_that_was_asked_and_is_not_settled_is_no_unseen_one():
    open_one = audits.host("a", open=PortSet.parse("22"))
    silent = audits.host("b", Verdict.UNVERIFIED, unverified=ALL_TCP - PortSet.parse("22"))
    unasked = audits.host("c", asked=NO_PORTS)
    table = exposure(Sheets(audits.audit_of(hosts=[open_one, silent, unasked])))
    words = {row.result.host: [cell.word for cell in row.cells] for row in table.rows}
    assert words == {"a": ["open"], "b": ["unverified"], "c": ["unseen"]}


def test_every_open_port_of_a_host_is_on_its_sheet_with_who_approved_it():
    held = Requirement(
        port=Port.parse("443/tcp"),
        required=True,
        state="open",
        rule="shop",
        owner="web-team",
        approved=Approval(by="ciso", on=date(2026, 6, 1), ticket="SEC-12"),
        review_by=date(2026, 1, 1),
    )
    result = audits.host(open=PortSet.parse("443,6379,9000"), holds=(held,))
    audit = audits.audit_of([audits.finding(port="6379/tcp")], hosts=[result])
    (sheet,) = Sheets(audit).all()
    assert [(str(row.port), row.word) for row in sheet.rows] == [
        ("6379/tcp", "violation"),
        ("443/tcp", "required"),
        ("9000/tcp", "open"),
    ]
    assert "ciso, 2026-06-01, SEC-12" in re.sub("<[^>]*>", "", page(audit))
    assert [review.state for review in reviews(audit)] == ["overdue"]


def test_a_host_that_answers_everywhere_keeps_its_ports_as_ranges():
    (sheet,) = Sheets(audits.audit_of(hosts=[audits.host(open=ALL_TCP)])).all()
    assert sheet.rest == ALL_TCP
    assert "1-65535/tcp" in page(audits.audit_of(hosts=[audits.host(open=ALL_TCP)]))


def test_the_policy_of_the_page_names_its_own_style_and_script_and_nothing_else():
    text = page(audits.fixed_audit())
    found = re.search('http-equiv="Content-Security-Policy" content="(.*?)"', text)
    allowed = dict(part.strip().split(" ", 1) for part in html.unescape(found[1]).split(";"))
    assert allowed.pop("default-src") == allowed.pop("base-uri") == allowed.pop("form-action") == "'none'"
    for tag in ("style", "script"):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert allowed.pop(f"{tag}-src") == f"'sha256-{digest}'"
    assert not allowed
    assert " style=" not in text
    assert not re.search(r"\son\w+=", text)


def test_a_text_from_elsewhere_is_shown_and_never_markup():
    text = page(audits.audit_of([audits.finding("<img src=x>", message='"><script>alert(1)</script>\u202e')]))
    assert "<img" not in text
    assert "&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\\u202e" in text


def test_one_of_a_kind_is_told_in_the_singular():
    ports = PortSet.parse("1-23")
    text = page(audits.audit_of([audits.finding()], hosts=[audits.host(open=ports)]))
    assert "1 conforms<" in text
    assert "2 more ports open somewhere have no column here." in text
    text = page(audits.audit_of(hosts=[audits.host(open=ports)]))
    assert "1 more port open somewhere has no column here." in text


def test_a_text_is_never_cut_to_save_less_than_the_notice_of_it():
    assert ends("x" * 121, 120) == "x" * 121
    assert ends("x" * 1200, 120) == "x" * 120 + "… (1,080 more characters)"


def test_the_controls_have_their_numbers_and_titles_in_columns_of_their_own():
    assert re.search(r'<th scope="row"><span class="whole">CM-7</span></th><td>\w', page(audits.audit_of()))
