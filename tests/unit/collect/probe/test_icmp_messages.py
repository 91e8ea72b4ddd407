"""Messages of the network cross from the second process to the first one: they have to be made of plain values."""

from __future__ import annotations

import marshal
import socket
import struct

import pytest

from auditor.collect.probe.icmp import drain

PORT_UNREACHABLE_4 = struct.pack("=IBBBBII", 111, 2, 3, 3, 0, 0, 0) + struct.pack("=HH4s8x", 2, 0, b"\xc0\0\2\x63")
ADMIN_PROHIBITED_6 = struct.pack("=IBBBBII", 13, 3, 1, 1, 0, 0, 0) + struct.pack("=HHI16sI", 10, 0, 0, b"\xfe" * 16, 0)


class Queued:
    """A socket with one message in its error queue."""

    def __init__(self, family: socket.AddressFamily, level: int, data: bytes, host: str) -> None:
        self.family = family
        self._waiting = [(b"", [(level, 11, data)], 0, (host, 443))]

    def recvmsg(self, *_: int):
        if not self._waiting:
            raise BlockingIOError
        return self._waiting.pop()


@pytest.mark.parametrize(
    "queued",
    [
        (socket.AF_INET, socket.IPPROTO_IP, PORT_UNREACHABLE_4, "192.0.2.15"),
        (socket.AF_INET6, socket.IPPROTO_IPV6, ADMIN_PROHIBITED_6, "2001:db8::15"),
    ],
    ids=["IPv4", "IPv6"],
)
def test_a_message_can_be_handed_to_another_process(queued):
    (message,) = drain(Queued(*queued))
    assert marshal.loads(marshal.dumps(tuple(message))) == tuple(message)  # noqa: S302 - made on this very line
    assert (message.host, message.port) == (queued[-1], 443)
