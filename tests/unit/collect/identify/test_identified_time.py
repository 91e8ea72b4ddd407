"""The evidence of a scan ends when the last open port has been asked what answers there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from auditor.collect.identify import identify
from auditor.model.evidence import Completion, Kind, Observation, Origin
from auditor.model.ports import NO_PORTS, PortSet

if TYPE_CHECKING:
    from collections.abc import Iterator

PROBED = datetime(2026, 1, 1, tzinfo=UTC)


class Probe:
    origin = Origin(kind=Kind.PROBE, source="live")

    def __init__(self, finished: datetime | None) -> None:
        self.completion = Completion(complete=True, finished=finished)

    def __iter__(self) -> Iterator[Observation]:
        yield Observation(host="it", address="127.0.0.1", open=PortSet.parse("1"))  # nobody listens there


class Silent:
    def say(self, message: str) -> None:
        """Nobody listens."""

    def progress(self, done: int, total: int, opened: int) -> None:
        """Nobody looks."""


@pytest.mark.parametrize(("ports", "later"), [(PortSet.parse("1"), True), (NO_PORTS, False)])
def test_identification_counts_as_time_of_the_evidence(ports: PortSet, later: bool) -> None:  # noqa: FBT001
    began = datetime.now(UTC)
    evidence = identify(Probe(PROBED), lambda _: ports, timeout=0.1, observer=Silent())
    assert len(list(evidence)) == 1
    finished = evidence.completion.finished
    assert finished is not None
    assert evidence.completion.complete
    assert finished >= began if later else finished == PROBED


def test_evidence_that_does_not_say_when_it_ended_is_not_given_an_end() -> None:
    evidence = identify(Probe(None), lambda _: PortSet.parse("1"), timeout=0.1, observer=Silent())
    list(evidence)
    assert evidence.completion.finished is None
