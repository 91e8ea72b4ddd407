"""The sockets command shows every socket, hides none of its holders, and never takes a failed look for silence."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from auditor.cli.sockets import address_text, cells, holder_text, sockets
from auditor.errors import CollectError
from auditor.model.evidence import Completion, Kind, Observation, Origin, Scope, Socket, Unknown
from auditor.model.ports import ALL_TCP, ALL_UDP, Port


class FakeTable:
    def __init__(self, seen: Observation) -> None:
        self.seen = seen
        self.origin = Origin(kind=Kind.SOCKETS, source="live", tool="auditor test")
        self.completion = Completion(complete=True)

    def __iter__(self):
        yield self.seen


def listener(port: str = "80/tcp", address: str = "0.0.0.0", **rest) -> Socket:
    given = {"scope": Scope.NETWORK, "process": "nginx", "pid": 812, "user": "root"} | rest
    return Socket(port=Port.parse(port), address=address, **given)


def seen(*found: Socket, **rest) -> Observation:
    return Observation(**({"names": ("web-1",), "asked": ALL_TCP | ALL_UDP, "alive": True, "sockets": found} | rest))


@pytest.fixture
def run(monkeypatch):
    """Run the command on a made-up machine; its calls to the collector are kept beside the result."""

    def run(observation: Observation, *arguments: str):
        asked = {}

        def listening(host=None, *, protocols):
            asked.update(host=host, protocols=[protocol.value for protocol in protocols])
            return FakeTable(observation)

        monkeypatch.setattr("auditor.collect.sockets.listening", listening)
        app = typer.Typer()
        app.command()(sockets)
        result = CliRunner().invoke(app, list(arguments), standalone_mode=False)
        return result, asked

    return run


@pytest.mark.parametrize(
    ("socket", "text"),
    [
        (listener(), "0.0.0.0:80"),
        (listener(address="::", dual_stack=True), "*:80"),
        (listener(address="::"), "[::]:80"),
        (listener(interface="lo"), "0.0.0.0%lo:80"),
        (listener(address="fe80::1", interface="eth0"), "[fe80::1%eth0]:80"),
        (listener(address="::", dual_stack=True, interface="lo"), "*%lo:80"),
    ],
)
def test_addresses_tell_dual_stack_from_ipv6_alone(socket, text):
    assert address_text(socket) == text


def test_holders_are_counted_and_a_hidden_one_is_a_dash():
    assert holder_text(listener(shared_by=5)) == "nginx(812)+4"
    assert holder_text(listener(process=None, pid=None)) == "-"


def test_hostile_names_are_shown_and_do_nothing():
    row = cells(listener(process='a"\n\x1b[31m[red]\u202eb', user="x\ty"))
    assert row[4] == 'a"\\n\\x1b[31m[red]\\u202eb(812)'
    assert row[5] == "x\\ty"


def test_the_table_is_aligned_and_fits_eighty_columns(run):
    longest = listener("27017/tcp", "192.168.100.200", process="systemd-resolve", pid=4711, user="postgres")
    result, _ = run(seen(listener(), longest, listener("40000/udp", client=True)))
    table = result.stdout.splitlines()[:4]
    assert table[0].split() == ["PROTO", "ADDRESS:PORT", "SCOPE", "SERVICE", "PROCESS", "USER"]
    assert {line.index("network") for line in table[1:]} == {table[0].index("SCOPE")}
    assert max(map(len, table)) <= 80
    assert "(client)" in table[3]


def test_a_summary_counts_protocols_and_scopes(run):
    loopback = listener("5432/tcp", "127.0.0.1", scope=Scope.LOOPBACK)
    result, _ = run(seen(listener(), loopback, listener("40000/udp", client=True)))
    expected = "3 sockets: 2 TCP, 1 UDP; 1 on loopback alone, 2 reachable from the network; 1 likely of clients."
    assert result.stdout.splitlines()[-1] == expected
    assert result.return_value == 0


def test_that_nothing_listens_is_said(run):
    result, _ = run(seen())
    assert result.stdout.strip() == "0 sockets: nothing listens."


def test_other_namespaces_are_counted_and_shown_when_asked_for(run):
    observation = seen(listener(), listener("9000/tcp", netns="net:[4026532000]"))
    brief, _ = run(observation)
    assert "9000" not in brief.stdout
    assert "1 more in other network namespaces (--all-namespaces)" in brief.stdout
    full, _ = run(observation, "--all-namespaces")
    assert "Network namespace net:[4026532000]: not this host's" in full.stdout
    assert "9000" in full.stdout


def test_a_table_that_could_not_be_read_is_said_and_ends_in_three(run):
    unknown = (Unknown(ports=ALL_UDP, reason="the kernel's table udp cannot be read: Permission denied"),)
    result, _ = run(seen(listener(), asked=ALL_TCP, unknown=unknown))
    assert "Not known: the kernel's table udp cannot be read: Permission denied." in result.stdout
    assert result.return_value == 3


def test_where_nothing_could_be_read_the_command_fails(run):
    unknown = (Unknown(ports=ALL_TCP | ALL_UDP, reason="no tables here"),)
    result, _ = run(seen(asked=ALL_TCP - ALL_TCP, unknown=unknown))
    assert isinstance(result.exception, CollectError)
    assert "nothing listens" not in result.stdout


@pytest.mark.parametrize(
    ("options", "protocols"),
    [((), ["tcp", "udp"]), (("--tcp",), ["tcp"]), (("-u",), ["udp"]), (("-t", "-u"), ["tcp", "udp"])],
)
def test_protocols_are_asked_for_as_named(run, options, protocols):
    _, asked = run(seen(), *options, "--host", "web-9")
    assert asked == {"host": "web-9", "protocols": protocols}


def test_notes_go_to_standard_error(run):
    result, _ = run(seen(listener(), notes=("processes of other users are hidden: run as root",)))
    assert result.stderr == "note: processes of other users are hidden: run as root\n"


def test_json_is_the_lines_of_a_snapshot(run):
    result, _ = run(seen(listener()), "-o", "json")
    header, host, footer = map(json.loads, result.stdout.splitlines())
    assert header["kind"] == "sockets"
    assert host["sockets"][0]["process"] == "nginx"
    assert footer["complete"] is True


def test_what_is_shown_can_be_saved_as_evidence(run, tmp_path):
    path = tmp_path / "sockets.jsonl"
    result, _ = run(seen(listener()), "--save", str(path))
    assert "nginx(812)" in result.stdout
    assert [min(json.loads(line)) for line in path.read_text().splitlines()] == ["auditor", "alive", "complete"]


def test_on_a_terminal_colour_is_used_and_markup_in_names_is_not(run, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    result, _ = run(seen(listener(process="[bold]x[/bold]")))
    assert "\x1b[" in result.stdout
    assert "[bold]x[/bold](812)" in result.stdout


def test_no_color_is_honoured(run, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in run(seen(listener()))[0].stdout
