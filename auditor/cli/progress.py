"""What a scan, or a round of logins, shows while it runs: a bar with rate and time left on a terminal, else lines."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Self

from auditor.cli import output
from auditor.report.escape import ascii_only, terminal, workflow_safe

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rich.progress import Progress, Task, TaskID

_LEAST_BAR, _MOST_BAR = 8, 40
"""Columns of the bar itself."""
_AGAIN = "asking again"
"""What is said where every port has been asked as often as is usual, and some have to be asked once more."""
_ECHO = len("^C") + 1
"""Columns that stay free behind the line; some terminals go to the next one behind the last."""
_PAUSE = 30.0
"""Seconds between two lines where there is no terminal."""


class Watcher:
    """Shows progress on standard error, in ports or hosts; a context manager that leaves the terminal as it was."""

    def __init__(self, *, quiet: bool, of: str = "ports", clock: Callable[[], float] = monotonic) -> None:
        self._of = of
        self._quiet = quiet or sys.stderr is None  # closed by the caller
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._done = 0
        self._clock = clock
        self._begun = self._told = clock()
        self._full: float | None = None
        """Since when everything has been asked as often as is usual."""

    def __enter__(self) -> Self:
        """Nothing is drawn before the first progress."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar off the screen."""
        if self._bar:
            self._bar.stop()

    def aside(self) -> None:
        """Take the bar off the screen before something else is written there; the next progress draws it again."""
        if self._bar:
            self._bar.stop()

    def say(self, message: str) -> None:
        """One line, above the bar if there is one."""
        if self._quiet:
            return
        if self._bar:
            self._bar.console.print(self._shown(message), markup=False, highlight=False)
        else:
            with suppress(OSError):  # what nobody can read is no reason to stop
                sys.stderr.write(f"{self._shown(message)}\n")

    def _shown(self, message: str) -> str:
        shown = workflow_safe(terminal(message))
        if output.ascii_only(sys.stderr):
            shown = ascii_only(shown)
        return output.fitting(shown, sys.stderr)

    def progress(self, done: int, total: int, opened: int) -> None:
        """Draw the bar; where there is no terminal to draw on, a line now and then."""
        if self._quiet:
            return
        if not output.is_terminal(sys.stderr) or os.environ.get("TERM") == "dumb":
            self._tell(done, total, opened)
            return
        if self._bar is None:
            self._bar = _progress(self._of)
        if not self._bar.live.is_started:
            self._bar.start()
        if self._task is None or done < self._done:  # it looks again, and its rate is that of the new look
            if self._task is not None:
                self._bar.remove_task(self._task)
            what = "scanning" if self._of == "ports" else "asking"
            self._task = self._bar.add_task(what, total=total, opened=0)
        self._done = done
        self._bar.update(self._task, completed=done, total=total, opened=opened)

    def _tell(self, done: int, total: int, opened: int) -> None:
        """Say how far it is, twice a minute: whoever reads a pipeline's log knows that it is not stuck."""
        now = self._clock()
        if done < self._done:  # it looks again
            self._begun = now
        self._done = done
        if done < total:
            self._full = None
        elif self._full is None:  # most likely it is the end
            self._full = now
        if now - self._told < _PAUSE or (self._full is not None and now - self._full < _PAUSE):
            return
        self._told = now
        took = now - self._begun
        found = f"{opened:,} {'open' if self._of == 'ports' else 'sockets'}"
        left = ""
        if self._full is not None:
            left = f", {_AGAIN}" if self._of == "ports" else ""
        elif done and took:
            left = f", {_word(done, total, self._of)} {timedelta(seconds=round((total - done) * took / done))} left"
        self.say(f"after {timedelta(seconds=round(took))}: {done:,} of {total:,} {self._of}, {found}{left}")


def _word(done: int, total: int, of: str) -> str:
    """Say how sure the time left is.

    A silent port is half done when it was asked once, so that from the half on the first pass may be over; how many
    more come depends on how much gets lost.
    """
    return "at least" if of == "ports" and 2 * done >= total else "about"


def progress_line(task: Task, of: str, width: int, *, ascii_only: bool) -> str:
    """Say how far a scan is, in one line of at most ``width`` columns: what is dear to nobody goes first.

    In full ``scanning ━━━━━━━━━━ 45%  29,491/65,535 ports  12,034/s  0:03 left  5 open``.
    """
    done, total = int(task.completed), int(task.total or 0)
    speed = task.finished_speed or task.speed
    left = task.time_remaining
    parts = {
        "what": task.description,
        "bar": "",
        "percent": f"{100 * done // total if total else 0}%",
        "count": f"{done:,}/{total:,} {of}",
        "rate": f"{speed:,.0f} {of}/s" if speed and speed >= 1 else "",
        "left": _left(done, total, of, left),
        "opened": f"{task.fields['opened']:,} {'open' if of == 'ports' else 'sockets'}",
    }
    for spared in (None, "rate", "count", "what", "left", "percent"):
        parts.pop(spared or "", None)
        room = width - len("  ".join(filter(None, parts.values()))) - 2
        if room >= _LEAST_BAR:
            parts["bar"] = _bar(done, total, min(room, _MOST_BAR), ascii_only=ascii_only)
        if room >= (_LEAST_BAR if spared is None else -2):
            break
    return "  ".join(filter(None, parts.values()))[:width]


def _left(done: int, total: int, of: str, left: float | None) -> str:
    if total and done >= total:
        return _AGAIN if of == "ports" else ""
    if left is None:
        return ""
    word = _word(done, total, of)
    return f"{'' if word == 'about' else f'{word} '}{timedelta(seconds=int(left))} left"


def _bar(done: int, total: int, width: int, *, ascii_only: bool) -> str:
    full = width * done // total if total else 0
    return ("#" if ascii_only else "\u2501") * full + ("-" if ascii_only else "\u2500") * (width - full)


def _progress(of: str) -> Progress:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn
    from rich.text import Text

    console = Console(stderr=True, emoji=False)
    plain = output.ascii_only(sys.stderr)

    class Line(ProgressColumn):
        """All of it in one, which knows the width: columns of a table would be folded."""

        def render(self, task: Task) -> Text:
            # Room for the ^C of who interrupts: with it, the line must not go on in the next one.
            line = progress_line(task, of, console.width - _ECHO, ascii_only=plain)
            return Text(line, no_wrap=True, overflow="crop")

    return Progress(Line(), console=console, transient=True)
