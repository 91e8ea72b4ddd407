"""The options of reading sockets over SSH, shared by the commands that do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from auditor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.model.ssh import Asked
    from auditor.pipeline import SshLimits

Sudo = Annotated[
    bool, typer.Option("--sudo", help="SSH: read as root, by 'sudo -n', to see the processes of other users.")
]
Configuration = Annotated[
    str | None,
    typer.Option("--ssh-config", metavar="FILE", help="SSH: this configuration in place of ~/.ssh/config."),
]
KnownHosts = Annotated[
    str | None,
    typer.Option("--ssh-known-hosts", metavar="FILE", help="SSH: take the host keys in this file, and no others."),
]
Concurrency = Annotated[
    int | None,
    typer.Option("--ssh-concurrency", metavar="N", min=1, max=256, help="SSH: so many hosts at once. Default: 8."),
]
Timeout = Annotated[
    str | None,
    typer.Option("--ssh-timeout", metavar="TIME", help="SSH: the longest that one host may take. Default: 60s."),
]


def limits(
    *, sudo: bool, configuration: str | None, known_hosts: str | None, concurrency: int | None, timeout: str | None
) -> SshLimits:
    """Read the options that say how to log in.

    :raises UsageError: the time is none.
    """
    from auditor.cli.options import seconds
    from auditor.pipeline import SshLimits

    return SshLimits(
        sudo=sudo,
        configuration=configuration,
        known_hosts=known_hosts,
        concurrency=concurrency,
        timeout=seconds(timeout, "--ssh-timeout"),
    )


def logins(texts: Sequence[str], name: str | None) -> tuple[Asked, ...]:
    """Read the hosts of the command line, each once; ``name`` is what evidence of a single one calls it.

    :raises UsageError: one of them is no login, or there are several for one name.
    """
    from auditor.model.ssh import LOGIN_FORM, Asked, parse_login

    found: dict[str, Asked] = {}
    for text in texts:
        try:
            login = parse_login(text)
        except ValueError as error:
            raise UsageError(f"--ssh: {error}; expected {LOGIN_FORM}") from None
        found.setdefault(str(login), Asked(name=name or login.host, login=login, known=name is not None))
    if name is not None and len(found) > 1:
        raise UsageError("--host names one host, and --ssh several")
    return tuple(found.values())
