"""The descriptors that connections are made with: opened when needed, used again where that is possible."""

from __future__ import annotations

import select
import socket
import struct
from errno import EADDRNOTAVAIL, EAGAIN, ECONNRESET, EISCONN, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPIPE
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

ANY4: Final = ("127.0.0.1", 1)
ANY6: Final = ("::1", 1, 0, 0)
"""Where a second ``connect`` may name as its goal: it only asks what came of the first one (connect(2))."""
CAME_ABOUT: Final = frozenset({0, EISCONN, ECONNRESET, EPIPE})
"""What it says of a connection that came about, even if it is over already."""
SHORTAGE: Final = frozenset({EADDRNOTAVAIL, EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM})
"""What it says where this machine is short of something."""
_IPV6_RECVERR: Final = 25  # <linux/in6.h>; the socket module does not name it
_LINGER: Final = struct.pack("ii", 1, 0)
_EVENTS: Final = select.EPOLLOUT | select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET


class Descriptors:
    """Non-blocking TCP sockets in one edge-triggered epoll set, by descriptor.

    It knows which are open and which are idle, and nothing of what is asked on them. ``connect`` is the bound
    ``connect_ex`` of each and ``idle`` has those that may be used again, under whether they are for IPv6: inner loops
    take from there, and put back, themselves. ``unread`` are those whose error queue may hold something.
    """

    __slots__ = ("connect", "idle", "poll", "sockets", "unread")

    def __init__(self) -> None:
        self.poll = select.epoll()
        self.sockets: dict[int, socket.socket] = {}
        self.connect: dict[int, Callable[..., int]] = {}
        self.idle: dict[bool, list[int]] = {False: [], True: []}
        self.unread: set[int] = set()

    def close(self) -> None:
        """Close them all, and the set."""
        for sock in self.sockets.values():
            sock.close()
        self.sockets.clear()
        self.connect.clear()
        self.poll.close()

    def open(self, *, six: bool, limit: int) -> int | None:
        """A new one, for IPv6 or IPv4; None where there are no more. Beyond ``limit`` an idle one is closed for it."""
        others = self.idle[not six]
        if others and len(self.sockets) >= limit:  # one of the other family makes room
            self.drop(others.pop())
        family = socket.AF_INET6 if six else socket.AF_INET
        try:
            sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError:
            return None
        descriptor = sock.fileno()
        self.sockets[descriptor] = sock
        self.connect[descriptor] = sock.connect_ex
        if six:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        self.poll.register(descriptor, _EVENTS)
        return descriptor

    def drop(self, descriptor: int) -> None:
        """Close one, so that an open connection ends in a reset and leaves nothing behind."""
        sock = self.sockets.pop(descriptor)
        del self.connect[descriptor]
        self.unread.discard(descriptor)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        except OSError:
            pass
        finally:
            sock.close()

    def free(self, descriptor: int, *, six: bool) -> None:
        """Stop a connection attempt; the descriptor can be used again."""
        try:
            self.sockets[descriptor].shutdown(socket.SHUT_RDWR)
        except OSError:
            self.drop(descriptor)
        else:
            self.idle[six].append(descriptor)
