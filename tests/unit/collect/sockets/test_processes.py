"""Sockets find their processes through /proc, whatever those processes call themselves."""

from __future__ import annotations

import pytest

from auditor.collect.sockets.processes import holders, pids, user_name


def add(proc, pid: int, name: bytes, *links: str, uid: int = 0, started: int = 100):
    folder = proc / str(pid)
    (folder / "fd").mkdir(parents=True)
    for number, link in enumerate(links):
        (folder / "fd" / str(number)).symlink_to(link)
    (folder / "comm").write_bytes(name + b"\n")
    (folder / "status").write_bytes(
        b"Name:\t%s\nUmask:\t0022\nUid:\t1000\t%d\t0\t0\n" % (name.replace(b"\n", b"\\n"), uid)
    )
    (folder / "stat").write_bytes(b"%d (%s) S %s %d 0 0\n" % (pid, name, b" ".join([b"0"] * 18), started))


def test_a_socket_is_found_by_its_inode_alone(tmp_path):
    add(tmp_path, 10, b"nginx", "/dev/null", "socket:[4711]", "socket:[99]", uid=33)
    add(tmp_path, 11, b"other", "socket:[47]", "pipe:[4711]", "anon_inode:[eventpoll]")
    found = holders({4711}, str(tmp_path))
    assert [(each.pid, each.name, each.uid) for each in found.by_inode[4711]] == [(10, "nginx", 33)]
    assert set(found.by_inode) == {4711}


def test_the_holders_of_one_socket_come_oldest_first(tmp_path):
    add(tmp_path, 5, b"worker", "socket:[1]", started=300)
    add(tmp_path, 9, b"master", "socket:[1]", started=200)
    assert [each.name for each in holders({1}, str(tmp_path)).by_inode[1]] == ["master", "worker"]


def test_one_process_with_two_descriptors_of_a_socket_holds_it_once(tmp_path):
    add(tmp_path, 5, b"twice", "socket:[1]", "socket:[1]")
    assert len(holders({1}, str(tmp_path)).by_inode[1]) == 1


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (b'evil",pid=1,fd', 'evil",pid=1,fd'),
        (b"a) S 1 (b", "a) S 1 (b"),
        (b"two\nlines", "two\nlines"),
        (b"ends\n", "ends\n"),
        (b"\xff\xfe", "��"),
        (b"", ""),
        (b"\x1b[31m", "\x1b[31m"),
    ],
)
def test_a_hostile_name_is_kept_as_it_is_and_forges_nothing(tmp_path, raw, read):
    add(tmp_path, 42, raw, "socket:[1]", uid=7, started=555)
    (process,) = holders({1}, str(tmp_path)).by_inode[1]
    assert (process.pid, process.name, process.uid, process.started) == (42, read, 7, 555)


def test_a_process_that_has_gone_is_passed_over(tmp_path):
    (tmp_path / "77").mkdir()
    add(tmp_path, 78, b"alive", "socket:[1]")
    found = holders({1}, str(tmp_path))
    assert [each.pid for each in found.by_inode[1]] == [78]
    assert found.denied == 0


def test_without_proc_nobody_is_seen(tmp_path):
    assert list(pids(str(tmp_path / "missing"))) == []
    assert holders({1}, str(tmp_path / "missing")).by_inode == {}


def test_names_in_proc_that_are_no_pids_are_left_alone(tmp_path):
    for name in ("12", "3", "self", "²", "1x"):
        (tmp_path / name).mkdir()
    assert list(pids(str(tmp_path))) == [3, 12]


def test_a_user_without_a_name_is_shown_by_number():
    assert user_name(4_000_000_123) == "4000000123"
    assert user_name(0) == "root"
