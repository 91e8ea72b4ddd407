"""Without a terminal a long scan says now and then how far it is, and a short one nothing."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from auditor.cli.progress import Watcher

if TYPE_CHECKING:
    import pytest


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def watch(monkeypatch: pytest.MonkeyPatch, *, quiet: bool = False) -> tuple[Watcher, Clock, io.StringIO]:
    told, clock = io.StringIO(), Clock()
    monkeypatch.setattr(sys, "stderr", told)
    return Watcher(quiet=quiet, clock=clock), clock, told


def test_without_a_terminal_a_long_scan_says_twice_a_minute_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    watcher, clock, told = watch(monkeypatch)
    for second in range(0, 100, 5):
        clock.now = float(second)
        watcher.progress(100 * second, 60_000, second)
    assert told.getvalue().splitlines() == [
        "after 0:00:30: 3,000 of 60,000 ports, 30 open, about 0:09:30 left",
        "after 0:01:00: 6,000 of 60,000 ports, 60 open, about 0:09:00 left",
        "after 0:01:30: 9,000 of 60,000 ports, 90 open, about 0:08:30 left",
    ]


def test_a_short_scan_and_a_finished_one_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    watcher, clock, told = watch(monkeypatch)
    clock.now = 29.0
    watcher.progress(10, 20, 1)
    clock.now = 31.0
    watcher.progress(20, 20, 1)
    assert told.getvalue() == ""


def test_before_the_first_answer_no_time_left_is_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    watcher, clock, told = watch(monkeypatch)
    clock.now = 7_230.0
    watcher.progress(0, 20, 0)
    assert told.getvalue() == "after 2:00:30: 0 of 20 ports, 0 open\n"


def test_another_look_is_timed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    watcher, clock, told = watch(monkeypatch)
    for clock.now, done in ((10.0, 100), (20.0, 0), (40.0, 50)):
        watcher.progress(done, 200, 1)
    assert told.getvalue() == "after 0:00:20: 50 of 200 ports, 1 open, about 0:01:00 left\n"


def test_quiet_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    watcher, clock, told = watch(monkeypatch, quiet=True)
    clock.now = 60.0
    watcher.progress(1, 20, 0)
    watcher.say("hello")
    assert told.getvalue() == ""


def test_once_the_first_pass_may_be_over_the_time_left_is_a_lower_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    watcher, clock, told = watch(monkeypatch)
    for clock.now, done in ((40.0, 40), (80.0, 50), (120.0, 100), (160.0, 100), (170.0, 100)):
        watcher.progress(done, 100, 1)
    assert told.getvalue().splitlines() == [
        "after 0:00:40: 40 of 100 ports, 1 open, about 0:01:00 left",
        "after 0:01:20: 50 of 100 ports, 1 open, at least 0:01:20 left",
        "after 0:02:40: 100 of 100 ports, 1 open, asking again",
    ]
