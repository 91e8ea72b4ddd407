"""What holds of every format: the same counts, nothing that acts, the same bytes each time, golden files."""

import csv
import io
import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.model.findings import NotAssessed, Status, Unverified
from auditor.report.json_format import load
from auditor.report.registry import FORMATS, ReportOptions
from tests.unit.report import audits

GOLDEN = Path(__file__).parent / "golden"
OPTIONS = ReportOptions(sarif_include_excepted=True)

thorough = settings(
    max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None
)


def counted_in_text(written):
    last = written.decode().splitlines()[-1]
    number = {noun: re.search(rf"([\d,]+) {noun}", last) for noun in ("violation", "excepted", "note", "unverified")}
    return {noun: int(found[1].replace(",", "")) if found else 0 for noun, found in number.items()}


def counted_in_json(written):
    value = json.loads(written)
    tally = {status.value: sum(found["status"] == status for found in value["findings"]) for status in Status}
    assert {**tally, "unverified": len(value["unverified"])} == {
        key: number for key, number in value["counts"].items() if key != "hosts"
    }
    return {**tally, "unverified": len(value["unverified"])}


def counted_in_junit(written):
    root = fromstring(written)
    cases = list(root.iter("testcase"))
    return {
        "violation": sum(case.find("failure") is not None for case in cases),
        "excepted": sum(case.find("skipped") is not None for case in cases),
        "note": sum(case.find("system-out") is not None for case in cases),
        "unverified": sum(
            error.get("message", "").startswith("Nothing was checked") is False for error in root.iter("error")
        ),
    }


def counted_in_sarif(written):
    run = json.loads(written)["runs"][0]
    excepted = sum("suppressions" in result for result in run["results"])
    said = run["invocations"][0]["toolExecutionNotifications"]
    tally = run["properties"]["counts"]
    assert len(run["results"]) - excepted == tally["violation"] + tally["note"]
    return {**tally, "excepted": excepted, "unverified": sum(n["descriptor"]["id"] == "unverified" for n in said)}


def counted_in_markdown(written):
    shown = written.decode().split("\n\n")[1]
    return counted_in_text(shown.replace("\\", "").encode())


def counted_in_github(written):
    return counted_in_text(written)


def counted_in_gitlab(written):
    entries = json.loads(written)
    gaps = sum(entry["check_name"] == "unverified" for entry in entries)
    others = sum(entry["check_name"] == "not-assessed" for entry in entries)
    return {"violation and note": len(entries) - gaps - others, "unverified": gaps}


def counted_in_csv(written):
    rows = list(csv.DictReader(io.StringIO(written.decode(), newline="")))
    return {
        word: sum(row["status"] == word for row in rows) for word in ("violation", "excepted", "note", "unverified")
    }


class Page(HTMLParser):
    """The elements of a page with their attributes, and the text of the one with the id ``counts``."""

    def __init__(self, written):
        super().__init__()
        self.elements, self.said, self._inside = [], "", False
        self.feed(written.decode())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = ("id", "counts") in attrs

    def handle_data(self, data):
        self.said += data if self._inside else ""

    def handle_endtag(self, _tag):
        self._inside = False


def counted_in_html(written):
    page = Page(written)
    findings = [fields["data-status"] for tag, fields in page.elements if tag == "li" and "data-status" in fields]
    gaps = sum(fields.get("class") == "gap" for _, fields in page.elements)
    tally = {status.value: findings.count(status.value) for status in Status} | {"unverified": gaps}
    assert counted_in_text(page.said.encode()) == tally
    return tally


def counted_in_oscal(written):
    result = json.loads(written)["assessment-results"]["results"][0]
    props = {fact["name"]: fact["value"] for fact in result["props"]}
    observed = [
        next(fact["value"] for fact in one["props"] if fact["name"] == "status")
        for one in result.get("observations", [])
    ]
    words = ("violation", "excepted", "note", "unverified")
    assert {word: int(props[f"{word}-count"]) for word in words} == {word: observed.count(word) for word in words}
    return {word: observed.count(word) for word in words}


COUNTERS = {
    "text": counted_in_text,
    "json": counted_in_json,
    "junit": counted_in_junit,
    "sarif": counted_in_sarif,
    "markdown": counted_in_markdown,
    "github": counted_in_github,
    "gitlab": counted_in_gitlab,
    "csv": counted_in_csv,
    "html": counted_in_html,
    "oscal": counted_in_oscal,
}


@thorough
@given(audits.audits())
def test_every_format_counts_the_same_findings(audit):
    expected = {status.value: number for status, number in audit.counts().items()}
    expected["unverified"] = len(audit.unverified)
    expected["violation and note"] = expected["violation"] + expected["note"]
    assert set(COUNTERS) == set(FORMATS)
    for name, counted in COUNTERS.items():
        said = counted(FORMATS[name].render(audit, OPTIONS))
        assert said == {noun: expected[noun] for noun in said}, name
        assert name == "gitlab" or said.keys() >= {"violation", "excepted", "note", "unverified"}


@thorough
@given(audits.audits(), st.sampled_from(sorted(FORMATS)), st.booleans())
def test_nothing_in_any_report_acts_on_a_terminal_or_a_runner(audit, name, verbose):
    text = FORMATS[name].render(audit, replace(OPTIONS, verbose=verbose)).decode("utf-8")
    shown = text.replace("\r\n" if name == "csv" else "\n", "").replace("\t", "")
    assert shown.replace("\ufffd", "").replace("\u200b", "").isprintable()
    for line in text.splitlines():
        if name == "github":
            assert re.fullmatch(r"::(error|warning|notice) (\w+=[^,:]*)(,\w+=[^,:]*)*::.*", line)
        else:
            assert not line.lstrip().startswith("::")
        assert not re.search(r"##(vso|teamcity)?\[", line, re.IGNORECASE)


@thorough
@given(audits.audits(), st.sampled_from(sorted(FORMATS)))
def test_rendering_twice_gives_the_same_bytes(audit, name):
    assert FORMATS[name].render(audit, OPTIONS) == FORMATS[name].render(audit, OPTIONS)


@thorough
@given(audits.audits(), st.sampled_from(sorted(FORMATS)))
def test_an_audit_read_back_renders_to_the_same_bytes(audit, name):
    loaded = load(FORMATS["json"].render(audit, OPTIONS))
    assert FORMATS[name].render(loaded, OPTIONS) == FORMATS[name].render(audit, OPTIONS)


@pytest.mark.parametrize("name", sorted(FORMATS))
@pytest.mark.parametrize("case", ["everything", "clean", "nothing"])
def test_reports_are_as_the_golden_files_say(name, case):
    """Look at a difference, and if it is meant, write the files anew with AUDITOR_WRITE_EXPECTED=1."""
    written = FORMATS[name].render(CASES[case](), OPTIONS)
    golden = GOLDEN / f"{case}{FORMATS[name].suffix}"
    if os.environ.get("AUDITOR_WRITE_EXPECTED") == "1":
        golden.write_bytes(written)
    assert written == golden.read_bytes()


def test_one_fingerprint_identifies_a_finding_in_every_format_that_has_room_for_it():
    audit = audits.fixed_audit()
    wanted = [found.fingerprint for found in audit.findings]
    shown = [found.fingerprint for found in audit.findings if found.status is not Status.EXCEPTED]
    written = {name: known.render(audit, replace(OPTIONS, verbose=True)).decode() for name, known in FORMATS.items()}
    (run,) = json.loads(written["sarif"])["runs"]
    of_sarif = [result["partialFingerprints"] for result in run["results"]]
    found = {
        "text": re.findall("fingerprint: ([0-9a-f]{64})", written["text"]),
        "json": [one["fingerprint"] for one in json.loads(written["json"])["findings"]],
        "junit": re.findall("fingerprint: ([0-9a-f]{64})", written["junit"]),
        "sarif": [one["exposureFinding/v1"] for one in of_sarif],
        "csv": [
            row["fingerprint"] for row in csv.DictReader(io.StringIO(written["csv"], newline="")) if row["severity"]
        ],
        "oscal": re.findall(r'"name": "fingerprint", "ns": "[^"]+", "value": "([0-9a-f]{64})"', written["oscal"]),
    }
    assert {name: sorted(values) for name, values in found.items()} == dict.fromkeys(found, sorted(wanted))
    gaps = len(audit.unverified) + len(audit.not_assessed)
    assert [one["fingerprint"] for one in json.loads(written["gitlab"])][:-gaps] == shown
    assert sorted(re.findall('id="f-([0-9a-f]{16})"', written["html"])) == sorted(one[:16] for one in wanted)
    assert {one["primaryLocationLineHash"] for one in of_sarif} == {f"{one[:16]}:1" for one in wanted}


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_what_is_not_known_stands_in_every_format(name):
    gap = Unverified(host="web", reason="silentfirewall", policy_location=audits.location())
    unasked = NotAssessed(what="farvantage", reason="nobodylooked")
    written = FORMATS[name].render(audits.audit_of(unverified=[gap], not_assessed=[unasked]), OPTIONS).decode()
    assert [word for word in ("silentfirewall", "farvantage", "nobodylooked") if word not in written] == []


CASES = {
    "everything": audits.fixed_audit,
    "clean": lambda: audits.audit_of(hosts=[audits.host(open=audits.PortSet.parse("80,443"))]),
    "nothing": audits.audit_of,
}
