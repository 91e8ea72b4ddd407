"""Where evidence that needs no packets comes from: files, and the sockets of other machines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.model.ports import Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditor.model.evidence import Evidence
    from auditor.model.policy import Host, Policy
    from auditor.model.ssh import Asked
    from auditor.model.target import Observer
    from auditor.pipeline.request import Request, SshLimits


def opened(policy: Policy, request: Request, observer: Observer) -> Sequence[Evidence]:
    """Open evidence files, told apart by content; say which of them leave open what was asked.

    :raises EvidenceError: one of them cannot be read or recognised.
    :raises UsageError: a vantage that the policy does not know.
    """
    from auditor.collect.registry import open_all
    from auditor.plan.vantage import require_vantage

    require_vantage(policy, request.vantage, needed=False)
    pieces = open_all(
        request.evidence, vantage=request.vantage, host=request.host, asked=request.asked, taken=request.taken
    )
    for one in pieces:
        if one.undeclared:
            observer.say(
                f"{one.origin.source} does not say what was asked: what it does not list counts as not seen;"
                " declare it with --asked"
            )
    return pieces


def over_ssh(
    hosts: Sequence[Asked], limits: SshLimits, observer: Observer, protocols: Iterable[Protocol] = tuple(Protocol)
) -> Evidence:
    """Read what listens on other machines; they are asked as the result is read.

    :raises CollectError: there is no OpenSSH client here.
    :raises UsageError: a file that is not to be read.
    """
    from auditor.collect.sockets.remote import CONCURRENCY, Settings, remote_listening

    settings = Settings(configuration=limits.configuration, known_hosts=limits.known_hosts)
    if limits.timeout is not None:
        settings = replace(settings, timeout=limits.timeout)
    if limits.sudo:
        hosts = [replace(asked, login=replace(asked.login, sudo=True)) for asked in hosts]
    return remote_listening(
        hosts, settings, observer, protocols=tuple(protocols), concurrency=limits.concurrency or CONCURRENCY
    )


def chosen(policy: Policy, only: Sequence[str], *, option: str = "--only") -> tuple[Host, ...]:
    """Return the hosts that ``--only`` selects, in policy order; without selectors all of them.

    :raises UsageError: a selector that matches nothing.
    """
    from auditor.policy.select import parse_only

    return parse_only(policy, only, option=option) if only else tuple(policy.hosts.values())
