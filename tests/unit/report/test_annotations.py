"""GitHub's annotations, GitLab's Code Quality, Markdown and CSV: what each of their readers asks for."""

import csv
import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given

from auditor.errors import ReportError
from auditor.model.findings import Look, NotAssessed, Status, Unverified
from auditor.model.policy import Severity
from auditor.report.registry import FORMATS, ReportOptions
from tests.unit.report import audits
from tests.unit.report.shared import shared
from tests.unit.report.test_every_format import thorough

OPTIONS = ReportOptions()
SEVERITIES = {"info", "minor", "major", "critical", "blocker"}


def render(name, audit, **options):
    return FORMATS[name].render(audit, replace(OPTIONS, **options)).decode()


def many(count, **changes):
    return [audits.finding("web-1", f"{port}/tcp", **changes) for port in range(1000, 1000 + count)]


def gap(**changes):
    made = {"host": "web-1", "reason": "no answer", "policy_location": audits.location()}
    return Unverified(**{**made, **changes})


def test_ten_annotations_of_a_level_are_written_the_worst_first_and_the_last_counts_the_rest():
    mild, grave = many(30), audits.finding("db", "23/tcp", severity=Severity.CRITICAL)
    lines = render("github", audits.audit_of([grave, *mild], [gap()] * 15)).splitlines()
    levels = [line.split(" ", 1)[0] for line in lines]
    assert levels == ["::error"] * 10 + ["::warning"] * 10 + ["::notice"]
    assert "title=unexpected-open db" in lines[0]
    assert "31 violations (1 critical, 30 high)" in lines[-1]
    assert "26 more findings without an annotation" in lines[-1]


def test_an_annotation_stands_on_the_line_that_opens_the_port():
    (line, _) = render("github", audits.audit_of([audits.fixed_audit().findings[3]])).splitlines()
    assert line.startswith(
        "::error file=deploy/docker-compose.yml,line=8,col=5,endColumn=16,title=too-wide db::5432/tcp of db"
    )
    assert "%0Aseen: published to everyone in deploy/docker-compose.yml:8" in line
    assert line.endswith("%0Apolicy: exposure.yaml:20:26")


@pytest.mark.parametrize("file", ["/etc/far.yaml", "pack:never-public"])
def test_an_annotation_of_what_lies_outside_the_repository_stands_on_the_line_of_its_host(file):
    far = audits.finding(policy_location=audits.location(file=file))
    at_host = "file=exposure.yaml,line=12,col=3,endColumn=8"
    written = render("github", audits.audit_of([far], [gap(policy_location=far.policy_location)], [audits.host()]))
    assert written.startswith(f"::error {at_host},title=unexpected-open web-1::")
    assert f"%0Apolicy: {file}:12:3" in written
    assert f"::warning {at_host},title=unverified web-1::" in written


def test_an_annotation_of_an_unknown_host_stands_on_the_policy_or_the_file_that_is_named():
    far = audits.audit_of([audits.finding("stray", policy_location=audits.location(file="/etc/far.yaml"))])
    assert render("github", far).startswith("::error file=exposure.yaml,line=1,title=unexpected-open stray::")
    assert render("github", far, sarif_anchor="a.md").startswith("::error file=a.md,line=1,title=")
    assert render("github", replace(far, files=())).startswith("::error title=unexpected-open stray::")


def test_github_tells_in_one_notice_what_was_not_assessed():
    items = tuple(NotAssessed(what=f"vantage v{n}", reason=f"why {n % 2}") for n in range(4))
    lines = render("github", audits.audit_of(many(20, status=Status.NOTE), not_assessed=items)).splitlines()
    assert len([line for line in lines if line.startswith("::notice")]) == 10
    assert lines[-2] == (
        "::notice title=not assessed%3A 4 items::why 0: vantage v0, vantage v2%0Awhy 1: vantage v1, vantage v3"
    )
    assert "12 more findings without an annotation" in lines[-1]


def test_github_bounds_what_it_tells_of_what_was_not_assessed():
    items = tuple(NotAssessed(what="x" * 90, reason=f"why {number}") for number in range(500))
    notice, _ = render("github", audits.audit_of(not_assessed=items)).splitlines()
    assert notice.endswith("%0Aand 491 more reasons, all are in the reports")


def test_code_quality_has_an_entry_for_each_reason_why_something_was_not_assessed():
    items = tuple(NotAssessed(what=f"vantage v{n}", reason=f"why {n % 2}") for n in range(4))
    audit = audits.audit_of(not_assessed=items)
    first, second = json.loads(render("gitlab", audit))
    assert first["description"] == "not assessed: why 0: vantage v0, vantage v2"
    assert (first["check_name"], first["severity"]) == ("not-assessed", "info")
    assert first["location"] == {"path": "exposure.yaml", "lines": {"begin": 1}}
    assert first["fingerprint"] != second["fingerprint"]
    assert json.loads(render("gitlab", replace(audit, files=()))) == []


def test_markdown_tells_the_looks_and_what_had_changed():
    looks = (
        Look(finished=audits.WHEN),
        Look(finished=audits.WHEN + timedelta(seconds=5), changes=("443/tcp of web-1 opened", "a|b")),
    )
    written = render("markdown", audits.audit_of(hosts=[audits.host()], looks=looks))
    assert "<summary>Looks (2)</summary>" in written
    assert "| 1 | 2026-11-22 21:04:05 UTC | - |" in written
    assert "| 2 | 2026-11-22 21:04:10 UTC | 443/tcp of web\\-1 opened<br>a&#124;b |" in written


def test_a_clean_audit_is_one_notice():
    (line,) = render("github", audits.audit_of(hosts=[audits.host()])).splitlines()
    assert line.startswith("::notice title=exposure of shop::conforms: 0 violations")


def test_code_quality_of_a_clean_audit_is_an_empty_list():
    assert json.loads(render("gitlab", audits.audit_of(hosts=[audits.host()]))) == []


def test_code_quality_has_an_entry_for_what_is_not_verified():
    entries = json.loads(render("gitlab", audits.audit_of((), [gap(), gap(), gap(host="web-2")])))
    assert [entry["check_name"] for entry in entries] == ["unverified"] * 3
    assert {entry["severity"] for entry in entries} == {"major"}
    assert len({entry["fingerprint"] for entry in entries}) == 3


def test_a_gap_is_the_same_entry_tomorrow_when_the_evidence_is_older_and_the_address_another():
    first, second = (
        json.loads(render("gitlab", audits.audit_of((), [gap(reason=f"the evidence is {age} old", address=address)])))
        for age, address in (("25h", "192.0.2.1"), ("3d", "2001:db8::1"))
    )
    assert first[0]["description"] != second[0]["description"]
    assert first[0]["fingerprint"] == second[0]["fingerprint"]


@thorough
@given(audits.audits())
def test_every_entry_of_code_quality_is_one_that_gitlab_takes(audit):
    entries = json.loads(render("gitlab", audit))
    for entry in entries:
        assert entry["description"]
        assert entry["severity"] in SEVERITIES
        assert re.fullmatch("[0-9a-f]{64}", entry["fingerprint"])
        path = entry["location"]["path"]
        assert path
        assert not path.startswith(("/", "../", "./"))
        assert entry["location"]["lines"]["begin"] >= 1
    assert len({entry["fingerprint"] for entry in entries}) == len(entries)


def test_code_quality_passes_gitlabs_schema_item_by_item():
    from jsonschema import Draft202012Validator

    schema = json.loads(Path(shared("schemas/gitlab-codeclimate-item.json")).read_text())
    for entry in json.loads(render("gitlab", audits.fixed_audit())):
        Draft202012Validator(schema).validate(entry)


def test_code_quality_is_refused_where_nothing_lies_inside_the_repository():
    far = audits.finding(policy_location=audits.location(file="/etc/far.yaml"))
    audit = audits.audit_of([far], files=())
    with pytest.raises(ReportError, match="--sarif-anchor"):
        render("gitlab", audit)
    (entry,) = json.loads(render("gitlab", audit, sarif_anchor="README.md"))
    assert entry["location"] == {"path": "README.md", "lines": {"begin": 1}}


def test_markdown_stays_below_its_budget_and_says_what_it_left_out():
    written = render("markdown", audits.audit_of(many(5000), [gap()] * 2000, [audits.host()] * 500))
    assert 50_000 < len(written.encode()) <= 60_000
    assert re.search(r"[\d,]+ more left out here", written)
    assert "Not verified (2,000)" in written
    assert "### Violations (5,000)" in written
    assert written.count("<details>") == written.count("</details>")


def test_markdown_begins_with_a_marker_that_no_name_can_end():
    written = render("markdown", audits.audit_of(policy="a --> <script>"))
    assert written.startswith("<!-- exposure-auditor:a-script -->\n")


@thorough
@given(audits.audits())
def test_markdown_holds_no_markup_but_its_own(audit):
    written = render("markdown", audit)
    outside = re.sub(r"`[^`\n]*`", "", written)
    assert set(re.findall(r"<[^ >]*", outside)) <= {"<!--", "<details", "<summary", "</summary", "</details", "<br"}
    tables = [line for line in written.splitlines() if line.startswith("|")]
    assert all(re.search(r"(?<!\\)\|$", line) for line in tables)
    assert not re.search(r"(?<![\\&])[@#]\w", re.sub(r"`[^`]*`", "", written.split("\n", 1)[1]).replace("##", ""))


@thorough
@given(audits.audits())
def test_no_cell_of_csv_is_a_formula_and_every_row_has_all_columns(audit):
    rows = list(csv.reader(io.StringIO(render("csv", audit), newline="")))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row)
    assert len(rows) == 1 + len(audit.findings) + len(audit.unverified) + len(audit.not_assessed)


def test_excepted_findings_are_told_and_not_annotated():
    lifted = [found for found in audits.fixed_audit().findings if found.status is Status.EXCEPTED]
    audit = audits.audit_of(lifted)
    assert json.loads(render("gitlab", audit)) == []
    assert render("github", audit).startswith("::notice title=exposure of shop::conforms")
    assert "1 excepted" in render("github", audit)
    assert "EX\\-17 until 2026\\-12\\-31" in render("markdown", audit)
    assert ",EX-17,2026-12-31," in render("csv", audit)
