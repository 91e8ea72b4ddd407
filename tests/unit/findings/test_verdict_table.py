"""DESIGN's table, cell by cell, for probes and for socket tables."""

import pytest

from auditor.model.evidence import Observation, Unknown
from auditor.model.findings import Verdict
from auditor.model.ports import PortSet
from tests.unit.findings.worlds import NOW, audit, checks, probe, reasons, seen, socket, table

PORT = "53/udp"
RULES = {
    "require": "{require: [53/udp]}",
    "allow": "{allow: [53/udp]}",
    "nothing": "{allow: [22/tcp]}",
    "deny": "{deny: [53/udp]}",
    "final": "{deny: [53/udp], final: true}",
    "nothing, filtered": "{allow: [22/tcp], otherwise: filtered}",
    "deny, filtered": "{deny: [53/udp], otherwise: filtered}",
    "require, filtered": "{require: [53/udp], otherwise: filtered}",
    "allow, filtered": "{allow: [53/udp], otherwise: filtered}",
}
PASS, UNVERIFIED = "pass", "unverified"
TABLE = {
    #                     open                 open|filtered closed               filtered             not seen
    "require": (PASS, UNVERIFIED, "required-not-open", "required-not-open", UNVERIFIED),
    "allow": (PASS, PASS, PASS, PASS, PASS),
    "nothing": ("unexpected-open", UNVERIFIED, PASS, PASS, UNVERIFIED),
    "deny": ("forbidden-open", UNVERIFIED, PASS, PASS, UNVERIFIED),
    "final": ("forbidden-open", UNVERIFIED, PASS, PASS, UNVERIFIED),
    "nothing, filtered": ("unexpected-open", PASS, "not-filtered", PASS, UNVERIFIED),
    "deny, filtered": ("forbidden-open", PASS, "not-filtered", PASS, UNVERIFIED),
    "require, filtered": (PASS, UNVERIFIED, "required-not-open", "required-not-open", UNVERIFIED),
    "allow, filtered": (PASS, PASS, PASS, PASS, PASS),
}
STATES = ("open", "open_filtered", "closed", "filtered", "not seen")
CELLS = [(rule, state, TABLE[rule][at]) for rule in TABLE for at, state in enumerate(STATES)]


def policy(rule):
    body = RULES[rule].strip("{}")
    return (
        "version: 1\nscan: {tcp: [22], udp: [53]}\nhosts: {web-1: 192.0.2.10}\n"
        f"rules:\n  - {{id: it, hosts: [web-1], {body}}}\n"
    )


def outcome(result):
    found = [name for name in checks(result) if name not in {"unused-allow", "unused-exception"}]
    if result.verdict is Verdict.VIOLATIONS:
        (name,) = found
        return name
    assert not found
    return {Verdict.CONFORMS: PASS, Verdict.UNVERIFIED: UNVERIFIED}[result.verdict]


@pytest.mark.parametrize(("rule", "state", "expected"), CELLS)
def test_each_cell_for_a_probe(rule, state, expected):
    states = {} if state == "not seen" else {state: PortSet.parse(PORT)}
    rest = Observation(address="192.0.2.10", alive=True, **{**states, **_rest(states)})
    assert outcome(audit(policy(rule), probe(rest))) == expected


def _rest(states):
    """22/tcp is filtered, so that it passes wherever it is not required."""
    return {"filtered": states.get("filtered", PortSet()) | PortSet.parse("22/tcp")}


SOCKET_CELLS = [(rule, state, expected) for rule, state, expected in CELLS if state in {"open", "closed", "not seen"}]


@pytest.mark.parametrize(("rule", "state", "expected"), SOCKET_CELLS)
def test_each_cell_for_a_socket_table(rule, state, expected):
    asked = PortSet.parse("22/tcp" if state == "not seen" else "22/tcp,53/udp")
    sockets = [socket(PORT)] if state == "open" else []
    result = audit(policy(rule), table(*sockets, asked=asked))
    if expected == "not-filtered":  # nobody listens, and a table cannot tell closed from filtered
        assert result.verdict is Verdict.CONFORMS
        assert any("otherwise: filtered" in one.what for one in result.not_assessed)
    else:
        assert outcome(result) == expected


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_host_that_no_evidence_speaks_of_is_never_a_pass(rule):
    assert audit(policy(rule), probe()).verdict is Verdict.UNVERIFIED
    assert audit(policy(rule)).verdict is Verdict.UNVERIFIED


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_live_exception_lifts_every_violation_but_that_of_a_final_rule(rule):
    text = policy(rule) + (
        "exceptions:\n  - {id: EX-1, hosts: [web-1], ports: [53/udp], reason: old, owner: me, expires: 2026-12-31}\n"
    )
    for state in ("open", "closed", "filtered"):
        states = {state: PortSet.parse(PORT)}
        result = audit(text, probe(Observation(address="192.0.2.10", alive=True, **{**states, **_rest(states)})))
        violates = rule == "final" and state == "open"
        assert result.verdict is (Verdict.VIOLATIONS if violates else Verdict.CONFORMS)


def test_a_port_outside_the_scope_is_not_missed_but_judged_if_it_is_open():
    text = policy("nothing")
    assert audit(text, probe(seen("192.0.2.10", filtered="22/tcp,53/udp", closed=""))).verdict is Verdict.CONFORMS
    result = audit(text, probe(seen("192.0.2.10", open="8080/tcp", filtered="22/tcp,53/udp", closed="")))
    assert checks(result)[0] == "unexpected-open"


def test_silence_of_udp_counts_as_filtered_where_the_settings_say_so():
    text = policy("nothing") + "settings: {udp_silence: filtered}\n"
    observation = Observation(
        address="192.0.2.10", alive=True, open_filtered=PortSet.parse(PORT), filtered=PortSet.parse("22"), started=NOW
    )
    assert audit(text, probe(observation)).verdict is Verdict.CONFORMS


NOTHING_ASKED = Observation(address="192.0.2.10")
VACANT = Observation(
    address="192.0.2.10", alive=False, unknown=(Unknown(ports=PortSet.parse("80"), reason="no answer: host-unreach"),)
)
HOST = "version: 1\nscan: {{tcp: {tcp}, udp: none}}\nhosts: {{web-1: {host}}}\n{rules}\n"


@pytest.mark.parametrize("host", ["192.0.2.10", "{address: 192.0.2.10, dark: true}", "192.0.2.10/32"])
@pytest.mark.parametrize(("tcp", "rules"), [("none", ""), ("named", "rules: []")])
def test_a_host_of_which_no_port_was_asked_conforms_to_nothing(host, tcp, rules):
    result = audit(HOST.format(tcp=tcp, host=host, rules=rules), probe(NOTHING_ASKED))
    assert result.verdict is Verdict.UNVERIFIED
    assert "nothing was looked at" in reasons(result)


def test_a_host_that_answered_where_no_port_was_asked_was_still_not_looked_at():
    result = audit(
        HOST.format(tcp="none", host="192.0.2.10", rules=""), probe(Observation(address="192.0.2.10", alive=True))
    )
    assert (result.verdict, reasons(result)) == (Verdict.UNVERIFIED, ["nothing was looked at"])


@pytest.mark.parametrize("rules", ["{allow: [80]}", "{allow: [80, 443]}", "{allow: [all]}"])
def test_a_host_that_never_answered_is_not_verified_though_all_that_was_asked_may_be_open(rules):
    rules = f"rules: [{{id: it, hosts: web-1, {rules[1:-1]}}}]"
    result = audit(HOST.format(tcp="named", host="192.0.2.10", rules=rules), probe(VACANT))
    assert result.verdict is Verdict.UNVERIFIED
    assert reasons(result) == ["no answer: host-unreach"]


def test_nor_is_one_of_which_an_exception_covers_all_that_was_asked():
    lifted = (
        "rules: [{id: it, hosts: web-1, deny: [80]}]\n"
        "exceptions: [{id: EX, hosts: web-1, ports: [80], reason: r, owner: o, expires: 2027-01-01}]"
    )
    result = audit(HOST.format(tcp="named", host="192.0.2.10", rules=lifted), probe(VACANT))
    assert (result.verdict, reasons(result)) == (Verdict.UNVERIFIED, ["no answer: host-unreach"])
