"""The few forms of ASN.1's basic encoding (ITU-T X.690) that SNMP, LDAP and Kerberos need. Writing only. No sockets."""

from __future__ import annotations

SEQUENCE = 0x30
NULL = b"\x05\x00"


def tagged(tag: int, *parts: bytes) -> bytes:
    """A value of this tag that holds these parts."""
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def sequence(*parts: bytes) -> bytes:
    """A SEQUENCE."""
    return tagged(SEQUENCE, *parts)


def integer(number: int, tag: int = 0x02) -> bytes:
    """A non-negative INTEGER, or an ENUMERATED with another tag."""
    return tagged(tag, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def octets(text: bytes = b"", tag: int = 0x04) -> bytes:
    """An OCTET STRING, or another type that is written like one."""
    return tagged(tag, text)


def oid(*arcs: int) -> bytes:
    """An OBJECT IDENTIFIER whose later arcs are all below 128."""
    return tagged(0x06, bytes([arcs[0] * 40 + arcs[1], *arcs[2:]]))
