"""A plug-in for pytest: ``pytest --exposure exposure.yaml`` makes a test of every host of a policy.

The audit is carried out once, when the first of these tests runs. A host that nobody could look at fails: no evidence
is never a pass. What belongs to no host of the policy is a test of its own, called ``policy``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from auditor.model.findings import Audit, Finding

_AUDIT = pytest.StashKey["Audit"]()
_EVERYTHING_ELSE = "policy"


class ExposureFailed(Exception):  # noqa: N818 - it is what a test ends in, not an error of the program
    """A host exposes what it may not, or was not verified; the message is for people."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("exposure", "open ports held against a policy")
    group.addoption(
        "--exposure", metavar="POLICY", action="append", help="Make a test of every host of this policy; only once."
    )
    group.addoption(
        "--exposure-evidence",
        metavar="FILE",
        action="append",
        help="Evidence; repeatable. Without any the hosts are scanned.",
    )
    group.addoption("--exposure-from", metavar="VANTAGE", help="The vantage that is looked from.")
    group.addoption("--exposure-host", metavar="NAME", help="The host that evidence without a host speaks of.")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse options that would judge nothing, or less than they name."""
    policies = config.getoption("exposure") or ()
    if len(policies) > 1:
        raise pytest.UsageError("--exposure: one policy a run; a policy can extend others")
    for option in ("exposure_evidence", "exposure_from", "exposure_host"):
        if not policies and config.getoption(option):
            raise pytest.UsageError(f"--{option.replace('_', '-')} judges nothing without --exposure POLICY")


def _policy(config: pytest.Config) -> str | None:
    policies: list[str] = config.getoption("exposure") or []
    return policies[0] if policies else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the tests of the policy to those that were collected."""
    policy = _policy(config)
    if policy:
        from auditor.api import load_policy
        from auditor.errors import AuditorError

        try:
            hosts = load_policy(policy).hosts
        except AuditorError as error:
            raise pytest.UsageError(*str(error).splitlines()) from error
        items += [HostTest.from_parent(session, name=f"{policy}::{name}", host=name) for name in hosts]
        items.append(HostTest.from_parent(session, name=f"{policy}::{_EVERYTHING_ELSE}", host=None))


@pytest.fixture(scope="session")
def exposure_audit(pytestconfig: pytest.Config) -> Audit:
    """The audit of ``--exposure``, for tests that ask it something themselves."""
    if _policy(pytestconfig) is None:
        pytest.skip("no policy: give one with --exposure")
    return audit_of(pytestconfig)


def audit_of(config: pytest.Config) -> Audit:
    """The audit that the options ask for, carried out once a session."""
    policy = _policy(config)
    if policy is None:
        raise pytest.UsageError("no policy: give one with --exposure")
    if _AUDIT not in config.stash:
        from auditor.api import audit

        config.stash[_AUDIT] = audit(
            policy,
            config.getoption("exposure_evidence"),
            vantage=config.getoption("exposure_from"),
            host=config.getoption("exposure_host"),
        )
    return config.stash[_AUDIT]


class HostTest(pytest.Item):
    """One host of the policy, or, with None, whatever belongs to none of them."""

    def __init__(self, *, host: str | None, **rest: object) -> None:
        super().__init__(**rest)  # type: ignore[arg-type]
        self.host = host

    def runtest(self) -> None:
        """Fail if the host violates the policy or was not verified."""
        audit = audit_of(self.config)
        declared = {row.host for row in audit.hosts}
        if self.host is not None:
            told = _told(audit, {self.host})
            if not told and self.host not in declared:
                pytest.skip("not assessed: no evidence speaks of it, and none had to")
        else:
            named = {finding.host for finding in audit.findings} | {gap.host for gap in audit.unverified}
            told = _told(audit, named - self._tested())
            if not told and audit.exit_code and not _told(audit, self._tested()):
                told = [f"the audit ends in exit code {audit.exit_code:d}"]
        if told:
            raise ExposureFailed("\n\n".join(told))

    def _tested(self) -> set[str | None]:
        """The hosts that have a test of their own."""
        return {item.host for item in self.session.items if isinstance(item, HostTest)} - {None}

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """What the finding says, without a trace: the test has no code to show."""
        from auditor.errors import AuditorError

        if isinstance(excinfo.value, ExposureFailed | AuditorError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo, style))  # type: ignore[arg-type]

    def reportinfo(self) -> tuple[str, None, str]:
        """Where the test is from, for reports."""
        return _policy(self.config) or "", None, self.name


def _told(audit: Audit, hosts: set[str | None] | set[str]) -> list[str]:
    """What fails of these hosts: violations, and what could not be verified where that fails the gate."""
    from auditor.model.findings import Status

    told = [
        _paragraph(finding)
        for finding in audit.findings
        if finding.host in hosts and finding.status is Status.VIOLATION
    ]
    if audit.unverified_fails:
        gaps = (gap for gap in audit.unverified if gap.host in hosts)
        told += [f"unverified: {gap.host}: {gap.ports or 'all ports'}: {gap.reason}" for gap in gaps]
    return told


def _paragraph(finding: Finding) -> str:
    return (
        f"{finding.check} ({finding.severity}): {finding.message}\n"
        f"  at {finding.source_location or finding.policy_location}\n"
        f"  expected {finding.expected}, is {finding.actual}\n"
        f"  {finding.help}"
    )
