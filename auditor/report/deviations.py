"""What contradicts the policy, whether it fails the gate or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.findings.catalogue import CHECKS
from auditor.model.findings import Novelty, Status
from auditor.model.policy import Severity

if TYPE_CHECKING:
    from auditor.model.findings import Finding


def deviates(finding: Finding) -> bool:
    """Whether a finding contradicts the policy, and thus its controls; what is excepted does not.

    What a baseline knows, and what is below the severity that fails the gate, does so too: the gate may let it pass,
    and the port is open all the same.
    """
    return finding.status is Status.VIOLATION or tolerates(finding)


def tolerates(finding: Finding) -> bool:
    """Whether a finding is a deviation that fails nothing. Housekeeping that is good to know is none."""
    if finding.status is not Status.NOTE:
        return False
    check = CHECKS.get(finding.check)
    about_exposure = check is not None and check.about_exposure
    return about_exposure or finding.novelty is Novelty.PERSISTING or finding.severity > Severity.INFO
