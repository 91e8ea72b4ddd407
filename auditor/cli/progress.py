"""What a scan, or a round of logins, shows while it runs: a bar with rate and time left on a terminal, else lines."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from auditor.report.escape import terminal

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress, TaskID


class Watcher:
    """Shows progress on standard error, in ports or hosts; a context manager that leaves the terminal as it was."""

    def __init__(self, *, quiet: bool, of: str = "ports") -> None:
        self._of = of
        self._quiet = quiet or sys.stderr is None  # closed by the caller
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        """Nothing is drawn before the first progress."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar off the screen."""
        if self._bar:
            self._bar.stop()

    def say(self, message: str) -> None:
        """One line, above the bar if there is one."""
        if self._quiet:
            return
        if self._bar:
            self._bar.console.print(terminal(message), markup=False, highlight=False)
        else:
            with suppress(OSError):  # what nobody can read is no reason to stop
                sys.stderr.write(f"{terminal(message)}\n")

    def progress(self, done: int, total: int, opened: int) -> None:
        """Draw the bar, where there is a terminal to draw on."""
        if self._quiet or not sys.stderr.isatty():
            return
        if self._bar is None:
            self._bar = _bar(self._of)
            self._bar.start()
            self._task = self._bar.add_task("scanning" if self._of == "ports" else "asking", total=total, opened=0)
        if self._task is not None:
            self._bar.update(self._task, completed=done, total=total, opened=opened)


def _bar(of: str) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """What is done in a second."""

        def render(self, task: object) -> Text:
            speed = getattr(task, "finished_speed", None) or getattr(task, "speed", None)
            return Text(f"{speed:,.0f} {of}/s" if speed else "")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[opened]} open" if of == "ports" else "{task.fields[opened]} sockets"),
        Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
