"""Where in an input file something stands. Stage-free: policies, evidence and findings all point with it."""

from __future__ import annotations

from dataclasses import dataclass

STDIN = "standard input"
"""What stands in a file's place where the text came through a pipe: no report can point into it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A region within one line of a file.

    ``line``, ``column`` and ``end_column`` count from 1, columns in Unicode code points, ``end_column``
    exclusive. ``line`` 0 means the file as a whole. ``snippet`` is the text of that line, if known.
    """

    file: str
    line: int = 0
    column: int = 0
    end_column: int = 0
    snippet: str | None = None

    @property
    def order(self) -> tuple[str, int, int]:
        """A sort key: file, line, column."""
        return (self.file, self.line, self.column)

    def __str__(self) -> str:
        """``file:line:column``, or the file alone where no line is known."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file
