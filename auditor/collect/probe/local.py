"""What this machine is to itself: which addresses are its own, how many descriptors it may open."""

from __future__ import annotations

import contextlib
import ipaddress
import resource
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPARE = 16
"""Descriptors left to the rest of the process: reports, snapshots, pipes."""
_LISTENS = "0A"
_FRESH = 0.2


def is_local(host: str, scope: int | None = None) -> bool:
    """Whether an address is this machine's own: only then can a socket be bound to it (bind(2), EADDRNOTAVAIL)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((host, 0, 0, scope or 0) if family == socket.AF_INET6 else (host, 0))
    except OSError:
        return False
    return True


def scope_of(address: str) -> int | None:
    """The number of the zone that a literal address names, 0 where it names none; None: there is no such zone here.

    :raises ValueError: not a literal address.
    """
    literal, _, zone = address.partition("%")
    if ipaddress.ip_address(literal).version == 4 or not zone:
        return 0
    try:
        return int(zone) if zone.isdigit() else socket.if_nametoindex(zone)
    except OSError:
        return None


def lets_out(host: str, scope: int | None = None) -> bool:
    """Whether the local firewall lets one empty datagram to the discard port out.

    TCP hides it from us when a packet is dropped on the way out; UDP says EPERM.
    """
    family = socket.AF_INET if scope is None else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            sock.sendto(b"", (host, 9) if scope is None else (host, 9, 0, scope))
    except PermissionError:
        return False
    except OSError:
        return True
    return True


def ephemeral_ports() -> range:
    """The ports that the kernel picks sources from (ip(7), ip_local_port_range; it governs IPv6 too)."""
    try:
        low, high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return range(65536)
    return range(int(low), int(high) + 1)


def listens(host: str, port: int) -> bool:
    """Whether a TCP socket listens on this port of an address of ours, or of all (proc_pid_net(5), tcp)."""
    wide = socket.inet_pton(socket.AF_INET6, host if ":" in host else f"::ffff:{host}")
    ends = {f"{_hexadecimal(packed)}:{port:04X}" for packed in (wide, wide[12:], bytes(16), bytes(4))}
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError), Path("/proc/net", table).open(encoding="ascii") as lines:
            next(lines, None)
            for line in lines:
                _, end, _, state, _ = line.split(None, 4)
                if state != _LISTENS:  # the listening ones come first
                    break
                if end in ends:
                    return True
    return False


def _hexadecimal(packed: bytes) -> str:
    """An address as the kernel prints it: by words, each in the machine's order."""
    return "".join(f"{word:08X}" for word in struct.unpack(f"={len(packed) // 4}I", packed))


def silent_neighbours() -> frozenset[str]:
    """Addresses on a network of ours for which no neighbour answers just now (rtnetlink(7)).

    Link-local ones are followed by ``%`` and the number of the interface.
    """
    from auditor.collect.probe.syn.route import Kernel

    try:
        with contextlib.closing(Kernel()) as kernel:
            return frozenset(_written(packed, interface) for packed, interface in kernel.unanswered())
    except OSError:
        return frozenset()


def _written(packed: bytes, interface: int) -> str:
    address = ipaddress.ip_address(packed)
    return f"{address}%{interface}" if address.version == 6 and address.is_link_local else str(address)


class Neighbourhood:
    """What the kernel knows of the neighbours, looked up again at most a few times a second."""

    def __init__(self) -> None:
        self._silent: frozenset[str] = frozenset()
        self._until = 0.0

    def lacks(self, host: str, scope: int | None, now: float) -> bool:
        """Whether nobody answers for the address, though it should be on a network of ours."""
        if now >= self._until:
            self._silent, self._until = silent_neighbours(), now + _FRESH
        return (f"{host}%{scope}" if scope else host) in self._silent


@contextlib.contextmanager
def many_descriptors() -> Iterator[int]:
    """Raise the soft limit on descriptors to the hard one; gives how many may still be opened. Undone at the end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    try:
        yield max(1, (1 << 20 if limit == resource.RLIM_INFINITY else limit) - _open_now() - _SPARE)
    finally:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _open_now() -> int:
    try:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())
    except OSError:
        return _SPARE
