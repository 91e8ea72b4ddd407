"""Messages: mqtt (OASIS 3.1.1) and amqp (0-9-1; ISO/IEC 19464)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.collect.identify.answer import Answer, always, cleaned

if TYPE_CHECKING:
    from auditor.collect.identify.answer import Found

MQTT_HELLO = b"\x10\x0c\0\x04MQTT\x04\x02\0\x0a\0\0"
"""CONNECT with a clean session, no name and no password."""
MQTT_LEAVE = b"\xe0\0"
AMQP_HELLO = b"AMQP\0\0\x09\x01"

_HEADER = re.compile(rb"\AAMQP[\x00-\x03]([\x00-\x01])([\x00-\x0a])([\x00-\x0a])\Z")
_START = re.compile(rb"\A\x01\0\0[\x00-\xff]{4}\0\x0a\0\x0a\0\x09")


def mqtt(data: bytes) -> Found:
    """Read a CONNACK: of 3.1.1 (four bytes) or of 5.0 (with properties)."""
    if len(data) < 4 or data[0] != 0x20 or not 2 <= data[1] < 0x80 or len(data) < 2 + data[1] or data[2] > 1:
        return None
    if data[1] == 2:
        return Answer(service="mqtt") if data[3] <= 5 and len(data) == 4 else None
    return Answer(service="mqtt", version="5.0") if data[3] == 0 or data[3] >= 0x80 else None


def amqp(data: bytes) -> Found:
    """Read connection.start, or the header with which a server names the version that it wants."""
    header = _HEADER.match(data)
    if header:
        return Answer(service="amqp")
    if not _START.match(data):
        return None
    whole = len(data) >= 8 + int.from_bytes(data[3:7], "big")
    return Answer(
        service="amqp", product=_property(data, b"product"), version=_property(data, b"version"), complete=whole
    )


def _property(data: bytes, name: bytes) -> str | None:
    """Read a long string of the server's property table."""
    mark = bytes([len(name)]) + name + b"S"
    at = data.find(mark)
    if at < 0:
        return None
    start = at + len(mark) + 4
    return cleaned(data[start : start + min(int.from_bytes(data[start - 4 : start], "big"), 255)])


RECOGNISERS = (amqp, mqtt)
GREETINGS = {"mqtt": always(MQTT_HELLO, MQTT_LEAVE), "amqp": always(AMQP_HELLO)}
