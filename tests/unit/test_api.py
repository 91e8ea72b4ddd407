"""The public interface: what programs import, lazily, with types, and silent."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import auditor

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
CASE = ROOT / "examples/web-shop"
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def shop(tmp_path, monkeypatch):
    folder = tmp_path / "shop"
    shutil.copytree(CASE, folder)
    monkeypatch.chdir(folder)


def test_importing_the_package_loads_nothing_of_it() -> None:
    script = "import sys, auditor; print(*[name for name in sys.modules if name.startswith('auditor')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["auditor"]


def test_every_public_name_is_there_and_described_on_its_page() -> None:
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    for name in auditor.__all__:
        assert getattr(auditor, name) is not None
    assert set(auditor.__all__) <= set(dir(auditor))
    functions = [name for name in auditor.__all__ if name.islower() and not name.startswith("_")]
    assert len(functions) == 6
    assert [name for name in functions if f"| `{name}(" not in page] == []


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'pipelines'"):
        auditor.pipelines  # noqa: B018


def test_an_audit_from_files_is_that_of_the_command(capsys) -> None:
    policy = auditor.load_policy("exposure.yaml", now=NOW)
    audit = auditor.audit(policy, [Path("scan.jsonl")], now=NOW)
    assert (audit.verdict, audit.exit_code) == (auditor.Verdict.VIOLATIONS, 1)
    expected = json.loads((CASE / "expected.json").read_text(encoding="utf-8"))
    assert [finding.fingerprint for finding in audit.findings] == [one["fingerprint"] for one in expected["findings"]]
    assert capsys.readouterr() == ("", "")


def test_a_severity_in_place_of_the_policys_decides_what_fails() -> None:
    with_all = auditor.audit("exposure.yaml", ["scan.jsonl"], now=NOW)
    few = auditor.audit("exposure.yaml", ["scan.jsonl"], now=NOW, fail_on=auditor.Severity.CRITICAL)
    violation = auditor.Status.VIOLATION
    assert with_all.counts()[violation] > few.counts()[violation] == 1


def test_a_severity_may_be_given_by_its_name_and_no_other_word() -> None:
    named = auditor.audit("exposure.yaml", ["scan.jsonl"], now=NOW, fail_on="critical")
    assert named == auditor.audit("exposure.yaml", ["scan.jsonl"], now=NOW, fail_on=auditor.Severity.CRITICAL)
    for wrong in ("grave", 3):
        with pytest.raises(auditor.UsageError, match=rf"fail_on: {wrong!r} is no severity; expected info, low, "):
            auditor.audit("exposure.yaml", ["scan.jsonl"], now=NOW, fail_on=wrong)  # type: ignore[arg-type]


def test_a_single_piece_of_evidence_needs_no_list() -> None:
    listed = auditor.audit("exposure.yaml", ["scan.jsonl"], now=NOW)
    assert auditor.audit("exposure.yaml", "scan.jsonl", now=NOW) == listed
    assert auditor.audit("exposure.yaml", Path("scan.jsonl"), now=NOW) == listed
    assert auditor.audit("exposure.yaml", Path().glob("scan.jsonl"), now=NOW) == listed


def test_what_is_no_evidence_at_all_is_said() -> None:
    with pytest.raises(auditor.UsageError, match="expected paths and what scan\\(\\) gives, not int"):
        auditor.audit("exposure.yaml", [3], now=NOW)  # type: ignore[list-item]
    with pytest.raises(auditor.UsageError, match="not int"):
        auditor.audit("exposure.yaml", 0, now=NOW)  # type: ignore[arg-type]
    with pytest.raises(auditor.UsageError, match="not int"):
        auditor.audit("exposure.yaml", b"scan.jsonl", now=NOW)  # type: ignore[arg-type]


def test_a_saved_audit_is_read_back_and_rendered_the_same() -> None:
    audit = auditor.audit("exposure.yaml", ["scan.jsonl"], now=NOW)
    auditor.write_report(audit, "json", "audit.json")
    again = auditor.read_audit("audit.json")
    for name in ("junit", "sarif", "markdown", "text"):
        assert auditor.render_report(again, name) == auditor.render_report(audit, name)


def test_mistakes_are_exceptions_that_say_where() -> None:
    Path("broken.yaml").write_text("version: 1\nhosts: {a: 192.0.2.300}\nrules: []\n", encoding="utf-8")
    with pytest.raises(auditor.PolicyError) as caught:
        auditor.load_policy("broken.yaml")
    assert caught.value.problems[0].location.line == 2
    audit = auditor.audit("exposure.yaml", ["scan.jsonl"], now=NOW)
    with pytest.raises(auditor.UsageError, match=r"unknown report format 'sarf'.*did you mean 'sarif'"):
        auditor.render_report(audit, "sarf")
    with pytest.raises(auditor.UsageError):
        auditor.render_report(audit, "")
    with pytest.raises(auditor.ReportError):
        auditor.write_report(audit, "json", "no/such/folder.json")
    with pytest.raises(auditor.EvidenceError):
        auditor.audit("exposure.yaml", ["missing.xml"])


def test_no_evidence_at_all_is_refused_rather_than_passed_or_scanned() -> None:
    with pytest.raises(auditor.UsageError, match="empty sequence"):
        auditor.audit("exposure.yaml", [])


def test_evidence_goes_with_nothing_that_collects() -> None:
    with pytest.raises(auditor.UsageError, match="nothing is collected"):
        auditor.audit("exposure.yaml", ["scan.jsonl"], sockets=True)


def test_a_time_without_its_offset_is_refused() -> None:
    with pytest.raises(auditor.UsageError, match="without its offset"):
        auditor.load_policy("exposure.yaml", now=datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    "limits",
    [
        {"method": "foo"},
        {"rate": -5},
        {"rate": "fast"},
        {"rate": True},
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"timeout": "2s"},
        {"timeout": 3600},
        {"max_targets": 0},
        {"max_targets": 1.5},
    ],
)
def test_a_limit_that_is_none_is_refused_before_anything_is_scanned(limits) -> None:
    (name,) = limits
    with pytest.raises(auditor.UsageError, match=f"^{name}: expected"):
        auditor.scan("exposure.yaml", vantage="internet", **limits)


def test_arguments_of_another_kind_are_usage_errors() -> None:
    audit = auditor.audit("exposure.yaml", "scan.jsonl", now=NOW)
    wrong: list[Callable[[], object]] = [
        lambda: auditor.load_policy(None),  # type: ignore[arg-type]
        lambda: auditor.audit(5, "scan.jsonl"),  # type: ignore[arg-type]
        lambda: auditor.audit("exposure.yaml", "scan.jsonl", now="2026-01-01"),  # type: ignore[arg-type]
        lambda: auditor.render_report(audit, None),  # type: ignore[arg-type]
    ]
    for call in wrong:
        with pytest.raises(auditor.UsageError, match="expected"):
            call()


def test_one_selector_is_not_taken_for_its_letters() -> None:
    one = auditor.audit("exposure.yaml", "scan.jsonl", now=NOW, only="web-*")
    assert {row.host for row in one.hosts} == {"web-1", "web-2"}
    assert one.hosts == auditor.audit("exposure.yaml", "scan.jsonl", now=NOW, only=["web-*"]).hosts


def test_the_example_ends_as_the_gate_does(tmp_path) -> None:
    folder = tmp_path / "python"
    shutil.copytree(ROOT / "examples/python", folder)

    def gate(*arguments: str) -> tuple[int, list[str]]:
        done = subprocess.run(
            [sys.executable, "gate.py", *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.stderr == ""
        return done.returncode, done.stdout.splitlines()

    code, said = gate("exposure.yaml", "scan.jsonl")
    assert code == 1
    assert said[0].startswith("web-2: 6379/tcp: 6379/tcp is open on web-2")
    assert "db: not verified: " in said[1]
    assert said[-1] == "shop: violations"
    assert b"<failure" in (folder / "exposure-junit.xml").read_bytes()
    assert gate("missing.yaml")[0] == 2
