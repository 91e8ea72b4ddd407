import os
import re
import shutil
import subprocess
from pathlib import Path

import junitparser
import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import HealthCheck, given, settings
from lxml import etree

from auditor.model.evidence import Kind
from auditor.model.findings import Requirement, Status, Verdict
from auditor.model.ports import NO_PORTS, Port, PortSet
from auditor.report.junit import render
from auditor.report.options import DEFAULTS
from tests.unit.report import audits
from tests.unit.report.shared import shared

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*/expected.xml"))

thorough = settings(
    max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None
)


def parsed(audit):
    return fromstring(render(audit, DEFAULTS))


def cases(audit):
    """Every test by class name and name."""
    return {(case.get("classname"), case.get("name")): case for case in parsed(audit).iter("testcase")}


@thorough
@given(audits.audits())
def test_every_report_fits_the_schema_of_jenkins(audit):
    schema = etree.XMLSchema(etree.parse(shared("schemas/junit-10.xsd")))
    schema.assertValid(etree.fromstring(render(audit, DEFAULTS)))


@thorough
@given(audits.audits())
def test_junitparser_reads_the_same_totals(audit):
    read = junitparser.JUnitXml.fromroot(etree.fromstring(render(audit, DEFAULTS)))
    suites = list(read)
    assert read.tests == sum(len(list(suite)) for suite in suites) > 0
    for suite in suites:
        results = [result for case in suite for result in case.result]
        assert suite.failures == sum(isinstance(result, junitparser.Failure) for result in results)
        assert suite.errors == sum(isinstance(result, junitparser.Error) for result in results)
        assert suite.skipped == sum(isinstance(result, junitparser.Skipped) for result in results)
        assert suite.tests == len(list(suite))
    assert (read.failures, read.errors) == (sum(s.failures for s in suites), sum(s.errors for s in suites))


@thorough
@given(audits.audits())
def test_no_two_tests_have_the_same_name(audit):
    assert len(cases(audit)) == sum(1 for _ in parsed(audit).iter("testcase"))


@thorough
@given(audits.audits())
def test_class_names_have_three_parts_at_most_as_jenkins_splits_at_dots(audit):
    for classname, _ in cases(audit):
        assert re.fullmatch(r"exposure\.[^./:]+(\.[^./:]+)?", classname)


@thorough
@given(audits.audits())
def test_times_have_three_decimals_and_suites_a_time_of_day_in_utc(audit):
    root = parsed(audit)
    for element in root.iter():
        assert re.fullmatch(r"\d+\.\d{3}", element.get("time", "0.000"))
        assert "disabled" not in element.attrib
    for suite in root:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp"))


def test_libxml_finds_nothing_to_say():
    xmllint = shutil.which("xmllint")
    if not xmllint:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("xmllint is not installed here")
    subprocess.run([xmllint, "--noout", "-"], input=render(audits.fixed_audit(), DEFAULTS), check=True)


def test_what_holds_passes_and_what_does_not_fails_under_the_same_name():
    held = Requirement(port=Port.parse("443/tcp"), required=True, state="open")
    good = cases(audits.audit_of(hosts=[audits.host(holds=(held,))]))
    missing = audits.finding("web-1", "443/tcp", check="required-not-open")
    bad = cases(audits.audit_of([missing], hosts=[audits.host(verdict=Verdict.VIOLATIONS)]))
    name = ("exposure.shop.web-1", "443/tcp required")
    assert len(good[name]) == 0
    assert bad[name].find("failure").get("type") == "required-not-open"


def test_a_clean_host_passes_one_test_for_all_other_ports():
    assert ("exposure.shop.web-1", "no other open ports") in cases(audits.audit_of(hosts=[audits.host()]))


def test_a_host_with_gaps_or_violations_does_not_pass_that_test():
    rows = [audits.host(verdict=Verdict.UNVERIFIED), audits.host("web-2", verdict=Verdict.VIOLATIONS)]
    assert not any("no other" in name for _, name in cases(audits.audit_of(hosts=rows)))


def test_a_host_known_from_files_alone_passes_for_what_the_files_declare_and_no_more():
    names = [name for _, name in cases(audits.audit_of(hosts=[audits.host(asked=NO_PORTS)]))]
    assert names == ["nothing else is declared open"]


def test_an_audit_that_checked_nothing_is_an_error():
    (case,) = cases(audits.audit_of()).values()
    assert case.find("error") is not None


def test_a_failure_says_all_there_is_to_know_in_its_body():
    body = cases(audits.fixed_audit())["exposure.shop.db", "5432/tcp too-wide"].find("failure").text
    for fact in (
        "expected: bound to loopback",
        "actual: published to every address",
        "help: Stop what listens there",
        "5432/tcp of db",
        "severity: high",
        "policy: exposure.yaml:20:26",
        "source: deploy/docker-compose.yml:8:5",
    ):
        assert fact in body


def test_an_excepted_finding_is_skipped_and_names_its_exception():
    skipped = cases(audits.fixed_audit())["exposure.shop.web-2", "8080/tcp unexpected-open"].find("skipped")
    assert skipped.get("message") == "EX-17 until 2026-12-31: Legacy proxy until the move is done (platform)"


def test_findings_of_the_policy_stand_in_a_suite_of_its_own():
    names = {name for classname, name in cases(audits.fixed_audit()) if classname == "exposure.shop"}
    assert names == {"192.0.2.77 unknown-host", "unused-exception EX-9 f12aaae0"}


def test_several_vantages_are_told_apart_by_suite_and_class():
    rows = [audits.host(vantage="internet"), audits.host(vantage="office")]
    root = parsed(audits.audit_of(hosts=rows))
    assert [suite.get("name") for suite in root] == ["web-1 from internet", "web-1 from office"]
    assert len(cases(audits.audit_of(hosts=rows))) == 2


HELD = Requirement(port=Port.parse("443/tcp"), required=True, state="open")
OPEN = PortSet.parse("6379/tcp")


def test_evidence_of_several_sorts_passes_a_port_once_and_other_ports_only_if_all_of_it_does():
    table = audits.host(kinds=(Kind.SOCKETS,), holds=(HELD,))
    probed = audits.host(kinds=(Kind.PROBE,), holds=(HELD,))
    assert list(cases(audits.audit_of(hosts=[table, probed]))) == [
        ("exposure.shop.web-1", "443/tcp required"),
        ("exposure.shop.web-1", "no other open ports"),
    ]
    declared = audits.host(verdict=Verdict.VIOLATIONS, kinds=(Kind.DECLARED,), asked=NO_PORTS, open=OPEN)
    assert list(cases(audits.audit_of([audits.finding()], hosts=[table, probed, declared]))) == [
        ("exposure.shop.web-1", "443/tcp required"),
        ("exposure.shop.web-1", "6379/tcp unexpected-open"),
    ]


@pytest.mark.parametrize("status", [Status.VIOLATION, Status.EXCEPTED, Status.NOTE])
def test_a_port_that_one_sort_of_evidence_finds_wrong_does_not_pass_by_another(status):
    missing = audits.finding("web-1", "443/tcp", check="required-not-open", status=status)
    rows = [audits.host(kinds=(Kind.SOCKETS,), holds=(HELD,)), audits.host(verdict=Verdict.VIOLATIONS)]
    (case,) = cases(audits.audit_of([missing], hosts=rows)).items()
    assert case[0] == ("exposure.shop.web-1", "443/tcp required")
    assert len(case[1]) == 1, "it fails, is skipped, or passes with what there is to say"


def test_a_vantage_beside_a_socket_table_is_told_apart_from_it():
    rows = [audits.host(vantage="ci", holds=(HELD,)), audits.host(kinds=(Kind.SOCKETS,), holds=(HELD,))]
    assert {classname for classname, _ in cases(audits.audit_of(hosts=rows))} == {
        "exposure.shop.web-1_ci",
        "exposure.shop.web-1",
    }
    assert [suite.get("name") for suite in parsed(audits.audit_of(hosts=rows))] == ["web-1 from ci", "web-1"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_no_test_of_an_example_passes_in_a_suite_in_which_what_it_says_fails(path):
    for suite in fromstring(path.read_bytes()):
        names = [case.get("name") for case in suite.iter("testcase")]
        clean = [name for name in names if name in {"no other open ports", "nothing else is declared open"}]
        assert len(clean) <= 1
        assert not (clean and suite.findall("testcase/failure"))
        assert not any(re.search(r"\(\d+\)$", name) for name in names), "numbers depend on what else there is"


def test_a_single_vantage_stands_in_the_properties_alone():
    root = parsed(audits.audit_of(hosts=[audits.host(vantage="internet")]))
    assert root[0].get("name") == "web-1"
    assert root.find(".//property[@name='vantage']").get("value") == "internet"


def test_names_that_fall_together_are_numbered():
    rows = [audits.host("a.b"), audits.host("a_b")]
    assert set(cases(audits.audit_of(hosts=rows))) == {
        ("exposure.shop.a_b", "no other open ports"),
        ("exposure.shop.a_b", "no other open ports (2)"),
    }


def test_the_name_of_a_gap_does_not_change_with_the_ports_that_are_left_open():
    gap = audits.Unverified(
        host="web-1", ports=PortSet.numbers(range(1, 999, 2)), reason="timed out", policy_location=audits.location()
    )
    ((_, name),) = cases(audits.audit_of(unverified=[gap]))
    assert name == "many ports unverified"


def test_the_last_suite_says_what_the_tests_rest_on():
    output = parsed(audits.fixed_audit())[-1].find("system-out").text
    assert "INCOMPLETE: ${PORT} is not set" in output
    assert "not assessed: vantage office" in output


def test_ranges_that_lines_open_have_names_of_their_own_and_many_ports_that_answer_one():
    ranges = [PortSet.parse("6000-6010/tcp"), PortSet.parse("7000-7009/udp"), PortSet.parse("1-79,81-90/tcp")]
    found = [
        audits.finding(port=None, ports=ports, fingerprint=audits.fingerprint(str(ports)), source_location=place)
        for place, several in ((audits.location(), ranges), (None, ranges[:1]))
        for ports in several
    ]
    assert {name for _, name in cases(audits.audit_of(findings=found))} == {
        "6000-6010/tcp unexpected-open",
        "7000-7009/udp unexpected-open",
        "1-90/tcp unexpected-open",
        "many ports unexpected-open",
    }
