"""Databases: mysql (client/server protocol, HandshakeV10), postgresql (protocol 3.0), mongodb (wire protocol)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.collect.identify.answer import Answer, Lead, always, cleaned

if TYPE_CHECKING:
    from auditor.collect.identify.answer import Found

SSL_REQUEST = bytes.fromhex("0000000804d2162f")
LETTERS = (b"S", b"N")
"""Yes or no to SSL_REQUEST; as an answer to anything else they are only letters."""
NO_SUCH_PROTOCOL = bytes.fromhex("0000000800000000")
"""A start-up message of version 0.0, which every server refuses with an error message."""

_MYSQL_HELLO = re.compile(rb"\A\x0a([^\0]{1,100})\0")
_MARIADB = re.compile(rb"(?:5\.5\.5-)?(\d[\d.]*)-MariaDB")
_MYSQL_ERROR = re.compile(rb"\A\xff..(?:#.{5})?(Host |Too many connections|.*(?:MySQL|MariaDB))", re.DOTALL)
_POSTGRES_ERROR = re.compile(rb"\AN?E\0\0..(?:S[^\0]{1,40}\0)?(?:V(?:FATAL|ERROR|PANIC)\0|C[0-9A-Z]{5}\0)", re.DOTALL)
_MONGO_OVER_HTTP = re.compile(rb"\AHTTP/1\.[01] \d{3} .*access MongoDB over HTTP", re.DOTALL)

_MONGO_ID = 0x41554449
_IS_MASTER = b"\x10isMaster\x00\x01\x00\x00\x00"
_MONGO_DOCUMENT = (len(_IS_MASTER) + 5).to_bytes(4, "little") + _IS_MASTER + b"\0"
_MONGO_QUERY = b"\0\0\0\0" + b"admin.$cmd\0" + b"\0\0\0\0" + b"\xff\xff\xff\xff" + _MONGO_DOCUMENT
MONGO_HELLO = (
    (16 + len(_MONGO_QUERY)).to_bytes(4, "little")
    + _MONGO_ID.to_bytes(4, "little")
    + b"\0\0\0\0"
    + (2004).to_bytes(4, "little")
    + _MONGO_QUERY
)
"""An OP_QUERY for isMaster, the one command that servers of every age answer before any login."""


def mysql(data: bytes) -> Found:
    """Read the server's handshake, or the error it sends in its place."""
    if len(data) < 7 or data[3] != 0:
        return None
    length, packet = int.from_bytes(data[:3], "little"), data[4:]
    if len(packet) < length:
        return None
    hello = _MYSQL_HELLO.match(packet)
    if hello and len(packet) >= hello.end() + 13:
        mariadb = _MARIADB.search(hello[1])
        if mariadb:
            return Answer(service="mysql", product="MariaDB", version=cleaned(mariadb[1]))
        return Answer(service="mysql", product="MySQL", version=cleaned(hello[1]))
    return Answer(service="mysql", product="MySQL") if _MYSQL_ERROR.match(packet) else None


def postgres(data: bytes) -> Found:
    """Read the one letter that answers SSLRequest, or an error message (section 55.7 of PostgreSQL's manual)."""
    known = Answer(service="postgresql", product="PostgreSQL")
    if data == b"S":
        return Lead(upgrade=True, instead=known)
    if data == b"N":
        return Lead(say=NO_SUCH_PROTOCOL, instead=known)
    return known if _POSTGRES_ERROR.match(data) else None


def mongodb(data: bytes) -> Found:
    """Read an OP_REPLY or OP_MSG to our request, or what the server tells browsers."""
    if _MONGO_OVER_HTTP.match(data):
        return Answer(service="mongodb", product="MongoDB")
    if len(data) < 36 or int.from_bytes(data[8:12], "little") != _MONGO_ID:
        return None
    length, opcode = int.from_bytes(data[:4], "little"), int.from_bytes(data[12:16], "little")
    if opcode not in (1, 2013) or not 36 <= length <= 48_000_000:
        return None
    return Answer(service="mongodb", product="MongoDB")


RECOGNISERS = (mongodb, mysql, postgres)
GREETINGS = {"postgresql": always(SSL_REQUEST), "mongodb": always(MONGO_HELLO)}
