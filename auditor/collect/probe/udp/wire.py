"""The sockets of the UDP scanner: datagrams out, datagrams and error messages in. No decisions.

One unconnected socket a family asks every port of every host. The kernel keeps the ICMP messages about its datagrams
in its error queue (ip(7), IP_RECVERR; ipv6(7), IPV6_RECVERR); an entry names the destination that it is about. Services
that answer from another port than the one asked have a second socket to themselves, so that their answers are known
by where they arrive; and the second look has sockets, and so source ports, of its own.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NamedTuple

from auditor.collect.probe.icmp import KEPT_IN, ROUTE_ERRORS, Message

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXTENDED_ERROR: Final = struct.Struct("=IBBBBII")  # struct sock_extended_err, <linux/errqueue.h>
_MSG_ERRQUEUE: Final = 0x2000
_ICMP, _ICMP6 = 2, 3
_IP_RECVERR, _IPV6_RECVERR = 11, 25
_IP_MTU_DISCOVER, _PMTUDISC_DONT = 10, 0
_SO_RCVBUFFORCE: Final = 33
_BUFFER: Final = 8 << 20
_LONGEST: Final = 4096
_AT_ONCE: Final = 2048
_TRIES: Final = 4
_BUSY: Final = {errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN, errno.EINTR}
_ICMPS_OWN: Final = {errno.ECONNREFUSED, errno.EHOSTDOWN, errno.ENOPROTOOPT, errno.EPROTO, errno.EMSGSIZE}
"""Errors that only a message from the network brings: not said of the datagram that is being sent."""


class Place(NamedTuple):
    """A host as sockets know it: literal address without a zone, and the zone's number (0: none)."""

    host: str
    scope: int


class Datagram(NamedTuple):
    """What came back. ``wandering``: at the socket for services that answer from another port; ``again``: see `Ask`."""

    place: Place
    port: int
    data: bytes
    wandering: bool
    again: bool = False


class Outcome(Enum):
    """What became of a datagram on its way out, short of a local refusal."""

    SENT = auto()
    BUSY = auto()
    """No room just now: try again in a moment."""


class _Kind(NamedTuple):
    """What a socket is for: its family, services that answer from another port, the second look."""

    six: bool
    wandering: bool
    again: bool


class Wire:
    """The open sockets. Close it."""

    def __init__(self) -> None:
        self._sockets: dict[_Kind, socket.socket] = {}
        self._by_descriptor: dict[int, tuple[socket.socket, _Kind]] = {}
        self._poll = select.poll()
        self._errors: list[tuple[Place, Message]] = []

    def send(
        self, place: Place, port: int, data: bytes, *, wandering: bool = False, again: bool = False
    ) -> Outcome | str:
        """Send one datagram; a text says why this machine does not.

        An error of the socket may be about an earlier datagram (udp(7)): then it is taken in, and this one goes again.
        """
        kind = _Kind(":" in place.host, wandering, again)
        sock = self._sockets.get(kind) or self._open(kind)
        if sock is None:
            return "local: no socket could be opened"
        address = (place.host, port, 0, place.scope) if kind.six else (place.host, port)
        reason = ""
        for _ in range(_TRIES):
            try:
                sock.sendto(data, address)
            except BlockingIOError:
                return Outcome.BUSY
            except OSError as error:
                if error.errno in _BUSY:
                    return Outcome.BUSY
                if error.errno == errno.EPERM:
                    return KEPT_IN
                self._errors += _messages(sock)
                reason = _reason(error)
            else:
                return Outcome.SENT
        return reason or Outcome.BUSY

    def wait(self, seconds: float) -> None:
        """Until something came in, or the time is over."""
        self._poll.poll(max(0.0, seconds) * 1000)

    def errors(self) -> list[tuple[Place, Message]]:
        """The messages from the network since the last call."""
        found, self._errors = self._errors, []
        for sock, _ in self._by_descriptor.values():
            found += _messages(sock)
        return found

    def datagrams(self) -> Iterator[Datagram]:
        """What has come back; a flood is left in the queue for the next call."""
        for sock, kind in self._by_descriptor.values():
            for _ in range(_AT_ONCE):
                try:
                    data, address = sock.recvfrom(_LONGEST)
                except BlockingIOError:
                    break
                except OSError:  # about a datagram of ours: the error queue has it
                    continue
                yield Datagram(_place(address), address[1], data, kind.wandering, kind.again)

    def own_ports(self, *, six: bool) -> frozenset[int]:
        """The ports that our sockets of a family are bound to, opened if need be."""
        for kind in (_Kind(six, wandering, again) for wandering in (False, True) for again in (False, True)):
            if kind not in self._sockets:
                self._open(kind)
        return frozenset(sock.getsockname()[1] for kind, sock in self._sockets.items() if kind.six is six)

    def close(self) -> None:
        """Close all sockets."""
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()
        self._by_descriptor.clear()

    def _open(self, kind: _Kind) -> socket.socket | None:
        six = kind.six
        try:
            sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        except OSError:
            return None
        try:
            if six:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
            else:
                sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
                sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_DONT)
            _enlarge(sock)
            sock.bind(("", 0))  # so that answers find a port that is known before anything is sent
        except OSError:
            sock.close()
            return None
        self._sockets[kind] = sock
        self._by_descriptor[sock.fileno()] = (sock, kind)
        self._poll.register(sock.fileno(), select.POLLIN)
        return sock


def _enlarge(sock: socket.socket) -> None:
    """As much room for answers as we may have: what does not fit is lost, messages of the network too."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)


def _reason(error: OSError) -> str:
    """Why this machine does not send, if the error still stands after the messages were taken in."""
    if error.errno in _ICMPS_OWN or error.errno is None:
        return ""
    return ROUTE_ERRORS.get(error.errno) or f"local: {error.strerror}"


def _messages(sock: socket.socket) -> Iterator[tuple[Place, Message]]:
    """Every message that waits on the socket; reading one clears the error that came with it."""
    family = socket.AF_INET6 if len(sock.getsockname()) == 4 else socket.AF_INET
    while True:
        try:
            _, ancillary, _, address = sock.recvmsg(0, 128, _MSG_ERRQUEUE)
        except OSError:
            return
        for level, _, data in ancillary:
            if level not in {socket.IPPROTO_IP, socket.IPPROTO_IPV6} or len(data) < 24:
                continue
            _, origin, kind, code, _, _, _ = _EXTENDED_ERROR.unpack_from(data)
            if origin not in {_ICMP, _ICMP6} or not address:
                continue
            place = _place(address)
            sender = _sender(family, data[_EXTENDED_ERROR.size :])
            yield place, Message(place.host, address[1], family, kind, code, sender)


def _place(address: tuple[str, int] | tuple[str, int, int, int]) -> Place:
    """Where it is from; link-local addresses alone have a zone that means anything."""
    if len(address) == 2:
        return Place(address[0], 0)
    host = address[0].partition("%")[0]
    return Place(host, address[3] if host.startswith("fe") else 0)


def _sender(family: int, offender: bytes) -> str:
    """The address of a ``struct sockaddr_in`` or ``sockaddr_in6``; '' for none."""
    if family == socket.AF_INET:
        return socket.inet_ntop(family, offender[4:8]) if len(offender) >= 8 and any(offender[:2]) else ""
    return socket.inet_ntop(family, offender[8:24]) if len(offender) >= 24 and any(offender[:2]) else ""
