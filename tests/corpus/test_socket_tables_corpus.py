"""Socket tables that real tools printed: each is read whole, or refused with a reason that is right.

The counts come from the files by other means, which stand beside them; ``TRUTH-psutil-listen.json`` was taken by
psutil in the same moment as the tables of the lab.
"""

import json
import os
from pathlib import Path

import pytest

from auditor.collect.registry import open_evidence
from auditor.errors import EvidenceError
from auditor.model.evidence import Kind
from auditor.model.network import parse_address
from auditor.model.ports import ALL_TCP, ALL_UDP
from auditor.snapshot import Snapshot, record

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
LAB = "own-lab/lab1/"
JC = "kellyjonbrazil+jc/tests/fixtures/"

if not CORPUS.is_dir() and os.environ.get("CI") != "true":
    pytest.skip("the corpus of real files is not beside this checkout", allow_module_level=True)

FILES = sorted(
    path
    for pattern in ("own-lab/*/*ss-*.txt", "own-lab/*/*lsof*", "own-lab/*/*netstat*.txt", "synthetic/osquery*")
    for path in CORPUS.glob(pattern)
) + sorted(path for tool in ("ss", "lsof", "netstat") for path in (CORPUS / tool).rglob("*.out"))

REFUSED = {
    "busybox-netstat-tulnp.txt": "not recognised as evidence",  # its usage: it knows no -p
    "ss-tulnpZ.txt": "not recognised as evidence",  # "SELinux is not enabled"
    "lsof-i-P-n-unprivileged.txt": "the file is empty",
    "ss-Hlnwp-raw.txt": "without the Netid column nobody can say whether this socket is UDP's",
    "centos-7.7/netstat.out": "a list of connections",
    "osx-10.14.6/netstat-An.out": "a list of connections",
    "osx-10.14.6/netstat.out": "a list of connections",
    "ubuntu-18.04/netstat-p.out": "a list of connections",
    "ubuntu-18.04/netstat.out": "a list of connections",
}


def name_of(path):
    return str(path.relative_to(CORPUS))


def refusal_of(path):
    return next((says for end, says in REFUSED.items() if name_of(path).endswith("/" + end)), None)


def of(name):
    (seen,) = open_evidence(str(CORPUS / name))
    return seen


def bound(name):
    return {(str(one.port), one.address) for one in of(name).sockets}


def test_the_corpus_is_there():
    assert len(FILES) > 45


@pytest.mark.parametrize("path", [path for path in FILES if not refusal_of(path)], ids=name_of)
def test_every_table_is_read_and_comes_back_from_a_snapshot(path, tmp_path):
    evidence = open_evidence(str(path))
    hosts = list(evidence)
    assert evidence.origin.kind is Kind.SOCKETS
    assert evidence.completion.complete
    for seen in hosts:
        assert all(each.ports.isdisjoint(seen.asked) for each in seen.unknown)
    record(evidence, tmp_path / "snapshot")
    assert list(Snapshot(tmp_path / "snapshot")) == hosts


@pytest.mark.parametrize("path", [path for path in FILES if refusal_of(path)], ids=name_of)
def test_what_is_no_table_of_listeners_is_refused_with_the_reason(path):
    with pytest.raises(EvidenceError, match=refusal_of(path)):
        list(open_evidence(str(path)))


def truth(name):
    rows = json.loads((CORPUS / name).read_text())
    return {
        (f"{row['port']}/{row['proto']}", str(parse_address(row["addr"].partition("%")[0])))
        for row in rows
        if not row["connected"]
    }


@pytest.mark.parametrize(
    "name",
    [
        *("ss-tulnp.txt", "ss-tulnp-unprivileged.txt", "ss-tuanp.txt", "ss-tulnpeimo.txt", "ss-H-tulnpe.txt"),
        *("ss-tulpnO.txt", "ss-tulnp-80col.txt", "ss-lnp-all-families.txt"),
        *("netstat-tulnp.txt", "netstat-tulnpW.txt", "netstat-anp.txt", "netstat-tulnp-unprivileged.txt"),
    ],
)
def test_the_tables_of_the_lab_hold_what_psutil_saw(name):
    assert bound(LAB + name) == truth(LAB + "TRUTH-psutil-listen.json")
    assert of(LAB + name).asked == ALL_TCP | ALL_UDP
    assert of(LAB + name).unknown == ()


@pytest.mark.parametrize(
    "name", ["lsof-i-P-n.txt", "lsof-c0.txt", "lsof-F-all.txt", "lsof-F-pcLunfPtTd.txt", "lsof-F0-NUL.bin"]
)
def test_lsof_holds_all_but_the_process_whose_name_it_could_not_parse(name):
    # The process called x:("y",1 is in no output of lsof, which is why what lsof leaves out is never taken for idle.
    assert truth(LAB + "TRUTH-psutil-listen.json") - bound(LAB + name) == {("7002/udp", "0.0.0.0")}
    assert bound(LAB + name) <= truth(LAB + "TRUTH-psutil-listen.json")
    assert not of(LAB + name).asked


def test_the_tables_of_a_docker_host_agree():
    tables = [
        bound("own-lab/docker-run/" + name)
        for name in ("ss-tulnp.txt", "ss-H-tulnpe.txt", "netstat-tulnp.txt", "lsof-i-P-n.txt", "lsof-F.txt")
    ]
    assert len(tables[0]) == 36
    assert all(table == tables[0] for table in tables)


def test_the_processes_of_the_lab_are_named_whatever_they_are_called():
    rows = json.loads((CORPUS / LAB / "TRUTH-psutil-listen.json").read_text())
    wanted = {(f"{row['port']}/{row['proto']}", row["comm"]) for row in rows if not row["connected"]}
    found = {(str(one.port), one.process) for one in of(LAB + "ss-tulnp.txt").sockets}
    # ss itself shows a name no further than its last bracket.
    assert wanted - found == {("7001/tcp", 'a b") (c')}
    assert found - wanted == {("7001/tcp", 'a b"')}


def test_osquery_shows_what_the_lab_had_and_the_two_rows_that_were_added():
    # Made of psutil's list, which has the connected client 40123/udp, with a socket of no process added.
    extra = {("40123/udp", "127.0.0.1"), ("2049/tcp", "::")}
    for name in ("synthetic/osqueryi-json.json", "synthetic/osqueryd-snapshots.log"):
        assert bound(name) - truth(LAB + "TRUTH-psutil-listen.json") <= extra
        assert truth(LAB + "TRUTH-psutil-listen.json") <= bound(name)
    assert of("synthetic/osqueryd-snapshots.log").host == "lab1"


OF_NETSTAT = f"netstat/{JC}"


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        # awk '$2=="LISTEN"||$2=="UNCONN"{print $1,$5}' FILE | sort -u | wc -l
        (f"ss/{JC}generic/ss-wide.out", 155),
        (f"ss/{JC}ubuntu-18.04/ss-sudo-tulpen.out", 72),
        ("own-lab/compose-a/ss-tulnp.txt", 58),
        # awk '($1~/^tcp/&&$6=="LISTEN")||($1~/^udp/&&$5~/\\*$/){print $1,$4}' FILE | sort -u | wc -l
        (f"{OF_NETSTAT}ubuntu-18.04/netstat-sudo-lnp-space.out", 22),
        (f"{OF_NETSTAT}ubuntu-18.04/netstat-sudo-lnp.out", 6),
        (f"{OF_NETSTAT}centos-7.7/netstat-l.out", 7),
        (f"{OF_NETSTAT}centos-7.7/netstat-sudo-lnp.out", 7),
        (f"{OF_NETSTAT}centos-7.7/netstat-sudo-aeep.out", 7),
        (f"{OF_NETSTAT}generic/netstat-old.out", 2),
        # awk '($1=="TCP"&&$3~/:0$/)||($1=="UDP"&&$3=="*:*"){print $1,$2}' FILE | sort -u | wc -l
        (f"{OF_NETSTAT}windows/windows-10/netstat-aonb.out", 176),
        # By eye: five rows before the UNIX sockets have the peer *.*
        (f"{OF_NETSTAT}freebsd12/netstat-Aa.out", 5),
        (f"{OF_NETSTAT}freebsd12/netstat-AaT.out", 5),
        (f"{OF_NETSTAT}freebsd12/netstat-Aax.out", 5),
        (f"{OF_NETSTAT}freebsd12/netstat-aT.out", 5),
        # grep -E 'IPv[46]' FILE | grep -v -- '->' | awk '{print $5,$8,$9}' | sort -u | wc -l
        (f"lsof/{JC}centos-7.7/lsof-sudo.out", 7),
    ],
)
def test_as_many_ends_as_counting_by_other_means_gives(name, ends):
    assert len({(one.port, one.address, one.interface) for one in of(name).sockets}) == ends


def jc_listeners(rows):
    """What jc, another project's parser, takes to listen: protocol, address and port as text."""
    for row in rows:
        kind = (row.get("netid") or row.get("proto") or "").lower()
        nobody = row.get("peer_port", row.get("foreign_port")) in {"*", "0"}
        listens = row.get("state") in {"LISTEN", "LISTENING"} if kind.startswith("tcp") else nobody
        if kind[:3] in {"tcp", "udp"} and listens:
            address = row["local_address"].strip("[]").partition("%")[0]
            family_any = "::" if kind.endswith("6") or row.get("network_protocol") == "ipv6" else "0.0.0.0"
            yield f"{row['local_port']}/{kind[:3]}", family_any if address == "*" else address


@pytest.mark.parametrize(
    "name",
    [
        f"ss/{JC}ubuntu-18.04/ss-sudo-tulpen",
        f"{OF_NETSTAT}ubuntu-18.04/netstat-sudo-lnp",
        f"{OF_NETSTAT}ubuntu-18.04/netstat-sudo-lnp-space",
        f"{OF_NETSTAT}centos-7.7/netstat-sudo-lnp",
        f"{OF_NETSTAT}generic/netstat-old",
        f"{OF_NETSTAT}windows/windows-10/netstat-aonb",
    ],
)
def test_the_same_sockets_as_jc_found(name):
    rows = json.loads((CORPUS / f"{name}.json").read_text())
    found = {(port, address.partition("%")[0]) for port, address in bound(f"{name}.out")}
    assert found == set(jc_listeners(rows))


def test_the_same_processes_as_jc_found():
    name = f"ss/{JC}generic/ss-wide"
    rows = json.loads((CORPUS / f"{name}.json").read_text())
    wanted = {
        (row["local_port"], int(pid), holder["user"])
        for row in rows
        for pid, holder in row.get("opts", {}).get("process_id", {}).items()
    }
    found = {(str(one.port.number), one.pid, one.process) for one in of(f"{name}.out").sockets}
    assert {(port, process) for port, _, process in found if process} == {(port, name) for port, _, name in wanted}
    assert {(port, pid) for port, pid, _ in found} <= {(port, pid) for port, pid, _ in wanted}
