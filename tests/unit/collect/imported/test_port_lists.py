"""naabu, RustScan, zmap and lists of ``host:port``: what is open, and nothing besides."""

import json

import pytest

from auditor.collect.registry import open_evidence
from auditor.errors import EvidenceError, UsageError
from auditor.model.ports import NO_PORTS, PortSet


@pytest.fixture
def read(tmp_path):
    def reading(text, asked=None):
        path = tmp_path / "list"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return open_evidence(str(path), asked=None if asked is None else PortSet.parse(asked))

    return reading


def naabu(**fields):
    given = {
        "ip": "192.0.2.1",
        "timestamp": "2026-11-22T21:00:00.123456789Z",
        "port": 80,
        "protocol": "tcp",
        "tls": False,
    }
    return json.dumps({name: value for name, value in (given | fields).items() if value is not None}) + "\n"


def test_naabu_says_what_is_open_when_and_under_which_name(read):
    evidence = read(naabu() + naabu(host="web.example", port=443) + naabu(ip="2001:db8::1", host="2001:db8::1"))
    first, second = evidence
    assert (first.address, first.host, first.names) == ("192.0.2.1", None, ("web.example",))
    assert str(first.open) == "80/tcp,443/tcp"
    assert first.started.isoformat() == "2026-11-22T21:00:00.123456+00:00"
    assert (second.address, second.names) == ("2001:db8::1", ())
    assert evidence.origin.tool == "naabu"
    assert evidence.completion.complete


@pytest.mark.parametrize(
    ("fields", "port"),
    [
        ({"protocol": "udp", "port": 53}, "53/udp"),
        ({"protocol": None}, "80/tcp"),
        ({"port": {"Port": 80, "Protocol": 0, "TLS": False}, "protocol": None}, "80/tcp"),
        ({"port": {"Port": 53, "Protocol": 1, "TLS": False}, "protocol": None}, "53/udp"),
        ({"port": {"Port": 53, "Protocol": "udp"}, "protocol": None}, "53/udp"),
        ({"ip": None, "host": "192.0.2.1"}, "80/tcp"),
    ],
)
def test_naabus_old_and_new_entries_name_the_port_each_in_its_way(read, fields, port):
    [seen] = read(naabu(**fields))
    assert (seen.address, str(seen.open)) == ("192.0.2.1", port)


def test_a_host_of_which_naabu_names_no_port_is_alive_and_has_none_open(read):
    text = naabu() + json.dumps({"host": "web.example", "ip": "192.0.2.2", "port": None, "protocol": "tcp"}) + "\n"
    first, second = read(text)
    assert (str(first.open), second.address, second.open, second.alive) == ("80/tcp", "192.0.2.2", NO_PORTS, True)


CSV = """host,ip,port,protocol,tls,cdn,cdn-name,timestamp
web.example,192.0.2.1,443,tcp,false,false,,2026-11-22 21:00:00.482174 +0000 UTC
192.0.2.1,192.0.2.1,53,udp,false,false,,2026-11-22 21:00:01 +0200 CEST
host,ip,port,protocol,tls,cdn,cdn-name,timestamp
,2001:db8::1,22,tcp,false,true,"a, b",2026-11-22 21:00:02 +0000 UTC
"""


def test_naabus_csv_says_the_same_as_its_json(read):
    evidence = read(CSV)
    first, second = evidence
    assert (first.address, first.names, str(first.open)) == ("192.0.2.1", ("web.example",), "443/tcp,53/udp")
    assert first.started.isoformat() == "2026-11-22T19:00:01+00:00"
    assert (second.address, str(second.open)) == ("2001:db8::1", "22/tcp")
    assert (evidence.origin.tool, evidence.completion.complete) == ("naabu", True)


def test_naabus_older_csv_joins_the_port_to_its_protocol(read):
    text = "ip,port,timestamp\n192.0.2.1,443-0-false,2023-12-04 10:00:00 +0000 UTC\n192.0.2.1,53-1-false,\n"
    [seen] = read(text)
    assert str(seen.open) == "443/tcp,53/udp"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("192.0.2.1,443-2-false,", "list:2: not a row of naabu's"),
        ("192.0.2.1,443", "list:2: 2 cells where 3 belong"),
        ("192.0.2.1,70000,", "list:2: not a row of naabu's"),
        ("nonsense here,80,", "list:2: not a row of naabu's"),
        ('"192.0.2.1,80,', "list:2: not a line of CSV"),
    ],
)
def test_a_row_that_naabu_would_not_write_is_refused_with_its_line(read, row, says):
    with pytest.raises(EvidenceError) as caught:
        list(read(f"ip,port,timestamp\n{row}\n"))
    assert says in str(caught.value)


def test_a_row_of_naabus_csv_that_is_cut_off_is_incomplete_evidence(read):
    evidence = read("ip,port,timestamp\n192.0.2.1,80,\n192.0.2.1,44")
    assert [str(seen.open) for seen in evidence] == ["80/tcp"]
    assert not evidence.completion.complete


def test_a_host_that_naabu_names_without_its_address_is_known_by_name(read):
    [seen] = read(naabu(ip=None, host="web.example"))
    assert (seen.address, seen.host, str(seen.open)) == (None, "web.example", "80/tcp")


@pytest.mark.parametrize(
    "time",
    ["2022-01-10T19:13:44.981231231", "yesterday", "", 7, "9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+14:00"],
)
def test_a_time_without_its_offset_from_utc_dates_nothing(read, time):
    [seen] = read(naabu(timestamp=time))
    assert seen.started is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (naabu() + naabu(port=70000), ":2: not an entry of naabu's: not a port: '70000'"),
        (naabu(port=-1), ":1: not an entry of naabu's: not a port: '-1'"),
        (naabu(port="9" * 50), ":1: not an entry of naabu's: not a port: "),
        (naabu(protocol="sctp"), ":1: not an entry of naabu's: 'sctp' is not a protocol"),
        (naabu(protocol=True), ":1: not an entry of naabu's: True is not a protocol"),
        (naabu(protocol=[]), ":1: not an entry of naabu's: [] is not a protocol"),
        (naabu(ip="web.example"), ":1: not an entry of naabu's: 'web.example' is not an IP address"),
        (naabu(ip=7), ":1: not an entry of naabu's: 7 is not an IP address"),
        (naabu() + "oops\n", ":2: neither a JSON object nor a list of them: 'oops"),
        (naabu() + "{'a': 1}\n", ":2: not JSON: "),
        (naabu() + '{"port": ' + "9" * 5000 + "}\n", ":2: not JSON: a number that is too long"),
    ],
)
def test_what_naabu_does_not_write_is_refused_with_file_and_line(read, tmp_path, text, says):
    with pytest.raises(EvidenceError) as caught:
        list(read(text))
    assert str(caught.value).startswith(f"{tmp_path}/list{says}")


GREPPABLE = "192.0.2.1 -> [22,80]\n2001:db8::1 -> [443]\n192.0.2.9 -> []\n"
NORMAL = (
    ".----. .-. .-. .----..---.  .----. .---.\n| {}  }| { } |{ {__ {_   _}{ {__  /  ___}\n"
    '[~] The config file is expected to be at "/root/.rustscan.toml"\n'
    "Open \x1b[35m192.0.2.1:22\x1b[0m\nOpen 192.0.2.1:80\r\nOpen \x1b[35m[2001:db8::1]:443\x1b[0m\n"
    '[~] Starting Script(s)\n[>] Script to be run Some("nmap -vvv -p {{port}} {{ip}}")\n'
    "Starting Nmap 7.93 ( https://nmap.org ) at 2026-11-22 21:00 UTC\nNmap scan report for 192.0.2.1\n"
    "PORT   STATE SERVICE REASON\n22/tcp open  ssh     syn-ack\n81/tcp closed  http     reset\nNmap done\n"
)


@pytest.mark.parametrize("text", [GREPPABLE, NORMAL, NORMAL.encode("utf-16")])
def test_rustscan_says_what_is_open(read, text):
    evidence = read(text)
    first, second, *silent = evidence
    assert (first.address, str(first.open)) == ("192.0.2.1", "22/tcp,80/tcp")
    assert (second.address, str(second.open)) == ("2001:db8::1", "443/tcp")
    assert [seen.alive for seen in silent] == ([None] if text == GREPPABLE else [])
    assert evidence.origin.tool == "RustScan"
    assert {seen.started for seen in evidence} == {None}
    assert evidence.completion.complete


def test_a_host_without_an_open_port_has_not_answered(read):
    *_, silent = read(GREPPABLE, asked="22,80,443")
    assert (str(silent.closed_filtered), silent.alive) == ("22/tcp,80/tcp,443/tcp", None)


@pytest.mark.parametrize("text", [GREPPABLE, NORMAL])
def test_a_cut_line_is_no_port_and_makes_the_evidence_incomplete(tmp_path, text):
    path = tmp_path / "list"
    for cut in range(1, len(text)):
        path.write_text(text[:cut])
        try:
            hosts = list(evidence := open_evidence(str(path)))
        except EvidenceError:
            continue
        for seen in hosts:
            assert seen.open <= (PortSet.parse("22,80") if seen.address == "192.0.2.1" else PortSet.parse("443"))
        lines = text[:cut].splitlines(keepends=True)
        assert evidence.completion.complete == lines[-1].endswith(("\n", "[]", "0]", "3]"))


def test_lines_of_host_and_port(read):
    hosts = list(read("192.0.2.1:22\n192.0.2.1:80\n[2001:db8::1]:443\nweb.example:8080\n2001:db8::2:25\n"))
    assert [(seen.address or seen.host, str(seen.open)) for seen in hosts] == [
        ("192.0.2.1", "22/tcp,80/tcp"),
        ("2001:db8::1", "443/tcp"),
        ("web.example", "8080/tcp"),
        ("2001:db8::2", "25/tcp"),
    ]
    with pytest.raises(EvidenceError, match=":9001: not a host and a port: 'hello'"):
        list(read("192.0.2.1:80\n" * 9000 + "hello\n"))


FIELDS = "saddr,daddr,sport,dport,classification,success,repeat,timestamp-str"
ROWS = (
    "192.0.2.1,198.51.100.9,80,40000,synack,1,0,2026-11-22T20:53:51.924+0000\n"
    "192.0.2.2,198.51.100.9,80,40001,rst,0,0,2026-11-22T20:53:52.000+0000\n"
    "192.0.2.3,198.51.100.9,80,40001,icmp,0,0,2026-11-22T20:53:52.000+0000\n"
    "192.0.2.1,198.51.100.9,80,40000,synack,1,1,2026-11-22T20:53:53.924+0000\n"
)


def test_zmap_says_who_accepted_and_who_refused(read):
    for text in (f"{FIELDS}\n{ROWS}", f"{FIELDS}\n{ROWS}{FIELDS}\n{ROWS}"):
        evidence = read(text)
        first, second = evidence
        assert (first.address, str(first.open), first.closed) == ("192.0.2.1", "80/tcp", NO_PORTS)
        assert (second.address, second.open, str(second.closed)) == ("192.0.2.2", NO_PORTS, "80/tcp")
        assert first.started.isoformat() == "2026-11-22T20:53:51.924000+00:00"
        assert evidence.origin.tool == "zmap"


def test_zmaps_json_says_the_same(read):
    rows = [
        {"saddr": "192.0.2.1", "sport": 80, "classification": "synack", "success": 1, "timestamp-ts": 1795380666},
        {"saddr": "192.0.2.2", "sport": 80, "classification": "rst", "success": False},
        {"saddr": "192.0.2.4", "sport": 53, "classification": "udp", "success": True},
    ]
    first, second, third = read("".join(f"{json.dumps(row)}\n" for row in rows))
    assert (str(first.open), str(second.closed), str(third.open)) == ("80/tcp", "80/tcp", "53/udp")
    assert first.started.timestamp() == 1795380666


@pytest.mark.parametrize("text", ["192.0.2.1\n192.0.2.2\n", "saddr\n192.0.2.1\n192.0.2.2\n", '{"saddr":"192.0.2.1"}\n'])
def test_which_port_zmap_asked_is_for_the_caller_to_say_where_no_field_does(read, text):
    for nothing in (None, "80,81"):
        with pytest.raises(UsageError, match="name the one port with --asked"):
            list(read(text, asked=nothing))
    seen = next(iter(read(text, asked="80")))
    assert (str(seen.open), seen.closed_filtered) == ("80/tcp", NO_PORTS)
    assert str(next(iter(read(text, asked="53/udp"))).open) == "53/udp"


def test_another_port_than_declared_is_a_contradiction(read):
    with pytest.raises(UsageError, match=r"lists 80/tcp of 192.0.2.1, which --asked leaves out"):
        list(read(f"{FIELDS}\n{ROWS}", asked="443"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{FIELDS}\n{ROWS}x\n", ":6: 1 cells where 8 belong"),
        (f"{FIELDS}\n{ROWS.replace('192.0.2.2', 'router')}", ":3: 'router' is not an IP address"),
        (f"{FIELDS}\n{ROWS.replace(',80,40001,rst', ',8o,40001,rst')}", ":3: not a port: '8o'"),
        (f'{FIELDS}\n{ROWS}"\n', ":6: not a line of CSV"),
    ],
)
def test_what_zmap_does_not_write_is_refused_with_file_and_line(read, tmp_path, text, says):
    with pytest.raises(EvidenceError) as caught:
        list(read(text))
    assert str(caught.value) == f"{tmp_path}/list{says}"


def test_a_row_that_is_cut_off_is_not_used(read):
    evidence = read("saddr,sport\n192.0.2.1,80\n192.0.2.2,8")
    assert [seen.address for seen in evidence] == ["192.0.2.1"]
    assert evidence.completion.reason == "the file breaks off in line 3"
