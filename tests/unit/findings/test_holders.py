"""Findings say who holds a port, and whose that is: the unit, the container, where translation sends it."""

from __future__ import annotations

import pytest

from auditor.findings.scene import holder
from auditor.model.evidence import Container, Scope, Socket
from auditor.model.ports import Port


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"process": "redis-server"}, "redis-server"),
        ({"process": "redis-server", "unit": "redis-server.service"}, "redis-server (unit redis-server.service)"),
        (
            {"process": "nginx", "unit": "x.service", "container": Container(engine="docker", name="web")},
            "nginx (container docker web)",
        ),
        ({"process": "docker-proxy", "forwards": "172.17.0.2:80"}, "docker-proxy to 172.17.0.2:80"),
        ({"nat": True, "forwards": "172.17.0.2:80"}, "address translation (NAT) to 172.17.0.2:80"),
        (
            {"nat": True, "forwards": "172.17.0.2:80", "process": "nginx"},
            "address translation (NAT) to 172.17.0.2:80, nginx",
        ),
    ],
)
def test_aholder_is_named_with_what_is_known_of_it(facts, text):
    assert holder(Socket(port=Port.parse("80"), address="0.0.0.0", scope=Scope.NETWORK, **facts)) == text
