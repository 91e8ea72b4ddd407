"""A real Podman answers over its socket; and what answers there may be hostile. Sent are requests to read, alone."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from auditor.collect.declared.engine.client import Client
from auditor.collect.declared.engine.live import Engine, socket_path
from auditor.errors import CollectError, EvidenceError, UsageError

BUSYBOX = "/bin/busybox"
IMAGE = "localhost/box:1"


def published(seen):
    return sorted(f"{one.ports}" + ("" if one.bind is None else f" on {one.bind}") for one in seen.openings)


@pytest.fixture
def podman(tmp_path):
    """A Podman of its own, with its commands and its socket; it ends with the test."""
    missing = [tool for tool in ("podman", "runc") if not shutil.which(tool)]
    if missing or not Path(BUSYBOX).exists() or os.geteuid() or os.environ.get("AUDITOR_ISOLATED") != "1":
        reason = f"no podman to ask: {', '.join(missing) or 'needs root, busybox-static and isolation'}"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    Path("/run/lock").mkdir(exist_ok=True)
    state = "/run/engine"  # its path must be short
    root = tmp_path / "rootfs"
    (root / "bin").mkdir(parents=True)
    shutil.copy(BUSYBOX, root / "bin" / "busybox")
    subprocess.run(["tar", "-C", root, "-cf", tmp_path / "rootfs.tar", "."], check=True)
    command = ["podman", f"--root={state}/R", f"--runroot={state}/U", f"--tmpdir={state}/T", "--runtime=runc",
               "--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file"]  # fmt: skip

    def run(*arguments):
        subprocess.run([*command, *arguments], check=True, stdout=subprocess.DEVNULL, timeout=60)

    run("import", "-q", str(tmp_path / "rootfs.tar"), IMAGE)
    path = tmp_path / "s.sock"
    service = subprocess.Popen([*command, "system", "service", "--time=0", f"unix://{path}"])
    try:
        for _ in range(200):
            if path.exists():
                break
            time.sleep(0.1)
        yield run, path
    finally:
        subprocess.run([*command, "kill", "--all"], check=False, stdout=subprocess.DEVNULL, timeout=60)
        service.terminate()
        service.wait(30)


def test_a_real_podman_says_what_it_publishes(podman):
    run, path = podman
    asleep = (IMAGE, "/bin/busybox", "sleep", "300")
    run("run", "-d", "--name=web", "-p", "8080:80", "-p", "127.0.0.1:8081:81", "-p", "5353:53/udp", *asleep)
    run("run", "-d", "--name=rng", "-p", "9000-9002:7000-7002", *asleep)
    run("create", "--name=never", "-p", "7777:80", *asleep)
    engine = Engine(f"unix://{path}", {})
    (seen,) = engine
    assert published(seen) == ["5353/udp", "8080/tcp", "8081/tcp on 127.0.0.1", "9000/tcp", "9001/tcp", "9002/tcp"]
    assert seen.unknown == ()
    assert engine.completion.complete
    run("run", "-d", "--name=hostly", "--network=host", *asleep)
    (seen,) = Engine(f"unix://{path}", {})
    assert [(str(left.ports), "container hostly uses the host's network" in left.reason) for left in seen.unknown] == [
        ("", True)
    ]


class Server:
    """Answers each connection with what ``answers`` has for its path, byte for byte, and remembers the requests."""

    def __init__(self, path, answers):
        self.requests = []
        self._answers = answers
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(peer,), daemon=True).start()

    def _answer(self, peer):
        with peer:
            request = peer.recv(65536).decode()
            self.requests.append(request.partition("\r\n")[0])
            answer = self._answers(request.split(" ")[1])
            try:
                for part in [answer] if isinstance(answer, bytes) else answer:
                    peer.sendall(part)
            except OSError:
                return

    def close(self):
        self._listener.close()


@pytest.fixture
def serve(tmp_path):
    """Serve answers, and give an engine of little patience that asks there, with the requests that it made."""
    servers = []

    def served(answers):
        path = tmp_path / f"{len(servers)}.sock"
        servers.append(Server(path, answers))
        name = f"unix://{path}"
        client = Client(str(path), name, patience=0.5, deadline=1.5, largest=1_000_000)
        return Engine(name, {}, client), servers[-1].requests

    yield served
    for server in servers:
        server.close()


def http(value, status="200 OK"):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


def chunked(value):
    parts = [bytes([byte]) for byte in json.dumps(value).encode()]
    return [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        *(b"1\r\n%s\r\n" % part for part in parts),
        b"0\r\n\r\n",
    ]


def trickle():
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    for _ in range(100):
        time.sleep(0.1)
        yield b" "


def endless():
    yield b"HTTP/1.1 200 OK\r\n\r\n["
    while True:
        yield b" " * 65536


WEB = {
    "Id": "a1",
    "Name": "/web",
    "State": {"Status": "running"},
    "HostConfig": {"NetworkMode": "bridge"},
    "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}},
}
PATHS = {"/info": {"Name": "box"}, "/containers/json?all=1": [{"Id": "a1"}, {"Id": "gone"}], "/containers/a1/json": WEB}


def answered(path, **instead):
    known = PATHS | {f"/{key}": value for key, value in instead.items()}
    return http(known[path]) if path in known else http({"message": "no such"}, "404 Not Found")


def test_nothing_is_sent_but_requests_to_read(serve):
    engine, requests = serve(answered)
    (seen,) = engine
    assert published(seen) == ["8080/tcp"]
    assert seen.names == ("box",)
    assert requests == [
        "GET /info HTTP/1.1",
        "GET /containers/json?all=1 HTTP/1.1",
        "GET /containers/a1/json HTTP/1.1",
        "GET /containers/gone/json HTTP/1.1",
    ]


def test_chunks_of_a_byte_are_put_together(serve):
    engine, _ = serve(lambda path: chunked(PATHS.get(path, WEB)))
    (seen,) = engine
    assert published(seen) == ["8080/tcp"]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no answer in HTTP"),
        (b"", "no answer in HTTP"),
        (http(b"<html>"), "is no JSON"),
        (http(b"[" * 100_000), "is no JSON"),
        (http([]), "no container engine"),
        (http({}, "500 Oops"), "is HTTP 500"),
        (http({}, "302 Found"), "is HTTP 302"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}", "no answer in HTTP"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}", "no answer in HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n{}", "no answer in HTTP"),
    ],
)
def test_what_is_no_engine_is_an_error_of_one_line(serve, answer, says):
    engine, _ = serve(lambda _: answer)
    with pytest.raises(EvidenceError, match=says) as caught:
        list(engine)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("answer", "says"), [(trickle, "no whole answer in time"), (endless, "does not end")])
def test_an_answer_that_does_not_end_is_given_up(serve, answer, says):
    engine, _ = serve(lambda _: answer())
    with pytest.raises(EvidenceError, match=says):
        list(engine)


@pytest.mark.parametrize("rows", [{}, [1], [{"Id": "../../images/json"}], [{"Id": "a1 HTTP/1.1\r\nX: y"}], [{}]])
def test_a_list_that_is_none_is_refused_and_its_ids_are_not_followed(serve, rows):
    engine, requests = serve(lambda path: http(rows) if "all=1" in path else answered(path))
    with pytest.raises(EvidenceError):
        list(engine)
    assert len(requests) == 2


@pytest.mark.parametrize(
    ("swarm", "services", "ports", "left"),
    [
        ({"LocalNodeState": "inactive"}, None, ["8080/tcp"], 0),
        ({"LocalNodeState": "active", "ControlAvailable": False}, None, ["8080/tcp"], 1),
        ({"LocalNodeState": "active", "ControlAvailable": True},
         [{"Spec": {"Name": "s"}, "Endpoint": {"Ports": [{"PublishedPort": 90, "Protocol": "tcp"}]}}],
         ["8080/tcp", "90/tcp"], 0),
        ({"LocalNodeState": "active", "ControlAvailable": True}, {"message": "?"}, ["8080/tcp"], 1),
    ],
)  # fmt: skip
def test_what_a_swarm_publishes_counts_and_what_it_does_not_say_is_left_open(serve, swarm, services, ports, left):
    engine, _ = serve(lambda path: answered(path, info={"Name": "box", "Swarm": swarm}, services=services))
    (seen,) = engine
    assert (published(seen), len(seen.unknown)) == (ports, left)


def test_a_socket_that_is_not_there_is_not_nothing_published(tmp_path):
    with pytest.raises(
        CollectError, match=r"No such file or directory; no engine runs there: 'systemctl start docker'"
    ):
        list(Engine(f"unix://{tmp_path}/none.sock", {}))
    with pytest.raises(CollectError, match=r"'systemctl start podman.socket', with --user for your own, or name its"):
        list(Engine(f"unix://{tmp_path}/podman.sock", {}))


def test_the_socket_is_the_one_named_or_that_of_the_environment():
    assert socket_path("unix:///run/x.sock", {}) == "/run/x.sock"
    assert socket_path("docker:/run/x.sock", {"DOCKER_HOST": "unix:///y"}) == "/run/x.sock"
    assert socket_path("docker:", {"DOCKER_HOST": "unix:///y"}) == "/y"
    assert socket_path("podman:", {"CONTAINER_HOST": "unix:///y"}) == "/y"
    assert socket_path("docker:", {}).endswith("/docker.sock")
    for host in ("tcp://192.0.2.1:2375", "ssh://user@host"):
        with pytest.raises(UsageError, match="no unix socket"):
            socket_path("docker:", {"DOCKER_HOST": host})
