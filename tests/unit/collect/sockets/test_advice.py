"""What is said about a port names whose doing it is, and what to do."""

from __future__ import annotations

import pytest

from auditor.collect.sockets.advice import stands_in_the_way, steps, who, why
from auditor.collect.sockets.holding import Connection, Holding
from auditor.collect.sockets.trial import Outcome, Trial
from auditor.model.evidence import Scope, Socket
from auditor.model.ports import Port, Protocol

PORT = Port(Protocol.TCP, 8080)


def listener(address: str = "0.0.0.0", process: str | None = "nginx", pid: int | None = 812, **rest) -> Socket:
    return Socket(port=PORT, address=address, scope=Scope.NETWORK, process=process, pid=pid, user="root", **rest)


def line(state: str, process: str | None = None, local: str = "192.0.2.1") -> Connection:
    return Connection(
        local=local, remote="192.0.2.9", remote_port=443, state=state, process=process,
        pid=9 if process else None, user="bob" if process else None,
    )  # fmt: skip


def facts(*outcomes: Outcome, **rest) -> Holding:
    trials = tuple(
        Trial(address=address, outcome=outcome, sharable=rest.get("sharable", False), error="said the system")
        for address, outcome in zip(("0.0.0.0", "::", "127.0.0.1"), outcomes or [Outcome.IN_USE] * 3, strict=True)
    )
    rest.pop("sharable", None)
    given = {
        "port": PORT, "listeners": (), "bound": (), "connections": (), "elsewhere": (), "other_protocol": (),
        "privileged_below": 1024, "ephemeral": (32768, 60999), "reserved": False, "next_free": Port(Protocol.TCP, 8081),
    }  # fmt: skip
    return Holding(trials=trials, **(given | rest))


def said(given: Holding) -> str:
    return why(given, given.trials[0])


@pytest.mark.parametrize(
    ("address", "dual_stack", "wanted", "blocked"),
    [
        ("0.0.0.0", False, "0.0.0.0", True),
        ("0.0.0.0", False, "127.0.0.1", True),
        ("0.0.0.0", False, "::", True),
        ("127.0.0.1", False, "0.0.0.0", True),
        ("127.0.0.1", False, "127.0.0.1", True),
        ("192.0.2.1", False, "127.0.0.1", False),
        ("::", True, "0.0.0.0", True),
        ("::", True, "127.0.0.1", True),
        ("::", False, "0.0.0.0", False),
        ("::", False, "127.0.0.1", False),
        ("::", False, "::", True),
        ("::1", False, "::", True),
        ("::1", False, "0.0.0.0", False),
    ],
)
def test_a_socket_stands_in_the_way_of_the_addresses_it_covers(address, dual_stack, wanted, blocked):
    assert stands_in_the_way(address, dual_stack, wanted) is blocked


def test_a_port_in_use_names_who_has_it():
    assert said(facts(listeners=(listener(),))) == "in use by nginx (pid 812, user root) on 0.0.0.0"


def test_only_those_in_the_way_are_named():
    given = facts(listeners=(listener("192.0.2.1"), listener("127.0.0.1", "redis", 5)))
    assert why(given, given.trials[2]) == "in use by redis (pid 5, user root) on 127.0.0.1"


def test_a_sharable_port_says_so_and_how():
    given = facts(listeners=(listener(),), sharable=True)
    assert said(given).endswith("; SO_REUSEPORT would share it")
    assert any("SO_REUSEPORT" in step for step in steps(given))


def test_a_socket_that_is_bound_and_never_listens_is_named_too():
    assert "stuck (pid 3" in said(facts(bound=(listener(process="stuck", pid=3),)))


def test_a_connection_that_has_the_port_is_named_with_its_state():
    given = facts(connections=(line("ESTABLISHED", "curl"),), port=Port(Protocol.TCP, 40000))
    assert said(given) == "in use by 1 connection (1 ESTABLISHED) on this port: curl (pid 9, user bob)"
    assert "end the connection of curl (pid 9), or wait until it ends" in steps(given)
    assert any("ip_local_reserved_ports=40000" in step for step in steps(given))


def test_lingering_connections_that_so_reuseaddr_passes_over_are_no_obstacle():
    given = facts(*[Outcome.FREE_WITH_REUSEADDR] * 3, connections=(line("TIME_WAIT"), line("TIME_WAIT")))
    assert given.bindable
    assert said(given) == "can be bound with SO_REUSEADDR alone: 2 connections (2 TIME_WAIT) still use it"
    assert steps(given) == ("set SO_REUSEADDR before bind, as servers should, or wait a minute",)


def test_lingering_connections_of_a_server_without_so_reuseaddr_must_be_waited_for():
    given = facts(connections=(line("TIME_WAIT"),))
    assert said(given) == "in use by 1 connection (1 TIME_WAIT) on this port"
    assert any(step.startswith("wait a minute") for step in steps(given))


def test_a_port_whose_holder_no_table_shows_says_that():
    assert "which this kernel does not show" in said(facts())


def test_a_privileged_port_says_below_which_number_and_who_has_it_all_the_same():
    given = facts(*[Outcome.PRIVILEGED] * 3, listeners=(listener(),))
    assert "below 1024" in said(given)
    assert "in use by nginx" in said(given)
    assert steps(given)[0] == "stop nginx (pid 812)"
    assert any("CAP_NET_BIND_SERVICE" in step for step in steps(given))


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        (Outcome.FREE, "can be bound"),
        (Outcome.ABSENT, "not on this machine: said the system"),
        (Outcome.REFUSED, "refused: said the system; look at the security module"),
    ],
)
def test_every_other_outcome_is_said(outcome, says):
    assert said(facts(*[outcome] * 3)).startswith(says)


def test_a_free_port_needs_nothing_done_even_where_an_address_is_missing():
    assert steps(facts(Outcome.FREE, Outcome.ABSENT, Outcome.FREE)) == ()


def test_the_steps_end_with_another_port():
    assert steps(facts(listeners=(listener(),))) == ("stop nginx (pid 812)", "choose another port: 8081/tcp is free")


def test_a_system_service_is_stopped_as_one():
    given = facts(listeners=(listener(),), units=((812, "nginx.service"),))
    assert steps(given)[0] == "stop nginx (pid 812): systemctl stop nginx.service"


@pytest.mark.parametrize(
    ("name", "tool"), [("docker-proxy", "publish=8080"), ("conmon", "podman"), ("systemd", "list-sockets")]
)
def test_who_listens_on_behalf_of_another_is_seen_through(name, tool):
    (first, *_) = steps(facts(listeners=(listener(process=name),)))
    assert f"stop {name}" not in first
    assert tool in first


@pytest.mark.parametrize(("unprivileged", "says"), [(True, "run this as root"), (False, "the kernel's own")])
def test_a_hidden_holder_is_not_told_to_be_stopped(unprivileged, says):
    given = facts(listeners=(listener(process=None, pid=None),), unprivileged=unprivileged)
    assert says in steps(given)[0]
    assert who(given.listeners[0]) == "an unseen process (user root)"


@pytest.mark.parametrize(
    ("outcomes", "bindable"),
    [
        ([Outcome.FREE] * 3, True),
        ([Outcome.FREE, Outcome.ABSENT, Outcome.FREE], True),
        ([Outcome.FREE, Outcome.IN_USE, Outcome.FREE], False),
        ([Outcome.ABSENT] * 3, False),
        ([Outcome.PRIVILEGED] * 3, False),
    ],
)
def test_a_port_is_bindable_if_it_is_on_every_address_there_is(outcomes, bindable):
    assert facts(*outcomes).bindable is bindable
