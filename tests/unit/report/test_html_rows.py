"""Each row of the HTML report is one host, as one sort of evidence saw it from one vantage, and says only that."""

import re
from pathlib import Path

import pytest

from auditor.model.evidence import Kind
from auditor.model.findings import Status, Verdict
from auditor.model.ports import ALL_TCP, NO_PORTS, Port, PortSet
from auditor.report import json_load
from auditor.report.html import render
from auditor.report.html.hosts import Sheets
from auditor.report.html.matrix import exposure
from auditor.report.options import DEFAULTS
from auditor.report.seen import seen_by_row
from auditor.report.wording import view
from tests.unit.findings import worlds
from tests.unit.report import audits

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*/expected.json"))


def example(name):
    (path,) = (path for path in EXAMPLES if path.parent.name == name)
    return json_load.load(path.read_bytes())


def cells(audit, port):
    """What the table says of a port, by host and view."""
    table = exposure(Sheets(audit))
    at = table.columns.index(Port.parse(port))
    return {(row.result.host, view(row.result)): row.cells[at].word for row in table.rows}


def test_a_port_is_a_violation_only_where_the_evidence_of_that_row_shows_it():
    assert cells(example("three-views"), "6379/tcp") == {
        ("shop-1", "probe from ci"): "filtered",
        ("shop-1", "sockets"): "violation",
        ("shop-1", "declared"): "violation",
    }


def test_what_the_internet_must_not_see_is_no_violation_in_the_office_s_row():
    audit = example("vantages")
    assert cells(audit, "22/tcp") == {
        ("web-1", "probe from internet"): "filtered",
        ("web-1", "probe from office"): "open",
        ("vpn", "probe from internet"): "violation",
        ("vpn", "probe from office"): "open",
    }
    assert cells(audit, "8080/tcp")["web-1", "probe from internet"] == "violation"
    assert cells(audit, "8080/tcp")["web-1", "probe from office"] == "closed"


def test_a_socket_table_shows_what_a_vantage_tells_of_the_same_port():
    found = audits.finding(vantage="internet")
    open_ports = PortSet.parse("6379")
    rows = [
        audits.host(verdict=Verdict.VIOLATIONS, vantage="internet", kinds=(Kind.PROBE,), open=open_ports),
        audits.host(vantage="office", kinds=(Kind.PROBE,), filtered=open_ports),
        audits.host(verdict=Verdict.VIOLATIONS, kinds=(Kind.SOCKETS,), open=open_ports),
        audits.host(kinds=(Kind.DECLARED,), asked=NO_PORTS, open=open_ports),
        audits.host(vantage="local", kinds=(Kind.SOCKETS,), open=open_ports),
    ]
    assert cells(audits.audit_of([found], hosts=rows), "6379/tcp") == {
        ("web-1", "probe from internet"): "violation",
        ("web-1", "probe from office"): "filtered",
        ("web-1", "sockets"): "violation",
        ("web-1", "declared"): "open",
        ("web-1", "sockets from local"): "open",
    }


PLACES = """
version: 1
vantages: {internet: {networks: ["0.0.0.0/0", "::/0"]}, office: {networks: [198.51.100.0/24]}}
hosts: {web-1: 192.0.2.10}
rules:
  - {id: shop, hosts: [web-1], from: [internet], allow: [443]}
  - {id: admin, hosts: [web-1], from: [office], allow: [6379]}
"""


@pytest.mark.parametrize(("sources", "word"), [("198.51.100.0/24", "open"), ("0.0.0.0/0", "violation")])
def test_what_a_file_opens_to_those_who_may_come_is_no_violation_of_the_file_though_others_get_in(sources, word):
    files = worlds.declared(worlds.opening("6379", sources=sources), worlds.opening("9200"))
    audit = worlds.audit(PLACES, files, worlds.probe(worlds.seen("192.0.2.10", open="6379"), vantage="internet"))
    assert cells(audit, "6379/tcp") == {
        ("web-1", "probe from internet"): "violation",
        ("web-1", "declared"): word,
    }
    assert cells(audit, "9200/tcp")["web-1", "declared"] == "violation"


def test_the_sheet_of_a_vantage_lists_nothing_that_others_saw():
    sheets = {view(sheet.result): sheet for sheet in Sheets(example("three-views")).all()}
    assert [str(row.port) for row in sheets["sockets"].rows if row.word == "violation"] == ["6379/tcp"]
    assert all(row.word != "violation" for row in sheets["probe from ci"].rows)


def test_ports_that_one_finding_stands_for_are_not_said_to_be_allowed():
    flood = audits.finding(port=None, ports=ALL_TCP, message="65,535 ports are open")
    audit = audits.audit_of([flood], hosts=[audits.host(verdict=Verdict.VIOLATIONS, open=ALL_TCP)])
    (row,) = exposure(Sheets(audit)).rows
    assert {cell.word for cell in row.cells} == {"violation"}
    (sheet,) = Sheets(audit).all()
    assert (sheet.many, sheet.rest) == ((flood,), NO_PORTS)
    assert "violation</strong> <a" in render(audit, DEFAULTS).decode()


def test_an_open_port_of_which_the_policy_s_condition_is_not_settled_is_not_called_allowed():
    row = audits.host(verdict=Verdict.UNVERIFIED, open=PortSet.parse("22"), unverified=PortSet.parse("22"))
    assert cells(audits.audit_of(hosts=[row]), "22/tcp") == {("web-1", ""): "unverified"}


def test_a_violation_that_no_row_shows_by_itself_is_told_by_the_files():
    found = audits.finding(vantage="local")
    rows = [audits.host(vantage="ci", kinds=(Kind.PROBE,)), audits.host(kinds=(Kind.DECLARED,), asked=NO_PORTS)]
    assert cells(audits.audit_of([found], hosts=rows), "6379/tcp") == {
        ("web-1", "probe from ci"): "unverified",
        ("web-1", "declared"): "violation",
    }


def test_the_rows_of_a_host_stand_together_whatever_their_verdicts():
    rows = [
        audits.host("a", vantage="ci"),
        audits.host("a", Verdict.VIOLATIONS, vantage="office"),
        audits.host("b", Verdict.VIOLATIONS, vantage="ci"),
        audits.host("b", vantage="office"),
        audits.host("net", member="192.0.2.1"),
        audits.host("net", Verdict.VIOLATIONS, member="192.0.2.2"),
    ]
    order = [(sheet.result.member or sheet.result.host) for sheet in Sheets(audits.audit_of(hosts=rows)).all()]
    assert order == ["a", "a", "b", "b", "192.0.2.2", "192.0.2.1"]


def test_every_row_says_its_host_member_kind_and_vantage():
    row = audits.host("dmz", member="192.0.2.66", vantage="office", kinds=(Kind.PROBE,), open=PortSet.parse("22"))
    text = render(audits.audit_of(hosts=[row]), DEFAULTS).decode()
    assert re.search(r'<bdi>dmz 192\.0\.2\.66</bdi></a> <span class="view">probe from office</span></th>', text)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_rows_agree_with_their_verdicts_and_no_violation_is_lost(path):
    audit = json_load.load(path.read_bytes())
    seen = seen_by_row(audit)
    for result, found in zip(audit.hosts, seen, strict=True):
        violates = any(one.status is Status.VIOLATION for one in (*found.single.values(), *found.many))
        assert violates == (result.verdict is Verdict.VIOLATIONS), result
    for one in audit.findings:
        of_host = [
            found
            for row, found in zip(audit.hosts, seen, strict=True)
            if (row.host, row.member) == (one.host, one.member)
        ]
        if of_host and one.port and one.status is Status.VIOLATION:
            assert any(found.at(one.port) and found.at(one.port).status is one.status for found in of_host), one


def test_a_finding_lifted_on_the_same_port_does_not_hide_a_violation():
    lifted = audits.finding(status=Status.EXCEPTED, check="too-wide")
    worst_first = [audits.finding(), lifted]
    row = audits.host(verdict=Verdict.VIOLATIONS, open=PortSet.parse("6379"))
    assert cells(audits.audit_of(worst_first, hosts=[row]), "6379/tcp")["web-1", ""] == "violation"
    assert cells(audits.audit_of([lifted], hosts=[row]), "6379/tcp")["web-1", ""] == "excepted"
