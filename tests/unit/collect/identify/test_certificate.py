"""Subject and expiry of certificates: real ones in bytes made here, and DER that is broken in every way."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.identify.certificate import LONGEST, NOTHING, read_certificate


def der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = (size.bit_length() + 7) // 8
    return bytes([tag, 0x80 | octets]) + size.to_bytes(octets, "big") + content


CN, O, DC = bytes.fromhex("550403"), bytes.fromhex("55040a"), bytes.fromhex("0992268993f22c640119")  # noqa: E741


def attribute(oid: bytes, text: bytes, tag: int = 0x0C) -> bytes:
    return der(0x30, der(0x06, oid), der(tag, text))


def name(*attributes: bytes) -> bytes:
    return der(0x30, *(der(0x31, each) for each in attributes))


def certificate(
    subject: bytes, end: bytes = der(0x17, b"270220120000Z"), rest: bytes = b"", *, version: bool = True
) -> bytes:
    algorithm = der(0x30, der(0x06, b"\x2a\x86\x48"))
    body = (
        der(0xA0, der(0x02, b"\x02")) if version else b"",
        der(0x02, b"\x01"),
        algorithm,
        name(attribute(CN, b"somebody else")),
        der(0x30, der(0x17, b"260101000000Z"), end),
        subject,
        der(0x30, b"\0" * 64),
        rest,
    )
    return der(0x30, der(0x30, *body), algorithm, der(0x03, b"\0" * 32))


def alternative_names(*names: bytes) -> bytes:
    extension = der(0x30, der(0x06, bytes.fromhex("551d11")), der(0x04, der(0x30, *names)))
    other = der(0x30, der(0x06, bytes.fromhex("551d0f")), der(0x01, b"\xff"), der(0x04, b"\x03\x02\x05\xa0"))
    return der(0xA3, der(0x30, other, extension))


WHOLE = certificate(name(attribute(O, b"The Shop"), attribute(CN, b"shop.example")))


def test_subject_and_end_are_read():
    facts = read_certificate(WHOLE)
    assert facts.subject == "CN=shop.example,O=The Shop"
    assert facts.expires == datetime(2027, 2, 20, 12, tzinfo=UTC)


def test_a_certificate_of_version_1_is_read_too():
    assert read_certificate(certificate(name(attribute(CN, b"old")), version=False)).subject == "CN=old"


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (name(attribute(DC, b"example", 0x16), attribute(DC, b"shop", 0x16)), "DC=shop,DC=example"),
        (name(attribute(O, b"Shop, Inc.")), "O=Shop\\, Inc."),
        (name(attribute(CN, "Käse".encode("utf-16-be"), 0x1E)), "CN=Käse"),
        (name(attribute(CN, b"a\x1b[31m\nb")), "CN=a [31m b"),
        (name(attribute(b"\x2a\x03\x04", b"odd")), "1.2.3.4=odd"),
        (name(attribute(b"\x88\x37\x01", b"odd")), "2.999.1=odd"),
        (name(attribute(CN, b"one") + attribute(O, b"two")), "CN=one+O=two"),
        (name(), None),
    ],
)
def test_a_subject_is_written_as_rfc_4514_has_it(subject, text):
    assert read_certificate(certificate(subject)).subject == text


def test_a_certificate_without_a_subject_is_named_by_its_first_dns_name():
    rest = alternative_names(der(0x87, b"\xc0\0\2\1"), der(0x82, b"shop.example"), der(0x82, b"other.example"))
    assert read_certificate(certificate(name(), rest=rest)).subject == "shop.example"
    assert read_certificate(certificate(name(attribute(CN, b"cn")), rest=rest)).subject == "CN=cn"
    assert read_certificate(certificate(name(), rest=alternative_names())).subject is None


@pytest.mark.parametrize(
    ("end", "moment"),
    [
        (der(0x17, b"491231235959Z"), datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (der(0x17, b"500101000000Z"), datetime(1950, 1, 1, tzinfo=UTC)),
        (der(0x18, b"20500101000000Z"), datetime(2050, 1, 1, tzinfo=UTC)),
        (der(0x18, b"99991231235959Z"), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (der(0x18, b"20501301000000Z"), None),
        (der(0x17, b"soon"), None),
        (der(0x0C, b"270220120000Z"), None),
    ],
)
def test_the_end_is_a_moment_or_unknown(end, moment):
    facts = read_certificate(certificate(name(attribute(CN, b"x")), end=end))
    assert facts == ("CN=x", moment)


def test_a_subject_of_any_length_is_shortened():
    endless = name(*(attribute(CN, b"x" * 300) for _ in range(500)))
    assert len(read_certificate(certificate(endless)).subject) == LONGEST


@pytest.mark.parametrize(
    "broken", [b"", b"\x30", b"\x30\x80\0\0", b"\x30\x85\1\1\1\1\1", b"\x31\0", WHOLE[:40], b"\x30\0"]
)
def test_what_is_no_certificate_tells_nothing(broken):
    assert read_certificate(broken) == NOTHING


@given(raw=st.binary(max_size=300))
def test_any_bytes_are_read_or_tell_nothing(raw):
    read_certificate(raw)


@given(at=st.integers(0, len(WHOLE) - 1), octet=st.integers(0, 255), cut=st.integers(0, 20))
def test_a_damaged_certificate_gives_text_that_can_be_shown(at, octet, cut):
    damaged = bytearray(WHOLE)
    damaged[at] = octet
    facts = read_certificate(bytes(damaged[: len(damaged) - cut]))
    assert facts.subject is None or (facts.subject.isprintable() and 0 < len(facts.subject) <= LONGEST)
    assert facts.expires is None or facts.expires.tzinfo is UTC
