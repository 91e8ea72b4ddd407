"""The auditor starts quickly: a command loads what it needs and nothing heavier."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = {
    "asyncio", "asyncssh", "concurrent.futures", "dask", "distributed", "email", "http.client", "jinja2", "kubernetes",
    "logging", "multiprocessing", "numpy", "psutil", "pyroute2", "rich", "sqlite3", "ssl", "urllib.request", "xml.sax",
}  # fmt: skip
"""What no command may load before it needs it."""

JUDGING = {"jsonschema", "yaml", "junit_xml"}
"""What only a command that reads a policy or writes that report may load."""

POLICY = """\
version: 1
hosts: {web-1: 192.0.2.10}
rules: [{hosts: web-1, allow: [80]}]
"""
SNAPSHOT = (
    {"auditor": "snapshot", "version": 1, "kind": "probe", "started": "2026-11-20T08:00:00Z"},
    {"host": "web-1", "address": "192.0.2.10", "alive": True, "tcp": {"open": "80", "closed": "1-79,81-65535"}},
    {"complete": True, "finished": "2026-11-20T08:00:04Z"},
)


def loaded_by(*arguments: str, exit_code: int = 0) -> set[str]:
    """Run the command line in a fresh interpreter; the names of all modules that it has loaded at its end."""
    script = (
        "import atexit, json, sys\n"
        f"sys.argv[1:] = {list(arguments)!r}\n"
        "atexit.register(lambda: print('\\n' + json.dumps(sorted(sys.modules))))\n"
        "from auditor.cli.app import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == exit_code, done.stdout + done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def heavy_of(modules: set[str], heavy: set[str]) -> set[str]:
    """Those of the heavy modules that were loaded, apart from what a bare interpreter loads here by itself."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return (modules & heavy) - set(done.stdout.split())


@pytest.fixture
def saved_case(tmp_path: Path) -> tuple[str, str]:
    policy, snapshot = tmp_path / "exposure.yaml", tmp_path / "seen.jsonl"
    policy.write_text(POLICY, encoding="utf-8")
    snapshot.write_text("".join(json.dumps(line) + "\n" for line in SNAPSHOT), encoding="utf-8")
    return str(policy), str(snapshot)


def test_help_and_version_load_nothing_heavy() -> None:
    for option in ("--help", "--version"):
        assert heavy_of(loaded_by(option), HEAVY | JUDGING) == set(), option


def test_checking_a_saved_snapshot_loads_nothing_heavy(saved_case: tuple[str, str]) -> None:
    modules = loaded_by("check", *saved_case, "--now", "2026-11-20T09:00:00Z")
    assert heavy_of(modules, HEAVY | {"junit_xml"}) == set()


def test_checking_a_saved_snapshot_does_not_load_the_scanner(saved_case: tuple[str, str]) -> None:
    modules = loaded_by("check", *saved_case, "--now", "2026-11-20T09:00:00Z")
    assert {
        name for name in modules if name.startswith(("auditor.collect.probe.", "auditor.collect.sockets."))
    } == set()


def test_a_report_format_is_loaded_only_when_it_is_asked_for(saved_case: tuple[str, str], tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    modules = loaded_by("check", *saved_case, "--now", "2026-11-20T09:00:00Z", "-o", f"junit={report}")
    assert "junit_xml" in modules
    assert report.stat().st_size
