"""Several kinds of evidence about one port: one finding that tells all, and the matrix."""

from dataclasses import replace

from auditor.diff.attribute import Attribution
from auditor.diff.gather import gather
from auditor.diff.reconcile import Reconciler
from auditor.findings.judge import Judge
from auditor.model.evidence import Kind
from auditor.policy.resolve import Resolver
from tests.unit.findings.worlds import (
    NOW,
    audit,
    checks,
    days_ago,
    declared,
    only,
    opening,
    policy_of,
    probe,
    seen,
    socket,
    table,
)

SIMPLE = "version: 1\nhosts: {web-1: 192.0.2.10}\nrules: [{id: shop, hosts: [web-1], allow: [443], require: [80]}]\n"
PLACES = """
version: 1
vantages: {internet: {networks: ["0.0.0.0/0", "::/0"]}, office: {networks: [198.51.100.0/24]}}
hosts: {web-1: 192.0.2.10}
rules:
  - {id: shop, hosts: [web-1], from: [internet], allow: [443]}
  - {id: admin, hosts: [web-1], from: [office], allow: [22, 6379]}
"""


def texts(finding):
    return [one.text for one in finding.sights]


def matrix(policy, *evidence, host="web-1"):
    policy = policy_of(policy)
    resolver = Resolver(policy, NOW.date())
    gathered = gather(evidence, Attribution(policy, None), policy, None)
    reconciler = Reconciler(policy, resolver, gathered, NOW)
    judge = Judge(policy, resolver, NOW.date(), matrix_for={host})
    subjects = gathered.subjects(policy.hosts.values())
    (found,) = [one for subject in subjects for one in judge.judge(reconciler.reconcile(subject)).matrices]
    return found


def cells(found):
    return {str(row.port): (row.policy, row.declared, row.listening, *row.reachable) for row in found.rows}


def test_an_old_socket_table_excuses_no_required_port_that_a_probe_finds_closed():
    for started in (None, days_ago(30)):
        result = audit(SIMPLE, table(socket("80/tcp"), started=started), probe(seen("192.0.2.10")))
        assert only(result, "required-not-open").status.value == "violation"


def test_one_finding_tells_what_is_declared_listens_and_was_seen():
    result = audit(
        SIMPLE,
        declared(opening("6379", line=14)),
        table(socket("6379/tcp", process="redis-server", unit="redis-server.service"), socket("80/tcp")),
        probe(seen("192.0.2.10", open="80/tcp", filtered="6379/tcp")),
    )
    assert checks(result) == ["unexpected-open", "unused-allow"]
    found = only(result, "unexpected-open")
    assert texts(found) == [
        "published to everyone",
        "listening on 0.0.0.0 as redis-server (unit redis-server.service)",
        "filtered as probed",
    ]
    assert (found.sights[0].location.file, found.sights[0].location.line) == ("compose.yaml", 14)
    assert found.source_location == found.sights[0].location
    assert set(found.evidence) == {"compose.yaml", "sockets.jsonl"}


def test_what_a_named_vantage_sees_is_not_told_again_for_the_file_that_publishes_it():
    files, sight = declared(opening("3306", line=9)), seen("192.0.2.10", open="443/tcp,3306/tcp")
    result = audit(PLACES, files, probe(sight, vantage="internet"), probe(sight, vantage="office", source="b.xml"))
    found = [one for one in result.findings if str(one.port) == "3306/tcp"]
    assert [one.vantage for one in found] == ["internet", "office"]
    assert all(one.source_location.line == 9 for one in found)
    assert texts(found[0]) == ["published to everyone", "open as seen from internet", "open as seen from office"]


def test_a_file_that_publishes_too_widely_is_told_where_the_probe_sees_it_closed():
    result = audit(PLACES, declared(opening("6379")), probe(seen("192.0.2.10", open="443/tcp"), vantage="internet"))
    found = only(result, "too-wide")
    assert texts(found) == ["published to everyone", "closed as seen from internet"]
    assert found.vantage is None


def test_a_milder_finding_or_a_lifted_one_hides_no_other():
    lifted = PLACES + (
        "exceptions:\n  - {id: EX-1, hosts: [web-1], ports: [3306], from: [internet], reason: r, owner: o,"
        " approved: {by: c, on: 2026-10-01}, expires: 2026-12-31}\n"
    )
    result = audit(lifted, declared(opening("3306")), probe(seen("192.0.2.10", open="3306/tcp"), vantage="internet"))
    assert {(one.vantage, one.status.value) for one in result.findings if str(one.port) == "3306/tcp"} == {
        ("internet", "excepted"),
        (None, "violation"),
    }


def test_with_one_kind_of_evidence_a_finding_is_as_ever():
    assert only(audit(SIMPLE, declared(opening("6379"))), "unexpected-open").sights == ()


def test_a_port_of_which_one_kind_alone_speaks_has_nothing_to_tell():
    result = audit(
        SIMPLE, declared(opening("443")), table(socket("9000/tcp"), socket("80/tcp"), socket("443/tcp"), complete=False)
    )
    assert only(result, "unexpected-open").sights == ()


def test_a_table_that_was_read_in_full_says_that_nothing_listens():
    result = audit(SIMPLE, declared(opening("6379")), table(socket("80/tcp")))
    assert texts(only(result, "unexpected-open")) == ["published to everyone", "nothing listens"]


def test_the_matrix_lays_out_every_port_that_any_evidence_shows():
    found = matrix(
        PLACES,
        declared(opening("443", line=3), opening("6379", "198.51.100.0/24", line=4)),
        table(socket("443/tcp", process="nginx"), socket("22/tcp", process="sshd"), socket("5432/tcp", "127.0.0.1")),
        probe(seen("192.0.2.10", open="443/tcp", filtered="22/tcp"), vantage="internet"),
    )
    assert found.vantages == ("internet",)
    assert cells(found) == {
        "22/tcp": ("allowed from office", "", "0.0.0.0 as sshd", "filtered"),
        "443/tcp": ("allowed from internet", "to everyone", "0.0.0.0 as nginx", "open"),
        "5432/tcp": ("not allowed", "", "127.0.0.1", "closed"),
        "6379/tcp": ("allowed from office", "to 198.51.100.0/24", "", "closed"),
    }
    assert [location.line for row in found.rows for location in row.locations] == [3, 4]


def test_the_matrix_tells_nothing_there_from_nobody_looked():
    found = matrix(SIMPLE, probe(seen("192.0.2.10", open="443/tcp", closed="1-79/tcp")))
    assert cells(found) == {
        "80/tcp": ("required", None, None, None),
        "443/tcp": ("allowed", None, None, "open"),
    }
    assert cells(matrix(SIMPLE, declared(opening("443")))) == {
        "80/tcp": ("required", "", None),
        "443/tcp": ("allowed", "to everyone", None),
    }


def test_a_table_that_broke_off_does_not_say_that_nothing_listens():
    broken = table(socket("443/tcp"), complete=False)
    assert cells(matrix(SIMPLE, broken))["80/tcp"] == ("required", None, None)


def test_sights_of_probes_name_their_kind():
    result = audit(SIMPLE, declared(opening("25")), probe(seen("192.0.2.10", open="25/tcp,80/tcp")))
    found = only(result, "unexpected-open")
    assert [one.kind for one in found.sights] == [Kind.DECLARED, Kind.PROBE]
    assert replace(found.sights[0], location=None).source == "compose.yaml"


def test_a_wide_range_that_is_published_is_one_row_beside_the_ports_that_are_seen():
    wide = replace(opening("1000"), last=60000)
    found = matrix(SIMPLE, declared(wide), probe(seen("192.0.2.10", open="8080/tcp,80/tcp")))
    assert cells(found) == {
        "80/tcp": ("required", "", None, "open"),
        "1000/tcp": ("not allowed", "to everyone: 1000-60000/tcp", None, "closed"),
        "8080/tcp": ("not allowed", "to everyone: 1000-60000/tcp", None, "open"),
    }


def test_every_line_that_opens_a_port_is_told_by_the_one_finding():
    result = audit(SIMPLE, declared(opening("6379", line=7), opening("6379", line=12)))
    finding = only(result, "unexpected-open")
    assert finding.source_location.line == 7
    assert [one.location.line for one in finding.sights] == [7, 12]
    assert len(result.findings) == 1


def test_every_line_that_opens_a_range_is_told_by_the_one_finding():
    result = audit(SIMPLE, declared(opening("6000", last=6010, line=7), opening("6000", last=6010, line=12)))
    assert [one.location.line for one in only(result, "unexpected-open").sights] == [7, 12]


def test_a_line_that_opens_a_port_on_loopback_alone_is_not_blamed():
    result = audit(SIMPLE, declared(opening("6379", line=7), opening("6379", bind="127.0.0.1", line=12)))
    assert texts(only(result, "unexpected-open")) == []


def test_lines_of_two_files_are_both_told():
    result = audit(SIMPLE, declared(opening("6379")), declared(opening("6379"), source="other.yaml"))
    assert [one.source for one in only(result, "unexpected-open").sights] == ["compose.yaml", "other.yaml"]


def test_a_port_that_is_opened_on_loopback_and_by_a_firewall_is_told_at_the_line_that_lets_others_in():
    compose = declared(opening("8080", bind="127.0.0.1", line=3))
    firewall = declared(opening("8080", line=12), source="fw.rules")
    result = audit(PLACES, compose, firewall, probe(seen("192.0.2.10", open="8080"), vantage="internet"))
    assert {one.source_location.line for one in result.findings if one.port and one.port.number == 8080} == {12}
