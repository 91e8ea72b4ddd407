import re
from pathlib import Path

import pytest

from auditor.collect.identify import registry
from auditor.findings.services import RECOGNISED, doubtful_names, satisfies, spoken
from auditor.model.findings import Verdict
from tests.unit.findings.worlds import (
    audit,
    checks,
    days_ago,
    only,
    policy_of,
    probe,
    reasons,
    seen,
    service,
    socket,
    table,
)


def policy(*items):
    return (
        "version: 1\nscan: {tcp: [20-6000], udp: [53]}\nhosts: {web-1: 192.0.2.10}\n"
        f"rules: [{{id: it, hosts: [web-1], allow: [{', '.join(items)}]}}]\n"
    )


SSH = "{port: 22, service: ssh}"


def at22(*services):
    return probe(seen("192.0.2.10", open="22", services=services))


@pytest.mark.parametrize(
    ("wanted", "name", "tls", "good"),
    [
        ("ssh", "ssh", False, True),
        ("https", "http", True, True),
        ("https", "ssl/http", False, True),
        ("https", "https", False, True),
        ("https", "http", False, False),
        ("http", "http", True, True),
        ("imaps", "imap", True, True),
        ("postgres", "postgresql", False, True),
        ("dns", "domain", False, True),
        ("ssh", "http", False, False),
        ("SSH", "Ssh", False, True),
        ("https", "kubernetes", True, True),
        ("https", "kubernetes", False, False),
        ("kubernetes", "http", True, False),
        ("http", "docker", False, False),
    ],
)
def test_names_of_services_are_compared_by_what_they_mean(wanted, name, tls, good):
    assert satisfies(wanted, spoken(name, tls=tls)) is good


@pytest.mark.parametrize("name", ["", "unknown", "tcpwrapped", "ssl", "ssl/unknown", "http?"])
def test_some_names_identify_nothing(name):
    assert (spoken(name) is None) is (name != "http?")


def test_the_service_allowed_passes_and_another_does_not():
    assert audit(policy(SSH), at22(service("22", "ssh"))).verdict is Verdict.CONFORMS
    assert checks(audit(policy(SSH), at22(service("22", "http")))) == ["unexpected-service"]


@pytest.mark.parametrize(
    "services", [(), (service("22", "unknown"),), (service("22", "ssh", method="table"),), (service("23", "ssh"),)]
)
def test_a_service_that_was_not_identified_is_unverified(services):
    result = audit(policy(SSH), at22(*services))
    assert reasons(result) == ["the service was not identified"]
    assert not checks(result)


def test_a_closed_port_has_no_service_to_judge():
    assert audit(policy(SSH), probe(seen("192.0.2.10"))).verdict is Verdict.CONFORMS


def test_a_condition_that_no_evidence_speaks_to_is_not_assessed():
    result = audit(policy(SSH), table(socket("22", process="sshd")))
    assert result.verdict is Verdict.CONFORMS
    (remark,) = result.not_assessed
    assert remark.what.startswith("service of")
    assert remark.reason == "no evidence that looked at the service of 1 host"


def test_one_kind_of_evidence_that_speaks_to_a_condition_is_enough():
    both = policy("{port: 22, service: ssh, process: sshd}")
    result = audit(both, at22(service("22", "ssh")), table(socket("22", process="sshd")))
    assert (result.verdict, result.not_assessed) == (Verdict.CONFORMS, ())


@pytest.mark.parametrize(
    ("process", "good"),
    [("sshd", True), ("/usr/sbin/sshd", True), ("sshd2", False), ("SSHD", False), ("dropbear", False)],
)
def test_processes_are_compared_by_their_whole_name(process, good):
    result = audit(policy("{port: 22, process: sshd}"), table(socket("22", process=process)))
    assert checks(result) == ([] if good else ["unexpected-process"])


def test_the_kernel_cuts_names_of_processes():
    result = audit(policy("{port: 22, process: node_exporter-long}"), table(socket("22", process="node_exporter-l")))
    assert not checks(result)


def test_a_hidden_process_is_unverified_and_a_foreign_one_beside_it_a_finding():
    rule = policy("{port: 22, process: sshd}")
    assert reasons(audit(rule, table(socket("22")))) == ["the process is hidden from the user who read the sockets"]
    result = audit(rule, table(socket("22"), socket("22", "::", process="nc")))
    assert checks(result) == ["unexpected-process"]


@pytest.mark.parametrize(
    ("bind", "address", "good"),
    [
        ("loopback", "127.0.0.1", True),
        ("loopback", "::1", True),
        ("loopback", "0.0.0.0", False),
        ("loopback", "192.0.2.10", False),
        ("private", "10.0.0.5", True),
        ("private", "192.0.2.10", False),
        ("private", "::", False),
        ("10.0.0.0/8", "10.0.0.5", True),
        ("10.0.0.0/8", "*", False),
    ],
)
def test_a_socket_may_listen_within_bind_alone(bind, address, good):
    result = audit(policy(f"{{port: 5432, bind: {bind}}}"), table(socket("5432", address)))
    assert [name for name in checks(result) if name != "unused-allow"] == ([] if good else ["too-wide"])


def test_a_socket_tied_to_the_loopback_device_is_bound_to_loopback():
    from auditor.model.evidence import Scope, Socket
    from auditor.model.ports import Port

    tied = Socket(port=Port.parse("5432"), address="0.0.0.0", scope=Scope.LOOPBACK, interface="lo")
    assert audit(policy("{port: 5432, bind: loopback}"), table(tied)).verdict is Verdict.CONFORMS


def test_a_foreign_process_on_loopback_is_found_where_the_rule_speaks_of_loopback():
    rule = policy("{port: 5432, bind: loopback, process: postgres}")
    found = only(audit(rule, table(socket("5432", "127.0.0.1", process="nc"))), "unexpected-process")
    assert found.process == "nc"
    assert not [
        one
        for one in audit(
            policy("{port: 5432, process: postgres}"), table(socket("5432", "127.0.0.1", process="nc"))
        ).findings
        if one.host
    ]


def test_a_probe_that_reaches_what_may_be_bound_to_loopback_alone_shows_it_too_wide():
    found = only(audit(policy("{port: 5432, bind: loopback}"), probe(seen("192.0.2.10", open="5432"))), "too-wide")
    assert found.actual == "reachable at 192.0.2.10"


def test_items_for_one_port_are_alternatives():
    either = policy(SSH, "{port: 22, service: http}")
    assert not checks(audit(either, at22(service("22", "http"))))
    assert checks(audit(either, at22(service("22", "smtp")))) == ["unexpected-service"]
    assert not checks(audit(policy(SSH, "22"), at22(service("22", "smtp"))))


def test_an_alternative_that_may_hold_keeps_a_failing_one_from_being_a_finding():
    either = policy(SSH, "{port: 22, process: x}")
    result = audit(either, at22(service("22", "smtp")), table(socket("22")))
    assert result.verdict is Verdict.UNVERIFIED
    assert not checks(result)


def test_an_exception_lifts_a_failed_condition():
    lifted = policy(SSH) + (
        "exceptions:\n  - {id: EX-1, hosts: [web-1], ports: [22], reason: r, owner: o, expires: 2027-01-01}\n"
    )
    result = audit(lifted, at22(service("22", "smtp")))
    assert only(result, "unexpected-service").exception.id == "EX-1"
    assert result.verdict is Verdict.CONFORMS


def test_what_answered_at_a_port_long_ago_does_not_say_what_answers_there_now():
    old = probe(seen("192.0.2.10", open="22", services=(service("22", "ssh"),)), started=days_ago(9), source="old.xml")
    result = audit(policy(SSH), old, at22())
    assert (result.verdict, reasons(result)) == (Verdict.UNVERIFIED, ["the service was not identified"])
    assert audit(policy(SSH), old, at22(service("22", "ssh"))).verdict is Verdict.CONFORMS


def test_what_answered_at_a_port_that_old_evidence_alone_saw_open_is_told():
    old = seen("192.0.2.10", open="6000", closed="22", services=(service("6000", "redis"),))
    result = audit(policy("22"), probe(old, started=days_ago(9)))
    assert only(result, "unexpected-open").service == "redis"


PROCESS = "{port: 22, process: sshd, bind: private}"


def test_who_listened_long_ago_does_not_say_who_listens_now():
    old = table(socket("22", "10.0.0.1", "sshd"), started=days_ago(9), source="old.jsonl")
    hidden = table(socket("22", "10.0.0.1"))
    result = audit(policy(PROCESS), old, hidden)
    assert result.verdict is Verdict.UNVERIFIED
    assert audit(policy(PROCESS), old, at22()).verdict is not Verdict.VIOLATIONS
    assert audit(policy(PROCESS), old).verdict is Verdict.UNVERIFIED


@pytest.mark.parametrize(
    ("name", "tls", "verdict"),
    [
        ("http", True, Verdict.CONFORMS),
        ("tls", True, Verdict.CONFORMS),
        ("ssl/unknown", False, Verdict.CONFORMS),
        ("https", False, Verdict.CONFORMS),
        ("http", False, Verdict.VIOLATIONS),
        ("unknown", False, Verdict.UNVERIFIED),
    ],
)
@pytest.mark.parametrize("wanted", ["tls", "ssl", "TLS"])
def test_tls_is_satisfied_by_whatever_is_inside_tls_and_by_nothing_else(wanted, name, tls, verdict):
    result = audit(policy(f"{{port: 22, service: {wanted}}}"), at22(service("22", name, tls=tls)))
    assert result.verdict is verdict


def test_a_name_inside_tls_that_nobody_identified_does_not_satisfy_a_protocol():
    result = audit(policy("{port: 22, service: https}"), at22(service("22", "tls", tls=True)))
    assert reasons(result) == ["the service was not identified"]


@pytest.mark.parametrize("name", sorted({*RECOGNISED, "tls", "https", "tls/redis", "openssh", "domain", "ipp"}))
def test_known_names_of_services_are_not_warned_of(name):
    assert not list(doubtful_names(policy_of(policy(f"{{port: 22, service: {name}}}"))))


@pytest.mark.parametrize(("slip", "meant"), [("htpp", "did you mean 'http'?"), ("foobar", "recognised are amqp, ")])
def test_a_slip_in_the_name_of_a_service_is_warned_of_with_its_line(slip, meant):
    (doubt,) = doubtful_names(policy_of(policy(f"{{port: 22, service: {slip}}}")))
    assert f"no service is known by the name '{slip}'" in doubt
    assert re.match(r"\S+:\d+: ", doubt)
    assert meant in doubt


def test_whatever_the_auditor_recognises_is_a_name_that_policies_may_use():
    families = Path(registry.__file__).parent / "families"
    named = {
        name for file in families.glob("*.py") for name in re.findall(r'service="([^"]+)"', file.read_text("utf-8"))
    }
    assert len(named) > 20
    assert named <= RECOGNISED
