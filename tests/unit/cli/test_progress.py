"""The line that a scan draws fits the terminal, and says what matters most where it is narrow."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.cli import output
from auditor.cli.progress import progress_line


def task(done=29_491, total=65_535, opened=5, speed=12_034.0, left=3.0, what="scanning"):
    return SimpleNamespace(
        completed=done,
        total=total,
        description=what,
        fields={"opened": opened},
        speed=speed,
        finished_speed=None,
        time_remaining=left,
    )


@given(
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.integers(0, 10**6),
    st.none() | st.floats(0, 1e9),
    st.none() | st.floats(0, 1e8),
    st.integers(39, 199),
    st.booleans(),
)
def test_the_line_never_wraps(done, more, opened, speed, left, width, ascii_only):
    line = progress_line(task(done, done + more, opened, speed, left), "ports", width, ascii_only=ascii_only)
    assert len(line) <= width
    assert line.endswith(" open")
    assert line.isascii() or not ascii_only


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (39, "scanning  45%  0:00:03 left  5 open"),
        (79, "scanning  ####--------  45%  29,491/65,535 ports  0:00:03 left  5 open"),
        (119, "scanning  " + "#" * 18 + "-" * 22 + "  45%  29,491/65,535 ports  12,034 ports/s  0:00:03 left  5 open"),
    ],
)
def test_what_is_open_and_the_time_left_are_said_at_every_width(width, line):
    shown = progress_line(task(), "ports", width, ascii_only=True)
    assert [part for part in shown.split("  ") if "#" not in part] == [
        part for part in line.split("  ") if "#" not in part
    ]


def test_hosts_asked_over_ssh_count_sockets():
    line = progress_line(task(3, 10, 120, 0.5, 14.0, "asking"), "hosts", 79, ascii_only=True)
    assert line.endswith("30%  3/10 hosts  0:00:14 left  120 sockets")


@pytest.mark.parametrize(
    ("done", "said"),
    [(49, "  0:00:09 left"), (50, "  at least 0:00:09 left"), (99, "  at least 0:00:09 left"), (100, "  asking again")],
)
def test_the_bar_says_when_the_time_left_is_a_lower_bound(done, said):
    line = progress_line(task(done, 100, 5, 10.0, 9.0), "ports", 119, ascii_only=True)
    assert line.endswith(f"{said}  5 open")


class Stream:
    closed = False

    def __init__(self, *, terminal, encoding="utf-8"):
        self.encoding = encoding
        self._terminal = terminal

    def isatty(self):
        return self._terminal


@pytest.mark.parametrize(
    ("locale", "stream", "wanted"),
    [
        ({"LC_ALL": "C"}, Stream(terminal=True), True),
        ({"LC_ALL": "C", "LANG": "de_DE.UTF-8"}, Stream(terminal=True), True),
        ({}, Stream(terminal=True), True),
        ({"LANG": "C.UTF-8"}, Stream(terminal=True), False),
        ({"LANG": "de_DE.utf8"}, Stream(terminal=True), False),
        ({"LC_ALL": "C"}, Stream(terminal=False), False),
        ({"LANG": "C.UTF-8"}, Stream(terminal=False, encoding="iso8859-1"), True),
    ],
)
def test_a_terminal_whose_locale_knows_no_unicode_gets_ascii(monkeypatch, locale, stream, wanted):
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in locale.items():
        monkeypatch.setenv(name, value)
    assert output.ascii_only(stream) is wanted
