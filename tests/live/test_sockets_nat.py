"""Ports that the host's address translation publishes are its exposure: what a real connection from outside reaches."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from auditor.cli.app import run
from auditor.collect.sockets import listening
from auditor.collect.sockets.nat import reading
from auditor.model.ports import PortSet

HOST, CONTAINER = "192.0.2.1", "192.0.2.10"
POLICY = f"""\
version: 1
hosts: {{here: {{address: {HOST}, aliases: [NAME]}}}}
rules: [{{hosts: here, allow: [22]}}]
"""


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{name} is not installed")
    return found


FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
LOOPBACK = Path("/proc/sys/net/ipv4/conf/all/route_localnet")


@pytest.fixture
def routed(lab):
    """This machine between a container at one link and somebody who knocks at another; yields the one who knocks."""
    for name in ("iptables", "iptables-legacy"):
        tool(name)
    box, knocker = lab.host("box", CONTAINER), lab.host("knocker", "198.51.100.10")
    box.listen(80)
    before = {path: path.read_text() for path in (FORWARD, LOOPBACK)}
    FORWARD.write_text("1")
    box.ip("route", "replace", "default", "via", HOST)
    knocker.ip("route", "replace", "default", "dev", "eth0")
    yield knocker
    for path, value in before.items():
        path.write_text(value)
    command("nft", "flush", "ruleset")
    command("iptables-legacy", "-t", "nat", "-F")


def command(*words: str, given: str | None = None) -> None:
    done = subprocess.run([tool(words[0]), *words[1:]], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def nft(*rules: str) -> None:
    chain = "add table ip shop\nadd chain ip shop pre { type nat hook prerouting priority -100; }\n"
    command("nft", "-f", "-", given=chain + "".join(f"add rule ip shop pre {rule}\n" for rule in rules))


def reaches(knocker, port: int) -> bool:
    script = (
        "import socket\n"
        f"try: socket.create_connection(({HOST!r}, {port}), timeout=3).close(); print('yes')\n"
        "except OSError: print('no')"
    )
    return knocker.run("python3", "-c", script).strip() == "yes"


def translated() -> dict[str, tuple]:
    (seen,) = listening()
    found = (each for each in seen.sockets if each.nat)
    return {str(each.port): (each.address, each.scope.value, each.process, each.forwards) for each in found}


TO_CONTAINER = f"-t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination {CONTAINER}:80".split()
WAYS = {
    "nft": lambda: nft("ip daddr 192.0.2.1 tcp dport 8080 dnat to 192.0.2.10:80"),
    "a map of nft": lambda: nft("dnat to tcp dport map { 8080 : 192.0.2.10 . 80 }"),
    "iptables": lambda: command("iptables", *TO_CONTAINER),
    "the older iptables": lambda: command("iptables-legacy", *TO_CONTAINER),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_port_that_translation_sends_on_is_open_and_nothing_else_is(routed, way):
    assert (reaches(routed, 8080), translated()) == (False, {})
    WAYS[way]()
    assert reaches(routed, 8080)
    ((port, (address, scope, process, forwards)),) = translated().items()
    assert (port, scope, forwards) == ("8080/tcp", "network", "192.0.2.10:80")
    assert address in {"0.0.0.0", HOST}
    assert process is not None
    assert process.startswith("python")


def test_redirections_are_open_where_somebody_listens_for_them(routed):
    nft("tcp dport 81 redirect to :8081", "tcp dport 82 redirect to :8082", "tcp dport 83 redirect to :8083")
    with socket.create_server(("0.0.0.0", 8081)), socket.create_server(("127.0.0.1", 8082)):
        assert [reaches(routed, port) for port in (81, 82, 83)] == [True, False, False]
        assert list(translated()) == ["81/tcp"]


@pytest.mark.parametrize("routes", ["1", "0"])
def test_a_port_sent_to_loopback_is_open_if_the_kernel_routes_that(routed, routes):
    nft("tcp dport 5432 dnat to 127.0.0.1:5432")
    LOOPBACK.write_text(routes)
    with socket.create_server(("127.0.0.1", 5432)):
        assert list(translated()) == (["5432/tcp"] if reaches(routed, 5432) else [])


def test_the_gate_does_not_pass_a_port_that_translation_alone_opens(routed, tmp_path, monkeypatch):
    del routed
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exposure.yaml").write_text(POLICY.replace("NAME", socket.gethostname()), encoding="utf-8")
    assert check()[0] == 0
    nft("tcp dport 8080 dnat to 192.0.2.10:80")
    code, audit = check()
    assert code == 1
    (finding,) = (each for each in audit["findings"] if each["status"] == "violation")
    assert (finding["check"], finding["port"], finding["host"]) == ("unexpected-open", "8080/tcp", "here")
    command("nft", "flush", "ruleset")
    nft("meta l4proto tcp dnat to 192.0.2.10")
    code, audit = check()
    assert code == 3
    assert {gap["reason"] for gap in audit["unverified"]} == {
        "address translation (NAT) sends them on to 192.0.2.10, and nobody looked there"
    }


def check() -> tuple[int, dict]:
    code = run(["check", "--sockets", "-o", "json=audit.json"])
    return code, json.loads(Path("audit.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("missing", "rule", "said"),
    [
        ("nft", WAYS["nft"], "address translation (NAT) in table ip shop cannot be read: nft is not installed"),
        (
            "iptables",
            WAYS["iptables"],
            "address translation (NAT) in table ip nat cannot be read: iptables-nft-save is",
        ),
    ],
)
def test_where_the_tool_that_prints_the_rules_is_missing_that_is_said(routed, monkeypatch, missing, rule, said):
    del routed
    rule()
    real = shutil.which
    monkeypatch.setattr(
        shutil, "which", lambda name, **given: None if name.startswith(missing) else real(name, **given)
    )
    reason = next(each for each in reading.translation().unread if each.startswith(said))
    (seen,) = listening()
    reasons = {each.reason for each in seen.unknown}
    assert f"{reason}: they may publish ports that nobody listens on" in reasons
    assert not seen.asked - seen.accounted - PortSet.of(*{each.port for each in seen.sockets})
