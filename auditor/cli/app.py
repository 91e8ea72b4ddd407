"""The command ``auditor``: its subcommands, and the single place where exceptions become exit codes."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from shutil import get_terminal_size
from typing import TYPE_CHECKING, NoReturn, cast

import typer

from auditor.cli import check, drift, environment, explain, import_, merge, policy, port, report, scan, schema, sockets
from auditor.cli.examples import show_examples
from auditor.cli.output import output_failure
from auditor.errors import AuditorError, ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_CLICKS_LEAST, _LEAST_HELP = 50, 30
"""Columns of the help: click's own lower bound, and ours."""
_MOST_PROBLEMS = 50
"""Nobody reads more of them at once, and a file of another kind can have thousands."""


def _narrow() -> dict[str, int]:
    """Let the help fit terminals of less than 52 columns, which click takes for that wide."""
    columns = get_terminal_size().columns
    return {"terminal_width": max(columns - 2, _LEAST_HELP)} if columns - 2 < _CLICKS_LEAST else {}


app = typer.Typer(
    name="auditor",
    help="Policy as code for open ports: what may each host expose, to whom, and what is really exposed.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100, **_narrow()},
)
app.command(short_help="Judge what is exposed by a policy, and fail on violations.")(check.check)
app.command(short_help="Scan hosts, and show or save what was seen.")(scan.scan)
app.command(short_help="Show what listens on this machine, and who holds it.")(sockets.sockets)
app.command("import", short_help="Turn other tools' output into a snapshot.")(import_.import_)
app.command(short_help="Join snapshots into one.")(merge.merge)
app.command(short_help="Say what changed between two looks.")(drift.drift)
app.command(short_help="Say whether a port is allowed, and which rule decides.")(explain.explain)
app.add_typer(policy.app, name="policy", short_help="Look at a policy, and at no host.")
app.command(short_help="Say what a port is, and who holds it here.")(port.port)
app.command(short_help="Render a saved audit in other formats.")(report.report)
app.command(short_help="Print a JSON Schema, for editors and other tools.")(schema.schema)
show_examples(app)


def _show_version(asked: bool) -> None:
    if asked:
        from auditor import __version__

        typer.echo(f"auditor {__version__}")
        raise typer.Exit


@app.callback()
def _auditor(
    context: typer.Context,
    version: bool = typer.Option(  # noqa: ARG001 - its callback has said it
        False,
        "--version",
        callback=_show_version,
        is_eager=True,
        help="Show the version and exit.",
    ),
) -> None:
    """Policy as code for open ports: what may each host expose, to whom, and what is really exposed.

    Exit codes: 0 conforms and all verified; 1 violations at or above fail_on; 2 bad usage or invalid policy;
    3 no violation, but not all verified; 4 the audit could not be carried out; 130 interrupted.

    Many options can be set by a variable of the environment, which their help names; the command line comes first.
    """
    environment.refuse_slips(context)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code."""
    _print_anything()
    signal.signal(signal.SIGTERM, _terminated)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup(1) wants it ignored
        signal.signal(signal.SIGHUP, _terminated)
    try:
        code = run(arguments)
        if sys.stdout is not None:  # it is None where the caller closed it
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader went away (`| head`): what it did not read is lost by its own choice, but not the verdict's pipe.
        code = ExitCode.FAILED
    except OSError as error:
        code = _failed(output_failure(error), _words(arguments))
    except KeyboardInterrupt:  # a second one, while the first was being told
        code = ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a bug shows itself, but Python's exit code for it is that of a verdict
        code = _crashed(error, _words(arguments))
    if code == ExitCode.FAILED:
        _drop_unwritten()
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; the one error boundary of the program."""
    try:
        code = int(app(args=arguments, standalone_mode=False) or 0)
    except typer.TyperException as error:
        return _misused(error.format_message(), getattr(error, "ctx", None), _words(arguments))
    except AuditorError as error:
        return _failed(error, _words(arguments))
    except (KeyboardInterrupt, typer.Abort):
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        raise
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # typer would make a verdict of it: exit code 1
            raise stop.__context__ from None
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        told = AuditorError(f"{error.filename}: {reason}" if error.filename else reason)
        return _failed(told, _words(arguments))
    if code == ExitCode.INTERRUPTED:  # typer, too, makes this code of a KeyboardInterrupt
        _interrupted(_words(arguments))
    return code


def _misused(message: str, context: typer.Context | None, arguments: Sequence[str]) -> int:
    if message.startswith("Usage:"):  # no command at all: typer hands over the help
        typer.echo(message, err=True)
        return ExitCode.USAGE
    told = UsageError(f"{' '.join(message.split()).rstrip('.')}; see '{_command(context)} --help'")
    return _failed(told, arguments)


def _command(context: typer.Context | None) -> str:
    """``auditor scan``: the names of the commands, however the program itself was called."""
    names: list[str] = []
    while context is not None and context.parent is not None:
        names.insert(0, context.info_name or "")
        context = cast("typer.Context", context.parent)
    return " ".join(("auditor", *filter(None, names)))


def _words(arguments: Sequence[str] | None) -> Sequence[str]:
    return sys.argv[1:] if arguments is None else arguments


def _failed(error: AuditorError, arguments: Sequence[str]) -> int:
    from auditor.cli.github import announce_failure
    from auditor.cli.say import tell

    lines = str(error).splitlines()
    with suppress(OSError):  # nowhere left to say it; the exit code still does
        for line in lines[:_MOST_PROBLEMS]:
            tell(f"error: {line}")
        if len(lines) > _MOST_PROBLEMS:
            tell(f"error: and {len(lines) - _MOST_PROBLEMS:,} more problems like these")
        reminder = environment.reminder(error)
        if reminder:
            tell(reminder)
        announce_failure(error, arguments)
    return error.exit_code


class _InterruptedError(AuditorError):
    """Somebody ended the audit: at the keyboard, by a signal, as a job took too long."""

    exit_code = ExitCode.INTERRUPTED


def _interrupted(arguments: Sequence[str]) -> None:
    from auditor.cli.github import announce_failure
    from auditor.cli.say import tell

    with suppress(OSError):
        tell("interrupted")
        announce_failure(_InterruptedError("interrupted before there was a verdict"), arguments)


def _crashed(error: Exception, arguments: Sequence[str]) -> int:
    from traceback import format_exception

    from auditor.cli.github import announce_failure
    from auditor.cli.say import tell

    what = " ".join(f"{type(error).__name__}: {error}".split())
    with suppress(Exception):  # what is broken may be in the way here, too
        tell("".join(format_exception(error)).rstrip())
        announce_failure(AuditorError(f"internal error: {what} (the log has the traceback)"), arguments)
    return ExitCode.FAILED


def _drop_unwritten() -> None:
    """What standard output does not take must not fail again when Python ends."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminated(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _print_anything() -> None:
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")
