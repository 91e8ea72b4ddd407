"""The catalogue of checks: what each says, how bad it is, why it matters, what to do. For judge and reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.model.policy import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCS = "docs/checks.md"

UNEXPECTED_OPEN = "unexpected-open"
FORBIDDEN_OPEN = "forbidden-open"
REQUIRED_NOT_OPEN = "required-not-open"
NOT_FILTERED = "not-filtered"
UNEXPECTED_SERVICE = "unexpected-service"
UNEXPECTED_PROCESS = "unexpected-process"
TOO_WIDE = "too-wide"
UNKNOWN_HOST = "unknown-host"
UNREVIEWED_ALLOW = "unreviewed-allow"
EXPIRING_EXCEPTION = "expiring-exception"
UNUSED_EXCEPTION = "unused-exception"
UNUSED_ALLOW = "unused-allow"
UNVERIFIED = "unverified"

_EXPOSURE = ("security", "exposure")
_HOUSEKEEPING = ("policy", "housekeeping")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One entry. ``severity`` holds where the policy does not say otherwise; ``controls`` are those that it serves."""

    id: str
    title: str
    severity: Severity
    rationale: str
    remediation: str
    tags: tuple[str, ...] = ("security",)
    controls: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        """Where the documentation has more."""
        return f"{DOCS}#{self.id}"

    @property
    def about_exposure(self) -> bool:
        """Whether it is about hosts, not about the policy itself; only then a rule's severity is the finding's."""
        return self.tags != _HOUSEKEEPING


_ONLY_NEEDED = ("pci-dss:1.2.5", "pci-dss:2.2.4", "nist-800-53:CM-7", "nist-800-53:SC-7", "cis-v8:4.8")
_REVIEW = ("pci-dss:1.2.7", "nist-800-53:CM-7(1)")

_ENTRIES = (
    Check(
        id=UNEXPECTED_OPEN,
        title="A port is open that nothing allows",
        severity=Severity.HIGH,
        rationale="Whatever listens there can be reached, and nobody has decided that it should be.",
        remediation="Stop the service, bind it to loopback or close the port in the firewall; if it is needed, allow"
        " it in a rule with a reason and an owner.",
        tags=_EXPOSURE,
        controls=_ONLY_NEEDED,
    ),
    Check(
        id=FORBIDDEN_OPEN,
        title="A port is open that a rule forbids",
        severity=Severity.CRITICAL,
        rationale="The policy names this port as one that must not be open here, mostly because what speaks on it has"
        " no authentication or no encryption.",
        remediation="Close the port now. If the rule is not final and there is no other way, write a dated exception.",
        tags=_EXPOSURE,
        controls=(*_ONLY_NEEDED, "pci-dss:1.2.6", "pci-dss:2.2.5"),
    ),
    Check(
        id=REQUIRED_NOT_OPEN,
        title="A required port is not open",
        severity=Severity.MEDIUM,
        rationale="The policy counts on this service, and it cannot be reached: an outage, or a policy out of date.",
        remediation="Start the service or let its port through the firewall; if it is gone for good, drop the"
        " requirement from the rule.",
        tags=("availability",),
        controls=("nist-800-53:CM-2",),
    ),
    Check(
        id=NOT_FILTERED,
        title="A port answers where the policy wants silence",
        severity=Severity.LOW,
        rationale="A refusal shows that the host is there and that no firewall drops the packets: the next service"
        " that starts is exposed at once.",
        remediation="Drop packets to all ports that are not allowed in the firewall in front of the host, or take"
        " 'otherwise: filtered' out of the rule.",
        tags=_EXPOSURE,
        controls=("pci-dss:1.3.1", "nist-800-53:SC-7(5)", "cis-v8:4.4"),
    ),
    Check(
        id=UNEXPECTED_SERVICE,
        title="Another service answers than the one allowed",
        severity=Severity.HIGH,
        rationale="The port is allowed for one protocol; another behind it slips past every rule that goes by number.",
        remediation="Find out what listens there and stop it, or correct the service in the rule.",
        tags=_EXPOSURE,
        controls=_ONLY_NEEDED,
    ),
    Check(
        id=UNEXPECTED_PROCESS,
        title="Another process listens than the one allowed",
        severity=Severity.MEDIUM,
        rationale="The port is allowed for one program; another that holds it is a mistake or an intruder.",
        remediation="Find out who started the process and stop it, or correct the process in the rule.",
        tags=_EXPOSURE,
        controls=("pci-dss:2.2.4", "nist-800-53:CM-7"),
    ),
    Check(
        id=TOO_WIDE,
        title="A port is open to more than the policy allows",
        severity=Severity.HIGH,
        rationale="The port may be open, but not to everyone who can reach it now.",
        remediation="Bind the service to the address that the rule names, or narrow the sources in the firewall, the"
        " security group or the published port.",
        tags=_EXPOSURE,
        controls=(*_ONLY_NEEDED, "pci-dss:1.3.1"),
    ),
    Check(
        id=UNKNOWN_HOST,
        title="A host shows open ports, and the policy does not know it",
        severity=Severity.HIGH,
        rationale="What no policy names has no owner and no expectation: nobody would notice what it exposes.",
        remediation="Add the host to the policy, or its name in the evidence to the 'aliases' of the host that it is;"
        " if it should not exist, switch it off.",
        tags=_EXPOSURE,
        controls=("nist-800-53:CM-8(3)", "cis-v8:4.8"),
    ),
    Check(
        id=UNREVIEWED_ALLOW,
        title="A permission that nobody has reviewed",
        severity=Severity.LOW,
        rationale="A permission that was generated, or whose review is overdue, says what is, not what should be.",
        remediation="Review the rule; then remove 'reviewed: false', or set 'review_by' to the next review.",
        tags=_HOUSEKEEPING,
        controls=_REVIEW,
    ),
    Check(
        id=EXPIRING_EXCEPTION,
        title="An exception runs out soon",
        severity=Severity.INFO,
        rationale="When it has run out, what it excuses is a violation again.",
        remediation="Remove the deviation before that day, or have the exception renewed.",
        tags=_HOUSEKEEPING,
        controls=_REVIEW,
    ),
    Check(
        id=UNUSED_EXCEPTION,
        title="An exception that excuses nothing",
        severity=Severity.INFO,
        rationale="It would let a future mistake pass unseen.",
        remediation="Remove the exception.",
        tags=_HOUSEKEEPING,
        controls=_REVIEW,
    ),
    Check(
        id=UNUSED_ALLOW,
        title="A permission that nothing uses",
        severity=Severity.INFO,
        rationale="None of its ports is open anywhere: it is wider than needed, or its service is gone.",
        remediation="Remove the entry, or turn it into 'require' if the service should be there.",
        tags=_HOUSEKEEPING,
        controls=("pci-dss:1.2.5", *_REVIEW),
    ),
    Check(
        id=UNVERIFIED,
        title="The evidence does not settle it",
        severity=Severity.INFO,
        rationale="What nobody has looked at is not closed. No evidence is never a pass.",
        remediation="Look again: run the scan to its end, with the rights that it needs, from the vantage that the"
        " policy names.",
        tags=("coverage",),
    ),
)

CHECKS: Mapping[str, Check] = {entry.id: entry for entry in _ENTRIES}
"""Every check by id. ``unverified`` is none: it has its own verdict and exit code, and is here for reports."""
