"""Who is there on our own networks: asked by ARP (RFC 826) and neighbour solicitation (RFC 4861).

The kernel asks, too, but takes three seconds to give up, and meanwhile keeps packets back and drops most of them.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import socket
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.collect.probe.syn.route import Route

WAITS: Final = (0.08, 0.15, 0.3)
"""Seconds to wait for an answer after each time of asking."""
_SHORTER: Final = 0.6
_QUICK: Final = 0.01
"""Where neighbours have answered in so many seconds, the others are waited for :data:`_SHORTER` times as long."""
_ETH_P_ARP: Final = 0x0806
_SIOCGIFFLAGS, _SIOCGIFHWADDR = 0x8913, 0x8927  # netdevice(7)
_IFF_NOARP: Final = 0x80
_ETHERNET: Final = 1
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_IFREQ = struct.Struct("16s24x")
_ASK, _REPLY = 1, 2
_SOLICIT, _ADVERTISE = 135, 136
_ICMP6_FILTER, _IPV6_MULTICAST_HOPS = 1, 18
_ONLY_ADVERTISEMENTS: Final = struct.pack(
    "=8I", *(0xFFFFFFFF ^ (1 << _ADVERTISE % 32 if n == 4 else 0) for n in range(8))
)
_LARGEST: Final = 2048

_Waiting = tuple[float, int, bytes, "Route"]


class Neighbours:
    """Looks for several addresses at once; see :meth:`look_for`, then :meth:`step`. Needs CAP_NET_RAW."""

    def __init__(self) -> None:
        self._arp: socket.socket | None = None
        self._icmp: socket.socket | None = None
        self._waiting: list[_Waiting] = []
        self._wanted: dict[bytes, float] = {}
        self._slowest: float | None = None
        self._interfaces: dict[int, tuple[str, bytes | None]] = {}

    def close(self) -> None:
        """Let go of the sockets."""
        for sock in self._sockets():
            sock.close()

    def can_ask(self, interface: int) -> bool:
        """Whether neighbours are asked for at all there: on Ethernet, and not on tunnels and the like."""
        return self._interface(interface)[1] is not None

    def look_for(self, target: bytes, route: Route, now: float) -> list[int]:
        """Ask for this packed address, at most ``len(WAITS)`` times in all; descriptors that are new.

        These become readable when somebody answers.
        """
        before = set(self._sockets())
        self._wanted[target] = now
        self._ask(0, target, route, now)
        return [sock.fileno() for sock in self._sockets() if sock not in before]

    @property
    def next_due(self) -> float | None:
        """When :meth:`step` has something to do even if nobody answers."""
        return self._waiting[0][0] if self._waiting else None

    def step(self, now: float) -> tuple[list[bytes], list[bytes]]:
        """Read answers and ask again: the addresses that are there, and those that have not answered to the end."""
        found = [address for sock in self._sockets() for address in self._answers(sock) if address in self._wanted]
        for address in found:
            if address in self._wanted:
                self._slowest = max(self._slowest or 0.0, now - self._wanted.pop(address))
        absent = []
        while self._waiting and self._waiting[0][0] <= now:
            _, asked, target, route = heapq.heappop(self._waiting)
            if target not in self._wanted:
                continue
            if asked < len(WAITS):
                self._ask(asked, target, route, now)
            else:
                del self._wanted[target]
                absent.append(target)
        return list(dict.fromkeys(found)), absent

    def _sockets(self) -> Iterator[socket.socket]:
        return (sock for sock in (self._arp, self._icmp) if sock is not None)

    def _ask(self, asked: int, target: bytes, route: Route, now: float) -> None:
        with contextlib.suppress(OSError):  # what could not be sent is not answered
            if len(target) == 4:
                self._ask_arp(target, route)
            else:
                self._solicit(target, route)
        quick = self._slowest is not None and self._slowest < _QUICK
        wait = WAITS[asked] * (_SHORTER if quick else 1)
        heapq.heappush(self._waiting, (now + wait, asked + 1, target, route))

    def _ask_arp(self, target: bytes, route: Route) -> None:
        if self._arp is None:
            self._arp = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ARP))
            self._arp.setblocking(False)  # noqa: FBT003 - the socket module's own way
        name, mine = self._interface(route.interface)
        packet = _ARP.pack(_ETHERNET, 0x0800, 6, 4, _ASK, mine or bytes(6), route.source, bytes(6), target)
        self._arp.sendto(packet, (name, _ETH_P_ARP, 0, 0, b"\xff" * 6))

    def _solicit(self, target: bytes, route: Route) -> None:
        if self._icmp is None:
            self._icmp = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
            self._icmp.setblocking(False)  # noqa: FBT003 - the socket module's own way
            self._icmp.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, _ONLY_ADVERTISEMENTS)
            self._icmp.setsockopt(socket.IPPROTO_IPV6, _IPV6_MULTICAST_HOPS, 255)
        _, mine = self._interface(route.interface)
        packet = struct.pack("!BBHI16s", _SOLICIT, 0, 0, 0, target) + b"\1\1" + (mine or bytes(6))
        group = socket.inet_ntop(socket.AF_INET6, b"\xff\x02" + bytes(9) + b"\1\xff" + target[13:])
        self._icmp.sendto(packet, (group, 0, 0, route.interface))

    def _answers(self, sock: socket.socket) -> Iterator[bytes]:
        arp = sock is self._arp
        while True:
            try:
                data = sock.recv(_LARGEST)
            except OSError:
                return
            if arp:
                if len(data) >= _ARP.size and _ARP.unpack_from(data)[4] == _REPLY:
                    yield data[14:18]
            elif len(data) >= 24 and data[0] == _ADVERTISE:
                yield data[8:24]

    def _interface(self, number: int) -> tuple[str, bytes | None]:
        """Its name, and its Ethernet address if neighbours are to be asked for there."""
        known = self._interfaces.get(number)
        if known is None:
            known = self._interfaces[number] = _describe(number)
        return known


def _describe(number: int) -> tuple[str, bytes | None]:
    try:
        name = socket.if_indextoname(number)
        request = _IFREQ.pack(name.encode())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            flags = struct.unpack_from("=H", fcntl.ioctl(sock, _SIOCGIFFLAGS, request), 16)[0]
            hardware = fcntl.ioctl(sock, _SIOCGIFHWADDR, request)
    except OSError:
        return "", None
    ethernet = struct.unpack_from("=H", hardware, 16)[0] == _ETHERNET and not flags & _IFF_NOARP
    return name, hardware[18:24] if ethernet else None
