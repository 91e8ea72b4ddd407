"""Questions to services that open sessions: QUIC, DTLS, IKE, tunnels, calls, constrained devices. No sockets."""

from __future__ import annotations

import re
import struct

from auditor.collect.probe.udp.payload import PLAIN, Payload, Told, printable, starts

_COOKIE = bytes.fromhex("5aa55aa55aa55aa5")


def _quic() -> bytes:
    """A long header of a version that nobody has, as large as an Initial: the server names its own (RFC 9000, 6.1)."""
    header = b"\xc0\x1a\x2a\x3a\x4a" + b"\x08" + _COOKIE + b"\x08" + _COOKIE
    return header.ljust(1200, b"\0")


def _is_quic(data: bytes) -> Told | None:
    """A Version Negotiation packet for our connection (RFC 8999 section 6)."""
    return PLAIN if len(data) >= 23 and data[0] & 0x80 and data[1:5] == bytes(4) and data[6:14] == _COOKIE else None


def _dtls() -> bytes:
    """A ClientHello of DTLS 1.2 without a cookie (RFC 6347 section 4.2; extensions by RFC 8422 and RFC 8446)."""
    suites = struct.pack("!7H", 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xC0AE, 0x009C, 0x002F)
    groups = _extension(10, b"\0\x04\0\x17\0\x1d")
    points = _extension(11, b"\x01\0")
    signatures = _extension(13, b"\0\x08\x04\x03\x05\x03\x04\x01\x08\x04")
    extensions = groups + points + signatures
    body = b"\xfe\xfd" + bytes(range(32)) + b"\0" + b"\0" + struct.pack("!H", len(suites)) + suites + b"\x01\0"
    body += struct.pack("!H", len(extensions)) + extensions
    size = len(body).to_bytes(3, "big")
    handshake = b"\x01" + size + b"\0\0" + b"\0\0\0" + size + body
    return b"\x16\xfe\xff" + bytes(8) + struct.pack("!H", len(handshake)) + handshake


def _extension(kind: int, content: bytes) -> bytes:
    return struct.pack("!2H", kind, len(content)) + content


_IS_DTLS = starts(b"\x16\xfe\xff", b"\x16\xfe\xfd", b"\x15\xfe\xff", b"\x15\xfe\xfd")


def _ike2() -> bytes:
    """IKE_SA_INIT with one proposal, a key share and a nonce (RFC 7296 sections 1.2 and 3)."""
    transforms = (
        struct.pack("!BBHBBHHH", 3, 0, 12, 1, 0, 12, 0x800E, 128),  # AES-CBC, 128 bits
        struct.pack("!BBHBBH", 3, 0, 8, 2, 0, 5),  # PRF_HMAC_SHA2_256
        struct.pack("!BBHBBH", 3, 0, 8, 3, 0, 12),  # AUTH_HMAC_SHA2_256_128
        struct.pack("!BBHBBH", 0, 0, 8, 4, 0, 14),  # a group of 2048 bits
    )
    listed = b"".join(transforms)
    proposal = struct.pack("!BBHBBBB", 0, 0, 8 + len(listed), 1, 1, 0, len(transforms)) + listed
    share = struct.pack("!HH", 14, 0) + bytes(255) + b"\x02"
    body = _ike_payload(34, proposal) + _ike_payload(40, share) + _ike_payload(0, bytes(range(32)))
    return _COOKIE + bytes(8) + struct.pack("!BBBBII", 33, 0x20, 34, 0x08, 0, 28 + len(body)) + body


def _ike1() -> bytes:
    """Main mode with one proposal: 3DES, SHA, pre-shared key, group 2 (RFC 2408 section 3, RFC 2409 section 5)."""
    attributes = struct.pack("!8H", 0x8001, 5, 0x8002, 2, 0x8003, 1, 0x8004, 2)
    transform = struct.pack("!BBHBBH", 0, 0, 8 + len(attributes), 1, 1, 0) + attributes
    proposal = struct.pack("!BBHBBBB", 0, 0, 8 + len(transform), 1, 1, 0, 1) + transform
    body = _ike_payload(0, struct.pack("!II", 1, 1) + proposal)
    return _COOKIE + bytes(8) + struct.pack("!BBBBII", 1, 0x10, 2, 0, 0, 28 + len(body)) + body


def _ike_payload(following: int, content: bytes) -> bytes:
    return struct.pack("!BBH", following, 0, 4 + len(content)) + content


_MARKER = bytes(4)
"""RFC 3948 section 2.2: what follows on this port is IKE, not ESP."""


def _is_ike(data: bytes) -> Told | None:
    data = data.removeprefix(_MARKER)
    return PLAIN if len(data) >= 28 and data[:8] == _COOKIE and data[17] >> 4 in {1, 2} else None


def _l2tp() -> bytes:
    """Start-Control-Connection-Request (RFC 2661 sections 3.1 and 6.1)."""

    def pair(kind: int, value: bytes) -> bytes:
        return struct.pack("!HHH", 0x8000 | 6 + len(value), 0, kind) + value

    pairs = pair(0, b"\0\x01") + pair(2, b"\x01\0") + pair(3, bytes(4)) + pair(7, b"probe") + pair(9, b"\x5a\xa5")
    return struct.pack("!6H", 0xC802, 12 + len(pairs), 0, 0, 0, 0) + pairs


def _sip() -> bytes:
    """OPTIONS (RFC 3261 section 11.1)."""
    return (
        b"OPTIONS sip:nobody@invalid SIP/2.0\r\nVia: SIP/2.0/UDP invalid;branch=z9hG4bK5aa5;rport\r\n"
        b"From: <sip:nobody@invalid>;tag=5aa5\r\nTo: <sip:nobody@invalid>\r\nCall-ID: 5aa55aa5\r\n"
        b"CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n"
    )


def _is_sip(data: bytes) -> Told | None:
    if not data.startswith(b"SIP/2.0 "):
        return None
    found = re.search(rb"^(?:server|user-agent):[ \t]*([^\r\n]+)", data, re.IGNORECASE | re.MULTILINE)
    return Told(printable(found[1])) if found else PLAIN


def _is_stun(data: bytes) -> Told | None:
    """A success or error response with the magic cookie (RFC 8489 section 5)."""
    return PLAIN if len(data) >= 20 and data[:2] in {b"\x01\x01", b"\x01\x11"} and data[4:8] == _MAGIC else None


_MAGIC = b"\x21\x12\xa4\x42"


def _is_coap(data: bytes) -> Told | None:
    """An acknowledgement or reset of our message (RFC 7252 section 3)."""
    return PLAIN if len(data) >= 4 and data[0] >> 4 in {5, 6, 7} and data[2:4] == b"\x5a\xa5" else None


def _is_openvpn(data: bytes) -> Told | None:
    """P_CONTROL_HARD_RESET_SERVER_V2, by its number in the upper five bits."""
    return PLAIN if len(data) >= 14 and data[0] >> 3 == 8 else None


def _rdp() -> bytes:
    """A SYN of RDP over UDP, padded to its size (MS-RDPEUDP sections 2.2.2.1 and 3.1.5.1.1)."""
    return struct.pack("!IHHIHH", 0xFFFFFFFF, 64, 1, 0x5AA55AA5, 1232, 1232).ljust(1232, b"\0")


def _is_rdp(data: bytes) -> Told | None:
    return PLAIN if len(data) >= 16 and data[:4] == b"\x5a\xa5\x5a\xa5" and data[7] & 5 == 5 else None


_RAKNET = bytes.fromhex("00ffff00fefefefefdfdfdfd12345678")

QUIC = (Payload(service="quic", datagram=_quic(), recognise=_is_quic),)
DTLS = (Payload(service="dtls", datagram=_dtls(), recognise=_IS_DTLS),)
IKE = tuple(Payload(service="ike", datagram=datagram, recognise=_is_ike) for datagram in (_ike2(), _ike1()))
IKE_NAT = tuple(
    Payload(service="ike", datagram=_MARKER + datagram, recognise=_is_ike) for datagram in (_ike2(), _ike1())
)
L2TP = (Payload(service="l2tp", datagram=_l2tp(), recognise=starts(b"\xc8\x02")),)
OPENVPN = (  # openvpn, ssl_pkt.h: a client's hard reset. With tls-auth or tls-crypt a stranger gets no answer.
    Payload(service="openvpn", datagram=b"\x38" + _COOKIE + b"\0" + bytes(4), recognise=_is_openvpn, compels=False),
)
SIP = (Payload(service="sip", datagram=_sip(), recognise=_is_sip),)
STUN = (  # RFC 8489 section 5: binding request
    Payload(service="stun", datagram=b"\0\x01\0\0" + _MAGIC + _COOKIE + bytes(4), recognise=_is_stun),
)
COAP = (  # RFC 7252 section 3, RFC 6690 section 4: GET /.well-known/core
    Payload(service="coap", datagram=b"\x40\x01\x5a\xa5\xbb.well-known\x04core", recognise=_is_coap),
)
RDP = (Payload(service="rdp", datagram=_rdp(), recognise=_is_rdp),)
IAX = (  # RFC 5456 section 6.7.1: POKE
    Payload(
        service="iax2",
        datagram=b"\x80\x01\0\0\0\0\0\0\0\0\x06\x1e",
        recognise=lambda data: PLAIN if len(data) >= 12 and data[0] & 0x80 and data[10] == 6 else None,
    ),
)
BITTORRENT = (  # BEP 5: ping
    Payload(
        service="bittorrent-dht",
        datagram=b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe",
        recognise=starts(b"d1:rd", b"d1:eli", b"d2:ip"),
    ),
)
SOURCE_GAMES = (  # Valve's server queries: A2S_INFO
    Payload(
        service="source-engine",
        datagram=b"\xff\xff\xff\xffTSource Engine Query\0",
        recognise=starts(b"\xff\xff\xff\xffI", b"\xff\xff\xff\xffA", b"\xff\xff\xff\xffm"),
    ),
)
QUAKE = (Payload(service="quake3", datagram=b"\xff\xff\xff\xffgetstatus", recognise=starts(b"\xff\xff\xff\xffstatus")),)
MINECRAFT = (  # RakNet: unconnected ping
    Payload(service="minecraft-bedrock", datagram=b"\x01" + bytes(8) + _RAKNET + _COOKIE, recognise=starts(b"\x1c")),
)
