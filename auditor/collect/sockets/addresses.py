"""The addresses that the calling thread's network namespace calls its own (rtnetlink(7), RTM_GETADDR)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from auditor.collect.sockets import netlink
from auditor.collect.sockets.entries import unpack_address
from auditor.model.network import LOOPBACK, NetworkSet

if TYPE_CHECKING:
    from auditor.model.network import Address

_NETLINK_ROUTE = 0
_GET_ADDRESS, _NEW_ADDRESS = 22, 20
_ADDRESS = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, device
_PEER, _LOCAL = 1, 2  # IFA_ADDRESS is the peer's on a point-to-point link, where IFA_LOCAL is one's own


def own() -> NetworkSet:
    """Return them all, with loopback's whole network, in no order.

    :raises OSError: no netlink here.
    """
    found: list[Address] = []
    with netlink.connect(_NETLINK_ROUTE) as channel:
        for kind, payload in netlink.dump(channel, _GET_ADDRESS, _ADDRESS.pack(0, 0, 0, 0, 0)):
            if kind == _NEW_ADDRESS:
                values = dict(netlink.attributes(payload, _ADDRESS.size))
                raw = values.get(_LOCAL, values.get(_PEER, b""))
                if len(raw) in (4, 16):
                    found.append(unpack_address(raw))
    return LOOPBACK | NetworkSet.of(*found)
