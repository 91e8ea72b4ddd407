"""What really stands on a terminal's screen, read back from tmux: no leftovers of progress, no broken words."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest

AUDITOR = str(Path(sys.executable).with_name("auditor"))
PATIENCE = 60
"""Seconds until a screen must show what it is waited for; where nothing else runs it takes one or two."""
NUMBERS = count()
"""A server that was told to end may still be there when the next one starts: none has the name of another."""


class Screen:
    """A terminal of so many columns in which one command runs; ``with`` closes it."""

    def __init__(self, folder, columns, *words):
        self._folder, self._number = folder, next(NUMBERS)
        command = f"trap : INT; {shlex.join((AUDITOR, *words))}; echo ended: $?; exec sleep 600"
        self._tmux(
            "new-session", "-d", "-x", str(columns), "-y", "50", "-s", "it", f"exec sh -c {shlex.quote(command)}"
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._tmux("kill-server")

    def _tmux(self, *words):
        surroundings = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "TMUX_TMPDIR": str(self._folder),
            "TERM": "xterm",
        }
        done = subprocess.run(
            ["tmux", "-L", f"server-{self._number}", "-f", "/dev/null", *words],
            cwd=self._folder,
            env=surroundings,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def press(self, key):
        self._tmux("send-keys", "-t", "it", key)

    def lines(self):
        return self._tmux("capture-pane", "-p", "-t", "it").rstrip().splitlines()

    def when(self, word):
        """The lines, once a word stands in one of them."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            lines = self.lines()
            if any(word in line for line in lines):
                return lines
            time.sleep(0.1)
        pytest.fail(f"{word!r} does not come: {self.lines()}")


@pytest.fixture
def screen(tmp_path):
    if shutil.which("tmux") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("not installed: tmux")
        pytest.skip("not installed: tmux")
    return lambda columns, *words: Screen(tmp_path, columns, *words)


@pytest.fixture
def silent(lab):
    """The address of a host that answers at port 22 alone, so that a scan of it takes its time."""
    host = lab.host("silent", "192.0.2.10")
    host.listen(22)
    host.firewall("tcp dport != 22 drop")
    return "192.0.2.10"


@pytest.mark.parametrize("columns", [40, 80])
def test_what_a_scan_has_seen_begins_on_a_line_of_its_own(screen, silent, columns):
    with screen(columns, "scan", silent, "-p", "22,1000-1200", "--rate", "200", "--timeout", "500ms") as shown:
        shown.when(" 1 open")
        lines = shown.when("ended: ")
    assert silent in lines
    assert not any("scanning" in line or "left" in line for line in lines)


def test_who_interrupts_a_scan_is_left_with_no_progress_on_the_screen(screen, silent):
    with screen(80, "scan", silent, "-p", "22,1-20000", "--rate", "100", "--save", "seen.jsonl") as shown:
        shown.when(" ports/s  ")
        shown.press("C-c")
        lines = shown.when("ended: 130")
    assert not any("scanning" in line for line in lines)
    assert "what was seen is in seen.jsonl; go on with: auditor scan --resume seen.jsonl" in lines


def test_errors_and_explanations_are_folded_between_words(screen, tmp_path):
    (tmp_path / "exposure.yaml").write_text("version: 1\nhosts: {me: 127.0.0.1}\nrules: [{hosts: me, allow: [22]}]\n")
    with screen(40, "explain", "me", "8080") as shown:
        lines = shown.when("ended: 0")
    assert lines == [
        "8080/tcp (http-alt) on me: not allowed;",
        "    it may not be open",
        "  decides: the default: what no rule",
        "    allows is not allowed",
        "ended: 0",
    ]
    with screen(40, "check", "none.yaml", "none.xml", "--rate", "5") as shown:
        lines = shown.when("ended: 2")
    assert max(map(len, lines)) <= 39 or all(not line[-1:].isalpha() for line in lines if len(line) == 40)
    assert lines[0].startswith("error: ")
    assert lines[1].startswith("    ")
