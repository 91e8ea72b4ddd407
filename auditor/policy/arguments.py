"""Words of the policy language where they stand on the command line: addresses and port items without a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from auditor.errors import UsageError
from auditor.files.validate import quoted
from auditor.model.ports import NO_PORTS, PortSet
from auditor.policy.addresses import read_host_address
from auditor.policy.port_items import PortReader
from auditor.policy.words import WrongWordError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from auditor.model.policy import HostAddress

_Read = TypeVar("_Read")
_MOST_SUGGESTED = 8
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")


def read_targets(texts: Iterable[str]) -> tuple[HostAddress, ...]:
    """Read addresses, networks and DNS names.

    :raises UsageError: one of them is none of these.
    """
    return tuple(_read(_target, text) for text in texts)


def _target(text: str) -> HostAddress:
    """Read one target, with a hint where it is what other tools take: a list, or a URL."""
    if "," in text:
        parts = [part for part in text.split(",") if part]
        expected = "targets with blanks between them"
        raise WrongWordError(f"{quoted(text)} is a list", expected=expected, suggestion=_all_valid(parts))
    if found := _URL.match(text):
        expected = "an address, a network or a DNS name"
        raise WrongWordError(f"{quoted(text)} is a URL", expected=expected, suggestion=_all_valid([_bare(found[1])]))
    return read_host_address(text)


def _all_valid(texts: Sequence[str]) -> str | None:
    """Join what can be suggested; nothing where a part would be refused, too."""
    try:
        for text in texts[:_MOST_SUGGESTED]:
            read_host_address(text)
    except WrongWordError:
        return None
    return " ".join(texts) if 0 < len(texts) <= _MOST_SUGGESTED else None


def _bare(authority: str) -> str:
    """Return the host of the part of a URL between ``//`` and the path (RFC 3986, section 3.2)."""
    host = authority.rpartition("@")[2]
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def read_ports(text: str, services: Mapping[str, PortSet] | None = None) -> PortSet:
    """Read port items joined by commas, as a policy's ``scan:`` takes them: ``22,8000-8010,https,53/udp,all``.

    ``services`` are the policy's own, if there is a policy.

    :raises UsageError: one of them is not a port item.
    """
    reader = PortReader(services or {})
    found = NO_PORTS
    for item in text.split(","):
        found |= _read(reader.read, item)
    return found


def _read(read: Callable[[str], _Read], text: str) -> _Read:
    try:
        return read(text.strip())
    except WrongWordError as error:
        expected = f"; expected {error.expected}" if error.expected else ""
        suggestion = f"; did you mean '{error.suggestion}'?" if error.suggestion else ""
        raise UsageError(f"{error.message}{expected}{suggestion}") from None
