"""Words of the policy language where they stand on the command line: addresses and port items without a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from auditor.errors import UsageError
from auditor.model.ports import NO_PORTS, PortSet
from auditor.policy.addresses import read_host_address
from auditor.policy.port_items import PortReader
from auditor.policy.words import WrongWordError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from auditor.model.policy import HostAddress

_Read = TypeVar("_Read")


def read_targets(texts: Iterable[str]) -> tuple[HostAddress, ...]:
    """Read addresses, networks and DNS names.

    :raises UsageError: one of them is none of these.
    """
    return tuple(_read(read_host_address, text) for text in texts)


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
