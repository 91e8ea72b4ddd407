"""Which hosts of a policy are asked over SSH: those of which it says how to log in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import UsageError
from auditor.model.ssh import Asked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.model.policy import Host


def planned_logins(hosts: Iterable[Host]) -> tuple[Asked, ...]:
    """Return the logins of these hosts, in their order, under the names that the policy gives them.

    :raises UsageError: none of them has one.
    """
    logins = tuple(Asked(name=host.name, login=host.ssh, known=True) for host in hosts if host.ssh is not None)
    if not logins:
        raise UsageError("--ssh: none of the hosts says how to log in; give them 'ssh: true' or 'ssh: user@host'")
    return logins
