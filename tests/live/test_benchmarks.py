"""The benchmarks run, and their figures are those of the truth."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*words):
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False, cwd=ROOT, timeout=200
    )  # fmt: skip


def bench(*words):
    return run("-m", "benchmarks.scan", *words)


@pytest.fixture
def laboratory():
    """Skips with the reason where there can be none, as the lab itself."""
    missing = [tool for tool in ("ip", "nft", "nsenter", "sysctl") if shutil.which(tool) is None]
    if os.environ.get("AUDITOR_ISOLATED") != "1":
        missing = ["tests/isolated"]
    if missing:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"no laboratory without {', '.join(missing)}")


@pytest.mark.usefixtures("laboratory")
def test_a_small_workload_is_scanned_by_every_program_and_its_figures_are_kept_between_the_marks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- figures: written by benchmarks/run -->\nold\n<!-- end of figures -->\nafter\n")
    programs = "connect,scan,check,nmap-sT-T5,epoll"

    done = bench("--only", "small", "--programs", programs, "--repeat", "1", "--table", str(page))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "missed" not in done.stdout.partition("###")[0]
    text = page.read_text()
    assert text.startswith("before\n<!--")
    assert text.endswith("-->\nafter\n")
    assert "old" not in text
    (times,) = re.findall(r"^\| small\. 100 ports, 2 open \| (.*) \|$", text, re.MULTILINE)[:1]
    assert re.match(r"\d\.\d\d \| - \| \d\.\d\d \| - \| ", times), times
    assert "| phantoms in 3 runs of ours | 0 | 0 | met |" in text


@pytest.mark.usefixtures("laboratory")
def test_what_a_program_misses_is_counted(tmp_path):
    """The truth of workload "blind" is wider than what is open: every program has to miss the same port."""
    done = bench("--only", "blind", "--programs", "connect", "--repeat", "2", "--table", str(tmp_path / "page.md"))

    assert done.returncode == 1, done.stdout + done.stderr
    assert "; missed 1 of 2; 1 phantoms" in done.stdout
    assert "(2 of 4 missed, 2 phantoms)" in (tmp_path / "page.md").read_text()


@pytest.mark.usefixtures("laboratory")
def test_the_way_to_a_distant_host_takes_its_time():
    done = bench("--only", "far", "--programs", "connect", "--repeat", "1")

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"the relay carries [\d,]{4,} packets a second", done.stdout)
    (seconds,) = re.findall(r"the scan itself +(\d+\.\d+) s", done.stdout)
    assert float(seconds) >= 0.1


def test_what_peers_print_is_understood(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.scan.programs import masscan_answer, nmap_answer

    grepable = (
        "# Nmap 7.93 scan initiated\nHost: 192.0.2.10 ()\tStatus: Up\n"
        "Host: 192.0.2.10 ()\tPorts: 22/open/tcp//ssh///, 53/open|filtered/udp//domain///, 80/open/tcp//http///"
        "\tIgnored State: closed (98)\n"
    )
    assert nmap_answer(grepable, None).opens == {("192.0.2.10", 22), ("192.0.2.10", 80)}
    listed = "#masscan\nopen tcp 22 192.0.2.10 1700000000\nopen tcp 443 192.0.2.11 1700000000\n# end\n"
    assert masscan_answer(listed, None).opens == {("192.0.2.10", 22), ("192.0.2.11", 443)}


@pytest.mark.usefixtures("laboratory")
def test_a_program_that_reaches_the_limit_is_ended_and_not_run_again():
    done = bench("--only", "small", "--programs", "scan", "--repeat", "2", "--limit", "0.01")

    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.count("> 0.01 s") == 1
    assert "| > 0.01 |" in done.stdout


def test_help_lists_workloads_and_programs_and_an_unknown_name_is_an_error():
    shown = bench("--help")
    assert shown.returncode == 0
    assert "c2x1000" in shown.stdout
    assert "masscan --retries 3" in shown.stdout
    assert "10 % loss each way" in shown.stdout

    refused = bench("--only", "a,nonsense")
    assert refused.returncode == 2
    assert "unknown: nonsense" in refused.stderr

    assert bench("--repeat", "0").returncode == 2


def test_the_policy_benchmark_runs():
    done = run("benchmarks/policy_load.py", "40", "4")

    assert done.returncode == 0, done.stderr
