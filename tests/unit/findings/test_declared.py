from dataclasses import replace

import pytest

from auditor.model.evidence import Kind, Observation, Origin, Unknown, Way
from auditor.model.findings import Status, Verdict
from auditor.model.ports import NO_PORTS, PortSet
from tests.unit.findings.worlds import Given, audit, checks, declared, only, opening, reasons

POLICY = """
version: 1
vantages: {{internet: {internet}, office: {{networks: [198.51.100.0/24]}}}}
hosts: {{web-1: {address}}}
rules:
  - {{id: shop, hosts: [web-1], from: [internet], allow: [443]}}
  - {{id: admin, hosts: [web-1], from: [office], allow: [22, 6379, {{port: 5432, bind: private}}]}}
  - {{id: any, hosts: [web-1], allow: [8080, {{port: 9000, bind: loopback}}]}}
  - {{id: never, hosts: [web-1], from: [internet], deny: [6379, 23], severity: medium}}
  - {{id: nowhere, hosts: [web-1], deny: [25]}}
{more}
"""
EVERYONE = '{networks: ["0.0.0.0/0", "::/0"]}'


def check(*openings, internet=EVERYONE, address="192.0.2.10", more=""):
    return audit(POLICY.format(internet=internet, address=address, more=more), declared(*openings))


@pytest.mark.parametrize(
    ("port", "sources", "expected"),
    [
        ("443/tcp", None, []),
        ("443/tcp", "198.51.100.0/25", []),
        ("22/tcp", "198.51.100.0/24", []),
        ("22/tcp", "198.51.100.7", []),
        ("22/tcp", None, ["too-wide"]),
        ("22/tcp", "198.51.0.0/16", ["too-wide"]),
        ("22/tcp", "203.0.113.0/24", ["unexpected-open"]),
        ("6379/tcp", "198.51.100.0/24", []),
        ("6379/tcp", None, ["forbidden-open"]),
        ("6379/tcp", "203.0.113.1", ["forbidden-open"]),
        ("23/tcp", "198.51.100.0/24", ["unexpected-open"]),
        ("8080/tcp", None, []),
        ("8080/tcp", "203.0.113.1", []),
        ("25/tcp", "203.0.113.1", ["forbidden-open"]),
        ("3306/tcp", None, ["unexpected-open"]),
        ("3306/tcp", "198.51.100.0/24", ["unexpected-open"]),
        ("53/udp", None, ["unexpected-open"]),
    ],
)
def test_an_opening_is_judged_by_who_can_reach_it(port, sources, expected):
    assert checks(check(opening(port, sources))) == expected


def test_a_finding_points_at_the_line_that_publishes_and_at_the_rule():
    found = only(check(opening("22", what="sshd")), "too-wide")
    assert (found.source_location.file, found.source_location.line) == ("compose.yaml", 7)
    assert found.message == (
        "22/tcp of web-1 is published to everyone, and rule admin allows office (198.51.100.0/24) alone"
    )
    assert (found.expected, found.actual) == ("published to office (198.51.100.0/24)", "published to everyone (sshd)")
    assert found.rule == "admin"


def test_forbidden_takes_the_severity_of_the_rule():
    found = only(check(opening("6379")), "forbidden-open")
    assert (str(found.severity), found.rule) == ("medium", "never")


def test_what_is_published_on_loopback_is_not_exposed():
    assert check(opening("3306", bind="127.0.0.1")).verdict is Verdict.CONFORMS


def test_loopback_is_judged_where_the_policy_speaks_of_it():
    more = (
        "  - {id: here, hosts: [web-1], from: [local], allow: [3306]}\n"
        "  - {id: not, hosts: [web-1], from: [local], deny: [3307]}"
    )
    openings = [opening(port, bind="127.0.0.1") for port in ("3306", "3307", "3308")]
    result = check(*openings, more=more)
    assert [(one.check, str(one.port), one.vantage) for one in result.findings] == [
        ("forbidden-open", "3307/tcp", "local"),
        ("unexpected-open", "3308/tcp", "local"),
    ]


@pytest.mark.parametrize(
    ("bind", "sources", "expected"),
    [
        ("10.0.0.5", "198.51.100.7", []),
        ("192.0.2.10", "198.51.100.7", ["too-wide"]),
        (None, "198.51.100.7", ["too-wide"]),
    ],
)
def test_the_address_published_on_must_lie_within_bind(bind, sources, expected):
    assert checks(check(opening("5432", sources, bind))) == expected


def test_bind_of_a_permission_from_anywhere_is_judged_too():
    found = only(check(opening("9000")), "too-wide")
    assert found.message == "9000/tcp of web-1 is published on all addresses, and rule any wants it bound to loopback"


def test_sources_that_cannot_reach_the_host_do_not_count():
    ipv4 = '{networks: ["0.0.0.0/0"]}'
    assert not checks(check(opening("443"), internet=ipv4))
    assert checks(check(opening("443"), internet=ipv4, address='[192.0.2.10, "2001:db8::1"]')) == ["too-wide"]
    assert checks(check(opening("443"), internet=ipv4, address="web.example")) == ["too-wide"]
    assert not checks(check(opening("3306", "2001:db8::/32")))


def test_two_halves_of_the_internet_are_everyone():
    assert "to everyone" in only(check(opening("3306", "0.0.0.0/1,128.0.0.0/1")), "unexpected-open").message


def test_a_vantage_without_networks_is_among_everyone_and_its_width_is_not_assessed():
    assert checks(check(opening("6379"), internet="{}")) == ["forbidden-open"]
    result = check(opening("443"), internet="{}")
    assert not checks(result)
    assert "width of what is published to internet" in [one.what for one in result.not_assessed]


def test_an_exception_lifts_an_opening_only_if_it_does_so_for_everyone_who_reaches_it():
    some = (
        "exceptions:\n  - {id: EX-1, hosts: [web-1], ports: [3306], reason: r, owner: o, expires: 2027-01-01"
        ", from: [office]}"
    )
    assert only(check(opening("3306"), more=some), "unexpected-open").status is Status.VIOLATION
    everyone = some.replace(", from: [office]", "")
    assert only(check(opening("3306"), more=everyone), "unexpected-open").status is Status.EXCEPTED
    assert only(check(opening("3306", "198.51.100.7"), more=some), "unexpected-open").status is Status.EXCEPTED


def test_an_expired_exception_is_named():
    old = "exceptions:\n  - {id: EX-1, hosts: [web-1], ports: [3306], reason: r, owner: o, expires: 2026-01-01}"
    assert only(check(opening("3306"), more=old), "unexpected-open").message.endswith("EX-1 expired on 2026-01-01")


def test_a_policy_without_vantages_permits_every_source():
    plain = "version: 1\nhosts: {web-1: 192.0.2.10}\nrules: [{hosts: [web-1], allow: [443]}]\n"
    assert not checks(audit(plain, declared(opening("443"))))
    assert checks(audit(plain, declared(opening("80")))) == ["unexpected-open"]


def test_files_name_hosts_that_the_policy_does_not_know():
    result = audit(POLICY.format(internet=EVERYONE, address="192.0.2.10", more=""), declared(opening("80"), host="x"))
    assert only(result, "unknown-host").source_location.line == 7


def test_two_openings_of_one_port_are_one_finding():
    found = only(check(opening("3306", line=3), opening("3306", line=9)), "unexpected-open")
    assert found.source_location.line == 3


def test_a_range_is_one_finding_for_all_ports_of_which_the_policy_says_the_same():
    rest = "1-21/tcp,24/tcp,26-442/tcp,444-5431/tcp,5433-6378/tcp,6380-8079/tcp,8081-8999/tcp,9001-65535/tcp"
    found = check(opening("1", last=65535)).findings
    assert [(one.check, str(one.port or ""), str(one.ports)) for one in found if one.check != "too-wide"] == [
        ("forbidden-open", "25/tcp", ""),
        ("unexpected-open", "", rest),
        ("forbidden-open", "23/tcp", ""),
        ("forbidden-open", "6379/tcp", ""),
    ]
    assert {str(one.port) for one in found if one.check == "too-wide"} == {"22/tcp", "5432/tcp", "9000/tcp"}
    assert "1-21/tcp,24/tcp,26-442/tcp" in next(one.message for one in found if one.ports)


def test_a_range_that_is_allowed_whole_is_no_finding():
    more = "  - {id: many, hosts: [web-1], allow: [30000-32767]}"
    assert checks(check(opening("30000", last=32767), more=more)) == []
    assert checks(check(opening("30000", last=32768), more=more)) == ["unexpected-open"]


def test_the_identity_of_a_range_is_the_range_whatever_the_policy_says_of_its_ports():
    before = only(check(opening("1000", last=2000)), "unexpected-open")
    after = only(
        check(opening("1000", last=2000), more="  - {id: one, hosts: [web-1], allow: [1500]}"), "unexpected-open"
    )
    assert before.fingerprint == after.fingerprint


def test_what_is_published_to_a_group_is_judged_by_what_holds_wherever_the_group_is():
    def of(port):
        return check(opening(port, group="members of aws_security_group.app"))

    assert only(of("3306"), "unexpected-open").message == (
        "3306/tcp of web-1 is published to members of aws_security_group.app and nothing allows it"
    )
    assert checks(of("25")) == ["forbidden-open"]
    assert of("8080").verdict is Verdict.CONFORMS
    (gap,) = of("22").unverified
    assert (str(gap.ports), gap.reason) == (
        "22/tcp",
        "published to members of aws_security_group.app, and whether these are where it is allowed is not known",
    )


def test_a_group_of_known_networks_is_judged_by_them():
    assert checks(check(opening("22", "198.51.100.0/28", group="members of app"))) == []
    assert checks(check(opening("22", "203.0.113.0/28", group="members of app"))) == ["unexpected-open"]


def test_what_a_file_leaves_unsaid_of_a_host_that_the_policy_does_not_know_is_unverified():
    unknown = Unknown(ports=NO_PORTS, reason="its groups are known only after apply")
    result = check_given(declared(host="aws_instance.other", unknown=(unknown,)))
    assert result.verdict is Verdict.UNVERIFIED
    first = result.unverified[0]
    assert (first.host, first.reason) == ("aws_instance.other", "its groups are known only after apply")


def test_a_file_that_gives_addresses_among_the_names_speaks_of_the_host_that_has_them():
    origin = Origin(kind=Kind.DECLARED, source="plan.json")
    seen = Observation(host="aws_instance.web", names=("10.1.2.3", "192.0.2.10"), openings=(opening("3306"),))
    assert only(check_given(Given(origin, (seen,))), "unexpected-open").host == "web-1"


def check_given(*evidence):
    return audit(POLICY.format(internet=EVERYONE, address="192.0.2.10", more=""), *evidence)


def through(text, *, sources=None, group=None, line=3, way=Way.LET_THROUGH):
    every = PortSet.parse(text)
    first = opening(str(next(iter(every))), sources, line=line, group=group)
    return replace(first, more=every - first.ports, way=way)


def test_what_a_firewall_lets_through_to_everyone_is_one_finding_and_a_few_ports_that_are_forbidden_are_their_own():
    found = check(through("1-65535/tcp,1-65535/udp"))
    assert checks(found) == ["forbidden-open"] * 3 + ["too-wide"] * 3 + ["unexpected-open"]
    wide = only(found, "unexpected-open")
    assert len(wide.ports) == 2 * 65535 - 8
    assert wide.message == (
        "131,062 ports (1-21/tcp,24/tcp,26-442/tcp,444-5431/tcp,5433-6378/tcp,6380-8079/tcp,8081-8999/tcp,"
        "9001-65535/tcp, …) of web-1 are let through from everyone and nothing allows it"
    )


def test_many_ports_that_a_rule_forbids_are_one_finding():
    more = "  - {id: low, hosts: [web-1], deny: [1-7, 9-19, 42, 79, 87, 95-101, 1024-1030]}"
    found = [one for one in check(through("1-65535"), more=more).findings if one.check == "forbidden-open"]
    assert sorted(len(one.ports) or 1 for one in found) == [1, 1, 36]


@pytest.mark.parametrize(
    ("port", "expected", "left"),
    [
        ("8080/tcp", [], 0),  # allowed from everywhere
        ("3306/tcp", ["unexpected-open"], 0),  # from nowhere
        ("25/tcp", ["forbidden-open"], 0),
        ("22/tcp", [], 1),
    ],
)
def test_who_comes_in_at_one_interface_nobody_knows_and_it_may_not_matter(port, expected, left):
    found = check(through(port, group="whoever comes in at eth1"))
    assert checks(found) == expected
    untold = "let through from whoever comes in at eth1, and whether these are where it is allowed is not known"
    assert reasons(found) == [f"{untold} (compose.yaml:3:5)"] * left


def test_a_firewall_is_not_asked_where_the_socket_is_bound_unless_it_belongs_on_loopback():
    assert checks(check(through("5432/tcp", sources="198.51.100.0/24"))) == []
    assert checks(check(through("9000/tcp"))) == ["too-wide"]


def test_what_nobody_can_tell_of_a_port_that_is_allowed_from_some_places_alone_is_unverified():
    unknown = Unknown(ports=PortSet.parse("22,8080"), reason="fw:3: -m geoip")
    (gap,) = check_given(declared(unknown=(unknown,))).unverified
    assert str(gap.ports) == "22/tcp"


OFFICE = """
version: 1
vantages: {office: {networks: [198.51.100.0/24]}}
hosts: {web-1: 192.0.2.10}
rules: [{id: a, hosts: [web-1], from: [office], allow: [8000-8005/tcp]}]
"""


def test_parts_of_a_range_of_which_the_same_is_said_are_one_and_told_whole():
    result = audit(OFFICE, declared(opening("7999", "203.0.113.0/24", last=8010)))
    [found] = result.findings
    assert found.message == "7999-8010/tcp of web-1 are published to 203.0.113.0/24 and nothing allows it"
    assert str(found.ports) == "7999-8010/tcp"


def test_a_range_that_two_lines_open_to_different_sources_is_told_with_both():
    lines = (opening("7999", "203.0.113.0/24", last=8010), opening("7999", "192.0.2.128/25", last=8010, line=9))
    [found] = audit(OFFICE, declared(*lines)).findings
    assert "203.0.113.0/24" in found.message
    assert "192.0.2.128/25" in found.message


def test_all_addresses_are_no_place():
    [found] = audit(OFFICE, declared(opening("6379", bind="0.0.0.0/0"))).findings
    assert found.address is None
    [found] = audit(OFFICE, declared(opening("6379", bind="192.0.2.10"))).findings
    assert found.address == "192.0.2.10"
