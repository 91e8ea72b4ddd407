"""The tables are read one way or the other, and one that cannot be read is said to be missing."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from auditor.collect.sockets import sockdiag, sysctl, tables
from auditor.collect.sockets.entries import LISTENING, UNCONNECTED, Entry, KernelState
from auditor.model.ports import NO_PORTS, PortSet, Protocol

SERVING = {Protocol.TCP: LISTENING, Protocol.UDP: UNCONNECTED}
HEADING = "  sl  local_address rem_address   st\n"
ANY4 = "   0: 00000000:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1\n"
ANY6 = ANY4.replace("00000000:{", "00000000000000000000000000000000:{").replace(
    "00000000:0000 0A", "0" * 32 + ":0000 0A"
)


@pytest.fixture
def folder(tmp_path):
    for name in ("tcp", "tcp6", "udp", "udp6"):
        (tmp_path / name).write_text(HEADING)
    return tmp_path


def read(folder, **options):
    return tables.read(SERVING, folder=str(folder), netlink=False, **options)


def test_text_tables_are_read_where_netlink_is_not_to_be_had(folder, monkeypatch):
    def refuse():
        raise OSError(93, "Protocol not supported")

    monkeypatch.setattr(sockdiag, "connect", refuse)
    (folder / "tcp").write_text(HEADING + ANY4.format(port=80))
    found = tables.read(SERVING, folder=str(folder))
    assert [entry.number for entry in found.entries] == [80]
    assert found.unread == {}


def test_text_tables_are_read_where_netlink_does_not_know_the_protocol(folder, monkeypatch):
    def unknown(*_):
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(sockdiag, "dump", unknown)
    (folder / "tcp6").write_text(HEADING + ANY6.format(port=443))
    assert [entry.number for entry in tables.read(SERVING, folder=str(folder)).entries] == [443]


@pytest.mark.parametrize("name", ["tcp", "tcp6", "udp", "udp6"])
def test_a_missing_table_is_said_to_be_missing(folder, name):
    (folder / name).unlink()
    found = read(folder)
    assert list(found.unread) == [Protocol(name[:3])]
    assert f"table {name} cannot be read: No such file" in found.unread[Protocol(name[:3])]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"hello\n"], ids=["empty", "binary", "text"])
def test_a_table_that_is_none_is_said_to_be_unread(folder, content):
    (folder / "udp").write_bytes(content)
    assert list(read(folder).unread) == [Protocol.UDP]


def test_a_kernel_without_ipv6_has_no_ipv6_table_and_misses_nothing(folder, monkeypatch):
    monkeypatch.setattr(tables, "_has_ipv6", lambda: False)
    (folder / "tcp6").unlink()
    (folder / "udp6").unlink()
    assert read(folder).unread == {}


def test_what_one_table_shows_is_kept_though_its_sister_is_missing(folder):
    (folder / "tcp").write_text(HEADING + ANY4.format(port=80))
    (folder / "tcp6").unlink()
    found = read(folder)
    assert [entry.number for entry in found.entries] == [80]
    assert list(found.unread) == [Protocol.TCP]


def test_where_the_table_does_not_tell_the_ipv6_wildcard_takes_ipv4_unless_an_ipv4_socket_has_the_port(folder):
    (folder / "tcp").write_text(HEADING + ANY4.format(port=80))
    (folder / "tcp6").write_text(HEADING + ANY6.format(port=80) + ANY6.format(port=443))
    dual = {(entry.address.version, entry.number): entry.dual for entry in read(folder).entries}
    assert dual == {(4, 80): False, (6, 80): False, (6, 443): True}


def test_a_device_that_cannot_be_named_is_shown_by_its_number(folder, monkeypatch):
    bound = Entry(
        protocol=Protocol.TCP, address=ip_address("0.0.0.0"), number=80, remote=ip_address("0.0.0.0"), remote_number=0,
        state=KernelState.LISTEN, uid=0, inode=1, interface=7,
    )  # fmt: skip
    monkeypatch.setattr(tables.procfs, "read", lambda path, *_: [bound] if path.endswith("/tcp") else [])
    assert read(folder).interfaces == {7: "if7"}


@pytest.mark.parametrize(
    ("settings", "ports"),
    [
        ({"ip_local_port_range": "32768\t60999\n"}, "32768-60999/tcp,32768-60999/udp"),
        (
            {"ip_local_port_range": "1000 1003", "ip_local_reserved_ports": "1001-1002,9000\n"},
            "1000/tcp,1003/tcp,1000/udp,1003/udp",
        ),
        ({"ip_local_port_range": "1000 1003", "ip_local_reserved_ports": "\n"}, "1000-1003/tcp,1000-1003/udp"),
        ({}, ""),
        ({"ip_local_port_range": "9 a"}, ""),
        ({"ip_local_port_range": "9 1"}, ""),
    ],
)
def test_the_ports_that_the_kernel_hands_out_follow_from_its_settings(monkeypatch, settings, ports):
    monkeypatch.setattr(sysctl, "_setting", lambda name: settings.get(name, ""))
    assert tables.handed_out() == (PortSet.parse(ports) if ports else NO_PORTS)


@pytest.mark.parametrize(("text", "lowest"), [("80\n", 80), ("0\n", 0), ("", 1024), ("x", 1024)])
def test_the_lowest_unprivileged_port_is_the_kernels_or_1024(monkeypatch, text, lowest):
    monkeypatch.setattr(sysctl, "_setting", lambda _: text)
    assert sysctl.unprivileged_from() == lowest
