"""Signals that end a process end it in good order."""

import subprocess
import sys

import pytest

PROGRAM = """
import signal, sys
from auditor.cli import app
signal.signal(signal.SIGHUP, getattr(signal, sys.argv[2]))
app.app = lambda **_: signal.raise_signal(getattr(signal, sys.argv[1]))
app.main([])
"""


@pytest.mark.parametrize(
    ("name", "hang_up", "code"), [("SIGHUP", "SIG_DFL", 130), ("SIGTERM", "SIG_DFL", 130), ("SIGHUP", "SIG_IGN", 0)]
)
def test_a_hang_up_is_an_interrupt_unless_it_is_to_be_ignored(name, hang_up, code):
    done = subprocess.run([sys.executable, "-c", PROGRAM, name, hang_up], check=False, capture_output=True, timeout=30)
    assert done.returncode == code, done.stderr
