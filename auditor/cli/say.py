"""What is said on the terminal or in the log of a job, besides reports: nothing in it acts on either.

Names come from files and hosts of others. Runners look for commands in both streams, and Azure's anywhere in a line.
On a terminal lines are folded between words.
"""

from __future__ import annotations

import sys

import typer

from auditor.cli.output import fitting
from auditor.report.escape import json_safe, terminal, workflow_safe


def tell(text: str) -> None:
    """Say something beside the answer, on standard error; what a terminal would obey is shown as an escape."""
    typer.echo(workflow_safe(fitting(terminal(text), sys.stderr)), err=True)


def show(text: str, *, end: bool = True) -> None:
    """Print text whose names were made harmless for terminals, styled or not; ``end`` adds a newline."""
    typer.echo(workflow_safe(fitting(text, sys.stdout)), nl=end)


def show_json(text: str, *, end: bool = True) -> None:
    """Print documents of JSON, of one line or many; they mean what they meant."""
    typer.echo(json_safe(text), nl=end)
