"""``auditor explain``: why a port of a host is or is not allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from auditor.cli import complete
from auditor.cli import options as given
from auditor.cli.conditions import conditions
from auditor.cli.say import show, show_json
from auditor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.model.expectation import Clause
    from auditor.model.policy import Host, Policy
    from auditor.model.ports import Port
    from auditor.policy.explain import Explanation


def explain(
    host: Annotated[
        str,
        typer.Argument(
            autocompletion=complete.hosts, help="A host of the policy: its name, an address of it, or an alias."
        ),
    ],
    port: Annotated[str, typer.Argument(help="443, 53/udp, or a service's name.")],
    policy: Annotated[
        str, typer.Option("--policy", "-p", metavar="FILE", envvar="AUDITOR_POLICY", help="The policy.")
    ] = given.DEFAULT_POLICY,
    vantage: given.From = None,
    output: given.Form = given.Shape.TEXT,
    now: given.Now = None,
) -> int:
    """Say whether the policy allows a port of a host, which rule decides, and which ones lose and why.

    Without --from, each vantage that the policy speaks of is explained. Exit codes: 0 explained; 2 bad usage or
    invalid policy.
    """
    from auditor import pipeline
    from auditor.plan.vantage import require_vantage
    from auditor.policy.explain import explain as explained

    loaded = pipeline.load(policy, today=given.moment(now).date())
    require_vantage(loaded.policy, vantage, needed=False)
    found = _host(loaded.policy, host)
    places: tuple[str | None, ...] = (vantage,) if vantage else (loaded.policy.vantage_names or (None,))
    answers = [
        explained(loaded.policy, loaded.resolver, found, each, place)
        for each in _ports(port, loaded.policy)
        for place in places
    ]
    if output is given.Shape.JSON:
        show_json(_json(answers))
    else:
        show("\n".join(_text(answers)))
    return 0


def _host(policy: Policy, name: str) -> Host:
    from auditor.files.suggest import nearest

    wanted = name.rstrip(".").lower()
    for host in policy.hosts.values():
        called = (host.name, *host.aliases, *(address.text for address in host.addresses))
        if wanted in {each.lower() for each in called}:
            return host
    suggestion = nearest(name, policy.hosts)
    raise UsageError(f"the policy knows no host '{name}'" + (f"; did you mean '{suggestion}'?" if suggestion else ""))


def _ports(text: str, policy: Policy) -> Sequence[Port]:
    from auditor.policy.arguments import read_ports

    ports = read_ports(text, policy.services)
    if len(ports) > 16:
        raise UsageError(f"'{text}' is {len(ports):,} ports; explain one, or a few")
    return tuple(ports)


def _text(answers: Sequence[Explanation]) -> Iterator[str]:
    from auditor.report.escape import one_line

    for index, answer in enumerate(answers):
        if index:
            yield ""
        for line in _lines(answer):
            yield one_line(line)


def _lines(answer: Explanation) -> Iterator[str]:
    service = f" ({answer.service})" if answer.service else ""
    seen_from = f" from {answer.vantage}" if answer.vantage else ""
    yield f"{answer.port}{service} on {answer.host.name}{seen_from}: {answer.stance}; it {_may(answer)}"
    if answer.winner:
        yield f"  decides: {_clause(answer.winner)}"
        yield from _why(answer.winner)
    else:
        yield "  decides: the default: what no rule allows is not allowed"
    for loser in answer.losers:
        yield f"  loses:   {_clause(loser.clause)}: {loser.why}"
    for clause in answer.expired:
        expires = clause.exception.expires if clause.exception else None
        yield f"  expired: {_clause(clause)}: ran out after {expires}"
    for clause in answer.elsewhere:
        yield f"  other:   {_clause(clause)}: holds from {', '.join(_places(clause)) or 'anywhere'} only"
    if answer.must_be_filtered:
        yield f"  closed is not enough: every other port must be filtered ({answer.must_be_filtered})"
    if not answer.in_scope:
        yield "  not looked at: outside the ports that 'scan:' asks for; found open by other evidence, it still counts"


def _may(answer: Explanation) -> str:
    from auditor.policy.explain import Stance

    if answer.stance is Stance.REQUIRED:
        return "must be open"
    return "may be open" if answer.may_be_open else "may not be open"


def _clause(clause: Clause) -> str:
    owner = clause.rule or clause.exception
    named = ", ".join(conditions(clause))
    asked = f" ({named})" if named else ""
    return f"{clause.effect} {clause.item.text}{asked} by {owner.id if owner else '?'} at {clause.location}"


def _why(clause: Clause) -> Iterator[str]:
    owner = clause.rule or clause.exception
    if owner is None:
        return
    facts = [("reason", owner.reason), ("owner", owner.owner)]
    if owner.approved:
        when = f" on {owner.approved.on}" if owner.approved.on else ""
        ticket = f" ({owner.approved.ticket})" if owner.approved.ticket else ""
        facts.append(("approved", f"by {owner.approved.by}{when}{ticket}"))
    if clause.exception:
        facts.append(("expires", f"{clause.exception.expires}, that day included, UTC"))
    for label, value in facts:
        if value:
            yield f"    {label + ':':<10}{value}"


def _places(clause: Clause) -> Sequence[str]:
    owner = clause.rule or clause.exception
    return (owner.from_ or ()) if owner else ()


def _json(answers: Sequence[Explanation]) -> str:
    import json

    return json.dumps([_answer(answer) for answer in answers], indent=2)


def _answer(answer: Explanation) -> dict[str, Any]:
    return {
        "host": answer.host.name,
        "port": str(answer.port),
        "vantage": answer.vantage,
        "stance": answer.stance.value,
        "may_be_open": answer.may_be_open,
        "winner": _clause_record(answer.winner) if answer.winner else None,
        "losers": [{**_clause_record(loser.clause), "why": loser.why} for loser in answer.losers],
        "expired": [_clause_record(clause) for clause in answer.expired],
        "elsewhere": [_clause_record(clause) for clause in answer.elsewhere],
        "in_scope": answer.in_scope,
        "must_be_filtered": str(answer.must_be_filtered) if answer.must_be_filtered else None,
    }


def _clause_record(clause: Clause) -> dict[str, Any]:
    owner = clause.rule or clause.exception
    return {
        "effect": clause.effect.value,
        "ports": clause.item.text,
        "id": owner.id if owner else None,
        "from": list(_places(clause)) or None,
        "location": str(clause.location),
        "conditions": dict(condition.split(" ", 1) for condition in conditions(clause)),
    }
