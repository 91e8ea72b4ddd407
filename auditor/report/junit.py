"""JUnit XML for CI systems: a suite for each judged host, a test for each port that holds or does not.

``junit-xml`` is the model of suites and cases; what it writes is corrected before it leaves: ``disabled`` goes, as the
XSD of Jenkins refuses it, times get three decimals, characters that XML forbids are replaced.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, assert_never

from auditor.model.findings import Status, Verdict
from auditor.model.ports import PortSet
from auditor.report import wording
from auditor.report.escape import one_line, xml, xml_safe
from auditor.report.json_format import timestamp
from auditor.report.remedies import remedy
from auditor.report.tolerated import tolerated_by_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from auditor.model.findings import Audit, Finding, HostResult, Requirement, Unverified
    from auditor.report.options import ReportOptions
    from auditor.report.tolerated import Tolerated

MOST_BYTES = 30_000_000
"""How large a file GitLab reads."""

_NAMED = 200
"""Characters of the policy's name that stand in the class name of every test."""

_NOT_A_NAME = re.compile(r"[.:/\\\s]")
_UNVERIFIED = "unverified"
_Key = tuple[str, str | None, str | None]
_Row = tuple["HostResult", "Tolerated"]


@dataclass(slots=True, kw_only=True)
class _Case:
    """One test: ``kind`` None passes; ``failure``, ``error`` and ``skipped`` are the element to write."""

    name: str
    kind: str | None = None
    type: str = ""
    message: str = ""
    body: str = ""


@dataclass(slots=True, kw_only=True)
class _Suite:
    """What is collected for one host, member and vantage: several sorts of evidence may share it."""

    name: str
    classname: str
    address: str | None = None
    vantage: str | None = None
    not_asked: str = ""
    cases: list[_Case] = field(default_factory=list)
    output: str = ""


def render(audit: Audit, options: ReportOptions) -> bytes:  # noqa: ARG001 - every format has this signature
    """Write JUnit XML in UTF-8. Failures are the violations, errors what is unverified, skipped what is excepted.

    Suites stand in the order of the audit's hosts, that of the policy itself last. Class name and test name together
    are unique: GitLab drops what is not. An audit that checked nothing has one error.
    """
    suites = [suite for suite in _suites(audit) if suite.cases]
    if not suites:
        suites = [_nothing_checked(audit)]
    _make_unique(suites)
    return _document(suites, audit)


def cautions(_audit: Audit, _options: ReportOptions, written: bytes) -> Iterator[str]:
    """Say that GitLab does not read a file that is too large."""
    if len(written) > MOST_BYTES:
        yield f"{len(written) / 1e6:.0f} MB, and GitLab reads {MOST_BYTES / 1e6:.0f} MB at most: audit fewer hosts"


def _suites(audit: Audit) -> Iterable[_Suite]:
    named = _are_vantages_named(audit)
    suites: dict[_Key, _Suite] = {}

    def suite(of: HostResult | Finding | Unverified) -> _Suite:
        key = (of.host or "", of.member, of.vantage)
        if key not in suites:
            suites[key] = _new_suite(of, audit.policy, vantage_named=named)
        return suites[key]

    rows: dict[int, tuple[_Suite, list[_Row]]] = {}
    for host, let_pass in zip(audit.hosts, tolerated_by_row(audit), strict=True):
        of_host = suite(host)
        of_host.not_asked = of_host.not_asked or str(host.out_of_scope)
        of_host.address = of_host.address or host.address
        rows.setdefault(id(of_host), (of_host, []))[1].append((host, let_pass))
    for of_host, looks in rows.values():
        of_host.cases += _passes(looks)
    of_policy = _Suite(name=f"policy {audit.policy}", classname=f"exposure.{_name(audit.policy[:_NAMED])}")
    for finding in audit.findings:
        about_policy = finding.host is None or finding.check == "unknown-host"
        (of_policy if about_policy else suite(finding)).cases.append(_finding_case(finding))
    for unverified in audit.unverified:
        suite(unverified).cases.append(_unverified_case(unverified))
    for one in suites.values():
        _fail_once(one)
    return [*suites.values(), of_policy]


def _are_vantages_named(audit: Audit) -> bool:
    """Whether names of suites tell where from: one vantage beside a socket table, or files, is told apart from them."""
    subjects: Iterable[Finding | Unverified] = (*audit.findings, *audit.unverified)
    return len({row.vantage for row in audit.hosts} | {of.vantage for of in subjects if of.vantage}) > 1


def _new_suite(of: HostResult | Finding | Unverified, policy: str, *, vantage_named: bool) -> _Suite:
    names = [of.host or "", of.member or "", (of.vantage or "") if vantage_named else ""]
    shown = " ".join(filter(None, names[:2]))
    return _Suite(
        name=f"{shown} from {names[2]}" if names[2] else shown,
        classname=f"exposure.{_name(policy[:_NAMED])}.{_name('_'.join(filter(None, names)))}",
        address=of.address,
        vantage=of.vantage,
    )


def _name(text: str) -> str:
    """Jenkins splits class names at dots; other separators are taken out with them."""
    return _NOT_A_NAME.sub("_", one_line(text)) or "_"


def _passes(rows: Sequence[_Row]) -> list[_Case]:
    """Pass what holds, once each, and all other ports, if all evidence that shares the suite finds no more."""
    cases = [_Case(name=name) for name in dict.fromkeys(_holds(held) for row, _ in rows for held in row.holds)]
    if all(row.verdict is Verdict.CONFORMS and not let_pass for row, let_pass in rows):
        looked = any(row.asked or row.members for row, _ in rows)
        cases.append(_Case(name="no other open ports" if looked else "nothing else is declared open"))
    return cases


def _fail_once(suite: _Suite) -> None:
    """Drop the pass of a port that other evidence finds wrong: its test would pass and fail under one name."""
    told = {case.name for case in suite.cases if case.type}
    suite.cases = [case for case in suite.cases if case.type or case.name not in told]


def _holds(held: Requirement) -> str:
    return f"{held.port} {'required' if held.required else 'allowed'}"


def _finding_case(finding: Finding) -> _Case:
    case = _Case(name=_case_name(finding), type=finding.check, message=finding.message, body=_body(finding))
    match finding.status:
        case Status.VIOLATION:
            case.kind = "failure"
        case Status.EXCEPTED:
            case.kind = "skipped"
            case.message = wording.lifted(finding.exception) if finding.exception else finding.message
        case Status.NOTE:
            case.kind = None  # a pass that says something
        case _:
            assert_never(finding.status)
    return case


def _case_name(finding: Finding) -> str:
    """Name the test so that it has the same name in every run, and for a required port whether it holds or not."""
    if finding.host is None and finding.port is None:
        return " ".join(filter(None, (finding.check, finding.rule, finding.fingerprint[:8])))
    if finding.check == "required-not-open":
        return f"{finding.port} required"
    about = [] if finding.port is None else [str(finding.port)]
    if finding.ports:
        about.append(_range_name(finding))
    if finding.check == "unknown-host":
        about.insert(0, " ".join(filter(None, (finding.host, finding.member))))
    return " ".join([*about, finding.check])


def _range_name(finding: Finding) -> str:
    """Name the range that a line opens, from end to end; which of many ports answer may differ from run to run."""
    if finding.source_location is None:
        return "many ports"
    ports = tuple(finding.ports.ranges())
    first, last = (next(iter(PortSet(((end, end),)))) for end in (ports[0][0], ports[-1][1]))
    return f"{first.number}-{last}" if first.protocol is last.protocol else f"{first}-{last}"


def _body(finding: Finding) -> str:
    """Repeat the message, as some CI systems show the element's text alone."""
    facts = {
        "severity": wording.weight(finding),
        "expected": finding.expected,
        "actual": finding.actual,
        "seen": wording.sights(finding),
        "baseline": wording.history(finding),
        "policy": wording.place(finding.policy_location),
        "source": wording.place(finding.source_location) if finding.source_location else "",
        "address": finding.address,
        "ports": str(finding.ports),
        "from": finding.vantage,
        "evidence": ", ".join(finding.evidence),
        "excepted by": wording.lifted(finding.exception) if finding.exception else "",
        "help": finding.help,
        "controls": ", ".join(finding.controls),
        "fingerprint": finding.fingerprint,
    }
    return "\n".join([finding.message, *(f"{label}: {one_line(fact)}" for label, fact in facts.items() if fact)])


def _unverified_case(unverified: Unverified) -> _Case:
    ports = str(unverified.ports)
    one_range = len(tuple(unverified.ports.ranges())) == 1
    name = f"{ports if one_range else 'many ports'} {_UNVERIFIED}"  # which of many may differ from run to run
    about = f"\nports: {ports}" if ports else ""
    advice = remedy(unverified.reason)
    helping = f"\nhelp: {advice}" if advice else ""
    return _Case(
        name=name if ports else _UNVERIFIED,
        kind="error",
        type=_UNVERIFIED,
        message=unverified.reason or _UNVERIFIED,
        body=f"{unverified.reason}{about}{helping}\npolicy: {wording.place(unverified.policy_location)}",
    )


def _nothing_checked(audit: Audit) -> _Suite:
    message = "Nothing was checked: the evidence says nothing of any host of the policy."
    case = _Case(name="something was checked", kind="error", type=_UNVERIFIED, message=message, body=message)
    return _Suite(name=f"policy {audit.policy}", classname=f"exposure.{_name(audit.policy[:_NAMED])}", cases=[case])


def _make_unique(suites: list[_Suite]) -> None:
    taken: dict[tuple[str, str], int] = {}
    for suite in suites:
        for case in suite.cases:
            case.name = xml(one_line(case.name))
            number = taken[suite.classname, case.name] = taken.get((suite.classname, case.name), 0) + 1
            if number > 1:
                case.name = f"{case.name} ({number})"


def _document(suites: list[_Suite], audit: Audit) -> bytes:
    from xml.etree.ElementTree import Element, indent, tostring

    suites[-1].output = _circumstances(audit)
    elements = [_suite_element(suite, audit) for suite in suites]
    totals = {key: str(sum(int(element.get(key, "0")) for element in elements)) for key in _TOTALS}
    took = max(0.0, (audit.finished - audit.started).total_seconds())
    root = Element("testsuites", {"name": xml(f"exposure {audit.policy}"), **totals, "time": f"{took:.3f}"})
    root.extend(elements)
    indent(root)
    written = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{xml_safe(written)}\n'.encode()


def _circumstances(audit: Audit) -> str:
    """Say what the tests rest on and what they do not speak of; JUnit has no better place than output."""
    lines = [f"evidence: {wording.evidence(used)}" for used in audit.evidence]
    lines += [f"not assessed: {one_line(item.what)}: {one_line(item.reason)}" for item in audit.not_assessed]
    return "\n".join(lines)


_TOTALS = ("tests", "failures", "errors")


def _suite_element(suite: _Suite, audit: Audit) -> Any:
    from junit_xml import TestCase, TestSuite

    cases = []
    for case in suite.cases:
        made = TestCase(case.name, xml(suite.classname))
        message, body = xml(one_line(case.message)) or case.type, xml(case.body)
        match case.kind:
            case "failure":
                made.add_failure_info(message, body, xml(case.type))
            case "error":
                made.add_error_info(message, body, xml(case.type))
            case "skipped":
                made.add_skipped_info(message, body)
            case _:
                made.stdout = body
        cases.append(made)
    element = TestSuite(
        xml(suite.name),
        cases,
        timestamp=(timestamp(audit.started) or "").partition(".")[0].rstrip("Z"),
        properties={name: xml(one_line(value)) for name, value in _properties(suite, audit).items() if value},
        stdout=xml(suite.output),
    ).build_xml_doc()
    del element.attrib["disabled"]
    element.set("time", "0.000")
    return element


def _properties(suite: _Suite, audit: Audit) -> Mapping[str, str | None]:
    return {
        "policy": audit.policy,
        "policy.sha256": audit.files[0].sha256 if audit.files else None,
        "address": suite.address,
        "vantage": suite.vantage,
        "ports.not_asked": suite.not_asked,
        "tool.version": audit.tool_version,
    }
