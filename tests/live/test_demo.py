"""``make demo`` shows what it promises: a finding, a pass and the reports."""

from __future__ import annotations

import os
import subprocess
import xml.etree.ElementTree as ET  # our own file, made on the lines below
from json import loads
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    not os.environ.get("AUDITOR_ISOLATED") and os.environ.get("CI") != "true",
    reason="scans loopback, and needs a network namespace for itself: see tests/run",
)


@pytest.fixture(scope="module")
def demo() -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "examples/demo/run"], capture_output=True, text=True, check=False)


def test_the_demonstration_ends_well(demo: subprocess.CompletedProcess[str]) -> None:
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "exit code 1" in demo.stdout


def test_the_demonstration_finds_what_is_wrong_and_nothing_else(demo: subprocess.CompletedProcess[str]) -> None:
    run = loads((ROOT / ".demo/audit.sarif").read_text(encoding="utf-8"))["runs"][0]
    found = sorted((result["ruleId"].partition("/")[0], result["properties"]["port"]) for result in run["results"])
    assert found == [("forbidden-open", 6379), ("unexpected-open", 9000)]
    assert "65,535 ports" in demo.stdout


def test_the_demonstration_shows_a_pass(demo: subprocess.CompletedProcess[str]) -> None:
    assert demo.returncode == 0
    cases = list(ET.parse(ROOT / ".demo/junit.xml").getroot().iter("testcase"))  # noqa: S314 - our own file
    assert [case for case in cases if len(case) == 0], "a test case without failure, error or skip"
    assert sum(case.find("failure") is not None for case in cases) == 2
