"""How AWS reads a permission of a security group, whichever file has it: protocol, port range and sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.collect.declared.infrastructure.access import (
    ALL_PORTS,
    SCTP,
    UNKNOWN,
    network_of,
    port_number,
    shown,
    span,
)
from auditor.model.network import NOWHERE
from auditor.model.ports import NO_PORTS, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.model.network import NetworkSet
    from auditor.model.ports import PortSet

_PROTOCOLS = {
    "tcp": (Protocol.TCP,), "6": (Protocol.TCP,), "udp": (Protocol.UDP,), "17": (Protocol.UDP,),
    "-1": tuple(Protocol), "all": tuple(Protocol),
}  # fmt: skip
"""IANA protocol numbers are as good as names; -1 is every protocol, and then AWS looks at no ports."""
_WITHOUT_PORTS = {"icmp", "icmpv6", "icmp6", "esp", "ah", "gre", "ipv6-icmp"}

LATER = "known only after apply"
INSIDE = "whoever is in its own network"
"""Whom a load balancer lets in that is internal and has no security group."""
GUARDED = ("HTTP", "HTTPS")
"""Protocols of application load balancers, which always have a security group."""
_LISTENERS = {"tls": "tcp", "quic": "udp"}


def ports_of(protocol: Any, low: Any, high: Any, later: str = LATER) -> tuple[PortSet, str | None]:
    """Return the ports of a permission; where they cannot be told, all it may have, and why.

    ``later`` says why a value is not there yet. A permission for TCP or UDP without a range counts as all ports.
    """
    if protocol is UNKNOWN:
        return ALL_PORTS, f"its protocol is {later}"
    name = str(protocol).strip().lower()
    protocols = _PROTOCOLS.get(name)
    if name in {"sctp", "132"}:
        return NO_PORTS, SCTP
    if protocols is None:
        portless = name in _WITHOUT_PORTS or (name.isascii() and name.isdigit() and int(name[:4]) <= 255)
        return (NO_PORTS, None) if portless else (ALL_PORTS, f"'{shown(protocol)}' is no protocol")
    low, high = (None if value == "" else value for value in (low, high))
    if name in {"-1", "all"} or (low is None and high is None):
        return span(0, 65535, protocols), None
    return _range(low, high, protocols, later)


def listener_ports(protocol: Any, port: Any, later: str = LATER) -> tuple[PortSet, str | None]:
    """Return the ports of a network load balancer's listener, as :func:`ports_of` does."""
    name = protocol if protocol is UNKNOWN else str(protocol).strip().lower()
    if name in {"tcp_udp", "tcp_quic"}:
        tcp, vague = ports_of("tcp", port, port, later)
        return tcp | ports_of("udp", port, port, later)[0], vague
    return ports_of(_LISTENERS.get(name, name) if isinstance(name, str) else name, port, port, later)


def _range(low: Any, high: Any, protocols: tuple[Protocol, ...], later: str) -> tuple[PortSet, str | None]:
    everything = span(0, 65535, protocols)
    if low is UNKNOWN or high is UNKNOWN:
        return everything, f"its ports are {later}"
    first, last = port_number(low), port_number(low if high is None else high)
    if first == last == -1:
        return everything, None
    if first is None or last is None or not 0 <= first <= last:
        return everything, f"{shown(low)}-{shown(high)} is no range of ports"
    return span(first, last, protocols), None


def networks_of(texts: Iterable[Any], later: str = LATER) -> tuple[NetworkSet, tuple[str, ...]]:
    """Return all networks of a list, and what of it cannot be told."""
    found, doubts = NOWHERE, []
    for text in texts:
        network = None if text is UNKNOWN else network_of(text)
        if network is not None:
            found |= network
        elif text is UNKNOWN:
            doubts.append(f"its sources are {later}")
        else:
            doubts.append(f"its source '{shown(text)}' is no network")
    return found, tuple(dict.fromkeys(doubts))
