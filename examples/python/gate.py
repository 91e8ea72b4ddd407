"""A gate in Python: audits hosts against a policy, prints what is wrong, and ends with the auditor's exit code."""

from __future__ import annotations

import sys

import auditor


def main(policy_file: str, *evidence: str) -> int:
    """Audit, report, and return the exit code."""
    try:
        policy = auditor.load_policy(policy_file)
        audit = auditor.audit(policy, evidence or None)
    except auditor.PolicyError as error:
        for problem in error.problems:
            print(f"{problem.location}: {problem.message}")
        return error.exit_code
    except auditor.AuditorError as error:
        print(error)
        return error.exit_code

    for finding in audit.findings:
        if finding.status is auditor.Status.VIOLATION:
            print(f"{finding.host}: {finding.port}: {finding.message} [{finding.severity}]")
    for gap in audit.unverified:
        print(f"{gap.host}: not verified: {gap.reason}")
    print(f"{policy.name}: {audit.verdict}")
    auditor.write_report(audit, "junit", "exposure-junit.xml")
    return audit.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
