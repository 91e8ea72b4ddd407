"""What a shell offers: the formats, and what the policy at hand names. A broken policy offers nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer  # noqa: TC002 - typer reads the annotations at run time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.model.policy import Policy


def formats(incomplete: str) -> list[str]:
    """The report formats, for ``-o FORMAT[=FILE]``."""
    from auditor.report.registry import FORMATS

    return _fitting(FORMATS, incomplete)


def vantages(context: typer.Context, incomplete: str) -> list[str]:
    """The vantages that the policy names."""
    return _fitting((name for policy in _policies(context) for name in policy.vantage_names), incomplete)


def hosts(context: typer.Context, incomplete: str) -> list[str]:
    """The hosts that the policy declares."""
    return _fitting((name for policy in _policies(context) for name in policy.hosts), incomplete)


def selectors(context: typer.Context, incomplete: str) -> list[str]:
    """The hosts of the policy and their tags."""
    tags = {
        f"tag:{tag}": None
        for policy in _policies(context)
        for host in policy.hosts.values()
        for tag in sorted(host.tags)
    }
    return [*hosts(context, incomplete), *_fitting(tags, incomplete)]


def severities(incomplete: str) -> list[str]:
    """What ``--fail-on`` takes."""
    from auditor.model.policy import Severity

    return _fitting([*(str(severity) for severity in Severity), "never"], incomplete)


def _fitting(words: Iterable[str], incomplete: str) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]


def _policies(context: typer.Context) -> Iterator[Policy]:
    """The policy of the command line so far, or none."""
    from auditor.cli.options import DEFAULT_POLICY, moment
    from auditor.errors import AuditorError
    from auditor.policy.load import load_policy

    named = context.params.get("policy")
    targets = context.params.get("targets") or [None]
    try:
        yield load_policy(named or targets[0] or DEFAULT_POLICY, today=moment(None).date())
    except (AuditorError, OSError):
        return
