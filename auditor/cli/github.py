"""What a job of GitHub Actions gets without being asked: annotations on the lines, and the summary of the step."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.cli.say import tell
from auditor.errors import PolicyError
from auditor.files.paths import below, repository_root
from auditor.files.spare import OverwriteError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.errors import AuditorError
    from auditor.model.findings import Audit
    from auditor.model.location import Location
    from auditor.report.registry import Output, ReportOptions

_SUMMARY = "GITHUB_STEP_SUMMARY"


def is_wanted(switch: bool | None) -> bool:
    """Whether to do so: as the caller says, and else in a job of GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true" if switch is None else switch


def summary_beside(asked: Sequence[Output]) -> list[str]:
    """Return the file that gets the summary of the step, unless a report goes there; else nothing."""
    path = os.environ.get(_SUMMARY)
    if not path or any(output.path and os.path.realpath(output.path) == os.path.realpath(path) for output in asked):
        return []
    return [path]


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
    for path in summary_beside(asked):
        _append(path, markdown.render(audit, options))


def announce_failure(error: AuditorError, arguments: Sequence[str]) -> None:
    """Tell why there is no verdict, where a job of ``check`` shows its annotations: else it is in the log alone.

    ``arguments`` are the words of the command line, as the error may be that nobody could make sense of them. Problems
    of a policy stand on their lines.
    """
    words = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    switch = next((word == "--github" for word in reversed(words) if word in {"--github", "--no-github"}), None)
    if words[:1] != ["check"] or not is_wanted(switch) or sys.stderr is None:
        return
    from auditor.report import github, markdown

    told = str(error).splitlines() or ["the audit could not be carried out"]
    places = [_shown(problem.location) for problem in error.problems] if isinstance(error, PolicyError) else []
    sys.stderr.write(github.failure(told, places).decode())
    sys.stderr.flush()
    path = os.environ.get(_SUMMARY)
    if path and not _is_input(path, words, error):
        _append(path, markdown.failure(told, error.exit_code))


def _is_input(path: str, words: Sequence[str], error: AuditorError) -> bool:
    """Whether the summary would go to a file that the command reads."""
    real = os.path.realpath(path)
    spared = isinstance(error, OverwriteError) and os.path.realpath(error.name) == real
    return spared or any("\0" not in word and os.path.realpath(word) == real for word in words)


def _shown(location: Location) -> Location:
    """Name a file as annotations do: from the root of the repository on."""
    return replace(location, file=below(repository_root(Path.cwd()), location.file))


def _append(path: str, text: bytes) -> None:
    try:
        with Path(path).open("ab") as file:
            file.write(text)
    except OSError as error:
        tell(f"auditor: the summary was not written to {path}: {error.strerror or error}")
