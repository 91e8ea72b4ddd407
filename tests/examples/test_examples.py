"""Each folder of ``examples/`` with a file ``command`` is a whole case: it prints and writes what stands beside it.

``AUDITOR_WRITE_EXPECTED=1`` (``make examples``) writes the expected files anew instead.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
CASES = sorted(path.parent for path in EXAMPLES.glob("*/command"))
WRITING = os.environ.get("AUDITOR_WRITE_EXPECTED") == "1"
KEPT = {name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("COVERAGE_")}
"""What the command gets of the environment: no terminal's width, no colours, no language."""

SUFFIXES = {"json": ".json", "junit": ".xml", "sarif": ".sarif"}
"""The formats of every case beside text, and what the expected file of each ends with."""
MORE = {"oscal": ".oscal.json"}
"""Formats of those cases that have an expected file of them."""


def run_case(case: Path, tmp_path: Path) -> tuple[int, dict[str, str]]:
    """Run the case in a copy of its folder, as its user would; give the exit code and all reports by file name."""
    copy = tmp_path / case.name
    shutil.copytree(case, copy)
    (copy / ".git").mkdir()  # locations in reports are relative to the repository
    suffixes = SUFFIXES | {name: suffix for name, suffix in MORE.items() if (case / f"expected{suffix}").exists()}
    reports = [f"-o{name}=expected{suffix}" for name, suffix in suffixes.items()]
    command = [Path(sys.executable).with_name("auditor"), *shlex.split((case / "command").read_text(encoding="utf-8"))]
    environment = KEPT | {"LC_ALL": "C.UTF-8", "NO_COLOR": "1", "COLUMNS": "100"}
    done = subprocess.run(
        [*command, "-o", "text", *reports], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode not in {2, 4}, done.stderr
    written = {f"expected{suffix}": (copy / f"expected{suffix}").read_text("utf-8") for suffix in suffixes.values()}
    return done.returncode, {"expected.txt": done.stdout} | written


def test_there_are_whole_cases_to_copy() -> None:
    assert len(CASES) >= 6


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_example_ends_and_reports_as_it_says(case: Path, tmp_path: Path) -> None:
    exit_code, reports = run_case(case, tmp_path)
    if WRITING:
        (case / "exit-code").write_text(f"{exit_code}\n", encoding="utf-8")
        for name, content in reports.items():
            (case / name).write_text(content, encoding="utf-8")
    assert exit_code == int((case / "exit-code").read_text(encoding="utf-8"))
    for name, content in reports.items():
        assert content == (case / name).read_text(encoding="utf-8"), f"{name}: see 'make examples'"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_example_explains_itself(case: Path) -> None:
    readme = (case / "README.md").read_text(encoding="utf-8")
    command = (case / "command").read_text(encoding="utf-8").strip()
    assert readme.startswith("# ")
    assert f"auditor {command}\n" in readme, "the page must show the command that is tested"


def test_every_pack_is_used_by_an_example() -> None:
    packs = {path.stem for path in (ROOT / "policies").glob("*.yaml")}
    policies = "\n".join(path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*/*.yaml"))
    assert {pack for pack in packs if f"pack:{pack}" not in policies} == set()


def test_the_security_group_example_passes_with_narrow_sources_and_points_at_the_open_one(tmp_path: Path) -> None:
    case = EXAMPLES / "terraform-open-security-group"
    _, reports = run_case(case, tmp_path)
    (run,) = json.loads(reports["expected.sarif"])["runs"]
    places = [one["locations"][0]["physicalLocation"] for one in run["results"]]
    line = (case / "main.tf").read_text("utf-8").splitlines()[places[0]["region"]["startLine"] - 1]
    assert [place["artifactLocation"]["uri"] for place in places] == ["main.tf"]
    assert line.split() == ["cidr_ipv4", "=", '"0.0.0.0/0"', "#", "only", "for", "today"]
    auditor = Path(sys.executable).with_name("auditor")
    command = [auditor, "check", "exposure.yaml", "narrow/plan.json", "--now", "2026-11-20T09:00:00Z"]
    assert subprocess.run(command, cwd=tmp_path / case.name, env=KEPT, capture_output=True, check=False).returncode == 0
