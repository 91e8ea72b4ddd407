"""Bytes to services: what real servers say, what tells protocols apart that look alike, and bytes that say nothing."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditor.collect.identify.answer import LONGEST, Answer, Lead, Peer, cleaned
from auditor.collect.identify.families import directory
from auditor.collect.identify.families.database import SSL_REQUEST
from auditor.collect.identify.families.web import kubelet
from auditor.collect.identify.registry import GREETINGS, RECOGNISERS, recognise

HTTP = b"HTTP/1.1 200 OK\r\n"


def http(status: str = "200 OK", *headers: str, body: bytes = b"") -> bytes:
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"))
    return head.encode() + b"\r\n" + body


def mysql_packet(payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + b"\0" + payload


MYSQL_REST = b"\x08\0\0\0saltsalt\0" + b"\xff" * 30
AMQP_START = b"\0\x0a\0\x0a\0\x09\0\0\0\x2b\x07productS\0\0\0\x08RabbitMQ\x07versionS\0\0\0\x063.13.7"
DNS_TAIL = b"\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x06\x05named"


def dns(flags: bytes, tail: bytes = b"") -> bytes:
    message = directory.DNS_ID + flags + b"\0\1\0\1\0\0\0\0" + directory.DNS_HELLO[14:] + tail
    return len(message).to_bytes(2, "big") + message


KNOWN = {
    b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n": ("ssh", "OpenSSH", "9.2p1"),
    b"SSH-2.0-dropbear_2022.83\r\n": ("ssh", "dropbear", "2022.83"),
    b"SSH-2.0-Go\r\n": ("ssh", "Go", None),
    b"SSH-1.99-Cisco-1.25\n": ("ssh", "Cisco", "1.25"),
    b"Go away\r\nunless invited\r\nSSH-2.0-libssh_0.9.6\r\n": ("ssh", "libssh", "0.9.6"),
    b"RFB 003.008\n": ("vnc", "RFB", "3.8"),
    b"\xff\xfd\x18\xff\xfd\x20\xff\xfb\x01\r\nrouter login: ": ("telnet", None, None),
    bytes.fromhex("030000130ed000001234000209080002000000"): ("rdp", None, None),
    bytes.fromhex("0300000b06d00000123400"): ("rdp", None, None),
    b"220 mail.example ESMTP Postfix (Debian/GNU)\r\n": ("smtp", "Postfix", None),
    b"220 mx.example ESMTP Exim 4.96 Sun, 22 Nov 2026\r\n": ("smtp", "Exim", "4.96"),
    b"554 mx.example SMTP service not available\r\n": ("smtp", None, None),
    b"220 (vsFTPd 3.0.3)\r\n": ("ftp", "vsFTPd", "3.0.3"),
    b"220 ftp.example FTP server ready.\r\n": ("ftp", None, None),
    b"220-FileZilla Server 1.5.1\r\n220 please": ("ftp", "FileZilla Server", "1.5.1"),
    b"220 ProFTPD 1.3.8 Server (Debian)\r\n": ("ftp", "ProFTPD", "1.3.8"),
    b"220 box.example ready\r\n250-box.example\r\n250 HELP\r\n": ("smtp", None, None),
    b"220 box.example ready\r\n530 Please login with USER and PASS.\r\n": ("ftp", None, None),
    b"+OK Dovecot (Debian) ready.\r\n": ("pop3", "Dovecot", None),
    b"* OK [CAPABILITY IMAP4rev1 SASL-IR] Dovecot (Debian) ready.\r\n": ("imap", "Dovecot", None),
    b"@RSYNCD: 31.0 sha512 md5\n": ("rsync", "rsync protocol", "31.0"),
    mysql_packet(b"\x0a8.0.36-0ubuntu0.22.04.1\0" + MYSQL_REST): ("mysql", "MySQL", "8.0.36-0ubuntu0.22.04.1"),
    mysql_packet(b"\x0a5.5.5-10.11.6-MariaDB-0+deb12u1\0" + MYSQL_REST): ("mysql", "MariaDB", "10.11.6"),
    mysql_packet(b"\x0a11.4.2-MariaDB\0" + MYSQL_REST): ("mysql", "MariaDB", "11.4.2"),
    mysql_packet(b"\xff\x6a\x04Host 'there' is not allowed to connect to this MySQL server"): ("mysql", "MySQL", None),
    mysql_packet(b"\xff\x10\x04Too many connections"): ("mysql", "MySQL", None),
    b"NE\0\0\0\x8cSFATAL\0VFATAL\0C0A000\0Munsupported frontend protocol\0": ("postgresql", "PostgreSQL", None),
    b"E\0\0\0\x8cSFATAL\0C08P01\0Mbad startup packet\0\0": ("postgresql", "PostgreSQL", None),
    b"+PONG\r\n": ("redis", "Redis", None),
    b"-NOAUTH Authentication required.\r\n": ("redis", "Redis", None),
    b"-DENIED Redis is running in protected mode because": ("redis", "Redis", None),
    b"-ERR wrong number of arguments for 'get' command\r\n": ("redis", "Redis", None),
    b"VERSION 1.6.18\r\n": ("memcached", "memcached", "1.6.18"),
    b"ERROR\r\nERROR\r\nVERSION 1.6.18\r\n": ("memcached", "memcached", "1.6.18"),
    HTTP + b"\r\nIt looks like you are trying to access MongoDB over HTTP on the native driver port.\r\n": (
        "mongodb", "MongoDB", None,
    ),
    (60).to_bytes(4, "little") + b"\1\0\0\0IDUA\1\0\0\0" + bytes(44): ("mongodb", "MongoDB", None),
    dns(b"\x80\0", DNS_TAIL): ("dns", "named", None),
    dns(b"\x80\0", DNS_TAIL.replace(b"\x06\x05named", b"\x0d\x0cdnsmasq-2.90")): ("dns", "dnsmasq", "2.90"),
    dns(b"\x81\x85"): ("dns", None, None),
    bytes.fromhex("300c02010165070a010004000400"): ("ldap", None, None),
    bytes.fromhex("3020020101641b0400301730150 40a76656e646f724e616d6531070405".replace(" ", "")) + b"Samba": (
        "ldap", "Samba", None,
    ),
    b"\0\0\0\x70\xfeSMB\x40\0" + bytes(10) + b"\1" + bytes(95): ("smb", "SMB", "2 or later"),
    b"\0\0\0\x40\xffSMB\x72\0\0\0\0\x88" + bytes(54): ("smb", "SMB", "1"),
    b"\x82\0\0\0": ("netbios-ssn", None, None),
    b"\x83\0\0\1\x82": ("netbios-ssn", None, None),
    b"\x20\2\0\0": ("mqtt", None, None),
    b"\x20\2\0\5": ("mqtt", None, None),
    b"\x20\3\0\x84\0": ("mqtt", None, "5.0"),
    b"AMQP\0\1\0\0": ("amqp", None, None),
    b"\1\0\0" + len(AMQP_START).to_bytes(4, "big") + AMQP_START + b"\xce": ("amqp", "RabbitMQ", "3.13.7"),
    http("200 OK", "Server: nginx/1.22.1"): ("http", "nginx", "1.22.1"),
    http("403 Forbidden", "Server: Apache/2.4.57 (Debian) OpenSSL/3.0"): ("http", "Apache", "2.4.57"),
    http("404 Not Found"): ("http", None, None),
    http("200 OK", "Server: Microsoft-IIS/10.0"): ("http", "Microsoft-IIS", "10.0"),
    http("200 OK", body=b'{"major":"1","minor":"31","gitVersion": "v1.31.2+k3s1"}'): (
        "kubernetes", "Kubernetes", "1.31.2+k3s1",
    ),
    http("403 Forbidden", body=b'{"kind": "Status","apiVersion": "v1","reason": "Forbidden"}'): (
        "kubernetes", "Kubernetes", None,
    ),
    http("404 Not Found", "X-Kubernetes-Pf-Flowschema-Uid: 1234"): ("kubernetes", "Kubernetes", None),
    http("200 OK", "Api-Version: 1.45", "Server: Docker/26.1.4 (linux)"): ("docker", "Docker", "26.1.4"),
    http("200 OK", "Libpod-Api-Version: 4.3.1", "Server: Libpod/4.3.1 (linux)"): ("docker", "Podman", "4.3.1"),
    http("200 OK", body=b'{"Version":"26.1.4","ApiVersion":"1.45"}'): ("docker", "Docker", "26.1.4"),
    http("200 OK", body=b'{"etcdserver":"3.5.12","etcdcluster":"3.5.0"}'): ("etcd", "etcd", "3.5.12"),
    http("200 OK", body=b'{"version" : {"number" : "8.12.0"}, "tagline" : "You Know, for Search"}'): (
        "http", "Elasticsearch", "8.12.0",
    ),
    b"RTSP/1.0 400 Bad Request\r\n\r\n": ("rtsp", None, None),
}  # fmt: skip


@pytest.mark.parametrize(("said", "meant"), KNOWN.items(), ids=lambda each: repr(each)[:40])
def test_what_servers_say_is_recognised(said, meant):
    found = recognise(said)
    assert isinstance(found, Answer)
    assert (found.service, found.product, found.version) == meant


@pytest.mark.parametrize("said", KNOWN, ids=lambda each: repr(each)[:40])
def test_every_beginning_of_an_answer_is_the_same_answer_or_none_or_a_lead(said):
    """Bytes come in pieces of any size: a piece must not be taken for another service."""
    whole = recognise(said).service
    for length in range(len(said)):
        found = recognise(said[:length])
        if isinstance(found, Answer):
            assert found.service in {whole, "http"} | ({"ftp"} if whole == "smtp" else set()), said[:length]
            assert found.service == whole or not found.complete or whole == "mongodb", said[:length]


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\0",
        b"hello\r\n",
        b"220",
        b"SSH\r\n",
        b"HTTP",
        b"HTTP/1.1",
        b"GET / HTTP/1.1\r\n\r\n",
        b"+",
        b"+ready\r\n",
        b"-ERR no\r\n",
        b"* hello\r\n",
        b"\xff\xfd",
        b"\xff\xff\xff\xff",
        b"\xff\xfd\x18\x01\x02\x03",
        b"\x30\x82",
        b"\x03\0\0\x13",
        b"\x03\0\0\x13\x0e\xe0" + bytes(13),
        b"\x20\2\0\x09",
        b"\x82\0\0\1",
        b"Sorry",
        b"No",
        b"<html>",
        b"\x4a\0\0\0\x0a8.0\0",
        mysql_packet(b"\xff\x6a\x04something else"),
        dns(b"\0\0"),
        b"\0\0\0\x70\xfeSMB\x40\0" + bytes(108),
        b"\x15\x03\x01\x00\x02\x09\x09",
        b"421 too busy\r\n",
    ],
)
def test_what_shows_nothing_is_not_given_a_name(said):
    assert recognise(said) is None


@pytest.mark.parametrize(
    ("said", "lead"),
    [
        (b"220 box ready\r\n", Lead(say=b"EHLO auditor.invalid\r\n")),
        (b"ERROR\r\n", Lead(say=b"version\r\n")),
        (b"\x15\x03\x03\x00\x02\x02\x46", Lead(tls=True)),
    ],
)
def test_what_is_not_yet_clear_is_asked_for(said, lead):
    assert recognise(said) == lead


def test_a_bad_request_is_http_unless_tls_is_behind_it():
    found = recognise(http("400 Bad Request", "Server: nginx"))
    assert (found.tls, found.instead.service, found.instead.product) == (True, "http", "nginx")


def test_one_letter_after_an_ssl_request_is_followed_up():
    yes, no = recognise(b"S", SSL_REQUEST), recognise(b"N", SSL_REQUEST)
    assert yes.upgrade
    assert no.say
    assert yes.instead.service == no.instead.service == "postgresql"
    assert recognise(b"S") is None
    assert recognise(b"N", b"GET / HTTP/1.1") is None


def test_an_engine_that_knows_no_such_page_is_asked_for_its_version():
    first = http("404 Not Found", "Content-Type: application/json", body=b'{"message":"page not found"}')
    found = recognise(first)
    assert found.say.startswith(b"GET /version ")
    second = recognise(first + http("200 OK", "Server: Docker/26.1.4 (linux)"))
    assert (second.service, second.version) == ("docker", "26.1.4")


@pytest.mark.parametrize("name", GREETINGS)
def test_nobody_is_recognised_by_our_own_words(name):
    """An echo, or a connection with ourselves, is no service."""
    said = GREETINGS[name].say(Peer("192.0.2.1", 80))
    for end in range(4, len(said) + 1):
        assert recognise(said[:end], said).service == "echo"
    assert recognise(said * 2, said).service == "echo"


def test_a_kubelet_is_known_by_certificate_and_refusal_together():
    plain = Answer(service="http")
    refusal = http("401 Unauthorized", body=b"Unauthorized")
    assert kubelet(plain, refusal, "CN=system:node:n1,O=system:nodes").service == "kubelet"
    assert kubelet(plain, refusal, "CN=node-1@1732300000").service == "kubelet"
    assert kubelet(plain, refusal, "CN=shop.example") is plain
    assert kubelet(plain, refusal, None) is plain
    assert kubelet(plain, http(), "CN=node-1@1732300000") is plain


OURS = [greeting.say(Peer("::1", 443)) for greeting in GREETINGS.values()]
PIECES = st.lists(st.sampled_from([*KNOWN, *OURS]) | st.binary(max_size=60), max_size=4).map(b"".join)


@st.composite
def mutations(draw):
    said = bytearray(draw(st.sampled_from(list(KNOWN))))
    for _ in range(draw(st.integers(1, 4))):
        said[draw(st.integers(0, len(said) - 1))] = draw(st.integers(0, 255))
    return bytes(said[: draw(st.integers(0, len(said)))])


@given(said=st.binary(max_size=5000) | PIECES | mutations(), ours=st.binary(max_size=8))
@example(said=b"\x30\x84", ours=b"")
@example(said=b"Server: \xff", ours=b"")
def test_whatever_comes_is_nothing_or_an_answer_that_can_be_shown(said, ours):
    found = recognise(said, ours)
    for recogniser in RECOGNISERS:
        recogniser(said)
    answer = found.instead if isinstance(found, Lead) else found
    if answer is not None:
        assert answer.service.isascii()
        assert answer.service.isprintable()
        for text in (answer.product, answer.version):
            assert text is None or (text and text.isprintable() and len(text) <= LONGEST)


@given(raw=st.binary(max_size=2000))
def test_cleaned_text_is_one_line_that_a_terminal_can_show(raw):
    text = cleaned(raw)
    assert text is None or (text.isprintable() and text == " ".join(text.split()) and len(text) <= LONGEST)


def test_every_greeting_is_short_and_the_same_each_time():
    for greeting in GREETINGS.values():
        said = greeting.say(Peer("host.example", 8443))
        assert 0 < len(said) <= 256
        assert said == greeting.say(Peer("host.example", 8443))
