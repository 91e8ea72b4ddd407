"""OSCAL assessment results 1.1.3 (NIST), for tools of governance and compliance, as plain JSON.

Hosts are inventory items, what was seen is an observation, and each control that the audit can speak to is a finding
about its objective: *satisfied* says that nothing contradicts it, and never that anybody complies. A control that is
not assessed is excluded, with the reason. The policy stands for the assessment plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.model.findings import Status
from auditor.report import json_format, wording
from auditor.report.controls import AGAINST, NOT_ASSESSED, assessed_controls
from auditor.report.deviations import deviates
from auditor.report.document import json_document
from auditor.report.json_format import timestamp
from auditor.report.oscal_observations import Named, finding_identifier, observations, row_identifier
from auditor.report.oscal_parts import filled, identifier, properties, prose, resource, tokens, value
from auditor.report.tolerated import outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.model.findings import Audit
    from auditor.report.controls import Assessed
    from auditor.report.options import ReportOptions

VERSION = "1.1.3"


def render(audit: Audit, options: ReportOptions) -> bytes:  # noqa: ARG001 - every format has this signature
    """Write one document of assessment results with one result, UTF-8; its identifiers follow from the audit alone."""
    seed = json_format.digest(audit)
    plan = identifier(audit.policy, "policy", *(file.sha256 for file in audit.files))
    named = Named(
        seed=seed,
        tool=identifier(audit.tool_name, audit.tool_version),
        hosts=_hosts(audit),
        evidence={used.origin.source: identifier(seed, "evidence", used.origin.source) for used in audit.evidence},
    )
    document = {
        "uuid": identifier(seed, "document"),
        "metadata": {
            "title": prose(f"Exposure of {audit.policy}: assessment results"),
            "last-modified": timestamp(audit.finished),
            "version": timestamp(audit.finished),
            "oscal-version": VERSION,
        },
        "import-ap": {
            "href": f"#{plan}",
            "remarks": "The policy is the plan: it says which ports each host may expose, and to whom.",
        },
        "results": [_result(audit, named)],
        "back-matter": {"resources": _resources(audit, plan, named)},
    }
    return json_document({"assessment-results": document}, depth=5)


def _result(audit: Audit, named: Named) -> dict[str, Any]:
    controls = assessed_controls(audit)
    tally = {status.value: number for status, number in audit.counts().items()}
    facts = {
        "verdict": audit.verdict.value,
        "exit-code": int(audit.exit_code),
        **{f"{status}-count": number for status, number in tally.items()},
        "unverified-count": len(audit.unverified),
    }
    return filled(
        uuid=identifier(named.seed, "result"),
        title=prose(f"{audit.policy}: {outcome(audit)}"),
        description=prose(f"{audit.policy}: {outcome(audit)}: {wording.counts(audit)}"),
        start=timestamp(audit.started),
        end=timestamp(audit.finished),
        props=properties(facts),
        local_definitions=_definitions(audit, named),
        reviewed_controls=_reviewed(controls),
        observations=observations(audit, named) if audit.findings or audit.unverified or audit.hosts else None,
        findings=_findings(audit, controls, named.seed) if any(map(_is_assessed, controls)) else None,
        remarks=prose(_limits(audit)),
    )


def _limits(audit: Audit) -> str:
    said = ["Supports evidence for controls, or contradicts it; it does not say that anybody complies"]
    said += [f"not assessed: {item.what}: {item.reason}" for item in audit.not_assessed]
    return "; ".join(said)


def _hosts(audit: Audit) -> dict[str, str]:
    """Return the identifier of each host that the audit speaks of, the same in every audit of the policy."""
    names = [*(row.host for row in audit.hosts), *(gap.host for gap in audit.unverified)]
    names += [finding.host for finding in audit.findings if finding.host]
    return {name: identifier(audit.policy, "inventory", name) for name in dict.fromkeys(names)}


def _definitions(audit: Audit, named: Named) -> dict[str, Any]:
    known = {row.host: row for row in reversed(audit.hosts)}
    items = {}
    for name, identity in named.hosts.items():
        row = known.get(name)
        about = f"{name}, a host of the policy" if row else f"{name}, which is no host of the policy or was not judged"
        addresses = {"address": row.address} if row else {}
        props = properties({"asset-id": name}, ns=None) + properties(addresses)
        items[identity] = {"uuid": identity, "description": prose(about), "props": props}
    tool = {
        "uuid": named.tool,
        "type": "software",
        "title": prose(audit.tool_name),
        "description": "Collects what hosts expose and compares it with a policy.",
        "props": properties({"version": audit.tool_version}, ns=None),
        "status": {"state": "operational"},
    }
    platform = {
        "uuid": identifier(named.tool, "platform"),
        "title": prose(audit.tool_name),
        "uses-components": [{"component-uuid": named.tool}],
    }
    return filled(
        inventory_items=list(items.values()),
        assessment_assets={"components": [tool], "assessment-platforms": [platform]},
    )


def _reviewed(controls: Sequence[Assessed]) -> dict[str, Any]:
    names = tokens(controls)
    spoken = [{"control-id": names[one.id]} for one in controls if one.word != NOT_ASSESSED]
    objectives = [{"objective-id": f"{one['control-id']}_obj"} for one in spoken]
    silent = [one for one in controls if one.word == NOT_ASSESSED]
    why = "; ".join(dict.fromkeys(one.why for one in silent))
    selection = filled(
        description=prose(f"Not assessed: {why}" if silent else "The controls that checks and rules name"),
        include_controls=spoken,
        exclude_controls=[{"control-id": names[one.id]} for one in silent],
    )
    return filled(
        control_selections=[selection],
        control_objective_selections=[{"include-objectives": objectives}] if objectives else [],
    )


def _findings(audit: Audit, controls: Sequence[Assessed], seed: str) -> Iterator[dict[str, Any]]:
    names = tokens(controls)
    touching: dict[str, list[str]] = {}
    for finding in audit.findings:
        if deviates(finding) or finding.status is Status.EXCEPTED:
            identity = finding_identifier(finding, seed)
            for control in dict.fromkeys(finding.controls):
                touching.setdefault(control, []).append(identity)
    rows = [row_identifier(at, seed) for at in range(len(audit.hosts))]
    for one in filter(_is_assessed, controls):
        seen = touching.get(one.id, []) + ([] if one.word == AGAINST else rows)
        failed = one.word == AGAINST
        yield filled(
            uuid=identifier(seed, "control", one.id),
            title=prose(f"{one.framework} {one.number}: {one.title}" if one.title else one.id),
            description=prose(f"{one.word} {one.id}: {one.why}"),
            props=properties({"control": one.id, "framework": one.framework}),
            target={
                "type": "objective-id",
                "target-id": f"{names[one.id]}_obj",
                "status": {
                    "state": "not-satisfied" if failed else "satisfied",
                    "reason": "fail" if failed else "pass",
                    "remarks": prose(one.why),
                },
            },
            related_observations=[{"observation-uuid": identity} for identity in seen],
        )


def _is_assessed(control: Assessed) -> bool:
    return control.word != NOT_ASSESSED


def _resources(audit: Audit, plan: str, named: Named) -> list[dict[str, Any]]:
    main = audit.files[0] if audit.files else None
    found = {
        plan: resource(
            plan,
            f"Policy {audit.policy}",
            file=main.path if main else None,
            sha256=main.sha256 if main else None,
            about="the policy that was audited against",
        )
    }
    for file in audit.files[1:]:
        identity = identifier(plan, file.path)
        about = "a file that the policy extends"
        found[identity] = resource(identity, file.path, file=file.path, sha256=file.sha256, about=about)
    for used in audit.evidence:
        identity, source = named.evidence[used.origin.source], used.origin.source
        file_name = None if source in wording.NO_FILES else source
        about = value(wording.evidence(used))
        found[identity] = resource(
            identity, source or "evidence", file=file_name, sha256=used.origin.sha256, about=about
        )
    return list(found.values())
