"""What the collector reports is what was started: exactly that, whoever asks and however it is called."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from auditor.collect.sockets import listening, sockdiag
from auditor.model.evidence import Scope

pytestmark = pytest.mark.skipif(os.environ.get("AUDITOR_ISOLATED") != "1", reason="runs inside tests/isolated alone")

ZOO = Path(__file__).with_name("sockets_zoo.py")
NOBODY = 65534
UID_MAP = [int(number) for number in Path("/proc/self/uid_map").read_text().split()]
needs_two_users = pytest.mark.skipif(sum(UID_MAP[2::3]) < 2, reason="there is only one user in this user namespace")


@contextmanager
def zoo(*sockets: dict, prefix: tuple[str, ...] = (), **told):
    """Start a process that holds these sockets, and end it."""
    process = subprocess.Popen(
        [*prefix, sys.executable, "-S", str(ZOO)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        process.stdin.write(json.dumps({"sockets": sockets, **told}) + "\n")
        process.stdin.flush()
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(timeout=20)
        process.stdout.close()


def v4(port: int, address: str = "0.0.0.0", **rest) -> dict:
    return {"address": address, "port": port} | rest


def v6(port: int, address: str = "::", **rest) -> dict:
    return {"family": "AF_INET6", "address": address, "port": port} | rest


def reported(**options) -> list:
    (seen,) = listening(**options)
    return list(seen.sockets)


def added(before: list, after: list) -> list:
    assert set(before) <= set(after)
    return [each for each in after if each not in before]


EVERY_FORM = (
    v4(8001),
    v4(8002, "127.0.0.1"),
    v4(8003, "127.9.8.7"),
    v6(8004, v6only=1),
    v6(8005, v6only=0),
    v6(8006, "::1"),
    v6(8007, "::ffff:127.0.0.1", v6only=0),
    v4(8008, device="lo"),
    v6(8009, device="lo", v6only=0),
    v4(8010, kind="SOCK_DGRAM"),
    v6(8010, kind="SOCK_DGRAM", v6only=1),
    v4(8011, "127.0.0.1", kind="SOCK_DGRAM"),
    v4(8012, listen=False),
    v4(40000, kind="SOCK_DGRAM"),
)
TRUTH = {
    ("8001/tcp", "0.0.0.0", Scope.NETWORK, None, False, False),
    ("8002/tcp", "127.0.0.1", Scope.LOOPBACK, None, False, False),
    ("8003/tcp", "127.9.8.7", Scope.LOOPBACK, None, False, False),
    ("8004/tcp", "::", Scope.NETWORK, None, False, False),
    ("8005/tcp", "::", Scope.NETWORK, None, True, False),
    ("8006/tcp", "::1", Scope.LOOPBACK, None, False, False),
    ("8007/tcp", "127.0.0.1", Scope.LOOPBACK, None, False, False),
    ("8008/tcp", "0.0.0.0", Scope.LOOPBACK, "lo", False, False),
    ("8009/tcp", "::", Scope.LOOPBACK, "lo", True, False),
    ("8010/udp", "0.0.0.0", Scope.NETWORK, None, False, False),
    ("8010/udp", "::", Scope.NETWORK, None, False, False),
    ("8011/udp", "127.0.0.1", Scope.LOOPBACK, None, False, False),
    ("40000/udp", "0.0.0.0", Scope.NETWORK, None, False, True),
}


def shape(each) -> tuple:
    return (str(each.port), each.address, each.scope, each.interface, each.dual_stack, each.client)


def test_every_form_of_socket_is_reported_as_what_it_is_and_no_other():
    before = reported()
    with zoo(*EVERY_FORM, name="menagerie") as animals:
        found = added(before, reported())
    assert {shape(each) for each in found} == TRUTH
    assert {(each.process, each.pid, each.user, each.shared_by, each.netns) for each in found} == {
        ("menagerie", animals["pid"], "root", 1, None)
    }


def test_the_text_tables_show_the_same_but_for_what_they_cannot_tell(monkeypatch):
    def refuse():
        raise OSError(93, "Protocol not supported")

    monkeypatch.setattr(sockdiag, "connect", refuse)
    before = reported()
    with zoo(*EVERY_FORM):
        found = added(before, reported())
    by_text = {(port, address, client) for port, address, _, _, _, client in TRUTH}
    assert {(str(each.port), each.address, each.client) for each in found} == by_text
    assert all(each.scope is Scope.NETWORK for each in found if each.address in {"0.0.0.0", "::"})
    assert {str(each.port) for each in found if each.dual_stack} >= {"8005/tcp", "8009/tcp"}


def test_a_tcp_socket_that_is_bound_and_connections_are_no_listeners():
    before = reported()
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        found = added(before, reported())
    assert len(found) == 1


def test_connected_udp_sockets_are_not_reported():
    before = reported()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", 9))
        assert added(before, reported()) == []


def test_prefork_is_one_socket_of_the_parent_and_four_children():
    before = reported()
    with zoo(v4(8020), name="prefork", children=4) as animals:
        (found,) = added(before, reported())
    assert (found.process, found.pid, found.shared_by) == ("prefork", animals["pid"], 5)


def test_reuseport_duplicates_of_three_processes_are_one_socket():
    before = reported()
    with (
        zoo(v4(8021, options=["SO_REUSEPORT"]), name="worker") as first,
        zoo(v4(8021, options=["SO_REUSEPORT"]), name="worker"),
        zoo(v4(8021, options=["SO_REUSEPORT"]), name="worker"),
    ):
        (found,) = added(before, reported())
    assert (found.process, found.pid, found.shared_by) == ("worker", first["pid"], 3)


def test_a_stranger_that_shares_a_port_is_not_hidden_behind_its_owner():
    before = reported()
    with (
        zoo(v4(8022, options=["SO_REUSEPORT"]), name="postgres"),
        zoo(v4(8022, options=["SO_REUSEPORT"]), name="stranger"),
    ):
        found = added(before, reported())
    assert [each.process for each in found] == ["postgres", "stranger"]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ('evil",pid=1,fd', 'evil",pid=1,fd'),
        ("a) S 1 (b", "a) S 1 (b"),
        ("two\nlines\n", "two\nlines\n"),
        ("\x1b[31mred", "\x1b[31mred"),
        ("tab\t[b]x[/b]", "tab\t[b]x[/b]"),
        ("\xff\xfe", "��"),
        (" ", " "),
        ("", ""),
    ],
)
def test_hostile_process_names_are_data(raw, shown):
    before = reported()
    with zoo(v4(8023), name=raw) as animals:
        (found,) = added(before, reported())
    assert (found.process, found.pid, found.shared_by) == (shown, animals["pid"], 1)


def test_a_listener_of_mptcp_is_a_listener():
    try:
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP)
    except (AttributeError, OSError) as error:
        pytest.skip(f"no MPTCP here: {error}")
    before = reported()
    with server:
        server.bind(("0.0.0.0", 8024))
        server.listen()
        (found,) = added(before, reported())
    assert (str(found.port), found.pid) == ("8024/tcp", os.getpid())


@needs_two_users
def test_a_process_that_changed_its_user_is_shown_with_the_new_one():
    before = reported()
    with zoo(v4(8025), user=NOBODY) as animals:
        (found,) = added(before, reported())
    assert (found.pid, found.user) == (animals["pid"], "nobody")


def test_two_thousand_sockets_are_all_there():
    before = reported()
    with zoo(*(v4(port, "127.0.0.1") for port in range(10000, 12000))):
        found = added(before, reported())
    assert [each.port.number for each in found] == list(range(10000, 12000))


class TestOtherNamespaces:
    """Listeners of other network namespaces are shown with their namespace, and are not the host's."""

    def test_a_listener_in_another_namespace_is_marked_as_such(self):
        before = reported()
        with zoo(
            v6(8030, v6only=1), v4(8030), v6(8031, v6only=0), prefix=("unshare", "--net"), name="inner"
        ) as animals:
            found = added(before, reported())
            own = reported(all_namespaces=False)
        assert own == before
        assert [(str(each.port), each.address, each.dual_stack) for each in found] == [
            ("8030/tcp", "0.0.0.0", False), ("8030/tcp", "::", False), ("8031/tcp", "::", True),
        ]  # fmt: skip
        assert {(each.process, each.pid) for each in found} == {("inner", animals["pid"])}
        (netns,) = {each.netns for each in found}
        assert re.fullmatch(r"net:\[\d+\]", netns)
        assert netns != os.readlink("/proc/self/ns/net")  # noqa: PTH115

    def test_the_same_port_here_and_there_are_two(self):
        before = reported()
        with zoo(v4(8032), name="twin"), zoo(v4(8032), prefix=("unshare", "--net"), name="twin"):
            found = added(before, reported())
        assert [each.netns is None for each in found] == [True, False]

    def test_a_namespace_in_which_no_process_lives_is_looked_into(self):
        subprocess.run(["ip", "netns", "add", "lone"], check=True)
        try:
            before = reported()
            with zoo(v4(8033), inside="/run/netns/lone", name="outer") as animals:
                (found,) = added(before, reported())
        finally:
            subprocess.run(["ip", "netns", "delete", "lone"], check=True)
        assert (str(found.port), found.process, found.pid) == ("8033/tcp", "outer", animals["pid"])
        assert found.netns is not None

    def test_looking_leaves_us_where_we_were(self):
        own = os.readlink("/proc/thread-self/ns/net")  # noqa: PTH115
        with zoo(v4(8034), prefix=("unshare", "--net")):
            reported()
        assert os.readlink("/proc/thread-self/ns/net") == own  # noqa: PTH115


class TestBesideOtherTools:
    """Other tools see the same sockets and the same holders."""

    SHOWN = (*EVERY_FORM[:11], EVERY_FORM[13])

    def test_ss_lists_the_same_addresses_processes_and_users(self):
        with zoo(*self.SHOWN, name="compared", children=2):
            listed = subprocess.run(["ss", "-H", "-tulnp"], check=True, capture_output=True, text=True).stdout
            mine = reported(all_namespaces=False)
        theirs = set()
        for line in listed.splitlines():
            protocol, _, _, _, local, *_ = line.split()
            address, _, port = local.rpartition(":")
            theirs.add(
                (protocol, address, int(port), min(map(int, re.findall(r"pid=(\d+)", line))), line.count("pid="))
            )
        assert {
            (each.port.protocol.value, ss_address(each), each.port.number, each.pid, each.shared_by) for each in mine
        } == theirs

    def test_ss_lists_the_same_of_thousands_of_sockets(self):
        many = [
            v4(port, "127.0.0.1", kind=kind) for port in range(5000, 6000) for kind in ("SOCK_STREAM", "SOCK_DGRAM")
        ]
        with zoo(*many, name="crowd"):
            listed = subprocess.run(["ss", "-H", "-tulnp"], check=True, capture_output=True, text=True).stdout
            mine = [
                (each.port.protocol.value, f"{ss_address(each)}:{each.port.number}", each.pid)
                for each in reported(all_namespaces=False)
            ]
        rows = [line.split() for line in listed.splitlines()]
        theirs = [(row[0], row[4], int(re.search(r"pid=(\d+)", row[6])[1])) for row in rows]
        assert len(theirs) >= 2000
        assert sorted(mine) == sorted(theirs)

    def test_psutil_lists_the_same_ports_and_holders(self):
        import psutil

        with zoo(*self.SHOWN, name="compared"):
            mine = {(each.port.protocol.value, each.port.number, each.pid) for each in reported(all_namespaces=False)}
            theirs = {
                ("tcp" if each.type == socket.SOCK_STREAM else "udp", each.laddr.port, each.pid)
                for each in psutil.net_connections("inet")
                if each.status == "LISTEN" or (each.type == socket.SOCK_DGRAM and not each.raddr)
            }
        assert mine == theirs

    def test_lsof_lists_the_same_ports_holders_and_users(self):
        with zoo(*self.SHOWN, name="compared"):
            listed = subprocess.run(
                ["lsof", "-nP", "-i", "-F", "pLPnT"], check=True, capture_output=True, text=True
            ).stdout
            mine = {
                (each.port.protocol.value, each.port.number, each.pid, each.user)
                for each in reported(all_namespaces=False)
            }
        assert mine == lsof_rows(listed)


def ss_address(each) -> str:
    """Write an address as ss does; a mapped one it shows as IPv6, the wildcard of both families as a star."""
    device = f"%{each.interface}" if each.interface else ""
    if each.dual_stack:
        return f"*{device}"
    if str(each.port) == "8007/tcp":
        return "[::ffff:127.0.0.1]"
    return f"[{each.address}]{device}" if ":" in each.address else f"{each.address}{device}"


def lsof_rows(text: str) -> set:
    """Read lsof's field output: p pid, L user, then for each file P protocol, n name, T TCP state."""
    rows, pid, user, protocol, number = set(), 0, "", "", 0
    for line in text.splitlines():
        field, value = line[0], line[1:]
        if field == "p":
            pid = int(value)
        elif field == "L":
            user = value
        elif field == "P":
            protocol = value.lower()
        elif field == "n" and "->" not in value:
            number = int(value.rpartition(":")[2])
            if protocol == "udp":
                rows.add((protocol, number, pid, user))
        elif line == "TST=LISTEN":
            rows.add((protocol, number, pid, user))
    return rows
