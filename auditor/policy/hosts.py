"""The hosts that the files of a policy declare, or point to in an inventory."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from auditor.errors import PolicyError
from auditor.files.validate import quoted
from auditor.model.policy import AddressKind, Host, HostAddress, PolicyFile
from auditor.policy.addresses import read_host_address
from auditor.policy.extends import blame
from auditor.policy.logins import read_login, with_logins
from auditor.policy.nodes import flag, text, text_entries, texts, word
from auditor.policy.words import NAME_RULE, is_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.files.located_yaml import Located
    from auditor.model.location import Location
    from auditor.policy.extends import Document
    from auditor.policy.problems import Problems

_TAG = "tag:"


class Hosts:
    """The hosts of all files by name, joined as they come, and the inventories they came from."""

    def __init__(self, problems: Problems) -> None:
        self.by_name: dict[str, Host] = {}
        self.inventories: list[PolicyFile] = []
        self.location: Location | None = None
        self._problems = problems
        self._addresses: dict[object, Host] = {}
        self._aliases: dict[str, Host] = {}

    def read(self, document: Document) -> None:
        """Add the hosts of one file."""
        section = document.root.fields.get("hosts")
        if section is None:
            return
        self.location = self.location or document.root.key_location("hosts")
        for part in section.items if isinstance(section.data, list) else (section,):
            if "from" in part.fields:
                self._read_inventory(part, document)
            else:
                self._read_mapping(part)

    def check_aliases(self) -> None:
        """Note aliases that mean two hosts, once all hosts are known."""
        for alias, host in self._aliases.items():
            named = self.by_name.get(alias)
            if named is not None and named is not host:
                self._problems.add(host.location, f"the alias {quoted(alias)} is the name of another host")

    def _read_mapping(self, section: Located) -> None:
        for name, node in section.fields.items():
            place = section.key_location(name)
            if not is_name(name) or name.startswith(_TAG):
                self._problems.add(place, f"{quoted(name)} cannot name a host", expected=NAME_RULE)
                continue
            host = self._host(name, node, place)
            if host is not None:
                self._join(host)

    def _host(self, name: str, node: Located, place: Location) -> Host | None:
        addresses = self._read_addresses(node.fields.get("address") if isinstance(node.data, dict) else node)
        if not addresses:
            return None
        if not node.fields:
            return Host(name=name, addresses=addresses, location=place)
        return Host(
            name=name,
            addresses=addresses,
            tags=self._tags(node.fields.get("tags")),
            aliases=tuple(dict.fromkeys(texts(node.fields.get("aliases")))),
            dark=flag(node, "dark", default=False),
            ssh=read_login(node.fields.get("ssh"), addresses, self._problems),
            location=place,
        )

    def _read_addresses(self, node: Located | None) -> tuple[HostAddress, ...]:
        read = (word(entry, read_host_address, self._problems) for entry in text_entries(node))
        return tuple(dict.fromkeys(address for address in read if address is not None))

    def _tags(self, node: Located | None) -> tuple[str, ...]:
        for entry in text_entries(node):
            if not is_name(entry.data):
                self._problems.add(entry.location, f"{quoted(entry.data)} is not a tag", expected=NAME_RULE)
        return tuple(dict.fromkeys(texts(node)))

    def _read_inventory(self, node: Located, document: Document) -> None:
        form, name = text(node, "from"), text(node, "file")
        if form not in ("ansible", "list") or name is None:
            return
        from auditor.policy.inventory import read_inventory

        path, shown = document.beside(name)
        try:
            hosts = read_inventory(path, shown, form)
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        except PolicyError as error:
            self._problems.extend(blame(error.problems, node.fields["file"].location))
            return
        self.inventories.append(PolicyFile(path=shown, sha256=sha256))
        self._join_all(with_logins(hosts, node.fields.get("ssh"), self._problems))

    def _join_all(self, hosts: Iterable[Host]) -> None:
        for host in hosts:
            self._join(host)

    def _join(self, host: Host) -> None:
        known = self.by_name.get(host.name)
        if known is None:
            self.by_name[host.name] = host
            self._check_addresses(host)
            self._check_aliases(host)
        elif _meaning(known) != _meaning(host):
            self._problems.add(host.location, f"the host '{host.name:.80}' is declared differently at {known.location}")

    def _check_addresses(self, host: Host) -> None:
        for address in host.addresses:
            other = self._addresses.setdefault(_identity(address), host)
            if other is not host:
                self._problems.add(
                    host.location,
                    f"'{host.name:.80}' has the address {address.text} of '{other.name:.80}' at {other.location}",
                    expected="each address to belong to one host",
                )

    def _check_aliases(self, host: Host) -> None:
        for alias in host.aliases:
            other = self._aliases.setdefault(alias, host)
            if other is not host:
                self._problems.add(
                    host.location,
                    f"'{host.name:.80}' has the alias {quoted(alias)} of '{other.name:.80}' at {other.location}",
                )


def _meaning(host: Host) -> tuple[object, ...]:
    return (host.addresses, frozenset(host.tags), frozenset(host.aliases), host.dark, host.ssh)


def _identity(address: HostAddress) -> object:
    return address.text.removesuffix(".").casefold() if address.kind is AddressKind.NAME else address.text
