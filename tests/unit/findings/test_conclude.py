from auditor.errors import ExitCode
from auditor.findings.conclude import conclude
from auditor.model.findings import Status, Verdict
from auditor.model.policy import Severity
from tests.unit.findings.worlds import NOW, audit, policy_of, probe, seen, unknown, with_settings

POLICY = policy_of("""
version: 1
name: shop
hosts: {b: 192.0.2.2, a: 192.0.2.1, net: 198.51.100.0/30}
rules:
  - {id: x, hosts: ["*"], deny: [23]}
  - {id: y, hosts: [a], require: [443]}
""")
OPEN = probe(
    seen("192.0.2.1", open="23,443"),
    seen("192.0.2.2", open="22,80"),
    *(seen(f"198.51.100.{last}", open="22") for last in (3, 2, 1, 0)),
)


def test_findings_come_worst_first_then_by_host_member_vantage_and_port():
    found = audit(POLICY, OPEN).findings
    assert [(str(one.severity), one.host, one.member, str(one.port)) for one in found] == [
        ("critical", "a", None, "23/tcp"),
        ("high", "b", None, "22/tcp"),
        ("high", "b", None, "80/tcp"),
        *(("high", "net", f"198.51.100.{last}", "22/tcp") for last in range(4)),
    ]


def test_hosts_come_in_policy_order():
    assert [one.host for one in audit(POLICY, OPEN).hosts][:2] == ["b", "a"]


def test_violations_outrank_what_is_not_verified():
    result = audit(POLICY, probe(seen("192.0.2.2", open="22")))
    assert result.unverified
    assert (result.verdict, result.exit_code) == (Verdict.VIOLATIONS, ExitCode.VIOLATIONS)


def test_what_is_not_verified_has_its_own_exit_code_unless_it_is_only_to_be_reported():
    result = audit(POLICY, probe())
    assert (result.verdict, result.exit_code) == (Verdict.UNVERIFIED, ExitCode.UNVERIFIED)
    soft = audit(with_settings(POLICY, unverified_fails=False), probe())
    assert (soft.verdict, soft.exit_code) == (Verdict.UNVERIFIED, ExitCode.CONFORMS)


def test_a_gate_that_never_fails_has_notes_alone():
    result = audit(with_settings(POLICY, fail_on=None), OPEN)
    assert {one.status for one in result.findings} == {Status.NOTE}
    assert result.exit_code is ExitCode.CONFORMS


def test_a_gate_at_info_makes_violations_of_housekeeping():
    policy = policy_of("version: 1\nhosts: {a: 192.0.2.1}\nrules: [{hosts: [a], allow: [443]}]\n")
    result = audit(with_settings(policy, fail_on=Severity.INFO), probe(seen("192.0.2.1")))
    assert [(one.check, one.status) for one in result.findings] == [("unused-allow", Status.VIOLATION)]


def test_an_audit_that_judged_nothing_is_no_pass():
    result = conclude(POLICY, (), evidence=(), tool_name="t", tool_version="0", started=NOW, finished=NOW)
    assert (result.verdict, result.exit_code) == (Verdict.UNVERIFIED, ExitCode.UNVERIFIED)


def test_a_host_that_may_expose_everything_must_still_have_been_seen():
    policy = "version: 1\nscan: {tcp: [80]}\nhosts: {web-1: 192.0.2.10}\nrules: [{hosts: web-1, allow: 80}]\n"
    assert audit(policy, probe(unknown("192.0.2.10", "80"))).verdict is Verdict.UNVERIFIED
    assert audit(policy, probe(seen("192.0.2.10", open="80"))).verdict is Verdict.CONFORMS


def test_evidence_that_was_cut_short_is_no_pass_even_where_every_port_was_answered():
    policy = "version: 1\nscan: {tcp: [80]}\nhosts: {web-1: 192.0.2.10}\nrules: [{hosts: web-1, allow: 80}]\n"
    whole = audit(policy, probe(seen("192.0.2.10", open="80")))
    short = audit(policy, probe(seen("192.0.2.10", open="80"), complete=False))
    assert (whole.verdict, short.verdict) == (Verdict.CONFORMS, Verdict.UNVERIFIED)
