"""Source ports of our own: reserved by binding, outside the range that the kernel hands out."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from typing import Final

from auditor.collect.probe.local import ephemeral_ports

SLOTS: Final = 64
PASSES: Final = 16
"""Source ports for passes over a host; the others are for single probes, as of canaries."""
_LOWEST: Final = 10_000
_ATTEMPTS: Final = 64


class SourcePorts:
    """:data:`SLOTS` consecutive ports that no other socket of this machine uses while this lives.

    They are bound and not listened on: the kernel answers what comes to them with a reset, which ends the half-open
    connections that a SYN leaves behind at the other end.

    :raises OSError: no such run of ports is free.
    """

    def __init__(self) -> None:
        ephemeral = ephemeral_ports()
        starts = [start for start in range(_LOWEST, 65536 - SLOTS, SLOTS) if _apart(start, ephemeral)]
        starts = starts or list(range(_LOWEST, 65536 - SLOTS, SLOTS))
        shift = int.from_bytes(os.urandom(4), "little")
        for attempt in range(min(_ATTEMPTS, len(starts))):
            start = starts[(shift + attempt * 97) % len(starts)]
            try:
                self._sockets = _bound(start)
            except OSError as error:
                last = error
            else:
                self.ports = range(start, start + SLOTS)
                return
        raise last

    def close(self) -> None:
        """Give them back."""
        for sock in self._sockets:
            sock.close()


def _apart(start: int, others: range) -> bool:
    return start + SLOTS <= others.start or start >= others.stop


def _bound(start: int) -> list[socket.socket]:
    """One socket a port, for both IP versions where there are both; all or none."""
    six = socket.has_dualstack_ipv6()
    with ExitStack() as stack:
        sockets = []
        for port in range(start, start + SLOTS):
            sock = stack.enter_context(socket.socket(socket.AF_INET6 if six else socket.AF_INET))
            if six:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.bind(("", port))
            sockets.append(sock)
        stack.pop_all()
    return sockets
