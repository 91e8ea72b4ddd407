"""``auditor policy``: look at a policy without looking at any host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import options as given
from auditor.cli import say
from auditor.cli.conditions import conditions
from auditor.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from auditor.errors import Problem
    from auditor.model.expectation import Clause, Expectation
    from auditor.model.policy import Host, Policy

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at a policy without looking at any host.")


@app.command(short_help="Check policies, and all that they extend.")
def validate(
    policies: Annotated[list[str] | None, typer.Argument(metavar="POLICY...", help="The policies.")] = None,
    now: given.Now = None,
) -> int:
    """Check policies and all that they extend. Exit codes: 0 valid; 2 not, with every problem and its line."""
    today = given.moment(now).date()
    wrong: list[Problem] = []
    for policy in policies or [given.usual_policy()]:
        try:
            _validate(policy, today)
        except PolicyError as error:
            wrong += error.problems
    if wrong:
        raise PolicyError(wrong)
    return 0


def _validate(policy: str, today: date) -> None:
    from auditor.findings.services import doubtful_names
    from auditor.policy.load import load_policy
    from auditor.report.escape import terminal

    loaded = load_policy(policy, today=today)
    expired = [exception.id for exception in loaded.exceptions if exception.expires < today]
    counted = (
        f"{_count(len(loaded.hosts), 'host')}, {_count(len(loaded.rules), 'rule')}, "
        f"{_count(len(loaded.exceptions), 'exception')}, {_count(len(loaded.files), 'file')}"
    )
    say.show(f"{terminal(policy)}: valid: {counted}")
    for doubt in doubtful_names(loaded):
        say.tell(f"warning: {doubt}")
    if expired:
        say.tell(f"note: expired, and excusing nothing: {', '.join(expired)}")


@app.command(short_help="Print what the policy comes to, host by host.")
def show(
    policy: given.PolicyFile = given.DEFAULT_POLICY,
    vantage: given.From = None,
    only: given.Only = None,
    output: given.Form = given.Shape.TEXT,
    now: given.Now = None,
) -> int:
    """Print what the policy comes to, host by host: what may be open, must be, must not, and what is looked at."""
    from auditor import pipeline

    loaded = pipeline.load(policy, today=given.moment(now).date())
    names = (vantage,) if vantage else (loaded.policy.vantage_names or (None,))
    rows = (
        (host, name, loaded.resolver.expectation(host, name))
        for host in pipeline.chosen(loaded.policy, only or ())
        for name in names
    )
    if output is given.Shape.JSON:
        for line in _json_lines(rows):
            say.show_json(line)
    else:
        for line in _text_lines(loaded.policy, rows):
            say.show(line)
    return 0


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _conditional(expectation: Expectation) -> Iterator[Clause]:
    return (clause for clause in expectation.clauses if any(conditions(clause)))


def _text_lines(policy: Policy, rows: Iterator[tuple[Host, str | None, Expectation]]) -> Iterator[str]:
    from auditor.report.escape import terminal

    yield terminal(f"{policy.name}: {_count(len(policy.hosts), 'host')}")
    for host, vantage, expectation in rows:
        addresses = ", ".join(address.text for address in host.addresses)
        seen_from = f" from {vantage}" if vantage else ""
        yield terminal(f"\n{host.name} ({addresses}){seen_from}{', dark' if host.dark else ''}")
        for label, ports in (
            ("may be open", expectation.permitted - expectation.required),
            ("must be open", expectation.required),
            ("denied", expectation.forbidden),
            ("excepted", expectation.excepted),
            ("looked at", expectation.scope),
        ):
            if ports:
                yield f"  {label:<13}{ports}"
        for clause in _conditional(expectation):
            yield terminal(f"  {'only if':<13}{clause.ports} ({', '.join(conditions(clause))})")
        if host.ssh:
            yield terminal(f"  {'ssh':<13}{host.ssh}")
        yield f"  {'otherwise':<13}{'filtered' if expectation.otherwise_filtered else 'closed or filtered'}"


def _json_lines(rows: Iterator[tuple[Host, str | None, Expectation]]) -> Iterator[str]:
    import json

    for host, vantage, expectation in rows:
        yield json.dumps(
            {
                "host": host.name,
                "addresses": [address.text for address in host.addresses],
                "vantage": vantage,
                "dark": host.dark,
                "ssh": str(host.ssh) if host.ssh else None,
                "permitted": str(expectation.permitted),
                "required": str(expectation.required),
                "denied": str(expectation.forbidden),
                "excepted": str(expectation.excepted),
                "scope": str(expectation.scope),
                "conditions": [
                    {
                        "effect": clause.effect.value,
                        "ports": str(clause.ports),
                        **dict(condition.split(" ", 1) for condition in conditions(clause)),
                    }
                    for clause in _conditional(expectation)
                ],
                "otherwise": "filtered" if expectation.otherwise_filtered else None,
            }
        )
