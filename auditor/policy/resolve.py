"""From a policy to what it expects of one (host, vantage): a pure function, with provenance. After load, before plan.

Order never matters. For one port: a final ``deny``, then a live exception, then ``deny``, then ``require`` and
``allow``, then the default, which is *not allowed*. Rules add up. Hosts that the same rules and exceptions apply to
share one expectation.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from auditor.model.expectation import Clause, Effect, Expectation
from auditor.model.policy import LOCAL, Named, PolicyException, Rule
from auditor.model.ports import PortSet, Protocol
from auditor.policy.select import Selection

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from auditor.model.location import Location
    from auditor.model.policy import Host, Policy

_STRENGTH = {effect: rank for rank, effect in enumerate(Effect)}

Entry = Rule | PolicyException


class Resolver:
    """One policy, ready to say what it expects of each of its hosts on one day."""

    def __init__(self, policy: Policy, today: date) -> None:
        """Prepare; ``today`` is in UTC and decides which exceptions are live."""
        self._scan = policy.scan
        self._today = today
        self._entries: tuple[Entry, ...] = (*policy.rules, *policy.exceptions)
        self._clauses = [tuple(_clauses(entry)) for entry in self._entries]
        self._selection = Selection([entry.hosts for entry in self._entries])
        self._places = (None, *(name for name in policy.vantage_names if name != LOCAL))
        self._from_vantage: dict[tuple[tuple[int, ...], str | None], Expectation] = {}
        self._from_anywhere: dict[tuple[int, ...], Expectation] = {}
        self._scopes: dict[tuple[int, ...], PortSet] = {}

    def expectation(self, host: Host, vantage: str | None) -> Expectation:
        """What is expected of the host as seen from a vantage.

        Rules and exceptions without ``from`` apply at every vantage, ``local`` included; at the unnamed vantage (None)
        they alone do.
        """
        return self._view(self._selection.applying(host), vantage)

    def network_expectation(self, host: Host) -> Expectation:
        """What is expected of the host's listening sockets, which say nothing of vantages.

        A port may be open if it may be so from somewhere: from a vantage of the policy, or from a place that it does
        not name, where what has no ``from`` applies. It is required or excepted if it is so from somewhere, and
        forbidden if it is denied somewhere and permitted nowhere. No socket table can show *filtered*.
        """
        applying = self._selection.applying(host)
        found = self._from_anywhere.get(applying)
        if found is None:
            found = self._from_anywhere[applying] = self._anywhere(applying)
        return found

    def _view(self, applying: tuple[int, ...], vantage: str | None) -> Expectation:
        found = self._from_vantage.get((applying, vantage))
        if found is None:
            found = self._from_vantage[applying, vantage] = self._at(applying, vantage)
        return found

    def _at(self, applying: tuple[int, ...], vantage: str | None) -> Expectation:
        here = [index for index in applying if _speaks_at(self._entries[index], vantage)]
        clauses, expired = self._provenance(here)
        final, denied = _union(clauses, Effect.FINAL_DENY), _union(clauses, Effect.FINAL_DENY, Effect.DENY)
        return Expectation(
            scope=self._scope(applying),
            clauses=clauses,
            expired=expired,
            permitted=_union(clauses, Effect.REQUIRE, Effect.ALLOW) - denied,
            required=_union(clauses, Effect.REQUIRE) - denied,
            forbidden=denied,
            excepted=_union(clauses, Effect.EXCEPTION) - final,
            otherwise_filtered=self._otherwise(here),
        )

    def _anywhere(self, applying: tuple[int, ...]) -> Expectation:
        views = [self._view(applying, place) for place in self._places]
        clauses, expired = self._provenance(
            index for index in applying if any(_speaks_at(self._entries[index], place) for place in self._places)
        )
        permitted = _joined(view.permitted for view in views)
        return Expectation(
            scope=self._scope(applying),
            clauses=clauses,
            expired=expired,
            permitted=permitted,
            required=_joined(view.required for view in views),
            forbidden=_joined(view.forbidden for view in views) - permitted,
            excepted=_joined(view.excepted for view in views),
        )

    def _provenance(self, indices: Iterable[int]) -> tuple[tuple[Clause, ...], tuple[Clause, ...]]:
        """The clauses of these entries, strongest first, and those of exceptions that have run out."""
        clauses = sorted(chain.from_iterable(self._clauses[index] for index in indices), key=_rank)
        live = tuple(clause for clause in clauses if not self._has_run_out(clause))
        return live, tuple(clause for clause in clauses if self._has_run_out(clause))

    def _has_run_out(self, clause: Clause) -> bool:
        return clause.exception is not None and self._today > clause.exception.expires

    def _otherwise(self, indices: Iterable[int]) -> Location | None:
        asking = {
            entry.id: entry.otherwise_filtered
            for entry in (self._entries[index] for index in indices)
            if isinstance(entry, Rule) and entry.otherwise_filtered
        }
        return asking[min(asking)] if asking else None

    def _scope(self, applying: tuple[int, ...]) -> PortSet:
        found = self._scopes.get(applying)
        if found is None:
            named = _joined(clause.ports for index in applying for clause in self._clauses[index])
            found = _asked(self._scan.tcp, named, Protocol.TCP) | _asked(self._scan.udp, named, Protocol.UDP)
            self._scopes[applying] = found
        return found


def _clauses(entry: Entry) -> Iterator[Clause]:
    if isinstance(entry, PolicyException):
        for item in entry.ports:
            yield Clause(effect=Effect.EXCEPTION, item=item, exception=entry)
        return
    for item in entry.deny:
        yield Clause(effect=Effect.FINAL_DENY if entry.final else Effect.DENY, item=item, rule=entry)
    for item in entry.require:
        yield Clause(effect=Effect.REQUIRE, item=item, rule=entry)
    for item in entry.allow:
        yield Clause(effect=Effect.ALLOW, item=item, rule=entry)


def _speaks_at(entry: Entry, vantage: str | None) -> bool:
    return entry.from_ is None or vantage in entry.from_


def _rank(clause: Clause) -> tuple[int, bool, str]:
    """Strength, then no conditions before conditions, then id; sorting is stable: items of one entry stay in order."""
    owner = clause.rule or clause.exception
    return _STRENGTH[clause.effect], clause.conditions is not None, owner.id if owner else ""


def _union(clauses: Sequence[Clause], *effects: Effect) -> PortSet:
    return _joined(clause.ports for clause in clauses if clause.effect in effects)


def _joined(sets: Iterable[PortSet]) -> PortSet:
    return PortSet(span for ports in sets for span in ports.ranges())


def _asked(wanted: PortSet | Named, named: PortSet, protocol: Protocol) -> PortSet:
    return named.only(protocol) if isinstance(wanted, Named) else wanted.only(protocol)
