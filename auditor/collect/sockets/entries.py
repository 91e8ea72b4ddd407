"""One row of a kernel socket table, whichever way it was read. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.model.network import Address
    from auditor.model.ports import Protocol


class KernelState(IntEnum):
    """The states of a socket as the kernel numbers them (``include/net/tcp_states.h``); UDP uses two of them."""

    ESTABLISHED = 1
    SYN_SENT = 2
    SYN_RECV = 3
    FIN_WAIT1 = 4
    FIN_WAIT2 = 5
    TIME_WAIT = 6
    CLOSE = 7
    """For UDP: bound and not connected."""
    CLOSE_WAIT = 8
    LAST_ACK = 9
    LISTEN = 10
    CLOSING = 11
    NEW_SYN_RECV = 12
    BOUND_INACTIVE = 13
    """Bound, and neither listening nor connected: told by sock_diag alone, since Linux 6.8."""


ANY_STATE = frozenset(KernelState)
LISTENING = frozenset({KernelState.LISTEN})
UNCONNECTED = frozenset({KernelState.CLOSE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One socket of a table. An IPv4-mapped address is held as the IPv4 address it carries.

    ``dual`` is whether a socket bound to ``::`` takes IPv4 too; None where the table does not tell. ``interface`` is
    the index of the device it is tied to, 0 for none. ``inode`` is 0 where no file belongs to it: a lingering
    connection, a socket of the kernel's own.
    """

    protocol: Protocol
    address: Address
    number: int
    remote: Address
    remote_number: int
    state: KernelState
    uid: int
    inode: int
    interface: int = 0
    dual: bool | None = False


@lru_cache(maxsize=4096)
def unpack_address(raw: bytes) -> Address:
    """Read 4 or 16 bytes in network order; an IPv4-mapped address becomes the IPv4 address.

    :raises ValueError: another length.
    """
    if len(raw) == 4:
        return IPv4Address(raw)
    address = IPv6Address(raw)
    return address.ipv4_mapped or address
