"""Subject and end of validity of an X.509 certificate (RFC 5280 section 4.1), read from hostile DER. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from auditor.collect.identify.answer import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 256
"""The most characters of a subject."""
_MOST_PARTS = 64

_SEQUENCE, _OID, _UTC_TIME, _GENERALIZED, _VERSION, _EXTENSIONS = 0x30, 0x06, 0x17, 0x18, 0xA0, 0xA3
_OCTETS, _DNS_NAME, _IP_ADDRESS = 0x04, 0x82, 0x87
_ENCODINGS = {0x0C: "utf-8", 0x13: "latin-1", 0x14: "latin-1", 0x16: "latin-1", 0x1E: "utf-16-be", 0x1C: "utf-32-be"}
_NAMES = {  # RFC 4514 section 3, and two in common use
    "550403": "CN", "550407": "L", "550408": "ST", "55040a": "O", "55040b": "OU", "550406": "C", "550409": "STREET",
    "0992268993f22c640119": "DC", "0992268993f22c640101": "UID", "550405": "serialNumber",
    "2a864886f70d010901": "emailAddress",
}  # fmt: skip
_ALTERNATIVE_NAMES = bytes.fromhex("551d11")
_ESCAPED = re.compile(r'[,+"\\<>;=]')


class Facts(NamedTuple):
    """What is kept of a certificate."""

    subject: str | None = None
    expires: datetime | None = None


NOTHING = Facts()


class _Element(NamedTuple):
    tag: int
    content: bytes


def read_certificate(der: bytes) -> Facts:
    """Read what can be read; what is malformed is None. A certificate without a subject gives its first DNS name."""
    try:
        body = list(_elements(_inside(_inside(der, _SEQUENCE), _SEQUENCE)))
        if body and body[0].tag == _VERSION:
            del body[0]
        _, _, _, validity, subject, *rest = body
    except ValueError:
        return NOTHING
    return Facts(_subject(subject) or _alternative(rest), _end(validity))


def _elements(data: bytes) -> Iterator[_Element]:
    """Each element of a row of them (X.690 section 8.1).

    :raises ValueError: a length that is indefinite or leads beyond the end.
    """
    at = 0
    while at < len(data):
        header = data[at : at + 2]
        if len(header) < 2 or header[1] == 0x80 or header[1] > 0x84:
            raise ValueError(at)
        octets = header[1] & 0x7F if header[1] > 0x80 else 0
        start = at + 2 + octets
        length = int.from_bytes(data[at + 2 : start], "big") if octets else header[1]
        if start + length > len(data):
            raise ValueError(at)
        yield _Element(header[0], data[start : start + length])
        at = start + length


def _inside(data: bytes, tag: int) -> bytes:
    """Return the content of the first element, which must have this tag.

    :raises ValueError: it has not, or there is none.
    """
    for element in _elements(data):
        if element.tag == tag:
            return element.content
        break
    raise ValueError(tag)


def _subject(name: _Element) -> str | None:
    """The last part comes first (RFC 4514 section 2.1)."""
    parts = []
    try:
        for relative in _elements(name.content):
            parts.append("+".join(_pair(each.content) for each in _elements(relative.content)))
            if len(parts) > _MOST_PARTS:
                break
    except ValueError:
        return None
    return printable(",".join(reversed(parts)), LONGEST)


def _pair(content: bytes) -> str:
    oid, value = list(_elements(content))[:2]
    if oid.tag != _OID:
        raise ValueError(oid.tag)
    text = value.content[: 4 * LONGEST].decode(_ENCODINGS.get(value.tag, "latin-1"), "replace")
    shown = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return f"{_NAMES.get(oid.content.hex()) or _dotted(oid.content)}={_ESCAPED.sub(_escape, shown)}"


def _escape(found: re.Match[str]) -> str:
    return "\\" + found.group()


def _dotted(oid: bytes) -> str:
    """Write an object identifier with dots (X.690 section 8.19), a monstrous one in part."""
    numbers, number = [], 0
    for octet in oid[:32]:
        number = number << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(number)
            number = 0
    if not numbers:
        return "?"
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def _alternative(rest: list[_Element]) -> str | None:
    """Return the first DNS name among the alternative names."""
    try:
        extensions = next((_inside(each.content, _SEQUENCE) for each in rest if each.tag == _EXTENSIONS), b"")
        for extension in _elements(extensions):
            parts = list(_elements(extension.content))
            if parts and parts[0] == _Element(_OID, _ALTERNATIVE_NAMES) and parts[-1].tag == _OCTETS:
                names = _elements(_inside(parts[-1].content, _SEQUENCE))
                name = next((each.content for each in names if each.tag == _DNS_NAME), b"")
                return printable(name[:LONGEST].decode("latin-1"), LONGEST)
    except ValueError:
        return None
    return None


def _end(validity: _Element) -> datetime | None:
    """Read notAfter; two-digit years are 1950 to 2049 (RFC 5280 section 4.1.2.5.1)."""
    try:
        _, end = _elements(validity.content)
        text = end.content.decode("ascii")
        if end.tag == _UTC_TIME:
            text = ("20" if text[:2] < "50" else "19") + text
        elif end.tag != _GENERALIZED:
            return None
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
