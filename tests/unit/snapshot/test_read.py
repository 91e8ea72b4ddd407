import hashlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import EvidenceError
from auditor.model.evidence import Completion, Kind
from auditor.model.ports import PortSet
from auditor.snapshot import Snapshot
from auditor.snapshot import read as reading

HEADER = {"auditor": "snapshot", "version": 1, "kind": "probe", "vantage": "office", "tool": "auditor 1"}
HOST = {"host": "web-1", "address": "192.0.2.10", "tcp": {"open": "80", "closed": "1-79"}}
FOOTER = {"complete": True, "finished": "2026-11-22T20:50:39Z"}


@pytest.fixture
def write(tmp_path):
    def written(*lines, end=b"\n"):
        path = tmp_path / "s.jsonl"
        raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        path.write_bytes(b"\n".join(raw) + end)
        return path

    return written


def test_header_hosts_and_footer_are_read(write):
    snapshot = Snapshot(write(HEADER, HOST, FOOTER))
    assert (snapshot.origin.kind, snapshot.origin.vantage, snapshot.origin.tool) == (Kind.PROBE, "office", "auditor 1")
    [seen] = snapshot
    assert (seen.host, seen.open, seen.asked) == ("web-1", PortSet.parse("80"), PortSet.parse("1-80"))
    assert snapshot.completion.complete


def test_the_digest_of_the_whole_file_is_known_after_the_last_host(write):
    path = write(HEADER, HOST, FOOTER)
    snapshot = Snapshot(path)
    assert snapshot.origin.sha256 is None
    list(snapshot)
    assert snapshot.origin.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_it_can_be_read_twice(write):
    snapshot = Snapshot(write(HEADER, HOST, FOOTER))
    assert list(snapshot) == list(snapshot)


def test_until_it_has_been_read_to_its_end_it_is_incomplete(write):
    snapshot = Snapshot(write(HEADER, HOST, HOST, FOOTER))
    assert not snapshot.completion.complete
    reader = iter(snapshot)
    next(reader)
    assert not snapshot.completion.complete
    reader.close()


def test_without_an_end_mark_the_scan_was_interrupted(write):
    snapshot = Snapshot(write(HEADER, HOST))
    assert len(list(snapshot)) == 1
    assert snapshot.completion == Completion(complete=False, reason="no end mark: the scan was interrupted")


@pytest.mark.parametrize("cut", [1, 5, 30, 60])
def test_a_file_cut_inside_a_line_is_incomplete_and_keeps_the_hosts_before(write, cut):
    path = write(HEADER, HOST, {**HOST, "host": "web-2"})
    path.write_bytes(path.read_bytes()[:-cut])
    snapshot = Snapshot(path)
    hosts = [seen.host for seen in snapshot]
    assert hosts == (["web-1", "web-2"] if cut == 1 else ["web-1"])  # the first byte to go is only the newline
    assert not snapshot.completion.complete
    if cut > 1:
        assert snapshot.completion.reason == "the file ends in the middle of a line"
        assert snapshot.origin.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_footer_without_a_newline_counts(write):
    snapshot = Snapshot(write(HEADER, FOOTER, end=b""))
    assert list(snapshot) == []
    assert snapshot.completion.complete


def test_a_reason_in_the_footer_is_kept(write):
    snapshot = Snapshot(write(HEADER, {"complete": False, "reason": "interrupted"}))
    list(snapshot)
    assert snapshot.completion == Completion(complete=False, reason="interrupted")


def test_fields_of_a_later_form_are_passed_over(write):
    later = {"colour": ["red"]}
    snapshot = Snapshot(
        write(HEADER | later, HOST | later | {"tcp": {"open": "80", "half-open": "81"}}, FOOTER | later)
    )
    [seen] = snapshot
    assert seen.open == PortSet.parse("80")
    assert snapshot.completion.complete


def test_a_byte_order_mark_blank_lines_and_windows_line_ends_do_no_harm(write):
    lines = [json.dumps(line).encode() + b"\r" for line in (HEADER, HOST, FOOTER)]
    snapshot = Snapshot(write(b"\xef\xbb\xbf" + lines[0], b"\r", lines[1], b"", lines[2], b""))
    assert len(list(snapshot)) == 1
    assert snapshot.completion.complete


@pytest.mark.parametrize(
    ("first", "says"),
    [
        (b"", "the first line is blank"),
        (b"garbage", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"auditor": "audit", "version": 1}', 'not a snapshot: the first line must have "auditor": "snapshot"'),
        (HEADER | {"version": 2}, "snapshot version 2 cannot be read; this auditor reads version 1"),
        (HEADER | {"version": True}, "snapshot version True cannot be read"),
        (HEADER | {"kind": "guess"}, "\"kind\" is 'guess'; expected one of probe, sockets, declared"),
        (HEADER | {"asked": "99999"}, '"asked" is not a list of ports'),
        (HEADER | {"vantage": 7}, '"vantage" must be a string'),
        (HEADER | {"started": "yesterday"}, "\"started\" is 'yesterday', which is not a time"),
        (HEADER | {"started": "2026-11-22T20:50:39"}, "which is not a time such as"),
        (b"\xff\xfe{}", "not UTF-8"),
    ],
)
def test_a_first_line_that_is_no_header_is_refused_with_file_and_line(write, first, says):
    path = write(first, HOST)
    with pytest.raises(EvidenceError) as caught:
        Snapshot(path)
    assert str(caught.value).startswith(f"{path}:1: ")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"garbage", "not JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"pid": ' + b"9" * 5000 + b"}", "a number that is too long"),
        ({"address": "web-1"}, "\"address\" is 'web-1', which is not an IP address"),
        ({"tcp": {"open": "80", "closed": "1-100"}}, "a port is listed in two states"),
        ({"tcp": {"open": "80"}, "errors": [{"ports": "80/tcp", "reason": "?"}]}, "a port is listed in two states"),
        ({"tcp": {"open": "53/udp"}}, '"tcp.open" must hold bare numbers and ranges'),
        ({"tcp": {"open": "70000"}}, '"tcp.open" is not a list of ports'),
        ({"udp": {"closed": "90-80"}}, '"udp.closed" is not a list of ports'),
        ({"tcp": "80"}, '"tcp" must be an object'),
        ({"tcp": {"open": 80}}, '"open" must be a string'),
        ({"alive": "yes"}, '"alive" must be true or false'),
        ({"names": "web"}, '"names" must be a list'),
        ({"names": [1]}, '"names" must be a list of strings'),
        ({"errors": [{"ports": "1"}]}, '"errors.reason" is missing'),
        ({"errors": ["1"]}, '"errors" must be a list of objects'),
        ({"sockets": [{"port": "x", "address": "::", "scope": "network"}]}, "which is not a port"),
        ({"sockets": [{"port": "1", "address": "::", "scope": "here"}]}, "expected one of loopback, network"),
        ({"sockets": [{"port": "1", "address": "::", "scope": "network", "pid": -1}]}, '"pid" must be a whole number'),
        (
            {"sockets": [{"port": "1", "address": "::", "scope": "network", "pid": True}]},
            '"pid" must be a whole number',
        ),
        ({"openings": [{"port": "1", "bind": "10.0.0.1/8"}]}, '"bind" is not a list of networks'),
        ({"openings": [{"port": "1", "location": {"line": 3}}]}, '"location.file" is missing'),
        ({"started": 3}, '"started" must be a string'),
        ({"complete": None}, '"complete" is missing'),
        ({"complete": 1}, '"complete" must be true or false'),
        (HEADER, "a second header: snapshots are joined with 'auditor merge', not by appending"),
    ],
)
def test_a_line_that_no_snapshot_holds_is_refused_with_file_and_line(write, line, says):
    path = write(HEADER, HOST, line, FOOTER)
    with pytest.raises(EvidenceError) as caught:
        list(Snapshot(path))
    assert str(caught.value).startswith(f"{path}:3: ")
    assert says in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("line", "says"), [(HOST, "a line after the end mark"), (FOOTER, "after the end"), (HEADER, "a second header")]
)
def test_nothing_may_follow_the_end_mark(write, line, says):
    path = write(HEADER, FOOTER, line)
    with pytest.raises(EvidenceError, match=f":3: .*{says}"):
        list(Snapshot(path))


def test_a_line_without_end_is_refused_before_it_fills_the_memory(write, monkeypatch):
    monkeypatch.setattr(reading, "LONGEST_LINE", 1024 * 1024)
    path = write(HEADER, b'{"notes": ["' + b"x" * 2_000_000, FOOTER)
    with pytest.raises(EvidenceError, match=":2: a line longer than 1 MiB"):
        list(Snapshot(path))


def test_a_file_replaced_between_header_and_hosts_is_refused(write):
    path = write(HEADER, HOST, FOOTER)
    snapshot = Snapshot(path)
    write(HEADER | {"vantage": "internet"}, HOST, FOOTER)
    with pytest.raises(EvidenceError, match="replaced while it was being read"):
        list(snapshot)


def test_a_file_that_vanished_is_an_evidence_error(write):
    path = write(HEADER, HOST, FOOTER)
    snapshot = Snapshot(path)
    path.unlink()
    with pytest.raises(EvidenceError, match=f"cannot read {path}: No such file or directory"):
        list(snapshot)


def test_a_folder_is_an_evidence_error(tmp_path):
    with pytest.raises(EvidenceError, match="Is a directory"):
        Snapshot(tmp_path)


def test_an_empty_file_is_an_evidence_error(write):
    with pytest.raises(EvidenceError, match=":1: the file is empty"):
        Snapshot(write(end=b""))


def outcome(path):
    try:
        snapshot = Snapshot(path)
        list(snapshot)
    except EvidenceError as error:
        return False, str(error)
    return snapshot.completion.complete, "fine"


@given(tail=st.binary(max_size=200))
def test_whatever_follows_the_header_ends_in_evidence_or_one_clear_error(tmp_path_factory, tail):
    path = tmp_path_factory.mktemp("fuzz") / "s"
    path.write_bytes(json.dumps(HEADER).encode() + b"\n" + tail)
    complete, error = outcome(path)
    assert error.startswith((f"{path}:", "fine"))
    assert not complete or b"complete" in tail


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.just("80")
    | st.just("192.0.2.1"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["port", "open", "file"]), inner),
    max_leaves=6,
)
FIELDS = [
    "host", "address", "names", "vantage", "alive", "started", "finished", "tcp", "udp", "errors", "asked",
    "services", "sockets", "openings", "notes", "complete", "auditor",
]  # fmt: skip


@given(line=st.dictionaries(st.sampled_from(FIELDS), values, max_size=4))
def test_any_json_in_any_field_ends_in_evidence_or_one_clear_error(tmp_path_factory, line):
    path = tmp_path_factory.mktemp("fuzz") / "s"
    path.write_text(json.dumps(HEADER) + "\n" + json.dumps(line) + "\n")
    assert outcome(path)[1].startswith((f"{path}:2: ", "fine"))


def test_numbers_that_json_does_not_know_do_no_harm(write):
    assert len(list(Snapshot(write(HEADER, {**HOST, "weight": math.nan}, FOOTER)))) == 1


@pytest.mark.parametrize(
    ("line", "lines", "key"),
    [
        (b'{"host":"a","tcp":{"open":"6379"},"tcp":{"closed":"6379"}}', 2, "tcp"),
        (b'{"host":"a","tcp":{"open":"22","closed":"23","open":"24"}}', 2, "open"),
        (b'{"complete":false,"complete":true}', 3, "complete"),
    ],
)
def test_a_key_that_is_there_twice_is_refused(write, line, lines, key):
    path = write(*[HEADER, HOST][: lines - 1], line)
    with pytest.raises(EvidenceError, match=rf"s\.jsonl:{lines}: the key '{key}' is here twice"):
        list(Snapshot(path))


def test_a_key_that_is_there_twice_in_the_header_is_refused(write):
    with pytest.raises(EvidenceError, match=r"s\.jsonl:1: the key 'kind' is here twice"):
        Snapshot(write(b'{"auditor":"snapshot","version":1,"kind":"probe","kind":"sockets"}', HOST, FOOTER))


def test_a_last_line_without_an_end_that_names_a_key_twice_is_no_end_mark(write):
    snapshot = Snapshot(write(HEADER, HOST, b'{"complete":false,"complete":true}', end=b""))
    list(snapshot)
    assert snapshot.completion == Completion(complete=False, reason=reading.CUT_OFF)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_time_that_is_none_in_utc_is_refused(write, time):
    with pytest.raises(EvidenceError, match=r's\.jsonl:1: "started" is .* which is not a time'):
        Snapshot(write(HEADER | {"started": time}, HOST, FOOTER))
