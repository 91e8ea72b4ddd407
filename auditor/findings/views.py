"""The verdict table, cell by cell, for one view of one subject. Ports are handled as sets; only findings are single.

::

    policy says              open        open|filtered   closed      filtered    not seen
    require                  pass        unverified      violation   violation   unverified
    allow                    pass        pass            pass        pass        pass
    nothing, or deny         violation   unverified      pass        pass        unverified
    … otherwise: filtered    violation   pass            violation   pass        unverified

Closed|filtered is not open: it is closed and filtered alike, and unverified where the policy wants to know which.

A live exception lifts whatever a port shows, so that what it covers need not be verified either. A port that was open
in evidence that has grown too old is a violation all the same: age takes passes away, and nothing else.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from auditor.findings.catalogue import FORBIDDEN_OPEN, NOT_FILTERED, REQUIRED_NOT_OPEN, UNEXPECTED_OPEN
from auditor.findings.conditions import Says, held_inward, permitting, required_inward, ruling
from auditor.findings.holds import state_of
from auditor.model.evidence import Kind
from auditor.model.expectation import Effect
from auditor.model.observed import Gap
from auditor.model.ports import NO_PORTS, PortSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from auditor.findings.conditions import Ruling
    from auditor.findings.making import Draft
    from auditor.findings.scene import Scene
    from auditor.model.expectation import Clause, Expectation
    from auditor.model.observed import View
    from auditor.model.policy import PolicyException, Rule
    from auditor.model.ports import Port

MANY = 32
"""So many ports of a host that answer *closed* are findings of their own; more are one."""

FLOOD = 1024
"""So many ports of a host that are open against the policy are findings of their own; more are one."""

_ADVICE = {
    "service": "find out what listens there, or correct the service in the rule",
    "process": "find out who started it, or correct the process in the rule",
    "bind": "bind the service to the address that the rule names",
}

Rulings = tuple[tuple["Port", "Ruling"], ...]


def is_strict(scene: Scene) -> bool:
    """Whether every port that is not permitted must stay silent."""
    return scene.host.dark or scene.view.expectation.otherwise_filtered is not None


def differences(scene: Scene, rulings: Rulings, otherwise: Rule | None) -> Iterator[Draft]:
    """Yield every difference that the view shows. ``otherwise`` is the rule that asks for *filtered*, if one does."""
    expectation, view = scene.view.expectation, scene.view
    loud = view.open | view.old_open
    yield from _each(
        loud & expectation.forbidden, FLOOD, expectation, partial(_forbidden, scene), partial(_forbidden_flood, scene)
    )
    unexpected = loud - expectation.permitted - expectation.forbidden
    yield from _each(unexpected, FLOOD, expectation, partial(_unexpected, scene), partial(_flood, scene))
    shut = (view.closed | view.filtered) - view.open_filtered - view.open  # what was open once excuses nothing
    for port in (expectation.required & shut) - _open_questions(view) - _in_order_inside(view):
        yield _not_open(scene, port)
    if is_strict(scene):
        one, many = partial(_answers, scene, otherwise), partial(_all_answer, scene, otherwise)
        yield from _each(view.refused - expectation.permitted - loud, MANY, expectation, one, many)
    yield from _failing(scene, rulings)


def unsettled(scene: Scene, rulings: Rulings, watched: PortSet) -> Iterator[Gap]:
    """Yield what the evidence does not settle, by address and reason; an empty port set is the whole subject.

    ``watched`` as :func:`watched_ports` gives it.
    """
    expectation, view = scene.view.expectation, scene.view
    quiet = watched - view.open - (view.old_open - expectation.permitted)
    told = False
    for gap in view.gaps:
        if not gap.ports or (ports := gap.ports & quiet):
            told = True
            yield Gap(address=gap.address, ports=ports if gap.ports else NO_PORTS, reason=gap.reason)
    stale_violation = view.old_open - expectation.permitted - expectation.excepted
    if not told and not stale_violation and not _anything_seen(view):
        # Whatever these ports are would do, and yet nobody has seen the host.
        yield Gap(reason=view.gaps[0].reason if view.gaps else "nothing was looked at")
    doubted = quiet & expectation.required if is_strict(scene) else quiet
    for at in view.at:
        if ports := at.open_filtered & view.open_filtered & doubted:
            yield Gap(address=at.address, ports=ports, reason="open|filtered: silence does not tell which")
        if is_strict(scene) and (ports := at.closed_filtered & quiet - expectation.permitted - view.refused):
            yield Gap(address=at.address, ports=ports, reason="closed|filtered: the evidence does not tell which")
    for port, ruled in rulings:
        if ruled.says is Says.UNKNOWN and port not in expectation.excepted:
            reason = next(outcome.reason for outcome in ruled.outcomes if outcome.says is Says.UNKNOWN)
            yield Gap(address=scene.addresses(port), ports=PortSet.of(port), reason=reason)


def watched_ports(expectation: Expectation) -> PortSet:
    """Return the ports whose state can make a difference, and that the policy asks to be looked at."""
    at_ease = (expectation.permitted - expectation.required) | expectation.excepted
    return (expectation.scope | expectation.required) - at_ease


def rule_on_conditions(view: View) -> Rulings:
    """Rule on every open port that a conditional item permits, and on those bound to loopback that one speaks of."""
    expectation = view.expectation
    conditional = NO_PORTS
    for clause in expectation.clauses:
        if clause.conditions is not None and clause.effect in (Effect.ALLOW, Effect.REQUIRE):
            conditional |= clause.ports
    if not conditional:
        return ()
    spoken_of = view.open | held_inward(view) | required_inward(expectation)
    ruled = ((port, ruling(view, port)) for port in conditional & expectation.permitted & spoken_of)
    return tuple((port, one) for port, one in ruled if one is not None)


def _in_order_inside(view: View) -> PortSet:
    """Return the ports required on loopback alone that are there, or that a view without a socket table cannot see."""
    wanted = required_inward(view.expectation)
    return wanted & held_inward(view) if Kind.SOCKETS in view.kinds else wanted


def _anything_seen(view: View) -> bool:
    return bool(view.open | view.closed | view.filtered | view.open_filtered)


def _open_questions(view: View) -> PortSet:
    found = NO_PORTS
    for gap in view.gaps:
        found |= gap.ports
    return found


def _each(
    ports: PortSet,
    limit: int,
    expectation: Expectation,
    one: Callable[[Port], Draft],
    many: Callable[[PortSet, PolicyException | None], Draft],
) -> Iterator[Draft]:
    """Yield a draft a port; above the limit one for all, and one for each exception that lifts some of them."""
    if len(ports) <= limit:
        yield from map(one, ports)
        return
    lifting: dict[PolicyException, PortSet] = {}
    for clause in expectation.clauses:
        if clause.exception is not None and (lifted := clause.ports & expectation.excepted & ports):
            ports -= lifted
            lifting[clause.exception] = lifting.get(clause.exception, NO_PORTS) | lifted
    for exception, lifted in lifting.items():
        yield many(lifted, exception)
    if ports:
        yield many(ports, None)


def _unexpected(scene: Scene, port: Port) -> Draft:
    return scene.single(
        UNEXPECTED_OPEN,
        port,
        expected=_shut(scene),
        actual=scene.state(port),
        message=f"{port} {scene.verb(port)} on {scene.place(port)} and nothing allows it",
        advice=f"close it, or allow it in a rule: allow: [{port}]",
        renewable=True,
    )


def _forbidden(scene: Scene, port: Port) -> Draft:
    clause = denying(scene.view.expectation, port)
    final = clause is not None and clause.effect is Effect.FINAL_DENY
    return scene.single(
        FORBIDDEN_OPEN,
        port,
        expected=_shut(scene),
        actual=scene.state(port),
        message=f"{port} {scene.verb(port)} on {scene.place(port)} and {named(clause)} forbids it",
        advice="close it: the rule is final, and no exception can lift it" if final else "close it",
        clause=clause,
        renewable=not final,
    )


def _not_open(scene: Scene, port: Port) -> Draft:
    clause = next(iter(permitting(scene.view.expectation, port)), None)
    state = state_of(scene.view, port)
    return scene.single(
        REQUIRED_NOT_OPEN,
        port,
        expected="open",
        actual=state,
        message=f"{port} is {state} on {scene.place(port)}, and {named(clause)} requires it to be open",
        advice="start the service or open the firewall; if it is gone for good, take the port out of 'require'",
        clause=clause,
        renewable=True,
    )


def _answers(scene: Scene, otherwise: Rule | None, port: Port) -> Draft:
    return scene.single(
        NOT_FILTERED,
        port,
        expected="filtered",
        actual="closed",
        message=f"{port} answers on {scene.place(port)}: it is closed, and {_silence_wanted(scene, otherwise)}",
        advice="have the firewall drop what is not allowed, instead of refusing it",
        location=scene.view.expectation.otherwise_filtered or scene.host.location,
        rule=otherwise,
    )


def _all_answer(scene: Scene, otherwise: Rule | None, ports: PortSet, exception: PolicyException | None) -> Draft:
    wanted = _silence_wanted(scene, otherwise)
    return scene.folded(
        NOT_FILTERED,
        ports,
        exception,
        expected="filtered",
        state="closed",
        message=f"{len(ports)} ports answer on {scene.place(None)}: they are closed, and {wanted}",
        advice="have the firewall drop what is not allowed, instead of refusing it",
        location=scene.view.expectation.otherwise_filtered or scene.host.location,
        rule=otherwise,
    )


def _flood(scene: Scene, ports: PortSet, exception: PolicyException | None) -> Draft:
    return scene.folded(
        UNEXPECTED_OPEN,
        ports,
        exception,
        expected=_shut(scene),
        state="open",
        message=f"{len(ports)} ports are open on {scene.place(None)} and nothing allows them",
        advice="look at the host: one that answers on every port mostly stands behind something that answers for it",
        location=scene.host.location,
        rule=None,
    )


def _forbidden_flood(scene: Scene, ports: PortSet, exception: PolicyException | None) -> Draft:
    clause = denying(scene.view.expectation, next(iter(ports)))
    return scene.folded(
        FORBIDDEN_OPEN,
        ports,
        exception,
        expected=_shut(scene),
        state="open",
        message=f"{len(ports)} ports are open on {scene.place(None)} and {named(clause)} forbids them",
        advice="close them",
        location=clause.location if clause else scene.host.location,
        rule=clause.rule if clause else None,
    )


def _failing(scene: Scene, rulings: Rulings) -> Iterator[Draft]:
    for port, ruled in rulings:
        for outcome in ruled.outcomes:
            if ruled.says is Says.FAILS and outcome.says is Says.FAILS:
                yield scene.single(
                    outcome.check,
                    port,
                    expected=outcome.expected,
                    actual=outcome.actual,
                    message=f"{port} on {scene.place(port)} is {outcome.actual}, and {named(ruled.clause)} wants it"
                    f" {outcome.expected}",
                    advice=_ADVICE[outcome.condition],
                    clause=ruled.clause,
                    renewable=True,
                )


def denying(expectation: Expectation, port: Port) -> Clause | None:
    """Return the strongest clause that forbids the port."""
    effects = (Effect.FINAL_DENY, Effect.DENY)
    return next((one for one in expectation.clauses if one.effect in effects and port in one.ports), None)


def named(clause: Clause | None) -> str:
    """``rule shopfront``."""
    return f"rule {clause.rule.id}" if clause and clause.rule else "the policy"


def _shut(scene: Scene) -> str:
    return "filtered" if is_strict(scene) else "closed or filtered"


def _silence_wanted(scene: Scene, otherwise: Rule | None) -> str:
    if otherwise is not None:
        return f"rule {otherwise.id} wants every other port filtered"
    return f"{scene.host.name} is declared dark" if scene.host.dark else "the policy wants every other port filtered"
