"""What commands say besides reports, in errors, warnings and tables: names in it act on no terminal and no runner."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import auditor.cli
from auditor.cli.app import run

COMMANDS = (
    "##vso[task.setvariable variable=a]b",
    "x ##[error]owned",
    "##teamcity[x]",
    "\n::error::owned",
    "\x1b[31mred\x9b2J\u202e",
)
POLICY = "version: 1\nhosts: {web-1: 192.0.2.10}\nrules: [{hosts: web-1, allow: [443]}]\n"


def acts(text):
    """What a terminal or a runner of GitHub, Azure or TeamCity would obey."""
    found = re.findall(r"(?im)^\s*::.*|##(?:vso|teamcity)?\[.*", text)
    return found + [char for char in text if not char.isprintable() and char != "\n"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    Path("exposure.yaml").write_text(POLICY, encoding="utf-8")
    return tmp_path


def snapshot(name, evil, opened="443"):
    lines = (
        {"auditor": "snapshot", "version": 1, "kind": "probe", "tool": evil, "started": "2026-11-20T08:00:00Z"},
        {"host": evil, "tcp": {"open": opened}, "services": [{"port": "443/tcp", "service": evil}], "notes": [evil]},
        {"complete": False, "reason": evil},
    )
    Path(name).write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return name


@pytest.mark.parametrize("evil", COMMANDS)
@pytest.mark.parametrize(
    "command",
    [
        ["check"], ["check", "exposure.yaml"], ["check", "-o"], ["check", "--fail-on"], ["import", "-o", "a"],
        ["merge", "-o", "a"], ["drift", "exposure.yaml"], ["report"], ["policy", "validate"], ["policy", "show"],
        ["explain", "web-1"], ["explain"], ["scan"], ["port"], ["schema"], ["sockets", "--ssh"], [],
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_word_of_the_command_line_acts_in_the_error_about_it(folder, capsys, command, evil):  # noqa: ARG001
    assert run([*command, evil]) in {2, 4}
    told = capsys.readouterr()
    assert acts(told.err + told.out) == []
    assert told.err


@pytest.mark.parametrize("evil", COMMANDS)
@pytest.mark.parametrize(
    "command",
    [
        ["drift", "a.jsonl", "b.jsonl"],
        ["drift", "a.jsonl", "b.jsonl", "-o", "json"],
        ["import", "a.jsonl", "-o", "c.jsonl"],
        ["merge", "a.jsonl", "b.jsonl", "-o", "c.jsonl"],
        ["check", "exposure.yaml", "a.jsonl", "--skip-unrelated"],
    ],
    ids=" ".join,
)
def test_nothing_in_a_snapshot_acts_in_what_a_command_says(folder, capsys, command, evil):  # noqa: ARG001
    snapshot("a.jsonl", evil)
    snapshot("b.jsonl", evil, opened="443,6379")
    run(command)
    told = capsys.readouterr()
    assert acts(told.err + told.out) == []
    assert told.err + told.out
    if "json" in command:
        assert evil in {change["host"] for change in json.loads(told.out)["changes"]}


@pytest.mark.parametrize("evil", COMMANDS[:3])
@pytest.mark.parametrize("shape", ["text", "json"])
def test_nothing_in_a_policy_acts_where_it_is_explained(folder, capsys, evil, shape):
    rule = f"rules: [{{hosts: web-1, allow: [443], reason: {json.dumps(evil)}, owner: {json.dumps(evil)}}}]"
    (folder / "exposure.yaml").write_text(POLICY.replace(POLICY.splitlines()[-1], rule), encoding="utf-8")
    for command in (["explain", "web-1", "443"], ["policy", "show"]):
        assert run([*command, "-o", shape]) == 0
        told = capsys.readouterr().out
        assert acts(told) == []
        if shape == "json":
            assert [json.loads(line) for line in told.splitlines()] if command[0] == "policy" else json.loads(told)


def test_what_commands_print_goes_through_one_place():
    folder = Path(auditor.cli.__file__).parent
    printing = {path.name for path in folder.glob("*.py") if re.search(r"typer\.echo\(|\bprint\(", path.read_text())}
    assert printing == {
        "app.py",  # the version, and typer's own help
        "columns.py",  # a table by rich, its cells made harmless
        "progress.py",  # a bar by rich
        "say.py",
        "schema.py",  # a shipped file
    }
