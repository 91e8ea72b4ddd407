"""Evidence of a scan that goes on where an earlier one was interrupted: both parts as one observation a target."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.snapshot.parts import joined, news_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.model.evidence import Completion, Evidence, Observation, Origin
    from auditor.snapshot.parts import Begun


class Resumed:
    """The evidence of the second part, joined with what the first part knows. Read it once."""

    def __init__(self, evidence: Evidence, begun: Sequence[Begun], first: Origin) -> None:
        self._evidence = evidence
        self._begun = {one.target.key: one for one in begun}
        self._answered = deque(one for one in begun if not one.wanted)
        self._first = first

    @property
    def origin(self) -> Origin:
        """That of the second part, with the time of the first: the whole is as old as its oldest piece."""
        own = self._evidence.origin
        return replace(own, started=self._first.started, asked=self._first.asked, vantage=self._first.vantage)

    @property
    def completion(self) -> Completion:
        """How the second part ended."""
        return self._evidence.completion

    def __iter__(self) -> Iterator[Observation]:
        """First the targets of which everything had been answered; then each as it is finished."""
        while self._answered:
            yield _whole(self._answered.popleft())
        for seen in self._evidence:
            yield self._joined(seen)

    def underway(self) -> Iterator[Observation]:
        """What has become known of unfinished targets since this was last asked."""
        for increment in getattr(self._evidence, "underway", tuple)():
            begun = self._begun.get(increment.key)
            yield increment if begun is None else news_of(begun, increment)

    def partial(self) -> Iterator[Observation]:
        """After a break: what both parts know of the targets that were not finished."""
        yield from map(_whole, self._answered)
        for seen in getattr(self._evidence, "partial", tuple)():
            yield self._joined(seen)

    def _joined(self, seen: Observation) -> Observation:
        begun = self._begun.get(seen.key)
        return seen if begun is None else joined(begun, seen)


def _whole(begun: Begun) -> Observation:
    """A target of which the first part had heard everything but the end."""
    return joined(begun, replace(begun.seen, notes=(), unknown=()))
