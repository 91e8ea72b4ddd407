"""Settings from the environment: ``AUDITOR_FROM`` is ``--from``, and so on, for pipelines that set variables alone.

What the command line says comes before the environment, that before the policy, and that before the default.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from auditor.cli.say import tell
from auditor.errors import PolicyError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    import typer

    from auditor.errors import AuditorError

PREFIX = "AUDITOR_"

_OF_THE_TESTS = frozenset({"AUDITOR_ISOLATED", "AUDITOR_WRITE_EXPECTED", "AUDITOR_RESUME_ROUNDS"})
"""What the project's own tests are told by; a program that they start has them too."""

_KUBERNETES = re.compile(r"(.*_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP|SCTP)(_.*)?)?)")
"""What Kubernetes sets in every pod beside a service whose name begins with ``auditor``."""


def names(context: typer.Context) -> frozenset[str]:
    """The variables that some command of the program reads: its options say so themselves."""
    return frozenset(_read_by(context.find_root().command))


def refuse_slips(context: typer.Context) -> None:
    """Tell a variable that nothing reads: a setting with a slip in its name would leave the gate as it was.

    A name near to a known one is such a slip. Others may have a meaning to somebody else, and are said on standard
    error alone.

    :raises UsageError: a variable is named almost like one that is read.
    """
    from auditor.files.suggest import nearest

    known = names(context)
    for name in sorted(name for name in os.environ if name.startswith(PREFIX)):
        word = name.removeprefix(PREFIX)
        if name in known or name in _OF_THE_TESTS or _KUBERNETES.fullmatch(word):
            continue
        meant = nearest(word, (each.removeprefix(PREFIX) for each in known), likeness=0.75)
        if meant:
            raise UsageError(f"the environment sets {name}, which nothing reads; did you mean '{PREFIX}{meant}'?")
        tell(f"warning: the environment sets {name}, which nothing reads")


def reminder(error: AuditorError) -> str | None:
    """What to say beside a usage error that may come from a variable; None where none is set, and of other errors.

    A mistake in a policy comes from its file, unless a variable chose that file.
    """
    from auditor.report.escape import terminal

    if isinstance(error, PolicyError):
        chosen = os.environ.get("AUDITOR_POLICY")
        blamed = chosen and any(problem.location.file == chosen for problem in error.problems)
        return "note: the environment sets AUDITOR_POLICY" if blamed else None
    if not isinstance(error, UsageError):
        return None
    given = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in _OF_THE_TESTS)
    return f"note: the environment sets {terminal(', '.join(given))}" if given else None


def spoken(context: typer.Context, options: Iterable[str]) -> bool:
    """Whether the command line itself sets one of these parameters.

    A variable is set for many commands, and one that has no use in this one is no contradiction; an option is.
    """
    sources = (context.get_parameter_source(name) for name in options)
    return any(source is not None and source.name == "COMMANDLINE" for source in sources)


def _read_by(command: Any) -> Iterator[str]:
    for parameter in command.params:
        yield from _variables(parameter.envvar)
    for inner in getattr(command, "commands", {}).values():
        yield from _read_by(inner)


def _variables(envvar: str | Collection[str] | None) -> Collection[str]:
    return (envvar,) if isinstance(envvar, str) else envvar or ()
