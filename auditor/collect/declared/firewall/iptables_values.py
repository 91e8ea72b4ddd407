"""Addresses, networks and ports as iptables and ufw write them. No I/O."""

from __future__ import annotations

from auditor.collect.declared.firewall.packets import ALL_SCTP, IPV4, IPV6, PORTS, SOURCE_PORTS
from auditor.files.iana import registered
from auditor.model.network import NetworkSet, parse_address
from auditor.model.ports import ALL_TCP, ALL_UDP, HIGHEST, NO_PORTS, Port, PortSet, Protocol

PROTOCOLS = {
    "tcp": ALL_TCP,
    "6": ALL_TCP,
    "udp": ALL_UDP,
    "17": ALL_UDP,
    "sctp": ALL_SCTP,
    "132": ALL_SCTP,
    "all": PORTS,
    "0": PORTS,
}
"""The ports of each protocol that a rule may name; others have none."""


def networks(text: str) -> NetworkSet:
    """Read addresses and networks, joined by commas, with lengths or masks; host bits may be set.

    :raises ValueError: a name, or anything else.
    """
    from ipaddress import ip_network

    found = NetworkSet()
    for item in text.split(","):
        if item.endswith("/0.0.0.0"):
            found |= IPV4
        else:
            found |= NetworkSet.of(ip_network(item, strict=False))
    return found


def protocol_name(text: str) -> str:
    """Return a protocol's name or plain number as iptables takes it: ``ip`` is 0, ``0x6`` and ``06`` are 6."""
    if text == "ip":
        return "0"
    try:
        return str(int(text, 8 if text.startswith("0") and text.isdigit() else 0))
    except ValueError:
        return text


def has_odd_mask(text: str) -> bool:
    """Whether it has a mask whose ones are not all at its beginning: legal, and no network."""
    address, _, mask = text.partition("/")
    try:
        bits = parse_address(mask)
        parse_address(address)
    except ValueError:
        return False
    width = bits.max_prefixlen
    holes = int(bits) ^ ((1 << width) - 1)
    return bool(holes & (holes + 1))


def address_range(text: str) -> NetworkSet:
    """Read ``192.0.2.1-192.0.2.9``, or one address.

    :raises ValueError: anything else.
    """
    from ipaddress import summarize_address_range

    low, dash, high = text.partition("-")
    if not dash:
        return NetworkSet.of(parse_address(low))
    first, last = parse_address(low), parse_address(high)
    if first.version != last.version:
        raise ValueError(text)
    return NetworkSet.of(*summarize_address_range(first, last))


def port_numbers(text: str) -> PortSet:
    """Read ``22,80:90,1024:,ssh`` as numbers, on the axis of TCP.

    :raises ValueError: anything else.
    """
    found = NO_PORTS
    for item in text.split(","):
        low, colon, high = item.partition(":")
        first = _number(low) if low else 0
        last = (_number(high) if high else HIGHEST) if colon else first
        found |= PortSet.span(first, last) & SOURCE_PORTS
    return found


def _number(text: str) -> int:
    text = protocol_name(text) if text[:1] == "0" else text  # numbers are written as in C
    if text.isascii() and text.isdigit():
        return Port.parse(text).number
    numbers = {port.number for protocol in Protocol for port in registered(text, protocol)}
    if len(numbers) != 1:
        msg = f"not a port: {text!r:.60}"
        raise ValueError(msg)
    return numbers.pop()


def family_signs(text: str) -> NetworkSet | None:
    """Return the family that an address in a rule is of, or what a word of it belongs to."""
    for word in text.split():
        bare = word.partition("/")[0].strip("[],")
        if word in ("icmp", "icmp-port-unreachable", "icmp-host-prohibited", "icmp-admin-prohibited", "--icmp-type"):
            return IPV4
        if word in ("ipv6-icmp", "icmpv6", "--icmpv6-type") or word.startswith("icmp6-"):
            return IPV6
        try:
            address = parse_address(bare)
        except ValueError:
            continue
        return IPV4 if address.version == 4 else IPV6
    return None
