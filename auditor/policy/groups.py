"""Hosts and the groups they are in, as an inventory tells them piece by piece. Under ``policy.inventory``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.errors import PolicyError, Problem
from auditor.files.suggest import nearest
from auditor.files.validate import quoted
from auditor.model.location import Location
from auditor.model.policy import Host
from auditor.policy.addresses import read_host_address
from auditor.policy.host_patterns import MAX_HOSTS
from auditor.policy.words import NAME_RULE, WrongWordError, is_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.files.text import SourceText
    from auditor.model.policy import HostAddress

ADDRESS_VARIABLES = ("ansible_host", "ansible_ssh_host")
"""Ansible's variables that say where a host is; the second is the name of Ansible 1."""

_EVERYTHING = frozenset({"all", "ungrouped"})
"""Groups that every inventory has; they say nothing of a host."""

_MOST_PROBLEMS = 100

_MOST_STEPS = 2_000_000
"""From group to group above it; real inventories take thousands."""


@dataclass(slots=True)
class _Seen:
    """A host so far. ``addresses`` as written, each with its place; empty: the name is the address."""

    location: Location
    addresses: dict[str, Location] = field(default_factory=dict)
    groups: dict[str, None] = field(default_factory=dict)


class Groups:
    """What an inventory has told so far, and what is wrong with it."""

    def __init__(self, source: SourceText) -> None:
        self._source = source
        self._hosts: dict[str, _Seen] = {}
        self._groups: set[str] = set()
        self._parents: dict[str, dict[str, Location]] = {}
        self._problems: list[Problem] = []
        self._steps = 0
        self._tags: dict[tuple[str, ...], tuple[str, ...]] = {}

    def add_host(self, name: str, location: Location, groups: Iterable[str] = ()) -> bool:
        """Note a host, or that a known one is in these groups too. Returns whether it was new."""
        seen = self._hosts.get(name)
        if seen:
            seen.groups.update(dict.fromkeys(groups))
            return False
        if not is_name(name):
            self.problem(location, f"{quoted(name)} cannot be a host's name", expected=NAME_RULE)
        if len(self._hosts) >= MAX_HOSTS:
            self.problem(location, f"more than {MAX_HOSTS:,} hosts")
            self.raise_problems()
        self._hosts[name] = _Seen(location, groups=dict.fromkeys(groups))
        return True

    def add_address(self, name: str, text: str, location: Location) -> None:
        """Note an address, perhaps one of several, of a known host."""
        self._hosts[name].addresses.setdefault(text, location)

    def set_address(self, name: str, text: str, location: Location) -> None:
        """Note the only address of a known host."""
        addresses = self._hosts[name].addresses
        if "{{" in text:
            expected = "an address; 'ansible-inventory --list' writes it out"
            self.problem(location, f"{quoted(text)} is a template, which Ansible alone can fill in", expected=expected)
        elif addresses and text not in addresses:
            self.problem(location, f"{quoted(name)} has another address: {quoted(next(iter(addresses)))}")
        else:
            addresses[text] = location

    def refuse_address(self, variable: str, location: Location) -> None:
        """Note a problem if a group's variable would be the address of all its hosts."""
        if variable in ADDRESS_VARIABLES:
            self.problem(location, f"'{variable}' is set for a whole group", expected="it at each host")

    def add_group(self, name: str, location: Location) -> None:
        """Note a group."""
        if name not in self._groups and not is_name(name):
            self.problem(location, f"{quoted(name)} cannot be a tag", expected=NAME_RULE)
        self._groups.add(name)

    def require_group(self, name: str, location: Location) -> None:
        """Note a problem if no such group was noted."""
        if name not in self._groups:
            message = f"{quoted(name)} is not a group of this inventory"
            self.problem(location, message, suggestion=nearest(name, self._groups))

    def add_child(self, parent: str, child: str, location: Location) -> None:
        """Note that a group is inside another."""
        self._parents.setdefault(child, {}).setdefault(parent, location)

    def problem(
        self, location: Location, message: str, *, expected: str | None = None, suggestion: str | None = None
    ) -> None:
        """Note a problem; beyond a number that anybody reads, give up."""
        self._problems.append(Problem(location=location, message=message, expected=expected, suggestion=suggestion))
        if len(self._problems) >= _MOST_PROBLEMS:
            self.raise_problems()

    def raise_problems(self) -> None:
        """Raise what was found, if anything.

        :raises PolicyError: something was.
        """
        if self._problems:
            raise PolicyError(self._problems)

    def hosts(self) -> tuple[Host, ...]:
        """All hosts, in order of appearance, with every group above them as tags, sorted.

        :raises PolicyError: there are problems, or no hosts.
        """
        above = {group: frozenset(self._ancestors(group)) for group in [*self._parents]}
        found = tuple(self._host(name, seen, above) for name, seen in self._hosts.items())
        if not found and not self._problems:
            self.problem(Location(file=self._source.file), "the inventory names no hosts")
        self.raise_problems()
        return found

    def _host(self, name: str, seen: _Seen, above: dict[str, frozenset[str]]) -> Host:
        groups = tuple(seen.groups)
        if groups not in self._tags:
            tags = set(groups).union(*(above.get(group, ()) for group in groups)) - _EVERYTHING
            self._tags[groups] = tuple(sorted(tags))
        addresses = tuple(self._addresses(seen.addresses or {name: seen.location}))
        return Host(name=name, addresses=addresses, tags=self._tags[groups], location=seen.location)

    def _addresses(self, texts: dict[str, Location]) -> Iterator[HostAddress]:
        for text, location in texts.items():
            try:
                yield read_host_address(text)
            except WrongWordError as error:
                self.problem(location, error.message, expected=error.expected, suggestion=error.suggestion)

    def _ancestors(self, group: str) -> set[str]:
        found: set[str] = set()
        waiting = [group]
        while waiting:
            for parent, location in self._parents.get(waiting.pop(), {}).items():
                self._steps += 1
                if self._steps > _MOST_STEPS:
                    self.problem(location, "the groups are inside each other in too many ways")
                    self.raise_problems()
                if parent == group:
                    self.problem(location, f"the group {quoted(group)} is inside itself")
                elif parent not in found:
                    found.add(parent)
                    waiting.append(parent)
        return found
