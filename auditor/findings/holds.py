"""What is as the policy wants it, for reports that list passes."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from auditor.findings.conditions import Says, held_inward, may_be_inward, permitting
from auditor.findings.making import plain
from auditor.model.findings import Requirement
from auditor.model.ports import PortSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.findings.scene import Scene
    from auditor.findings.views import Rulings
    from auditor.model.observed import View
    from auditor.model.ports import Port

_HOLDS_SHOWN = 1024
_CLOSED_SHOWN = 64


def holding(scene: Scene, rulings: Rulings) -> Iterator[Requirement]:
    """Yield permitted ports that are as the policy wants them; of those not open, only where few are permitted."""
    expectation, view = scene.view.expectation, scene.view
    shown = expectation.permitted & view.open
    if len(expectation.permitted) <= _CLOSED_SHOWN:
        shown |= (expectation.permitted - expectation.required) & (view.closed | view.filtered | view.open_filtered)
    shown |= PortSet.of(*(port for port, ruled in rulings if may_be_inward(ruled.clause))) & held_inward(view)
    failed = {port for port, ruled in rulings if ruled.says is not Says.HOLDS}
    for port in islice(shown, _HOLDS_SHOWN):
        if port not in failed:
            yield _requirement(scene, port)


def _requirement(scene: Scene, port: Port) -> Requirement:
    clause = next(iter(permitting(scene.view.expectation, port)), None)
    rule = clause.rule if clause else None
    seen = (one for at in scene.view.at for one in at.services)
    services = [plain(one.service) for one in seen if one.port == port and one.method == "probed"]
    return Requirement(
        port=port,
        required=port in scene.view.expectation.required,
        state=state_of(scene.view, port),
        service=services[0] if services else None,
        rule=rule.id if rule else None,
        reason=rule.reason if rule else None,
        owner=rule.owner if rule else None,
        approved=rule.approved if rule else None,
        review_by=rule.review_by if rule else None,
        controls=rule.controls if rule else (),
    )


def state_of(view: View, port: Port) -> str:
    """Return the state of a port that was seen, as a word."""
    if port in view.open:
        return "open"
    if port in view.open_filtered:
        return "open|filtered"
    if port in held_inward(view):
        return "open on loopback"
    if port in view.shut:
        return "closed or filtered"
    return "closed" if port in view.closed else "filtered"
