"""What an error message from the network means for the port that was asked: the error queue of a socket, read.

Linux keeps ICMP messages about a socket's packets in its error queue (ip(7), IP_RECVERR; ipv6(7), IPV6_RECVERR). An
entry names the destination of the packet that caused it, so it can be read long after the socket has moved on.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

from auditor.collect.probe.chunk import FOREIGN, LOCAL, REFUSED, UNREACHED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_EXTENDED_ERROR = struct.Struct("=IBBBBII")  # struct sock_extended_err, <linux/errqueue.h>
_MSG_ERRQUEUE = 0x2000
_ORIGIN_LOCAL, _ORIGIN_ICMP, _ORIGIN_ICMP6 = 1, 2, 3
_NO_HOST4 = {(3, code) for code in (0, 1, 5, 6, 7, 8, 11, 12)}  # RFC 792, RFC 1122 section 3.2.2.1
_NO_HOST6 = {(1, 0), (1, 2), (1, 3)}  # RFC 4443 section 3.1
_NO_NEIGHBOUR = {(socket.AF_INET, 3, 1), (socket.AF_INET6, 1, 3)}
_NAMES: dict[tuple[int, int, int], str] = {
    (socket.AF_INET, 3, 0): "network unreachable",
    (socket.AF_INET, 3, 1): "host unreachable",
    (socket.AF_INET, 3, 2): "protocol unreachable",
    (socket.AF_INET, 3, 3): "port unreachable",
    (socket.AF_INET, 3, 9): "network prohibited",
    (socket.AF_INET, 3, 10): "host prohibited",
    (socket.AF_INET, 3, 13): "administratively prohibited",
    (socket.AF_INET6, 1, 0): "no route",
    (socket.AF_INET6, 1, 1): "administratively prohibited",
    (socket.AF_INET6, 1, 3): "address unreachable",
    (socket.AF_INET6, 1, 4): "port unreachable",
    (socket.AF_INET6, 1, 5): "source address refused",
    (socket.AF_INET6, 1, 6): "route rejected",
}
NO_NEIGHBOUR = "no neighbour answers for the address"

ROUTE_ERRORS = {
    errno.ENETUNREACH: "local: this machine has no route to the address",
    errno.EHOSTUNREACH: "local: this machine's route says unreachable",
    errno.EACCES: "local: this machine's route prohibits the address",
    errno.EINVAL: "local: this machine's route drops the address, or the address needs a zone",
    errno.ENETDOWN: "local: the network interface is down",
}
"""Why nothing can be sent to an address at all."""
FIREWALL = "local: this machine's firewall"
KEPT_IN = f"{FIREWALL} does not let the packet out"
"""Why a packet was not sent (EPERM). Others to the same address may be: rules speak of ports, too."""


def reason_here(error: int) -> str:
    """Why this machine did not send a packet, given the system's error number."""
    return KEPT_IN if error == errno.EPERM else ROUTE_ERRORS.get(error) or f"local: {os.strerror(error)}"


class Message(NamedTuple):
    """One ICMP message: about which packet of ours, what it says, and who says so ('' where unknown)."""

    host: str
    port: int
    family: int
    type: int
    code: int
    sender: str

    def __str__(self) -> str:
        """``ICMP 3/13 (administratively prohibited) from 192.0.2.1``."""
        name = _NAMES.get((self.family, self.type, self.code))
        text = f"ICMP {self.type}/{self.code}" + (f" ({name})" if name else "")
        return f"{text} from {self.sender}" if self.sender else text


def drain(sock: socket.socket) -> Iterator[Message]:
    """Every message that waits on the socket; its error queue is empty afterwards."""
    while True:
        try:
            _, ancillary, _, name = sock.recvmsg(0, 512, _MSG_ERRQUEUE | socket.MSG_DONTWAIT)
        except OSError:
            return
        for level, _, data in ancillary:
            message = _message(int(sock.family), level, data, name)
            if message is not None:
                yield message


def classify(message: Message, *, ours: Callable[[str], bool], target_is_ours: bool) -> tuple[int, str]:
    """The outcome that a message stands for, and the reason in words. ``ours`` says whether an address is our own."""
    if message.sender and message.sender != message.host and not target_is_ours and ours(message.sender):
        if (message.family, message.type, message.code) in _NO_NEIGHBOUR:
            return UNREACHED, NO_NEIGHBOUR
        return LOCAL, f"{FIREWALL} refuses: {message}"
    if message.sender == message.host:
        return REFUSED, str(message)
    if _means_no_host(message):
        return UNREACHED, str(message)
    return (REFUSED if target_is_ours else FOREIGN), str(message)


def _means_no_host(message: Message) -> bool:
    if message.family == socket.AF_INET:
        return message.type != 3 or (message.type, message.code) in _NO_HOST4
    return message.type != 1 or (message.type, message.code) in _NO_HOST6


def _message(family: int, level: int, data: bytes, name: tuple[str, int]) -> Message | None:
    if level not in {socket.IPPROTO_IP, socket.IPPROTO_IPV6} or len(data) < _EXTENDED_ERROR.size:
        return None
    _, origin, kind, code, _, _, _ = _EXTENDED_ERROR.unpack_from(data)
    if origin not in {_ORIGIN_ICMP, _ORIGIN_ICMP6} or not name:
        return None
    sender = _sender(data[_EXTENDED_ERROR.size :])
    return Message(host=name[0].partition("%")[0], port=name[1], family=family, type=kind, code=code, sender=sender)


def _sender(offender: bytes) -> str:
    """The address in a ``struct sockaddr_in`` or ``sockaddr_in6``; '' for none."""
    if len(offender) < 2:
        return ""
    family = int.from_bytes(offender[:2], "little" if struct.pack("=H", 1) == b"\1\0" else "big")
    if family == socket.AF_INET and len(offender) >= 8:
        return socket.inet_ntop(socket.AF_INET, offender[4:8])
    if family == socket.AF_INET6 and len(offender) >= 24:
        return socket.inet_ntop(socket.AF_INET6, offender[8:24])
    return ""
