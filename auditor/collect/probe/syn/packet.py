"""TCP SYN packets to send, and what comes back, as bytes. No sockets.

Headers as in RFC 791, RFC 8200 and RFC 9293; ICMP quotations as in RFC 792 and RFC 4443.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from mmap import mmap

SYN_ACK: Final = 0x12
RST: Final = 0x04
FLAGS: Final = 0x17
"""FIN, SYN, RST and ACK: the flags that tell one answer from another."""
_ACK: Final = 0x10
TCP, ICMP, ICMP6 = 6, 1, 58
ICMP_UNREACHABLE, ICMP6_ERRORS = 3, range(1, 5)
_WINDOW: Final = 1024
_MSS: Final = b"\x02\x04\x05\xb4"  # 1460 bytes: a SYN without it is taken for an attack here and there
_TCP = struct.Struct("!HHIIBBHHH")
_IP4 = struct.Struct("!BBHHHBBH4s4s")
_IP6 = struct.Struct("!IHBB16s16s")
_PSEUDO4 = struct.Struct("!4s4sxBH")
_PSEUDO6 = struct.Struct("!16s16sI3xB")
_QUOTED = struct.Struct("!HHI")
_DONT_FRAGMENT, _HOPS = 0x4000, 64
_LENGTH: Final = _TCP.size + len(_MSS)
HEADER4: Final = struct.Struct("!B8xB2x4s4sHHIIBB")
"""Version and header length, protocol, source, target, ports, sequence, acknowledgement, offset, flags."""
HEADER6: Final = struct.Struct("!B5xBx16s16sHHIIBB")
"""The same without options: version, next header, source, target, ports, sequence, acknowledgement, offset, flags."""


class Template(NamedTuple):
    """A SYN to one address from one source port, in which the target port is to be filled in.

    ``packet`` is the IP packet; the port stands at ``port_at``, the checksum at ``sum_at``: ``65535 - (base + port) %
    65535``, as the one's complement sum is taken modulo 65,535 (RFC 1071).
    """

    packet: bytearray
    port_at: int
    sum_at: int
    base: int


def template(source: bytes, target: bytes, port: int, sequence: int) -> Template:
    """A SYN between these packed addresses (both of 4 bytes, or of 16), from this source port."""
    tcp = _TCP.pack(port, 0, sequence, 0, _LENGTH // 4 << 4, 0x02, _WINDOW, 0, 0) + _MSS
    if len(target) == 4:
        pseudo = _PSEUDO4.pack(source, target, TCP, _LENGTH)
        ip = _IP4.pack(0x45, 0, _IP4.size + _LENGTH, 0, _DONT_FRAGMENT, _HOPS, TCP, 0, source, target)
    else:
        pseudo = _PSEUDO6.pack(source, target, _LENGTH, TCP)
        ip = _IP6.pack(0x60000000, _LENGTH, TCP, _HOPS, source, target)
    return Template(bytearray(ip + tcp), len(ip) + 2, len(ip) + 16, _sum(pseudo + tcp))


def _sum(data: bytes) -> int:
    """The sum of its 16-bit words modulo 65,535. The length is even."""
    words: tuple[int, ...] = struct.unpack(f"!{len(data) // 2}H", data)
    return sum(words) % 65535


class Refusal(NamedTuple):
    """An ICMP message that quotes a SYN: who sent it, its type and code, and the quoted packet's own fields."""

    sender: bytes
    type: int
    code: int
    target: bytes
    source_port: int
    port: int
    sequence: int


def refusal4(frame: mmap | bytes, at: int, length: int) -> Refusal | None:
    """Read the IPv4 packet at this place; None if it is not an ICMP message about a TCP packet."""
    end = at + length
    inner = at + ((frame[at] & 15) << 2) + 8
    if inner + _IP4.size > end or frame[inner + 9] != TCP:
        return None
    quoted = inner + ((frame[inner] & 15) << 2)
    if quoted + _QUOTED.size > end:
        return None
    kind, code = frame[inner - 8], frame[inner - 7]
    return Refusal(
        frame[at + 12 : at + 16], kind, code, frame[inner + 16 : inner + 20], *_QUOTED.unpack_from(frame, quoted)
    )


def refusal6(frame: mmap | bytes, at: int, length: int) -> Refusal | None:
    """The same for IPv6, where neither packet has extension headers: ours have none."""
    inner = at + _IP6.size + 8
    quoted = inner + _IP6.size
    if quoted + _QUOTED.size > at + length or frame[at + 6] != ICMP6 or frame[inner + 6] != TCP:
        return None
    kind, code = frame[inner - 8], frame[inner - 7]
    return Refusal(
        frame[at + 8 : at + 24], kind, code, frame[inner + 24 : inner + 40], *_QUOTED.unpack_from(frame, quoted)
    )


def is_unreachable4(frame: mmap | bytes, at: int) -> bool:
    """Whether the IPv4 packet at this place is an ICMP *destination unreachable*."""
    return frame[at + 9] == ICMP and frame[at + ((frame[at] & 15) << 2)] == ICMP_UNREACHABLE
