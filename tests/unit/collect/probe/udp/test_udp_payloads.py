import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.probe.udp import ber, manage, names, sessions
from auditor.collect.probe.udp.payload import PLAIN, Told, printable
from auditor.collect.probe.udp.table import GENERIC, PAYLOADS, WANDERERS, questions, spoken
from auditor.model.ports import Port, Protocol

EVERY = [payload for payloads in (*PAYLOADS.values(), GENERIC) for payload in payloads]


@given(st.binary(max_size=200))
def test_no_answer_whatever_it_is_breaks_a_recogniser(data):
    for payload in EVERY:
        told = payload.recognise(data)
        assert told is None or all(field is None or field.isprintable() for field in told)


@given(st.sampled_from(EVERY), st.binary(max_size=60), st.integers(0, 80))
def test_answers_that_begin_well_and_end_anyhow_break_no_recogniser(payload, tail, kept):
    told = payload.recognise(payload.datagram[:kept] + tail)
    assert told is None or all(field is None or field.isprintable() for field in told)


def test_every_datagram_fits_into_one_packet():
    assert all(len(payload.datagram) <= 1232 for payload in EVERY)


def test_ports_of_their_own_protocol_are_those_that_must_answer():
    known = spoken()
    assert Port(Protocol.UDP, 53) in known
    assert Port(Protocol.UDP, 161) in known
    for silent_by_design in (51820, 514, 1194, 1812, 4789, 162, 5355, 40000):
        assert Port(Protocol.UDP, silent_by_design) not in known
    assert Port(Protocol.TCP, 53) not in known


def test_tftp_alone_answers_from_another_port():
    assert frozenset({69}) == WANDERERS


def test_a_port_without_a_protocol_gets_several_harmless_questions():
    assert questions(40000) is GENERIC
    assert len({payload.datagram for payload in GENERIC}) >= 2


def _dns_answer(text, answers=1):
    question = b"\x07version\x04bind\x00\x00\x10\x00\x03"
    record = b"\xc0\x0c\x00\x10\x00\x03" + struct.pack("!IH", 0, len(text) + 1) + bytes([len(text)]) + text
    return struct.pack("!6H", 0x5AA5, 0x8580, 1, answers, 0, 0) + question + (record if answers else b"")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"dnsmasq-2.90", Told("dnsmasq", "2.90")),
        (b"9.18.24-1-Debian", Told("BIND", "9.18.24-1-Debian")),
        (b"unbound 1.17.1", Told("unbound", "1.17.1")),
        (b"PowerDNS Recursor 4.8.8", Told("PowerDNS Recursor", "4.8.8")),
        (b"go away\x1b[2J", Told(None, "go away[2J")),
        (b"", PLAIN),
    ],
)
def test_the_version_of_a_name_server_is_read_from_its_answer(text, told):
    assert names.DNS[0].recognise(_dns_answer(text)) == told


def test_a_refusal_of_a_name_server_is_dns_all_the_same():
    assert names.DNS[0].recognise(_dns_answer(b"", answers=0)) == PLAIN


def test_a_query_is_no_answer():
    assert names.DNS[0].recognise(names.DNS[0].datagram) is None


def test_an_answer_with_another_number_is_not_to_our_query():
    assert names.DNS[0].recognise(b"\x12\x34" + _dns_answer(b"x")[2:]) is None


def test_ntp_is_recognised_in_server_mode_alone():
    assert names.NTP[0].recognise(b"\x24" + bytes(47)) == PLAIN
    assert names.NTP[0].recognise(names.NTP[0].datagram) is None
    assert len(names.NTP[0].datagram) == 48


def test_ntp_control_messages_tell_the_program():
    data = b"\x16\x82\x00\x01" + bytes(8) + b'version="ntpd 4.2.8p15@1.3728-o Wed", processor="x86_64"'
    assert names.NTP[1].recognise(data) == Told("ntpd", "4.2.8p15")


@pytest.mark.parametrize(
    ("payload", "answer", "told"),
    [
        (
            names.SSDP[0],
            b"HTTP/1.1 200 OK\r\nSERVER: Linux/5 UPnP/1.0 MiniUPnPd/2.3\r\n\r\n",
            Told("Linux/5 UPnP/1.0 MiniUPnPd/2.3"),
        ),
        (sessions.SIP[0], b"SIP/2.0 200 OK\r\nServer: Asterisk PBX 18\r\n\r\n", Told("Asterisk PBX 18")),
        (sessions.SIP[0], b"SIP/2.0 404 Not Found\r\n\r\n", PLAIN),
        (manage.MEMCACHED[0], b"\x5a\xa5\0\0\0\x01\0\0VERSION 1.6.18\r\n", Told("Memcached", "1.6.18")),
        (manage.TFTP[0], b"\0\x05\0\x01File not found\0", PLAIN),
        (manage.RPCBIND[0], struct.pack("!6I", 0x5AA5, 1, 0, 0, 0, 0), PLAIN),
        (
            sessions.QUIC[0],
            b"\x80\0\0\0\0\x08" + bytes.fromhex("5aa5" * 4) + b"\x08" + bytes.fromhex("5aa5" * 4) + b"\0\0\0\x01",
            PLAIN,
        ),
        (sessions.STUN[0], b"\x01\x01\0\x0c\x21\x12\xa4\x42" + bytes(12), PLAIN),
        (sessions.COAP[0], b"\x60\x45\x5a\xa5\xff</x>", PLAIN),
        (
            sessions.IKE[0],
            bytes.fromhex("5aa5" * 4) + bytes(8) + b"\x29\x20\x22\x20\0\0\0\0\0\0\0\x24" + bytes(8),
            PLAIN,
        ),
        (sessions.DTLS[0], b"\x16\xfe\xff" + bytes(22), PLAIN),
        (manage.KERBEROS[0], b"\x7e\x4d\x30", PLAIN),
    ],
)
def test_answers_of_each_protocol_are_recognised(payload, answer, told):
    assert payload.recognise(answer) == told


def test_the_description_of_an_snmp_agent_is_read_from_its_answer():
    name = ber.oid(1, 3, 6, 1, 2, 1, 1, 1, 0)
    value = ber.sequence(ber.sequence(name, ber.octets(b"Linux gate 6.1")))
    response = ber.tagged(0xA2, ber.integer(0x5AA5), ber.integer(0), ber.integer(0), value)
    message = ber.sequence(ber.integer(1), ber.octets(b"public"), response)
    assert manage.SNMP[1].recognise(message) == Told("Linux gate 6.1")


def test_an_agent_that_only_reports_its_engine_is_snmp():
    assert manage.SNMP[0].recognise(manage.SNMP[0].datagram.replace(b"\xa0", b"\xa8")) == PLAIN


@given(st.integers(0, 2**40))
def test_integers_are_written_without_a_sign_bit(number):
    encoded = ber.integer(number)
    assert encoded[0] == 2
    assert int.from_bytes(encoded[2:], "big", signed=True) == number


@given(st.sampled_from([0, 1, 127, 128, 255, 256, 70_000]).map(bytes))
def test_lengths_are_written_in_the_short_form_where_it_fits(content):
    encoded = ber.octets(content)
    assert encoded.endswith(content)
    if len(content) < 128:
        assert encoded[1] == len(content)
    else:
        size = encoded[1] & 0x7F
        assert int.from_bytes(encoded[2 : 2 + size], "big") == len(content)


def test_the_lengths_inside_the_handshakes_agree_with_their_content():
    dtls = sessions.DTLS[0].datagram
    assert struct.unpack("!H", dtls[11:13])[0] == len(dtls) - 13
    assert int.from_bytes(dtls[14:17], "big") == len(dtls) - 25
    for ike in sessions.IKE:
        assert struct.unpack("!I", ike.datagram[24:28])[0] == len(ike.datagram)
    l2tp = sessions.L2TP[0].datagram
    assert struct.unpack("!H", l2tp[2:4])[0] == len(l2tp)
    radius = manage.RADIUS[0].datagram
    assert struct.unpack("!H", radius[2:4])[0] == len(radius)
    assert len(sessions.QUIC[0].datagram) == 1200
    assert len(manage.RIP[0].datagram) == 24
    slp = names.SLP[0].datagram
    assert int.from_bytes(slp[2:5], "big") == len(slp)
    bacnet = manage.BACNET[0].datagram
    assert struct.unpack("!H", bacnet[2:4])[0] == len(bacnet)


@given(st.binary(max_size=300))
def test_text_of_strangers_is_made_harmless(raw):
    text = printable(raw)
    assert text is None or (text.isascii() and text.isprintable() and 0 < len(text) <= 64)
