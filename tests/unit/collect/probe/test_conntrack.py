"""The machine's own connection table: waiting for room in it, and knowing what it has swallowed."""

from array import array

import pytest

from auditor.collect.probe import conntrack
from auditor.collect.probe.chunk import CLOSED, LOCAL, OPEN, SILENT, Chunk
from auditor.collect.probe.conntrack import FULL, Tracking
from auditor.collect.probe.observation import concluded
from auditor.collect.probe.rounds import Next
from auditor.collect.probe.subject import Subject
from auditor.model.ports import PortSet
from auditor.model.target import Target

NAMES = (
    "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error\n"
)


class Heard(list):
    def say(self, message):
        self.append(message)


@pytest.fixture
def table(monkeypatch, tmp_path):
    """Sets what the kernel's files say: entries, the most there may be, packets dropped by each of two processors."""

    def says(count, most=1000, dropped=0):
        (tmp_path / "count").write_text(f"{count}\n")
        (tmp_path / "most").write_text(f"{most}\n")
        row = f"{count:08x}" + " 00000000" * 9 + f" {dropped:08x}" + " 00000000" * 2
        (tmp_path / "counters").write_text(NAMES + f"{row}\n{row}\n")

    for name, file in (("COUNT", "count"), ("MOST", "most"), ("COUNTERS", "counters")):
        monkeypatch.setattr(conntrack, name, tmp_path / file)
    return says


def test_the_scan_waits_from_four_fifths_until_it_has_room_and_says_so_once(table):
    heard = Heard()
    table(799)
    tracking = Tracking(heard)
    assert not tracking.holds(1.0)
    table(801)
    assert tracking.holds(2.0)
    table(760)
    assert tracking.holds(3.0)
    table(700)
    assert not tracking.holds(4.0)
    table(900)
    assert tracking.holds(5.0)
    assert len(heard) == 1
    assert "801 of 1,000 entries" in heard[0]


def test_it_does_not_wait_for_ever(table):
    table(1000)
    tracking = Tracking(Heard())
    assert tracking.holds(1.0)
    assert tracking.holds(100.0)
    assert not tracking.holds(200.0)


def test_the_files_are_not_read_at_every_packet(table):
    table(0)
    tracking = Tracking(Heard())
    assert not tracking.holds(1.0)
    table(1000)
    assert not tracking.holds(1.05)
    assert tracking.holds(1.2)


def test_what_was_under_way_when_the_table_dropped_packets_may_be_lost(table):
    table(500, dropped=7)
    tracking = Tracking(Heard())
    tracking.holds(1.0)
    assert not tracking.lost(0.9, 1.1)
    table(500, dropped=8)
    assert tracking.lost(1.05, 1.2)
    assert tracking.lost(1.2, 1.3)
    assert not tracking.lost(1.25, 1.4)


@pytest.mark.parametrize("text", ["", "rubbish\n1 2 3\n", "drop\nxyz\n", None])
def test_counters_that_cannot_be_read_say_nothing(table, text):
    table(500)
    tracking = Tracking(Heard())
    if text is None:
        conntrack.COUNTERS.unlink()
    else:
        conntrack.COUNTERS.write_text(text)
    tracking.holds(1.0)
    assert not tracking.lost(0.9, 1.1)


def test_a_machine_that_tracks_nothing_is_not_asked_again(table):
    table(0)
    conntrack.MOST.unlink()
    tracking = Tracking(Heard())
    assert not tracking.holds(1.0)
    assert not tracking.lost(0.5, 1.0)


def test_silent_ports_are_taken_out_of_a_chunk_with_their_places():
    chunk = Chunk(1, array("H", [1, 2, 3, 4]), host="192.0.2.10", timeout=1.0)
    chunk.codes, chunk.reasons = bytearray([SILENT, OPEN, SILENT, LOCAL]), {3: "why"}
    assert list(chunk.take_out(SILENT)) == [1, 3]
    assert (list(chunk.ports), list(chunk.codes), chunk.reasons) == ([2, 4], [OPEN, LOCAL], {1: "why"})


def played(swallowed, opens=()):
    """A host whose other ports are all closed, and a machine that swallows what ``swallowed(asked)`` says."""
    target = Target(host="web", address="192.0.2.10", ask=PortSet.parse("1-300,20000-20099"))
    subject = Subject(target, "192.0.2.10", None, local=False)
    subject.begin()
    asked = 0
    for number in range(100_000):
        subject.course.pause = 0.0
        if subject.hungry:
            chunk = subject.next(number, 32, 1.0)
            assert chunk.ports  # nobody would ever give one without ports back
            asked += len(chunk.ports)
            lost = swallowed(asked)
            for index, port in enumerate(chunk.ports):
                chunk.settle(index, SILENT if lost else OPEN if port in opens else CLOSED)
            subject.absorb(chunk, {}, swallowed=lost)
        if subject.round_over and subject.course.end_round(0.0) is not Next.ANOTHER:
            return concluded(subject, None), asked
    pytest.fail("the scan never ends")


def test_what_the_table_has_swallowed_is_asked_again():
    one, asked = played(lambda asked: 100 < asked < 1000)
    assert one.closed == one.asked
    assert asked < 2000


def test_a_small_host_of_which_much_was_swallowed_is_never_asked_for_no_ports_at_all():
    one, _ = played(lambda asked: 200 < asked < 2000, opens=range(1, 300, 9))
    assert one.open == PortSet.numbers(range(1, 300, 9))
    assert one.closed == one.asked - one.open


def test_a_table_that_stays_full_leaves_ports_unknown_and_none_filtered():
    one, _ = played(lambda asked: asked > 200)
    assert not one.filtered
    assert {unknown.reason for unknown in one.unknown} == {FULL}
    assert one.closed | one.unknown[0].ports == one.asked


def test_a_table_that_was_always_full_is_no_dead_host():
    one, _ = played(lambda _: True)
    assert [(unknown.reason, unknown.ports) for unknown in one.unknown] == [(FULL, one.asked)]
