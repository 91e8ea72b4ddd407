"""``auditor drift``: what changed between two snapshots, or two files of any other scanner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from auditor.cli import options as given
from auditor.cli.say import show, show_json, tell
from auditor.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.model.drift import Change, Drift, Replaced
    from auditor.model.ports import Port, PortSet

_FIELDS = ("opened", "shut", "unasked", "unseen", "lost")


def drift(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The earlier snapshot, nmap XML or other evidence.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The later one, of the same kind.")],
    asked: given.Asked = None,
    output: given.Form = given.Shape.TEXT,
) -> int:
    """Say what changed between two looks at the same hosts.

    Only what both looked at can have changed: what one of them did not ask, or could not tell, is told apart. Exit
    codes: 0 nothing changed; 1 something did; 2 they cannot be compared; 3 no change, but something may have opened
    or shut that one of them does not tell; 4 one of them cannot be read.
    """
    from auditor.collect.registry import open_evidence
    from auditor.diff.drift import drift as compared

    ports = given.asked(asked)
    found = compared(open_evidence(old, asked=ports), open_evidence(new, asked=ports))
    if _is_backwards(found):
        tell("warning: OLD was taken after NEW: what opened and what shut change places")
    if output is given.Shape.JSON:
        show_json(_json(found))
    else:
        show("\n".join(_text(found)))
    if found.has_drift:
        return ExitCode.VIOLATIONS
    return ExitCode.UNVERIFIED if found.has_doubt else ExitCode.CONFORMS


def _is_backwards(found: Drift) -> bool:
    """Whether both say when they were taken, and the one that is called the earlier one is the later one."""
    before, now = found.before.origin.started, found.now.origin.started
    return before is not None and now is not None and before > now


def _text(found: Drift) -> Iterator[str]:
    from auditor.report import wording

    for change in found.changes:
        yield from _lines(change)
    for heading, changes in (("only in the later one", found.came), ("only in the earlier one", found.gone)):
        for change in changes:
            ports = change.unasked | change.unseen
            shown = f"open {wording.ports(ports, 60)}" if ports else "nothing open"
            yield f"? {_place(change)}: {heading}: {shown}"
    verdict = "drift" if found.has_drift else "no drift" if not found.has_doubt else "no drift where both looked"
    yield f"{verdict}: {wording.plural(found.compared, 'host')} compared"
    for used in (found.before, found.now):
        yield f"  {wording.evidence(used)}"


def _lines(change: Change) -> Iterator[str]:
    from auditor.report import wording
    from auditor.report.escape import one_line

    place = _place(change)
    if change.opened:
        yield f"+ {place}: opened {wording.ports(change.opened, 60)}"
    if change.shut:
        yield f"- {place}: no longer open {wording.ports(change.shut, 60)}"
    for moved in change.moved:
        yield f"~ {place}: {wording.ports(moved.ports, 60)} was {moved.before}, is {moved.now}"
    for (before, now), found in _alike(change.replaced).items():
        yield f"~ {place}: {wording.ports(found, 60)} was {one_line(before)}, is {one_line(now)}"
    for spread in change.widened:
        told = f"was {one_line(spread.before)}, is {one_line(spread.now)}"
        yield f"+ {place}: {wording.ports(spread.ports, 60)} reaches further: {told}"
    for spread in change.narrowed:
        told = f"was {one_line(spread.before)}, is {one_line(spread.now)}"
        yield f"- {place}: {wording.ports(spread.ports, 60)} reaches less far: {told}"
    if change.unasked:
        yield f"? {place}: open {wording.ports(change.unasked, 60)}, of which the earlier one does not tell enough"
    if change.unseen:
        yield f"? {place}: was open {wording.ports(change.unseen, 60)}, of which the later one does not tell enough"
    if change.lost:
        said = f"{wording.plural(len(change.lost), 'port')} not open before ({wording.ports(change.lost, 60)})"
        yield f"? {place}: {said}, of which the later one does not tell enough"


def _alike(replaced: Iterable[Replaced]) -> dict[tuple[str, str], PortSet]:
    """Join the ports of which the same is to be said, in their order."""
    from auditor.model.ports import PortSet

    found: dict[tuple[str, str], list[Port]] = {}
    for one in replaced:
        found.setdefault((one.before, one.now), []).append(one.port)
    return {words: PortSet.of(*ports) for words, ports in found.items()}


def _place(change: Change) -> str:
    from auditor.report.escape import one_line

    name = one_line(change.name)
    return f"{name} from {one_line(change.vantage)}" if change.vantage else name


def _json(found: Drift) -> str:
    import json

    document = {
        "auditor": "drift",
        "version": 1,
        "drift": found.has_drift,
        "doubt": found.has_doubt,
        "compared": found.compared,
        "old": {"source": found.before.origin.source, "complete": found.before.completion.complete},
        "new": {"source": found.now.origin.source, "complete": found.now.completion.complete},
        "changes": [_change(change) for change in found.changes],
        "only_old": [_change(change) for change in found.gone],
        "only_new": [_change(change) for change in found.came],
    }
    return json.dumps(document, indent=2)


def _change(change: Change) -> dict[str, Any]:
    return {
        "host": change.name,
        "vantage": change.vantage,
        **{name: str(getattr(change, name)) for name in _FIELDS},
        "moved": [{"ports": str(one.ports), "before": one.before, "now": one.now} for one in change.moved],
        "replaced": [{"port": str(one.port), "before": one.before, "now": one.now} for one in change.replaced],
        **{
            name: [{"ports": str(one.ports), "before": one.before, "now": one.now} for one in getattr(change, name)]
            for name in ("widened", "narrowed")
        },
    }
