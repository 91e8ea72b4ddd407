import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft4Validator
from sarif_pydantic import Sarif

from auditor.errors import ExitCode, ReportError
from auditor.findings.catalogue import CHECKS
from auditor.model.evidence import Completion, Kind, Origin
from auditor.model.findings import EvidenceUsed, Verdict
from auditor.model.location import STDIN, Location
from auditor.model.policy import Severity
from auditor.report.options import DEFAULTS, ReportOptions
from auditor.report.remedies import remedy
from auditor.report.sarif import MOST_RESULTS, render
from auditor.report.sarif_location import inside, uri
from tests.unit.report import audits
from tests.unit.report.shared import shared

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*/expected.sarif"))
ALL = ReportOptions(sarif_include_excepted=True)

thorough = settings(
    max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None
)


def log(audit, options=DEFAULTS):
    return json.loads(render(audit, options))


def run_of(audit, options=DEFAULTS):
    (run,) = log(audit, options)["runs"]
    return run


def results(audit, options=DEFAULTS):
    return run_of(audit, options)["results"]


@pytest.mark.parametrize("name", ["sarif-schema-2.1.0.json", "codeql-action-sarif.json"])
def test_every_log_fits_the_schemas_of_the_standard_and_of_the_uploader(name):
    validator = Draft4Validator(json.loads(Path(shared(f"schemas/{name}")).read_text("utf-8")))

    @thorough
    @given(audits.audits())
    def fits(audit):
        validator.validate(log(audit, ALL))

    fits()


@thorough
@given(audits.audits())
def test_sarif_pydantic_knows_every_word_in_it(audit):
    Sarif.model_validate(log(audit, ALL))


@thorough
@given(audits.audits())
def test_results_rules_fingerprints_and_links_fit_together(audit):
    run = run_of(audit, ALL)
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    hashes = [result["partialFingerprints"]["primaryLocationLineHash"] for result in run["results"]]
    assert len(set(hashes)) == len(hashes)
    for result in run["results"]:
        rule = rules[result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        assert rule["defaultConfiguration"]["level"] == result["level"]
        links = set(re.findall(r"\]\((\d+)\)", result["message"]["text"]))
        assert links == {str(related["id"]) for related in result.get("relatedLocations", ())}


@thorough
@given(audits.audits())
def test_every_result_points_into_the_repository(audit):
    for result in results(audit, ALL):
        (location, *_) = result["locations"]
        for physical in [location, *result.get("relatedLocations", ())]:
            where = physical["physicalLocation"]
            path = where["artifactLocation"]["uri"]
            assert re.fullmatch(r"(?!/)([A-Za-z0-9._~/-]|%[0-9A-F]{2})+", path)
            assert inside(unquote(path))
            region = where["region"]
            assert region["startLine"] >= 1
            assert region.get("endColumn", 10**6) > region.get("startColumn", 1) >= 1


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_every_result_of_an_example_points_at_characters_that_are_there(path):
    (run,) = json.loads(path.read_text("utf-8"))["runs"]
    for result in run["results"]:
        for place in [*result["locations"], *result.get("relatedLocations", ())]:
            physical = place["physicalLocation"]
            lines = (path.parent / unquote(physical["artifactLocation"]["uri"])).read_text("utf-8").splitlines()
            region = physical["region"]
            line = lines[region["startLine"] - 1]
            assert line.strip()
            assert region.get("endColumn", 1) <= len(line) + 1
            assert line[region.get("startColumn", 1) - 1 : region.get("endColumn", len(line) + 1) - 1].strip()


def test_a_run_tells_when_it_was_in_utc_and_nothing_of_how_it_was_called():
    run = run_of(audits.fixed_audit())
    (invocation,) = run["invocations"]
    assert set(invocation) == {
        "executionSuccessful", "exitCode", "startTimeUtc", "endTimeUtc", "toolExecutionNotifications"
    }  # fmt: skip
    assert (invocation["startTimeUtc"], invocation["endTimeUtc"]) == (
        "2026-11-22T21:04:05Z",
        "2026-11-22T21:04:17.345000Z",
    )
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["tool"]["driver"]["semanticVersion"] == "0.1.0"


def test_columns_count_code_points_and_end_behind_the_last():
    place = audits.location(7, "  \U0001f600ä: {ports: [1]}", "{ports: [1]}")
    (result,) = results(audits.audit_of([audits.finding(policy_location=place)]))
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 7, "startColumn": 7, "endColumn": 19}


def test_rules_keep_to_the_limits_of_github():
    every = [
        audits.finding("web-1", f"{at}/tcp", check=check, severity=severity, fingerprint=f"{at:064x}")
        for at, (check, severity) in enumerate((check, severity) for check in [*CHECKS, "new"] for severity in Severity)
    ]
    rules = run_of(audits.audit_of(every))["tool"]["driver"]["rules"]
    for rule in rules:
        assert len(rule["name"]) <= 255
        assert max(len(rule[key]["text"]) for key in ("shortDescription", "fullDescription")) <= 1024
        assert len(rule["properties"]["tags"]) <= 10
        assert rule["help"]["text"]
        assert rule["helpUri"].startswith("https://")
        score = rule["properties"].get("security-severity")
        assert ({"security", "external/cwe/cwe-1327"} <= set(rule["properties"]["tags"])) == (score is not None)
        assert rule["properties"]["precision"] == "very-high"
        assert rule["properties"]["problem.severity"] in {"error", "warning", "recommendation"}
        assert rule["help"]["markdown"]


@pytest.mark.parametrize(
    ("severity", "low", "high", "level"),
    [
        (Severity.CRITICAL, 9.0, 10.0, "error"),
        (Severity.HIGH, 7.0, 8.9, "error"),
        (Severity.MEDIUM, 4.0, 6.9, "warning"),
        (Severity.LOW, 0.1, 3.9, "warning"),
    ],
)
def test_severities_fall_into_the_ranges_of_github(severity, low, high, level):
    run = run_of(audits.audit_of([audits.finding(severity=severity)]))
    (result,) = run["results"]
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert low <= float(rule["properties"]["security-severity"]) <= high
    assert isinstance(rule["properties"]["security-severity"], str)
    assert result["level"] == level


def test_a_severity_that_the_policy_overrides_gets_a_rule_of_its_own():
    found = [
        audits.finding("web-1", "1/tcp"),
        audits.finding("web-1", "2/tcp", severity=Severity.CRITICAL),
    ]
    assert [result["ruleId"] for result in results(audits.audit_of(found))] == [
        "unexpected-open/critical",
        "unexpected-open",
    ]


def test_a_clean_audit_has_an_empty_list_of_results_which_closes_old_alerts():
    assert results(audits.audit_of(hosts=[audits.host()])) == []


def test_excepted_findings_are_left_out_unless_asked_for():
    audit = audits.fixed_audit()
    assert not any("suppressions" in result for result in results(audit))
    (excepted,) = (result for result in results(audit, ALL) if "suppressions" in result)
    assert excepted["suppressions"] == [
        {
            "kind": "external",
            "status": "accepted",
            "justification": "EX-17 until 2026-12-31: Legacy proxy until the move is done (platform)",
        }
    ]


def test_the_first_sentence_of_a_message_is_its_title():
    text = results(audits.fixed_audit())[0]["message"]["text"]
    assert text.startswith("23/tcp is open on web-1. Expected: ")


def test_each_part_of_a_message_is_a_sentence():
    found = audits.finding(help="close it; or allow it")
    text = results(audits.audit_of([found]))[0]["message"]["text"]
    assert f"Actual: {found.actual}. Close it; or allow it." in text


def test_an_opener_in_the_repository_is_shown_with_the_policy_beside_it():
    result = next(found for found in results(audits.fixed_audit()) if found["ruleId"] == "too-wide")
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "deploy/docker-compose.yml"
    assert result["relatedLocations"][0]["physicalLocation"]["region"]["startLine"] == 20
    assert result["message"]["text"].endswith("See the [policy](1).")


def test_the_exposed_thing_is_named_as_a_logical_location():
    (result,) = results(audits.audit_of([audits.finding()]))
    assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "web-1/tcp/6379"


OUTSIDE = Location(file="/etc/auditor/exposure.yaml", line=3, column=1, end_column=4)


def test_a_finding_outside_the_repository_is_refused_with_the_way_out():
    audit = audits.audit_of([audits.finding(policy_location=OUTSIDE)], files=())
    with pytest.raises(ReportError, match=r"/etc/auditor/exposure\.yaml:3:1 lies outside it; .*--sarif-anchor FILE"):
        render(audit, DEFAULTS)


@pytest.mark.parametrize("anchor", ["/etc/passwd", "../x", "a/../../x"])
def test_an_anchor_outside_the_repository_is_refused(anchor):
    audit = audits.audit_of([audits.finding(policy_location=OUTSIDE)])
    with pytest.raises(ReportError, match="must name a file inside"):
        render(audit, ReportOptions(sarif_anchor=anchor))


def test_an_anchor_takes_findings_from_outside():
    audit = audits.audit_of([audits.finding(policy_location=OUTSIDE), audits.finding("web-2")])
    pinned, own = results(audit, ReportOptions(sarif_anchor="ci/my policy.yml"))
    assert pinned["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "ci/my%20policy.yml"},
        "region": {"startLine": 1},
    }
    assert own["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "exposure.yaml"


PACK = Location(file="pack:never-public", line=30, column=7, end_column=9)


@pytest.mark.parametrize("location", [PACK, OUTSIDE])
def test_what_a_policy_extends_from_outside_is_shown_at_the_policy_that_extends_it(location):
    (result,) = results(audits.audit_of([audits.finding(policy_location=location)]))
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "exposure.yaml"},
        "region": {"startLine": 1},
    }
    assert f"Policy: {location}." in result["message"]["text"]


@pytest.mark.parametrize("opener", [OUTSIDE, Location(file=STDIN, line=13, column=17)], ids=["a file", "a pipe"])
def test_an_opener_outside_gives_way_to_the_policy(opener):
    (result,) = results(audits.audit_of([audits.finding(source_location=opener)]))
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "exposure.yaml"
    assert "relatedLocations" not in result


@pytest.mark.parametrize(
    ("file", "written"),
    [
        ("a b.yml", "a%20b.yml"),
        ("a:b/c.yml", "a%3Ab/c.yml"),
        ("./a//b.yml", "a/b.yml"),
        ("ü.yml", "%C3%BC.yml"),
        ("50%.yml", "50%25.yml"),
        ("\udce9.yml", "%5Cudce9.yml"),
    ],
)
def test_file_names_are_percent_encoded(file, written):
    assert uri(file) == written


@pytest.mark.parametrize(
    ("code", "successful"),
    [(ExitCode.CONFORMS, True), (ExitCode.VIOLATIONS, True), (ExitCode.UNVERIFIED, True), (ExitCode.FAILED, False),
     (ExitCode.INTERRUPTED, False)],
)  # fmt: skip
def test_an_audit_that_was_not_carried_out_does_not_claim_success(code, successful):
    (invocation,) = run_of(audits.audit_of(exit_code=code))["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (successful, code)


def said(audit):
    (invocation,) = run_of(audit)["invocations"]
    return [
        (note["descriptor"]["id"], note["level"], note["message"]["text"])
        for note in invocation["toolExecutionNotifications"]
    ]


def test_all_that_is_not_verified_is_a_notification():
    help_ = f" (help: {remedy('no evidence')})"
    assert said(audits.fixed_audit()) == [
        ("incomplete-evidence", "error", "declared: deploy/docker-compose.yml, INCOMPLETE: ${PORT} is not set"),
        ("unverified", "error", "vault, 1-65535/tcp: the host answered nothing at all"),
        ("unverified", "error", f"mail: no evidence speaks of it{help_}"),
        ("not-assessed", "note", "vantage office: no evidence from there"),
    ]


def test_gaps_that_are_only_reported_are_warnings():
    gap = audits.Unverified(host="web-1", vantage="office", reason="dead", policy_location=audits.location())
    audit = audits.audit_of(unverified=[gap], hosts=[audits.host(vantage="internet")], unverified_fails=False)
    assert said(audit) == [("unverified", "warning", "web-1 from office: dead")]


def test_results_beyond_what_github_shows_are_cut_worst_first_and_said():
    found = [audits.finding("web-1", f"{port}/tcp") for port in range(1, MOST_RESULTS + 11)]
    found[-1] = audits.finding("web-1", "99/udp", severity=Severity.CRITICAL)
    audit = audits.audit_of(found)
    kept = results(audit)
    assert len(kept) == MOST_RESULTS
    assert kept[0]["ruleId"] == "unexpected-open/critical"
    assert said(audit) == [("cut", "warning", "10 more findings of lower rank left out.")]


def test_too_many_notifications_are_cut_and_said():
    gaps = [audits.Unverified(host=f"web-{at}", reason="dead", policy_location=audits.location()) for at in range(1500)]
    notes = said(audits.audit_of(unverified=gaps))
    assert len(notes) == 1000
    assert notes[0] == ("cut", "warning", "501 more notifications left out.")


def test_a_category_keeps_analyses_apart():
    assert "automationDetails" not in run_of(audits.audit_of())
    run = run_of(audits.audit_of(), ReportOptions(sarif_category="exposure/prod"))
    assert run["automationDetails"] == {"id": "exposure/prod/"}


def test_evidence_that_ends_well_is_no_notification():
    whole = EvidenceUsed(origin=Origin(kind=Kind.PROBE, source="live"), completion=Completion(complete=True))
    assert said(audits.audit_of(evidence=(whole,), verdict=Verdict.CONFORMS)) == []
