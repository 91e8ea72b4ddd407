"""Whether a piece of evidence is recent enough to prove anything. Part of the difference."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.diff.gather import Piece

_AHEAD = timedelta(minutes=5)
"""How far clocks may disagree."""

_SWITCH_TO_DAYS = timedelta(hours=48)
_SWITCH_TO_HOURS = timedelta(minutes=90)


def too_old(piece: Piece, limit: timedelta, now: datetime) -> str | None:
    """Why the piece cannot speak for the present, or None if it can.

    The most exact time counts: the host's own end or start, else the run's start, else its end. A time without an
    offset is UTC.
    """
    observation, used = piece.observation, piece.used
    when = observation.finished or observation.started or used.origin.started or used.completion.finished
    if when is None:
        return "the evidence does not say when it was taken"
    age = now - (when if when.tzinfo else when.replace(tzinfo=UTC))
    if age < -_AHEAD:
        return f"the evidence is from the future (by {duration(-age)}): check the clocks"
    if age > limit:
        return f"the evidence is {duration(age)} old (limit {duration(limit)})"
    return None


def duration(span: timedelta) -> str:
    """``90m``, ``24h``, ``3d``: rounded down."""
    if span < _SWITCH_TO_HOURS:
        return f"{span // timedelta(minutes=1)}m"
    if span < _SWITCH_TO_DAYS:
        return f"{span // timedelta(hours=1)}h"
    return f"{span // timedelta(days=1)}d"
