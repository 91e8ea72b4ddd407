"""Rules and exceptions, from located values to what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.model.network import NOWHERE, NetworkSet
from auditor.model.policy import (
    LOCAL,
    Approval,
    Conditions,
    HostSelector,
    PolicyException,
    PortItem,
    Rule,
    Severity,
)
from auditor.model.ports import NO_PORTS, PortSet
from auditor.policy.addresses import read_bind
from auditor.policy.nodes import check_name, day, flag, one_or_more, text, text_entries, texts, unknown, word

if TYPE_CHECKING:
    from collections.abc import Collection

    from auditor.files.located_yaml import Located
    from auditor.model.location import Location
    from auditor.policy.extends import Document
    from auditor.policy.port_items import PortReader
    from auditor.policy.problems import Problems
    from auditor.policy.spans import Spans

_CONDITIONS = ("service", "process", "bind")


class Entries:
    """The rules and exceptions of all files, in the order of files. Ids are unique over both."""

    def __init__(self, ports: PortReader, vantages: Collection[str], spans: Spans, problems: Problems) -> None:
        self.rules: list[Rule] = []
        self.exceptions: list[PolicyException] = []
        self._ports = ports
        self._vantages = {LOCAL, *vantages}
        self._spans = spans
        self._problems = problems
        self._ids: dict[str, Location] = {}

    def read(self, document: Document) -> None:
        """Add the rules and exceptions of one file."""
        rules, exceptions = document.root.fields.get("rules"), document.root.fields.get("exceptions")
        for number, node in enumerate(rules.items if rules else (), 1):
            if isinstance(node.data, dict):
                self.rules.append(self._rule(node, f"{document.label}#{number}", document.pack))
        for node in exceptions.items if exceptions else ():
            if isinstance(node.data, dict):
                self._add_exception(node)

    def _rule(self, node: Located, default_id: str, pack: str | None) -> Rule:
        severity = text(node, "severity")
        otherwise = node.fields.get("otherwise")
        return Rule(
            id=self._id(node) or default_id,
            hosts=_selectors(node),
            from_=self._from(node),
            allow=self._items(node, "allow"),
            require=self._items(node, "require"),
            deny=self._denied(node),
            otherwise_filtered=otherwise.location if otherwise else None,
            reason=text(node, "reason"),
            owner=text(node, "owner"),
            approved=self._approval(node),
            review_by=day(node, "review_by", self._problems),
            controls=texts(node.fields.get("controls")),
            severity=_severity(severity) if severity else None,
            final=flag(node, "final", default=False),
            unreviewed=not flag(node, "reviewed", default=True),
            pack=pack,
            location=node.location,
        )

    def _add_exception(self, node: Located) -> None:
        expires = day(node, "expires", self._problems)
        approved = self._approval(node)
        identity, reason, owner = self._id(node), text(node, "reason"), text(node, "owner")
        from_, ports = self._from(node), self._items(node, "ports")
        if expires:
            self._spans.check(node, expires, approved)
        if identity and reason and owner and expires:
            exception = PolicyException(
                id=identity,
                hosts=_selectors(node),
                from_=from_,
                ports=ports,
                reason=reason,
                owner=owner,
                approved=approved,
                expires=expires,
                location=node.location,
            )
            self.exceptions.append(exception)

    def _id(self, node: Located) -> str | None:
        identity = text(node, "id")
        if identity is None:
            return None
        place = node.fields["id"].location
        if check_name(identity, place, self._problems):
            first = self._ids.setdefault(identity, place)
            if first is not place:
                self._problems.add(place, f"the id '{identity:.80}' is taken at {first}", expected="unique ids")
        return identity

    def _from(self, node: Located) -> tuple[str, ...] | None:
        for entry in text_entries(node.fields.get("from")):
            if entry.data not in self._vantages:
                unknown("vantage", entry.data, self._vantages, entry.location, self._problems)
        return tuple(dict.fromkeys(texts(node.fields.get("from")))) or None

    def _approval(self, node: Located) -> Approval | None:
        found = node.fields.get("approved")
        if found is None:
            return None
        on, by = day(found, "on", self._problems), text(found, "by")
        return Approval(by=by, on=on, ticket=text(found, "ticket")) if by else None

    def _denied(self, node: Located) -> tuple[PortItem, ...]:
        for item in one_or_more(node.fields.get("deny")):
            for key in _CONDITIONS:
                if key in item.fields:
                    self._problems.add(item.key_location(key), f"'{key}' is a condition, and a 'deny' has none")
        return self._items(node, "deny")

    def _items(self, node: Located, key: str) -> tuple[PortItem, ...]:
        return tuple(map(self._item, one_or_more(node.fields.get(key))))

    def _item(self, node: Located) -> PortItem:
        if not isinstance(node.data, dict):
            ports = self._read_ports(node)
            return PortItem(text=str(node.data), ports=ports, location=node.location)
        ports, words = NO_PORTS, []
        for entry in one_or_more(node.fields.get("port")):
            ports |= self._read_ports(entry)
            words.append(str(entry.data))
        return PortItem(text=", ".join(words), ports=ports, conditions=self._conditions(node), location=node.location)

    def _read_ports(self, node: Located) -> PortSet:
        if isinstance(node.data, bool) or not isinstance(node.data, int | str) or node.data == "":
            return NO_PORTS
        return word(node, self._ports.read, self._problems) or NO_PORTS

    def _conditions(self, node: Located) -> Conditions | None:
        if not any(key in node.fields for key in _CONDITIONS):
            return None
        bind = node.fields.get("bind")
        return Conditions(
            service=text(node, "service"),
            process=text(node, "process"),
            bind=self._bind(bind) if bind else None,
            bind_text=", ".join(texts(bind)) or None,
        )

    def _bind(self, node: Located) -> NetworkSet:
        found = NOWHERE
        for entry in text_entries(node):
            found |= word(entry, read_bind, self._problems) or NOWHERE
        return found


def _selectors(node: Located) -> tuple[HostSelector, ...]:
    return tuple(
        HostSelector(text=entry.data, location=entry.location) for entry in text_entries(node.fields.get("hosts"))
    )


def _severity(word_: str) -> Severity | None:
    try:
        return Severity.parse(word_)
    except KeyError:  # the schema has said so
        return None
