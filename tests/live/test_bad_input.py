"""What goes wrong only where something is really scanned or a disk is really full.

The rest of bad input is in tests/unit/cli/test_bad_input.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.environ.get("AUDITOR_ISOLATED") != "1", reason="runs inside tests/isolated alone")

AUDITOR = Path(sys.executable).with_name("auditor")
POLICY = "version: 1\nhosts: {here: 127.0.0.1}\nrules: [{hosts: [here], allow: [80]}]\nscan: {tcp: [1-100]}\n"


@pytest.fixture
def full_disk(tmp_path):
    """A file system with an earlier report and a policy, and not a byte left."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    (disk / "exposure.yaml").write_text(POLICY, encoding="utf-8")
    (disk / "earlier").write_text("the report of yesterday", encoding="utf-8")
    with pytest.raises(OSError, match="No space left"):
        (disk / "filler").write_bytes(bytes(1 << 20))
    yield disk
    subprocess.run(["umount", disk], check=True)


def check(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [AUDITOR, "check", "exposure.yaml", "--quiet", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=200)


def test_a_report_for_which_there_is_no_room_leaves_the_earlier_one_whole(full_disk):
    done = check(full_disk, "-o", "json=earlier")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == "error: cannot write earlier: No space left on device\n"
    assert (full_disk / "earlier").read_text(encoding="utf-8") == "the report of yesterday"
    assert {each.name for each in full_disk.iterdir()} == {"exposure.yaml", "earlier", "filler"}


def test_a_snapshot_for_which_there_is_no_room_is_a_failure_whatever_was_seen(full_disk):
    done = check(full_disk, "--save", "earlier", "-o", "json")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == "error: cannot write earlier: No space left on device\n"
    assert (full_disk / "earlier").read_text(encoding="utf-8") == "the report of yesterday"


def test_a_snapshot_that_cannot_be_written_is_known_before_anything_is_sent(tmp_path):
    (tmp_path / "exposure.yaml").write_text(POLICY, encoding="utf-8")
    for path, reason in (("no/x", "No such file or directory"), (".", "Is a directory")):
        command = [AUDITOR, "check", "exposure.yaml", "--save", path]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200)
        assert (done.returncode, done.stdout) == (4, "")
        assert done.stderr.splitlines()[-1] == f"error: cannot write {path}: {reason}"
        assert {each.name for each in tmp_path.iterdir()} == {"exposure.yaml"}


def test_an_unknown_place_or_too_many_addresses_stop_a_scan_before_it_begins(tmp_path):
    wide = POLICY.replace("127.0.0.1", "127.0.0.0/16")
    (tmp_path / "exposure.yaml").write_text(wide, encoding="utf-8")
    done = check(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "refusing to probe more than 4,096 addresses" in done.stderr
    placed = POLICY.replace("allow", "from: [office], allow") + "vantages: {office: {networks: [127.0.0.0/8]}}\n"
    (tmp_path / "exposure.yaml").write_text(placed, encoding="utf-8")
    done = check(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--from" in done.stderr


def test_a_terminal_that_is_gone_does_not_stop_a_scan(tmp_path):
    (tmp_path / "exposure.yaml").write_text(POLICY, encoding="utf-8")
    command = ["bash", "-c", 'exec "$@" 2>&-', "bash", AUDITOR, "check", "exposure.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("conforms: ")
