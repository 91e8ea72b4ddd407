"""Reading socket tables through netlink: the better way, as it tells v6only, devices and bound sockets.

The wire format is that of ``sock_diag(7)``, with ``include/uapi/linux/inet_diag.h``. Ports and addresses are in the
network's byte order, all other numbers in the machine's.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import TYPE_CHECKING

from auditor.collect.sockets import netlink
from auditor.collect.sockets.entries import Entry, KernelState, unpack_address
from auditor.collect.sockets.netlink import messages
from auditor.model.ports import Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["connect", "dump", "messages", "parse"]

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_V6ONLY = 11  # INET_DIAG_SKV6ONLY

_REQUEST = struct.Struct("=BBBxI 2s2s16s16sIII")  # family, protocol, extensions, states, then the socket's identity
_SOCKET = struct.Struct("=BB2x HH16s16sI8x 12xII")  # family, state, ports, addresses, device, …, uid, inode
_NOBODY = 0xFFFFFFFF  # INET_DIAG_NOCOOKIE
_ANY_IPV6 = bytes(16)

_NUMBERS = {Protocol.TCP: socket.IPPROTO_TCP, Protocol.UDP: socket.IPPROTO_UDP}
_SIZES = {int(socket.AF_INET): 4, int(socket.AF_INET6): 16}
_STATES = {int(state): state for state in KernelState}


def connect() -> socket.socket:
    """Open a channel to the tables of the calling thread's network namespace; it keeps to that namespace for good.

    :raises OSError: no netlink here (not Linux, a sandbox).
    """
    return netlink.connect(_NETLINK_SOCK_DIAG)


def dump(
    channel: socket.socket, family: int, protocol: Protocol, states: Iterable[KernelState], number: int = 0
) -> list[Entry]:
    """Read one table: the sockets in these states, on this local port (0: on any).

    :raises OSError: the kernel has no such table, refuses, or answers with something else.
    """
    answers = netlink.dump(channel, _SOCK_DIAG_BY_FAMILY, _request(family, protocol, states, number))
    found = [parse(payload, protocol) for kind, payload in answers if kind == _SOCK_DIAG_BY_FAMILY]
    # The kernel does not hold bound sockets to the asked number.
    return [entry for entry in found if entry.number == number] if number else found


def parse(payload: bytes, protocol: Protocol) -> Entry:
    """Read one ``inet_diag_msg`` with its attributes.

    :raises OSError: too short, or a family or state that is none.
    """
    try:
        family, state, local_port, remote_port, local, remote, interface, uid, inode = _SOCKET.unpack_from(payload)
        size, known = _SIZES[family], _STATES[state]
    except (struct.error, KeyError) as error:
        raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG)) from error
    return Entry(
        protocol=protocol,
        address=unpack_address(local[:size]),
        number=socket.ntohs(local_port),
        remote=unpack_address(remote[:size]),
        remote_number=socket.ntohs(remote_port),
        state=known,
        uid=uid,
        inode=inode,
        interface=interface,
        dual=_dual(payload) if size == 16 and local == _ANY_IPV6 else False,
    )


def _request(family: int, protocol: Protocol, states: Iterable[KernelState], number: int) -> bytes:
    mask = sum(1 << state for state in set(states))
    port = number.to_bytes(2, "big")
    anywhere = b""  # padded with zeros: any remote port, any address
    return _REQUEST.pack(family, _NUMBERS[protocol], 0, mask, port, anywhere, anywhere, anywhere, 0, _NOBODY, _NOBODY)


def _dual(payload: bytes) -> bool | None:
    """Whether a socket takes IPv4 too; None where the kernel does not tell."""
    v6only = next((value for kind, value in netlink.attributes(payload, _SOCKET.size) if kind == _V6ONLY), None)
    return None if not v6only else not v6only[0]
