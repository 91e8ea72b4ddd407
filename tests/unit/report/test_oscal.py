"""OSCAL assessment results: valid, consistent in themselves, and never more than the evidence says."""

import json
from dataclasses import replace

from hypothesis import HealthCheck, given, settings

from auditor.model.evidence import Completion, Kind, Origin
from auditor.model.findings import EvidenceUsed, Novelty, Status, Unverified
from auditor.model.policy import Severity
from auditor.report import json_format
from auditor.report.controls import Assessed, assessed_controls
from auditor.report.json_format import load
from auditor.report.options import DEFAULTS
from auditor.report.oscal import render
from auditor.report.oscal_parts import reference, tokens
from tests.unit.report import audits
from tests.unit.report.shared import oscal_schema


def document(audit):
    return json.loads(render(audit, DEFAULTS))["assessment-results"]


def result(audit):
    (one,) = document(audit)["results"]
    return one


def states(audit):
    found = result(audit).get("findings", [])
    return {one["target"]["target-id"]: one["target"]["status"]["state"] for one in found}


def texts(value, key):
    """Every value under this key, however deep."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name == key:
                yield part
            yield from texts(part, key)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part, key)


WHOLE = audits.audit_of(hosts=[audits.host()])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(audits.audits())
def test_any_audit_is_valid_and_its_references_lead_somewhere(audit):
    written = json.loads(render(audit, DEFAULTS))
    oscal_schema().validate(written)
    identities = list(texts(written, "uuid"))
    assert len(set(identities)) == len(identities)
    referred = [*texts(written, "subject-uuid"), *texts(written, "observation-uuid"), *texts(written, "actor-uuid")]
    anchors = [href[1:] for href in texts(written, "href") if href.startswith("#")]
    assert {*referred, *anchors, *texts(written, "component-uuid")} <= set(identities)
    reviewed = result(audit)["reviewed-controls"]
    objectives = {one["objective-id"] for one in next(texts(reviewed, "include-objectives"), [])}
    assert objectives == set(states(audit))


def test_controls_are_findings_by_the_ids_of_the_nist_catalogue():
    found = states(audits.fixed_audit())
    assert found["cm-7_obj"] == found["pci-dss-1.2.6_obj"] == "not-satisfied"
    clean = states(WHOLE)
    assert {"cm-7_obj", "pci-dss-1.2.6_obj", "sc-7.5_obj"} <= set(clean)
    assert set(clean.values()) == {"satisfied"}


def test_a_control_that_is_not_assessed_is_excluded_with_the_reason():
    gap = Unverified(host="web-1", reason="no answer", policy_location=audits.location())
    unsettled = audits.audit_of(hosts=[audits.host()], unverified=[gap])
    assert "cm-7_obj" not in states(unsettled)
    (selection,) = result(unsettled)["reviewed-controls"]["control-selections"]
    assert {"control-id": "cm-7"} in selection["exclude-controls"]
    assert "1 gap in the evidence" in selection["description"]
    oscal_schema().validate(json.loads(render(unsettled, DEFAULTS)))


def test_what_a_baseline_knows_or_the_gate_lets_pass_is_never_satisfied():
    found = audits.finding(controls=("nist-800-53:CM-7",), status=Status.NOTE)
    for note in (found, replace(found, novelty=Novelty.PERSISTING), replace(found, severity=Severity.INFO)):
        audit = audits.audit_of([note], hosts=[audits.host()])
        assert states(audit)["cm-7_obj"] == "not-satisfied"
        (control,) = [one for one in result(audit)["findings"] if one["target"]["target-id"] == "cm-7_obj"]
        assert len(control["related-observations"]) == 1
    unused = audits.finding(
        None, None, check="unused-allow", severity=Severity.INFO, status=Status.NOTE, controls=("nist-800-53:CM-7",)
    )
    assert states(audits.audit_of([unused], hosts=[audits.host()]))["cm-7_obj"] == "satisfied"


def test_the_policy_is_the_plan_with_its_hash():
    written = document(WHOLE)
    (plan,) = [one for one in written["back-matter"]["resources"] if f"#{one['uuid']}" == written["import-ap"]["href"]]
    assert plan["rlinks"] == [{"href": "exposure.yaml", "hashes": [{"algorithm": "SHA-256", "value": "ab" * 32}]}]


def test_an_observation_names_its_host_its_evidence_and_when_that_was_collected():
    evidence = EvidenceUsed(
        origin=Origin(kind=Kind.PROBE, source="scan.xml", sha256="cd" * 32, started=audits.WHEN.replace(year=2025)),
        completion=Completion(complete=True),
    )
    audit = audits.audit_of([audits.finding(evidence=("scan.xml",))], hosts=[audits.host()], evidence=(evidence,))
    observed = result(audit)["observations"][0]
    assert (observed["methods"], observed["collected"]) == (["TEST"], "2025-11-22T21:04:05Z")
    (item,) = result(audit)["local-definitions"]["inventory-items"]
    assert observed["subjects"][0]["subject-uuid"] == item["uuid"]
    (source,) = [one for one in document(audit)["back-matter"]["resources"] if one["title"] == "scan.xml"]
    assert observed["relevant-evidence"][0]["href"] == f"#{source['uuid']}"


def test_hosts_keep_their_identity_from_audit_to_audit_and_what_was_observed_does_not():
    later = replace(WHOLE, finished=WHOLE.finished.replace(year=2027))
    items = [result(audit)["local-definitions"]["inventory-items"] for audit in (WHOLE, later)]
    assert items[0] == items[1]
    assert document(WHOLE)["uuid"] != document(later)["uuid"]
    assert result(WHOLE)["observations"][0]["uuid"] != result(later)["observations"][0]["uuid"]


def test_ids_of_controls_are_tokens_of_their_own():
    def named(*controls):
        return tokens(
            [Assessed(id=one, framework="", number="", title="", word="", why="", violations=0) for one in controls]
        )

    assert named("nist-800-53:SC-7(3)", "pci-dss:1.2.5", "9 lives") == {
        "nist-800-53:SC-7(3)": "sc-7.3",
        "pci-dss:1.2.5": "pci-dss-1.2.5",
        "9 lives": "_9-lives",
    }
    assert len(set(named("a:b", "a b", "a-b", "").values())) == 4


def test_names_of_files_are_relative_references():
    assert reference("a b/c:d#e.yaml") == "a%20b/c%3Ad%23e.yaml"
    assert reference("pack:never-public") == "pack:never-public"


def test_every_control_of_the_html_report_is_here_too():
    audit = audits.fixed_audit()
    named = {one["control-id"] for one in texts(result(audit)["reviewed-controls"], "include-controls") for one in one}
    silent = {one["control-id"] for one in texts(result(audit)["reviewed-controls"], "exclude-controls") for one in one}
    assert named | silent == set(tokens(assessed_controls(audit)).values())


def test_controls_keep_their_order_when_an_audit_is_read_back():
    found = audits.finding(controls=("z", "\ud800", "a"))
    audit = audits.audit_of([found], hosts=[audits.host()])
    assert render(load(json_format.render(audit, DEFAULTS)), DEFAULTS) == render(audit, DEFAULTS)
