"""What the network brings, before anybody else sees it: a packet socket with a filter and a receive ring (packet(7)).

The kernel copies matching packets into memory that it shares with us (PACKET_RX_RING, TPACKET_V2), so that a burst of
answers costs no system call each and is not lost while we are busy. What is lost all the same is counted.
"""

from __future__ import annotations

import socket
import struct
from array import array
from mmap import mmap
from typing import TYPE_CHECKING, Final

from auditor.collect.probe.syn.packet import ICMP, ICMP6, TCP

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86DD
_SOL_PACKET, _PACKET_VERSION, _PACKET_RX_RING, _PACKET_STATISTICS = 263, 10, 5, 6  # <linux/if_packet.h>
_TPACKET_V2: Final = 1
_SO_ATTACH_FILTER: Final = 26
_USER: Final = 1
_FRAME, _FRAMES, _BLOCK = 256, 1 << 15, 1 << 16
_SNAP: Final = 160
_STATUS = struct.Struct("=I")
_HEAD = struct.Struct("=II4xxxH")  # status, length on the wire, …, where the network header begins
_COUNTS = struct.Struct("=II")

Instruction = tuple[int, int, int, int]
_LDB, _LDH, _LDX_IHL, _LDB_X, _LDH_X = 0x30, 0x28, 0xB1, 0x50, 0x48  # <linux/filter.h>
_JEQ, _JGE, _JGT, _JSET, _RET = 0x15, 0x35, 0x25, 0x45, 0x06


class Ring:
    """Incoming TCP packets to a range of our ports, and ICMP errors, of one IP version.

    :raises PermissionError: without CAP_NET_RAW.
    """

    def __init__(self, protocol: int, ports: range) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(protocol))
        try:
            _attach(self._socket, _filter4(ports) if protocol == ETH_P_IP else _filter6(ports))
            self._socket.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V2)
            ring = struct.pack("=IIII", _BLOCK, _FRAMES * _FRAME // _BLOCK, _FRAME, _FRAMES)
            self._socket.setsockopt(_SOL_PACKET, _PACKET_RX_RING, ring)
            self._map = mmap(self._socket.fileno(), _FRAMES * _FRAME)
        except BaseException:
            self._socket.close()
            raise
        self._at = 0

    @property
    def descriptor(self) -> int:
        """What becomes readable when packets have come."""
        return self._socket.fileno()

    @property
    def memory(self) -> mmap:
        """Where the packets lie."""
        return self._map

    def packets(self) -> Iterator[tuple[int, int]]:
        """Where each packet that has come begins in :attr:`memory`, and how many of its bytes are there.

        A packet is there until the next one is asked for.
        """
        memory, at = self._map, self._at
        head, status = _HEAD.unpack_from, _STATUS.pack_into
        while True:
            base = at * _FRAME
            state, length, network = head(memory, base)
            if not state & _USER:
                return
            yield base + network, min(_SNAP, length)
            status(memory, base, 0)
            self._at = at = (at + 1) % _FRAMES

    def lost(self) -> int:
        """How many packets found no room since this was asked last."""
        data = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _COUNTS.size)
        return int(_COUNTS.unpack(data)[1])

    def close(self) -> None:
        """Let it go."""
        self._map.close()
        self._socket.close()


def _attach(sock: socket.socket, program: Sequence[Instruction]) -> None:
    code = array("B", b"".join(struct.pack("=HBBI", *instruction) for instruction in program))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(program), code.buffer_info()[0]))


def _filter4(ports: range) -> list[Instruction]:
    """TCP, unfragmented, to our ports; ICMP destination unreachable. Offsets count from the IP header."""
    return [
        (_LDB, 0, 0, 9),
        (_JEQ, 6, 0, ICMP),
        (_JEQ, 0, 10, TCP),
        (_LDH, 0, 0, 6),
        (_JSET, 8, 0, 0x1FFF),
        (_LDX_IHL, 0, 0, 0),
        (_LDH_X, 0, 0, 2),
        (_JGE, 3, 5, ports.start),
        (_LDX_IHL, 0, 0, 0),
        (_LDB_X, 0, 0, 0),
        (_JEQ, 1, 2, 3),
        (_JGT, 1, 0, ports.stop - 1),
        (_RET, 0, 0, _SNAP),
        (_RET, 0, 0, 0),
    ]


def _filter6(ports: range) -> list[Instruction]:
    """TCP to our ports; ICMPv6 errors. Packets with extension headers are not looked into."""
    return [
        (_LDB, 0, 0, 6),
        (_JEQ, 4, 0, ICMP6),
        (_JEQ, 0, 6, TCP),
        (_LDH, 0, 0, 42),
        (_JGE, 0, 4, ports.start),
        (_JGT, 3, 2, ports.stop - 1),
        (_LDB, 0, 0, 40),
        (_JGE, 1, 0, 5),
        (_RET, 0, 0, _SNAP),
        (_RET, 0, 0, 0),
    ]
