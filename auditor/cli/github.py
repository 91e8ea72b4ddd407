"""What a job of GitHub Actions gets without being asked: annotations on the lines, and the summary of the step."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.model.findings import Audit
    from auditor.report.registry import Output, ReportOptions

_SUMMARY = "GITHUB_STEP_SUMMARY"


def is_wanted(switch: bool | None) -> bool:
    """Whether to do so: as the caller says, and else in a job of GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true" if switch is None else switch


def announce(audit: Audit, asked: Sequence[Output], options: ReportOptions) -> None:
    """Write annotations to standard error, where the runner looks too, and append the summary to the step's file.

    A report of the same format that was asked for is not written twice. A summary that cannot be written is said, and
    does not change the outcome: nobody asked for it.
    """
    from auditor.report import github, markdown

    names = {output.format.name for output in asked}
    if "github" not in names and sys.stderr is not None:
        sys.stderr.write(github.render(audit, options).decode())
        sys.stderr.flush()
    path = os.environ.get(_SUMMARY)
    if path and not any(output.path and os.path.realpath(output.path) == os.path.realpath(path) for output in asked):
        try:
            with Path(path).open("ab") as file:
                file.write(markdown.render(audit, options))
        except OSError as error:
            sys.stderr.write(f"auditor: the summary was not written to {path}: {error.strerror or error}\n")
