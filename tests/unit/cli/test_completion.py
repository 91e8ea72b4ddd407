"""A shell completes commands, options, formats, and what the policy at hand names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

AUDITOR = Path(sys.executable).with_name("auditor")
POLICY = """\
version: 1
vantages: {office: {networks: [198.51.100.0/24]}, internet: {networks: [0.0.0.0/0]}}
hosts: {web-1: {address: 192.0.2.10, tags: [prod]}, db: 192.0.2.20}
rules: [{hosts: "*", allow: [80], from: [office, internet]}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "exposure.yaml").write_text(POLICY, encoding="utf-8")
    return tmp_path


def offered(folder: Path, *words: str) -> list[str]:
    """What is offered for the last word, asked as bash asks."""
    environment = os.environ | {
        "COMP_WORDS": " ".join(["auditor", *words]),
        "COMP_CWORD": str(len(words)),
        "_AUDITOR_COMPLETE": "complete_bash",
    }
    done = subprocess.run([AUDITOR], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("po",), ["port", "policy"]),
        (("check", "--fail-"), ["--fail-on"]),
        (("check", "-o", "s"), ["sarif"]),
        (("check", "--fail-on", "c"), ["critical"]),
        (("check", "--from", ""), ["internet", "office"]),
        (("check", "exposure.yaml", "--only", ""), ["web-1", "db", "tag:prod"]),
        (("scan", "exposure.yaml", "--from", "o"), ["office"]),
        (("explain", "w"), ["web-1"]),
    ],
)
def test_each_word_is_completed_with_what_fits(folder: Path, words: tuple[str, ...], expected: list[str]) -> None:
    assert sorted(offered(folder, *words)) == sorted(expected)


def test_a_broken_policy_offers_nothing_and_says_nothing(folder: Path) -> None:
    (folder / "exposure.yaml").write_text("version: [", encoding="utf-8")
    assert offered(folder, "check", "--from", "") == []


def test_bash_takes_the_script_that_is_shown(folder: Path) -> None:
    script = (
        "source <(_AUDITOR_COMPLETE=source_bash auditor)\nCOMP_WORDS=(auditor check -o sa)\nCOMP_CWORD=3\n"
        '_auditor_completion auditor\necho "${COMPREPLY[@]}"\ncomplete -p auditor\n'
    )
    environment = os.environ | {"PATH": f"{AUDITOR.parent}:{os.environ['PATH']}"}
    bash = shutil.which("bash")
    assert bash
    done = subprocess.run([bash, "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    reply, registered = done.stdout.splitlines()
    assert reply == "sarif"
    assert "_auditor_completion auditor" in registered


@pytest.mark.parametrize(("shell", "sign"), [("zsh", "#compdef auditor"), ("fish", "complete --command auditor")])
def test_other_shells_have_their_script(folder: Path, shell: str, sign: str) -> None:
    environment = os.environ | {"_AUDITOR_COMPLETE": f"source_{shell}"}
    done = subprocess.run([AUDITOR], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    assert sign in done.stdout
