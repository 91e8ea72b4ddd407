"""Ctrl-C and SIGKILL at any moment of a scan: no process stays behind, and no file is half of what it seems."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

AUDITOR = Path(sys.executable).with_name("auditor")
WEB4 = "192.0.2.10"
POLICY = f"""\
version: 1
hosts: {{web: {WEB4}}}
rules:
  - {{hosts: [web], allow: [80]}}
scan: {{tcp: all, rate: 50000}}
"""
MOMENTS = [0, 1, 20_000, 66_000]
"""How many packets the host has dropped: before the first, in the first pass, in the second."""
EARLIER = '{"an earlier snapshot": "whole"}\n'


@pytest.fixture
def scan(lab, tmp_path):
    """Begins a scan of a host that drops nearly all, and gives it when the host has dropped so many packets."""
    host = lab.host("web", WEB4)
    host.listen(80)
    host.firewall("tcp dport != 80 counter drop")
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    begun = []

    def dropped():
        return int(re.search(r"counter packets (\d+)", host.run("nft", "list", "ruleset"))[1])

    def under_way(moment):
        (tmp_path / "seen.jsonl").write_text(EARLIER, encoding="utf-8")
        words = [AUDITOR, "check", "policy.yaml", "--save", "seen.jsonl", "-o", "json=audit.json"]
        before = dropped()
        process = subprocess.Popen(
            words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        begun.append(process)
        while not (tmp_path / "seen.jsonl.partial").exists() or dropped() < before + moment:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        return process

    yield under_way
    for process in begun:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)


@pytest.fixture
def nobody_left(group):
    """Whether a process group has no living process, or soon will have none."""

    def empty(leader):
        deadline = time.monotonic() + 20
        while group(leader) and time.monotonic() < deadline:
            time.sleep(0.02)
        return not group(leader)

    return empty


def judged(folder, name):
    """The audit of a snapshot that was left, and how it is said to be."""
    words = [AUDITOR, "check", "policy.yaml", name, "-o", "json"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=200)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)["evidence"][0]["complete"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_at_any_moment_ends_everything_and_leaves_whole_files(scan, nobody_left, tmp_path, moment):
    process = scan(moment)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the second process, too
    out, err = process.communicate(timeout=100)
    assert (process.returncode, out, err.splitlines()[-1]) == (130, "", "interrupted")
    assert "Traceback" not in err
    assert nobody_left(process.pid)
    assert {path.name for path in tmp_path.iterdir()} == {"policy.yaml", "seen.jsonl"}
    assert judged(tmp_path, "seen.jsonl") == (3, False)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_at_any_moment_ends_everything_and_spares_the_earlier_snapshot(scan, nobody_left, tmp_path, moment):
    process = scan(moment)
    process.kill()
    process.communicate(timeout=100)
    assert process.returncode == -signal.SIGKILL
    assert nobody_left(process.pid)
    assert not (tmp_path / "audit.json").exists()
    assert (tmp_path / "seen.jsonl").read_text(encoding="utf-8") == EARLIER
    if (tmp_path / "seen.jsonl.partial").read_bytes():
        assert judged(tmp_path, "seen.jsonl.partial") == (3, False)
