"""An answer is taken whole or not at all, and nothing that a host or a program there says can break the reading."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.sockets.remote.answer import observation
from auditor.collect.sockets.remote.frame import FrameError, Read, Section, has_begun, sections
from auditor.collect.sockets.remote.owners import find_holders
from auditor.model.ports import ALL_TCP, ALL_UDP

MARK = "c0ffee"
HEADING = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
ROW = "   0: {0}:0050 {1}:0000 0A 00000000:00000000 00:00000000 00000000  {2}        0 4711 1 0 100 0 0 10 0"
EVERYWHERE, NOWHERE = "00000000", "00000000"


def framed(**given) -> bytes:
    """Write an answer as the script does."""
    parts = [f"motd\n\n{MARK} begin 1\n"]
    for name, lines in given.items():
        data = "".join(f"={line}\n" for line in lines)
        parts.append(f"{MARK} section {name}\n{data}.{len(lines)} {len(data) - len(lines)}\n{MARK} done\n")
    return ("".join(parts) + f"{MARK} end {len(given)}\n").encode()


def linux(**given) -> dict:
    table = {name: [HEADING] for name in ("tcp", "tcp6", "udp", "udp6")}
    facts = {"uname-n": ["web.example"], "uname-s": ["Linux"], "uname-m": ["x86_64"], "order": ["    1"]}
    return facts | {"id": ["1000"], "modules": [], "builtin": []} | table | given


def read(**given):
    return observation("web", sections(framed(**linux(**given)), MARK))


def test_an_answer_is_read_with_whatever_comes_before_and_after_it():
    (found,) = sections(framed(users=["root:0"]) + b"bye\n", MARK).values()
    assert found == Section(read=Read.DONE, lines=(b"root:0",))


WHOLE = framed(a=["one", "=two", f"{MARK} end 1"], b=[])


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_an_answer_that_stops_early_is_none(length):
    assert len(sections(WHOLE, MARK)) == 2
    with pytest.raises(FrameError):
        sections(WHOLE[:length], MARK)


@given(
    st.integers(min_value=WHOLE.index(b" begin 1") + 9, max_value=len(WHOLE) - len(f"{MARK} end 2\n")),
    st.binary(min_size=1),
)
def test_what_is_written_into_an_answer_breaks_it(place, noise):
    before, after = WHOLE[:place], WHOLE[place:]
    if before + noise + after != WHOLE:
        with suppress(FrameError):
            assert sections(before + noise + after, MARK).keys() != {"a", "b"}


@given(st.binary())
def test_bytes_of_any_kind_are_an_answer_or_refused(data):
    assert not has_begun(data, MARK)
    for tried in (data, f"\n{MARK} begin 1\n".encode() + data):
        with pytest.raises(FrameError):
            sections(tried, MARK)


def test_tables_in_either_byte_order_are_read():
    row = ROW.format("0100007F", NOWHERE, 0)
    (little,) = read(tcp=[HEADING, row]).sockets
    (big,) = read(tcp=[HEADING, ROW.format("7F000001", NOWHERE, 0)], order=["  256"]).sockets
    assert (str(little.port), little.address) == (str(big.port), big.address) == ("80/tcp", "127.0.0.1")
    with pytest.raises(FrameError, match="byte order"):
        read(order=[""], **{"uname-m": ["mips"]})


def test_a_table_that_cannot_be_read_leaves_its_protocol_unknown():
    found = linux(tcp6=["nonsense"])
    del found["udp"]
    seen = observation("web", sections(framed(**found), MARK))
    assert not seen.asked
    assert {unknown.ports for unknown in seen.unknown} == {ALL_TCP, ALL_UDP}


def test_only_linux_is_read():
    with pytest.raises(FrameError, match="runs 'FreeBSD'"):
        read(**{"uname-s": ["FreeBSD"]})


def test_users_are_named_as_that_host_names_them():
    (seen,) = read(tcp=[HEADING, ROW.format(EVERYWHERE, NOWHERE, 4242)], users=["evil:x", "shop:4242"]).sockets
    assert seen.user == "shop"


STATUS = ["Name:\tnginx", "Pid:\t812", "Uid:\t0\t33\t0\t0"]


def test_a_process_is_joined_from_three_listings():
    numbers = " ".join(["0"] * 18)
    found = find_holders(
        sections(
            framed(
                fds=["812/fd:", "lrwx------ 1 0 0 64 Nov 25 12:00 6 -> socket:[4711]"],
                status=STATUS,
                stat=["7 (a) S 1", f"812 (x) S {numbers} 9 1) S {numbers} 555 {numbers}"],
            ),
            MARK,
        )
    )
    (process,) = found.by_inode[4711]
    assert (process.pid, process.name, process.uid) == (812, "nginx", 33)
    assert process.started == 0, "after what is no record nothing is believed"


TEXT = st.text(max_size=60) | st.sampled_from([HEADING, ROW, *STATUS, "1/fd:", "x 3 -> socket:[1]", "1 (a) S 1"])
NAMES = ["tcp", "tcp6", "udp", "range", "reserved", "ss", "fds", "stat", "status", "users", "denied", "net:[1] tcp"]


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(TEXT, max_size=5)))
def test_sections_with_anything_in_them_are_an_observation(given):
    found = {
        name: Section(read=Read.DONE, lines=tuple(line.encode(errors="surrogatepass") for line in lines))
        for name, lines in (linux() | given).items()
    }
    assert observation("web", found).host == "web"
