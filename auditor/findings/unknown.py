"""Hosts that show open ports and that the policy does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.findings.catalogue import UNKNOWN_HOST
from auditor.findings.making import Draft, plain
from auditor.findings.scene import ranges

if TYPE_CHECKING:
    from auditor.model.observed import UnknownHost
    from auditor.model.policy import Policy


def unknown_host(stranger: UnknownHost, policy: Policy) -> Draft:
    """Draft the one finding about a host that the policy does not know; its name stands as the evidence has it."""
    name = plain(stranger.name)
    others = [plain(other) for other in stranger.names if other != stranger.name]
    called = f"{name} ({others[0]})" if others else name
    shown = ranges(stranger.open)
    many = f" in {len(stranger.places)} places" if len(stranger.places) > 1 else ""
    return Draft(
        check=UNKNOWN_HOST,
        host=stranger.name,
        vantage=stranger.vantage,
        ports=stranger.open,
        expected="a host of the policy",
        actual=f"open: {shown}",
        message=f"{called} shows open ports ({shown}){many}, and the policy does not know it",
        help="add it to 'hosts', or to the 'aliases' of the host that it is; if it should not exist, switch it off",
        policy_location=policy.hosts_location,
        source_location=stranger.opening.location if stranger.opening else None,
        evidence=stranger.sources,
        reach=stranger.reach,
    )
