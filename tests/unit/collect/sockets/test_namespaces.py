"""Namespaces that stay closed are said to be closed, and never taken for empty ones."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from auditor.collect.sockets import listing, namespaces, processes
from auditor.collect.sockets.entries import Entry, KernelState
from auditor.collect.sockets.namespaces import Found, Namespace
from auditor.collect.sockets.tables import Tables
from auditor.model.ports import NO_PORTS, Protocol

LISTENER = Entry(
    protocol=Protocol.TCP, address=ip_address("0.0.0.0"), number=80, remote=ip_address("0.0.0.0"), remote_number=0,
    state=KernelState.LISTEN, uid=0, inode=1,
)  # fmt: skip
TABLES = Tables(entries=(LISTENER,), unread={}, interfaces={}, handed_out=NO_PORTS)
LIVED_IN = Namespace(name="net:[7]", door="/proc/7/ns/net", tables="/proc/7/net")
EMPTY = Namespace(name="net:[8]", door="/run/netns/lone", tables=None)


@pytest.fixture
def others(monkeypatch):
    """Other namespaces as made up; none of them lets us in."""

    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    def have(*found: Namespace, denied: int = 0, outside: Tables = TABLES):
        monkeypatch.setattr(namespaces, "found", lambda: Found(others=found, denied=denied))
        monkeypatch.setattr(namespaces, "inside", refuse)
        monkeypatch.setattr(listing.tables, "read", lambda *_, **__: outside)
        return listing.other_tables(list(Protocol))

    return have


def test_a_namespace_that_lets_nobody_in_is_read_from_outside(others):
    assert others(LIVED_IN) == ({"net:[7]": TABLES}, ())


def test_one_that_can_neither_be_entered_nor_read_is_noted(others):
    seen, notes = others(EMPTY)
    assert seen == {}
    assert notes == ("network namespace net:[8] cannot be entered: Operation not permitted",)


def test_one_whose_tables_cannot_be_read_in_full_is_noted(others):
    unread = Tables(entries=(), unread={Protocol.TCP: "table tcp: gone"}, interfaces={}, handed_out=NO_PORTS)
    seen, notes = others(LIVED_IN, outside=unread)
    assert seen == {}
    assert notes == ("network namespace net:[7] cannot be entered: table tcp: gone",)


def test_processes_that_hide_their_namespace_are_counted(others):
    assert others(denied=3) == ({}, ("processes that keep their network namespace from us: 3",))


def test_where_namespaces_cannot_be_found_that_is_noted(monkeypatch):
    def missing():
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(namespaces, "found", missing)
    seen, (note,) = listing.other_tables(list(Protocol))
    assert seen == {}
    assert "cannot be found: No such file or directory" in note


def test_processes_that_do_not_let_us_see_theirs_are_counted(monkeypatch):
    real = namespaces.os.stat

    def stat(path, **how):
        if str(path).startswith("/made-up/"):
            raise PermissionError(13, "Permission denied")
        return real(path, **how)

    monkeypatch.setattr(namespaces.os, "stat", stat)
    monkeypatch.setattr(namespaces, "pids", lambda _: iter((1, 2)))
    monkeypatch.setattr(namespaces, "_mounts", list)
    assert namespaces.found("/made-up") == Found(others=(), denied=2)


def test_a_failure_inside_comes_out():
    def fail():
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="No such file"):
        namespaces.inside(Namespace(name="gone", door="/proc/0/ns/net", tables=None), fail)


def test_mount_points_with_odd_characters_are_read_as_they_are():
    assert namespaces._unescape(rb"/run/netns/a\040b\011\134c") == b"/run/netns/a b\t\\c"


def test_descriptors_that_we_may_not_see_are_counted(monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(processes, "pids", lambda _: iter((1, 2, 3)))
    monkeypatch.setattr(processes.os, "open", refuse)
    assert processes.holders({1}).denied == 3
