"""Service names and port numbers: IANA's registry and the names people use instead. Beside every stage.

The registry ships as ``services.tsv``, made by ``tools/make_services_table.py`` from IANA's public-domain (CC0) list;
it is read at the first question, in a few milliseconds. Port ranges are those of RFC 6335 section 6.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from auditor.files.common_services import COMMON
from auditor.model.ports import NO_PORTS, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from auditor.model.ports import Port

RANGES: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {"well-known": (0, 1023), "registered": (1024, 49151), "dynamic": (49152, 65535)}
)
"""Lowest and highest number of each range that has a name, both included."""

_TABLE = Path(__file__).with_name("services.tsv")


def ports_of(name: str) -> PortSet | None:
    """Return the ports of a service, or None for a name that nobody knows. Case does not matter.

    A name in common use stands for the ports that service really uses; any other for all of its registered ones.
    """
    wanted = name.lower()
    if wanted in COMMON:
        return PortSet.parse(COMMON[wanted])
    found = NO_PORTS
    for line in _by_name().get(wanted, ()):
        _, tcp, udp, _ = line.split("\t")
        found |= PortSet.parse(tcp) | PortSet.parse(udp, Protocol.UDP)
    return found or None


def registered(name: str, protocol: Protocol) -> PortSet:
    """Return the ports that the registry itself gives to a service over a protocol, whatever people call by its name.

    That is what ``/etc/services`` says, and so what other tools print in place of a number. Empty for an unknown name.
    """
    column = 1 if protocol is Protocol.TCP else 2
    found = NO_PORTS
    for line in _by_name().get(name.lower(), ()):
        found |= PortSet.parse(line.split("\t")[column], protocol)
    return found


def names() -> Iterable[str]:
    """All names, in lower case: those in common use first, then the registry's."""
    return dict.fromkeys([*COMMON, *_by_name()]).keys()


def name_of(port: Port) -> str | None:
    """Return the registered name of a port; where it has none, the first of those in common use."""
    if line := _by_port(port.protocol).get(port.number):
        return line.partition("\t")[0]
    return next(iter(also_called(port)), None)


def also_called(port: Port) -> tuple[str, ...]:
    """Names in common use for a port, whether or not another service registered it (9200: ``elasticsearch``)."""
    return _in_common_use().get(port, ())


def describe(port: Port) -> str | None:
    """Return the registry's one-line description of a port, or None where there is none."""
    line = _by_port(port.protocol).get(port.number, "")
    return line.rpartition("\t")[2] or None


def range_name(number: int) -> str:
    """Return ``well-known``, ``registered`` or ``dynamic``.

    :raises ValueError: not within 0-65535.
    """
    for name, (low, high) in RANGES.items():
        if low <= number <= high:
            return name
    raise ValueError(f"not a port: {number}")


@cache
def _in_common_use() -> dict[Port, tuple[str, ...]]:
    found: dict[Port, tuple[str, ...]] = {}
    for name, text in COMMON.items():
        for port in PortSet.parse(text):
            found[port] = (*found.get(port, ()), name)
    return found


@cache
def _lines() -> list[str]:
    return _TABLE.read_text(encoding="utf-8").splitlines()


@cache
def _by_name() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in _lines():
        found.setdefault(line.partition("\t")[0], []).append(line)
    return found


@cache
def _by_port(protocol: Protocol) -> dict[int, str]:
    column = 1 if protocol is Protocol.TCP else 2
    found: dict[int, str] = {}
    for line in _lines():
        for part in filter(None, line.split("\t")[column].split(",")):
            low, dash, high = part.partition("-")
            for number in range(int(low), int(high if dash else low) + 1):
                found.setdefault(number, line)
    return found
