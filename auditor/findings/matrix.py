"""Declared, listening, reachable: every port of one subject beside what the policy says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.findings.sights import state_in
from auditor.model.evidence import Kind
from auditor.model.findings import Matrix, MatrixRow
from auditor.model.policy import LOCAL

if TYPE_CHECKING:
    from auditor.findings.sights import Sights
    from auditor.model.expectation import Expectation, Expecting
    from auditor.model.observed import Reconciled
    from auditor.model.policy import Policy
    from auditor.model.ports import Port


def matrix_of(reconciled: Reconciled, sights: Sights, policy: Policy, expecting: Expecting) -> Matrix:
    """Lay out the ports of a subject, ascending, those that the policy requires or denies among them if seen."""
    host = reconciled.host
    places = [name for name in policy.vantage_names if name != LOCAL] if policy.limits_vantages else []
    expected = {name: expecting.expectation(host, name) for name in places}
    general = expecting.network_expectation(host)
    return Matrix(
        host=host.name,
        member=reconciled.member,
        vantages=sights.vantages,
        rows=tuple(_row(port, sights, _says(port, general, expected)) for port in sights.ports | general.required),
    )


def _row(port: Port, sights: Sights, policy: str) -> MatrixRow:
    published, listening = sights.published(port), sights.listening(port)
    return MatrixRow(
        port=port,
        policy=policy,
        declared=published if sights.is_known(Kind.DECLARED, port) else None,
        listening=listening.removeprefix("listening on ") if sights.is_known(Kind.SOCKETS, port) else None,
        reachable=tuple(state_in(view, port) or None for view in sights.probed),
        locations=tuple(sight.location for sight in sights.of(port) if sight.location is not None),
    )


def _says(port: Port, general: Expectation, expected: dict[str, Expectation]) -> str:
    """What the policy says of a port, with the vantages that a permission is limited to."""
    word = _word(port, general)
    if word not in ("required", "allowed") or not expected:
        return word
    permitting = [name for name, one in expected.items() if port in one.permitted]
    return word if len(permitting) == len(expected) else f"{word} from {', '.join(permitting)}"


def _word(port: Port, expectation: Expectation) -> str:
    if port in expectation.forbidden:
        return "excepted" if port in expectation.excepted else "denied"
    if port in expectation.required:
        return "required"
    if port in expectation.permitted:
        return "allowed"
    return "excepted" if port in expectation.excepted else "not allowed"
