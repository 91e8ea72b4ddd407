import os
import resource
import signal
import stat
import subprocess
import sys
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest

from auditor.errors import EvidenceError, ReportError
from auditor.model.evidence import Completion, Kind, Observation, Origin
from auditor.model.ports import PortSet
from auditor.snapshot import Snapshot, SnapshotWriter, record, tee

ORIGIN = Origin(kind=Kind.PROBE, source="live", vantage="office", started=datetime(2026, 11, 22, tzinfo=UTC))
HOSTS = [Observation(host=f"web-{number}", open=PortSet.parse("80"), asked=PortSet.parse("80")) for number in range(3)]
DONE = Completion(complete=True, finished=datetime(2026, 11, 23, tzinfo=UTC))


class FakeEvidence:
    def __init__(self, hosts=HOSTS, completion=DONE, breaks_with=None):
        self.origin, self.completion = ORIGIN, completion
        self._hosts, self._breaks_with = hosts, breaks_with

    def __iter__(self):
        yield from self._hosts
        if self._breaks_with is not None:
            raise self._breaks_with


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "s.jsonl"


def names_beside(path):
    return sorted(entry.name for entry in path.parent.iterdir())


def test_while_it_is_written_the_hosts_seen_so_far_can_be_read_beside_it(path):
    with SnapshotWriter(path, ORIGIN) as writer:
        writer.add(HOSTS[0])
        assert names_beside(path) == ["s.jsonl.partial"]
        partial = Snapshot(f"{path}.partial")
        assert list(partial) == HOSTS[:1]
        assert not partial.completion.complete
        writer.close(DONE)
    assert names_beside(path) == ["s.jsonl"]


def test_an_earlier_snapshot_stays_whole_until_the_new_one_ends(path):
    record(FakeEvidence(), path)
    with SnapshotWriter(path, ORIGIN) as writer:
        assert list(Snapshot(path)) == HOSTS
        writer.close(DONE)
    assert list(Snapshot(path)) == []


def test_left_early_it_ends_as_interrupted(path):
    with SnapshotWriter(path, ORIGIN) as writer:
        writer.add(HOSTS[0])
    snapshot = Snapshot(path)
    assert list(snapshot) == HOSTS[:1]
    assert snapshot.completion == Completion(complete=False, reason="interrupted")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(KeyboardInterrupt(), "interrupted"), (EvidenceError("f:3: bad"), "ended by an error: f:3: bad")],
)
def test_a_fault_while_collecting_ends_it_with_the_reason(path, fault, reason):
    with pytest.raises(type(fault)):
        record(FakeEvidence(breaks_with=fault), path)
    snapshot = Snapshot(path)
    assert list(snapshot) == HOSTS
    assert snapshot.completion == Completion(complete=False, reason=reason)


def test_record_writes_it_all_and_says_how_it_ended(path):
    incomplete = Completion(complete=False, reason="a host was lost")
    assert record(FakeEvidence(completion=incomplete), path) == incomplete
    snapshot = Snapshot(path)
    assert list(snapshot) == HOSTS
    assert snapshot.completion == incomplete
    assert snapshot.origin.started == ORIGIN.started


@pytest.mark.parametrize("fault", [None, KeyboardInterrupt(), EvidenceError("f:3: bad")])
def test_record_writes_each_of_more_hosts_than_fit_a_block_once_and_in_order(path, fault):
    hosts = [Observation(host=f"web-{number}", notes=("n" * 1000,)) for number in range(200)]
    with nullcontext() if fault is None else pytest.raises(type(fault)):
        record(FakeEvidence(hosts, breaks_with=fault), path)
    assert list(Snapshot(path)) == hosts


def test_tee_passes_on_what_it_records(path):
    evidence = tee(FakeEvidence(), SnapshotWriter(path, ORIGIN))
    assert evidence.origin == ORIGIN
    assert list(evidence) == HOSTS
    assert evidence.completion == DONE
    snapshot = Snapshot(path)
    assert list(snapshot) == HOSTS
    assert snapshot.completion == DONE


def test_tee_writes_a_host_before_it_passes_it_on(path):
    reader = iter(tee(FakeEvidence(), SnapshotWriter(path, ORIGIN)))
    next(reader)
    assert list(Snapshot(f"{path}.partial")) == HOSTS[:1]
    reader.close()
    assert not Snapshot(path).completion.complete


class HalfDone(FakeEvidence):
    def partial(self):
        return HOSTS[2:]


def test_interrupted_it_keeps_what_is_known_of_the_hosts_that_were_not_finished(path):
    evidence = tee(HalfDone(HOSTS[:2], breaks_with=KeyboardInterrupt()), SnapshotWriter(path, ORIGIN))
    with pytest.raises(KeyboardInterrupt):
        list(evidence)
    snapshot = Snapshot(path)
    assert list(snapshot) == HOSTS
    assert snapshot.completion == Completion(complete=False, reason="interrupted")


def test_a_reader_that_is_interrupted_leaves_what_is_known_of_unfinished_hosts(path):
    reader = iter(tee(HalfDone(), SnapshotWriter(path, ORIGIN)))
    next(reader)
    reader.close()
    assert list(Snapshot(path)) == [HOSTS[0], HOSTS[2]]


def test_after_a_kill_the_partial_file_is_incomplete_evidence(path):
    program = (
        "import os, signal, sys\n"
        "from auditor.model.evidence import Kind, Observation, Origin\n"
        "from auditor.snapshot import SnapshotWriter\n"
        "writer = SnapshotWriter(sys.argv[1], Origin(kind=Kind.PROBE, source='live'))\n"
        "writer.add(Observation(host='web-0'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, path], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert names_beside(path) == ["s.jsonl.partial"]
    snapshot = Snapshot(f"{path}.partial")
    assert [seen.host for seen in snapshot] == ["web-0"]
    assert snapshot.completion.reason == "no end mark: the scan was interrupted"
    record(FakeEvidence(), path)  # the next run takes the place over
    assert names_beside(path) == ["s.jsonl"]


def test_two_runs_do_not_write_into_one_file(path):
    with SnapshotWriter(path, ORIGIN) as writer:
        writer.add(HOSTS[0])
        with pytest.raises(ReportError, match=f"cannot write {path}: another run is writing it"):
            SnapshotWriter(path, ORIGIN)
        writer.close(DONE)
    assert list(Snapshot(path)) == HOSTS[:1]


def test_a_full_disk_is_one_clear_message():
    with pytest.raises(ReportError, match=r"^cannot write /dev/full: No space left on device$"):
        record(FakeEvidence(), "/dev/full")


def test_a_file_that_may_not_grow_is_one_clear_message_and_stays_readable(path):
    program = (
        "import resource, signal, sys\n"
        "from auditor.errors import ReportError\n"
        "from auditor.model.evidence import Kind, Observation, Origin\n"
        "from auditor.snapshot import SnapshotWriter\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    with SnapshotWriter(sys.argv[1], Origin(kind=Kind.PROBE, source='live')) as writer:\n"
        "        for number in range(100):\n"
        "            writer.add(Observation(host=f'web-{number}'))\n"
        "except ReportError as error:\n"
        "    print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, path], check=True, capture_output=True, text=True)
    assert ended.stdout == f"cannot write {path}: File too large\n"
    assert names_beside(path) == ["s.jsonl.partial"]
    snapshot = Snapshot(f"{path}.partial")
    assert len(list(snapshot)) > 10
    assert snapshot.completion.reason == "the file ends in the middle of a line"


@pytest.mark.parametrize(("name", "reason"), [(".", "Is a directory"), ("missing/s", "No such file or directory")])
def test_a_place_that_cannot_be_written_names_path_and_reason(path, name, reason):
    target = path.parent / name
    with pytest.raises(ReportError, match=f"cannot write {target}: {reason}"):
        SnapshotWriter(target, ORIGIN)


def test_a_link_planted_as_the_partial_file_is_not_followed(path):
    victim = path.parent / "victim"
    victim.write_text("precious")
    (path.parent / "s.jsonl.partial").symlink_to(victim)
    with pytest.raises(ReportError, match="cannot write"):
        SnapshotWriter(path, ORIGIN)
    assert victim.read_text() == "precious"


def test_a_new_snapshot_honours_the_umask(path):
    before = os.umask(0o077)
    try:
        record(FakeEvidence(), path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_standard_output_gets_the_lines_directly(path):
    program = (
        "from auditor.model.evidence import Completion, Kind, Origin\n"
        "from auditor.snapshot import SnapshotWriter\n"
        "with SnapshotWriter('/dev/stdout', Origin(kind=Kind.PROBE, source='live')) as writer:\n"
        "    writer.close(Completion(complete=True))\n"
    )
    with path.open("wb") as out:
        subprocess.run([sys.executable, "-c", program], stdout=out, check=True)
    snapshot = Snapshot(path)
    assert list(snapshot) == []
    assert snapshot.completion.complete
    assert names_beside(path) == ["s.jsonl"]


def test_only_the_first_end_mark_counts(path):
    with SnapshotWriter(path, ORIGIN) as writer:
        writer.close(DONE)
        writer.close(Completion(complete=False, reason="too late"))
    snapshot = Snapshot(path)
    list(snapshot)
    assert snapshot.completion == DONE


def test_what_is_never_read_ends_as_interrupted(path):
    unread = tee(FakeEvidence(), SnapshotWriter(path, ORIGIN))
    del unread
    assert names_beside(path) == ["s.jsonl"]
    seen = Snapshot(path)
    assert list(seen) == []
    assert (seen.completion.complete, seen.completion.reason) == (False, "interrupted")


def test_an_interrupt_in_the_middle_of_the_end_waits_for_it(path, monkeypatch):
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (signal.raise_signal(signal.SIGINT), fsync(file)))
    with pytest.raises(KeyboardInterrupt):
        record(FakeEvidence(), path)
    assert names_beside(path) == ["s.jsonl"]
    seen = Snapshot(path)
    assert len(list(seen)) == len(HOSTS)
    assert seen.completion.complete


def test_where_nothing_at_all_can_be_written_no_empty_file_is_left(path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(ReportError, match="too large"):
            SnapshotWriter(path, ORIGIN)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names_beside(path) == []


def test_what_was_not_begun_or_only_begun_ends_when_it_is_closed(path):
    unread = tee(FakeEvidence(), SnapshotWriter(path, ORIGIN))
    unread.close()
    seen = Snapshot(path)
    assert list(seen) == []
    assert seen.completion == Completion(complete=False, reason="interrupted")
    begun = tee(HalfDone(), SnapshotWriter(path, ORIGIN))
    reader = iter(begun)
    next(reader)
    begun.close()
    assert list(Snapshot(path)) == [HOSTS[0], HOSTS[2]]


def test_what_was_read_to_its_end_stays_complete_when_it_is_closed(path):
    whole = tee(FakeEvidence(), SnapshotWriter(path, ORIGIN))
    assert list(whole) == HOSTS
    whole.close()
    seen = Snapshot(path)
    assert list(seen) == HOSTS
    assert seen.completion == DONE
