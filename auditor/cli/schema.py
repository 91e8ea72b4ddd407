"""``auditor schema``: the JSON Schemas of the auditor's own files."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Which(StrEnum):
    """A file of the auditor that has a schema."""

    POLICY = "policy"
    SNAPSHOT = "snapshot"
    AUDIT = "audit"


def schema(which: Annotated[Which, typer.Argument(help="The file to describe.")]) -> int:
    """Print a JSON Schema (draft 2020-12), for editors and other tools."""
    from auditor.files.resources import shipped

    typer.echo((shipped("schemas") / f"{which.value}.schema.json").read_text(encoding="utf-8"), nl=False)
    return 0
