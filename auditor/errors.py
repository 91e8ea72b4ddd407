"""The exceptions of the auditor, and the exit code each of them ends in.

::

    AuditorError                     4  the audit could not be carried out
    ├── UsageError                   2  bad usage
    │   └── PolicyError              2  the policy is invalid; holds every problem found
    ├── EvidenceError                4  evidence that cannot be read at all
    │   └── CutOffError              3  what was read of it counts, and more is missing
    ├── CollectError                 4  this machine does not let us look
    └── ReportError                  4  a report could not be written

Failures of the world (a dead host, a truncated file) are not exceptions: they are data in the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.model.location import Location


class ExitCode(IntEnum):
    """What the process answers; the same whatever the output format."""

    CONFORMS = 0
    VIOLATIONS = 1
    USAGE = 2
    UNVERIFIED = 3
    FAILED = 4
    INTERRUPTED = 130


class AuditorError(Exception):
    """The audit could not be carried out; the message says what, where and what to do."""

    exit_code = ExitCode.FAILED


class UsageError(AuditorError):
    """The caller asked for something that does not exist or does not fit."""

    exit_code = ExitCode.USAGE


class EvidenceError(AuditorError):
    """An evidence file that cannot be read or recognised."""


class CutOffError(EvidenceError):
    """The end of a file that is not all of it: what was read before counts, and the message says what is missing.

    Whoever reads the file turns it into evidence that is not complete.
    """

    exit_code = ExitCode.UNVERIFIED


class CollectError(AuditorError):
    """This machine does not let the auditor look: permission, a missing kernel interface."""


class ReportError(AuditorError):
    """A report could not be rendered or written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in an input file: where, what, what was expected, and the nearest valid word."""

    location: Location
    message: str
    expected: str | None = None
    suggestion: str | None = None

    def __str__(self) -> str:
        """``file:line:column: message; expected …; did you mean …?``, on one line."""
        text = f"{self.location}: {self.message}"
        if self.expected:
            text += f"; expected {self.expected}"
        if self.suggestion:
            text += f"; did you mean '{self.suggestion}'?"
        return text


class PolicyError(UsageError):
    """An invalid policy. ``problems`` holds all that were found, in file and line order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.location.order))
        super().__init__("\n".join(str(problem) for problem in self.problems))
