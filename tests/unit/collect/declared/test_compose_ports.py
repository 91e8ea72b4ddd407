"""Items of ``ports``, as compose and the engine read them: what is published, and where that is not known."""

import pytest

from auditor.errors import EvidenceError
from tests.unit.collect.declared.projects import doubts, observed, published, service

CHOSEN = "32768-60999"


@pytest.mark.parametrize(
    ("item", "ports"),
    [
        ('"8080:80"', ["8080/tcp"]),
        ("8080:80", ["8080/tcp"]),
        ("2222:22", ["2222/tcp"]),  # a number to base 60 for YAML 1.1
        ("53:53/udp", ["53/udp"]),
        ('"53:53/UDP"', ["53/udp"]),
        ('"127.0.0.1:8080:80"', ["8080/tcp on 127.0.0.1"]),
        ('"0.0.0.0:8080:80"', ["8080/tcp on 0.0.0.0/0"]),
        ('"[::1]:8080:80"', ["8080/tcp on ::1"]),
        ('"[::]:8080:80"', ["8080/tcp on ::/0"]),
        ('"[2001:db8::5]:8080:80/udp"', ["8080/udp on 2001:db8::5"]),
        ('"9000-9003:7000-7003"', ["9000-9003/tcp"]),
        ('"127.0.0.1:9000-9001:7000-7001"', ["9000-9001/tcp on 127.0.0.1"]),
        ("{target: 80, published: 8080}", ["8080/tcp"]),
        ('{target: 80, published: "8080", protocol: udp}', ["8080/udp"]),
        ("{target: 80, published: 8080, host_ip: 127.0.0.1, mode: host, app_protocol: http, name: web}",
         ["8080/tcp on 127.0.0.1"]),
        ('{target: 80, published: 8080, host_ip: "::1"}', ["8080/tcp on ::1"]),
        ("*anchored", ["8080/tcp"]),
    ],
)  # fmt: skip
def test_an_item_publishes_what_the_engine_makes_of_it(tmp_path, item, ports):
    files = service(item)
    if item.startswith("*"):
        files = {"compose.yaml": 'x-ports: &anchored "8080:80"\n' + files["compose.yaml"]}
    assert published(tmp_path, files) == ports
    assert doubts(tmp_path, files) == []


def test_one_port_out_of_a_range_is_the_first_that_is_free(tmp_path):
    files = service('"9200-9205:80"')
    assert published(tmp_path, files) == ["9200/tcp"]
    assert [ports for ports, _ in doubts(tmp_path, files)] == ["9201-9205/tcp"]


@pytest.mark.parametrize("key", ["scale: 2", "deploy: {replicas: 2}"])
def test_each_container_takes_a_port_out_of_the_range(tmp_path, key):
    name, value = key.split(": ", 1)
    files = service('"8110-8115:80"', **{name: value})
    assert published(tmp_path, files) == ["8110-8111/tcp"]
    assert [ports for ports, _ in doubts(tmp_path, files)] == ["8112-8115/tcp"]


def test_no_container_publishes_nothing(tmp_path):
    files = service('"8080:80"', scale="0")
    assert published(tmp_path, files) == []
    assert doubts(tmp_path, files) == []


@pytest.mark.parametrize(
    "item", ['"80"', "80", '"0:80"', '"0.0.0.0::80"', "{target: 80}", "{target: 80, published: 0}"]
)
def test_a_port_that_the_engine_chooses_may_be_any_of_those_it_chooses_from(tmp_path, item):
    assert published(tmp_path, service(item)) == []
    ((ports, reason),) = doubts(tmp_path, service(item))
    assert ports == f"{CHOSEN}/tcp"
    assert reason == "compose.yaml:5: service web publishes 80 on a port that the engine chooses"


def test_a_chosen_port_on_loopback_leaves_nothing_open_for_others(tmp_path):
    assert doubts(tmp_path, service('"127.0.0.1::80"')) == []
    assert published(tmp_path, service('"127.0.0.1::80"')) == [f"{CHOSEN}/tcp on 127.0.0.1"]


@pytest.mark.parametrize(
    ("item", "ports", "says"),
    [
        ('"${PORT}:80"', "", "its port depends on PORT, which is not set"),
        ('"${PORT:?set it}:80"', "", "and compose does not start without it"),
        ('"${A}${B}:80"', "", "depends on A, B,"),
        ('"${ADDRESS}:8080:80"', "8080/tcp", "depends on ADDRESS"),
        ('"8080:${INSIDE}"', "8080/tcp,8080/udp", "depends on INSIDE"),
        ('"8080:${INSIDE}/udp"', "8080/udp", "depends on INSIDE"),
        ('"8080:80/${PROTOCOL}"', "8080/tcp,8080/udp", "depends on PROTOCOL"),
        ('"$ALL"', "", "depends on ALL"),
        ('"1${DIGITS}:80"', "", "depends on DIGITS"),
        ('{target: 80, published: "$PORT"}', "", "depends on PORT"),
        ('{target: 80, published: 8080, host_ip: "$ADDRESS"}', "8080/tcp", "depends on ADDRESS"),
    ],
)
def test_a_variable_that_is_not_set_leaves_open_what_depends_on_it(tmp_path, item, ports, says):
    assert published(tmp_path, service(item)) == []
    ((left, reason),) = doubts(tmp_path, service(item))
    assert says in reason
    assert reason.startswith("compose.yaml:5: ")
    assert left == ports


@pytest.mark.parametrize(
    "item",
    ['"80/xyz"', '"9999999"', '"127.0.1:8080:80"', '"8080:"', '"a:80"', '"8080:80:"', '"90-80:80"', '"80-82:80-81"',
     '"80:80-81"', "true", "[80]", "{published: 80}", "{target: 80, published: x}", "{target: 80-81}", "1.5", "080",
     "010", '"-1:80"', '"fe80::1%eth0:80:80"', '"70000:80"', "{target: 80, protocol: icmp}", "{target: 080}"],
)  # fmt: skip
def test_an_item_that_compose_refuses_is_never_nothing(tmp_path, item):
    assert published(tmp_path, service(item)) == []
    ((ports, reason),) = doubts(tmp_path, service(item))
    assert ports == ""
    assert reason.startswith("compose.yaml:5: service web: ")


def test_sctp_is_said_to_be_beyond_policies(tmp_path):
    ((ports, reason),) = doubts(tmp_path, service('"3868:3868/sctp"'))
    assert (ports, "SCTP" in reason) == ("", True)


def test_a_service_that_a_provider_runs_is_in_doubt(tmp_path):
    ((ports, reason),) = doubts(tmp_path, service('"127.0.0.1:80:80"', provider="{type: cloud}"))
    assert (ports, "a provider outside of compose runs it" in reason) == ("", True)


def test_expose_publishes_nothing(tmp_path):
    files = service(expose='["6379", 6380]')
    assert published(tmp_path, files) == []
    assert doubts(tmp_path, files) == []


def test_an_opening_stands_at_its_item_and_in_long_syntax_at_its_published_port(tmp_path):
    content = """\
services:
  web:
    image: x
    ports:
      - "8080:80"
      - target: 443
        mode: host
        published: 8443
      - {target: 53, published: 53, protocol: udp}
"""
    (seen,) = observed(tmp_path, {"compose.yaml": content})
    places = {
        str(one.ports): (one.location.line, one.location.column, one.location.end_column) for one in seen.openings
    }
    assert places == {"8080/tcp": (5, 9, 18), "8443/tcp": (8, 20, 24), "53/udp": (9, 33, 35)}
    assert seen.openings[0].location.snippet == '      - "8080:80"'
    assert [one.what for one in seen.openings][:2] == ["service web, its 80/tcp", "service web, its 443/tcp"]


def test_values_of_variables_are_never_shown(tmp_path):
    environment = {"TOKEN": "hunter2", "OTHER": "hunter2x"}
    files = service('"${TOKEN}:80"', '"8080:80/${OTHER}"', network_mode="container:$TOKEN")
    (seen,) = observed(tmp_path, files, environment=environment)
    assert seen.unknown
    assert "hunter2" not in repr(seen)


@pytest.mark.parametrize(
    "content",
    ["services: {}\n", "services:\n  _defaults: {autowire: true}\n", "services:\n", "x: 1\n", "- 1\n",
     "services: [a]\n", "services:\n  web: {image: x\n", "services: {web: {image: &a [*a]}}\n",
     "services:\n  web: {image: x}\n  web: {image: y}\n"],
)  # fmt: skip
def test_what_is_no_compose_file_is_an_error_of_one_line(tmp_path, content):
    with pytest.raises(EvidenceError) as caught:
        observed(tmp_path, {"compose.yaml": content})
    assert str(caught.value).startswith("compose.yaml:")
    assert "\n" not in str(caught.value)
