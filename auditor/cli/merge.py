"""``auditor merge``: several snapshots, such as the shards of one scan, to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.say import tell
from auditor.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.model.evidence import Evidence


def merge(
    snapshots: Annotated[list[str], typer.Argument(metavar="SNAPSHOT...", help="Snapshots of one kind and vantage.")],
    save: Annotated[str, typer.Option("--save", "-o", metavar="SNAPSHOT", help="The snapshot file to write.")],
) -> int:
    """Join snapshots of the same kind and vantage into one, which is complete only if each of them is.

    Exit codes: 0 complete; 2 they do not fit together; 3 one of them is incomplete; 4 one of them cannot be read.
    """
    from auditor.collect.registry import open_evidence
    from auditor.files.spare import spare

    spare(snapshots, snapshot=save)
    return joined([open_evidence(name) for name in snapshots], save)


def joined(pieces: Sequence[Evidence], save: str) -> int:
    """Write several pieces of evidence as one snapshot, and say how it ended."""
    from auditor.snapshot.merge import merge as merged
    from auditor.snapshot.write import record

    completion = record(pieces[0] if len(pieces) == 1 else merged(pieces), save)
    if completion.complete:
        return ExitCode.CONFORMS
    tell(f"warning: {save} is incomplete: {completion.reason or 'no reason given'}")
    return ExitCode.UNVERIFIED
