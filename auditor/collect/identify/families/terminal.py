"""Terminals and screens: ssh (RFC 4253), telnet (RFC 854), vnc (RFC 6143), rdp (MS-RDPBCGR 2.2.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.collect.identify.answer import Answer, always, cleaned

if TYPE_CHECKING:
    from auditor.collect.identify.answer import Found

# The server may send lines before its version (RFC 4253 section 4.2).
_SSH = re.compile(rb"\A(?:(?!SSH-)[^\r\n]{0,250}\r?\n){0,8}SSH-\d{1,2}\.\d{1,3}-([^\r\n\0]{0,250})(\r?\n)?")
_NAME_VERSION = re.compile(rb"\A([A-Za-z][A-Za-z.]*)[_-]v?(\d[^ ]*)")
_RFB = re.compile(rb"\ARFB (\d{3})\.(\d{3})\n")
_TELNET = re.compile(rb"\A(?:\xff(?:[\xfb-\xfe][\x00-\x31\x8a-\x8c\xff]|\xfa[^\xff]{1,200}\xff\xf0|[\xf1-\xf9]))+")
_BINARY = re.compile(rb"[\x01-\x06\x0e-\x1a\x1c-\x1f\x7f]")

RDP_HELLO = bytes.fromhex("030000130ee000000000000100080003000000")
"""A connection request that offers TLS and CredSSP."""


def ssh(data: bytes) -> Found:
    """Read an identification string."""
    found = _SSH.match(data)
    if found is None:
        return None
    software = found[1].partition(b" ")[0]
    named = _NAME_VERSION.match(software)
    product, version = (named[1], named[2]) if named else (software, None)
    return Answer(service="ssh", product=cleaned(product), version=cleaned(version), complete=found[2] is not None)


def telnet(data: bytes) -> Found:
    """Read option negotiation, with nothing but text after it."""
    found = _TELNET.match(data)
    if found is None or _BINARY.search(data[found.end() :].replace(b"\xff", b"")):
        return None
    return Answer(service="telnet")


def vnc(data: bytes) -> Found:
    """Read a protocol version message."""
    found = _RFB.match(data)
    if found is None:
        return None
    return Answer(service="vnc", product="RFB", version=f"{int(found[1])}.{int(found[2])}")


def rdp(data: bytes) -> Found:
    """Read an X.224 connection confirm (ITU-T X.224 section 13.4) in a TPKT (RFC 1006)."""
    if len(data) < 11 or data[:3] != b"\x03\x00\x00" or data[5] != 0xD0:
        return None
    return Answer(service="rdp") if data[3] == len(data) and data[4] == data[3] - 5 else None


RECOGNISERS = (ssh, vnc, rdp, telnet)
GREETINGS = {"rdp": always(RDP_HELLO)}
