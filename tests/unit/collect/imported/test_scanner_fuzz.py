"""Whatever bytes the scanners' files hold, they end in evidence that is sound or in one clear error."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.collect.registry import open_evidence
from auditor.errors import EvidenceError, UsageError
from auditor.model.ports import PortSet
from auditor.snapshot import Snapshot, record

MASSCAN = {"ip": "192.0.2.1", "timestamp": "1795380666", "ports": [{"port": 80, "proto": "tcp", "status": "open"}]}
NAABU = {"host": "web", "ip": "192.0.2.1", "port": 80, "protocol": "tcp", "timestamp": "2026-11-22T21:00:00Z"}
MASSCAN_GREPABLE = """\
# Masscan 1.3.2 scan initiated x
# Ports scanned: TCP(1;80-80) UDP(0;)
Timestamp: 1795380666\tHost: 192.0.2.1 ()\tPorts: 80/open/tcp//http//
# Masscan done at x
"""
MASSCAN_XML = """\
<?xml version="1.0"?><nmaprun scanner="masscan" start="1795380660"><host endtime="1795380666">
<address addr="192.0.2.1"/><ports><port protocol="tcp" portid="80"><state state="open"/></port></ports></host>
<runstats><finished/></runstats></nmaprun>
"""
NMAP_GREPABLE = """\
# Nmap 7.93 scan initiated Sun Nov 22 20:54:08 2026 as: nmap
# Ports scanned: TCP(3;22-23,80) UDP(0;)
Host: 192.0.2.1 (web)\tStatus: Up
Host: 192.0.2.1 (web)\tPorts: 22/open/tcp//ssh//1/, 80/closed/tcp//http///\tIgnored State: closed (1)
# Nmap done at x
"""
ADDRESSES = "192.0.2.1\n192.0.2.2\n"
SAMPLES = (
    f"[\n{json.dumps(MASSCAN)}\n,\n{json.dumps(MASSCAN | {'ip': '2001:db8::1'})}\n]\n",
    "#masscan\nopen tcp 80 192.0.2.1 1795380666\nbanner tcp 22 192.0.2.1 1795380666 ssh SSH-2.0\n# end\n",
    MASSCAN_GREPABLE,
    MASSCAN_XML,
    json.dumps(NAABU) + "\n" + json.dumps(NAABU | {"port": {"Port": 80, "Protocol": 0}}) + "\n",
    "saddr,sport,success,classification\n192.0.2.1,80,1,synack\n192.0.2.2,80,0,rst\n",
    '{"saddr": "192.0.2.1", "sport": 80, "success": 1}\n',
    ADDRESSES,
    "192.0.2.1 -> [22,80]\nOpen [2001:db8::1]:80\n",
    "192.0.2.1:22\n[2001:db8::1]:80\n",
    NMAP_GREPABLE,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 1 << 70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ASKED = st.sampled_from([None, PortSet.parse("80"), PortSet.parse("1-65535,53/udp")])


def sound(folder, content, asked):
    """Read the file; whatever it says must add up, fit the declaration and go into a snapshot and back."""
    path = folder / "evidence"
    path.write_bytes(content)
    try:
        evidence = open_evidence(str(path), asked=asked)
        hosts = list(evidence)
        assert list(evidence) == hosts
    except (EvidenceError, UsageError):
        return None
    for seen in hosts:
        parts = [seen.open, seen.closed, seen.filtered, seen.open_filtered, seen.closed_filtered]
        parts += [one.ports for one in seen.unknown]
        assert sum(map(len, parts)) == len(seen.asked)
        if asked is not None:
            assert seen.asked == asked or evidence.origin.tool.startswith("nmap")
        if asked is None:
            assert not seen.closed_filtered
    record(evidence, folder / "snapshot")
    assert list(Snapshot(folder / "snapshot")) == hosts
    return hosts


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_samples_are_read(tmp_path, sample):
    assert sound(tmp_path, sample.encode(), PortSet.parse("80") if sample == ADDRESSES else None)


@settings(max_examples=300, deadline=None)
@given(
    sample=st.sampled_from(SAMPLES),
    noise=st.binary(max_size=6) | st.sampled_from([b"\n", b"\0", b"{", b"}", b"[", b"]", b'"', b"\\", b"/", b"\t"]),
    at=st.integers(0, 400),
    drop=st.integers(0, 5),
    asked=ASKED,
)
def test_noise_anywhere(tmp_path_factory, sample, noise, at, drop, asked):
    whole = sample.encode()
    at = min(at, len(whole))
    sound(tmp_path_factory.mktemp("noise"), whole[:at] + noise + whole[at + drop :], asked)


@settings(max_examples=200, deadline=None)
@given(
    entry=st.sampled_from([MASSCAN, NAABU, MASSCAN["ports"][0], {"saddr": "192.0.2.1", "sport": 80, "success": 1}]),
    key=st.sampled_from(
        ["ip", "timestamp", "ports", "port", "proto", "host", "protocol", "status", "service", "saddr", "x"]
    ),
    value=VALUES,
    asked=ASKED,
)
def test_any_value_anywhere(tmp_path_factory, entry, key, value, asked):
    changed = entry | {key: value}
    if "ip" not in entry and "saddr" not in entry:
        changed = MASSCAN | {"ports": [changed]}
    text = f"{json.dumps(MASSCAN if 'ports' in changed else entry)}\n{json.dumps(changed)}\n"
    sound(tmp_path_factory.mktemp("value"), text.encode(), asked)


@settings(max_examples=100, deadline=None)
@given(
    head=st.sampled_from(
        [b"#masscan\n", b'[{"ip":"192.0.2.1","ports":[', b"saddr\n", b"1.1.1.1 -> [1]\n", b"1.1.1.1:1\n"]
    ),
    data=st.binary(max_size=200),
    asked=ASKED,
)
def test_any_bytes(tmp_path_factory, head, data, asked):
    sound(tmp_path_factory.mktemp("bytes"), head + data, asked)
