"""``pytest --exposure``: a test a host, in a pytest of its own, as a user would start it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "examples/python", tmp_path / "case")
    (tmp_path / "case/pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return tmp_path / "case"


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV_CORE"))}
    kept["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the other plug-ins here take longer to load than all else
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-rA",
        "-p",
        "no:cacheprovider",
        "-p",
        "auditor.pytest_plugin",
        *arguments,
    ]
    done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def outcomes(said: str) -> dict[str, str]:
    found = re.findall(r"^(PASSED|FAILED|SKIPPED) (?:\[\d+\] )?(?:::)?([^\s]+)", said, re.MULTILINE)
    return {name.rpartition("::")[2]: outcome for outcome, name in found}


def test_pytest_finds_the_plug_in_of_an_installed_package() -> None:
    (found,) = [entry for entry in metadata.entry_points(group="pytest11") if entry.name == "exposure"]
    assert found.value == "auditor.pytest_plugin"


def test_each_host_is_a_test_that_fails_for_its_own_violations(folder: Path) -> None:
    code, said = run(folder, "--exposure", "exposure.yaml", "--exposure-evidence", "scan.jsonl")
    assert code == 1
    assert outcomes(said) == {"web-1": "PASSED", "web-2": "FAILED", "db": "FAILED", "policy": "PASSED"}
    assert "unexpected-open (high): 6379/tcp is open on web-2" in said
    assert "exposure.yaml:6" in said
    assert "unverified: db: " in said
    assert "Traceback" not in said


def test_unknown_hosts_fail_the_test_of_the_policy(folder: Path) -> None:
    lines = (folder / "scan.jsonl").read_text(encoding="utf-8").replace("192.0.2.11", "192.0.2.99")
    (folder / "scan.jsonl").write_text(lines.replace('"web-2"', '"stranger"'), encoding="utf-8")
    _, said = run(folder, "--exposure", "exposure.yaml", "--exposure-evidence", "scan.jsonl")
    assert outcomes(said)["policy"] == "FAILED"
    assert "unknown-host" in said


def test_hosts_that_declared_evidence_does_not_speak_of_are_skipped(folder: Path) -> None:
    (folder / "compose.yaml").write_text('services: {a: {image: x, ports: ["80:80"]}}\n', encoding="utf-8")
    arguments = ("--exposure", "exposure.yaml", "--exposure-evidence", "compose.yaml", "--exposure-host", "web-1")
    code, said = run(folder, *arguments)
    assert code == 0, said
    found = outcomes(said)
    assert (found["web-1"], found["policy"]) == ("PASSED", "PASSED")
    assert "2 skipped" in said


def test_evidence_that_cannot_be_read_fails_every_test(folder: Path) -> None:
    code, said = run(folder, "--exposure", "exposure.yaml", "--exposure-evidence", "missing.xml")
    assert code == 1
    assert set(outcomes(said).values()) == {"FAILED"}
    assert "cannot read missing.xml" in said


def test_a_broken_policy_ends_before_any_test(folder: Path) -> None:
    (folder / "exposure.yaml").write_text("version: 2\n", encoding="utf-8")
    code, said = run(folder, "--exposure", "exposure.yaml")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: exposure.yaml:1:" in said


def test_own_tests_get_the_audit_from_the_fixture_and_are_skipped_without_a_policy(folder: Path) -> None:
    (folder / "test_own.py").write_text(
        "def test_redis(exposure_audit):\n    assert '6379' in str(exposure_audit.findings[0].port)\n", encoding="utf-8"
    )
    _, said = run(folder, "--exposure", "exposure.yaml", "--exposure-evidence", "scan.jsonl", "test_own.py")
    assert outcomes(said)["test_redis"] == "PASSED"
    code, said = run(folder, "test_own.py")
    assert (code, "1 skipped" in said) == (0, True)


@pytest.mark.parametrize("option", ["--exposure-evidence", "--exposure-from", "--exposure-host"])
def test_options_that_judge_nothing_without_a_policy_are_refused(folder: Path, option: str) -> None:
    (folder / "test_other.py").write_text("def test_nothing(): pass\n", encoding="utf-8")
    code, said = run(folder, option, "scan.jsonl", "test_other.py")
    assert (code, f"{option} judges nothing without --exposure POLICY" in said) == (4, True)


def test_a_second_policy_is_refused_and_not_passed_over(folder: Path) -> None:
    code, said = run(folder, "--exposure", "exposure.yaml", "--exposure", "other.yaml")
    assert (code, "one policy a run" in said) == (4, True)
