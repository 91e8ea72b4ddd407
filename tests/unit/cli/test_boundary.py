"""What the one error boundary makes of mistakes, and reports that have no place to go."""

from __future__ import annotations

import pytest

from auditor.cli.app import run

POLICY = "version: 1\nhosts: {a: 127.0.0.1}\nrules: [{hosts: a, allow: 80}]\nscan: {tcp: [80]}\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exposure.yaml").write_text(POLICY, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("arguments", [[], ["policy"]])
def test_no_command_shows_the_help_and_is_bad_usage(capsys, arguments):
    assert run(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("Usage: ")
    assert "error:" not in told


def test_a_missing_argument_is_one_line(capsys):
    assert run(["schema"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "Choose from: policy, snapshot, audit" in line


def test_thousands_of_problems_are_cut_and_counted(folder, capsys):
    hosts = "".join(f"  h{number}: 192.0.2.300\n" for number in range(200))
    (folder / "exposure.yaml").write_text(f"version: 1\nhosts:\n{hosts}rules: [{{hosts: '*', allow: 80}}]\n")
    assert run(["policy", "validate"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 51
    assert lines[-1] == "error: and 150 more problems like these"


@pytest.mark.parametrize("output", ["junit=nowhere/report.xml", "sarif=exposure.yaml/report.sarif"])
def test_a_report_without_a_folder_fails_before_anything_is_scanned(folder, capsys, output):  # noqa: ARG001
    assert run(["check", "-o", output]) == 4
    told = capsys.readouterr()
    assert "No such file or directory" in told.err
    assert "about to probe" not in told.err


def test_two_reports_to_one_file_name_the_file(folder, capsys):  # noqa: ARG001
    assert run(["check", "-o", "junit=a.xml", "-o", "sarif=./a.xml"]) == 2
    assert "a.xml" in capsys.readouterr().err
