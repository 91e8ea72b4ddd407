"""Directories and shares: ldap (RFC 4511), smb (MS-SMB, MS-SMB2), NetBIOS sessions (RFC 1002), dns (RFC 1035, 7766)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.collect.identify.answer import Answer, always, cleaned

if TYPE_CHECKING:
    from auditor.collect.identify.answer import Found

LDAP_HELLO = bytes.fromhex(
    "3031" "020101"  # message 1
    "632c" "0400" "0a0100" "0a0100" "020101" "020105" "010100"  # search the root, base object, one entry, five seconds
    "870b" + b"objectClass".hex() + "300c" "040a" + b"vendorName".hex()
)  # fmt: skip
"""An anonymous search of the root DSE, which needs no bind (RFC 4513 section 5.1)."""

_VENDOR = re.compile(rb"vendorName1[\x03-\x7f]\x04([\x01-\x7f])", re.IGNORECASE)

_DIALECTS = b"".join(b"\x02" + name + b"\0" for name in (b"NT LM 0.12", b"SMB 2.002", b"SMB 2.???"))
_SMB_BODY = (
    b"\xffSMB\x72" + b"\0" * 4 + b"\x18\x01\xc8" + b"\0" * 12 + b"\xff\xff" + b"\0\1\0\0\0\0"
    + b"\0" + len(_DIALECTS).to_bytes(2, "little") + _DIALECTS
)  # fmt: skip
SMB_HELLO = len(_SMB_BODY).to_bytes(4, "big") + _SMB_BODY
"""A negotiation that offers SMB 1 and 2 (MS-SMB2 section 3.2.4.2.2.1)."""


def _netbios_name(name: bytes, suffix: int) -> bytes:
    padded = name.ljust(15) + bytes([suffix])
    return b"\x20" + b"".join(bytes([0x41 + (byte >> 4), 0x41 + (byte & 15)]) for byte in padded) + b"\0"


NETBIOS_HELLO = b"\x81\0\0\x44" + _netbios_name(b"*SMBSERVER", 0x20) + _netbios_name(b"AUDITOR", 0)

DNS_ID = b"\x41\x55"
_DNS_QUERY = DNS_ID + bytes.fromhex("00000001000000000000") + b"\x07version\x04bind\0" + b"\0\x10\0\x03"
DNS_HELLO = len(_DNS_QUERY).to_bytes(2, "big") + _DNS_QUERY
"""TXT of ``version.bind``, class CHAOS: answered or refused without recursion (RFC 4892)."""
_DNS_ANSWER = re.compile(rb"\0\x10\0\x03[\x00-\xff]{4}\0[\x02-\xff]([\x01-\xff])")


def ldap(data: bytes) -> Found:
    """Read the message that answers our search, or a notice of disconnection."""
    inner = _sequence(data)
    if inner is None or len(inner) < 4 or inner[:2] != b"\x02\x01" or inner[2] > 1:
        return None
    kind = inner[3]
    if kind not in ((0x64, 0x65, 0x73) if inner[2] else (0x78,)):
        return None
    vendor = _VENDOR.search(data)
    return Answer(service="ldap", product=cleaned(data[vendor.end() : vendor.end() + vendor[1][0]] if vendor else None))


def smb(data: bytes) -> Found:
    """Read a negotiation response of SMB 1 or 2."""
    if len(data) < 36 or data[0] != 0 or not 32 <= int.from_bytes(data[1:4], "big") <= 0x1FFFF:
        return None
    if data[4:8] == b"\xfeSMB" and data[8:10] == b"\x40\0" and data[20] & 1:
        return Answer(service="smb", product="SMB", version="2 or later")
    if data[4:9] == b"\xffSMB\x72" and data[13] & 0x80:
        return Answer(service="smb", product="SMB", version="1")
    return None


def netbios(data: bytes) -> Found:
    """Read a positive or negative session response (RFC 1002 section 4.3)."""
    if data == b"\x82\0\0\0" or (data[:4] == b"\x83\0\0\1" and len(data) == 5 and data[4] in b"\x80\x81\x82\x83\x8f"):
        return Answer(service="netbios-ssn")
    return None


def dns(data: bytes) -> Found:
    """Read a response to our question, whatever it says."""
    if len(data) < 14 or data[2:4] != DNS_ID or not data[4] & 0x80 or data[4] & 0x78:
        return None
    if int.from_bytes(data[:2], "big") < 12:
        return None
    if len(data) < 2 + int.from_bytes(data[:2], "big"):
        return Answer(service="dns", complete=False)
    found = _DNS_ANSWER.search(data)
    text = cleaned(data[found.end() : found.end() + found[1][0]] if found else None)
    product, _, version = (text or "").partition("-") if text and text.startswith("dnsmasq-") else (text or "", "", "")
    return Answer(service="dns", product=product or None, version=version or None)


def _sequence(data: bytes) -> bytes | None:
    """Return what is inside a BER sequence, as far as it has come."""
    if len(data) < 2 or data[0] != 0x30:
        return None
    if data[1] < 0x80:
        return data[2 : 2 + data[1]]
    octets = data[1] & 0x7F
    return data[2 + octets :] if 1 <= octets <= 4 and len(data) > 2 + octets else None


RECOGNISERS = (smb, netbios, dns, ldap)
GREETINGS = {
    "ldap": always(LDAP_HELLO),
    "smb": always(SMB_HELLO),
    "netbios-ssn": always(NETBIOS_HELLO),
    "dns": always(DNS_HELLO),
}
