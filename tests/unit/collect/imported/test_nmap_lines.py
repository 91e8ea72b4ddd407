"""A file that several processes read gives the same snapshot, byte for byte, as one that a single process reads."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest
from hypothesis import HealthCheck, event, given, settings

from auditor.collect.imported import nmap_lines, nmap_xml, workers
from auditor.collect.imported.nmap_xml import NmapXml
from auditor.errors import EvidenceError
from auditor.snapshot import record
from tests.unit.collect.imported.test_nmap_plain import HEAD, HOSTS, PIECES, TAIL, host_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from auditor.collect.imported.nmap_lines import Segment

CORPUS = Path(__file__).parents[4].parent / "shared" / "corpus"
PLAIN = "".join(host_text(number % 100, "\n", [PIECES[10], PIECES[0]], "") for number in range(300))


class Here:
    """Does in this process what others would: what comes of it does not depend on where it is done."""

    def __init__(self, work: Callable[[bytes], list[Segment]], count: int) -> None:
        self._work = work
        self._lost = count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, texts: Iterable[bytes]) -> Iterator[tuple[bytes, list[Segment] | None]]:
        """Every so many results are lost, as by a process that died."""
        for number, text in enumerate(texts):
            yield text, None if number % 7 == self._lost else self._work(text)


def written(path: Path, processes: int, monkeypatch: pytest.MonkeyPatch) -> tuple[bytes, str | None, object]:
    """The snapshot of the file, the refusal and how it ended."""
    to = path.with_suffix(f".{processes}.jsonl")
    to.unlink(missing_ok=True)
    refusal = None
    with monkeypatch.context() as patched:
        patched.setattr(workers, "worth", lambda _: processes)
        try:
            evidence = NmapXml(path)
        except EvidenceError as error:
            return b"", str(error), None
        try:
            record(evidence, to)
        except EvidenceError as error:
            refusal = str(error)
    return to.read_bytes(), refusal, (evidence.completion, evidence.origin)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(hosts=HOSTS, again=HOSTS)
def test_batches_read_elsewhere_give_the_same_snapshot(
    hosts: list[tuple[str, list[str], str]],
    again: list[tuple[str, list[str], str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = [("\n", [PIECES[10], PIECES[0]], "")] * 3
    body = "".join(host_text(number, *host) for number, host in enumerate([*plain, *hosts, *plain, *again, *plain]))
    path = tmp_path / "scan.xml"
    path.write_text(HEAD + body + TAIL, encoding="utf-8")
    alone = written(path, 0, monkeypatch)
    monkeypatch.setattr(workers, "Workers", Here)
    monkeypatch.setattr(nmap_xml, "_BATCH", 1500)
    event(f"refused: {alone[1] is not None}")
    assert written(path, 5, monkeypatch) == alone


LATE_HEAD = '<scaninfo type="udp" protocol="udp" services="53"/>'
ODD = {
    "as nmap writes it": HEAD + PLAIN + TAIL,
    "comments": HEAD + PLAIN.replace("\n<host", "\n<!-- <host></host> --><host", 40) + TAIL,
    "CDATA": HEAD + PLAIN + "<![CDATA[" + PLAIN + "]]>" + PLAIN + TAIL,
    "a comment over hosts": HEAD + PLAIN + "<!--" + PLAIN + "-->" + PLAIN + TAIL,
    "broken off": (HEAD + PLAIN)[:-70],
    "not well-formed": HEAD + PLAIN + "<host></hots></host>" + PLAIN + TAIL,
    "no port": HEAD + PLAIN + "\n\n" + host_text(1, "  ", [PIECES[6]], "") + PLAIN + TAIL,
    "asked for more later": HEAD + PLAIN + LATE_HEAD + PLAIN + TAIL,
    "blank lines first": "\n\n \n" + HEAD + PLAIN + "<" + TAIL,
    "two runs": HEAD + PLAIN + TAIL + HEAD + PLAIN + TAIL,
    "more than one host can have": HEAD + PLAIN + "<host>" + " " * 1_500_000 + "</host>" + PLAIN + TAIL,
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_two_processes_more_give_the_same_snapshot(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scan.xml"
    path.write_text(text, encoding="ascii")
    alone = written(path, 0, monkeypatch)
    assert alone[0].count(b"\n") >= 300
    monkeypatch.setattr(nmap_xml, "_BATCH", 8000)
    assert written(path, 2, monkeypatch) == alone


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "cp037", "utf-16"])
def test_whatever_the_encoding_the_snapshot_is_the_same(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scan.xml"
    path.write_bytes((HEAD.replace("UTF-8", encoding) + PLAIN + TAIL).encode(encoding))
    alone = written(path, 0, monkeypatch)
    monkeypatch.setattr(nmap_xml, "_BATCH", 8000)
    assert written(path, 2, monkeypatch) == alone


@pytest.mark.skipif(not CORPUS.is_dir() and "CI" not in os.environ, reason="the corpus lies beside the repository")
def test_files_of_the_corpus_give_the_same_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = sorted((CORPUS / "nmap-xml").rglob("*.xml"))
    assert files
    for path in files:
        copy = tmp_path / "scan.xml"
        copy.write_bytes(path.read_bytes())
        alone = written(copy, 0, monkeypatch)
        with monkeypatch.context() as patched:
            patched.setattr(workers, "Workers", Here)
            patched.setattr(nmap_xml, "_BATCH", 3000)
            assert written(copy, 9, patched) == alone, path


def test_most_hosts_are_read_by_the_other_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scan.xml"
    path.write_text(HEAD + PLAIN + TAIL, encoding="ascii")
    here = []
    real = nmap_lines.line
    monkeypatch.setattr(nmap_lines, "line", lambda seen: (here.append(seen), real(seen))[1])
    monkeypatch.setattr(nmap_xml, "_BATCH", 8000)
    assert written(path, 2, monkeypatch)[0].count(b"\n") == 302
    assert len(here) < 50


def test_processes_that_are_killed_cost_no_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scan.xml"
    path.write_text(HEAD + PLAIN + TAIL, encoding="ascii")
    alone = written(path, 0, monkeypatch)
    us, real = os.getpid(), nmap_lines.PlainLines.__call__

    def call(self: nmap_lines.PlainLines, batch: bytes) -> list[Segment]:
        if os.getpid() != us and b"10.0.0.77" in batch:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, batch)

    monkeypatch.setattr(nmap_lines.PlainLines, "__call__", call)
    monkeypatch.setattr(nmap_xml, "_BATCH", 8000)
    assert written(path, 2, monkeypatch) == alone
