import pytest

from auditor.diff.attribute import Attribution
from auditor.diff.gather import gather
from auditor.errors import EvidenceError, UsageError
from auditor.model.evidence import Kind, Observation
from auditor.model.ports import PortSet
from tests.unit.findings.worlds import dead, declared, opening, policy_of, probe, seen, socket, table

PLAIN = policy_of("""
version: 1
hosts: {b: 192.0.2.2, a: 192.0.2.1, net: 198.51.100.0/24}
rules: [{hosts: ["*"], allow: [22]}]
""")
LIMITED = policy_of("""
version: 1
vantages: {internet: {networks: [0.0.0.0/0]}}
hosts: {a: 192.0.2.1}
rules: [{hosts: [a], from: [internet], allow: [22]}]
""")


def gathered(*evidence, policy=PLAIN, vantage=None, host=None):
    return gather(evidence, Attribution(policy, host), policy, vantage)


def subjects(found, policy=PLAIN):
    return [(one.host.name, one.member, len(one.pieces)) for one in found.subjects(policy.hosts.values())]


def test_subjects_come_in_policy_order_and_a_network_after_its_members():
    found = gathered(probe(seen("198.51.100.9"), seen("198.51.100.10"), seen("192.0.2.1")))
    assert subjects(found) == [
        ("b", None, 0),
        ("a", None, 1),
        ("net", "198.51.100.9", 1),
        ("net", "198.51.100.10", 1),
        ("net", None, 0),
    ]


def test_the_end_of_the_evidence_is_known_to_every_piece_of_it():
    found = gathered(probe(seen("192.0.2.1"), complete=False, reason="killed"))
    (_, host, _) = found.subjects(PLAIN.hosts.values())
    assert host.pieces[0].used.completion.reason == "killed"
    assert len(found.broken) == 1


def test_unknown_hosts_are_kept_only_if_they_show_something_open():
    found = gathered(
        probe(seen("203.0.113.1", open="22"), dead("203.0.113.2")),
        probe(seen("203.0.113.1", open="23"), source="more.xml"),
        table(socket("25"), host="stranger"),
        declared(opening("80"), host="other"),
    )
    assert {(one.name, str(one.open)) for one in found.unknown.values()} == {
        ("203.0.113.1", "22-23/tcp"),
        ("stranger", "25/tcp"),
        ("other", "80/tcp"),
    }
    assert found.unknown["203.0.113.1", None].sources == ("scan.xml", "more.xml")


def test_a_loopback_socket_of_an_unknown_host_is_not_open_to_others():
    assert not gathered(table(socket("25", "127.0.0.1"), host="stranger")).unknown


def test_the_vantage_is_that_of_the_observation_else_of_the_run_else_of_the_caller():
    one = Observation(address="192.0.2.1", vantage="x", open=PortSet.parse("22"))
    assert gathered(probe(one), vantage="z").vantages == ("x",)
    assert gathered(probe(seen("192.0.2.1"), vantage="y"), vantage="z").vantages == ("y",)
    assert gathered(probe(seen("192.0.2.1")), vantage="z").vantages == ("z",)


def test_a_probe_without_a_vantage_is_refused_where_rules_depend_on_it():
    with pytest.raises(UsageError, match="use --from"):
        gathered(probe(seen("192.0.2.1")), policy=LIMITED)


def test_a_vantage_that_the_policy_does_not_know_is_refused_where_rules_depend_on_it():
    with pytest.raises(UsageError, match="no vantage 'intranet'; it has internet"):
        gathered(probe(seen("192.0.2.1"), vantage="intranet"), policy=LIMITED)


def test_a_line_that_looked_from_elsewhere_than_its_header_says_is_refused():
    one = Observation(address="192.0.2.1", vantage="x", open=PortSet.parse("22"))
    assert gathered(probe(one, vantage="x")).vantages == ("x",)
    with pytest.raises(EvidenceError, match="one line says that it looked from 'x', and the header from 'y'"):
        gathered(probe(one, vantage="y"))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
def test_local_is_a_place_for_loopback_addresses(address):
    assert gathered(probe(seen(address), vantage="local"), policy=LIMITED).vantages == ("local",)


@pytest.mark.parametrize("where", ["header", "line", "caller"])
def test_local_is_no_place_to_see_another_machine_from(where):
    one = seen("192.0.2.1", vantage="local" if where == "line" else None)
    evidence = probe(one, vantage="local" if where == "header" else None)
    with pytest.raises(UsageError, match="'local' is the host's own loopback"):
        gathered(evidence, vantage="local" if where == "caller" else None)


def test_a_probe_from_local_that_names_no_address_is_refused_if_it_shows_anything():
    with pytest.raises(UsageError, match="'local' is the host's own loopback"):
        gathered(probe(Observation(host="web-1", closed=PortSet.parse("22")), vantage="local"))
    assert gathered(probe(Observation(host="web-1"), vantage="local")).vantages == ("local",)


def test_a_policy_that_speaks_of_local_takes_probes_of_any_address_from_there():
    policy = policy_of(
        "version: 1\nhosts: {web-1: 192.0.2.1}\nrules: [{id: a, hosts: web-1, from: [local], allow: [22]}]"
    )
    assert gathered(probe(seen("192.0.2.1"), vantage="local"), policy=policy).vantages == ("local",)


def test_evidence_that_says_nothing_of_the_policys_hosts_is_told():
    found = gathered(probe(seen("203.0.113.1")), probe(seen("192.0.2.1")), declared(host="other"))
    assert [used.origin.kind for used in found.idle] == [Kind.PROBE, Kind.DECLARED]
    assert found.kinds == {Kind.PROBE, Kind.DECLARED}
