"""Containers of real engines: whose a socket is, and which of their ports are the host's."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from auditor.collect.sockets import listening
from auditor.collect.sockets.remote import Settings, remote_listening
from auditor.model.evidence import Scope
from auditor.model.ports import PortSet
from auditor.model.ssh import Asked, Login
from tests.live import ssh_world
from tests.live.conftest import Watcher
from tests.live.engines import OUTER, Docker, Podman, unfit
from tests.live.ssh_world import PLAIN
from tests.live.test_remote_sockets import settled

CANDIDATES = (53, 80, 6379, 7070, 8080, 8081, *range(9200, 9206))
POLICY = {
    "version": 1,
    "hosts": {"here": OUTER},
    "rules": [{"hosts": "here", "allow": ["7070/tcp", "53/udp", "5353/udp"]}],
}


@pytest.fixture(scope="module", params=[Podman, Docker], ids=lambda engine: engine.name)
def engine(request):
    if missing := unfit(*request.param.tools):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{request.param.name}: {missing}")
    with request.param() as running:
        _until_served(running.servers)
        yield running


@pytest.fixture(scope="module")
def seen(engine):
    assert engine
    (one,) = listening()
    return one.sockets


def _until_served(servers) -> None:
    """Wait for the servers inside: a container runs before its program listens."""
    deadline = time.monotonic() + 60
    wanted = {port for *_, port in servers.values()}
    while not wanted <= {each.port.number for one in listening() for each in one.sockets if each.process == "busybox"}:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def logins(engine):
    """What logins of several users over SSH show of the same machine, by name."""
    assert engine
    if why := ssh_world.unfit():
        pytest.skip(why)
    if missing := ssh_world.missing():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"not installed: {missing}")
    with ssh_world.World() as world:
        settings = Settings(configuration=str(world.configuration), known_hosts=str(world.known_hosts))
        asked = [
            Asked(name="root", login=Login(host="127.0.0.2", port=PLAIN, user="root"), known=True),
            Asked(name="sudo", login=Login(host="127.0.0.3", port=PLAIN, user="audit", sudo=True), known=True),
            Asked(name="audit", login=Login(host="127.0.0.4", port=PLAIN, user="audit"), known=True),
        ]
        seen = {one.host: one for one in remote_listening(asked, settings, Watcher())}
        (own,) = listening()
        yield seen, own


def connects(port: int) -> bool:
    try:
        socket.create_connection((OUTER, port), timeout=10).close()
    except OSError:
        return False
    return True


def test_what_is_the_hosts_is_what_really_takes_connections_and_nothing_else(seen):
    own = {each.port.number for each in seen if each.netns is None and each.port.protocol.value == "tcp"}
    wide = {each.port.number for each in seen if each.netns is None and each.scope is Scope.NETWORK}
    assert own <= {*CANDIDATES}
    assert {port for port in CANDIDATES if connects(port)} == wide & {*CANDIDATES} - {53}
    assert {8080, 7070} <= wide
    assert not wide & {80, 8081}


def test_every_socket_names_its_container(seen, engine):
    named = {(each.port.number, each.container.engine, each.container.name) for each in seen if each.container}
    expected = {(8080, "web"), (8081, "web"), (5353, "web"), (80, "web"), (7070, "hostly"), (6379, "hidden")}
    if engine.name == "docker":
        expected |= {(9200, "ranged"), (80, "ranged")}
    assert named == {(port, engine.name, name) for port, name in expected}
    nameless = {each.process for each in seen if each.container is None}
    assert nameless <= {"dockerd", "aardvark-dns"}


def test_published_ports_are_held_by_proxies_and_say_where_they_lead(seen, engine):
    held = [each for each in seen if each.netns is None and each.port.number in {8080, 8081, 5353, 9200}]
    assert {each.process for each in held} == {"conmon" if engine.name == "podman" else "docker-proxy"}
    assert {each.forwards.rpartition(":")[2] for each in held} == {"80", "53"}


def test_a_container_on_the_hosts_network_listens_on_the_host(seen):
    (held,) = [each for each in seen if each.port.number == 7070]
    assert (held.netns, held.process, held.scope) == (None, "busybox", Scope.NETWORK)


def test_a_container_on_an_internal_network_is_reached_through_nothing_but_a_monitor(seen, engine):
    """Docker publishes nothing; Podman's monitor holds the port, takes connections, and leaves them unanswered."""
    holders = [each.process for each in seen if each.port.number == 6379 and each.netns is None]
    assert holders == (["conmon"] if engine.name == "podman" else [])


def test_a_range_before_one_port_publishes_one_port(seen, engine):
    if engine.name == "docker":
        assert {each.port.number for each in seen if each.port.number in range(9200, 9206)} == {9200}


def test_the_gate_fails_on_a_published_port_and_passes_one_of_loopback(engine, tmp_path):
    (tmp_path / "exposure.yaml").write_text(json.dumps(POLICY), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "auditor", "check", "--sockets", "--host", "here", "-o", "json"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    audit = json.loads(done.stdout)
    open_ = {(each["check"], each["port"]) for each in audit["findings"] if each["status"] == "violation"}
    more = {"podman": "6379/tcp", "docker": "9200/tcp"}[engine.name]
    assert open_ == {("unexpected-open", "8080/tcp"), ("unexpected-open", more)}
    published = next(each for each in audit["findings"] if each["port"] == "8080/tcp")
    assert f"{engine.name} web" in json.dumps(published)


@pytest.mark.parametrize("name", ["root", "sudo"])
def test_over_ssh_root_sees_what_the_reader_of_this_machine_sees(logins, name):
    """Containers, proxies and what translation publishes included, and nothing is left in doubt."""
    seen, own = logins
    assert settled(seen[name].sockets) == settled(own.sockets)
    assert seen[name].unknown == own.unknown == ()
    assert {each.container.name for each in seen[name].sockets if each.container} >= {"web", "hostly", "hidden"}


def test_over_ssh_without_privilege_what_cannot_be_seen_is_said(logins):
    seen, own = logins
    ports = {each.port for each in own.sockets if each.netns is None}
    assert {each.port for each in seen["audit"].sockets if each.netns is None} == ports
    (unknown,) = seen["audit"].unknown
    assert unknown.reason.startswith("the rules of address translation (NAT) are shown to root alone")
    assert unknown.ports == seen["audit"].asked - PortSet.of(*ports)
    assert any("processes of other users are hidden" in note for note in seen["audit"].notes)
    assert not any(each.container for each in seen["audit"].sockets)
