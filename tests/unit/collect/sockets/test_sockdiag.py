"""The netlink answers are read as the kernel writes them, and an error never passes for an empty table."""

from __future__ import annotations

import errno
import socket
import struct
import sys
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.sockets import sockdiag
from auditor.collect.sockets.entries import LISTENING, KernelState
from auditor.model.ports import Protocol

KERNEL = (0, 0)


def row(address: str, number: int, *, v6only: int | None = None, interface: int = 0, uid: int = 0, inode: int = 7):
    packed = ip_address(address).packed
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    identity = struct.pack("=2s2s16s16sIII", number.to_bytes(2, "big"), b"", packed, b"", interface, 1, 0)
    body = struct.pack("=BBBB", family, KernelState.LISTEN, 0, 0) + identity + struct.pack("=5I", 0, 0, 0, uid, inode)
    body += struct.pack("=HHBxxx", 5, 8, 0)  # an attribute that nobody asked for
    return body if v6only is None else body + struct.pack("=HHBxxx", 5, 11, v6only)


def message(kind: int, payload: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(payload), kind, 2, 1, 0) + payload


def code(value: int) -> bytes:
    return value.to_bytes(4, sys.byteorder, signed=True)


class FakeChannel:
    def __init__(self, *answers: bytes | tuple[bytes, int, tuple[int, int]]) -> None:
        self.answers = list(answers)
        self.sent = b""

    def send(self, data: bytes) -> int:
        self.sent += data
        return len(data)

    def recvmsg(self, _size: int):
        answer = self.answers.pop(0)
        data, flags, sender = answer if isinstance(answer, tuple) else (answer, 0, KERNEL)
        return data, [], flags, sender


def dump(*answers, number: int = 0):
    return sockdiag.dump(FakeChannel(*answers), socket.AF_INET, Protocol.TCP, LISTENING, number)


@pytest.mark.parametrize(
    ("address", "v6only", "read", "dual"),
    [
        ("0.0.0.0", None, IPv4Address("0.0.0.0"), False),
        ("192.0.2.1", None, IPv4Address("192.0.2.1"), False),
        ("::", 0, IPv6Address("::"), True),
        ("::", 1, IPv6Address("::"), False),
        ("::", None, IPv6Address("::"), None),
        ("::1", 0, IPv6Address("::1"), False),
        ("::ffff:127.0.0.1", 0, IPv4Address("127.0.0.1"), False),
    ],
)
def test_a_row_says_its_address_and_whether_it_takes_both_families(address, v6only, read, dual):
    entry = sockdiag.parse(row(address, 8080, v6only=v6only, interface=3, uid=33, inode=4711), Protocol.TCP)
    assert (entry.address, entry.number, entry.dual) == (read, 8080, dual)
    assert (entry.interface, entry.uid, entry.inode, entry.state) == (3, 33, 4711, KernelState.LISTEN)


def test_rows_of_several_pieces_are_all_read():
    first = message(20, row("0.0.0.0", 80)) + message(20, row("0.0.0.0", 81))
    entries = dump(first, message(20, row("0.0.0.0", 82)), message(3, code(0)))
    assert [entry.number for entry in entries] == [80, 81, 82]


@pytest.mark.parametrize("kind", [2, 3])
def test_a_dump_that_ends_with_an_error_is_no_empty_table(kind):
    with pytest.raises(FileNotFoundError):
        dump(message(kind, code(-errno.ENOENT)))


def test_a_dump_that_breaks_off_with_an_error_is_no_shorter_table():
    with pytest.raises(OSError, match="No buffer space"):
        dump(message(20, row("0.0.0.0", 80)) + message(3, code(-errno.ENOBUFS)))


def test_a_truncated_answer_is_an_error():
    with pytest.raises(OSError, match="too long"):
        dump((message(20, row("0.0.0.0", 80)), socket.MSG_TRUNC, KERNEL))


def test_messages_from_other_processes_are_not_believed():
    forged = message(20, row("0.0.0.0", 666)) + message(3, code(0))
    entries = dump((forged, 0, (4711, 0)), message(20, row("0.0.0.0", 80)), message(3, code(0)))
    assert [entry.number for entry in entries] == [80]


def test_rows_of_another_port_than_the_asked_one_are_left_out():
    entries = dump(message(20, row("0.0.0.0", 80)) + message(20, row("0.0.0.0", 81)) + message(3, code(0)), number=81)
    assert [entry.number for entry in entries] == [81]


def test_the_request_names_family_protocol_states_and_port():
    channel = FakeChannel(message(3, code(0)))
    sockdiag.dump(channel, socket.AF_INET6, Protocol.UDP, {KernelState.CLOSE}, 53)
    length, kind, flags = struct.unpack_from("=IHH", channel.sent)
    family, protocol, states, port = struct.unpack_from("=BBxxI2s", channel.sent, 16)
    assert (length, kind, flags) == (len(channel.sent), 20, 0x301)
    assert (family, protocol, states, port) == (socket.AF_INET6, socket.IPPROTO_UDP, 1 << 7, b"\0\x35")


@given(st.binary(max_size=400))
def test_no_bytes_do_worse_than_an_error(data):
    try:
        for _, payload in sockdiag.messages(data):
            sockdiag.parse(payload, Protocol.TCP)
        sockdiag.parse(data, Protocol.TCP)
    except OSError as error:
        assert error.errno == errno.EBADMSG  # noqa: PT017 - any other error fails the test by itself


@given(st.binary(max_size=60))
def test_odd_attributes_do_not_hide_a_row(attributes):
    entry = sockdiag.parse(row("::", 80)[:72] + attributes, Protocol.TCP)
    assert (entry.number, entry.address) == (80, IPv6Address("::"))
