"""The composite action hands its inputs to `auditor check` word by word, and answers with its exit code."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
DEFAULTS = {
    "POLICY": "exposure.yaml",
    "EVIDENCE": "",
    "VANTAGE": "",
    "FAIL_ON": "",
    "JUNIT": "j.xml",
    "SARIF": "a.sarif",
    "ARGUMENTS": "",
}


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
    assert named == set(ACTION["inputs"])
    assert all("${{" not in step["run"] for step in STEPS.values()), "an input in a script's text could run as code"


def test_without_inputs_the_default_policy_is_checked(tmp_path: Path) -> None:
    called, _, _ = run_check(tmp_path)
    assert called == ["check", "-o", "text", "-o", "junit=j.xml", "-o", "sarif=a.sarif", "--", "exposure.yaml"]


def test_lines_become_arguments_word_by_word(tmp_path: Path) -> None:
    called, _, _ = run_check(
        tmp_path,
        POLICY="a policy.yaml",
        EVIDENCE="one scan.xml\n$(touch made)\n",
        VANTAGE="internet",
        FAIL_ON="high",
        ARGUMENTS="--host\nweb-1",
    )
    assert called[7:] == [
        *("--from", "internet", "--fail-on", "high", "--host", "web-1"),
        *("--", "a policy.yaml", "one scan.xml", "$(touch made)"),
    ]
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("exit_code", [0, 1, 3, 4])
def test_the_exit_code_is_that_of_the_audit(tmp_path: Path, exit_code: int) -> None:
    _, status, outputs = run_check(tmp_path, exit_code)
    assert status == exit_code
    assert outputs == f"exit-code={exit_code}\n"
