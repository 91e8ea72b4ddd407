"""Questions to services that find names, times and neighbours: DNS and its kin, NTP, NetBIOS, SSDP. No sockets."""

from __future__ import annotations

import re
import struct

from auditor.collect.probe.udp.payload import PLAIN, Payload, Told, printable, starts

_ID = 0x5AA5
_IN, _CHAOS = 1, 3
_NS, _PTR, _TXT = 2, 12, 16
_UNICAST = 0x8000
"""RFC 6762 section 5.4: the answer may come to us alone."""


def _question(labels: tuple[bytes, ...], kind: int, space: int, flags: int = 0x0100) -> bytes:
    """A DNS query with one question (RFC 1035 section 4.1)."""
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return struct.pack("!6H", _ID, flags, 1, 0, 0, 0) + name + struct.pack("!2H", kind, space)


def _dns(data: bytes) -> Told | None:
    """A DNS answer to our query; the version where ``version.bind`` was answered."""
    if len(data) < 12 or data[:2] != struct.pack("!H", _ID) or not data[2] & 0x80:
        return None
    return _software(_text_record(data)) if data[7] else PLAIN


def _text_record(data: bytes) -> bytes:
    """The text of a TXT record that comes straight after our question, or nothing."""
    question = _VERSION[12:]
    if data[12 : 12 + len(question)].lower() != question:
        return b""
    rest = data[12 + len(question) :]
    found = re.match(rb"(?:\xc0.|\x07version\x04bind\x00)\x00\x10\x00\x03.{6}(.)", rest, re.DOTALL | re.IGNORECASE)
    return rest[found.end() : found.end() + found[1][0]] if found else b""


def _software(text: bytes) -> Told:
    """``dnsmasq-2.90`` and ``9.18.24-Debian`` (BIND), as people know them."""
    shown = printable(text)
    if shown is None:
        return PLAIN
    name = re.match(r"(?P<name>[A-Za-z][A-Za-z ]*?)[- /]v?(?P<version>\d[\w.+~-]*)", shown)
    if name is not None:
        return Told(name["name"], name["version"])
    return Told("BIND", shown) if re.match(r"9\.\d+", shown) else Told(version=shown)


def _any_dns(data: bytes) -> Told | None:
    """An answer of mDNS, which need not repeat the number (RFC 6762 sections 6.7 and 18.1)."""
    return PLAIN if len(data) >= 12 and data[2] & 0x80 else None


def _ntp(data: bytes) -> Told | None:
    """An answer in server mode (RFC 5905 section 7.3), or a control message (RFC 9327 section 2)."""
    if len(data) >= 48 and data[0] & 7 == 4 and data[0] >> 3 & 7 in {1, 2, 3, 4}:
        return PLAIN
    if len(data) >= 12 and data[0] & 7 == 6 and data[1] & 0x80:
        found = re.search(rb'version="([\w.-]+) ([\w.-]+)', data)
        return Told(printable(found[1]), printable(found[2])) if found else PLAIN
    return None


def _netbios(data: bytes) -> Told | None:
    """An answer to the node status request (RFC 1002 section 4.2.18)."""
    return PLAIN if len(data) >= 12 and data[:2] == struct.pack("!H", _ID) and data[2] & 0x80 else None


def _http_like(data: bytes) -> Told | None:
    """An answer to M-SEARCH; its SERVER line names the product."""
    if not data.startswith((b"HTTP/1.", b"NOTIFY ")):
        return None
    found = re.search(rb"^server:[ \t]*([^\r\n]+)", data, re.IGNORECASE | re.MULTILINE)
    return Told(printable(found[1])) if found else PLAIN


_VERSION = _question((b"version", b"bind"), _TXT, _CHAOS)
_ROOT = _question((), _NS, _IN)
_SERVICES = _question((b"_services", b"_dns-sd", b"_udp", b"local"), _PTR, _IN | _UNICAST, flags=0)
_STAR = b"CK" + b"A" * 30
"""``*`` and fifteen zero bytes in the first-level encoding of RFC 1001 section 14.1."""

DNS = (
    Payload(service="dns", datagram=_VERSION, recognise=_dns),
    Payload(service="dns", datagram=_ROOT, recognise=_dns),
)
MDNS = (Payload(service="mdns", datagram=_SERVICES, recognise=_any_dns),)
LLMNR = (  # RFC 4795: a responder keeps silent about names that are not its own
    Payload(service="llmnr", datagram=_question((b"wpad",), 1, _IN, flags=0), recognise=_dns, compels=False),
)
NTP = (
    # RFC 5905 section 7.3: version 4, client; all else zero but the transmit time, which the server gives back.
    Payload(service="ntp", datagram=b"\x23" + bytes(39) + struct.pack("!2I", 0xE0000000, _ID), recognise=_ntp),
    # RFC 9327 section 2: mode 6, read variables of the system.
    Payload(service="ntp", datagram=struct.pack("!BB5H", 0x16, 2, 1, 0, 0, 0, 0), recognise=_ntp),
)
NETBIOS = (  # RFC 1002 section 4.2.17: node status request
    Payload(service="netbios-ns", datagram=_question((_STAR,), 0x21, _IN, flags=0), recognise=_netbios),
)
SSDP = (  # UPnP Device Architecture 1.1 section 1.3.2, sent to one host
    Payload(
        service="ssdp",
        datagram=(
            b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n"
            b'MAN: "ssdp:discover"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n'
        ),
        recognise=_http_like,
    ),
)
WS_DISCOVERY = (  # WS-Discovery 1.1 section 5.2: a probe for whatever there is
    Payload(
        service="ws-discovery",
        datagram=(
            b'<?xml version="1.0"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
            b' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
            b' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><s:Header>'
            b"<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>"
            b"<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action>"
            b"<a:MessageID>urn:uuid:5aa55aa5-0000-4000-8000-000000000001</a:MessageID>"
            b"</s:Header><s:Body><d:Probe/></s:Body></s:Envelope>"
        ),
        recognise=lambda data: PLAIN if b"Envelope" in data[:400] and b"discovery" in data else None,
    ),
)
SLP = (  # RFC 2608 section 8.1: which services are there?
    Payload(
        service="slp",
        datagram=(
            b"\x02\x01\x00\x00\x36\x20\x00\x00\x00\x00\x5a\xa5\x00\x02en"
            b"\x00\x00\x00\x15service:service-agent\x00\x07default\x00\x00\x00\x00"
        ),
        recognise=starts(b"\x02\x0b", b"\x02\x02"),
    ),
)
