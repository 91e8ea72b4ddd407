"""The team's own names for groups of ports, which may name each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.files.validate import quoted
from auditor.model.ports import NO_PORTS, PortSet
from auditor.policy.nodes import one_or_more, word
from auditor.policy.port_items import RANGES, PortReader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.files.located_yaml import Located
    from auditor.model.location import Location
    from auditor.policy.extends import Document
    from auditor.policy.problems import Problems

_MAX_CHAIN = 32


class Services:
    """The services of all files. A name means exactly what its entry lists, and outranks the registry's."""

    def __init__(self, documents: Sequence[Document], problems: Problems) -> None:
        self._problems = problems
        self._entries: dict[str, tuple[str, Located, Location]] = {}
        self._resolved: dict[str, PortSet] = {}
        self.ports = PortReader(self._resolved)
        repeated = [found for document in documents for found in self._declare(document)]
        for name in list(self._entries):
            self._resolve(name, ())
        for name, node, place in repeated:
            self._compare(name, node, place)

    @property
    def by_name(self) -> Mapping[str, PortSet]:
        """What each name means, as the files write it."""
        return {name: self._resolved[folded] for folded, (name, _, _) in self._entries.items()}

    def _declare(self, document: Document) -> list[tuple[str, Located, Location]]:
        section = document.root.fields.get("services")
        repeated = []
        for name, node in section.fields.items() if section else ():
            place = section.key_location(name) if section else node.location
            folded = name.casefold()
            if folded in self._entries:
                repeated.append((folded, node, place))
            elif self._is_free(name, place):
                self._entries[folded] = (name, node, place)
        return repeated

    def _is_free(self, name: str, place: Location) -> bool:
        if name.casefold() in RANGES:
            self._problems.add(place, f"{quoted(name)} is the name of a range of ports", expected="another name")
            return False
        if not (name[:1].isalpha() and all(letter.isalnum() or letter in "._-" for letter in name)):
            self._problems.add(
                place, f"{quoted(name)} cannot name a service", expected="a letter, then letters, digits and . _ -"
            )
            return False
        return True

    def _resolve(self, folded: str, chain: tuple[str, ...]) -> None:
        if folded in self._resolved:
            return
        name, node, place = self._entries[folded]
        if folded in chain or len(chain) >= _MAX_CHAIN:
            way = " → ".join([*chain[chain.index(folded) :], folded]) if folded in chain else name
            self._problems.add(place, f"services refer to each other in a circle or too deep: {way}")
            self._resolved[folded] = NO_PORTS
            return
        for item in one_or_more(node):
            referred = _referred(item)
            if referred in self._entries:
                self._resolve(referred, (*chain, folded))
        self._resolved.setdefault(folded, self._read(node))

    def _read(self, node: Located) -> PortSet:
        found = NO_PORTS
        for item in one_or_more(node):
            if isinstance(item.data, int | str) and not isinstance(item.data, bool):
                found |= word(item, self.ports.read, self._problems) or NO_PORTS
        return found

    def _compare(self, folded: str, node: Located, place: Location) -> None:
        name, _, first = self._entries[folded]
        if self._read(node) != self._resolved[folded]:
            self._problems.add(place, f"the service '{name:.80}' is declared differently at {first}")


def _referred(item: Located) -> str:
    return item.data.partition("/")[0].strip().casefold() if isinstance(item.data, str) else ""
