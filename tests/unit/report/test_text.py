from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from auditor.model.evidence import Completion, Kind, Origin
from auditor.model.findings import EvidenceUsed, NotAssessed, Status, Unverified, Verdict
from auditor.model.location import Location
from auditor.model.policy import Severity
from auditor.model.ports import ALL_TCP, NO_PORTS, PortSet
from auditor.report import wording
from auditor.report.fold import folded
from auditor.report.options import DEFAULTS, ReportOptions
from auditor.report.source_line import source_line
from auditor.report.text import render
from tests.unit.report import audits

VERBOSE = ReportOptions(verbose=True)


def text(audit, options=DEFAULTS):
    return render(audit, options).decode()


def test_a_finding_reads_like_a_message_of_a_compiler():
    written = text(audits.audit_of([audits.finding()]))
    assert written.startswith(
        "error[unexpected-open]: 6379/tcp is open on web-1 (high)\n"
        "  --> exposure.yaml:12:3\n"
        "   |\n"
        "12 |   web-1: 192.0.2.10\n"
        "   |   ^^^^^\n"
        "   = expected: closed or filtered, as nothing allows it\n"
        "   = actual: open\n"
        "   = help: "
    )


def test_the_last_line_counts():
    assert text(audits.fixed_audit()).splitlines()[-1] == (
        "violations: 6 violations (1 critical, 4 high, 1 medium), 1 excepted, 1 note, 2 unverified; "
        "6 hosts, 327,675 ports, 12.3 s"
    )


def test_file_names_are_relative_to_the_folder_of_the_user():
    assert "--> ../exposure.yaml:12:3" in text(audits.audit_of([audits.finding()]), ReportOptions(base="deploy"))
    inside = audits.finding(policy_location=audits.location(file="deploy/exposure.yaml"))
    assert "--> exposure.yaml:12:3" in text(audits.audit_of([inside]), ReportOptions(base="deploy"))


def test_no_colour_means_no_escape_and_colour_changes_no_word():
    import re

    plain, painted = text(audits.fixed_audit()), text(audits.fixed_audit(), ReportOptions(color=True))
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == plain


def test_the_same_port_on_many_hosts_is_one_block():
    found = [audits.finding(f"web-{at}") for at in range(500)]
    written = text(audits.audit_of(found))
    assert written.count("error[") == 1
    assert "= note: the same on web-1, web-2, " in written
    assert "more hosts" in written
    assert "500 violations" in written


def test_many_ports_on_one_host_are_shown_in_part_and_named_in_full():
    found = [audits.finding("web-1", f"{port}/tcp") for port in range(1000, 1020)]
    written = text(audits.audit_of(found))
    assert written.count("error[") == 4
    assert "error[unexpected-open]: the same at 17 more ports of web-1 (high)\n   = note: 1003-1019/tcp" in written


def test_verbose_shows_every_finding_by_itself():
    found = [audits.finding(f"web-{at}") for at in range(50)]
    assert text(audits.audit_of(found), VERBOSE).count("error[unexpected-open]: 6379/tcp is open on web-") == 50


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(audits.finding_tuples())
def test_folding_loses_and_doubles_nothing(findings):
    shown = [finding.fingerprint for block in folded(findings) for finding in block.findings]
    assert sorted(shown) == sorted(finding.fingerprint for finding in findings)


def test_only_what_differs_in_the_host_alone_is_folded():
    base = audits.finding()
    others = [
        audits.finding("web-2", actual="open, and it speaks ssh"),
        audits.finding("web-3", status=Status.NOTE),
        audits.finding("web-4", severity=Severity.LOW),
        audits.finding("web-5", expected="filtered"),
        audits.finding("web-7", vantage="office"),
        audits.finding("web-6", source_location=audits.location(3)),
    ]
    assert len(folded([base, *others])) == 7


def test_what_several_vantages_see_alike_is_one_block_that_names_them():
    found = [audits.finding(host, vantage=place) for place in ("ci", "office") for host in ("web-1", "web-2")]
    written = text(audits.audit_of(found))
    assert written.count("error[") == 1
    assert "from ci at 192.0.2.10\n" in written
    assert "= note: the same on web-2\n" in written
    assert "= note: the same from office on web-1, web-2\n" in written


def test_ports_that_several_vantages_see_alike_name_them():
    found = [audits.finding(port=f"{at}/tcp", vantage=place) for place in ("ci", "office") for at in range(1, 9)]
    assert "the same at 5 more ports of web-1 from ci, office" in text(audits.audit_of(found))


def test_hosts_with_violations_come_before_those_that_are_only_not_verified():
    rows = [audits.host(f"a-{at}", Verdict.UNVERIFIED, unverified=ALL_TCP) for at in range(30)]
    rows.append(audits.host("z", Verdict.UNVERIFIED, vantage="ci", unverified=ALL_TCP))
    rows.append(audits.host("z", Verdict.VIOLATIONS, vantage="office", open=PortSet.parse("23")))
    written = text(audits.audit_of([audits.finding("z", vantage="office")], hosts=rows))
    hosts = written[written.index("\nhosts\n") :].splitlines()[2:5]
    assert [line.split()[:2] for line in hosts] == [["unverified", "z"], ["violations", "z"], ["unverified", "a-0"]]


def test_a_probe_beside_a_socket_table_says_where_it_looked_from():
    rows = [audits.host(vantage="ci", open=PortSet.parse("22")), audits.host(open=PortSet.parse("22"))]
    assert "web-1  192.0.2.10  ci  open 22/tcp" in text(audits.audit_of(hosts=rows))


def test_an_excepted_finding_names_its_exception_and_gives_no_advice():
    written = text(audits.fixed_audit())
    block = written[written.index("excepted[") : written.index("note[")]
    assert "= excepted by: EX-17 until 2026-12-31: Legacy proxy until the move is done (platform)" in block
    assert "help" not in block


def test_gaps_are_grouped_by_their_reason():
    gaps = [
        Unverified(host=f"web-{at}", ports=ALL_TCP, reason="no answer", policy_location=audits.location())
        for at in range(40)
    ]
    written = text(audits.audit_of(unverified=gaps))
    assert written.startswith("unverified: 40 gaps in the evidence\n  no answer\n    web-0, web-1, ")
    assert "more hosts: 1-65535/tcp\n" in written


def test_gaps_that_do_not_fail_are_still_said():
    gap = Unverified(host="web-1", reason="dead", policy_location=audits.location())
    assert "(reported only: settings.unverified)" in text(audits.audit_of(unverified=[gap], unverified_fails=False))


def test_long_lists_are_cut_and_say_so():
    items = tuple(NotAssessed(what=f"rule {at}", reason=f"reason {at}") for at in range(30))
    written = text(audits.audit_of(not_assessed=items))
    assert "and 21 more lines like these (--verbose shows them)" in written
    assert "rule 29" in text(audits.audit_of(not_assessed=items), VERBOSE)


def test_few_conforming_hosts_get_a_line_each_and_many_one_together():
    few = [audits.host(f"web-{at}", open=PortSet.parse("80,443")) for at in range(3)]
    assert text(audits.audit_of(hosts=few)).count("open 80,443/tcp") == 3
    many = [audits.host(f"web-{at}") for at in range(12)]
    assert "12 hosts conform: web-0, web-1, " in text(audits.audit_of(hosts=many))


def test_rows_that_conform_of_hosts_that_do_not_are_no_conforming_hosts():
    rows = [audits.host("web-0", Verdict.VIOLATIONS, vantage="internet")]
    rows += [audits.host(f"web-{at}", vantage="office") for at in range(7)]
    written = text(audits.audit_of(hosts=rows))
    assert "6 hosts conform: web-1, " in written
    assert "1 more row of the hosts above conform" in written


def test_a_host_with_gaps_is_never_said_to_have_nothing_open():
    row = audits.host(verdict=Verdict.UNVERIFIED, unverified=PortSet.parse("1-100"))
    written = text(audits.audit_of(hosts=[row]))
    assert "nothing open" not in written
    assert "100 ports unverified" in written


def test_a_host_that_nobody_asked_is_not_said_to_have_nothing_open():
    assert "nothing open" not in text(audits.audit_of(hosts=[audits.host(asked=NO_PORTS)]))


def test_a_network_counts_its_silent_addresses():
    assert "54 of 64 addresses silent" in text(audits.fixed_audit())


def test_what_the_policy_does_not_ask_is_said_once_for_all_hosts():
    rows = [audits.host(f"web-{at}", out_of_scope=PortSet.parse("1-65535/udp")) for at in range(3)]
    assert "not looked at, as the policy does not ask: all udp ports of web-0, web-1, web-2" in text(
        audits.audit_of(hosts=rows)
    )


def test_evidence_that_breaks_off_is_loud():
    cut = EvidenceUsed(
        origin=Origin(kind=Kind.PROBE, source="scan.xml", vantage="internet", tool="nmap 7.93", started=audits.WHEN),
        completion=Completion(complete=False),
    )
    assert "probe: scan.xml from internet, nmap 7.93, 2026-11-22 21:04:05 UTC, INCOMPLETE: it has no end" in text(
        audits.audit_of(evidence=(cut,))
    )


def test_long_help_is_wrapped_under_itself():
    written = text(audits.audit_of([audits.finding(help="word " * 60)]), ReportOptions(width=80))
    assert all(len(line) <= 80 for line in written.splitlines()[:-1])
    assert "\n           word word" in written


def test_a_finding_for_many_ports_lists_them():
    found = audits.finding("web-1", None, check="not-filtered", ports=PortSet.parse("1-79,81-65535"))
    assert "= ports: 1-79,81-65535/tcp" in text(audits.audit_of([found]))


@pytest.mark.parametrize(
    ("snippet", "column", "end", "line", "carets"),
    [
        ("  web-1: 192.0.2.10", 3, 8, "  web-1: 192.0.2.10", "  ^^^^^"),
        ('\t- "80:80"', 4, 11, '    - "80:80"', "      ^^^^^^^"),
        ("a\x1bb: 1", 3, 4, "a\\x1bb: 1", "     ^"),
        ("日本: x", 5, 6, "日本: x", "      ^"),
        ("e\u0301: x", 5, 6, "e\u0301: x", "   ^"),
        ("abc", 0, 0, "abc", "^"),
        ("abc", 3, 99, "abc", "  ^"),
        ("abc", 99, 0, "abc", "   ^"),
        ("abc   ", 1, 4, "abc", "^^^"),
    ],
)
def test_carets_stand_under_the_part_that_is_meant(snippet, column, end, line, carets):
    location = Location(file="x", line=1, column=column, end_column=end, snippet=snippet)
    assert source_line(location, 80) == (line, carets)


def test_a_line_that_is_too_long_is_cut_around_the_carets():
    snippet = "x" * 500 + "HERE" + "y" * 500
    shown = source_line(Location(file="x", line=1, column=501, end_column=505, snippet=snippet), 60)
    assert len(shown.text) <= 60
    start = shown.carets.index("^")
    assert shown.text[start : len(shown.carets)] == "HERE"
    assert shown.text.startswith("...")
    assert shown.text.endswith("...")


@pytest.mark.parametrize("location", [Location(file="x"), Location(file="x", line=3), Location(file="x", snippet="a")])
def test_a_location_without_line_or_snippet_shows_no_source(location):
    assert source_line(location, 80) is None
    assert "|" not in text(audits.audit_of([audits.finding(policy_location=location)]))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.00 s"),
        (0.345, "0.34 s"),
        (12.345, "12.3 s"),
        (99.96, "1 min 40 s"),
        (250, "4 min 10 s"),
        (7500, "2 h 5 min"),
        (-3, "0.00 s"),
    ],
)
def test_durations_are_said_in_fitting_units(seconds, said):
    assert wording.duration(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("file", "base", "shown"),
    [
        ("a.yaml", "", "a.yaml"),
        ("a.yaml", "x/y", "../../a.yaml"),
        ("x/a.yaml", "x", "a.yaml"),
        ("/etc/a.yaml", "x", "/etc/a.yaml"),
        ("../a.yaml", "x", "../a.yaml"),
        ("a.yaml", ".", "a.yaml"),
        ("pack:never-public", "x", "pack:never-public"),
        ("live", "x", "live"),
    ],
)
def test_file_names_are_told_from_the_users_folder(file, base, shown):
    assert wording.shown_file(file, base) == shown


def test_lists_of_names_take_what_fits_and_count_the_others():
    assert wording.listed(["aa", "bb", "cc"], "host", 8) == "aa, bb and 1 more host"
    assert wording.listed(["aa", "bb", "cc"], "address", 3) == "aa and 2 more addresses"
    assert wording.listed(["aa" * 50], "host", 3) == "aa" * 50
    assert wording.listed(["aa", "bb"], "host", None) == "aa, bb"


def test_sets_of_ports_are_cut_with_their_number():
    assert wording.ports(PortSet.parse("22,80-90,53/udp")) == "22,80-90/tcp 53/udp"
    assert wording.ports(PortSet.numbers(range(1, 1001, 2)), 40) == "1,3,5,7,9,11,13,... (500 ports)"


def test_hostile_names_stay_text_everywhere():
    evil = "\x1b]0;x\x07\n::error::pwned"
    found = audits.finding(
        evil, actual=evil, expected=evil, help=evil, message=evil, service=evil, rule=evil, owner=evil
    )
    audit = replace(
        audits.audit_of([found], hosts=[audits.host(evil, address=evil, vantage=evil)]),
        not_assessed=(NotAssessed(what=evil, reason=evil),),
    )
    written = text(audit, VERBOSE)
    assert "\x1b" not in written
    assert not any(line.lstrip().startswith("::") for line in written.splitlines())
    assert "\\x1b]0;x\\x07\\n::error::pwned" in written


def test_housekeeping_is_brief_unless_verbose():
    notes = [
        audits.finding(
            None, None, check="unused-allow", status=Status.NOTE, severity=Severity.INFO, fingerprint=f"{at:064}"
        )
        for at in range(9)
    ]
    written = text(audits.audit_of(notes))
    assert written.count("note[unused-allow]") == 5
    assert "and 4 more notes (--verbose shows them)" in written
    assert "help" not in written
    assert text(audits.audit_of(notes), VERBOSE).count("note[unused-allow]") == 9


def test_a_violation_below_the_threshold_is_no_housekeeping():
    note = audits.finding(status=Status.NOTE, severity=Severity.LOW)
    assert "note[unexpected-open]" in text(audits.audit_of([note]))
    assert "= help" in text(audits.audit_of([note]))


def test_a_source_of_evidence_is_named_from_the_users_folder():
    written = text(audits.audit_of([audits.finding(evidence=("live", "ci/scan.xml"))]), ReportOptions(base="ci"))
    assert "seen live and in scan.xml at 192.0.2.10" in written


def test_many_hosts_that_do_not_conform_are_cut_and_counted():
    rows = [audits.host(f"web-{at}", Verdict.VIOLATIONS) for at in range(50)]
    written = text(audits.audit_of(hosts=rows))
    assert "web-18" in written
    assert "web-19" not in written
    assert "and 31 more that do not conform (--verbose shows them)" in written
    assert "web-49" in text(audits.audit_of(hosts=rows), VERBOSE)


def test_a_network_among_many_conforming_hosts_still_counts_its_silent_addresses():
    rows = [audits.host(f"web-{at}") for at in range(6)]
    rows.append(audits.host("dmz", address="192.0.2.64/26", vacant=60, members=64, asked=NO_PORTS))
    written = text(audits.audit_of(hosts=rows))
    assert "7 hosts conform: " in written
    assert "\n  dmz: 60 of 64 addresses silent\n" in written


def test_rows_that_all_belong_to_hosts_above_make_no_line_of_conforming_hosts():
    rows = [audits.host("dmz", Verdict.VIOLATIONS, member="192.0.2.65")]
    rows += [audits.host("dmz", member=f"192.0.2.{at}") for at in range(66, 73)]
    written = text(audits.audit_of(hosts=rows))
    assert "7 more rows of the hosts above conform" in written
    assert "hosts conform" not in written


def test_evidence_is_named_relative_to_the_same_folder_as_places():
    written = text(audits.audit_of([audits.finding(evidence=("ci/scan.xml",))]), ReportOptions(base="ci"))
    assert "seen in scan.xml" in written
    used = audits.fixed_audit().evidence[0]
    moved = replace(used, origin=replace(used.origin, source="ci/scan.xml"))
    assert wording.evidence(moved, "ci").startswith(f"{used.origin.kind.value}: scan.xml")
    assert wording.evidence(moved, "deploy").startswith(f"{used.origin.kind.value}: ../ci/scan.xml")
