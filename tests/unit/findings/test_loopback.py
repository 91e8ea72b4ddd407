"""What is wanted on loopback alone, and sockets that are likely a client's."""

import pytest

from auditor.model.findings import Verdict
from tests.unit.findings.worlds import audit, checks, probe, reasons, seen, socket, table

INWARD = "{port: 5432/tcp, process: postgres, bind: loopback}"


def policy(verb, item=INWARD, scan="{tcp: [20-6000], udp: [53]}"):
    return (
        f"version: 1\nscan: {scan}\nhosts: {{web-1: 192.0.2.10}}\n"
        f"rules: [{{id: it, hosts: [web-1], {verb}: [{item}]}}]\n"
    )


def inner(process="postgres", address="127.0.0.1"):
    return table(socket("5432", address, process))


def test_what_is_required_on_loopback_is_there_when_it_listens_there():
    result = audit(policy("require"), inner())
    assert result.verdict is Verdict.CONFORMS
    (held,) = result.hosts[0].holds
    assert (str(held.port), held.state, held.required) == ("5432/tcp", "open on loopback", True)


def test_what_is_required_on_loopback_and_does_not_listen_is_a_violation():
    assert checks(audit(policy("require"), table(socket("22", "127.0.0.1", "sshd")))) == ["required-not-open"]


def test_another_process_there_is_told():
    assert checks(audit(policy("require"), inner("netcat"))) == ["unexpected-process"]


def test_a_probe_from_elsewhere_cannot_see_what_is_required_on_loopback_and_says_so():
    result = audit(policy("require"), probe(seen("192.0.2.10", open="")))
    assert not checks(result)
    assert any("bind" in item.what for item in result.not_assessed)


def test_a_probe_that_reaches_what_should_be_on_loopback_is_a_violation():
    assert checks(audit(policy("require"), probe(seen("192.0.2.10", open="5432")))) == ["too-wide"]


def test_an_item_without_a_bind_is_not_met_by_a_socket_on_loopback():
    assert checks(audit(policy("require", "5432"), inner())) == ["required-not-open"]


def test_a_permission_for_loopback_is_in_use_when_the_socket_is_there():
    assert "unused-allow" not in checks(audit(policy("allow"), inner()))
    assert "unused-allow" in checks(audit(policy("allow"), table()))


CLIENT = socket("40000/udp", "0.0.0.0", "resolver", client=True)


def test_a_socket_that_may_be_a_client_s_is_no_violation_and_no_pass():
    result = audit(policy("allow", "22", "{tcp: [20-6000], udp: all}"), table(CLIENT))
    assert not [check for check in checks(result) if check != "unused-allow"]
    assert result.verdict is Verdict.UNVERIFIED
    assert "a client's" in reasons(result)[0]


def test_a_client_s_socket_does_not_matter_where_the_policy_does_not_look():
    assert audit(policy("allow", "22"), table(CLIENT)).verdict is Verdict.CONFORMS


@pytest.mark.parametrize("server", [socket("40000/udp", "0.0.0.0", "vpn")])
def test_a_server_beside_a_client_on_the_same_port_is_a_server(server):
    result = audit(policy("allow", "22", "{tcp: [20-6000], udp: all}"), table(CLIENT, server))
    assert "unexpected-open" in checks(result)
