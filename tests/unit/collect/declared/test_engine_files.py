"""``docker ps``, ``docker inspect`` and their kin from files; what real engines printed is read in the corpus tests."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.declared.engine.cells import read_cell
from auditor.collect.registry import open_evidence
from auditor.errors import EvidenceError

HEADING = "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS          PORTS                    NAMES\n"


def seen(tmp_path, content):
    path = tmp_path / "containers"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    (found,) = open_evidence(str(path))
    return found


def published(found):
    return sorted(f"{one.ports}" + ("" if one.bind is None else f" on {one.bind}") for one in found.openings)


def container(ports=None, mode="bridge", status="running", name="/web", **config):
    return {
        "Id": name.strip("/") * 8,
        "Name": name,
        "Args": [],
        "State": {"Status": status},
        "Config": config,
        "HostConfig": {"NetworkMode": mode, "PortBindings": {"81/tcp": [{"HostIp": "", "HostPort": "8081"}]}},
        "NetworkSettings": {"Ports": ports},
    }


def bound(*pairs):
    return {"80/tcp": [{"HostIp": address, "HostPort": port} for address, port in pairs]}


@pytest.mark.parametrize(
    ("ports", "found"),
    [
        (bound(("0.0.0.0", "8080"), ("::", "8080")), ["8080/tcp"]),
        (bound(("", "8080")), ["8080/tcp"]),
        (bound(("0.0.0.0", "8080")), ["8080/tcp on 0.0.0.0/0"]),
        (bound(("127.0.0.1", "8080")), ["8080/tcp on 127.0.0.1"]),
        (bound(("0.0.0.0", "1"), ("::", "2")), ["1/tcp on 0.0.0.0/0", "2/tcp on ::/0"]),
        ({"80/tcp": None, "81/tcp": []}, []),
        ({"53/udp": [{"HostIp": "", "HostPort": "53"}]}, ["53/udp"]),
    ],
)  # fmt: skip
def test_an_inspected_container_publishes_its_bindings(tmp_path, ports, found):
    one = seen(tmp_path, [container(ports)])
    assert published(one) == found
    assert one.unknown == ()


def test_a_binding_is_located_where_the_ports_stand(tmp_path):
    (opening,) = seen(tmp_path, json.dumps([container(bound(("", "8080")))], indent=1)).openings
    assert opening.what == "container web, its 80/tcp"
    assert opening.location.snippet == '   "Ports": {'


@pytest.mark.parametrize("status", ["exited", "created", "dead"])
def test_a_stopped_container_publishes_nothing_though_its_ports_are_listed(tmp_path, status):
    one = seen(tmp_path, [container(bound(("", "8080")), status=status)])
    assert (published(one), one.unknown) == ([], ())


def test_a_paused_container_still_takes_connections(tmp_path):
    assert published(seen(tmp_path, [container(bound(("", "8080")), status="paused")])) == ["8080/tcp"]


def test_a_restarting_container_may_be_up_at_any_moment(tmp_path):
    one = seen(tmp_path, [container({}, status="restarting")])
    assert [(str(left.ports), "restarting" in left.reason) for left in one.unknown] == [("8081/tcp", True)]


def test_a_container_in_the_hosts_network_leaves_every_port_open(tmp_path):
    one = seen(tmp_path, [container({}, mode="host", ExposedPorts={"6379/tcp": {}})])
    ((ports, reason),) = [(str(left.ports), left.reason) for left in one.unknown]
    assert ports == ""
    assert reason.endswith(
        "uses the host's network: whatever it listens on is open on the host (its image names 6379/tcp)"
    )


def test_a_container_shares_the_network_of_another(tmp_path):
    host, web = container({}, mode="host", name="/h"), container({}, name="/w")
    one = seen(tmp_path, [host, web, container({}, mode="container:" + host["Id"], name="/a"),
                          container({}, mode="container:" + web["Id"], name="/b")])  # fmt: skip
    assert [left.reason.partition("container ")[2][:2] for left in one.unknown] == ["h ", "a "]


@pytest.mark.parametrize(
    "ports",
    [bound(("x", "80")), bound(("", "x")), bound(("", "0")), bound(("", "70000")), "80", [1], {"80/tcp": ["x"]},
     {"80/sctp": [{"HostIp": "", "HostPort": "80"}]}],
)  # fmt: skip
def test_a_binding_that_cannot_be_read_is_never_nothing(tmp_path, ports):
    one = seen(tmp_path, [container(ports)])
    assert published(one) == []
    assert len(one.unknown) == 1


def test_a_podman_list_has_ranges_and_no_word_on_the_network(tmp_path):
    rows = [
        {"Id": "a", "Names": ["rng"], "Image": "x", "Status": "Up", "State": "running", "Networks": ["podman"],
         "Ports": [{"host_ip": "", "container_port": 7000, "host_port": 9000, "range": 4, "protocol": "tcp"}]},
        {"Id": "b", "Names": ["host"], "Image": "x", "Status": "Up", "State": "running", "Networks": [], "Ports": None},
        {"Id": "c", "Names": ["old"], "Image": "x", "Status": "Exited", "State": "exited", "Networks": ["podman"],
         "Ports": [{"host_ip": "", "container_port": 80, "host_port": 80, "range": 1, "protocol": "tcp"}]},
    ]  # fmt: skip
    one = seen(tmp_path, rows)
    assert published(one) == ["9000-9003/tcp"]
    ((ports, reason),) = [(str(left.ports), left.reason) for left in one.unknown]
    assert (ports, "host network: host;" in reason.replace("'s", "")) == ("", True)


def test_compose_ps_names_publishers(tmp_path):
    row = {"Name": "shop-cache-1", "Image": "redis", "State": "running", "Status": "Up", "Publishers": [
        {"URL": "0.0.0.0", "TargetPort": 6379, "PublishedPort": 6379, "Protocol": "tcp"},
        {"URL": "::", "TargetPort": 6379, "PublishedPort": 6379, "Protocol": "tcp"},
        {"URL": "", "TargetPort": 80, "PublishedPort": 0, "Protocol": "tcp"}]}  # fmt: skip
    assert published(seen(tmp_path, json.dumps(row) + "\n" + json.dumps(row) + "\n")) == ["6379/tcp"]


def test_a_table_is_read_by_its_heading(tmp_path):
    row = 'abc            redis     "redis"   1 s ago   Up 1 second     127.0.0.1:6379->6379/tcp cache\n'
    one = seen(tmp_path, HEADING + row)
    assert published(one) == ["6379/tcp on 127.0.0.1"]
    assert (one.openings[0].location.line, one.openings[0].location.column) == (2, HEADING.index("PORTS") + 1)


def test_a_row_that_does_not_fit_is_an_error(tmp_path):
    with pytest.raises(EvidenceError, match="containers:2: this row does not stand under its heading"):
        seen(tmp_path, HEADING + "x" * 90 + "\n")


def test_no_container_at_all_is_a_table_that_says_so(tmp_path):
    assert published(seen(tmp_path, HEADING)) == []


@given(st.text(alphabet="0123456789.:[]->/tcpud, x", max_size=60))
def test_any_cell_is_read_or_said_to_be_odd(text):
    odd = []
    found = list(read_cell(text, odd))
    assert all(0 < one.low <= one.high <= 65535 for one in found)
    assert found or odd or "->" not in text
