"""Several pieces of evidence as one: the shards of a scan, or runs of one kind from one vantage."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from auditor.errors import UsageError
from auditor.model.evidence import Completion, Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from auditor.model.evidence import Evidence, Observation

_T = TypeVar("_T")


def merge(pieces: Sequence[Evidence]) -> Evidence:
    """Join evidence of one kind and vantage; observations come piece by piece, in the order given.

    Each observation that has no time gets that of its own piece, so that no piece makes another one younger. The
    origin has the earliest start if every piece has one, and tool, host and asked ports where all agree. It is complete
    if every piece is, and finished when the last of them was; if a piece does not say when it was taken, the whole does
    not either.

    :raises UsageError: nothing to merge, or pieces of different kinds or vantages.
    """
    if not pieces:
        raise UsageError("nothing to merge: name at least one snapshot")
    first = pieces[0].origin
    for piece in pieces[1:]:
        _agree(first, piece.origin, "kind", first.kind.value, piece.origin.kind.value)
        _agree(first, piece.origin, "vantage", first.vantage or "none", piece.origin.vantage or "none")
    return Merged(pieces)


class Merged:
    """The evidence that :func:`merge` gives."""

    def __init__(self, pieces: Sequence[Evidence]) -> None:
        self._pieces = tuple(pieces)
        origins = [piece.origin for piece in self._pieces]
        self._origin = Origin(
            kind=origins[0].kind,
            source=", ".join(origin.source for origin in origins),
            tool=_common(origin.tool for origin in origins),
            vantage=origins[0].vantage,
            started=_first([origin.started for origin in origins]),
            asked=_common(origin.asked for origin in origins),
            host=_common(origin.host for origin in origins),
        )
        self._ended = False

    @property
    def origin(self) -> Origin:
        """The origin of the whole."""
        return self._origin

    @property
    def completion(self) -> Completion:
        """How the whole ended: an incomplete piece makes it incomplete, and its reason is kept."""
        if not self._ended:
            return Completion(complete=False, reason="not all pieces were read")
        ends = [(piece.origin.source, piece.completion) for piece in self._pieces]
        reasons = [f"{source}: {end.reason or 'incomplete'}" for source, end in ends if not end.complete]
        dated = all(piece.origin.started or piece.completion.finished for piece in self._pieces)
        return Completion(
            complete=not reasons,
            finished=max((end.finished for _, end in ends if end.finished), default=None) if dated else None,
            reason="; ".join(reasons) or None,
        )

    def __iter__(self) -> Iterator[Observation]:
        """Every observation of every piece. One without a host keeps the host that its own piece was given."""
        self._ended = False
        for piece in self._pieces:
            host = piece.origin.host if self._origin.host is None else None
            for seen in _dated(piece):
                nameless = host is not None and seen.host is None and seen.address is None
                yield replace(seen, host=host) if nameless else seen
        self._ended = True


def _dated(piece: Evidence) -> Iterator[Observation]:
    """Observations with the time of their piece: its start, else its end, which is known once all of it is read."""
    started = piece.origin.started
    whole = piece if started else tuple(piece)
    finished = None if started else piece.completion.finished
    for seen in whole:
        undated = seen.started is None and seen.finished is None
        yield replace(seen, started=started, finished=finished) if undated and (started or finished) else seen


def _first(starts: Sequence[datetime | None]) -> datetime | None:
    known = [start for start in starts if start is not None]
    return min(known) if len(known) == len(starts) else None


def _common(values: Iterable[_T]) -> _T | None:
    distinct = list(dict.fromkeys(values))
    return distinct[0] if len(distinct) == 1 else None


def _agree(first: Origin, other: Origin, what: str, one: str, two: str) -> None:
    if one != two:
        raise UsageError(
            f"cannot merge evidence of different {what}s: {first.source} is {one}, {other.source} is {two}; "
            f"give the files to 'auditor check' side by side instead"
        )
