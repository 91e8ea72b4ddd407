"""IP addresses and sets of them. No I/O.

IPv4 and IPv6 lie on one axis (IPv6 starts at 2³²), so that one set holds both. An IPv4-mapped IPv6
address (RFC 4291 section 2.5.5.2) is the IPv4 address it carries.
"""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
    summarize_address_range,
)
from typing import TYPE_CHECKING, Self

from auditor.model.intervals import IntervalSet

if TYPE_CHECKING:
    from collections.abc import Iterator

_IPV6 = 1 << 32
_END = _IPV6 + (1 << 128)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class NetworkSet(IntervalSet):
    """An immutable set of IPv4 and IPv6 addresses."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``192.0.2.0/24``, ``2001:db8::/32``, ``192.0.2.7`` or several of them joined by commas.

        :raises ValueError: anything else; a network with host bits set is refused, as it is mostly a slip.
        """
        return cls(_ends(ip_network(item.strip())) for item in text.split(","))

    @classmethod
    def of(cls, *members: Address | Network) -> Self:
        """Just these addresses and networks."""
        return cls(_ends(ip_network(member)) for member in members)

    def networks(self) -> Iterator[Network]:
        """The fewest networks that make up the set, IPv4 first, ascending."""
        for low, high in (self & self.from_bounds((0, _IPV6))).ranges():
            yield from summarize_address_range(IPv4Address(low), IPv4Address(high))
        for low, high in (self & self.from_bounds((_IPV6, _END))).ranges():
            yield from summarize_address_range(IPv6Address(low - _IPV6), IPv6Address(high - _IPV6))

    def __str__(self) -> str:
        """``192.0.2.0/24,2001:db8::1``: networks joined by commas, single addresses without a length."""
        return ",".join(
            str(network.network_address) if network.num_addresses == 1 else str(network) for network in self.networks()
        )

    def __repr__(self) -> str:
        """For debugging."""
        return f"NetworkSet({str(self)!r})"

    def __contains__(self, address: Address) -> bool:
        """Whether the address is inside."""
        return self.has(_position(address))


def parse_address(text: str) -> Address:
    """Read one address; an IPv4-mapped one comes back as IPv4, a zone (``fe80::1%eth0``) is kept.

    :raises ValueError: not an address.
    """
    address = ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _position(address: Address) -> int:
    if isinstance(address, IPv4Address):
        return int(address)
    return int(address.ipv4_mapped) if address.ipv4_mapped else _IPV6 + int(address)


def _ends(network: Network) -> tuple[int, int]:
    low, high = _position(network.network_address), _position(network.broadcast_address)
    if low > high or (high >= _IPV6 > low and network.version == 6):  # ::ffff:0:0/96 straddles the mapped block
        start = _IPV6 + int(network.network_address)
        return start, start + network.num_addresses - 1
    return low, high


EVERYWHERE = NetworkSet.from_bounds((0, _END))
NOWHERE = NetworkSet()
LOOPBACK = NetworkSet.parse("127.0.0.0/8,::1")
PRIVATE = (
    NetworkSet.parse("10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,169.254.0.0/16,fc00::/7,fe80::/10")
    | LOOPBACK
)
"""Loopback, RFC 1918, RFC 6598 (shared), RFC 3927 and RFC 4291 (link-local), RFC 4193 (unique local)."""
