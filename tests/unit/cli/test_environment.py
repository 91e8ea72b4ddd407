"""Settings from the environment: below the command line, above the policy, and never by a slip."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from auditor.cli.app import run

ROOT = Path(__file__).resolve().parents[3]
POLICY = """\
version: 1
hosts: {web-1: 192.0.2.10}
rules: [{hosts: web-1, allow: [80], from: [office]}]
vantages: {office: {networks: [198.51.100.0/24]}, internet: {networks: [0.0.0.0/0]}}
scan: {tcp: [80, 8080]}
settings: {fail_on: medium}
"""
SNAPSHOT = (
    {"auditor": "snapshot", "version": 1, "kind": "probe", "started": "2026-11-20T08:00:00Z"},
    {"host": "web-1", "address": "192.0.2.10", "alive": True, "tcp": {"open": "80,8080"}},
    {"complete": True, "finished": "2026-11-20T08:00:04Z"},
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    (tmp_path / "exposure.yaml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "seen.jsonl").write_text("".join(json.dumps(line) + "\n" for line in SNAPSHOT), encoding="utf-8")
    return tmp_path


def check(*arguments: str) -> int:
    return run(["check", "exposure.yaml", "seen.jsonl", "--now", "2026-11-20T09:00:00Z", *arguments])


def test_the_environment_comes_before_the_policy_and_after_the_command_line(monkeypatch):
    assert check("--from", "office") == 1
    monkeypatch.setenv("AUDITOR_FAIL_ON", "critical")
    assert check("--from", "office") == 0
    assert check("--from", "office", "--fail-on", "high") == 1


def test_the_vantage_may_come_from_the_environment(monkeypatch, capsys):
    assert check() == 2
    monkeypatch.setenv("AUDITOR_FROM", "office")
    assert check() == 1
    monkeypatch.setenv("AUDITOR_FROM", "")
    assert check() == 2
    assert "vantage" in capsys.readouterr().err


def test_the_policy_may_come_from_the_environment(monkeypatch, folder, capsys):
    (folder / "exposure.yaml").rename(folder / "other.yaml")
    monkeypatch.setenv("AUDITOR_POLICY", "other.yaml")
    assert run(["policy", "validate"]) == 0
    assert run(["explain", "web-1", "80"]) == 0
    assert run(["check", "--now", "yesterday"]) == 2
    assert "other.yaml: valid" in capsys.readouterr().out


def test_a_scan_reads_the_policy_that_the_environment_names(monkeypatch, capsys):
    monkeypatch.setenv("AUDITOR_POLICY", "no-such.yaml")
    assert run(["scan"]) == 2
    assert "no-such.yaml" in capsys.readouterr().err


def test_a_variable_without_use_is_no_contradiction_but_an_option_is(monkeypatch, capsys):
    monkeypatch.setenv("AUDITOR_RATE", "100")
    monkeypatch.setenv("AUDITOR_FROM", "office")
    assert check() == 1
    assert check("--rate", "100") == 2
    assert "nothing is scanned" in capsys.readouterr().err


def test_a_bad_value_is_refused_and_the_variable_named(monkeypatch, capsys):
    monkeypatch.setenv("AUDITOR_RATE", "fast")
    assert check("--from", "office") == 2
    error, note = capsys.readouterr().err.splitlines()
    assert error.startswith("error: --rate: 'fast'")
    assert note == "note: the environment sets AUDITOR_RATE"


@pytest.mark.parametrize(
    ("slip", "meant"), [("AUDITOR_FAILON", "AUDITOR_FAIL_ON"), ("AUDITOR_POLCY", "AUDITOR_POLICY")]
)
def test_a_slip_in_a_name_is_an_error_that_says_what_was_meant(monkeypatch, capsys, slip, meant):
    monkeypatch.setenv(slip, "high")
    assert check("--from", "office") == 2
    assert f"did you mean '{meant}'?" in capsys.readouterr().err.splitlines()[0]


def test_a_name_that_means_something_to_somebody_else_is_a_warning(monkeypatch, capsys):
    monkeypatch.setenv("AUDITOR_IMAGE", "registry.example/auditor")
    assert check("--from", "office") == 1
    assert "warning: the environment sets AUDITOR_IMAGE, which nothing reads" in capsys.readouterr().err


def test_what_kubernetes_sets_beside_a_service_called_auditor_is_passed_over(monkeypatch, capsys):
    for name in ("AUDITOR_SERVICE_HOST", "AUDITOR_SERVICE_PORT_HTTP", "AUDITOR_PORT", "AUDITOR_PORT_80_TCP_ADDR"):
        monkeypatch.setenv(name, "tcp://10.0.0.1:80")
    assert check("--from", "office") == 1
    assert "AUDITOR_" not in capsys.readouterr().err


def test_the_page_lists_every_variable_with_its_option():
    import typer

    from auditor.cli.app import app
    from auditor.cli.environment import names

    context = typer.Context(typer.main.get_command(app))
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(AUDITOR_\w+)`", page, re.MULTILINE)) == names(context)


def test_a_policy_that_a_variable_chose_is_blamed_on_it(monkeypatch, capsys) -> None:
    monkeypatch.setenv("AUDITOR_POLICY", "nope.yaml")
    assert run(["check"]) == 2
    first, note = capsys.readouterr().err.splitlines()
    assert "nope.yaml" in first
    assert note == "note: the environment sets AUDITOR_POLICY"
    assert run(["check", "other.yaml"]) == 2
    assert "note:" not in capsys.readouterr().err
