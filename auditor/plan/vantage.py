"""Where a probe looks from: the vantage must be one that the policy speaks of, and must be named where it matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import UsageError
from auditor.model.network import LOOPBACK, parse_address
from auditor.model.policy import LOCAL

if TYPE_CHECKING:
    from auditor.model.policy import Policy
    from auditor.model.target import Target


def require_vantage(policy: Policy, vantage: str | None, *, needed: bool) -> None:
    """Refuse a vantage that does not fit the policy.

    ``needed``: probes are about to be made; a policy whose rules are limited by ``from`` must be told the place.
    A policy that speaks of no vantage takes any name, as a label.

    :raises UsageError: unknown, or missing where needed.
    """
    known = policy.vantage_names
    if vantage is None:
        if needed and policy.limits_vantages:
            raise UsageError(f"rules are limited by 'from': say where you look from with --from: {', '.join(known)}")
        return
    if known and vantage not in {*known, LOCAL}:
        from auditor.files.suggest import nearest

        suggestion = nearest(vantage, known)
        hint = f"; did you mean '{suggestion}'?" if suggestion else ""
        raise UsageError(f"--from: the policy knows no vantage '{vantage}'; expected {', '.join(known)}{hint}")


def refuse_remote_loopback(policy: Policy, vantage: str | None, target: Target) -> None:
    """Refuse ``local`` for an address that is not a loopback's; a policy that speaks of ``local`` knows what it means.

    :raises UsageError: the address is somebody else's.
    """
    if vantage != LOCAL or LOCAL in policy.vantage_names:
        return
    if parse_address(target.address.partition("%")[0]) not in LOOPBACK:
        raise UsageError(
            f"--from: 'local' is the host's own loopback, and {target.host} ({target.address}) is another machine's"
            " address: name the place that you look from"
        )
