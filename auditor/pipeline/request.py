"""What an audit or a scan is asked to do, as the caller says it; and a policy that is ready to answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from auditor.model.evidence import Evidence
    from auditor.model.policy import Policy
    from auditor.model.ports import PortSet
    from auditor.policy.resolve import Resolver

UNLIMITED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanLimits:
    """How to scan, and what the caller sets over the policy's ``scan:``; None: as the policy says.

    ``method`` is ``connect``, which is the default, or ``syn``; ``rate`` in packets a second over all hosts,
    ``host_rate`` to each address, ``UNLIMITED`` for no cap; ``timeout`` in seconds.
    """

    method: str | None = None
    rate: int | None = None
    host_rate: int | None = None
    timeout: float | None = None
    max_inflight: int | None = None
    max_targets: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SshLimits:
    """How to read the sockets of other machines over SSH; None: as the collector has it.

    ``sudo`` is for every host, whatever the policy says. ``configuration`` and ``known_hosts`` are files that stand in
    for the user's own. ``concurrency`` is of hosts at once, ``timeout`` in seconds for each.
    """

    sudo: bool = False
    configuration: str | None = None
    known_hosts: str | None = None
    concurrency: int | None = None
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One audit as asked for.

    ``policy`` is a file, or a policy that was read already. ``evidence`` names files, ``collected`` is open already and
    read once, ``sockets`` reads this machine's tables, and ``ssh`` those of the policy's hosts with
    logins; without any of them the hosts are scanned.
    ``asked`` and ``taken`` are what was asked, and when, of evidence that does not say so itself.
    ``baseline`` names an earlier audit: only what is new against it fails. ``retry_for`` is how long to look again, in
    seconds, until required ports answer. ``matrix`` selects hosts whose ports are laid out in full.
    ``reports`` names the files that the caller is going to write. ``settings`` overrides the policy's, by name.
    ``clock`` gives the time, in UTC. ``root`` is the folder that file names in the audit are relative to.
    """

    policy: str | Policy
    clock: Callable[[], datetime]
    root: Path
    evidence: Sequence[str] = ()
    collected: Sequence[Evidence] = ()
    sockets: bool = False
    ssh: SshLimits | None = None
    vantage: str | None = None
    host: str | None = None
    asked: PortSet | None = None
    taken: datetime | None = None
    only: Sequence[str] = ()
    matrix: Sequence[str] = ()
    baseline: str | None = None
    retry_for: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    save: str | None = None
    reports: Sequence[str] = ()
    limits: ScanLimits = field(default_factory=ScanLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A policy and what answers for it."""

    policy: Policy
    resolver: Resolver
