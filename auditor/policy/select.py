"""What the ``hosts:`` lists of rules and exceptions, and ``--only``, mean. Between loading a policy and resolving it.

One entry is

- a host's name, or a glob over names (``web-*``; ``*``, ``?`` and ``[…]`` as in :mod:`fnmatch`, case matters);
- ``tag:NAME``, where NAME may be a glob: hosts with such a tag;
- an address: the host that has it;
- a network in CIDR form: hosts whose literal addresses of that family, at least one, are *all* inside it. A permission
  for ``10.0.0.0/8`` is thus none for a host that also has an IPv4 address elsewhere; its IPv6 addresses do not matter.
  A host that is known by its DNS name alone is in no network;
- any of these after ``!``: it takes hosts out.

A list means the hosts that any of its entries matches, less those that a ``!`` entry matches. A list of nothing but
``!`` entries starts from all hosts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import Problem, UsageError
from auditor.files.suggest import nearest
from auditor.model.location import Location
from auditor.model.policy import HostSelector
from auditor.policy.entries import Entries, malformed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditor.model.policy import Host, Policy

_MOST_SUGGESTIONS = 20
"""Looking for a near name takes milliseconds where there are thousands; nobody reads more suggestions than this."""


def matches(selectors: Sequence[HostSelector], host: Host) -> bool:
    """Whether the list means this host. For many hosts or lists, :class:`Selection` is quick."""
    return bool(Selection([selectors]).applying(host))


def parse_only(policy: Policy, texts: Sequence[str], *, option: str = "--only") -> tuple[Host, ...]:
    """Return the hosts that ``--only``, or another option, means, in policy order.

    Each text holds one entry, or several with commas.

    :raises UsageError: an entry that matches nothing, or all hosts taken out.
    """
    entries = [entry.strip() for text in texts for entry in text.split(",")]
    selectors = [HostSelector(text=entry, location=Location(file=option)) for entry in entries]
    selection = Selection([selectors])
    chosen = tuple(host for host in policy.hosts.values() if selection.applying(host))
    problems = _unmatched(policy, _all_matched(policy, selection), [selectors])
    if problems or not chosen:
        raise UsageError("\n".join(map(str, problems)) or f"{option}: '{','.join(entries)}' matches no host")
    return chosen


def check(policy: Policy) -> list[Problem]:
    """Find every entry of a rule or exception that matches no host, and every list that means none.

    The rules of shipped packs are left out: a pack speaks of roles that a policy need not have.
    """
    lists = [rule.hosts for rule in policy.rules if rule.pack is None]
    lists += [exception.hosts for exception in policy.exceptions]
    selection = Selection(lists)
    matched = _all_matched(policy, selection)
    meant: set[int] = set()
    for entries in matched:
        meant.update(selection.decide(entries))
    problems = _unmatched(policy, matched, lists)
    blamed = {problem.location for problem in problems}
    for index, selectors in enumerate(lists):
        if index not in meant and not any(selector.location in blamed for selector in selectors):
            message = "the list matches no host: its '!' entries take out all that the others match"
            problems.append(Problem(location=selectors[0].location, message=message))
    return problems


class Selection:
    """Many selector lists, made ready for many hosts; hosts that match the same entries share an answer."""

    def __init__(self, lists: Iterable[Sequence[HostSelector]]) -> None:
        """Prepare the lists, which are then spoken of by their position."""
        self._taken_out: list[frozenset[str]] = []
        self._wanted_by: dict[str, list[int]] = {}
        self._from_all: list[int] = []
        self._answers: dict[frozenset[str], tuple[int, ...]] = {}
        for index, selectors in enumerate(lists):
            wanted = dict.fromkeys(selector.text for selector in selectors if not selector.text.startswith("!"))
            self._taken_out.append(frozenset(_entry(selector) for selector in selectors if selector.text not in wanted))
            for text in wanted:
                self._wanted_by.setdefault(text, []).append(index)
            if not wanted:
                self._from_all.append(index)
        self._entries = Entries({*self._wanted_by, *(text for taken_out in self._taken_out for text in taken_out)})

    def applying(self, host: Host) -> tuple[int, ...]:
        """Positions of the lists that mean this host, ascending."""
        matched = self.matched(host)
        answer = self._answers.get(matched)
        if answer is None:
            answer = self._answers[matched] = self.decide(matched)
        return answer

    def matched(self, host: Host) -> frozenset[str]:
        """The entries, without their ``!``, that match this host."""
        return self._entries.of(host)

    def decide(self, matched: frozenset[str]) -> tuple[int, ...]:
        """Positions of the lists that mean a host which these entries match, ascending."""
        meant = set(self._from_all)
        for text in matched:
            meant.update(self._wanted_by.get(text, ()))
        return tuple(sorted(index for index in meant if self._taken_out[index].isdisjoint(matched)))


def _entry(selector: HostSelector) -> str:
    return selector.text.removeprefix("!")


def _all_matched(policy: Policy, selection: Selection) -> set[frozenset[str]]:
    return {selection.matched(host) for host in policy.hosts.values()}


def _unmatched(policy: Policy, matched: set[frozenset[str]], lists: Sequence[Sequence[HostSelector]]) -> list[Problem]:
    known = frozenset().union(*matched)
    unmatched = [selector for selectors in lists for selector in selectors if _entry(selector) not in known]
    return [_problem(policy, selector, suggest=at < _MOST_SUGGESTIONS) for at, selector in enumerate(unmatched)]


def _problem(policy: Policy, selector: HostSelector, *, suggest: bool) -> Problem:
    entry = _entry(selector)
    if reason := malformed(entry):
        expected = "a host's name, a glob, tag:NAME, an address or a network, such as 192.0.2.0/24"
        return Problem(location=selector.location, message=f"'{selector.text:.80}': {reason}", expected=expected)
    return Problem(
        location=selector.location,
        message=f"'{selector.text:.80}' matches no host",
        suggestion=_nearest(policy, entry) if suggest else None,
    )


def _nearest(policy: Policy, entry: str) -> str | None:
    tags = dict.fromkeys(f"tag:{tag}" for host in policy.hosts.values() for tag in host.tags)
    if f"tag:{entry}" in tags:
        return f"tag:{entry}"
    return nearest(entry, [*policy.hosts, *tags])
