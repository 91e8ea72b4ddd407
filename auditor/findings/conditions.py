"""Conditions of port items: service, process, bind. What the evidence of one view says of each.

A condition is judged on evidence that can speak to it: ``service`` on probes that spoke to the port, ``process`` and
``bind`` on socket tables. Evidence of that kind that does not know is *unknown*; none of that kind is *not assessed*.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from auditor.findings.catalogue import TOO_WIDE, UNEXPECTED_PROCESS, UNEXPECTED_SERVICE
from auditor.findings.making import plain
from auditor.findings.services import is_tls, satisfies, spoken, wants_any_tls
from auditor.model.expectation import Effect
from auditor.model.network import LOOPBACK, NetworkSet, parse_address
from auditor.model.policy import LOCAL
from auditor.model.ports import NO_PORTS, PortSet
from auditor.model.reach import bound_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model.evidence import Socket
    from auditor.model.expectation import Clause, Expectation
    from auditor.model.observed import AtAddress, View
    from auditor.model.ports import Port

_COMM = 15
"""The kernel keeps so many bytes of a process's name (proc(5), /proc/pid/comm)."""


class Says(Enum):
    """What the evidence says of one condition."""

    HOLDS = auto()
    FAILS = auto()
    UNKNOWN = auto()
    NOT_ASSESSED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One condition of one clause at one port.

    ``check`` and the phrases are for when it fails, ``reason`` is for when it is unknown.
    """

    condition: str
    says: Says
    check: str = ""
    expected: str = ""
    actual: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What the conditions of all clauses at one port come to: the clause that decides, and its outcomes.

    ``says`` is never *not assessed*: a clause of which nothing fails and nothing is unknown holds.
    """

    says: Says
    clause: Clause
    outcomes: tuple[Outcome, ...] = ()


def ruling(view: View, port: Port) -> Ruling | None:
    """Rule on a permitted port. Clauses are alternatives: the best one counts. None: no clause permits it."""
    found: Ruling | None = None
    for clause in permitting(view.expectation, port):
        outcomes = tuple(_outcomes(view, port, clause))
        says = _joined(outcomes)
        if says is Says.HOLDS and not outcomes:
            return Ruling(says=says, clause=clause)
        if found is None or _RANK[says] < _RANK[found.says]:
            found = Ruling(says=says, clause=clause, outcomes=outcomes)
    return found


def permitting(expectation: Expectation, port: Port) -> tuple[Clause, ...]:
    """Return the clauses that allow or require the port, the strongest first."""
    return tuple(
        clause
        for clause in expectation.clauses
        if clause.effect in (Effect.REQUIRE, Effect.ALLOW) and port in clause.ports
    )


def inward(clause: Clause) -> bool:
    """Whether a clause wants the port on loopback alone, where no vantage but the host's own can see it."""
    return clause.conditions is not None and clause.conditions.bind is not None and clause.conditions.bind <= LOOPBACK


def may_be_inward(clause: Clause) -> bool:
    """Whether a socket on loopback is what a clause speaks of, or one of the things."""
    bind = clause.conditions.bind if clause.conditions else None
    return bind is not None and not bind.isdisjoint(LOOPBACK)


def required_inward(expectation: Expectation) -> PortSet:
    """Return the ports that are required on loopback, and nowhere else."""
    inside, outside = NO_PORTS, NO_PORTS
    for clause in expectation.clauses:
        if clause.effect is Effect.REQUIRE and inward(clause):
            inside |= clause.ports
        elif clause.effect is Effect.REQUIRE:
            outside |= clause.ports
    return (inside - outside) & expectation.required


def held_inward(view: View) -> PortSet:
    """Return the ports that sockets bound to loopback hold."""
    return PortSet.of(*{socket.port for socket in view.inner})


_RANK = {Says.HOLDS: 0, Says.UNKNOWN: 1, Says.FAILS: 2}


def _joined(outcomes: tuple[Outcome, ...]) -> Says:
    heard = {outcome.says for outcome in outcomes}
    if Says.FAILS in heard:
        return Says.FAILS
    return Says.UNKNOWN if Says.UNKNOWN in heard else Says.HOLDS


def _outcomes(view: View, port: Port, clause: Clause) -> Iterator[Outcome]:
    conditions = clause.conditions
    if conditions is None:
        return
    sockets = _sockets(view, port, conditions.bind)
    if conditions.service is not None:
        yield _service(view, port, conditions.service)
    if conditions.process is not None:
        yield _process(sockets, conditions.process)
    if conditions.bind is not None:
        yield _bind(view, port, sockets, conditions.bind, conditions.bind_text or str(conditions.bind))


def _sockets(view: View, port: Port, bind: NetworkSet | None) -> tuple[Socket, ...]:
    """Return the sockets that a clause speaks of: those that the view reaches, or else loopback's if it names those."""
    reached = tuple(socket for socket in view.sockets if socket.port == port)
    if reached or bind is None or bind.isdisjoint(LOOPBACK):
        return reached
    return tuple(socket for socket in view.inner if socket.port == port)


def _service(view: View, port: Port, wanted: str) -> Outcome:
    places = [at for at in view.at if port in at.open]
    if not places:
        return Outcome(condition="service", says=Says.NOT_ASSESSED)
    answers = [_answer(at, port, wanted) for at in places]
    wrong = next((said for says, said in answers if says is Says.FAILS), None)
    if wrong is not None:
        actual = plain(wrong)
        expected = f"open ({wanted})"
        return Outcome(
            condition="service", says=Says.FAILS, check=UNEXPECTED_SERVICE, expected=expected, actual=f"open ({actual})"
        )
    if all(says is Says.HOLDS for says, _ in answers):
        return Outcome(condition="service", says=Says.HOLDS)
    return Outcome(condition="service", says=Says.UNKNOWN, reason="the service was not identified")


def _answer(at: AtAddress, port: Port, wanted: str) -> tuple[Says, str]:
    """Judge what answered at one address; a name looked up by number proves nothing."""
    found = Says.UNKNOWN
    for service in at.services:
        if service.port != port or service.method != "probed":
            continue
        seen = spoken(service.service, tls=service.tls)
        if seen is None:
            if wants_any_tls(wanted) and is_tls(service.service, tls=service.tls):
                found = Says.HOLDS
            continue
        if not satisfies(wanted, seen):
            return Says.FAILS, f"{seen.protocol} over TLS" if seen.tls else seen.protocol
        found = Says.HOLDS
    return found, wanted


def _process(sockets: tuple[Socket, ...], wanted: str) -> Outcome:
    if not sockets:
        return Outcome(condition="process", says=Says.NOT_ASSESSED)
    wrong = [socket.process for socket in sockets if socket.process is not None and not _is(socket.process, wanted)]
    if wrong:
        return Outcome(
            condition="process",
            says=Says.FAILS,
            check=UNEXPECTED_PROCESS,
            expected=f"open ({wanted})",
            actual=f"open ({plain(wrong[0])})",
        )
    if all(socket.process is not None for socket in sockets):
        return Outcome(condition="process", says=Says.HOLDS)
    return Outcome(
        condition="process", says=Says.UNKNOWN, reason="the process is hidden from the user who read the sockets"
    )


def _is(process: str, wanted: str) -> bool:
    names = {process, process.rpartition("/")[2]}
    short = wanted.rpartition("/")[2].encode()[:_COMM].decode(errors="ignore")
    return wanted in names or wanted.rpartition("/")[2] in names or (len(short.encode()) == _COMM and short in names)


def _bind(view: View, port: Port, sockets: tuple[Socket, ...], bind: NetworkSet, text: str) -> Outcome:
    expected = f"bound to {text}"
    wide = [socket.address for socket in sockets if not bound_to(socket) <= bind]
    if wide:
        return Outcome(
            condition="bind", says=Says.FAILS, check=TOO_WIDE, expected=expected, actual=f"bound to {plain(wide[0])}"
        )
    if sockets:
        return Outcome(condition="bind", says=Says.HOLDS)
    if view.vantage != LOCAL and bind <= LOOPBACK and (seen := _beyond_loopback(view, port)):
        return Outcome(
            condition="bind", says=Says.FAILS, check=TOO_WIDE, expected=expected, actual=f"reachable at {seen}"
        )
    return Outcome(condition="bind", says=Says.NOT_ASSESSED)


def _beyond_loopback(view: View, port: Port) -> str | None:
    """Return an address at which a probe found the port open and which no socket bound to loopback answers at."""
    for at in view.at:
        if at.address is not None and port in at.open and parse_address(at.address) not in LOOPBACK:
            return at.address
    return None
