"""How a finding is made: severity, status, identity, the exception that lifts it, merging. Shared by all judges."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.findings.catalogue import CHECKS
from auditor.model.expectation import Effect
from auditor.model.findings import Finding, LiftedBy, Status
from auditor.model.ports import NO_PORTS, PortSet
from auditor.model.reach import joined
from auditor.model.text import excerpt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.findings.catalogue import Check
    from auditor.model.expectation import Clause, Expectation
    from auditor.model.location import Location
    from auditor.model.policy import Policy, PolicyException, Rule, Severity
    from auditor.model.ports import Port
    from auditor.model.reach import Reach

_LONGEST = 80
_SEPARATOR = "\x1f"
_SHOWN = 3
_MESSAGE = 300
"""So long a message is not made longer: the lines tell the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A finding before the policy's say: what was seen, where, and the item that decides.

    ``slot`` tells findings apart in which ``port`` is None; it stands in the port's place in the identity.
    """

    check: str
    host: str | None
    expected: str
    actual: str
    message: str
    help: str
    policy_location: Location
    member: str | None = None
    address: str | None = None
    port: Port | None = None
    ports: PortSet = NO_PORTS
    vantage: str | None = None
    slot: str = ""
    rule: Rule | None = None
    exception: PolicyException | None = None
    expired: tuple[PolicyException, ...] = ()
    source_location: Location | None = None
    service: str | None = None
    process: str | None = None
    evidence: tuple[str, ...] = ()
    owner: str | None = None
    reach: tuple[Reach, ...] = ()


def finished(draft: Draft, policy: Policy) -> Finding:
    """Turn a draft into a finding of this policy. One below ``fail_on`` is a note, a lifted one is excepted."""
    check = CHECKS[draft.check]
    rule = draft.rule
    severity = rule.severity if rule and rule.severity is not None and check.about_exposure else check.severity
    ran_out = ", ".join(f"{entry.id} expired on {entry.expires}" for entry in draft.expired[:_SHOWN])
    return Finding(
        check=draft.check,
        severity=severity,
        status=Status.EXCEPTED if draft.exception else _status(severity, policy.settings.fail_on),
        host=draft.host,
        member=draft.member,
        address=draft.address,
        port=draft.port,
        ports=draft.ports,
        vantage=draft.vantage,
        expected=draft.expected,
        actual=draft.actual,
        message=f"{draft.message}; {ran_out}" if ran_out else draft.message,
        help=f"{draft.help}; or have {draft.expired[0].id} renewed" if draft.expired else draft.help,
        policy_location=draft.policy_location,
        source_location=draft.source_location,
        service=draft.service,
        process=draft.process,
        exception=lifted_by(draft.exception) if draft.exception else None,
        controls=_controls(rule, check, policy),
        rule=rule.id if rule else None,
        owner=rule.owner if rule else draft.owner,
        evidence=draft.evidence,
        reach=joined(draft.reach),
        fingerprint=fingerprint(
            draft.check,
            policy.name,
            host=draft.host or "",
            member=draft.member,
            vantage=draft.vantage,
            port=str(draft.port) if draft.port else draft.slot,
        ),
    )


def _controls(rule: Rule | None, check: Check, policy: Policy) -> tuple[str, ...]:
    """Return those that the rule names, those that the policy says the check serves, and those it serves anyway."""
    named = (control.id for control in policy.controls.values() if check.id in control.checks)
    return tuple(dict.fromkeys((*(rule.controls if rule else ()), *named, *check.controls)))


def fingerprint(check: str, policy: str, *, host: str, member: str | None, vantage: str | None, port: str) -> str:
    """Return the identity of a finding, the same from run to run: lower-case hex SHA-256.

    Over check, policy name, host, vantage and port, as UTF-8 joined by U+001F; a member of a network stands after its
    host and a slash, and what is absent is empty. A finding of the policy itself has ``rule:ID`` or ``exception:ID``
    in the host's place.
    """
    from hashlib import sha256

    place = f"{host}/{member}" if member else host
    text = _SEPARATOR.join((check, policy, place, vantage or "", port))
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Join findings of one identity: all addresses and sources, and the opener's line wherever one knows it."""
    found: dict[str, Finding] = {}
    for finding in findings:
        known = found.get(finding.fingerprint)
        found[finding.fingerprint] = finding if known is None else _joined(known, finding)
    return tuple(found.values())


def live_exception(expectation: Expectation, port: Port) -> PolicyException | None:
    """Return the exception that lifts a violation at this port, if one does."""
    if port not in expectation.excepted:
        return None
    covering = (
        clause.exception for clause in expectation.clauses if clause.effect is Effect.EXCEPTION and port in clause.ports
    )
    return next(covering, None)


def expired_at(expectation: Expectation, port: Port) -> tuple[Clause, ...]:
    """Return the items of exceptions that have run out and named this port."""
    return tuple(clause for clause in expectation.expired if port in clause.ports)


def lifted_by(exception: PolicyException) -> LiftedBy:
    """Return what reports show of an exception."""
    return LiftedBy(
        id=exception.id,
        reason=exception.reason,
        owner=exception.owner,
        approved=exception.approved,
        expires=exception.expires,
        location=exception.location,
    )


def plain(text: str) -> str:
    """Text from the network as part of one line: nothing unprintable, and not long."""
    return excerpt(text, _LONGEST)


def listed(items: Iterable[str]) -> str | None:
    """Each once, joined by commas; None if there are none."""
    return ", ".join(dict.fromkeys(items)) or None


def _status(severity: Severity, fail_on: Severity | None) -> Status:
    return Status.VIOLATION if fail_on is not None and severity >= fail_on else Status.NOTE


def _both_said(first: Finding, second: Finding) -> str:
    """Return what is said of both: of a range the message names ports and sources, and two may differ in them."""
    if first.port is not None or second.message in first.message or len(first.message) > _MESSAGE:
        return first.message
    return f"{first.message}; {second.message}"


def _joined(first: Finding, second: Finding) -> Finding:
    addresses = listed(filter(None, (first.address, second.address)))
    return replace(
        first if first.exception is None or second.exception is not None else second,
        address=addresses,
        message=_both_said(first, second),
        ports=first.ports | second.ports,
        source_location=first.source_location or second.source_location,
        service=first.service or second.service,
        process=first.process or second.process,
        evidence=tuple(dict.fromkeys((*first.evidence, *second.evidence))),
        reach=joined((*first.reach, *second.reach)),
    )
