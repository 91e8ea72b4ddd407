from datetime import UTC, datetime

import pytest

from auditor.errors import UsageError
from auditor.model.evidence import Completion, Kind, Observation, Origin
from auditor.model.ports import PortSet
from auditor.snapshot import Snapshot, merge, record


class FakeShard:
    def __init__(self, name, *, hosts=(), complete=True, reason=None, finished=None, **origin):
        origin = {"kind": Kind.PROBE, "vantage": "office", "tool": "auditor 1"} | origin
        self.origin = Origin(source=name, **origin)
        self.completion = Completion(complete=complete, reason=reason, finished=finished)
        self._hosts = hosts

    def __iter__(self):
        return iter(self._hosts)


def hour(number):
    return datetime(2026, 11, 22, number, tzinfo=UTC)


def test_all_hosts_of_all_shards_are_told_in_order():
    first = FakeShard("a", hosts=[Observation(host="web-1"), Observation(host="web-2")])
    second = FakeShard("b", hosts=[Observation(host="web-1")])
    assert [seen.host for seen in merge([first, second])] == ["web-1", "web-2", "web-1"]


def test_the_whole_starts_with_the_first_and_finishes_with_the_last():
    whole = merge(
        [
            FakeShard("a", started=hour(3), finished=hour(5)),
            FakeShard("b", started=hour(2), finished=hour(4)),
        ]
    )
    list(whole)
    assert whole.origin.started == hour(2)
    assert whole.completion == Completion(complete=True, finished=hour(5))


def test_each_host_keeps_the_time_of_its_own_shard():
    whole = merge(
        [
            FakeShard("a", started=hour(3), finished=hour(5), hosts=[Observation(host="web-1")]),
            FakeShard("b", finished=hour(4), hosts=[Observation(host="web-2")]),
            FakeShard("c", started=hour(2), hosts=[Observation(host="web-3", finished=hour(6))]),
        ]
    )
    assert [(seen.host, seen.started, seen.finished) for seen in whole] == [
        ("web-1", hour(3), None),
        ("web-2", None, hour(4)),
        ("web-3", None, hour(6)),
    ]


def test_a_shard_without_a_time_is_not_made_younger_by_the_others():
    whole = merge(
        [
            FakeShard("a", hosts=[Observation(host="web-1")]),
            FakeShard("b", started=hour(2), finished=hour(4), hosts=[Observation(host="web-2")]),
        ]
    )
    seen = list(whole)
    assert (whole.origin.started, whole.completion.finished) == (None, None)
    assert [(each.started, each.finished) for each in seen] == [(None, None), (hour(2), None)]


def test_one_incomplete_shard_makes_the_whole_incomplete_and_says_why():
    whole = merge([FakeShard("a"), FakeShard("b", complete=False, reason="interrupted")])
    list(whole)
    assert whole.completion == Completion(complete=False, reason="b: interrupted")


def test_until_all_of_it_is_read_the_whole_is_incomplete():
    whole = merge([FakeShard("a", hosts=[Observation(host="web-1")])])
    assert not whole.completion.complete
    reader = iter(whole)
    next(reader)
    assert not whole.completion.complete


def test_what_the_shards_agree_on_is_kept_and_what_not_is_left_open():
    asked = PortSet.parse("1-1000")
    whole = merge([FakeShard("a", asked=asked), FakeShard("b", asked=asked, tool="nmap 7.93")])
    assert whole.origin.asked == asked
    assert whole.origin.tool is None
    assert merge([FakeShard("a", asked=asked), FakeShard("b")]).origin.asked is None


def test_socket_tables_of_two_machines_keep_their_own_host():
    shards = [
        FakeShard(name, kind=Kind.SOCKETS, vantage=None, host=name, hosts=[Observation(asked=PortSet.parse("1-65535"))])
        for name in ("web-1", "db")
    ]
    whole = merge(shards)
    assert whole.origin.host is None
    assert [seen.host for seen in whole] == ["web-1", "db"]


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"kind": Kind.SOCKETS}, "cannot merge evidence of different kinds: a is probe, b is sockets"),
        ({"vantage": "internet"}, "cannot merge evidence of different vantages: a is office, b is internet"),
        ({"vantage": None}, "cannot merge evidence of different vantages: a is office, b is none"),
    ],
)
def test_different_evidence_is_not_merged(other, says):
    with pytest.raises(UsageError, match=says):
        merge([FakeShard("a"), FakeShard("b", **other)])


def test_nothing_cannot_be_merged():
    with pytest.raises(UsageError, match="nothing to merge"):
        merge([])


def test_a_merge_written_down_reads_back_whole(tmp_path):
    for name in ("a", "b"):
        record(FakeShard("live", hosts=[Observation(host=name)]), tmp_path / name)
    whole = merge([Snapshot(tmp_path / "a"), Snapshot(tmp_path / "b")])
    assert record(whole, tmp_path / "whole").complete
    assert [seen.host for seen in Snapshot(tmp_path / "whole")] == ["a", "b"]
