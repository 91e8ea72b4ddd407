"""Questions to services for management, directories, files and calls: SNMP, LDAP, Kerberos, TFTP, RPC …. No sockets."""

from __future__ import annotations

import re
import struct

from auditor.collect.probe.udp.ber import NULL, integer, octets, oid, sequence, tagged
from auditor.collect.probe.udp.payload import PLAIN, Payload, Told, anything, printable, starts

_ID = 0x5AA5
_SYS_DESCR = oid(1, 3, 6, 1, 2, 1, 1, 1, 0)


def _snmp(version: int) -> bytes:
    """A GetRequest for sysDescr in the community that is public by name (RFC 1157, RFC 3416 section 4.2.1)."""
    request = tagged(0xA0, integer(_ID), integer(0), integer(0), sequence(sequence(_SYS_DESCR, NULL)))
    return sequence(integer(version), octets(b"public"), request)


def _snmp3() -> bytes:
    """Discovery of the engine: an unauthenticated request that must be reported on (RFC 3414 section 4)."""
    header = sequence(integer(_ID), integer(65507), octets(b"\x04"), integer(3))
    security = sequence(octets(), integer(0), integer(0), octets(), octets(), octets())
    scoped = sequence(octets(), octets(), tagged(0xA0, integer(_ID), integer(0), integer(0), sequence()))
    return sequence(integer(3), header, octets(security), scoped)


def _is_snmp(data: bytes) -> Told | None:
    """A message of SNMP: a sequence that begins with its version; sysDescr, where it was given."""
    found = re.match(rb"\x30(?:[\x00-\x7f]|\x81.|\x82..|\x83...)\x02\x01([\x00\x01\x03])", data, re.DOTALL)
    if found is None:
        return None
    value = re.search(re.escape(_SYS_DESCR) + rb"\x04([\x00-\x7f]|\x81.)", data, re.DOTALL)
    if value is None:
        return PLAIN
    return Told(printable(data[value.end() : value.end() + value[1][-1]]))


def _cldap() -> bytes:
    """A search of the root for its vendor (RFC 4511 section 4.5, over UDP as in RFC 1798)."""
    scope, never, no_limit, values = integer(0, 0x0A), integer(0, 0x0A), integer(0), tagged(0x01, b"\0")
    present = octets(b"objectClass", 0x87)
    search = tagged(0x63, octets(), scope, never, no_limit, no_limit, values, present, sequence(octets(b"vendorName")))
    return sequence(integer(7), search)


def _is_ldap(data: bytes) -> Told | None:
    found = re.match(rb"\x30(?:[\x00-\x7f]|\x81.|\x82..|\x84....)\x02\x01\x07[\x64\x65\x78]", data, re.DOTALL)
    return PLAIN if found else None


def _kerberos() -> bytes:
    """An AS-REQ of nobody in particular; any KDC knows better, and says so (RFC 4120 section 5.4.1)."""

    def name(kind: int, *parts: bytes) -> bytes:
        strings = (octets(part, 0x1B) for part in parts)
        return sequence(tagged(0xA0, integer(kind)), tagged(0xA1, sequence(*strings)))

    realm = b"NM"
    body = sequence(
        tagged(0xA0, octets(b"\0\x50\x80\0\0", 0x03)),
        tagged(0xA1, name(1, b"nobody")),
        tagged(0xA2, octets(realm, 0x1B)),
        tagged(0xA3, name(2, b"krbtgt", realm)),
        tagged(0xA5, octets(b"20370913024805Z", 0x18)),
        tagged(0xA7, integer(_ID)),
        tagged(0xA8, sequence(integer(18), integer(17), integer(23))),
    )
    return tagged(0x6A, sequence(tagged(0xA1, integer(5)), tagged(0xA2, integer(10)), tagged(0xA4, body)))


def _rpc(program: int, version: int) -> bytes:
    """The procedure that does nothing, of an ONC RPC program (RFC 5531 sections 9 and 12)."""
    return struct.pack("!10I", _ID, 0, 2, program, version, 0, 0, 0, 0, 0)


def _is_rpc(data: bytes) -> Told | None:
    return PLAIN if len(data) >= 12 and data[:8] == struct.pack("!2I", _ID, 1) else None


def _radius() -> bytes:
    """Status-Server (RFC 5997 section 3); who does not know us keeps silent, by RFC 2865 section 3."""
    return struct.pack("!BBH", 12, 0x5A, 38) + bytes(range(16)) + b"\x50\x12" + bytes(16)


def _is_tftp(data: bytes) -> Told | None:
    """Data, error or acknowledged options (RFC 1350 section 5, RFC 2347)."""
    return PLAIN if len(data) >= 4 and data[:2] in {b"\0\x03", b"\0\x05", b"\0\x06"} else None


def _is_memcached(data: bytes) -> Told | None:
    """``VERSION 1.6.18`` after the frame header of eight bytes (memcached, doc/protocol.txt)."""
    found = re.match(rb"\x5a\xa5.{6}(VERSION ([\w.-]+))?", data, re.DOTALL)
    if found is None:
        return None
    return Told("Memcached", printable(found[2])) if found[2] else PLAIN


SNMP = tuple(
    Payload(service="snmp", datagram=datagram, recognise=_is_snmp) for datagram in (_snmp3(), _snmp(1), _snmp(0))
)
CLDAP = (Payload(service="ldap", datagram=_cldap(), recognise=_is_ldap),)
KERBEROS = (Payload(service="kerberos", datagram=_kerberos(), recognise=starts(b"\x7e", b"\x6b")),)
RPCBIND = (Payload(service="rpcbind", datagram=_rpc(100000, 2), recognise=_is_rpc),)
NFS = (Payload(service="nfs", datagram=_rpc(100003, 3), recognise=_is_rpc),)
RADIUS = (Payload(service="radius", datagram=_radius(), recognise=starts(b"\x02\x5a", b"\x05\x5a"), compels=False),)
TFTP = (  # RFC 1350 section 4: the answer comes from a port of its own
    Payload(service="tftp", datagram=b"\0\x01no-such-file\0octet\0", recognise=_is_tftp, wanders=True),
)
MEMCACHED = (Payload(service="memcached", datagram=b"\x5a\xa5\0\0\0\x01\0\0version\r\n", recognise=_is_memcached),)
RIP = (  # RFC 2453 section 3.9.1: a request for the whole table
    Payload(
        service="rip", datagram=b"\x01\x02" + bytes(18) + b"\0\0\0\x10", recognise=starts(b"\x02\x01", b"\x02\x02")
    ),
)
XDMCP = (  # X Display Manager Control Protocol 1.1: Query, without authentication
    Payload(service="xdmcp", datagram=b"\0\x01\0\x02\0\x01\0", recognise=starts(b"\0\x01\0\x05", b"\0\x01\0\x06")),
)
IPMI = (  # IPMI 2.0 section 13.2.3: ASF presence ping
    Payload(
        service="ipmi",
        datagram=b"\x06\0\xff\x06\0\0\x11\xbe\x80\x5a\0\0",
        recognise=starts(b"\x06\0\xff\x06\0\0\x11\xbe\x40"),
    ),
)
MSSQL = (  # MC-SQLR section 2.2.2: which instances are there?
    Payload(service="ms-sql-m", datagram=b"\x03", recognise=starts(b"\x05")),
)
NAT_PMP = (  # RFC 6886 section 3.2: the external address
    Payload(service="nat-pmp", datagram=b"\0\0", recognise=starts(b"\0\x80")),
)
BACNET = (  # ASHRAE 135, annex J: read the object's name of whatever device this is
    Payload(
        service="bacnet",
        datagram=b"\x81\x0a\0\x11\x01\x04\0\x05\x01\x0c\x0c\x02\x3f\xff\xff\x19\x4d",
        recognise=starts(b"\x81\x0a", b"\x81\x0b"),
    ),
)
ETHERNET_IP = (  # CIP volume 2, section 2-4.2: List Identity
    Payload(service="ethernet-ip", datagram=b"\x63\0" + bytes(22), recognise=starts(b"\x63\0")),
)
GTP_C = (  # 3GPP TS 29.060 section 7.2.1: echo request
    Payload(service="gtp", datagram=b"\x32\x01\0\x04\0\0\0\0\x5a\xa5\0\0", recognise=starts(b"\x32\x02", b"\x40\x02")),
)
SIMPLE = (  # RFC 862, 864, 865, 867, 868: whatever is sent brings an answer
    Payload(service="", datagram=b"\r\n\r\n", recognise=anything),
)
