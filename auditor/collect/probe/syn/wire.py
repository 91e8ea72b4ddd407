"""The sockets of the SYN method: SYNs go out, answers come in. What they mean to whom is decided elsewhere."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final, NamedTuple

from auditor.collect.probe.syn.packet import HEADER4, HEADER6, TCP, is_unreachable4, refusal4, refusal6
from auditor.collect.probe.syn.ring import ETH_P_IP, ETH_P_IPV6, Ring
from auditor.collect.probe.syn.sources import SourcePorts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.collect.probe.syn.packet import Refusal, Template

_PROTOCOLS: Final = {int(socket.AF_INET): ETH_P_IP, int(socket.AF_INET6): ETH_P_IPV6}
_SO_SNDBUFFORCE: Final = 32  # <asm-generic/socket.h>
_ROOM: Final = 16 << 20

Name = tuple[str, int] | tuple[str, int, int, int]


class Answer(NamedTuple):
    """A TCP packet to one of our ports. ``sender`` is a packed address, ``mine`` the port of ours."""

    sender: bytes
    mine: int
    port: int
    acknowledged: int
    flags: int


class Wire:
    """Raw sockets for sending, a ring for hearing, and ports of our own; each IP version is opened when it is needed.

    Sending through the kernel's own routing, and not past it, has the local firewall, tunnels and neighbours work as
    they do for everybody else.

    :raises PermissionError: without CAP_NET_RAW.
    """

    def __init__(self) -> None:
        self._sources = SourcePorts()
        self._out: dict[int, socket.socket] = {}
        self._rings: dict[int, Ring] = {}
        self.refusals: list[tuple[int, Refusal]] = []
        """ICMP messages that have been heard, each with its IP version."""

    @property
    def ports(self) -> range:
        """Our source ports."""
        return self._sources.ports

    def close(self) -> None:
        """Let go of everything."""
        for ring in self._rings.values():
            ring.close()
        for out in self._out.values():
            out.close()
        self._sources.close()

    def open(self, family: int) -> int | None:
        """Be ready for an IP version; what becomes readable when its answers come, if that is new.

        Answers are heard before the first packet can be sent.
        """
        if family in self._out:
            return None
        ring = self._rings[family] = Ring(_PROTOCOLS[family], self._sources.ports)
        out = self._out[family] = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        out.setblocking(False)  # noqa: FBT003 - the socket module's own way
        _make_room(out)
        return ring.descriptor

    def send(self, family: int, name: Name, template: Template, ports: Sequence[int]) -> tuple[int, int]:
        """Ask these ports, in this order: how many were sent, and the error that ended it (0 for none).

        The inner loop, written for speed.
        """
        packet, port_at, sum_at, base = template
        send = self._out[family].sendto
        sent = 0
        try:
            for port in ports:
                checksum = 65535 - (base + port) % 65535
                packet[port_at] = port >> 8
                packet[port_at + 1] = port & 255
                packet[sum_at] = checksum >> 8
                packet[sum_at + 1] = checksum & 255
                send(packet, name)
                sent += 1
        except OSError as error:
            return sent, error.errno or 0
        return sent, 0

    def hear(self) -> Iterator[tuple[bytes, int, int, int, int]]:
        """The fields of an :class:`Answer` for each TCP packet that has come; refusals are put by.

        Plain tuples, as there are many.
        """
        if socket.AF_INET in self._rings:
            yield from self._hear4(self._rings[socket.AF_INET])
        if socket.AF_INET6 in self._rings:
            yield from self._hear6(self._rings[socket.AF_INET6])

    def lost(self) -> bool:
        """Whether answers found no room since this was asked last."""
        return any(ring.lost() for ring in self._rings.values())

    def _hear4(self, ring: Ring) -> Iterator[tuple[bytes, int, int, int, int]]:
        memory, unpack = ring.memory, HEADER4.unpack_from
        for at, length in ring.packets():
            if memory[at] == 0x45 and memory[at + 9] == TCP:
                if length >= HEADER4.size:
                    _, _, sender, _, port, mine, _, acknowledged, _, flags = unpack(memory, at)
                    yield sender, mine, port, acknowledged, flags
            elif is_unreachable4(memory, at) and (refusal := refusal4(memory, at, length)) is not None:
                self.refusals.append((socket.AF_INET, refusal))

    def _hear6(self, ring: Ring) -> Iterator[tuple[bytes, int, int, int, int]]:
        memory, unpack = ring.memory, HEADER6.unpack_from
        for at, length in ring.packets():
            if memory[at + 6] == TCP:
                if length >= HEADER6.size:
                    _, _, sender, _, port, mine, _, acknowledged, _, flags = unpack(memory, at)
                    yield sender, mine, port, acknowledged, flags
            elif (refusal := refusal6(memory, at, length)) is not None:
                self.refusals.append((socket.AF_INET6, refusal))


def _make_room(out: socket.socket) -> None:
    """Have the packets that the kernel keeps back for a neighbour it does not find leave room for all others."""
    try:
        out.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, _ROOM)
    except PermissionError:  # it takes CAP_NET_ADMIN; without, as much as everybody may have
        out.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM)
