"""Looking again at hosts that are still starting, until what is seen has settled."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.model.findings import Audit
    from auditor.model.target import Observer
    from auditor.pipeline.request import Loaded

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 10.0
"""Seconds between two looks at hosts that are still starting."""
_MOST_LOOKS = 1000


def settled(look: Callable[[], Audit], loaded: Loaded, retry_for: float, observer: Observer) -> Audit:
    """Look again until required ports answer and two looks see the same, for ``retry_for`` seconds; twice at least."""
    from time import monotonic, sleep

    from auditor.findings.looks import changes, is_same, is_waiting, looked
    from auditor.model.findings import Look

    end = monotonic() + retry_for
    audit, pause = look(), _FIRST_PAUSE
    looks = [Look(finished=audit.finished)]
    observer.say(f"looking again for {retry_for:g} s, until required ports answer and two looks see the same")
    while True:
        before, left = audit, end - monotonic()
        sleep(max(0.0, min(pause, left)))
        audit, pause = look(), min(_LONGEST_PAUSE, pause * 1.5)
        looks.append(Look(finished=audit.finished, changes=changes(before, audit)))
        for change in looks[-1].changes:
            observer.say(f"look {len(looks)}: {change}")
        same = is_same(before, audit)
        if same and not is_waiting(audit, loaded.policy.hosts, loaded.resolver):
            return looked(audit, looks, settled=True)
        if left <= 0 or len(looks) >= _MOST_LOOKS:
            return looked(audit, looks, before=before, settled=same)
