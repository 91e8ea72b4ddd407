"""Whatever an engine, or a file that looks like its output, says: sound openings, doubts, or one clean error."""

import json
import socket
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.collect.declared.engine.client import Client
from auditor.collect.declared.engine.file import looks_like, parse
from auditor.collect.declared.engine.live import Engine
from auditor.errors import CollectError, EvidenceError
from auditor.files.text import SourceText

KEYS = [
    "Id", "ID", "Name", "Names", "Image", "ImageID", "State", "Status", "Ports", "Publishers", "Networks", "HostConfig",
    "NetworkMode", "PortBindings", "NetworkSettings", "Config", "ExposedPorts", "80/tcp", "53/udp", "80/sctp", "80",
    "HostIp", "HostPort", "IP", "PublicPort", "PrivatePort", "Type", "host_ip", "host_port", "container_port", "range",
    "protocol", "URL", "PublishedPort", "TargetPort", "Protocol", "host", "Running", "Restarting", "Pid",
]  # fmt: skip
WORDS = [
    "", "running", "exited", "restarting", "Up 2 hours", "host", "bridge", "container:a", "ns:/x", "0.0.0.0", "::",
    "127.0.0.1", "80", "8000-8010", "80-", "-80", "²", "65536", "tcp", "udp", "sctp", "0.0.0.0:80->80/tcp",
    ":::1-3->1-3/udp, 5/tcp", "a", "9" * 5000,
]  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers(-1, 70000) | st.floats() | st.sampled_from(WORDS) | st.text(max_size=5)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
BOUND = st.dictionaries(
    st.sampled_from(["80/tcp", "53/udp", "80/sctp", "80", "x"]),
    st.lists(st.fixed_dictionaries({"HostIp": SCALARS, "HostPort": SCALARS}) | VALUES, max_size=2) | VALUES,
    max_size=3,
)
INSPECTED = st.fixed_dictionaries(
    {
        "Id": SCALARS,
        "Name": SCALARS,
        "State": st.fixed_dictionaries({"Status": SCALARS}) | VALUES,
        "HostConfig": st.fixed_dictionaries({"NetworkMode": SCALARS, "PortBindings": BOUND | VALUES}) | VALUES,
        "NetworkSettings": st.fixed_dictionaries({"Ports": BOUND | VALUES}) | VALUES,
        "Config": VALUES,
    }
)
PUBLISHED = st.dictionaries(st.sampled_from(KEYS[25:36]), SCALARS | VALUES, max_size=5)
LISTED = st.fixed_dictionaries(
    {"Names": VALUES, "Ports": st.lists(PUBLISHED, max_size=3) | VALUES},
    optional={"Publishers": st.lists(PUBLISHED, max_size=2) | VALUES, "State": SCALARS, "Status": SCALARS,
              "Id": SCALARS, "Networks": VALUES, "HostConfig": VALUES, "ImageID": SCALARS},
)  # fmt: skip
FUZZED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def sound(observations):
    """Take what comes; ports are ports, and what is in doubt says why."""
    try:
        seen = list(observations)
    except EvidenceError as error:
        message = str(error)
        assert "\n" not in message
        return
    for one in seen:
        assert all(0 < opening.port.number <= (opening.last or 65535) <= 65535 for opening in one.openings)
        assert all(unknown.reason for unknown in one.unknown)


@FUZZED
@given(st.lists(INSPECTED | LISTED | VALUES, max_size=3), st.sampled_from([None, 1]))
def test_any_list_of_containers_is_read_or_refused_in_one_line(values, indent):
    text = json.dumps(values, indent=indent)
    looks_like(text)
    sound(parse(SourceText("containers", text)))


@FUZZED
@given(st.lists(INSPECTED | LISTED, min_size=1, max_size=3))
def test_any_rows_of_containers_are_read_or_refused_in_one_line(values):
    sound(parse(SourceText("containers", "\n".join(map(json.dumps, values)))))


HEADING = "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS          PORTS                    NAMES"
ROW = 'abc            redis     "redis"   1 s ago   Up 1 second     127.0.0.1:6379->6379/tcp cache'
CELLS = st.sampled_from([HEADING, ROW, ROW[:60], "", "PORTS", " " * 90]) | st.text(max_size=120)


@FUZZED
@given(st.lists(CELLS, max_size=5), st.sampled_from(["\n", "\r\n", "\u2028"]))
def test_any_table_of_containers_is_read_or_refused_in_one_line(lines, end):
    text = end.join((HEADING, *lines))
    looks_like(text)
    sound(parse(SourceText("containers", text)))


class Answers:
    """An engine that says what it is told to."""

    def __init__(self, **answers):
        self.answers = answers

    def get(self, target):
        return self.answers[
            {"/info": "info", "/containers/json?all=1": "rows", "/services": "services"}.get(target, "one")
        ]


SWARM = st.fixed_dictionaries({"Swarm": st.fixed_dictionaries({"LocalNodeState": VALUES, "ControlAvailable": VALUES})})
SERVICE = st.fixed_dictionaries(
    {"Spec": VALUES, "Endpoint": st.fixed_dictionaries({"Ports": st.lists(PUBLISHED, max_size=2)})}
)


@FUZZED
@given(
    info=SWARM | VALUES,
    rows=st.lists(st.fixed_dictionaries({"Id": st.just("a")}) | LISTED, max_size=2) | VALUES,
    one=INSPECTED | VALUES,
    services=st.lists(SERVICE, max_size=2) | VALUES,
)
def test_any_answers_of_an_engine_are_read_or_refused_in_one_line(info, rows, one, services):
    client = Answers(info=info, rows=rows, one=one, services=services)
    with suppress(EvidenceError):
        sound(Engine("unix:///nowhere", {}, client=client))


class Spoken(Client):
    """A client of somebody who says one thing, whatever is asked, and hangs up."""

    def __init__(self, said):
        super().__init__("/nowhere", "engine", deadline=5)
        self.said = said

    def _fetch(self, target):
        ours, theirs = socket.socketpair()
        with theirs:
            theirs.sendall(self.said)
            theirs.shutdown(socket.SHUT_WR)
            self._connected = lambda: ours
            return super()._fetch(target)


ANSWERS = (
    b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"Name": "a"}',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n{"Name": "a"}\r\n0\r\n\r\n',
)
PIECES = [b"\r\n", b"-", b"0", b"f" * 20, b":", b" ", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/9 x", b"\0", b"\xff"]


@FUZZED
@given(
    whole=st.sampled_from(ANSWERS),
    cuts=st.tuples(st.integers(0, 90), st.integers(0, 3)),
    noise=st.sampled_from([*PIECES, b"X" * 70_000]) | st.binary(max_size=5),
)
def test_any_bytes_over_http_are_an_answer_or_one_clean_error(whole, cuts, noise):
    at, lost = cuts
    with suppress(EvidenceError):
        Spoken(whole[:at] + noise + whole[at + lost :]).get("/info")


@pytest.mark.parametrize("whole", ANSWERS)
def test_the_answers_that_are_damaged_are_right_to_begin_with(whole):
    assert Spoken(whole).get("/info") == {"Name": "a"}


def test_the_containers_that_are_varied_are_right_to_begin_with():
    bound = {"80/tcp": [{"HostIp": "", "HostPort": "80"}]}
    inspected = {"Id": "a", "State": {"Status": "running"}, "NetworkSettings": {"Ports": bound}}
    listed = {"Names": ["b"], "Ports": [{"IP": "", "PublicPort": 81, "PrivatePort": 80, "Type": "tcp"}]}
    seen = [
        *parse(SourceText("containers", json.dumps([inspected, listed]))),
        *parse(SourceText("containers", f"{HEADING}\n{ROW}\n")),
        *Engine("unix:///nowhere", {}, client=Answers(info={}, rows=[{"Id": "a"}], one=inspected)),
    ]
    assert [str(one.ports) for each in seen for one in each.openings] == ["80/tcp", "81/tcp", "6379/tcp", "80/tcp"]


@pytest.mark.parametrize(
    ("name", "start"),
    [("docker.sock", "'systemctl start docker'"), ("podman.sock", "'systemctl start podman.socket'")],
)
def test_where_no_engine_runs_one_line_says_how_to_start_it(tmp_path, name, start):
    path = tmp_path / name
    with pytest.raises(CollectError) as missing:
        list(Engine(f"unix://{path}", {}))
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    with pytest.raises(CollectError) as silent:
        list(Engine(f"unix://{path}", {}))
    for caught, why in ((missing, "runs"), (silent, "listens")):
        assert f"no engine {why} there: {start}" in str(caught.value)
        assert str(caught.value).endswith("or name its socket (unix://PATH)")
        assert "\n" not in str(caught.value)
