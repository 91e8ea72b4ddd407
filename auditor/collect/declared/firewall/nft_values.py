"""Values of expressions in nftables' JSON: networks, ports, protocols, flags. No I/O. (libnftables-json(5).)"""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from auditor.collect.declared.firewall.iptables_values import PROTOCOLS, address_range, port_numbers
from auditor.collect.declared.firewall.packets import ADDRESSES, IPV4, IPV6, of_every_protocol
from auditor.model.network import NOWHERE, NetworkSet, parse_address
from auditor.model.ports import NO_PORTS, PortSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FLAG_BITS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ecn": 64, "cwr": 128}


class Undecided(Exception):  # noqa: N818 - it is no error
    """An expression that cannot be read."""


def states_of(values: Sequence[Any]) -> Iterator[str]:
    """Yield states of connections, of which some are written together (``{"|": [...]}``)."""
    for value in values:
        if isinstance(value, dict):
            yield from map(str, value["|"])
        else:
            yield str(value)


def networks_of(values: Sequence[Any]) -> NetworkSet:
    """Return addresses, prefixes and ranges together.

    :raises ValueError: anything else.
    """
    found = NOWHERE
    for value in values:
        if isinstance(value, dict) and "prefix" in value:
            found |= NetworkSet.of(ip_network(f"{value['prefix']['addr']}/{value['prefix']['len']}", strict=False))
        elif isinstance(value, dict) and "range" in value:
            found |= address_range(f"{value['range'][0]}-{value['range'][1]}")
        else:
            found |= NetworkSet.of(parse_address(str(value)))
    return found


def numbers_of(values: Sequence[Any]) -> PortSet:
    """Return numbers of ports and ranges of them, on the axis of TCP.

    :raises Undecided: anything else.
    """
    found = NO_PORTS
    for value in values:
        if isinstance(value, dict) and "range" in value:
            found |= port_numbers(f"{value['range'][0]}:{value['range'][1]}")
        elif isinstance(value, (dict, list, bool)) or value is None:
            raise Undecided
        else:
            found |= port_numbers(str(value))
    return found


def ports_of(values: Sequence[Any], of: PortSet) -> PortSet:
    """Return those of some ports that have these numbers."""
    return of_every_protocol(numbers_of(values)) & of


def protocols_of(values: Sequence[Any]) -> PortSet:
    """Return all ports of protocols; most have none.

    :raises Undecided: no names or numbers.
    """
    found = NO_PORTS
    for value in values:
        if isinstance(value, dict):
            raise Undecided
        found |= PROTOCOLS.get(str(value), NO_PORTS) if str(value) not in ("0", "all") else NO_PORTS
    return found


def families_of(values: Sequence[Any]) -> NetworkSet:
    """Return the addresses of families (``ipv4``, ``ip6``).

    :raises Undecided: a family that is not known.
    """
    found = NOWHERE
    for value in values:
        match str(value):
            case "ipv4" | "ip":
                found |= IPV4
            case "ipv6" | "ip6":
                found |= IPV6
            case "arp" | "inet" | "vlan" | "8021q":
                continue
            case _:
                raise Undecided
    return found & ADDRESSES


def door_of(value: Any) -> str:
    """Return the name of an interface; ``+`` at its end stands for any rest.

    :raises Undecided: no name.
    """
    if not isinstance(value, str):
        raise Undecided
    return value[:-1] + "+" if value.endswith("*") else value


def bits_of(value: Any) -> int:
    """Read flags of TCP: ``syn``, ``["fin", "syn"]``, ``{"|": […]}``, a number."""
    if isinstance(value, bool):
        raise Undecided
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        return _FLAG_BITS[value] if value in _FLAG_BITS else int(value, 0)
    if isinstance(value, dict) and ("|" in value or "set" in value):
        value = value.get("|", value.get("set"))
    if isinstance(value, list):
        found = 0
        for one in value:
            found |= bits_of(one)
        return found
    raise Undecided
