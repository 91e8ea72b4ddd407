"""What a killed scan leaves in its file, what is read from it, and that writing it loses nothing at any moment."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from auditor.errors import EvidenceError, ReportError, UsageError
from auditor.model.evidence import INTERRUPTED, Completion, Kind, Observation, Origin, Unknown
from auditor.model.ports import PortSet
from auditor.model.target import Batch, Target
from auditor.snapshot import Snapshot, SnapshotWriter, tee
from auditor.snapshot import checkpoint as timing
from auditor.snapshot.plan import plan_lines
from auditor.snapshot.resume import unfinished

ORIGIN = Origin(kind=Kind.PROBE, source="live", started=datetime(2026, 11, 22, tzinfo=UTC))
ASK = PortSet.parse("1-100")
TARGETS = tuple(Target(host=f"h{n}", address=f"192.0.2.{n}", ask=ASK) for n in range(1, 4))
PLAN = Batch(targets=TARGETS, rate=500)
DONE = Completion(complete=True)


def seen(number, **states):
    sets = {name: PortSet.parse(ports) for name, ports in states.items()}
    return Observation(host=f"h{number}", address=f"192.0.2.{number}", asked=ASK, **sets)


def whole(number):
    return replace(seen(number, open="80", closed="1-79,81-100"), alive=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "s.jsonl"


def begun(path, plan=PLAN):
    return SnapshotWriter(path, ORIGIN, plan=plan_lines(plan))


def abandon(writer):
    """As SIGKILL does it: the file stays as it is, and the lock goes."""
    writer._file.close()


def lines(path):
    return path.read_bytes().splitlines()


# -- reading -------------------------------------------------------------------------------------------------------


def test_each_target_is_read_once_a_finished_one_as_it_was_concluded(path):
    writer = begun(path)
    writer.note(seen(1, closed="1-10"))
    writer.note(seen(2, open="80"))
    writer.note(seen(1, closed="11-20"))
    writer.add(whole(1))
    writer.note(seen(2, closed="1-5"))
    abandon(writer)
    first, second = Snapshot(f"{path}.partial")
    assert first == whole(1)
    assert (second.open, second.closed) == (PortSet.parse("80"), PortSet.parse("1-5"))
    assert second.unknown == (Unknown(ports=PortSet.parse("6-79,81-100"), reason=INTERRUPTED),)


def test_a_note_that_is_cut_off_is_not_read_and_a_wrong_one_is_refused_with_its_line(path):
    writer = begun(path)
    writer.note(seen(1, closed="1-10"))
    writer.note(seen(1, open="80"))
    abandon(writer)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(partial.read_bytes()[:-5])
    [only] = Snapshot(partial)
    assert not only.open
    partial.write_bytes(b"\n".join([*lines(partial)[:-1], b'{"interim":"yes","host":"h1"}', b""]))
    with pytest.raises(EvidenceError, match=r':5: "interim" must be true or false'):
        list(Snapshot(partial))


# -- writing -------------------------------------------------------------------------------------------------------


def test_a_complete_snapshot_has_neither_plan_nor_notes(path):
    with begun(path) as writer:
        for number in (1, 2, 3):
            writer.note(seen(number, closed="1-10"))
            writer.add(whole(number))
        writer.close(DONE)
    assert len(lines(path)) == 5
    assert list(Snapshot(path)) == [whole(1), whole(2), whole(3)]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_an_interrupted_one_keeps_the_plan_and_the_notes_that_nothing_replaced(path):
    with begun(path) as writer:
        writer.note(seen(1, closed="1-10"))
        writer.note(seen(2, closed="1-10"))
        writer.note(seen(3, closed="1-10"))
        writer.add(whole(1))
        writer.leave(seen(2, closed="1-10", open="80"))
    read = {one.host: one for one in Snapshot(path)}
    assert read["h1"] == whole(1)
    assert read["h2"].open == PortSet.parse("80")
    assert read["h3"].closed == PortSet.parse("1-10"), "nobody left a word on it but the note"
    assert Snapshot(path).plan() == PLAN
    assert sum(b"interim" in line for line in lines(path)) == 2


def test_what_is_gone_on_with_is_in_the_file_before_anything_else_happens(path):
    writer = begun(path)
    writer.add(whole(1))
    writer.note(seen(2, closed="1-10"))
    abandon(writer)
    left = unfinished(path)
    again = SnapshotWriter(path, ORIGIN, plan=plan_lines(PLAN), earlier=left.parts, takes_over=True)
    abandon(again)
    assert unfinished(path).parts == left.parts
    assert [entry.name for entry in path.parent.iterdir()] == [f"{path.name}.partial"]


KILLED = """
import os, signal, sys
from auditor.snapshot import SnapshotWriter, write
from auditor.snapshot.plan import plan_lines
from auditor.snapshot.resume import unfinished
left = unfinished(sys.argv[1])
steps = int(sys.argv[2])
def step(real):
    def stepped(*args, **kwargs):
        global steps
        steps -= 1
        if steps < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)
    return stepped
for name in ("open", "fsync", "fstat"):
    setattr(os, name, step(getattr(os, name)))
write.Path.replace = step(write.Path.replace)
write.SnapshotWriter._put = step(write.SnapshotWriter._put)
writer = SnapshotWriter(sys.argv[1], left.origin, plan=plan_lines(left.plan), earlier=left.parts, takes_over=True)
writer.add(left.begun[0].seen)
writer.close(__import__("auditor.model.evidence").model.evidence.Completion(complete=False))
"""


@pytest.mark.parametrize("stopped", [True, False])
def test_a_kill_at_any_step_of_going_on_loses_nothing(tmp_path, stopped):
    for steps in range(200):
        path = tmp_path / f"{steps}.jsonl"
        writer = begun(path)
        writer.add(whole(1))
        writer.note(seen(2, closed="1-10"))
        if stopped:
            writer.__exit__(None, None, None)
        else:
            abandon(writer)
        before = {one.host: one.seen for one in Snapshot(path if stopped else f"{path}.partial")}
        ended = subprocess.run([sys.executable, "-c", KILLED, path, str(steps)], check=False)
        after = unfinished(path)
        known = {part.seen.host: part.seen.seen for part in after.parts}
        assert known == before, steps
        assert after.plan == PLAN
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL
    assert steps > 10, "the steps were counted"


def test_to_another_file_it_goes_without_touching_the_first(path, tmp_path):
    writer = begun(path)
    writer.add(whole(1))
    abandon(writer)
    before = (tmp_path / "s.jsonl.partial").read_bytes()
    left = unfinished(path)
    other = tmp_path / "other.jsonl"
    with SnapshotWriter(other, ORIGIN, plan=plan_lines(PLAN), earlier=left.parts, takes_over=True) as again:
        again.close(Completion(complete=False))
    assert [one.host for one in Snapshot(other)] == ["h1"]
    assert (tmp_path / "s.jsonl.partial").read_bytes() == before


def test_two_runs_do_not_go_on_with_one_scan(path, monkeypatch):
    monkeypatch.setattr("auditor.snapshot.resume._PATIENCE", 0.05)
    with begun(path) as writer:
        with pytest.raises(UsageError, match="is being written: the scan is still going on"):
            unfinished(path)
        with pytest.raises(ReportError, match="another run is writing it"):
            SnapshotWriter(path, ORIGIN, takes_over=True)
        writer.close(DONE)


# -- what is left --------------------------------------------------------------------------------------------------


def test_of_a_killed_scan_finished_targets_stay_and_the_others_are_left(path):
    writer = begun(path)
    writer.add(whole(1))
    writer.note(seen(2, open="80", closed="1-79"))
    abandon(writer)
    left = unfinished(path)
    assert left.path == str(path)
    assert left.finished == (whole(1),)
    assert [one.target.host for one in left.begun] == ["h2"]
    asked = {target.host: target.ask for target in left.rest}
    assert asked["h3"] == ASK
    assert asked["h2"] == PortSet.parse("81-100,80,1-7"), "what is left, and witnesses"
    assert left.plan.rate == 500
    assert left.origin.started == ORIGIN.started
    assert not left.complete


def test_the_partial_file_is_the_later_one(path):
    with begun(path) as writer:
        writer.add(whole(1))
        writer.close(DONE)
    later = begun(path)
    later.add(whole(2))
    abandon(later)
    for name in (str(path), f"{path}.partial"):
        left = unfinished(name)
        assert left.path == str(path)
        assert [one.host for one in left.finished] == ["h2"]


@pytest.mark.parametrize("held", [b"", b'{"auditor":"snap', None])
def test_a_partial_file_without_a_plan_holds_nothing(path, held):
    with begun(path) as writer:
        writer.add(whole(1))
    partial = path.with_name(path.name + ".partial")
    if held is None:
        abandon(SnapshotWriter(path, ORIGIN, plan=list(plan_lines(PLAN))[:1]))
    else:
        partial.write_bytes(held)
    assert [one.host for one in unfinished(path).finished] == ["h1"]


def test_a_partial_file_with_a_fault_in_it_is_not_passed_over(path):
    begun(path).close(Completion(complete=False))
    path.with_name(path.name + ".partial").write_text("garbage\n")
    with pytest.raises(EvidenceError, match=r"s\.jsonl\.partial:1: not JSON"):
        unfinished(path)


def test_a_complete_snapshot_that_was_kept_from_its_name_gets_it(path):
    with begun(path) as writer:
        writer.add(whole(1))
        writer.close(DONE)
    path.rename(f"{path}.partial")
    left = unfinished(path)
    assert left.complete
    assert list(left.named()) == [whole(1)]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_what_cannot_go_on_is_refused_in_one_line(path):
    with SnapshotWriter(path, ORIGIN):
        pass
    with pytest.raises(UsageError, match="does not say what was to be asked"):
        unfinished(path)
    path.write_text('{"auditor":"snapshot","version":1,"kind":"sockets"}\n')
    with pytest.raises(UsageError, match="is sockets evidence; only a scan can go on"):
        unfinished(path)
    path.write_text("<nmaprun></nmaprun>\n")
    with pytest.raises(UsageError, match=r"not a snapshot of a scan: .*s\.jsonl:1: not JSON"):
        unfinished(path)
    path.unlink()
    with pytest.raises(EvidenceError, match=r"cannot read .*s\.jsonl: No such file"):
        unfinished(path)


# -- checkpoints ---------------------------------------------------------------------------------------------------


class Scanning:
    """A scan under way, with so many targets of which something new is known each time."""

    origin = ORIGIN
    completion = Completion(complete=False)

    def __init__(self, news=1):
        self.told = 0
        self._news = news

    def __iter__(self):
        yield whole(1)

    def underway(self):
        for _ in range(self._news):
            self.told += 1
            yield seen(2, closed=str(self.told % 65535 + 1))


def test_checkpoints_are_a_second_apart_and_take_a_fiftieth_of_the_time(path, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(timing, "monotonic", lambda: clock[0])
    scan = Scanning(news=3)
    recorded = tee(scan, begun(path))
    recorded.checkpoint()
    assert scan.told == 0
    clock[0] += 1
    recorded.checkpoint()
    assert scan.told == 3
    clock[0] += 0.5
    recorded.checkpoint()
    assert scan.told == 3
    recorded.checkpoint(thorough=True)
    assert scan.told == 6
    recorded.close()


def test_a_long_checkpoint_is_written_in_slices(path, monkeypatch):
    clock = [1000.0]

    def slow():
        clock[0] += 0.002
        return clock[0]

    monkeypatch.setattr(timing, "monotonic", slow)
    scan = Scanning(news=100)
    recorded = tee(scan, begun(path))
    clock[0] += 1
    recorded.checkpoint()
    assert 3 <= scan.told <= 8, "ten milliseconds are over"
    recorded.checkpoint()
    assert scan.told <= 8, "and now it is the scan's turn"
    clock[0] += 1
    before = scan.told
    recorded.checkpoint()
    assert before < scan.told <= 20
    recorded.close()


def test_a_checkpoint_in_a_pipe_would_be_in_the_way(tmp_path):
    program = (
        "import sys\n"
        "from auditor.model.evidence import Kind, Observation, Origin\n"
        "from auditor.snapshot import SnapshotWriter\n"
        "with SnapshotWriter('/dev/stdout', Origin(kind=Kind.PROBE, source='live')) as writer:\n"
        "    writer.note(Observation(host='a'))\n"
        "    writer.add(Observation(host='a'))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert [next(iter(json.loads(line))) for line in done.stdout.splitlines()] == ["auditor", "host", "complete"]


def test_parts_know_what_is_finished(path):
    with begun(path) as writer:
        writer.add(whole(1))
        writer.leave(seen(2, open="80"))
    assert [part.finished for part in Snapshot(path).parts()] == [True, False]
