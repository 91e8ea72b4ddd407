"""In a job of GitHub Actions: annotations on stderr and the step's summary, and elsewhere neither."""

from __future__ import annotations

import subprocess
import sys

import pytest

from auditor.cli.app import run

POLICY = "version: 1\nhosts: {web-1: 192.0.2.10}\nrules: [{hosts: [web-1], allow: [443]}]\n"
SCAN = (
    '{"auditor": "snapshot", "version": 1, "kind": "probe", "started": "2026-11-20T08:00:00Z"}\n'
    '{"host": "web-1", "address": "192.0.2.10", "alive": true, "tcp": {"open": "443,6379", "closed": "1-442"}}\n'
    '{"complete": true, "finished": "2026-11-20T08:00:04Z"}\n'
)


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "exposure.yaml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "scan.jsonl").write_text(SCAN, encoding="utf-8")

    def checked(*options):
        assert run(["check", "exposure.yaml", "scan.jsonl", "--now", "2026-11-20T09:00:00Z", *options]) == 1
        return capsys.readouterr()

    return checked


@pytest.fixture
def job(monkeypatch, tmp_path):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    return summary


def test_elsewhere_nothing_is_annotated(check):
    assert "::" not in check().err


def test_a_job_gets_annotations_and_a_summary_beside_its_report(check, job):
    told = check()
    assert "::error file=exposure.yaml,line=2,col=9,endColumn=14,title=unexpected-open web-1::6379/tcp" in told.err
    assert "::error" not in told.out
    assert "error[unexpected-open]" in told.out
    written = job.read_text(encoding="utf-8")
    assert written.startswith("before\n<!-- exposure-auditor:exposure -->\n## ❌ violations")


def test_what_was_asked_for_is_not_written_twice(check, job):
    told = check("-o", "github", "-o", f"markdown={job}")
    assert (told.out + told.err).count("::error") == 1
    assert job.read_text(encoding="utf-8").count("<!-- exposure-auditor") == 1


def test_a_job_can_do_without(check, job):
    assert "::" not in check("--no-github").err
    assert job.read_text(encoding="utf-8") == "before\n"


def test_a_summary_that_cannot_be_written_changes_nothing_else(check, job, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(job.parent / "nowhere" / "summary.md"))
    assert "the summary was not written to" in check().err


def test_github_can_be_asked_for_anywhere(check):
    assert "::error" in check("--github").err


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["check", "exposure.yaml", "missing.jsonl"], 4, "missing.jsonl"),
        (["check", "--no-such-option"], 2, "--no-such-option"),
        (["check", "exposure.yaml", "scan.jsonl", "-o", "sarif=nowhere/a.sarif"], 4, "nowhere/a.sarif"),
        (["check", "exposure.yaml", "50%,a::b"], 4, "50%25,a::b"),
    ],
)
def test_a_job_without_a_verdict_says_why(check, job, capsys, arguments, code, told):  # noqa: ARG001
    assert run(arguments) == code
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "exposure not audited" in line]
    assert line.startswith("::error title=exposure not audited::")
    assert told in line
    assert f"not audited (exit code {code})" in job.read_text(encoding="utf-8")


CRASH = """
import sys
from auditor import pipeline
from auditor.cli import app
def broken(*_):
    raise {0}
pipeline.check = broken
app.main(["check", "exposure.yaml", "scan.jsonl", *sys.argv[1:]])
"""


def crashed(raised, *options):
    return subprocess.run(
        [sys.executable, "-c", CRASH.format(raised), *options], capture_output=True, text=True, check=False, timeout=60
    )


def test_a_job_that_meets_a_bug_says_so_and_where_to_look(check, job):  # noqa: ARG001
    done = crashed("ValueError('two\\n::error::lines')")
    assert done.returncode == 4
    assert "Traceback" in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("::")]
    assert line == (
        "::error title=exposure not audited::internal error: ValueError: two ::error::lines (the log has the traceback)"
    )
    assert "not audited (exit code 4)" in job.read_text(encoding="utf-8")
    assert "::error title=" not in crashed("ValueError('two')", "--no-github").stderr


def test_a_job_that_is_stopped_says_that_there_is_no_verdict(check, job):  # noqa: ARG001
    done = crashed("KeyboardInterrupt")
    assert done.returncode == 130
    assert done.stderr.splitlines() == [
        "interrupted",
        "::error title=exposure not audited::interrupted before there was a verdict",
    ]
    assert "not audited (exit code 130)" in job.read_text(encoding="utf-8")
    assert crashed("KeyboardInterrupt", "--no-github").stderr == "interrupted\n"


def test_problems_of_a_policy_stand_on_their_lines_from_the_root_on(check, job, tmp_path, capsys, monkeypatch):  # noqa: ARG001
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    hosts = "".join(f"  h{number}: 192.0.2.300\n" for number in range(30))
    (tmp_path / "sub" / "bad.yaml").write_text(f"version: 1\nhosts:\n{hosts}rules: [{{hosts: h1, allow: 80}}]\n")
    assert run(["check", "bad.yaml", "scan.jsonl"]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("::")]
    assert len(lines) == 10
    assert lines[0].startswith("::error file=sub/bad.yaml,line=3,")
    assert lines[-1] == "::error title=exposure not audited::and 21 more problems like these"
    assert "and 20 more problems like these" in job.read_text(encoding="utf-8")


def test_a_failure_is_no_annotation_where_nobody_wants_one(check, job, capsys):  # noqa: ARG001
    for arguments in (
        ["check", "exposure.yaml", "missing.jsonl", "--no-github"],
        ["import", "missing.jsonl", "-o", "json"],
    ):
        assert run(arguments) == 4
    assert "::error" not in capsys.readouterr().err
    assert job.read_text(encoding="utf-8") == "before\n"
