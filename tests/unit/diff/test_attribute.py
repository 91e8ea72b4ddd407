import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.diff.attribute import Attributed, Attribution, Unattributed
from auditor.errors import UsageError
from auditor.model.evidence import Kind, Observation, Origin
from tests.unit.findings.worlds import policy_of

POLICY = policy_of("""
version: 1
hosts:
  web-1: 192.0.2.10
  dual: [192.0.2.30, "2001:db8::30"]
  db: db.internal
  dmz: 192.0.2.0/24
  inner: 192.0.2.128/25
  six: "2001:db8:1::/64"
  app: {address: 198.51.100.1, aliases: [aws_instance.app]}
  named: {address: named.example, aliases: [named-alias]}
rules:
  - {hosts: ["*"], allow: [22]}
""")
PROBE = Origin(kind=Kind.PROBE, source="scan.xml", tool="nmap 7.93")
TABLE = Origin(kind=Kind.SOCKETS, source="ss.txt")


def whose(origin=PROBE, default=None, **observation):
    found = Attribution(POLICY, default).subject_of(Observation(**observation), origin)
    return (found.host.name, found.member) if isinstance(found, Attributed) else found.name


def test_a_literal_address_beats_the_network_that_holds_it():
    assert whose(address="192.0.2.10") == ("web-1", None)


def test_the_narrowest_network_has_the_address():
    assert whose(address="192.0.2.7") == ("dmz", "192.0.2.7")
    assert whose(address="192.0.2.200") == ("inner", "192.0.2.200")
    assert whose(address="2001:DB8:1:0::1") == ("six", "2001:db8:1::1")


def test_an_ipv4_mapped_address_is_the_ipv4_address():
    assert whose(address="::ffff:192.0.2.10") == ("web-1", None)


def test_a_forged_name_moves_no_evidence_to_another_host():
    assert whose(address="192.0.2.10", names=("db.internal", "dual")) == ("web-1", None)
    assert whose(address="192.0.2.7", host="db.internal") == ("dmz", "192.0.2.7")
    assert whose(address="203.0.113.9", names=("web-1",)) == "203.0.113.9"


def test_a_dns_name_counts_for_an_address_that_the_policy_does_not_know():
    assert whose(address="203.0.113.9", host="DB.internal.") == ("db", None)
    assert whose(address="203.0.113.9", names=("named-alias",)) == ("named", None)


def test_our_own_scanner_looked_the_dns_name_up_itself():
    live = Origin(kind=Kind.PROBE, source="live")
    assert whose(origin=live, address="192.0.2.7", host="db") == ("db", None)
    assert whose(origin=live, address="192.0.2.10", host="dual") == ("web-1", None)


def test_names_dns_names_and_aliases_serve_evidence_without_an_address():
    assert whose(host="WEB-1") == ("web-1", None)
    assert whose(host="db.internal.") == ("db", None)
    assert whose(host="aws_instance.app") == ("app", None)
    assert whose(host="192.0.2.10") == ("web-1", None)
    assert whose(host="stranger") == "stranger"


def test_evidence_that_names_no_host_is_of_the_one_that_the_caller_names():
    assert whose(default="web-1") == ("web-1", None)
    assert whose(origin=TABLE, default="web-1", names=("dual",)) == ("web-1", None)
    assert whose(origin=Origin(kind=Kind.SOCKETS, source="s", host="db")) == ("db", None)
    assert whose(origin=TABLE, names=("dual",)) == ("dual", None)


def test_a_socket_table_of_a_machine_with_another_name_is_of_the_host_that_the_caller_names():
    assert whose(origin=TABLE, default="web-1", host="ip-10-0-0-5") == ("web-1", None)
    assert whose(origin=PROBE, default="web-1", host="ip-10-0-0-5") == "ip-10-0-0-5"


@pytest.mark.parametrize(("names", "part"), [((), "names no host"), (("laptop",), "'laptop'")])
def test_evidence_that_names_no_host_of_the_policy_asks_for_one(names, part):
    with pytest.raises(UsageError, match=f"{part}.*--host NAME"):
        whose(origin=TABLE, names=names)


def test_a_host_option_that_the_policy_does_not_know_is_refused():
    with pytest.raises(UsageError, match="--host nobody"):
        Attribution(POLICY, "nobody")


@given(st.ip_addresses())
def test_every_address_has_one_answer_whatever_it_is_called(address):
    bare = Attribution(POLICY).subject_of(Observation(address=str(address)), PROBE)
    forged = Attribution(POLICY).subject_of(Observation(address=str(address), host="web-1", names=("dual",)), PROBE)
    if isinstance(bare, Unattributed):
        assert isinstance(forged, Unattributed)
    else:
        assert forged == bare


def test_what_a_file_declares_of_no_host_is_the_only_hosts():
    alone = policy_of("version: 1\nhosts: {only: 192.0.2.10}\nrules: [{hosts: only, allow: [22]}]\n")
    declared = Origin(kind=Kind.DECLARED, source="compose.yaml")
    for names in ((), ("compose:shop", "runner-17")):
        assert Attribution(alone).subject_of(Observation(names=names), declared).host.name == "only"
    with pytest.raises(UsageError, match="--host NAME"):
        whose(origin=declared, names=("compose:shop",))
    with pytest.raises(UsageError, match="--host NAME"):
        Attribution(alone).subject_of(Observation(), TABLE)
