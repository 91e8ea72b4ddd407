"""What Docker, Podman and compose have in common where they publish ports of containers on the host."""

from __future__ import annotations

from auditor.model.network import NetworkSet, parse_address

EPHEMERAL = (32768, 60999)
"""From where Linux takes a port that nobody has chosen (``net.ipv4.ip_local_port_range``)."""

_IPV4 = NetworkSet.parse("0.0.0.0/0")
_IPV6 = NetworkSet.parse("::/0")


def bound_to(address: str) -> NetworkSet | None:
    """Return the addresses that a published port is bound to; None for all of them, as an empty one stands for.

    :raises ValueError: not an address.
    """
    if not address:
        return None
    parsed = parse_address(address)
    if parsed.is_unspecified:
        return _IPV4 if parsed.version == 4 else _IPV6
    return NetworkSet.of(parsed)


def machine() -> tuple[str, ...]:
    """Return this machine's name: whose evidence it is, where neither the evidence nor the caller says."""
    import socket

    return tuple(filter(None, (socket.gethostname(),)))
