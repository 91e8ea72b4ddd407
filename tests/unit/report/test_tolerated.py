"""What the gate lets pass is said wherever a report says that all conforms."""

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from auditor.model.findings import Baseline, Novelty, Status, Verdict
from auditor.model.policy import Severity
from auditor.model.ports import NO_PORTS, Port, PortSet
from auditor.report.controls import assessed_controls
from auditor.report.registry import FORMATS, ReportOptions
from auditor.report.tolerated import conclusion, outcome, tolerated_by_row
from tests.unit.report import audits

REDIS = Port.parse("6379/tcp")
KNOWN = audits.finding(
    status=Status.NOTE,
    novelty=Novelty.PERSISTING,
    first_seen=audits.WHEN - timedelta(days=2),
    controls=("nist-800-53:CM-7",),
)
BELOW = audits.finding("web-2", "9100/tcp", status=Status.NOTE, severity=Severity.LOW, controls=("nist-800-53:CM-7",))
GOOD_TO_KNOW = audits.finding(
    None, None, check="unused-allow", severity=Severity.INFO, status=Status.NOTE, novelty=Novelty.NEW
)
ROWS = (
    audits.host(open=PortSet.of(REDIS)),
    audits.host("web-2", open=PortSet.of(Port.parse("9100/tcp"))),
    audits.host("web-3"),
)


def audit(*findings, hosts=ROWS, **changes):
    return audits.audit_of(findings, hosts=hosts, **changes)


def written(name, of):
    return FORMATS[name].render(of, ReportOptions()).decode()


def banner(of):
    head = re.search(
        r'<header class="top v-(\w+)">.*?<strong>(.*?)</strong>\s*<span>(.*?)</span>', written("html", of), re.DOTALL
    )
    return head.groups()


@pytest.mark.parametrize(
    ("findings", "changes", "said", "meant"),
    [
        ((KNOWN,), {}, "conforms, with 1 known deviation", "Nothing new; 1 known deviation remains."),
        (
            (BELOW,),
            {"fail_on": Severity.HIGH},
            "conforms, with 1 deviation that fails nothing",
            "Nothing of severity high or above; 1 deviation that fails nothing remains.",
        ),
        (
            (KNOWN, BELOW),
            {"fail_on": Severity.HIGH},
            "conforms, with 1 known deviation and 1 deviation that fails nothing",
            "Nothing new of severity high or above; 1 known deviation and 1 deviation that fails nothing remain.",
        ),
        (
            (KNOWN, BELOW),
            {"fail_on": None},
            "conforms, with 1 known deviation and 1 deviation that fails nothing",
            "Nothing fails, whatever its severity; 2 deviations, 1 of them known, remain.",
        ),
        ((GOOD_TO_KNOW,), {}, "conforms", "Everything that was asked for was seen, and is as the policy says."),
        (
            (audits.finding(status=Status.EXCEPTED),),
            {},
            "conforms",
            "Everything that was asked for was seen, and is as the policy says or its exceptions permit.",
        ),
    ],
)
def test_a_pass_says_what_it_leaves_out(findings, changes, said, meant):
    of = audit(*findings, **changes)
    assert of.verdict is Verdict.CONFORMS
    assert (outcome(of), conclusion(of)) == (said, meant)
    tone, title, sentence = banner(of)
    assert (title.lower(), sentence) == (said, meant)
    assert (tone == "conforms") == (said == "conforms")
    assert f"{said}: 0 violations" in written("text", of)
    assert f"{said}: 0 violations" in written("github", of)
    assert ("✅" in written("markdown", of)) == (said == "conforms")
    (result,) = json.loads(written("oscal", of))["assessment-results"]["results"]
    assert result["title"] == f"shop: {said}"


def test_each_host_that_conforms_says_what_is_let_pass_there():
    of = audit(KNOWN, BELOW)
    assert [row.brief for row in tolerated_by_row(of)] == ["1 known", "1 that fails nothing", ""]
    assert "open 6379/tcp, 1 known deviation\n" in written("text", of)
    assert "| conforms, 1 known | `6379/tcp` |" in written("markdown", of)
    assert 'conforms, <span class="known">1 known</span>' in written("html", of)
    assert "held against the policy: conforms, with 1 known deviation" in written("oscal", of)


def test_a_host_with_what_is_let_pass_does_not_pass_for_clean_in_junit():
    text = written("junit", audit(KNOWN, BELOW))
    passing = re.findall(r'name="no other open ports" classname="exposure.shop.([\w-]+)"', text)
    assert passing == ["web-3"]


def test_hosts_with_what_is_let_pass_are_not_lost_among_those_that_conform():
    rows = [audits.host(f"host-{number}") for number in range(30)]
    text = written("text", audit(KNOWN, hosts=[*rows, *ROWS]))
    assert "32 hosts conform" in text
    assert "open 6379/tcp, 1 known deviation" in text


def test_a_page_counts_what_is_new_and_known_alike_in_all_its_parts():
    violation = audits.finding("web-2", "23/tcp", novelty=Novelty.NEW, controls=("nist-800-53:CM-7",))
    of = audit(violation, KNOWN, GOOD_TO_KNOW, baseline=Baseline(source="audit.json"))
    text = written("html", of)
    assert text.count(' data-novelty="new"') == 1
    for number, word in [(1, "new"), (1, "persisting"), (0, "fixed")]:
        assert f"<b>{number}</b> {word}</li>" in text
    assert '<span class="what">New violations</span><b>1</b><span class="more">besides 1 known deviation</span>' in text
    control = next(one for one in assessed_controls(of) if one.id == "nist-800-53:CM-7")
    assert control.why == "1 new, 1 known"


def test_what_is_new_and_fails_nothing_is_new_all_the_same():
    of = audit(replace(BELOW, novelty=Novelty.NEW), fail_on=None, baseline=Baseline(source="audit.json"))
    assert "1 new, 0 persisting, 0 fixed" in written("text", of)


def test_files_alone_are_not_said_to_show_everything():
    declared = [audits.host(asked=NO_PORTS), audits.host("web-2", asked=NO_PORTS)]
    assert conclusion(audit(hosts=declared)) == (
        "What the evidence tells of is as the policy says."
        " Files alone tell of it: no host was looked at, and what really listens or answers is not known."
    )
    assert conclusion(audit(hosts=[*declared, *ROWS[2:]])).endswith(" 2 hosts of 3 are known from files alone.")
    assert conclusion(audit(KNOWN, hosts=declared)).startswith("Nothing new; 1 known deviation remains. Files alone")
    assert conclusion(audit(hosts=())).endswith(" No host was looked at.")
