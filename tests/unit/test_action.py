"""The composite action hands its inputs to `auditor check` word by word, and answers with its exit code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from defusedxml import ElementTree

ROOT = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
DEFAULTS = {
    "POLICY": "exposure.yaml",
    "EVIDENCE": "",
    "VANTAGE": "",
    "FAIL_ON": "",
    "JSON": "a.json",
    "JUNIT": "j.xml",
    "SARIF": "a.sarif",
    "CATEGORY": "",
    "ANNOTATIONS": "true",
    "ALLOW_UNVERIFIED": "false",
    "ARGUMENTS": "",
}
NOT_OF_THE_CHECK = {"upload-sarif", "working-directory"}
REPORTS = ["-o", "text", "-o", "json=a.json", "-o", "junit=j.xml", "-o", "sarif=a.sarif"]


def run_check(folder: Path, exit_code: int = 0, **inputs: str) -> tuple[list[str], int, str]:
    """Run the step beside an `auditor` that writes down what it was called with."""
    program = folder / "auditor"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{folder}/called"\nexit {exit_code}\n')
    program.chmod(0o755)
    outputs = folder / "outputs"
    environment = DEFAULTS | inputs | {"PATH": f"{folder}:{os.environ['PATH']}", "GITHUB_OUTPUT": str(outputs)}
    done = subprocess.run(["bash", "-c", STEPS["Check"]["run"]], env=environment, cwd=folder, check=False)
    return (folder / "called").read_text().splitlines(), done.returncode, outputs.read_text()


def test_every_input_reaches_the_step_through_its_environment() -> None:
    assert set(STEPS["Check"]["env"]) == set(DEFAULTS)
    named = {text.removeprefix("${{ inputs.").removesuffix(" }}") for text in STEPS["Check"]["env"].values()}
    assert named == set(ACTION["inputs"]) - NOT_OF_THE_CHECK
    assert all("${{" not in step["run"] for step in STEPS.values() if "run" in step), (
        "an input in a script's text could run as code"
    )


def test_without_inputs_the_default_policy_is_checked(tmp_path: Path) -> None:
    called, _, _ = run_check(tmp_path)
    assert called == ["check", *REPORTS, "--", "exposure.yaml"]


def test_lines_become_arguments_word_by_word(tmp_path: Path) -> None:
    called, _, _ = run_check(
        tmp_path,
        POLICY="a policy.yaml",
        EVIDENCE="one scan.xml\n$(touch made)\n",
        VANTAGE="internet",
        FAIL_ON="high",
        ARGUMENTS="--host\nweb-1",
    )
    assert called[len(REPORTS) + 1 :] == [
        *("--from", "internet", "--fail-on", "high", "--host", "web-1"),
        *("--", "a policy.yaml", "one scan.xml", "$(touch made)"),
    ]
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("exit_code", "verdict"), [(0, "conforms"), (1, "violations"), (2, "failed"), (3, "unverified"), (4, "failed")]
)
def test_the_exit_code_is_that_of_the_audit(tmp_path: Path, exit_code: int, verdict: str) -> None:
    _, status, outputs = run_check(tmp_path, exit_code)
    assert status == exit_code
    assert outputs.splitlines() == [f"exit-code={exit_code}", f"verdict={verdict}", "sarif-written=false"]


@pytest.mark.parametrize(("exit_code", "status"), [(0, 0), (1, 1), (3, 0), (4, 4)])
def test_only_what_is_not_verified_can_be_allowed(tmp_path: Path, exit_code: int, status: int) -> None:
    _, ended, outputs = run_check(tmp_path, exit_code, ALLOW_UNVERIFIED="true")
    assert ended == status
    assert f"exit-code={exit_code}" in outputs


def test_annotations_can_be_left_out_and_the_category_named(tmp_path: Path) -> None:
    called, _, _ = run_check(tmp_path, ANNOTATIONS="false", CATEGORY="night")
    assert called[len(REPORTS) + 1 :] == ["--sarif-category", "night", "--no-github", "--", "exposure.yaml"]


def test_a_report_that_an_earlier_run_has_left_is_not_uploaded(tmp_path: Path) -> None:
    (tmp_path / "a.sarif").write_text("{}")
    _, _, outputs = run_check(tmp_path, 4)
    assert "sarif-written=false" in outputs


def real_check(tmp_path: Path, case: str, **inputs: str) -> tuple[Path, subprocess.CompletedProcess[str], str]:
    """Run the step with the real program on a copy of an example, as a runner does."""
    folder = tmp_path / case
    shutil.copytree(ROOT / "examples" / case, folder)
    (folder / ".git").mkdir()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AUDITOR_")},
        **DEFAULTS,
        "SARIF": "exposure.sarif",
        "JUNIT": "exposure-junit.xml",
        "JSON": "exposure.json",
        **inputs,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(tmp_path / "outputs"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }
    done = subprocess.run(
        ["bash", "-c", STEPS["Check"]["run"]], env=environment, cwd=folder, check=False, capture_output=True, text=True
    )
    return folder, done, (tmp_path / "outputs").read_text()


def test_the_real_program_writes_reports_annotations_and_the_summary(tmp_path: Path) -> None:
    folder, done, outputs = real_check(
        tmp_path, "compose-open", EVIDENCE="compose.yaml", ARGUMENTS="--now\n2026-11-22T23:59:00Z", CATEGORY="exposure"
    )
    assert done.returncode == 1, done.stderr
    assert outputs.splitlines() == ["exit-code=1", "verdict=violations", "sarif-written=true"]
    assert "::error file=compose.yaml,line=" in done.stderr
    assert "compose.yaml" in (tmp_path / "summary.md").read_text()
    run = json.loads((folder / "exposure.sarif").read_text())["runs"][0]
    assert run["automationDetails"]["id"].startswith("exposure")
    assert ElementTree.parse(folder / "exposure-junit.xml").getroot().findall(".//failure")
    assert json.loads((folder / "exposure.json").read_text())["exit_code"] == 1


def test_the_real_program_lets_what_is_not_verified_pass_with_a_warning(tmp_path: Path) -> None:
    case = {"EVIDENCE": "interrupted.jsonl", "ARGUMENTS": "--now\n2026-11-20T09:00:00Z", "ANNOTATIONS": "false"}
    _, done, outputs = real_check(tmp_path, "unverified", **case, ALLOW_UNVERIFIED="true")
    assert done.returncode == 0, done.stderr
    assert "exit-code=3" in outputs
    assert "::warning title=Exposure::" in done.stdout
    assert not (tmp_path / "summary.md").exists()


def test_sarif_is_uploaded_only_when_asked_for_and_written() -> None:
    condition = STEPS["Upload"]["if"]
    assert ACTION["inputs"]["upload-sarif"]["default"] == "false"
    assert "inputs.upload-sarif == 'true'" in condition
    assert "steps.check.outputs.sarif-written == 'true'" in condition
    assert condition.startswith("always() && "), "findings are uploaded when the check fails, too"


def test_the_page_has_every_input_and_output() -> None:
    page = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
    for name in [*ACTION["inputs"], *ACTION["outputs"]]:
        assert f"`{name}`" in page, name
