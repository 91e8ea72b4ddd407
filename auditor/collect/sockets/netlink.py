"""Asking the kernel through netlink(7): requests that dump a table, and the messages of their answers.

All numbers are in the machine's byte order, unless whoever defines them says otherwise.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_REQUEST_DUMP = 0x001 | 0x300  # NLM_F_REQUEST, NLM_F_DUMP
_ERROR, _DONE = 2, 3

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port id
_ATTRIBUTE = struct.Struct("=HH")
_TYPE = 0x3FFF  # without the marks for nested ones and for byte order

_BUFFER = 1 << 18  # the kernel never sends a larger piece than it is offered
_PATIENCE = 10.0  # seconds; the kernel answers at once, but nothing may hang


def connect(protocol: int) -> socket.socket:
    """Open a channel to a part of the calling thread's network namespace; it keeps to that namespace for good.

    :raises OSError: no netlink here (not Linux, a sandbox), or none of this protocol.
    """
    family = getattr(socket, "AF_NETLINK", None)
    if family is None:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
    channel = socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    channel.settimeout(_PATIENCE)
    return channel


def dump(channel: socket.socket, kind: int, body: bytes) -> Iterator[tuple[int, bytes]]:
    """Ask for a table; yield the type and payload of each message that is part of it.

    :raises OSError: there is no such table, or the kernel refuses, or answers with something else. In particular what
        the kernel does not know ends the dump with an error code that would otherwise look like an empty table.
    """
    channel.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST_DUMP, 1, 0) + body)
    while True:
        data, _, flags, sender = channel.recvmsg(_BUFFER)
        if sender[0] != 0:  # only the kernel has port id 0; anybody may send to a netlink socket
            continue
        if flags & socket.MSG_TRUNC:
            raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
        for answer, payload in messages(data):
            if answer in (_DONE, _ERROR):
                _raise_error(payload)
                return
            yield answer, payload


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Split what was received into messages: type and payload.

    :raises OSError: lengths that do not fit.
    """
    at, end, head = 0, len(data), _HEADER.size
    while at + head <= end:
        length, kind, *_ = _HEADER.unpack_from(data, at)
        if not head <= length <= end - at:
            raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG))
        yield kind, data[at + head : at + length]
        at += _aligned(length)


def attributes(data: bytes, at: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield type and value of each attribute from an offset on; what does not fit ends them."""
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if not _ATTRIBUTE.size <= length <= len(data) - at:
            return
        yield kind & _TYPE, data[at + _ATTRIBUTE.size : at + length]
        at += _aligned(length)


def _raise_error(payload: bytes) -> None:
    """Both an error and the end of a dump begin with a code: 0, or a negated errno."""
    code = int.from_bytes(payload[:4], sys.byteorder, signed=True)
    if code < 0:
        raise OSError(-code, os.strerror(-code))


def _aligned(length: int) -> int:
    return (length + 3) & ~3
