"""What a report leaves out for its readers, or is too large for, is said on standard error as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.cli.app import run
from auditor.report import junit, sarif
from auditor.report.json_format import render
from auditor.report.options import DEFAULTS
from auditor.report.registry import FORMATS
from tests.unit.report import audits


@pytest.fixture
def saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def save(findings):
        Path("audit.json").write_bytes(render(audits.audit_of(findings), DEFAULTS))

    save([audits.finding()])
    return save


def told(capsys, *reports):
    assert run(["report", "audit.json", *(f"-o{report}" for report in reports)]) == 1
    return capsys.readouterr().err.splitlines()


def test_reports_that_say_all_and_are_not_too_large_have_no_caution(saved, capsys):  # noqa: ARG001
    assert told(capsys, *(f"{name}=out{known.suffix}" for name, known in FORMATS.items())) == []


def test_findings_that_sarif_leaves_out_are_counted(saved, capsys):
    saved([audits.finding(port=f"{port}/tcp") for port in range(1, sarif.MOST_RESULTS + 4)])
    said = "the 5,000 worst findings are written, as GitHub shows no more; 3 findings left out"
    said += ", all are in the other reports"
    assert told(capsys, "sarif=a.sarif", "csv=a.csv") == [f"warning: a.sarif: {said}"]
    assert told(capsys, "sarif") == [f"warning: sarif: {said}"]


def test_a_junit_file_that_gitlab_does_not_read_is_told(saved, capsys, monkeypatch):  # noqa: ARG001
    monkeypatch.setattr(junit, "MOST_BYTES", 1000)
    (line,) = told(capsys, "junit=a.xml", "csv=a.csv")
    assert line == "warning: a.xml: 0 MB, and GitLab reads 0 MB at most: audit fewer hosts"


def test_a_sarif_file_that_github_does_not_take_is_told_by_its_compressed_size(saved, capsys, monkeypatch):  # noqa: ARG001
    size = len(FORMATS["sarif"].render(audits.audit_of([audits.finding()]), DEFAULTS))
    monkeypatch.setattr(sarif, "MOST_BYTES", size - 1)
    assert told(capsys, "sarif=a.sarif") == []
    monkeypatch.setattr(sarif, "MOST_BYTES", 100)
    (line,) = told(capsys, "sarif=a.sarif")
    assert line == "warning: a.sarif: 0 MB compressed, and GitHub takes 0 MB at most"
