"""Files that real nmap runs wrote: each is read, or refused with a reason that is right."""

import json
import os
from pathlib import Path

import pytest

from auditor.collect.registry import open_evidence
from auditor.errors import EvidenceError
from auditor.model.ports import PortSet, Protocol
from auditor.snapshot import Snapshot, record

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"

if not CORPUS.is_dir() and os.environ.get("CI") != "true":
    pytest.skip("the corpus of real files is not beside this checkout", allow_module_level=True)

REFUSED = {
    "2_hosts.json": "not recognised as evidence",  # another program's own form of nmap's results
    "test_osclass.xml": "'IP' is not an IP address",  # its addresses were replaced by hand
}
FILES = sorted(
    [
        *(CORPUS / "nmap-xml").rglob("*.*ml"),
        *(CORPUS / "nmap-xml").rglob("*.json"),
        *(path for path in (CORPUS / "own-lab").rglob("*.xml") if path.name != "masscan.xml"),
    ]
)


def name_of(path):
    return str(path.relative_to(CORPUS))


def of(name):
    return open_evidence(str(CORPUS / name))


def test_the_corpus_is_there():
    assert len(FILES) > 40


@pytest.mark.parametrize("path", [path for path in FILES if path.name not in REFUSED], ids=name_of)
def test_every_asked_port_of_every_host_is_accounted_for_once(path, tmp_path):
    evidence = open_evidence(str(path))
    hosts = list(evidence)
    assert hosts
    assert evidence.completion.complete
    assert evidence.origin.tool.startswith("nmap ")
    for seen in hosts:
        parts = [
            seen.open,
            seen.closed,
            seen.filtered,
            seen.open_filtered,
            *(unknown.ports for unknown in seen.unknown),
        ]
        union = PortSet()
        for part in parts:
            assert union.isdisjoint(part)
            union |= part
        assert union == seen.asked
        assert (evidence.origin.asked or PortSet()) <= seen.asked
    record(evidence, tmp_path / "snapshot")
    assert list(Snapshot(tmp_path / "snapshot")) == hosts


@pytest.mark.parametrize("path", [path for path in FILES if path.name in REFUSED], ids=name_of)
def test_what_nmap_did_not_write_is_refused_with_the_reason(path):
    with pytest.raises(EvidenceError, match=REFUSED[path.name]):
        list(open_evidence(str(path)))


@pytest.mark.parametrize(
    ("scan", "truth", "odd"),
    [
        # 7017/tcp has a full backlog: it answers some connections and drops others.
        ("lab1/nofw-nmap-sT.xml", "lab1/nofw-TRUTH-connect-v4.json", "7017"),
        ("lab1/nofw-nmap-6-sS.xml", "lab1/nofw-TRUTH-connect-v6.json", "7017"),
        ("lab1/handipt-nmap-sT.xml", "lab1/handipt-TRUTH-connect-v4.json", "7017"),
        ("lab1/handipt-nmap-6-sS.xml", "lab1/handipt-TRUTH-connect-v6.json", "7017"),
        ("lab1/ufw-nmap-sT.xml", "lab1/ufw-TRUTH-connect-v4.json", "7017"),
        ("lab1/ufw-nmap-6-sS.xml", "lab1/ufw-TRUTH-connect-v6.json", "7017"),
        ("compose-a/nmap-sT-from-outside.xml", "compose-a/TRUTH-connect-outside-v4.json", ""),
    ],
)
def test_nmaps_states_are_what_connecting_for_real_showed(scan, truth, odd):
    shown = {
        state: PortSet.numbers(numbers)
        for state, numbers in json.loads((CORPUS / "own-lab" / truth).read_text()).items()
    }
    [seen] = of(f"own-lab/{scan}")
    left_out = PortSet.parse(odd)
    assert seen.open - left_out == shown["open"] - left_out
    # A firewall that rejects by TCP reset is, to connect(), the same as a closed port.
    assert seen.closed - left_out == shown.get("refused", PortSet()) - left_out
    assert seen.filtered - left_out == shown.get("timeout", PortSet()) - left_out


def test_udp_and_tcp_of_one_run_are_kept_apart():
    [seen] = of("own-lab/lab1/nofw-nmap-sSU.xml")
    assert seen.open.text(Protocol.UDP) == "53,11211"
    assert seen.open_filtered.only(Protocol.UDP) == seen.open_filtered
    assert len(seen.open.only(Protocol.TCP)) == 15


def test_a_run_over_a_network_tells_the_dead_from_the_living():
    hosts = list(of("nmap-xml/savon-noir+python-libnmap/libnmap/test/files/full_sudo5.xml"))
    assert len(hosts) == 256
    assert sum(seen.alive is False for seen in hosts) == 252
    assert sum(seen.alive is True for seen in hosts) == 4


def test_services_that_nmap_spoke_to_are_probed():
    [seen] = of("own-lab/lab1/nofw-nmap-sV-O.xml")
    assert {str(service.port): service.service for service in seen.services if service.method == "probed"} == {
        "22/tcp": "ssh",
        "53/tcp": "domain",
        "80/tcp": "http",
        "5432/tcp": "postgresql",
        "6390/tcp": "redis",
        "11211/tcp": "memcached",
    }


def test_a_truncated_file_is_incomplete_and_tells_what_it_says():
    evidence = of("synthetic/nmap-truncated.xml")
    [seen] = evidence
    assert str(seen.open) == "22/tcp,53/tcp,80/tcp,2222/tcp,5432/tcp,6390/tcp,7001/tcp,7005/tcp"
    assert [unknown.reason for unknown in seen.unknown] == ["the file breaks off inside this host"]
    assert evidence.completion.reason == "the file breaks off in line 27"
