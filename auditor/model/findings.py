"""Findings and the audit they belong to: the one thing that every report is a pure function of. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from auditor.model.ports import NO_PORTS, PortSet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from auditor.errors import ExitCode
    from auditor.model.evidence import Completion, Kind, Origin
    from auditor.model.location import Location
    from auditor.model.policy import Approval, Control, PolicyFile, Severity
    from auditor.model.ports import Port
    from auditor.model.reach import Reach


class Status(StrEnum):
    """What a finding counts as. Only a violation can fail the gate."""

    VIOLATION = "violation"
    EXCEPTED = "excepted"
    NOTE = "note"


class Novelty(StrEnum):
    """What a finding is against the baseline, where there is one."""

    NEW = "new"
    PERSISTING = "persisting"


class Verdict(StrEnum):
    """The outcome of an audit, or of one host in it."""

    CONFORMS = "conforms"
    VIOLATIONS = "violations"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftedBy:
    """The exception that lifts a finding, as reports show it."""

    id: str
    reason: str
    owner: str
    approved: Approval | None = None
    expires: date
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one piece of evidence says of a port, as a phrase: ``listening on 0.0.0.0 as redis-server``.

    Of declared evidence ``source`` is the file, and ``location`` the line in it that publishes the port.
    """

    kind: Kind
    text: str
    source: str | None = None
    location: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference between expectation and evidence.

    ``host`` is None for findings of the policy itself (housekeeping). ``member`` is the address inside a host that is
    declared as a network, and part of the identity; ``address`` is where it was seen, for people: one address or
    several joined by ``, ``. ``message`` is one line; ``expected`` and ``actual`` are short phrases; ``help`` says
    what to do. ``service``, ``process`` are what answers there, where known,
    the latter with its unit or container; ``evidence`` names the sources.
    ``fingerprint`` is the lower-case hex SHA-256 over check, policy name, host (with member), vantage and port.
    """

    check: str
    severity: Severity
    status: Status
    host: str | None
    member: str | None = None
    address: str | None = None
    port: Port | None = None
    ports: PortSet = NO_PORTS
    """Where one finding stands for many ports at once: all of them. ``port`` is None then."""
    vantage: str | None = None
    expected: str
    actual: str
    message: str
    help: str
    policy_location: Location
    source_location: Location | None = None
    service: str | None = None
    process: str | None = None
    exception: LiftedBy | None = None
    controls: tuple[str, ...] = ()
    rule: str | None = None
    owner: str | None = None
    evidence: tuple[str, ...] = ()
    sights: tuple[Sight, ...] = ()
    """Where several kinds of evidence speak of the port, what each of them says: declared, sockets, probes."""
    reach: tuple[Reach, ...] = ()
    """How far what is open reaches, for later audits to tell whether it grew; none where nothing is open."""
    novelty: Novelty | None = None
    """Against the baseline; None without one, and for what an exception lifts."""
    grown: str | None = None
    """Of what the baseline has as well and yet is new: in which way it is worse, as a phrase."""
    first_seen: datetime | None = None
    """Of what persists: when the first of the audits ended that tell of it."""
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unverified:
    """Ports of a host that the evidence does not settle, with the reason. Empty ``ports``: the host as a whole."""

    host: str
    member: str | None = None
    address: str | None = None
    vantage: str | None = None
    ports: PortSet = NO_PORTS
    reason: str
    policy_location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A permitted port that holds, for reports that list passes; ``state`` is what was seen there.

    ``rule`` is the id of the rule that permits it; what follows it is what that rule says of itself.
    """

    port: Port
    required: bool
    state: str
    service: str | None = None
    rule: str | None = None
    reason: str | None = None
    owner: str | None = None
    approved: Approval | None = None
    review_by: date | None = None
    controls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostResult:
    """One judged subject: a host, or one live address of a host that is declared as a network, at one vantage.

    The port sets are what the evidence showed, within what was asked. ``unverified`` holds the ports left open by the
    evidence. ``out_of_scope`` holds the ports that the policy does not ask to be looked at and that nobody looked at.
    ``kinds`` says what sort of evidence the row rests on.
    """

    host: str
    member: str | None = None
    address: str | None = None
    vantage: str | None = None
    verdict: Verdict
    asked: PortSet = NO_PORTS
    open: PortSet = NO_PORTS
    closed: PortSet = NO_PORTS
    filtered: PortSet = NO_PORTS
    open_filtered: PortSet = NO_PORTS
    unverified: PortSet = NO_PORTS
    out_of_scope: PortSet = NO_PORTS
    kinds: tuple[Kind, ...] = ()
    holds: tuple[Requirement, ...] = ()
    vacant: int = 0
    """For a host declared as a network, on the row of the network itself: how many of its addresses are silent."""
    members: int = 0
    """On the same row: how many addresses were asked."""
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixRow:
    """One port of a matrix. ``policy`` is what the policy says of it.

    A cell is None where no evidence of that kind speaks of the port, and empty where it says that nothing is there.
    ``reachable`` has a state for each vantage of the matrix, in its order.
    """

    port: Port
    policy: str
    declared: str | None
    listening: str | None
    reachable: tuple[str | None, ...] = ()
    locations: tuple[Location, ...] = ()
    """The lines that publish it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Declared, listening, reachable of one subject: every port that something publishes, holds or answers at."""

    host: str
    member: str | None = None
    vantages: tuple[str | None, ...] = ()
    rows: tuple[MatrixRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceUsed:
    """One piece of evidence as the audit names it."""

    origin: Origin
    completion: Completion


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAssessed:
    """Something of the policy that the evidence given does not speak to; said, and no part of the exit code."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """An earlier audit that this one was held against: of its violations, those that are gone.

    ``fixed`` was looked at again and is no longer there; ``unseen`` was not looked at, or not with success, and may
    still be. ``source`` names the file, ``finished`` is the time of that audit.
    """

    source: str
    sha256: str | None = None
    finished: datetime | None = None
    fixed: tuple[Finding, ...] = ()
    unseen: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One of several looks at the same hosts: when it ended, and what had changed since the one before."""

    finished: datetime
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """One audit, whole. Findings are sorted worst first, then by host, member, vantage and port; hosts in policy order.

    File names in locations are relative to the
    repository's root where they lie inside it, and absolute where not.
    """

    policy: str
    files: tuple[PolicyFile, ...]
    tool_name: str
    tool_version: str
    started: datetime
    finished: datetime
    verdict: Verdict
    exit_code: ExitCode
    fail_on: Severity | None
    unverified_fails: bool
    evidence: tuple[EvidenceUsed, ...]
    findings: tuple[Finding, ...]
    unverified: tuple[Unverified, ...]
    not_assessed: tuple[NotAssessed, ...]
    hosts: tuple[HostResult, ...]
    controls: tuple[Control, ...] = ()
    """Those that the policy declares itself, without their places."""
    matrices: tuple[Matrix, ...] = ()
    """Of the hosts that were asked for."""
    baseline: Baseline | None = None
    looks: tuple[Look, ...] = ()
    """Where the audit waited for required ports: every look it took, the last of which it judges."""

    def counts(self) -> Mapping[Status, int]:
        """How many findings of each status; the numbers that every report shows."""
        tally = dict.fromkeys(Status, 0)
        for finding in self.findings:
            tally[finding.status] += 1
        return tally
