"""Which entries of selector lists match a host: the index under ``policy.select``, which says what they mean.

Exact names, tags, addresses and ``prefix*`` globs are looked up, whatever their number; other globs and networks are
tested one by one.
"""

from __future__ import annotations

import re
from fnmatch import translate
from ipaddress import ip_network
from typing import TYPE_CHECKING

from auditor.model.network import NetworkSet
from auditor.model.policy import AddressKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from auditor.model.policy import Host

_TAG = "tag:"
_FAMILIES = ((0, 1 << 32), (1 << 32, 1 << 129))
"""Where IPv4 and IPv6 lie on the axis of :class:`NetworkSet`."""
_GLOB = re.compile(r"[*?\[]")


def malformed(entry: str) -> str | None:
    """Why this can be no entry that matches anything, or None."""
    if not entry:
        return "names no host"
    if entry == _TAG:
        return "names no tag"
    if "/" in entry and not entry.startswith(_TAG) and _network(entry) is None:
        return "is no network; is a host bit set?"
    return None


class Entries:
    """A set of entries, without their ``!``, to be matched against many hosts."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Sort the entries by how they are to be matched."""
        self._exact: set[str] = set()
        self._prefixes: dict[int, dict[str, str]] = {}
        self._globs: list[tuple[str, Callable[[str], object]]] = []
        self._tag_globs: list[tuple[str, Callable[[str], object]]] = []
        self._addresses: dict[int, list[str]] = {}
        self._networks: list[tuple[int, int, str]] = []
        self._tagged: dict[tuple[str, ...], frozenset[str]] = {}
        for text in texts:
            self._add(text)

    def of(self, host: Host) -> frozenset[str]:
        """The entries that match this host."""
        found = set(self._named(host.name))
        if self._addresses or self._networks:
            found.update(self._addressed(host))
        tagged = self._tagged.get(host.tags)
        if tagged is None:
            tagged = self._tagged[host.tags] = frozenset(self._carrying(host.tags))
        return tagged.union(found)

    def _add(self, text: str) -> None:
        self._exact.add(text)
        if text.startswith(_TAG):
            if _GLOB.search(text):
                self._tag_globs.append((text, re.compile(translate(text)).match))
        elif network := _network(text):
            low, high = network.bounds[0], network.bounds[-1] - 1
            if "/" in text:
                self._networks.append((low, high, text))
            else:
                self._addresses.setdefault(low, []).append(text)
        elif text.endswith("*") and not _GLOB.search(text[:-1]):
            self._prefixes.setdefault(len(text) - 1, {})[text[:-1]] = text
        elif _GLOB.search(text):
            self._globs.append((text, re.compile(translate(text)).match))

    def _named(self, name: str) -> Iterator[str]:
        if name in self._exact:
            yield name
        for length, prefixes in self._prefixes.items():
            if text := prefixes.get(name[:length]):
                yield text
        for text, match in self._globs:
            if match(name):
                yield text

    def _carrying(self, tags: tuple[str, ...]) -> Iterator[str]:
        for tag in (f"{_TAG}{tag}" for tag in tags):
            if tag in self._exact:
                yield tag
            for text, match in self._tag_globs:
                if match(tag):
                    yield text

    def _addressed(self, host: Host) -> Iterator[str]:
        literal = [address for address in host.addresses if address.networks]
        if not literal:
            return
        for address in literal:
            if address.kind is AddressKind.ADDRESS:
                yield from self._addresses.get(address.networks.bounds[0], ())
        for start, end in _FAMILIES:
            spans = [address.networks.bounds for address in literal if start <= address.networks.bounds[0] < end]
            if spans:
                lowest, highest = min(span[0] for span in spans), max(span[-1] for span in spans) - 1
                yield from (text for low, high, text in self._networks if low <= lowest and highest <= high)


def _network(text: str) -> NetworkSet | None:
    try:
        return NetworkSet.of(ip_network(text))
    except ValueError:
        return None
