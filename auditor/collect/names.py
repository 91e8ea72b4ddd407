"""DNS names to addresses, by the machine's own resolver."""

from __future__ import annotations

import socket


def lookup(name: str) -> tuple[str, ...]:
    """Return every address of a DNS name, IPv4 and IPv6, in the resolver's order, each once.

    :raises OSError: the name does not resolve (``socket.gaierror``).
    """
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
