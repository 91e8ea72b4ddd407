"""``auditor scan --resume``: what it refuses in one line, and what it does where nothing is left to ask."""

import pytest

from auditor.cli.app import run
from auditor.model.evidence import Completion, Kind, Observation, Origin, Unknown
from auditor.model.ports import PortSet
from auditor.model.target import Batch, Target
from auditor.snapshot import SnapshotWriter
from auditor.snapshot.plan import plan_lines

ORIGIN = Origin(kind=Kind.PROBE, source="live")
ASK = PortSet.parse("1-2")
TARGETS = [Target(host=f"h{n}", address=f"192.0.2.{n}", ask=ASK) for n in range(1, 4)]
SEEN = Observation(host="h1", address="192.0.2.1", open=PortSet.parse("1"), closed=PortSet.parse("2"), asked=ASK)


@pytest.fixture
def saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(*observations, complete, batch=None):
        plan = plan_lines(batch or Batch(targets=TARGETS))
        with SnapshotWriter("s.jsonl", ORIGIN, plan=plan) as writer:
            for seen in observations:
                writer.add(seen)
            writer.close(Completion(complete=complete))
        return tmp_path / "s.jsonl"

    return write


def test_of_a_complete_snapshot_nothing_is_left_and_the_code_is_that_of_its_scan(saved, capsys):
    saved(SEEN, complete=True)
    assert run(["scan", "--resume", "s.jsonl"]) == 0
    shown = capsys.readouterr()
    assert "1/tcp" in shown.out
    assert shown.err == "s.jsonl is complete: nothing is left to ask\n"
    unknown = Observation(host="h2", unknown=(Unknown(ports=ASK, reason="no answer"),), asked=ASK)
    saved(SEEN, unknown, complete=True)
    assert run(["scan", "--resume", "s.jsonl"]) == 3


def test_a_complete_snapshot_can_be_saved_elsewhere(saved):
    path = saved(SEEN, complete=True)
    assert run(["scan", "--resume", "s.jsonl", "--save", "t.jsonl"]) == 0
    assert path.with_name("t.jsonl").read_text().splitlines()[1:] == path.read_text().splitlines()[1:]


def test_where_every_host_was_finished_it_only_ends_the_file(saved, capsys):
    path = saved(SEEN, complete=False, batch=Batch(targets=TARGETS[:1]))
    assert run(["scan", "--resume", "s.jsonl"]) == 0
    assert "0 addresses of 1 to finish" in capsys.readouterr().err
    assert '"complete":true' in path.read_text().splitlines()[-1]
    assert '"targets"' not in path.read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["192.0.2.1"], "--resume goes alone: the snapshot says what is asked, and from where"),
        (["--from", "office"], "--resume goes alone"),
        (["--only", "h1"], "--resume goes alone"),
        (["--ports", "80"], "--resume goes alone"),
        (["--max-targets", "2"], "refusing to probe more than 2 addresses: s.jsonl names 3; raise the limit"),
    ],
)
def test_what_does_not_go_with_it_is_bad_usage(saved, capsys, words, says):
    path = saved(SEEN, complete=False)
    before = path.read_bytes()
    assert run(["scan", "--resume", "s.jsonl", *words]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert path.read_bytes() == before


def test_a_method_that_nobody_knows_is_bad_usage(saved, capsys):
    saved(SEEN, complete=False, batch=Batch(targets=TARGETS, method="telepathy"))
    assert run(["scan", "--resume", "s.jsonl"]) == 2
    assert "s.jsonl wants the method 'telepathy'; expected connect, syn" in capsys.readouterr().err


def test_a_plan_that_somebody_spoilt_is_an_error_with_its_line(saved, capsys):
    path = saved(SEEN, complete=False)
    path.write_text(path.read_text().replace('"192.0.2.3"', '"example.com"'))
    assert run(["scan", "--resume", "s.jsonl"]) == 4
    assert "error: s.jsonl:3: \"address\" is 'example.com', which is not an IP address" in capsys.readouterr().err


def test_there_is_no_scan_of_nothing(capsys):
    assert run(["scan"]) == 2
    assert "name a POLICY, or TARGETs to scan; or a snapshot to go on with, by --resume" in capsys.readouterr().err
