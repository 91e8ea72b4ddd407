"""What nmap found and no port of a policy stands for, and what it gave up on, is unverified."""

import json

import pytest

from auditor.cli.app import run

POLICY = "version: 1\nhosts: {web: 192.0.2.10, next: 192.0.2.11}\nrules: [{hosts: '*', allow: [22]}]\n"
HEAD = """<?xml version="1.0"?>
<nmaprun scanner="nmap" args="nmap" start="1795388905" version="7.93" xmloutputversion="1.05">
<scaninfo type="connect" protocol="tcp" numservices="65535" services="1-65535"/>
"""
HOST = """<host{attributes} starttime="1795388905" endtime="1795388906"><status state="up" reason="syn-ack"/>
<address addr="{address}" addrtype="ipv4"/>
<ports><extraports state="closed" count="65534">
<extrareasons reason="conn-refused" count="65534" proto="tcp" ports="1-21,23-65535"/>
</extraports>
<port protocol="tcp" portid="22"><state state="open" reason="syn-ack" reason_ttl="0"/></port>
{more}</ports>
</host>
"""
END = '<runstats><finished time="1795388911" exit="success"/><hosts up="2" down="0" total="2"/></runstats></nmaprun>\n'
SCTP = '<port protocol="sctp" portid="80"><state state="{}" reason="init-ack" reason_ttl="0"/></port>\n'


def check(folder, *, attributes="", more=""):
    hosts = [
        HOST.format(attributes="", address="192.0.2.10", more=""),
        HOST.format(attributes=attributes, address="192.0.2.11", more=more),
    ]
    (folder / "p.yaml").write_text(POLICY, encoding="utf-8")
    (folder / "s.xml").write_text(HEAD + "".join(hosts) + END, encoding="utf-8")
    command = ["check", "p.yaml", "--now", "2026-11-22T23:30:00Z", "-o", "json=a.json"]
    code = run([*command, "s.xml"])
    first = json.loads((folder / "a.json").read_text())["unverified"]
    run(["import", "s.xml", "--save", "s.jsonl"])
    assert run([*command, "s.jsonl"]) == code
    return code, [(one["host"], one["ports"], one["reason"]) for one in first]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_hosts_told_in_full_pass(tmp_path):
    assert check(tmp_path) == (0, [])
    assert check(tmp_path, more=SCTP.format("closed")) == (0, [])


def test_an_open_port_of_sctp_is_unverified(tmp_path):
    code, gaps = check(tmp_path, more=SCTP.format("open"))
    assert code == 3
    assert gaps == [("next", gaps[0][1], "nmap found 80/sctp open, of which policies cannot speak")]


def test_what_nmap_sums_up_of_a_host_that_it_gave_up_on_is_unverified(tmp_path):
    code, gaps = check(tmp_path, attributes=' timedout="true"')
    assert code == 3
    assert gaps == [("next", "1-21/tcp,23-65535/tcp", "nmap gave up on the host when its time was over")]


def test_an_open_port_of_sctp_in_grepable_output_is_unverified(tmp_path):
    (tmp_path / "p.yaml").write_text(POLICY.replace(", next: 192.0.2.11", "") + "scan: {tcp: [22]}\n", encoding="utf-8")
    line = "Host: 192.0.2.10 ()\tPorts: 22/open/tcp//ssh///, 80/{}/sctp//http///\n"
    head = "# Nmap 7.93 scan initiated Sun Nov 22 23:08:25 2026 as: nmap -sS -sY -p22,80 -oG s.gnmap 192.0.2.10\n"
    end = "# Nmap done at Sun Nov 22 23:08:26 2026 -- 1 IP address (1 host up) scanned in 1.51 seconds\n"
    codes = []
    for state in ("closed", "open"):
        (tmp_path / "s.gnmap").write_text(head + line.format(state) + end, encoding="utf-8")
        times = ["--taken", "2026-11-22T23:10:00Z", "--now", "2026-11-22T23:30:00Z"]
        codes.append(run(["check", "p.yaml", "s.gnmap", "--asked", "22", *times]))
    assert codes == [0, 3]
