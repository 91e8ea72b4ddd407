"""Ports that lie, stall, flood or break off; fakes of what no Debian package gives; many at once. On loopback."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from auditor.collect.identify import identify
from auditor.model.evidence import Completion, Kind, Observation, Origin, ServiceSeen
from auditor.model.ports import NO_PORTS, Port, PortSet

pytestmark = pytest.mark.skipif(os.environ.get("AUDITOR_ISOLATED") != "1", reason="runs inside tests/isolated alone")

TIMEOUT = 0.3
BOUND = TIMEOUT * 6
ROOM = 4.0  # for a busy machine
HERE = "127.0.0.1"


class Given:
    origin = Origin(kind=Kind.PROBE, source="live")

    def __init__(self, *seen: Observation, completion: Completion | None = None) -> None:
        self._seen = seen
        self.completion = completion or Completion(complete=True)

    def __iter__(self):
        return iter(self._seen)

    def partial(self):
        return iter((Observation(address="192.0.2.99"),))


class Watcher:
    def __init__(self) -> None:
        self.said: list[str] = []

    def progress(self, done, total, opened):
        pass

    def say(self, message):
        self.said.append(message)


def asked(*ports: int, address: str = HERE, **options) -> dict[int, ServiceSeen]:
    seen = Observation(address=address, open=PortSet.numbers(ports))
    (told,) = identify(Given(seen), lambda one: one.open, timeout=TIMEOUT, observer=Watcher(), **options)
    assert told.open == seen.open
    return {service.port.number: service for service in told.services}


class Fake:
    """A server whose connections are served, each in a thread, by ``serve(socket)``; it counts them."""

    def __init__(self, serve, port: int = 0, context: ssl.SSLContext | None = None) -> None:
        self._serve = serve
        self._context = context
        self._listener = socket.create_server((HERE, port), backlog=512)
        self.port = self._listener.getsockname()[1]
        self.connections = self.now = self.most = 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._one, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _one(self, connection: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            self.now += 1
            self.most = max(self.most, self.now)
        connection.settimeout(10)
        with suppress(OSError, ssl.SSLError), connection:
            if self._context is not None:
                with self._context.wrap_socket(connection, server_side=True) as secured:
                    self._serve(secured)
            else:
                self._serve(connection)
        with self._lock:
            self.now -= 1

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(20)  # first: as long as it runs it may start another
        for thread in self._threads[1:]:
            thread.join(20)
        assert not self.now


@contextmanager
def fake(serve, port: int = 0, context: ssl.SSLContext | None = None):
    server = Fake(serve, port, context)
    try:
        yield server
    finally:
        server.close()


def until_closed(connection) -> None:
    while connection.recv(65536):
        pass


def answering(question: bytes, answer: bytes):
    """A server that answers what begins like the question, once, and hangs up on anything else."""

    def serve(connection) -> None:
        heard = b""
        while len(heard) < len(question):
            data = connection.recv(4096)
            if not data:
                return
            heard += data
        if heard.startswith(question):
            connection.sendall(answer)
            until_closed(connection)

    return serve


def greeting(words: bytes):
    def serve(connection) -> None:
        connection.sendall(words)
        until_closed(connection)

    return serve


def flood(connection) -> None:
    for _ in range(160):
        connection.sendall(os.urandom(65536))  # 10 MB in all


def reset(connection) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def dripping(connection) -> None:
    while True:
        connection.sendall(b"\x07")
        time.sleep(0.02)


def tarpit(connection) -> None:
    """Endless lines before an identification string that never comes, as RFC 4253 section 4.2 lets it."""
    while True:
        connection.sendall(b"%x\r\n" % time.monotonic_ns())
        time.sleep(0.05)


def half_a_handshake(connection) -> None:
    connection.recv(4096)
    connection.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
    until_closed(connection)


def endless_records(connection) -> None:
    connection.recv(4096)
    while True:
        connection.sendall(b"\x16\x03\x03\x40\x00\x0b\xff\xff\xff" + b"\0" * 16380)


@pytest.mark.parametrize(
    ("serve", "port"),
    [*((serve, port) for serve in (until_closed, flood, reset, dripping, tarpit) for port in (0, 443)), (tarpit, 22)],
)
def test_a_port_that_says_nothing_sensible_is_not_named_and_costs_little(serve, port):
    with fake(serve, port) as server:
        before = time.monotonic()
        assert asked(server.port) == {}
        assert time.monotonic() - before < BOUND + ROOM
        assert server.connections <= 3


@pytest.mark.parametrize("serve", [half_a_handshake, endless_records])
def test_tls_that_is_never_done_is_tls_and_no_more(serve):
    with fake(serve, 443) as server:
        before = time.monotonic()
        found = asked(443)
        assert time.monotonic() - before < BOUND + ROOM
        assert server.connections <= 3
        assert (found[443].service, found[443].tls, found[443].certificate) == ("tls", True, None)


def drip(words: bytes):
    def serve(connection) -> None:
        for octet in words:
            connection.sendall(bytes([octet]))
            time.sleep(0.005)
        until_closed(connection)

    return serve


def test_a_slow_greeting_is_heard_out():
    with fake(drip(b"SSH-2.0-OpenSSH_9.2p1\r\n"), 2222):
        assert asked(2222)[2222].version == "9.2p1"


# -- fakes, written from the protocols' documents -------------------------------------------------------------------


def web(head: str, body: bytes):
    words = f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    return answering(b"GET /", words)


FAKES = {
    3389: (answering(b"\x03\0\0\x13\x0e\xe0", bytes.fromhex("030000130ed000001234000209080002000000")), "rdp"),
    445: (answering(b"\0\0\0", b"\0\0\0\x70\xfeSMB\x40\0" + bytes(10) + b"\1" + bytes(95)), "smb"),
    139: (answering(b"\x81\0\0\x44", b"\x82\0\0\0"), "netbios-ssn"),
    5900: (greeting(b"RFB 003.008\n"), "vnc"),
    23: (greeting(b"\xff\xfd\x18\xff\xfb\x01\r\nlogin: "), "telnet"),
    25: (greeting(b"220 mx.example ESMTP Postfix\r\n"), "smtp"),
    5672: (answering(b"AMQP", b"AMQP\0\1\0\0"), "amqp"),
    27017: (answering(b"\x3a\0\0\0", (60).to_bytes(4, "little") + b"\1\0\0\0IDUA\1\0\0\0" + bytes(44)), "mongodb"),
    2375: (web("200 OK\r\nServer: Docker/26.1.4 (linux)\r\nApi-Version: 1.45", b"{}"), "docker"),
    2379: (web("200 OK", b'{"etcdserver":"3.5.12","etcdcluster":"3.5.0"}'), "etcd"),
    8000: (greeting(b"SSH-2.0-OpenSSH_9.2p1\r\n"), "ssh"),
    12375: (web("404 Not Found", b'{"message":"page not found"}'), "http"),
}


@pytest.mark.parametrize("port", FAKES)
def test_a_fake_is_taken_for_what_it_plays(port):
    serve, service = FAKES[port]
    with fake(serve, port) as server:
        found = asked(port)
        assert found[port].service == service
        assert not found[port].tls
        assert server.connections <= 3


@pytest.mark.parametrize(("expected", "port"), [("rdp", 3389), ("smb", 445), ("mongodb", 27017), ("amqp", 5672)])
def test_on_another_port_what_a_rule_expects_is_found_at_once(expected, port):
    with fake(FAKES[port][0]) as server:
        found = asked(server.port, expected=lambda _seen, _port: (expected,))
        assert found[server.port].service == expected
        assert server.connections == 1


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    """Server contexts by subject."""
    if shutil.which("openssl") is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("openssl is not installed")

    def made(subject: str, **settings) -> ssl.SSLContext:
        home = tmp_path_factory.mktemp("tls")
        words = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90", "-subj", subject]
        paths = ["-keyout", str(home / "key"), "-out", str(home / "cert")]
        subprocess.run(["openssl", "req", "-x509", *words, *paths], check=True, capture_output=True, timeout=30)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(home / "cert", home / "key")
        for name, value in settings.items():
            setattr(context, name, value)
        return context

    return made


def test_the_api_of_a_cluster_is_recognised_inside_tls(secured):
    body = b'{"major":"1","minor":"31","gitVersion":"v1.31.2","platform":"linux/amd64"}'
    serve = web("200 OK\r\nContent-Type: application/json", body)
    with fake(serve, 6443, secured("/CN=kube-apiserver")):
        found = asked(6443)[6443]
    assert (found.service, found.tls, found.version) == ("kubernetes", True, "1.31.2")
    assert found.certificate == "CN=kube-apiserver"


def test_a_kubelet_is_recognised_by_its_certificate_and_its_refusal(secured):
    serve = web("401 Unauthorized", b"Unauthorized")
    with fake(serve, 10250, secured("/O=system:nodes/CN=system:node:worker-1")):
        found = asked(10250)[10250]
    assert (found.service, found.tls) == ("kubelet", True)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_wants_a_certificate_of_ours_is_tls_and_nobody_knows_what_is_inside(secured, version):
    context = secured("/CN=private", verify_mode=ssl.CERT_REQUIRED, maximum_version=version)
    with fake(until_closed, 2376, context):
        found = asked(2376)[2376]
    assert (found.service, found.tls) == ("tls", True)
    assert found.certificate == ("CN=private" if version is ssl.TLSVersion.TLSv1_3 else None)


@pytest.mark.parametrize(("port", "words", "service"), [
    (465, b"220 mx.example ESMTP Postfix\r\n", "smtp"),
    (990, b"220 ProFTPD Server\r\n", "ftp"),
    (443, b"SSH-2.0-OpenSSH_9.2p1\r\n", "ssh"),
    (9999, b"* OK IMAP4rev1\r\n", "imap"),
])  # fmt: skip
def test_what_is_inside_tls_is_named(secured, port, words, service):
    with fake(greeting(words), port, secured("/CN=inside")):
        found = asked(port)[port]
    assert (found.service, found.tls, found.certificate) == (service, True, "CN=inside")


def test_a_web_server_that_refuses_plain_words_is_asked_in_tls(secured):
    """As nginx, Apache and Go do: 400 to plain HTTP on a TLS port."""
    context = secured("/CN=both")

    def serve(connection) -> None:
        if connection.recv(1, socket.MSG_PEEK) == b"\x16":
            with context.wrap_socket(connection, server_side=True) as inside:
                web("200 OK\r\nServer: nginx", b"")(inside)
        else:
            web("400 Bad Request\r\nServer: nginx", b"")(connection)

    with fake(serve, 8080) as server:
        found = asked(8080)[8080]
        assert (found.service, found.tls, found.certificate) == ("http", True, "CN=both")
        assert server.connections == 2


# -- many at once, and the evidence around them ----------------------------------------------------------------------


def test_many_silent_ports_are_asked_together_within_the_limits():
    with fake(until_closed, 20_000) as server:
        others = [socket.create_server((HERE, port), backlog=64) for port in range(20_001, 20_100)]
        try:
            before = time.monotonic()
            assert asked(*range(20_000, 20_100), max_inflight=50) == {}
            assert time.monotonic() - before < BOUND * (100 / 32 + 1) + ROOM
            assert server.connections <= 3
        finally:
            for other in others:
                other.close()


def test_no_more_ports_are_spoken_with_at_once_than_asked_for():
    servers = [Fake(until_closed) for _ in range(6)]
    lock, now, most = threading.Lock(), [0], [0]

    def counted(connection) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        with suppress(OSError):
            until_closed(connection)
        with lock:
            now[0] -= 1

    for server in servers:
        server._serve = counted
    try:
        assert asked(*(server.port for server in servers), max_inflight=2) == {}
    finally:
        for server in servers:
            server.close()
    assert 1 <= most[0] <= 4  # each may see the end of its last connection late


GREETER = """
import socket
listener = socket.create_server(("0.0.0.0", 0), backlog=512)
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    connection.sendall(b"SSH-2.0-x\\r\\n")
    connection.close()
"""


@pytest.fixture
def greeter():
    """The port of a server in a process of its own, on every address, that greets and hangs up."""
    process = subprocess.Popen([sys.executable, "-S", "-c", GREETER], stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def test_a_lack_of_descriptors_is_waited_out(greeter):
    seen = [Observation(address=f"127.0.0.{n}", open=PortSet.numbers([greeter])) for n in range(1, 61)]
    evidence = identify(Given(*seen), lambda one: one.open, timeout=2.0, observer=Watcher(), max_inflight=60)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    below = len([each for each in Path("/proc/self/fd").iterdir() if int(each.name) < 40])
    resource.setrlimit(resource.RLIMIT_NOFILE, (below + 8, hard))  # those above stay open, and do not count
    try:
        told = list(evidence)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [each.services[0].service for each in told] == ["ssh"] * 60


def test_more_hosts_than_are_held_back_at_once_are_all_passed_on(greeter):
    addresses = [f"127.0.{n // 200}.{n % 200 + 1}" for n in range(300)]
    seen = [Observation(address=address, open=PortSet.numbers([greeter])) for address in addresses]
    watcher = Watcher()
    told = list(identify(Given(*seen), lambda one: one.open, timeout=2.0, observer=watcher))
    assert sorted(each.address for each in told) == sorted(addresses)
    assert all(each.services[0].service == "ssh" for each in told)
    assert watcher.said == [f"asking {count} open ports what answers there" for count in (256, 44)]


def test_a_port_that_has_closed_since_is_passed_on_without_a_service():
    with socket.socket() as taken:
        taken.bind((HERE, 0))
        assert asked(taken.getsockname()[1]) == {}


def test_descriptors_are_given_back():
    before = set(Path("/proc/self/fd").iterdir())
    with fake(greeting(b"SSH-2.0-x\r\n")) as server:
        for _ in range(3):
            assert asked(server.port)[server.port].service == "ssh"
    assert set(Path("/proc/self/fd").iterdir()) <= before


def test_only_wanted_open_tcp_ports_are_spoken_with():
    with fake(greeting(b"SSH-2.0-x\r\n")) as wanted, fake(greeting(b"SSH-2.0-x\r\n")) as unwanted:
        guess = ServiceSeen(port=Port.parse(f"{wanted.port}"), service="table guess", method="table")
        known = ServiceSeen(port=Port.parse("9"), service="discard", method="table")
        seen = Observation(
            address=HERE,
            open=PortSet.numbers([wanted.port, unwanted.port]),
            closed=PortSet.parse("9"),
            services=(known, guess),
        )
        nothing = Observation(host="silent", address="192.0.2.1", filtered=PortSet.parse("1-65535"))
        ask = PortSet.parse(f"{wanted.port},9,53/udp")
        watcher = Watcher()
        evidence = identify(Given(seen, nothing), lambda _: ask, timeout=TIMEOUT, observer=watcher)
        assert not evidence.completion.complete
        first, second = evidence
        assert first == nothing, "what has nothing to ask does not wait"
        assert [(str(each.port), each.service) for each in second.services] == [
            ("9/tcp", "discard"),
            (f"{wanted.port}/tcp", "ssh"),
        ]
        assert (unwanted.connections, wanted.connections) == (0, 1)
        assert watcher.said == ["asking 1 open port what answers there"]
        assert evidence.completion.complete


def test_an_interrupted_identification_is_incomplete_and_loses_no_observation():
    with fake(until_closed) as server:
        one, two = (Observation(address=HERE, open=PortSet.numbers([port])) for port in (server.port, 1))
        evidence = identify(Given(one, two), lambda seen: seen.open, timeout=TIMEOUT, observer=Watcher())
        walk = iter(evidence)
        first = next(walk)
        walk.close()
        assert not evidence.completion.complete
        rest = list(evidence.partial())
        assert [each.address for each in rest] == [HERE, "192.0.2.99"]
        assert {first.open, rest[0].open} == {one.open, two.open}


def test_incomplete_evidence_stays_incomplete():
    given = Given(Observation(address=HERE), completion=Completion(complete=False, reason="cut off"))
    evidence = identify(given, lambda _: NO_PORTS, timeout=TIMEOUT, observer=Watcher())
    assert list(evidence) == [Observation(address=HERE)]
    assert evidence.completion == Completion(complete=False, reason="cut off")


def test_a_zone_that_is_gone_and_one_that_is_there():
    gone = Observation(address="fe80::1%none", open=PortSet.parse("22"))
    assert list(identify(Given(gone), lambda seen: seen.open, timeout=TIMEOUT, observer=Watcher())) == [gone]
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        port = listener.getsockname()[1]
        assert asked(port, address="::1%lo") == {}
