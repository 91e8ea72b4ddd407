"""A large import that is stopped leaves no process behind, and no snapshot that passes for a whole one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<nmaprun scanner="nmap" version="7.95" start="1763625600">
<scaninfo type="syn" protocol="tcp" numservices="1000" services="1-1000"/>
"""
TAIL = '<runstats><finished time="1763712000" exit="success"/></runstats></nmaprun>\n'
HOST = """<host><status state="up" reason="echo-reply"/><address addr="10.{}.{}.{}" addrtype="ipv4"/>
<ports><extraports state="closed" count="999">
<extrareasons reason="reset" count="999" proto="tcp" ports="1-79,81-1000"/>
</extraports><port protocol="tcp" portid="80"><state state="open" reason="syn-ack"/></port></ports></host>
"""
HOSTS = 60_000
LIMIT = 60

pytestmark = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor gets no second process")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "scan.xml"
    with path.open("w", encoding="ascii") as file:
        file.write(HEAD)
        file.writelines(HOST.format(n >> 16, n >> 8 & 255, n & 255) for n in range(HOSTS))
        file.write(TAIL)
    return path


def begun(large: Path, to: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "auditor", "import", "--save", str(to), str(large)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def helpers_of(process: subprocess.Popen[str]) -> list[int]:
    """The processes that it has started, once there are some; none if it ends without."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until = time.monotonic() + LIMIT
    while process.poll() is None and time.monotonic() < until:
        found = [int(pid) for pid in children.read_text(encoding="ascii").split()]
        if len(found) > 1:
            return found
        time.sleep(0.002)
    return []


def wait_for_end(pids: list[int]) -> None:
    """They end by themselves, be they still somebody's children or not."""
    until = time.monotonic() + LIMIT
    while left := [pid for pid in pids if alive(pid)]:
        assert time.monotonic() < until, f"still there: {left}"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_import_that_is_stopped_leaves_no_process_and_an_incomplete_snapshot(
    number: signal.Signals, large: Path, tmp_path: Path
) -> None:
    to = tmp_path / "seen.jsonl"
    process = begun(large, to)
    helpers = helpers_of(process)
    assert helpers
    if number == signal.SIGINT:
        for pid in helpers:  # Ctrl-C reaches everybody at the terminal
            os.kill(pid, number)
    process.send_signal(number)
    out, told = process.communicate(timeout=LIMIT)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in told
    wait_for_end(helpers)
    footer = json.loads(to.read_text(encoding="ascii").splitlines()[-1])
    assert footer == {"complete": False, "reason": "interrupted"}


def test_the_helpers_of_an_import_that_is_killed_end_with_it(large: Path, tmp_path: Path) -> None:
    to = tmp_path / "seen.jsonl"
    process = begun(large, to)
    helpers = helpers_of(process)
    assert helpers
    process.kill()
    process.communicate(timeout=LIMIT)
    wait_for_end(helpers)
    assert not to.exists()


def test_an_import_whose_helpers_are_all_killed_tells_of_every_host(large: Path, tmp_path: Path) -> None:
    to = tmp_path / "seen.jsonl"
    process = begun(large, to)
    helpers = helpers_of(process)
    assert helpers
    for pid in helpers:
        os.kill(pid, signal.SIGKILL)
    assert (*process.communicate(timeout=LIMIT), process.returncode) == ("", "", 0)
    addresses = [json.loads(line)["address"] for line in to.read_text(encoding="ascii").splitlines()[1:-1]]
    assert addresses == [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(HOSTS)]
