"""Sentinels say what an open port is worth, however few of them come back at a time."""

from array import array

import pytest

from auditor.collect.probe.chunk import CLOSED, OPEN, RESET, SILENT, Chunk
from auditor.collect.probe.jury import Jury, Trust, crowded


def chunk(codes, first=20_000):
    ports = array("H", range(first, first + len(codes)))
    made = Chunk(1, ports, host="192.0.2.10", timeout=1.0, watch=True, role="sentinel")
    for index, code in enumerate(codes):
        made.settle(index, code)
    return made


@pytest.mark.parametrize(
    ("codes", "trust"),
    [
        ([OPEN] * 6 + [CLOSED] * 2, Trust.NONE),
        ([OPEN] * 5 + [CLOSED] * 3, Trust.FULL),
        ([RESET] * 6 + [OPEN] * 2, Trust.WATCHED),
        ([CLOSED] * 8, Trust.FULL),
        ([SILENT] * 8, Trust.FULL),
    ],
)
@pytest.mark.parametrize("size", [8, 5, 1])
def test_the_verdict_is_the_same_in_chunks_of_every_size(codes, trust, size):
    jury = Jury()
    for at in range(0, 8, size):
        verdict = jury.hear(chunk(codes[at : at + size]))
    assert verdict is trust


def test_silent_sentinels_are_asked_again_where_they_could_decide_it():
    jury = Jury()
    assert jury.hear(chunk([OPEN] * 4 + [SILENT] * 4)) is Trust.FULL
    again = jury.recall()
    assert list(again) == [20_004, 20_005, 20_006, 20_007]
    assert jury.hear(chunk([OPEN, SILENT, SILENT, OPEN], 20_004)) is Trust.NONE


@pytest.mark.parametrize("codes", [[SILENT] * 8, [CLOSED] * 3 + [OPEN] + [SILENT] * 4, [CLOSED] * 8])
def test_nobody_is_asked_again_where_it_decides_nothing(codes):
    jury = Jury()
    jury.hear(chunk(codes))
    assert not jury.recall()


def test_asking_again_has_an_end():
    jury = Jury()
    jury.hear(chunk([OPEN] + [SILENT] * 7))
    hearings = 0
    while again := jury.recall():
        hearings += 1
        jury.hear(chunk([SILENT] * len(again)))
    assert hearings == 5


def test_sentinels_under_watch_count_together_over_their_chunks():
    chunks = [chunk([OPEN] * 3), chunk([OPEN] * 3)]
    assert not crowded(chunks)
    for one in chunks:
        one.held = 3
    assert crowded(chunks)
