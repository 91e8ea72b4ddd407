"""Programs that hold ports for containers are known, and what they forward is read from their command lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.sockets.proxies import is_proxy, proxy
from auditor.model.evidence import Container

ID = "0123456789abcdef" * 4


def forwards(name: str, line: str) -> dict[str, str]:
    found = proxy(name, line.split(" "))
    assert found is not None
    return {str(port): where for port, where in found.forwards.items()}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "/usr/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 80 -container-ip 172.17.0.2 -container-port 8",
            {"80/tcp": "172.17.0.2:8"},
        ),
        (
            "docker-proxy -proto udp -host-ip :: -host-port 53 -container-ip fd00::2 -container-port 5353 -use-listen",
            {"53/udp": "[fd00::2]:5353"},
        ),
        ("docker-proxy -proto sctp -host-port 1 -container-ip 1.2.3.4 -container-port 1", {}),
        ("docker-proxy -host-port 70000 -container-ip 1.2.3.4 -container-port 1", {}),
        ("docker-proxy", {}),
    ],
)
def test_dockers_proxy_says_where_it_forwards(line, expected):
    assert forwards("docker-proxy", line) == expected


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("-t 8080-8081:80-81", {"8080/tcp": "port 80", "8081/tcp": "port 81"}),
        ("-t 127.0.0.1/8080:80 -u 53", {"8080/tcp": "port 80", "53/udp": "port 53"}),
        ("-t 0.0.0.0%eth0/22,443:8443", {"22/tcp": "port 22", "443/tcp": "port 8443"}),
        ("-t none -u auto", {}),
        ("-t 9-7 -t x:y -t", {}),
    ],
)
def test_pasta_says_what_it_maps(given_, expected):
    assert forwards("pasta.avx2", f"pasta --config-net {given_}") == expected


def test_pasta_and_slirp4netns_name_the_namespace_that_they_serve():
    assert proxy("pasta", ["pasta", "--netns", "/run/user/1/netns/x"]).door == "/run/user/1/netns/x"
    line = ["slirp4netns", "-c", "--netns-type=path", "/run/user/1/netns/cni-x", "tap0"]
    assert proxy("slirp4netns", line).door == "/run/user/1/netns/cni-x"


def test_conmon_names_the_container_that_it_keeps_the_port_for():
    found = proxy("conmon", ["conmon", "-c", ID, "-n", "web"])
    assert found.container == Container(engine="podman", id=ID, name="web")


@pytest.mark.parametrize("name", ["nginx", "", "my-docker-proxy", None])
def test_other_programs_are_no_proxies(name):
    assert not is_proxy(name)
    assert name is None or proxy(name, ["x"]) is None


@given(
    st.sampled_from(["docker-proxy", "pasta", "slirp4netns", "rootlessport"]), st.lists(st.text(max_size=9), max_size=7)
)
def test_no_command_line_raises(name, words):
    proxy(name, words)


def test_a_range_beyond_the_last_port_is_cut_and_raises_nothing():
    assert len(proxy("pasta", ["pasta", "-t", "65000-65535:1"]).forwards) == 536
