"""Reading socket tables through netlink: the better way, as it tells v6only, devices and bound sockets.

The wire format is that of ``sock_diag(7)`` and ``netlink(7)``, with ``include/uapi/linux/inet_diag.h``. All numbers are
in the machine's byte order but ports and addresses, which are in the network's.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from typing import TYPE_CHECKING

from auditor.collect.sockets.entries import Entry, KernelState, unpack_address
from auditor.model.ports import Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_DUMP = 0x001 | 0x300  # NLM_F_REQUEST, NLM_F_DUMP
_ERROR, _DONE = 2, 3
_V6ONLY = 11  # INET_DIAG_SKV6ONLY

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port id
_REQUEST = struct.Struct("=BBBxI 2s2s16s16sIII")  # family, protocol, extensions, states, then the socket's identity
_SOCKET = struct.Struct("=BBBB 2s2s16s16sIII IIIII")  # family, state, timer, retransmits, identity, …, uid, inode
_ATTRIBUTE = struct.Struct("=HH")
_NOBODY = 0xFFFFFFFF  # INET_DIAG_NOCOOKIE

_NUMBERS = {Protocol.TCP: socket.IPPROTO_TCP, Protocol.UDP: socket.IPPROTO_UDP}
_BUFFER = 1 << 18  # the kernel never sends a larger piece than it is offered
_PATIENCE = 10.0  # seconds; the kernel answers at once, but nothing may hang


def connect() -> socket.socket:
    """Open a channel to the tables of the calling thread's network namespace; it keeps to that namespace for good.

    :raises OSError: no netlink here (not Linux, a sandbox).
    """
    family = getattr(socket, "AF_NETLINK", None)
    if family is None:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
    channel = socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG)
    channel.settimeout(_PATIENCE)
    return channel


def dump(
    channel: socket.socket, family: int, protocol: Protocol, states: Iterable[KernelState], number: int = 0
) -> list[Entry]:
    """Read one table: the sockets in these states, on this local port (0: on any).

    :raises OSError: the kernel has no such table, refuses, or answers with something else. In particular a protocol
        that the kernel does not know ends the dump with an error code that would otherwise look like an empty table.
    """
    channel.send(_request(family, protocol, states, number))
    entries: list[Entry] = []
    while True:
        data, _, flags, sender = channel.recvmsg(_BUFFER)
        if sender[0] != 0:  # only the kernel has port id 0; anybody may send to a netlink socket
            continue
        if flags & socket.MSG_TRUNC:
            raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
        for kind, payload in messages(data):
            if kind in {_DONE, _ERROR}:
                _raise_error(payload)
                return entries
            if kind == _SOCK_DIAG_BY_FAMILY:
                entry = parse(payload, protocol)
                if number in {0, entry.number}:  # the kernel does not hold bound sockets to the asked number
                    entries.append(entry)


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Split what was received into messages: type and payload.

    :raises OSError: lengths that do not fit.
    """
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, at)
        if not _HEADER.size <= length <= len(data) - at:
            raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG))
        yield kind, data[at + _HEADER.size : at + length]
        at += _aligned(length)


def parse(payload: bytes, protocol: Protocol) -> Entry:
    """Read one ``inet_diag_msg`` with its attributes.

    :raises OSError: too short, or a family or state that is none.
    """
    try:
        family, state, _, _, *identity, _, _, _, uid, inode = _SOCKET.unpack_from(payload)
        local_port, remote_port, local, remote, interface, _, _ = identity
        size = {socket.AF_INET: 4, socket.AF_INET6: 16}[family]
        known = KernelState(state)
    except (struct.error, KeyError, ValueError) as error:
        raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG)) from error
    v6only = _attribute(payload[_SOCKET.size :], _V6ONLY)
    address = unpack_address(local[:size])
    return Entry(
        protocol=protocol,
        address=address,
        number=int.from_bytes(local_port, "big"),
        remote=unpack_address(remote[:size]),
        remote_number=int.from_bytes(remote_port, "big"),
        state=known,
        uid=uid,
        inode=inode,
        interface=interface,
        dual=_dual(v6only) if address.version == 6 and address.is_unspecified else False,
    )


def _request(family: int, protocol: Protocol, states: Iterable[KernelState], number: int) -> bytes:
    mask = sum(1 << state for state in set(states))
    port = number.to_bytes(2, "big")
    anywhere = b""  # padded with zeros: any remote port, any address
    body = _REQUEST.pack(family, _NUMBERS[protocol], 0, mask, port, anywhere, anywhere, anywhere, 0, _NOBODY, _NOBODY)
    return _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0) + body


def _raise_error(payload: bytes) -> None:
    """Both an error and the end of a dump begin with a code: 0, or a negated errno."""
    code = int.from_bytes(payload[:4], sys.byteorder, signed=True)
    if code < 0:
        raise OSError(-code, os.strerror(-code))


def _attribute(data: bytes, wanted: int) -> bytes | None:
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if not _ATTRIBUTE.size <= length <= len(data) - at:
            return None
        if kind == wanted:
            return data[at + _ATTRIBUTE.size : at + length]
        at += _aligned(length)
    return None


def _dual(v6only: bytes | None) -> bool | None:
    return None if not v6only else not v6only[0]


def _aligned(length: int) -> int:
    return (length + 3) & ~3
