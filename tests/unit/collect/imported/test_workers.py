"""Further processes: results in order, whoever dies, and nobody left at the end."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from auditor.collect.imported import workers
from auditor.collect.imported.workers import Workers, worth
from auditor.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXTS = [b"%d" % number for number in range(40)]


def doubled(text: bytes) -> tuple[bytes, int]:
    """Some take longer than others."""
    time.sleep(0.001 * (int(text) % 3))
    return text * 2, os.getpid()


def test_results_come_in_order_and_from_each_process() -> None:
    with Workers(doubled, 3) as three:
        told = list(three.map(TEXTS))
    assert [(text, result and result[0]) for text, result in told] == [(text, text * 2) for text in TEXTS]
    assert len({result[1] for _, result in told if result}) == 3


def test_large_texts_and_results_block_nobody() -> None:
    texts = [bytes([number]) * 3_000_000 for number in range(8)]
    with Workers(lambda text: text, 2) as two:
        assert [text == result for text, result in two.map(texts)] == [True] * 8


@pytest.mark.parametrize("dying", [1, 2], ids=["one dies", "all die"])
def test_what_a_dead_process_was_given_comes_back_without_a_result(dying: int) -> None:
    def work(text: bytes) -> bytes:
        if int(text) in range(10, 10 + dying):
            os.kill(os.getpid(), signal.SIGKILL)
        return text

    with Workers(work, 2) as two:
        told = list(two.map(TEXTS))
    assert [text for text, _ in told] == TEXTS
    assert all(result in {None, text} for text, result in told)
    lost = [int(text) for text, result in told if result is None]
    assert lost == list(range(10, 40, 3 - dying)), "what the dead would have been given next is left to the caller"


def test_a_process_that_fails_says_nothing_and_is_missed_by_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    with Workers(lambda text: 1 // int(text), 2) as two:
        assert [result for _, result in two.map([b"0", b"1", b"2", b"3"])] == [None, 1, None, 0]
    assert capfd.readouterr() == ("", "")


def test_without_any_process_each_text_comes_back_as_it_is() -> None:
    with Workers(doubled, 0) as nobody:
        assert list(nobody.map(TEXTS)) == [(text, None) for text in TEXTS]


def test_a_source_that_fails_is_heard_of_behind_the_results_before_it() -> None:
    def source() -> Iterator[bytes]:
        yield from TEXTS[:5]
        raise EvidenceError("gone")

    told = []
    with Workers(doubled, 2) as two, pytest.raises(EvidenceError, match="gone"):
        told.extend(text for text, _ in two.map(source()))
    assert told == TEXTS[:5] or not told


def test_only_a_bounded_number_is_read_ahead() -> None:
    taken = []

    def source() -> Iterator[bytes]:
        for text in TEXTS:
            taken.append(text)
            yield text

    with Workers(doubled, 2) as two:
        for number, _ in enumerate(two.map(source()), start=1):
            assert len(taken) <= number + 3


def test_nobody_is_left_when_the_block_ends_early() -> None:
    with Workers(doubled, 2) as two:
        pids = [worker.process.pid or 0 for worker in two._workers]
        next(two.map(TEXTS))
    assert len(pids) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_one_that_does_not_end_by_itself_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_GRACE", 0.05)
    with Workers(lambda text: time.sleep(600) or text, 1) as one:
        [worker] = one._workers
        worker.give(b"x")
    assert worker.process.exitcode == -signal.SIGKILL


def test_small_files_single_processors_and_threads_get_no_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scan.xml"
    path.write_bytes(b"x" * 1000)
    monkeypatch.setattr(workers, "_LARGE", 1000)
    monkeypatch.setattr(workers.threading, "active_count", lambda: 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(3)))
    assert worth(path) == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(99)))
    assert worth(path) == 6
    monkeypatch.setattr(workers, "_LARGE", 1001)
    assert worth(path) == 0
    monkeypatch.setattr(workers, "_LARGE", 1000)
    monkeypatch.setattr(workers.threading, "active_count", lambda: 2)
    assert worth(path) == 0
    monkeypatch.setattr(workers.threading, "active_count", lambda: 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert worth(path) == 0
    assert worth(tmp_path / "none") == 0
