"""Evidence with observations put before it: what is known of hosts that could not even be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.model.evidence import Completion, Evidence, Observation, Origin


class Preceded:
    """One piece of evidence that starts with observations already made."""

    def __init__(self, first: Sequence[Observation], evidence: Evidence) -> None:
        self._first = first
        self._evidence = evidence

    @property
    def origin(self) -> Origin:
        """The origin of the evidence itself."""
        return self._evidence.origin

    @property
    def completion(self) -> Completion:
        """How the evidence itself ended."""
        return self._evidence.completion

    def __iter__(self) -> Iterator[Observation]:
        """First those given, then those of the evidence."""
        yield from self._first
        yield from self._evidence

    def close(self) -> None:
        """Whoever reads it is done."""
        close = getattr(self._evidence, "close", None)
        if close is not None:
            close()

    def underway(self) -> Iterator[Observation]:
        """What has become known of hosts that are not finished, since this was last asked."""
        yield from getattr(self._evidence, "underway", tuple)()

    def partial(self) -> Sequence[Observation]:
        """What an interrupted scan knows of the hosts it did not finish."""
        partial = getattr(self._evidence, "partial", tuple)
        return tuple(partial())
