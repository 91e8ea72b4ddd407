"""Findings about the policy itself: permissions and exceptions that want a look. No host, no port, no vantage."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from auditor.findings.catalogue import EXPIRING_EXCEPTION, UNREVIEWED_ALLOW, UNUSED_ALLOW, UNUSED_EXCEPTION
from auditor.findings.making import Draft
from auditor.model.evidence import Kind
from auditor.model.reach import Reach

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from auditor.findings.usage import Usage
    from auditor.model.policy import Policy, PolicyException, Rule


def housekeeping(policy: Policy, usage: Usage, today: date) -> Iterator[Draft]:
    """Yield what the policy's owners should look at. ``today`` is in UTC; ``usage`` must have seen every subject."""
    for rule in policy.rules:
        if (overdue := _overdue(rule, today)) is not None:
            yield _unreviewed(rule, overdue)
    for exception in policy.exceptions:
        yield from _exception(exception, policy, usage, today)
    for rule, item in usage.idle_permissions():
        yield Draft(
            check=UNUSED_ALLOW,
            host=None,
            slot=f"rule:{rule.id}:{item.text}",
            expected="open somewhere",
            actual="open nowhere",
            message=f"rule {rule.id} allows {item.text}, and none of it is open on any host that it applies to",
            help="remove the entry, or turn it into 'require' if the service should be there",
            policy_location=item.location,
            rule=rule,
        )


def _overdue(rule: Rule, today: date) -> str | None:
    if rule.unreviewed:
        return "was generated and not yet reviewed"
    if rule.review_by is not None and rule.review_by < today:
        return f"was to be reviewed by {rule.review_by}"
    return None


def _unreviewed(rule: Rule, overdue: str) -> Draft:
    return Draft(
        check=UNREVIEWED_ALLOW,
        host=None,
        slot=f"rule:{rule.id}",
        expected="reviewed",
        actual=overdue,
        message=f"rule {rule.id} {overdue}",
        help="review the rule; then remove 'reviewed: false', or set 'review_by' to the next review",
        policy_location=rule.location,
        rule=rule,
        reach=tuple(_permits(rule)),
    )


def _permits(rule: Rule) -> Iterator[Reach]:
    """Yield what the rule permits and to whom, as far as its own words go: for other hosts it is another permission."""
    to = " ".join(("hosts", *sorted(selector.text for selector in rule.hosts)))
    if rule.from_ is not None:
        to += f" from {' '.join(sorted(rule.from_))}"
    for item in (*rule.allow, *rule.require):
        on = item.conditions
        words = {"service": on.service, "process": on.process, "bind": on.bind_text} if on else {}
        held = "".join(f", {name} {word}" for name, word in words.items() if word is not None)
        yield Reach(kind=Kind.DECLARED, ports=item.ports, group=to + held)


def _exception(exception: PolicyException, policy: Policy, usage: Usage, today: date) -> Iterator[Draft]:
    if exception.expires < today:
        if not usage.has_returned(exception):
            yield _unused(exception, f"expired on {exception.expires}")
        return
    if exception.expires - today <= timedelta(days=policy.settings.exception_warn_days):
        yield Draft(
            check=EXPIRING_EXCEPTION,
            host=None,
            slot=f"exception:{exception.id}",
            expected="removed or renewed",
            actual=f"expires on {exception.expires}",
            message=f"exception {exception.id} expires on {exception.expires}: {exception.reason}",
            help="remove the deviation before that day, or have the exception renewed",
            policy_location=exception.location,
            owner=exception.owner,
        )
    if usage.is_idle(exception):
        yield _unused(exception, "excuses nothing")


def _unused(exception: PolicyException, why: str) -> Draft:
    return Draft(
        check=UNUSED_EXCEPTION,
        host=None,
        slot=f"exception:{exception.id}",
        expected="needed",
        actual=why,
        message=f"exception {exception.id} {why}: nothing needs it",
        help="remove the exception",
        policy_location=exception.location,
        owner=exception.owner,
    )
