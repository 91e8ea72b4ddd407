"""How this machine would reach an address: asked of the kernel's routing and neighbour tables (rtnetlink(7))."""

from __future__ import annotations

import errno
import socket
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_ROUTE = struct.Struct("=BBBBBBBBI")  # struct rtmsg
_NEIGHBOUR = struct.Struct("=BxxxiHBB")  # struct ndmsg
_ATTRIBUTE = struct.Struct("=HH")
_ERROR = struct.Struct("=i")
_REQUEST: Final = 1
_DUMP: Final = 0x300
_NLMSG_ERROR: Final = 2
_NLMSG_DONE: Final = 3
_NEWROUTE, _GETROUTE, _NEWNEIGH, _GETNEIGH = 24, 26, 28, 30
_DST, _OIF, _GATEWAY, _PREFSRC, _VIA = 1, 4, 5, 7, 18
_LOCAL: Final = 2
_FAILING: Final = {6: errno.EINVAL, 7: errno.EHOSTUNREACH, 8: errno.EACCES}  # blackhole, unreachable, prohibit
_SETTLED: Final = 0x02 | 0x40 | 0x80  # NUD_REACHABLE, NUD_NOARP, NUD_PERMANENT
_UNANSWERED: Final = 0x01 | 0x20  # NUD_INCOMPLETE, NUD_FAILED
_LARGEST: Final = 1 << 16


class Route(NamedTuple):
    """``source`` is the packed address that packets leave with; ``interface`` its number.

    ``direct``: the address is on a network of ours, with no router between.
    """

    source: bytes
    interface: int
    local: bool
    direct: bool


class Kernel:
    """A conversation with the kernel over one netlink socket; nobody needs privilege for these questions."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._number = 0

    def close(self) -> None:
        """End it."""
        self._socket.close()

    def route(self, target: bytes, interface: int = 0) -> Route:
        """The way to a packed address, over this interface where one is given (for link-local addresses).

        :raises OSError: there is none; the number says why, as connect(2) would.
        """
        family = _family(target)
        question = _ROUTE.pack(family, 8 * len(target), 0, 0, 0, 0, 0, 0, 0) + _attribute(_DST, target)
        if interface:
            question += _attribute(_OIF, struct.pack("=I", interface))
        body = self._ask(_GETROUTE, _NEWROUTE, question)
        kind = body[7]
        if kind in _FAILING:
            raise OSError(_FAILING[kind], "no way there")
        found = dict(_attributes(body, _ROUTE.size))
        out = int.from_bytes(found.get(_OIF, b"\0\0\0\0"), "little" if struct.pack("=H", 1)[0] else "big")
        local = kind == _LOCAL
        source = found.get(_PREFSRC, target if local else b"")
        if not source:
            raise OSError(errno.EADDRNOTAVAIL, "no source address")
        return Route(source, out, local, direct=not local and _GATEWAY not in found and _VIA not in found)

    def knows_neighbour(self, target: bytes, interface: int) -> bool:
        """Whether the kernel has a link-layer address for it that needs no asking."""
        question = _NEIGHBOUR.pack(_family(target), interface, 0, 0, 0) + _attribute(_DST, target)
        try:
            body = self._ask(_GETNEIGH, _NEWNEIGH, question)
        except OSError:
            return False
        return bool(_NEIGHBOUR.unpack_from(body)[2] & _SETTLED)

    def unanswered(self) -> Iterator[tuple[bytes, int]]:
        """Packed addresses on networks of ours that nobody answers for just now, and the interfaces' numbers."""
        self._number += 1
        body = _NEIGHBOUR.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
        self._socket.send(_HEADER.pack(_HEADER.size + len(body), _GETNEIGH, _REQUEST | _DUMP, self._number, 0) + body)
        while True:
            data = self._socket.recv(_LARGEST)
            at = 0
            while at + _HEADER.size <= len(data):
                length, what, _, number, _ = _HEADER.unpack_from(data, at)
                if number == self._number and what in {_NLMSG_ERROR, _NLMSG_DONE}:
                    return
                if number == self._number and what == _NEWNEIGH:
                    yield from _silent(data[at + _HEADER.size : at + length])
                at += max(length + -length % 4, _HEADER.size)

    def _ask(self, kind: int, answer: int, body: bytes) -> bytes:
        self._number += 1
        self._socket.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST, self._number, 0) + body)
        while True:
            data = self._socket.recv(_LARGEST)
            length, what, _, number, _ = _HEADER.unpack_from(data)
            if number != self._number:
                continue
            if what == _NLMSG_ERROR:
                code = -_ERROR.unpack_from(data, _HEADER.size)[0]
                raise OSError(code, "the kernel refuses the question")
            if what == answer:
                return data[_HEADER.size : length]


def _silent(body: bytes) -> Iterator[tuple[bytes, int]]:
    _, interface, state, _, _ = _NEIGHBOUR.unpack_from(body)
    if state & _UNANSWERED:
        yield from ((data, interface) for kind, data in _attributes(body, _NEIGHBOUR.size) if kind == _DST)


def _family(packed: bytes) -> int:
    return socket.AF_INET if len(packed) == 4 else socket.AF_INET6


def _attribute(kind: int, data: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(data), kind) + data + bytes(-len(data) % 4)


def _attributes(body: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        if length < _ATTRIBUTE.size:
            return
        yield kind & 0x3FFF, body[at + _ATTRIBUTE.size : at + length]
        at += length + -length % 4
