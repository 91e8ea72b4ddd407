"""Socket tables by chance: nothing but clean errors, and no row of a listener lost without a word."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.collect.imported import lsof, netstat, netstat_windows, osquery, ss
from auditor.errors import EvidenceError
from auditor.model.ports import PortSet

PARSERS = {
    "ss": ss.parse,
    "lsof": lsof.parse_table,
    "lsof -F": lsof.parse_fields,
    "netstat": netstat.parse,
    "windows": netstat_windows.parse,
    "osquery": osquery.parse,
}
LOOKS = (ss.looks_like, lsof.looks_like_table, lsof.looks_like_fields, netstat.looks_like, netstat_windows.looks_like)

WORDS = st.sampled_from(
    [
        *("tcp", "udp", "tcp6", "tcp46", "udp4", "TCP", "UDP", "LISTEN", "UNCONN", "ESTAB", "LISTENING", "ABHÖREN"),
        *("0", "5", "²", "99999999999", "0.0.0.0:22", "[::]:22", "*:*", "*.*", "*.22", "::1.25", ":::80", "[::]:0"),
        *("0.0.0.0:http", "[fe80::1]%eth0:7", "127.0.0.53%lo:53", "%:", "[:1", "::ffff:1.2.3.4:9", "0.0.0.0:²"),
        *('users:(("a",pid=1,fd=2))', 'users:(("', "users:((", "uid:7", "v6only:1", "34/nginx: master", "34/"),
        *("nginx", "34", "root", "4u", "IPv4", "IPv6", "0t0", "TCP *:80 (LISTEN)", "UDP *:53", "a->b", "(LISTEN)"),
        *("p1", "f3", "tIPv4", "PTCP", "n*:80", "TST=LISTEN", "p²", "\0", "State", "Netid", "Proto", "[svchost.exe]"),
        *("Active Internet connections (only servers)", "Active UNIX domain sockets", "COMMAND", "-", "cwd"),
        *("Local Address", "Foreign Address", "Recv-Q", "Send-Q"),
    ]
)
LINES = st.lists(WORDS | st.text(max_size=6), max_size=8).map(" ".join)
TEXTS = st.lists(LINES, max_size=8).map("\n".join) | st.text(max_size=60)
VALUES = (
    st.none()
    | st.integers(-9, 99999)
    | st.sampled_from(["22", "²", "0", "6", "17", "2", "10", "::", "127.0.0.1", "-1"])
)
COLUMNS = st.sampled_from(
    [
        *("port", "local_port", "remote_port", "protocol", "family", "address", "local_address", "pid", "state"),
        "net_namespace",
    ]
)
JSON_ROWS = st.lists(st.dictionaries(COLUMNS, VALUES, max_size=8), max_size=4)
CHANGES = st.fixed_dictionaries(
    {"columns": st.dictionaries(COLUMNS, VALUES, max_size=8), "hostIdentifier": st.sampled_from(["a", "b"])},
    optional={
        "action": st.sampled_from(["added", "removed", "x"]),
        "unixTime": st.integers() | st.text(max_size=3),
        "counter": st.integers(0, 2),
        "snapshot": JSON_ROWS,
    },
)


def consistent(tables):
    for table in tables:
        seen = table.observation()
        for each in seen.unknown:
            assert seen.asked.isdisjoint(each.ports)
            assert each.ports
        for one in seen.sockets:
            assert 0 < one.port.number <= 65535


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=TEXTS)
def test_any_text_is_a_table_or_a_clean_error(name, text):
    for looks in (*LOOKS, osquery.looks_like):
        assert looks(text) in {True, False}
    with suppress(EvidenceError):
        consistent(PARSERS[name](text, "f"))


@settings(max_examples=150, deadline=None)
@given(rows=JSON_ROWS, changes=st.lists(CHANGES, min_size=1, max_size=4))
def test_any_rows_of_osquery_are_a_table(rows, changes):
    consistent(osquery.parse(json.dumps(rows), "f"))
    consistent(osquery.parse("\n".join(map(json.dumps, changes)), "f"))


ROW_OF = {
    "ss": "tcp LISTEN 0 5 192.0.2.1:{0} 0.0.0.0:*",
    "lsof": "x 1 root 3u IPv4 1 0t0 TCP 192.0.2.1:{0} (LISTEN)",
    "netstat": "tcp 0 0 192.0.2.1:{0} 0.0.0.0:* LISTEN 1/x",
    "windows": "  TCP    192.0.2.1:{0}   0.0.0.0:0   LISTENING   1",
    "lsof -F": "p1\ncx\nf3\ntIPv4\nPTCP\nn192.0.2.1:{0}\nTST=LISTEN",
}


IPV6_ROW_OF = {
    "ss": "tcp LISTEN 0 5 [::1]:1 [::]:*",
    "lsof": "x 1 root 3u IPv6 1 0t0 TCP [::1]:1 (LISTEN)",
    "netstat": "tcp6 0 0 ::1:1 :::* LISTEN 1/x",
    "windows": "  TCP    [::1]:1   [::]:0   LISTENING   1",
    "lsof -F": "p9\ncx\nf3\ntIPv6\nPTCP\nn[::1]:1\nTST=LISTEN",
}


@pytest.mark.parametrize("name", ROW_OF)
@settings(max_examples=100, deadline=None)
@given(numbers=st.lists(st.integers(2, 65535), min_size=2, max_size=5, unique=True), data=st.data())
def test_wherever_a_table_is_cut_no_port_is_lost_and_none_is_made_up(name, numbers, data):
    first = "\n".join((IPV6_ROW_OF[name], ROW_OF[name].format(numbers[0]), ""))
    rest = "\n".join(ROW_OF[name].format(number) for number in numbers[1:])
    cut = rest[: data.draw(st.integers(0, len(rest)))]
    begun = cut.count("192.0.2.1:")
    (table,) = PARSERS[name](first + cut, "f")
    seen = table.observation()
    found = PortSet.numbers(one.port.number for one in seen.sockets if one.address == "192.0.2.1")
    wanted = PortSet.numbers(numbers[: 1 + begun])
    assert found <= PortSet.numbers(numbers)
    assert (wanted - found).isdisjoint(seen.asked)
    if name.startswith("lsof"):
        assert not seen.asked
    elif cut in {"", rest}:
        assert found == wanted
        assert PortSet.numbers([9, 65000]) - wanted <= seen.asked


@pytest.mark.parametrize("name", ROW_OF)
def test_long_lines_and_hostile_names_take_no_time_to_speak_of(name):
    holders = ",".join('("",pid=1,fd=1),("",pid=1' for _ in range(5000))
    for text in (
        f"tcp LISTEN 0 5 0.0.0.0:22 0.0.0.0:* users:(({holders}",
        "tcp LISTEN 0 5 " + ":" * 50_000,
        "x 1 " + "a " * 50_000 + "IPv4",
        "TCP 0.0.0.0:1 0.0.0.0:0 " + "a" * 50_000 + " b" * 50_000,
        "tcp 0 0 " + "." * 50_000 + " " + ":" * 50_000,
    ):
        PARSERS[name](text, "f")
