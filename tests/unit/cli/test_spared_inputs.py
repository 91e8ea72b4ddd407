"""Nothing is written over what the same run reads, and that is said before anything is done."""

from __future__ import annotations

import json
import os

import pytest

from auditor.cli.app import run
from auditor.errors import UsageError
from auditor.files.spare import spare

BASE = "version: 1\nhosts: {web: 192.0.2.1}\n"
POLICY = "version: 1\nextends: base.yaml\nrules: [{hosts: web, allow: [80]}]\nscan: {tcp: [80]}\n"
SNAPSHOT = """\
{"auditor": "snapshot", "version": 1, "kind": "probe", "started": "2026-11-22T11:00:00Z"}
{"host": "web", "address": "192.0.2.1", "tcp": {"open": "80"}}
{"complete": true}
"""
NOW = "--now=2026-11-22T12:00:00Z"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in {"p.yaml": POLICY, "base.yaml": BASE, "s.jsonl": SNAPSHOT, "t.jsonl": SNAPSHOT}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "link").symlink_to("p.yaml")
    (tmp_path / "hard").hardlink_to(tmp_path / "s.jsonl")
    (tmp_path / "u.jsonl.partial").write_text(SNAPSHOT, encoding="utf-8")
    assert run(["check", "p.yaml", "s.jsonl", "-o", "json=audit.json", NOW]) == 0
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        ["check", "p.yaml", "s.jsonl", "-o", "text=p.yaml", NOW],
        ["check", "p.yaml", "s.jsonl", "-o", "text=./link", NOW],
        ["check", "p.yaml", "s.jsonl", "-o", "text=base.yaml", NOW],
        ["check", "p.yaml", "s.jsonl", "-o", "json=s.jsonl", NOW],
        ["check", "p.yaml", "s.jsonl", "-o", "json=hard", NOW],
        ["check", "p.yaml", "--save", "base.yaml"],
        ["check", "p.yaml", "--sockets", "--save", "p.yaml"],
        ["check", "p.yaml", "--save", "z", "-o", "json=z"],
        ["scan", "p.yaml", "--save", "base.yaml"],
        ["merge", "s.jsonl", "t.jsonl", "--save", "t.jsonl"],
        ["merge", "u.jsonl.partial", "--save", "u.jsonl"],
        ["import", "s.jsonl", "--save", "s.jsonl"],
        ["report", "audit.json", "-o", "text=audit.json"],
    ],
    ids=" ".join,
)
def test_a_run_that_would_destroy_a_file_is_refused_before_anything_is_done(folder, capsys, command):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert run(command) == 2
    assert "would destroy a file" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_other_files_are_written(folder):
    assert run(["merge", "s.jsonl", "t.jsonl", "--save", "all.jsonl"]) == 0
    assert run(["check", "p.yaml", "all.jsonl", "-o", "text=out.txt", "-o", "json=audit.json", NOW]) == 0
    assert (folder / "out.txt").stat().st_size


def test_a_device_may_be_read_and_written():
    spare([os.devnull], reports=[os.devnull, os.devnull])


def test_a_file_that_is_not_there_yet_is_written_once():
    with pytest.raises(UsageError, match=r"writing \./new would destroy a file: new is an output, too"):
        spare([], reports=["new", "./new"])


COMPOSE = "include: [more.yaml]\nservices: {web: {extends: {file: common.yaml, service: web}, image: x}}\n"
LED_TO = {
    "compose.override.yaml": "services: {web: {ports: ['80:80']}}\n",
    "more.yaml": "services: {other: {image: x}}\n",
    "common.yaml": "services: {web: {image: y}}\n",
    ".env": "A=b\n",
}


@pytest.fixture
def project(folder):
    for name, text in {"compose.yaml": COMPOSE, **LED_TO}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def refused(folder, capsys, command, name):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    capsys.readouterr()
    assert run(command) == 2
    assert capsys.readouterr().err.startswith(f"error: writing {name} would destroy a file: ")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


CHECK = ["check", "p.yaml", "compose.yaml", "--host", "web", "--taken", "2026-11-22T11:00:00Z", NOW]


@pytest.mark.parametrize("name", LED_TO)
def test_a_report_over_a_file_that_an_input_led_to_is_refused(project, capsys, name):
    refused(project, capsys, [*CHECK, "-o", "text=out.txt", "-o", f"json={name}"], name)


@pytest.mark.parametrize("name", LED_TO)
def test_a_snapshot_over_a_file_that_an_input_led_to_is_refused(project, capsys, name):
    refused(project, capsys, ["import", "compose.yaml", "--save", name], name)


@pytest.mark.parametrize("name", ["p.yaml", "base.yaml", "compose.yaml", *LED_TO])
def test_the_summary_of_a_step_over_an_input_is_refused(project, capsys, monkeypatch, name):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / name))
    before = {path.name: path.read_bytes() for path in project.iterdir()}
    assert run([*CHECK, "--github", "-o", "text=out.txt"]) == 2
    assert "would destroy a file" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in project.iterdir()} == before


def test_a_failure_is_not_told_in_an_input(project, monkeypatch):
    (project / "p.yaml").write_text("version: 9\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "p.yaml")
    assert run([*CHECK, "--github"]) == 2
    assert (project / "p.yaml").read_text(encoding="utf-8") == "version: 9\n"


def test_the_source_of_a_plan_is_spared(folder, capsys):
    (folder / "main.tf").write_text('resource "aws_security_group" "web" {}\n', encoding="utf-8")
    after = {"ingress": [{"from_port": 80, "to_port": 80, "protocol": "tcp", "cidr_blocks": ["0.0.0.0/0"]}]}
    change = {"address": "aws_security_group.web", "mode": "managed", "type": "aws_security_group", "name": "web"}
    change |= {"change": {"actions": ["create"], "before": None, "after": after, "after_unknown": {}}}
    plan = {"format_version": "1.2", "terraform_version": "1.9.0", "resource_changes": [change]}
    plan["configuration"] = {"root_module": {}}
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    command = ["check", "p.yaml", "plan.json", "--taken", "2026-11-22T11:00:00Z", NOW, "-o", "json=main.tf"]
    refused(folder, capsys, command, "main.tf")


def test_a_snapshot_takes_no_file_for_its_own_beginning_that_is_none(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inner = 'services: {b: {image: x, ports: ["6379:6379"]}}\n'
    (tmp_path / "out.partial").write_text(inner, encoding="utf-8")
    (tmp_path / "compose.yaml").write_text("include: [out.partial]\nservices: {}\n", encoding="utf-8")
    assert run(["import", "compose.yaml", "--host", "h", "--save", "out"]) == 2
    assert "out.partial would destroy a file: it is not a snapshot that a scan left" in capsys.readouterr().err
    assert (tmp_path / "out.partial").read_text(encoding="utf-8") == inner
    assert not (tmp_path / "out").exists()


def test_a_snapshot_that_is_being_written_is_no_input(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "compose.yaml").write_text("include: [out.partial]\nservices: {}\n", encoding="utf-8")
    assert run(["import", "compose.yaml", "--host", "h", "--save", "out"]) == 2
    assert "out.partial is an input" in capsys.readouterr().err
    assert not list(tmp_path.glob("out*.partial")) + list(tmp_path.glob("out"))
