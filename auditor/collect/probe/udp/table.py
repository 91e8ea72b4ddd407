"""Which question goes to which port. No sockets.

Every port gets a question in the protocol that is at home there, if it has one that can be asked; all others get one
that whoever answers anything may answer. Only silence after the former can be told from a closed door that nobody
knocks at: see :func:`spoken`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from auditor.collect.probe.udp import manage, names, sessions
from auditor.collect.probe.udp.payload import Payload, anything
from auditor.model.ports import PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

_EMPTY: Final = Payload(service="", datagram=b"", recognise=anything, compels=False)
_MUTE: Final = (_EMPTY,)
"""For services that never answer, and that would take what is sent for something said: logs, traps, tunnels."""

GENERIC: Final = (
    *(
        Payload(service=one.service, datagram=one.datagram, recognise=one.recognise, compels=False)
        for one in (names.DNS[0], sessions.STUN[0])
    ),
    Payload(service="", datagram=b"\r\n\r\n", recognise=anything, compels=False),
)
"""For ports that are nobody's in particular: short, harmless, and answered by much."""

PAYLOADS: Final[Mapping[int, tuple[Payload, ...]]] = {
    7: manage.SIMPLE,  # echo
    13: manage.SIMPLE,  # daytime
    17: manage.SIMPLE,  # quote of the day
    19: manage.SIMPLE,  # character generator
    37: manage.SIMPLE,  # time
    53: names.DNS,
    69: manage.TFTP,
    88: manage.KERBEROS,
    111: manage.RPCBIND,
    123: names.NTP,
    137: names.NETBIOS,
    161: manage.SNMP,
    162: _MUTE,  # traps
    177: manage.XDMCP,
    389: manage.CLDAP,
    427: names.SLP,
    443: sessions.QUIC,
    500: sessions.IKE,
    514: _MUTE,  # syslog
    520: manage.RIP,
    623: manage.IPMI,
    784: sessions.QUIC,  # DNS over QUIC, before RFC 9250
    853: (*sessions.QUIC, *sessions.DTLS),  # DNS over QUIC (RFC 9250), over DTLS (RFC 8094)
    1194: sessions.OPENVPN,
    1434: manage.MSSQL,
    1645: manage.RADIUS,
    1646: manage.RADIUS,
    1701: sessions.L2TP,
    1812: manage.RADIUS,
    1813: manage.RADIUS,
    1900: names.SSDP,
    2049: manage.NFS,
    2123: manage.GTP_C,
    3389: (*sessions.RDP, *sessions.DTLS),
    3391: sessions.DTLS,  # remote desktop gateway
    3478: sessions.STUN,
    3702: names.WS_DISCOVERY,
    4433: (*sessions.QUIC, *sessions.DTLS),
    4500: sessions.IKE_NAT,
    4569: sessions.IAX,
    4789: _MUTE,  # VXLAN
    5060: sessions.SIP,
    5349: sessions.DTLS,  # STUN and TURN over DTLS
    5351: manage.NAT_PMP,
    5353: names.MDNS,
    5355: names.LLMNR,
    5683: sessions.COAP,
    5684: sessions.DTLS,  # CoAP over DTLS
    6881: sessions.BITTORRENT,
    8125: _MUTE,  # statsd
    8443: sessions.QUIC,
    11211: manage.MEMCACHED,
    19132: sessions.MINECRAFT,
    19133: sessions.MINECRAFT,
    19302: sessions.STUN,
    27015: sessions.SOURCE_GAMES,
    27960: sessions.QUAKE,
    44818: manage.ETHERNET_IP,
    47808: manage.BACNET,
    51820: _MUTE,  # WireGuard answers nobody whom it does not know
}


WANDERERS: Final = frozenset(port for port, payloads in PAYLOADS.items() if any(one.wanders for one in payloads))
"""Ports whose service answers from another one."""


def questions(port: int) -> tuple[Payload, ...]:
    """What to ask a port, in turn."""
    return PAYLOADS.get(port, GENERIC)


@lru_cache(maxsize=1)
def spoken() -> PortSet:
    """The UDP ports whose own protocol is asked in a way that whoever speaks it answers."""
    return PortSet.numbers(
        (port for port, payloads in PAYLOADS.items() if any(one.compels for one in payloads)), Protocol.UDP
    )
