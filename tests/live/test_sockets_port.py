"""Whether a port can be bound, and who keeps it, is told as it is: each answer is held against a real server's bind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from auditor.collect.sockets import Outcome, holding
from auditor.collect.sockets.advice import steps, why
from auditor.model.ports import Port

pytestmark = pytest.mark.skipif(os.environ.get("AUDITOR_ISOLATED") != "1", reason="runs inside tests/isolated alone")


def held(
    number: int, address: str = "0.0.0.0", *, kind=socket.SOCK_STREAM, listen: bool = True, options=(), v6only=None
):
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    for option in options:
        made.setsockopt(socket.SOL_SOCKET, option, 1)
    if v6only is not None:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
    made.bind((address, number))
    if listen and kind == socket.SOCK_STREAM:
        made.listen()
    return closing(made)


def outcomes(facts) -> dict[str, Outcome]:
    return {trial.address: trial.outcome for trial in facts.trials}


def said(facts) -> str:
    return " | ".join(why(facts, trial) for trial in facts.trials)


def test_a_free_port_is_free_and_stays_so():
    facts = holding(Port.parse("8100"))
    assert set(outcomes(facts).values()) == {Outcome.FREE}
    assert facts.bindable
    assert steps(facts) == ()
    with held(8100):
        pass


def test_a_listener_is_named_and_the_next_free_port_really_is():
    with held(8101), held(8102, "127.0.0.1"):
        facts = holding(Port.parse("8101"))
        assert set(outcomes(facts).values()) == {Outcome.IN_USE}
        assert [each.pid for each in facts.listeners] == [os.getpid()]
        assert f"(pid {os.getpid()}, user root) on 0.0.0.0" in said(facts)
        assert str(facts.next_free) == "8103/tcp"
        with held(facts.next_free.number):
            pass


@pytest.mark.parametrize(
    ("address", "v6only", "free"),
    [
        ("127.0.0.1", None, set()),
        ("127.0.0.2", None, {"127.0.0.1"}),
        ("::", 0, set()),
        ("::", 1, {"0.0.0.0", "127.0.0.1"}),
        ("::1", 1, {"0.0.0.0", "127.0.0.1"}),
    ],
)
def test_only_the_addresses_that_a_listener_covers_are_taken(address, v6only, free):
    with held(8104, address, v6only=v6only):
        facts = holding(Port.parse("8104"))
    assert {each for each, outcome in outcomes(facts).items() if outcome.free} == free
    assert not facts.bindable


def test_a_socket_that_is_bound_and_never_listens_keeps_the_port():
    with held(8105, listen=False):
        facts = holding(Port.parse("8105"))
    assert set(outcomes(facts).values()) == {Outcome.IN_USE}
    assert facts.listeners == ()
    assert [each.pid for each in facts.bound] in ([os.getpid()], [])  # kernels before 6.8 do not show it
    assert str(os.getpid()) in said(facts) or "does not show" in said(facts)


def test_bound_sockets_of_other_ports_are_not_taken_for_this_ones():
    with held(8106, listen=False):
        facts = holding(Port.parse("8107"))
    assert facts.bound == ()
    assert facts.bindable


def test_a_port_with_so_reuseport_can_be_shared_by_the_same_user():
    with held(8108, options=[socket.SO_REUSEPORT]):
        facts = holding(Port.parse("8108"))
    assert all(trial.sharable for trial in facts.trials if trial.address != "127.0.0.1")
    assert any("SO_REUSEPORT" in step for step in steps(facts))


@contextmanager
def lingering(number: int, *options: int):
    """A port whose server has gone, and has closed a connection first: it stays in TIME_WAIT."""
    with (
        held(number, "127.0.0.1", options=options) as server,
        socket.create_connection(("127.0.0.1", number)) as client,
    ):
        accepted, _ = server.accept()
        accepted.close()
        client.recv(1)
    yield


def test_a_lingering_connection_is_passed_over_by_so_reuseaddr():
    with lingering(8109, socket.SO_REUSEADDR):
        facts = holding(Port.parse("8109"))
    assert [each.state for each in facts.connections] == ["TIME_WAIT"]
    assert Outcome.FREE_WITH_REUSEADDR in outcomes(facts).values()
    assert facts.bindable
    assert "TIME_WAIT" in said(facts)
    with held(8109, options=[socket.SO_REUSEADDR]):
        pass


def test_a_lingering_connection_of_a_server_without_so_reuseaddr_keeps_the_port():
    with lingering(8110):
        facts = holding(Port.parse("8110"))
    assert not facts.bindable
    assert any(step.startswith("wait a minute") for step in steps(facts))


def test_an_outgoing_connection_that_has_the_port_is_named():
    with held(8111, "127.0.0.1"), socket.create_connection(("127.0.0.1", 8111)) as client:
        facts = holding(Port.parse(str(client.getsockname()[1])))
    assert not facts.bindable
    assert [(each.state, each.pid, each.remote_port) for each in facts.connections] == [
        ("ESTABLISHED", os.getpid(), 8111)
    ]
    assert any("ip_local_reserved_ports" in step for step in steps(facts))


def test_a_udp_server_is_found_and_gets_all_its_datagrams_while_its_port_is_tried():
    with held(8112, "127.0.0.1", kind=socket.SOCK_DGRAM, options=[socket.SO_REUSEADDR, socket.SO_REUSEPORT]) as server:
        server.settimeout(5)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for number in range(20):
                facts = holding(Port.parse("8112/udp"))
                client.sendto(bytes([number]), ("127.0.0.1", 8112))
            assert [server.recv(1)[0] for _ in range(20)] == list(range(20))
    assert not facts.bindable
    assert [each.pid for each in facts.listeners] == [os.getpid()]


def test_the_same_number_of_the_other_protocol_does_not_stand_in_the_way():
    with held(8113, kind=socket.SOCK_DGRAM):
        facts = holding(Port.parse("8113/tcp"))
    assert facts.bindable
    assert [str(each.port) for each in facts.other_protocol] == ["8113/udp"]


def test_a_listener_of_another_namespace_is_shown_and_does_not_stand_in_the_way():
    script = "import socket,sys; s=socket.create_server(('',8114)); print(flush=True); sys.stdin.read()"
    inner = subprocess.Popen(
        ["unshare", "--net", sys.executable, "-S", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        inner.stdout.readline()
        facts = holding(Port.parse("8114"))
    finally:
        inner.stdin.close()
        inner.stdout.close()
        inner.wait(timeout=20)
    assert facts.bindable
    assert [each.pid for each in facts.elsewhere] == [inner.pid]


def test_privilege_begins_where_the_kernel_says():
    setting = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    old = setting.read_text()
    try:
        setting.write_text("80")
        assert holding(Port.parse("81")).privileged_below == 80
    finally:
        setting.write_text(old)


def test_a_reserved_port_is_said_to_be():
    setting = Path("/proc/sys/net/ipv4/ip_local_reserved_ports")
    try:
        setting.write_text("40000,41000-41010")
        assert holding(Port.parse("41005")).reserved
        assert not holding(Port.parse("41011")).reserved
    finally:
        setting.write_text("\n")
