"""Where reports go: the terminal's properties, and files written beside and renamed."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from auditor.errors import AuditorError, ReportError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.model.findings import Audit
    from auditor.report.registry import Output, ReportOptions


def outputs(texts: Iterable[str] | None, default: str = "text") -> tuple[Output, ...]:
    """Read the ``-o FORMAT[=FILE]`` options.

    :raises UsageError: an unknown format, or two reports for standard output.
    """
    from auditor.report.registry import parse_output

    read = tuple(parse_output(text) for text in texts or [default])
    if sum(output.path is None for output in read) > 1:
        raise UsageError("only one report can go to standard output; name a file for the others: -o junit=report.xml")
    paths = [os.path.realpath(output.path) for output in read if output.path]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice:
        raise UsageError(f"two reports are written to the same file: {twice}")
    return read


def expect_room(reports: Iterable[Output]) -> None:
    """Fail now, and not after a long scan, where a report's folder takes no file.

    :raises ReportError: there is no such folder, or it is not ours to write in.
    """
    for output in reports:
        if output.path is None:
            continue
        folder = Path(output.path).parent
        if not folder.is_dir():
            raise ReportError(f"cannot write {output.path}: No such file or directory")
        if not Path(output.path).exists() and not os.access(folder, os.W_OK):
            raise ReportError(f"cannot write {output.path}: Permission denied")


def colour(stream: object) -> bool:
    """Whether a stream wants colour: a terminal, unless ``NO_COLOR`` is set; ``FORCE_COLOR`` wins for pipes."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return bool(getattr(stream, "isatty", lambda: False)()) and os.environ.get("TERM") != "dumb"


def width() -> int:
    """How many columns a report on standard output may use."""
    return columns_of(sys.stdout)


def columns_of(stream: TextIO | None) -> int:
    """How many columns a stream has, 40 to 200; 100 where nobody looks."""
    if not is_terminal(stream):
        return 100
    return max(40, min(shutil.get_terminal_size().columns, 200))


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody looks at a stream, so that lines are to fit."""
    return bool(stream and not stream.closed and stream.isatty())


def fitting(text: str, stream: TextIO | None) -> str:
    """Fold the lines of a text at blanks to the columns of a terminal; for anything else it stays as it is."""
    if not is_terminal(stream):
        return text
    from auditor.report.text_wrap import wrapped

    return "\n".join(part for line in text.split("\n") for part in wrapped(line, columns_of(stream)))


def ascii_only(stream: TextIO | None) -> bool:
    """Whether a stream cannot show more than ASCII: by its encoding, or a terminal by the locale (``LC_ALL=C``).

    Python writes UTF-8 in the locale C, which a terminal there does not show. Files and pipes take UTF-8.
    """
    encoding = (getattr(stream, "encoding", None) or "utf-8").lower()
    if not encoding.startswith("utf"):
        return True
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "C")
    return is_terminal(stream) and "utf" not in locale.lower()


def options(
    *,
    verbose: bool = False,
    sarif_anchor: str | None = None,
    sarif_category: str | None = None,
    sarif_include_excepted: bool = False,
) -> ReportOptions:
    """Collect what reports may know of the surroundings: colour, width, and where the user stands."""
    from pathlib import Path

    from auditor.files.paths import base_of, repository_root
    from auditor.report.registry import ReportOptions

    return ReportOptions(
        base=base_of(repository_root(Path.cwd())),
        color=colour(sys.stdout),
        width=width(),
        wrap=is_terminal(sys.stdout),
        ascii=ascii_only(sys.stdout),
        verbose=verbose,
        sarif_anchor=sarif_anchor,
        sarif_category=sarif_category,
        sarif_include_excepted=sarif_include_excepted,
    )


def write(audit: Audit, reports: Iterable[Output], options: ReportOptions) -> None:
    """Render and write each report; those that can be written are, even if another one fails.

    :raises AuditorError: what went wrong with the first that failed.
    """
    failed: AuditorError | None = None
    for output in reports:
        try:
            _write(audit, output, options)
        except AuditorError as error:
            failed = failed or error
    if failed:
        raise failed


def _write(audit: Audit, output: Output, options: ReportOptions) -> None:
    from dataclasses import replace

    from auditor.cli.say import tell
    from auditor.files.atomic import write_atomic

    if output.path is not None:
        options = replace(options, color=False, width=100, wrap=False, ascii=False)
    content = output.format.render(audit, options)
    if output.path is None:
        _to_standard_output(content)
    else:
        write_atomic(output.path, content)
    for caution in output.format.cautions(audit, options, content):
        tell(f"warning: {output.path or output.format.name}: {caution}")


def output_failure(error: OSError) -> ReportError:
    """The one wording for standard output that does not take what it is given."""
    return ReportError(f"cannot write standard output: {error.strerror or error}")


def _to_standard_output(content: bytes) -> None:
    if sys.stdout is None:
        raise ReportError("cannot write standard output: it is closed; name a file for the report: -o text=report.txt")
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise output_failure(error) from error
