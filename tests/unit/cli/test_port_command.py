"""The port command says what a port is, who has it and what to do, and fails only when asked to check."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from auditor.cli.port import port, wanted
from auditor.collect.sockets import Connection, Holding, Outcome, Trial
from auditor.errors import UsageError
from auditor.model.evidence import Scope, Socket
from auditor.model.ports import Port


def facts(which: Port, **rest) -> Holding:
    outcome = rest.pop("outcome", Outcome.FREE)
    given = {
        "port": which, "listeners": (), "bound": (), "connections": (), "elsewhere": (), "other_protocol": (),
        "trials": tuple(Trial(address=address, outcome=outcome) for address in ("0.0.0.0", "::", "127.0.0.1")),
        "privileged_below": 1024, "ephemeral": (32768, 60999), "reserved": False,
    }  # fmt: skip
    return Holding(**(given | rest))


def listener(which: str, **rest) -> Socket:
    given = {"address": "0.0.0.0", "scope": Scope.NETWORK, "process": "nginx", "pid": 812, "user": "root"} | rest
    return Socket(port=Port.parse(which), **given)


@pytest.fixture
def run(monkeypatch):
    """Run the command where every port has these facts."""

    def run(*arguments: str, **rest):
        monkeypatch.setattr("auditor.collect.sockets.holding", lambda which: facts(which, **rest))
        app = typer.Typer()
        app.command()(port)
        return CliRunner().invoke(app, list(arguments), standalone_mode=False)

    return run


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("8080", "8080/tcp"),
        ("8080/tcp", "8080/tcp"),
        ("53/udp", "53/udp"),
        ("53/UDP", "53/udp"),
        (" 22 ", "22/tcp"),
        ("ssh", "22/tcp"),
        ("HTTPS/tcp", "443/tcp"),
        ("65535", "65535/tcp"),
    ],
)
def test_a_port_is_named_by_number_or_service(text, ports):
    assert ",".join(map(str, wanted(text))) == ports


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0", "expected 1 to 65535"),
        ("65536", "expected 1 to 65535"),
        ("99999999999999", "expected 1 to 65535"),
        ("-1", "no such port"),
        ("", "no such port"),
        ("80/sctp", "expected /tcp or /udp"),
        ("80/", "expected /tcp or /udp"),
        ("²", "no such port"),
        ("htpps", "did you mean"),
        ("ssh/udp", "no udp port"),
        ("x11", "give a number"),
    ],
)
def test_what_is_no_port_is_refused_with_what_was_expected(text, says):
    with pytest.raises(UsageError, match=says):
        wanted(text)


def test_a_free_port_says_what_it_is_and_that_it_can_be_bound(run):
    result = run("https")
    first, *_, last = result.stdout.splitlines()
    assert first.startswith("443/tcp  https: ")
    assert "well-known (0-1023)" in result.stdout
    assert "privileged: below 1024" in result.stdout
    assert last == "443/tcp can be bound."
    assert result.return_value == 0


@pytest.mark.parametrize(
    ("which", "rest", "says"),
    [
        ("8080", {}, "registered (1024-49151)"),
        ("40000", {}, "an outgoing connection may take it"),
        ("40000", {"reserved": True}, "never given to outgoing connections"),
        ("61000", {}, "dynamic (49152-65535)"),
        ("80", {"privileged_below": 80}, "well-known"),
        ("64999", {}, "not registered with IANA"),
    ],
)
def test_what_the_number_means_is_said(run, which, rest, says):
    assert says in run(which, **rest).stdout


def test_a_port_that_needs_no_privilege_here_is_not_called_privileged(run):
    assert "privileged" not in run("80", privileged_below=80).stdout


def test_everybody_who_has_the_port_is_listed(run):
    result = run(
        "8080",
        outcome=Outcome.IN_USE,
        listeners=(listener("8080", shared_by=5), listener("8080", address="::", dual_stack=True, process="h2o")),
        bound=(listener("8080", process="stuck"),),
        connections=tuple(
            Connection(
                local="192.0.2.1", remote="2001:db8::1", remote_port=number, state="ESTABLISHED",
                process="nginx", pid=813, user="www-data",
            )
            for number in range(1000, 1010)
        ),
        elsewhere=(listener("8080", netns="net:[7]"),),
        other_protocol=(listener("8080/udp", process="quic"),),
        unread="the kernel's table tcp6 cannot be read: Permission denied",
        notes=("processes of other users are hidden: run as root",),
    )  # fmt: skip
    rows = [line.split("  ")[0] for line in result.stdout.splitlines()]
    assert rows.count("connection") == 9
    assert {"listens", "bound", "elsewhere", "also", "not known", "bind"} <= set(rows)
    for part in (
        "nginx (pid 812, user root) and 4 more", "* (IPv4 and IPv6)", "stuck (pid 812, user root), not listening",
        "ESTABLISHED with [2001:db8::1]:1000, nginx (pid 813, user www-data)", "and 2 more", "in namespace net:[7]",
        "quic (pid 812, user root) on 8080/udp, not in the way", "note: processes of other users",
    ):  # fmt: skip
        assert part in result.stdout


def test_equal_reasons_share_a_row(run):
    result = run("8080", outcome=Outcome.IN_USE, listeners=(listener("8080"),))
    assert "0.0.0.0, [::], 127.0.0.1  in use by nginx (pid 812, user root) on 0.0.0.0" in result.stdout


def test_a_port_bindable_on_some_addresses_says_so(run):
    trials = (Trial(address="0.0.0.0", outcome=Outcome.FREE), Trial(address="::", outcome=Outcome.IN_USE))
    result = run("81", trials=trials, listeners=(listener("81", address="::"),))
    assert "81/tcp can be bound on some addresses only. What to do:\n  - stop nginx (pid 812)" in result.stdout


def test_hostile_names_are_shown_and_do_nothing(run):
    result = run("8080", outcome=Outcome.IN_USE, listeners=(listener("8080", process="a\n\x1b[31m[red]"),))
    assert "\x1b" not in result.stdout
    assert "stop a\\n\\x1b[31m[red] (pid 812)" in result.stdout


@pytest.mark.parametrize(
    ("outcome", "options", "code"),
    [
        (Outcome.FREE, (), 0),
        (Outcome.IN_USE, (), 0),
        (Outcome.FREE, ("--check",), 0),
        (Outcome.FREE_WITH_REUSEADDR, ("--check",), 0),
        (Outcome.IN_USE, ("--check",), 1),
        (Outcome.PRIVILEGED, ("--check",), 1),
        (Outcome.ABSENT, ("--check",), 1),
    ],
)
def test_only_check_turns_the_answer_into_an_exit_code(run, outcome, options, code):
    assert run("8080", *options, outcome=outcome).return_value == code


def test_json_holds_the_facts_the_reasons_and_the_steps(run):
    result = run(
        "https", "-o", "json", outcome=Outcome.IN_USE, listeners=(listener("443", process="##[error]\x1b"),),
        connections=(Connection(local="192.0.2.1", remote="192.0.2.9", remote_port=1, state="TIME_WAIT"),),
        next_free=Port.parse("8443"),
    )  # fmt: skip
    assert "\x1b" not in result.stdout
    assert "##[" not in result.stdout
    (found,) = json.loads(result.stdout)["ports"]
    assert (found["port"], found["service"], found["range"], found["bindable"]) == (
        "443/tcp",
        "https",
        "well-known",
        False,
    )
    assert found["listeners"][0]["process"] == "##[error]\x1b"
    assert found["connections"][0]["state"] == "TIME_WAIT"
    assert [each["outcome"] for each in found["binds"]] == ["in use"] * 3
    assert found["steps"][-1] == "choose another port: 8443/tcp is free"
    assert found["ephemeral_range"] == "32768-60999"
