"""The text tables are read row by row, and what is no table is never an empty one."""

from __future__ import annotations

import sys
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.sockets import procfs
from auditor.collect.sockets.entries import ANY_STATE, LISTENING, UNCONNECTED, KernelState
from auditor.model.ports import Protocol

HEADING = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def words(packed: bytes) -> str:
    return "".join(f"{int.from_bytes(packed[at : at + 4], sys.byteorder):08X}" for at in range(0, len(packed), 4))


def line(address: str, number: int, state: int, *, uid: int = 0, inode: int = 4711) -> str:
    packed = ip_address(address).packed
    return (
        f"   0: {words(packed)}:{number:04X} {words(bytes(len(packed)))}:0000 {state:02X} 00000000:00000000 "
        f"00:00000000 00000000 {uid:5d}        0 {inode} 1 0000000096905809 100 0 0 10 0\n"
    )


def parsed(*lines: str, states=ANY_STATE, number: int = 0):
    return list(procfs.parse([HEADING, *lines], Protocol.TCP, states, number))


def test_a_row_says_address_port_state_user_and_inode():
    (entry,) = parsed(line("192.0.2.1", 8080, 10, uid=65534, inode=99))
    assert (entry.address, entry.number, entry.state) == (IPv4Address("192.0.2.1"), 8080, KernelState.LISTEN)
    assert (entry.uid, entry.inode, entry.dual) == (65534, 99, False)


def test_whether_the_ipv6_wildcard_takes_ipv4_is_left_open():
    (entry,) = parsed(line("::", 80, 10))
    assert entry.address == IPv6Address("::")
    assert entry.dual is None


def test_a_mapped_address_is_the_ipv4_address_it_carries():
    (entry,) = parsed(line("::ffff:127.0.0.1", 80, 10))
    assert entry.address == IPv4Address("127.0.0.1")
    assert entry.dual is False


def test_only_the_asked_states_and_port_are_kept():
    table = [line("0.0.0.0", 80, 10), line("0.0.0.0", 80, 1), line("0.0.0.0", 81, 10), line("0.0.0.0", 53, 7)]
    assert [entry.number for entry in parsed(*table, states=LISTENING)] == [80, 81]
    assert [entry.number for entry in parsed(*table, states=LISTENING, number=81)] == [81]
    assert [entry.number for entry in parsed(*table, states=UNCONNECTED)] == [53]


def test_a_row_of_an_ipv6_udp_table_with_wide_numbers_is_read():
    text = (
        "65535: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 "
        "00:00000000 00000000  4294967294        0 4294967295 2 0000000000000000 0\n"
    )
    (entry,) = parsed(text)
    assert (entry.number, entry.uid, entry.inode) == (53, 4294967294, 4294967295)


@pytest.mark.parametrize("lines", [[], ["\n"], [line("0.0.0.0", 80, 10)]], ids=["empty", "blank", "no heading"])
def test_a_file_without_the_heading_is_no_table(lines):
    with pytest.raises(ValueError, match="heading"):
        list(procfs.parse(lines, Protocol.TCP, ANY_STATE))


@pytest.mark.parametrize("bad", ["garbage\n", "\n", line("0.0.0.0", 80, 10)[:40], line("0.0.0.0", 80, 99)])
def test_a_row_that_is_none_is_an_error_and_not_passed_over(bad):
    with pytest.raises(ValueError):
        parsed(line("0.0.0.0", 80, 10), bad)


@given(st.lists(st.text(max_size=120), max_size=4))
def test_no_text_does_worse_than_a_value_error(lines):
    try:
        parsed(*lines)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - any other error fails the test by itself


@given(st.ip_addresses(), st.integers(0, 65535), st.integers(0, 2**32 - 1))
def test_every_address_and_port_reads_back(address, number, inode):
    (entry,) = parsed(line(str(address), number, 10, inode=inode))
    mapped = address.ipv4_mapped if address.version == 6 else None
    assert (entry.address, entry.number, entry.inode) == (mapped or address, number, inode)
