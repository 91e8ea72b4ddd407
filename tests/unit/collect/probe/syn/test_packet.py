"""The packets are what the standards say, and nothing that comes from the network breaks their reader."""

from __future__ import annotations

import ipaddress
import struct

from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.probe.syn.packet import is_unreachable4, refusal4, refusal6, template

addresses4 = st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4))
addresses6 = st.tuples(st.ip_addresses(v=6), st.ip_addresses(v=6))
ports = st.integers(1, 65535)


def filled(made, port: int) -> bytes:
    packet = bytearray(made.packet)
    struct.pack_into("!H", packet, made.port_at, port)
    struct.pack_into("!H", packet, made.sum_at, 65535 - (made.base + port) % 65535)
    return bytes(packet)


def folded(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@given(st.one_of(addresses4, addresses6), ports, ports, st.integers(0, 2**32 - 1))
def test_the_checksum_holds_for_every_port(ends, source_port, port, sequence):
    source, target = (end.packed for end in ends)
    packet = filled(template(source, target, source_port, sequence), port)
    four = len(target) == 4
    tcp = packet[20:] if four else packet[40:]
    length = struct.pack("!H", len(tcp)) if four else struct.pack("!I", len(tcp))
    pseudo = source + target + (b"\0\6" + length if four else length + b"\0\0\0\6")
    assert folded(pseudo + tcp) == 0xFFFF  # RFC 1071
    assert struct.unpack_from("!HHI", tcp) == (source_port, port, sequence)
    assert tcp[13] == 2  # SYN alone
    if four:
        assert struct.unpack_from("!H", packet, 2)[0] == len(packet)
        assert (packet[12:16], packet[16:20]) == (source, target)
    else:
        assert struct.unpack_from("!H", packet, 4)[0] == len(tcp)
        assert (packet[8:24], packet[24:40]) == (source, target)


HERE4, THERE4, ROUTER4 = (ipaddress.ip_address(text).packed for text in ("192.0.2.1", "192.0.2.10", "203.0.113.2"))
HERE6, THERE6, ROUTER6 = (ipaddress.ip_address(text).packed for text in ("2001:db8::1", "2001:db8::10", "2001:db8::2"))


def test_an_icmp_message_names_the_packet_it_is_about():
    quoted = filled(template(HERE4, THERE4, 10001, 77), 443)[:28]
    message = b"\x45" + bytes(8) + b"\1" + bytes(2) + ROUTER4 + HERE4 + b"\3\x0d" + bytes(6) + quoted
    assert is_unreachable4(message, 0)
    assert refusal4(message, 0, len(message)) == (ROUTER4, 3, 13, THERE4, 10001, 443, 77)
    quoted = filled(template(HERE6, THERE6, 10001, 77), 443)[:48]
    message = b"\x60" + bytes(5) + b"\x3a\x40" + ROUTER6 + HERE6 + b"\1\1" + bytes(6) + quoted
    assert refusal6(message, 0, len(message)) == (ROUTER6, 1, 1, THERE6, 10001, 443, 77)


@given(st.binary(min_size=60, max_size=120), st.integers(0, 160))
def test_no_packet_breaks_the_reader(data, length):
    memory = data + bytes(256)  # a frame of the ring is longer than what the filter lets through
    is_unreachable4(memory, 0)
    for read in (refusal4, refusal6):
        read(memory, 0, min(length, 160))


@given(st.integers(0, 55))
def test_a_quotation_that_is_cut_short_says_nothing(length):
    quoted = filled(template(HERE4, THERE4, 10001, 77), 443)[:28]
    message = b"\x45" + bytes(8) + b"\1" + bytes(2) + ROUTER4 + HERE4 + b"\3\x0d" + bytes(6) + quoted
    assert refusal4(message + bytes(200), 0, length) is None
