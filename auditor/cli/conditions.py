"""Conditions of a clause in words: ``service ssh``, ``bind loopback``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model.expectation import Clause


def conditions(clause: Clause) -> Iterator[str]:
    """Name each condition and what it asks for; nothing for a clause without conditions."""
    if asked := clause.conditions:
        for label, value in (("service", asked.service), ("process", asked.process), ("bind", asked.bind_text)):
            if value:
                yield f"{label} {value}"
