"""Files that masscan, naabu, zmap, RustScan and nmap's ``-oG`` really wrote. What is open is counted by other means."""

import csv
import json
import os
import re
from collections import defaultdict
from pathlib import Path

import pytest

from auditor.collect.registry import open_evidence
from auditor.errors import EvidenceError, UsageError
from auditor.model.ports import PortSet, Protocol

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"

if not CORPUS.is_dir() and os.environ.get("CI") != "true":
    pytest.skip("the corpus of real files is not beside this checkout", allow_module_level=True)

LAB = "own-lab/lab1"
ASKED = "22,25,53,80,443,953,2222,5432,6379,6390,7001,7003-7009,7011,7013-7017,8081,8088,8090,11211"
DEFECT_DOJO = "DefectDojo+django-DefectDojo/unittests/scans"
EMPTY = [
    f"{LAB}/masscan-empty.json",
    f"masscan/{DEFECT_DOJO}/masscan/masscan_no_vuln.json",
    f"naabu/{DEFECT_DOJO}/naabu/naabu_no_vuln.json",
]


def by_pattern(pattern, *, escapes=r"\x1b\[\d*m"):
    """Count with one regular expression over the whole file: groups ``ip``, ``port`` and perhaps ``proto``."""

    def counted(path):
        found = defaultdict(set)
        for one in re.finditer(pattern, re.sub(escapes, "", path.read_text())):
            proto = one.groupdict().get("proto") or "tcp"
            found[one["ip"]].add(f"{one['port']}/{proto}")
        return found

    return counted


def rustscan_lines(path):
    return {
        line.split(" -> ")[0]: {f"{port}/tcp" for port in re.findall(r"\d+", line.split(" -> ")[1])}
        for line in path.read_text().splitlines()
    }


def zmap_rows(path):
    found = defaultdict(set)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            found[row["saddr"]].add(f"{row['sport']}/tcp")
    return found


MASSCAN_JSON = by_pattern(
    r'"ip": "(?P<ip>[^"]+)",[^[]*"ports": \[ \{"port": (?P<port>\d+), "proto": "(?P<proto>tcp|udp)", '
    r'(?:"status": "open"|"service")'
)
FILES = {
    f"{LAB}/masscan.json": MASSCAN_JSON,
    f"{LAB}/masscan-banners.json": MASSCAN_JSON,
    f"{LAB}/masscan-closed.json": MASSCAN_JSON,
    f"{LAB}/masscan-udp.json": MASSCAN_JSON,
    f"masscan/{DEFECT_DOJO}/masscan/masscan_many_vuln.json": MASSCAN_JSON,
    "synthetic/masscan-old-trailing-comma.json": MASSCAN_JSON,
    "synthetic/masscan-truncated.json": MASSCAN_JSON,
    f"{LAB}/masscan.ndjson": by_pattern(
        r'"ip":"(?P<ip>[^"]+)".*?"port":(?P<port>\d+),"proto":"(?P<proto>\w+)".*"open"'
    ),
    f"{LAB}/masscan.list": by_pattern(r"(?m)^open (?P<proto>\w+) (?P<port>\d+) (?P<ip>\S+)"),
    f"{LAB}/masscan.gnmap": by_pattern(r"Host: (?P<ip>\S+) \(\)\tPorts: (?P<port>\d+)/open/(?P<proto>\w+)"),
    f"{LAB}/masscan.xml": by_pattern(
        r'addr="(?P<ip>[^"]+)".*protocol="(?P<proto>\w+)" portid="(?P<port>\d+)"><state state="open"'
    ),
    f"{LAB}/zmap-fields.csv": zmap_rows,
    f"{LAB}/zmap.json": by_pattern(r'"saddr": "(?P<ip>[^"]+)", "sport": (?P<port>\d+)'),
    f"naabu/{DEFECT_DOJO}/naabu/naabu_many_vuln.json": by_pattern(
        r'"ip": "(?P<ip>[^"]+)".*"port": (?P<port>\d+), "protocol": "(?P<proto>\w+)"'
    ),
    "synthetic/naabu.jsonl": by_pattern(r'"ip": "(?P<ip>[^"]+)".*"port": (?P<port>\d+), "protocol": "(?P<proto>\w+)"'),
    "synthetic/naabu-hostport.txt": by_pattern(r"(?m)^\[?(?P<ip>\S+?)\]?:(?P<port>\d+)$"),
    "synthetic/rustscan-normal-ansi.txt": by_pattern(r"(?m)^Open \[?(?P<ip>\S+?)\]?:(?P<port>\d+)$"),
    "synthetic/rustscan-greppable.txt": rustscan_lines,
}


@pytest.mark.parametrize("name", FILES)
def test_every_open_port_is_found_and_none_is_made_up(name):
    hosts = list(open_evidence(str(CORPUS / name)))
    expected = {
        address: PortSet.parse(",".join(sorted(ports))) for address, ports in FILES[name](CORPUS / name).items()
    }
    assert expected
    assert {seen.address: seen.open for seen in hosts} == expected
    assert len(hosts) == len(expected)


@pytest.mark.parametrize("name", FILES)
def test_what_is_not_listed_is_not_seen_until_it_is_declared(name):
    path = str(CORPUS / name)
    hosts = list(open_evidence(path))
    for seen in hosts:
        assert seen.asked == seen.open | seen.closed
    everything = PortSet.parse("1-65535/tcp,1-65535/udp")
    if name.endswith(".gnmap"):
        with pytest.raises(UsageError, match="masscan was not told to ask"):
            list(open_evidence(path, asked=everything))
        everything = PortSet.parse(ASKED)
    declared = list(open_evidence(path, asked=everything))
    assert [seen.open for seen in declared] == [seen.open for seen in hosts]
    for seen in declared:
        assert seen.asked == everything
        assert seen.closed_filtered == (everything - seen.open - seen.closed).only(Protocol.TCP)


@pytest.mark.parametrize("name", EMPTY)
def test_the_empty_file_of_a_run_that_found_nothing_is_no_evidence(name):
    with pytest.raises(EvidenceError, match="the file is empty"):
        open_evidence(str(CORPUS / name))


@pytest.mark.parametrize("name", FILES)
def test_only_what_breaks_off_is_incomplete(name):
    evidence = open_evidence(str(CORPUS / name))
    list(evidence)
    assert evidence.completion.complete == ("truncated" not in name)


def test_masscan_found_what_connecting_for_real_found():
    truth = json.loads((CORPUS / LAB / "nofw-TRUTH-connect-v4.json").read_text())
    odd = PortSet.parse("7017")  # its backlog is full: it answers some and drops others
    for form in ("json", "list", "gnmap", "xml", "ndjson"):
        evidence = open_evidence(str(CORPUS / LAB / f"masscan.{form}"), asked=PortSet.parse(ASKED))
        [seen] = [seen for seen in evidence if seen.address == "198.51.100.10"]
        assert seen.open - odd == PortSet.numbers(truth["open"]) - odd
        assert PortSet.numbers(truth["refused"]) - odd <= seen.closed_filtered


def test_the_addresses_alone_that_zmap_prints_need_the_port_it_asked():
    path = str(CORPUS / LAB / "zmap-default.csv")
    with pytest.raises(UsageError, match="name the one port with --asked"):
        list(open_evidence(path))
    hosts = list(open_evidence(path, asked=PortSet.parse("80")))
    assert sorted((seen.address, str(seen.open)) for seen in hosts) == [
        (address, "80/tcp") for address in sorted((CORPUS / LAB / "zmap-default.csv").read_text().split())
    ]


@pytest.mark.parametrize("firewall", ["nofw", "ufw", "handipt"])
def test_nmaps_grepable_output_and_its_xml_are_of_one_mind(firewall):
    [grepable] = open_evidence(str(CORPUS / LAB / f"{firewall}-nmap-sT.gnmap"), asked=PortSet.parse(ASKED))
    [xml] = open_evidence(str(CORPUS / LAB / f"{firewall}-nmap-sT.xml"))
    for part in ("address", "open", "closed", "filtered", "unknown", "asked", "alive", "services"):
        assert getattr(grepable, part) == getattr(xml, part), part
    assert grepable.started <= xml.started


def test_banners_name_the_services_that_nmap_finds_there():
    hosts = {seen.address: seen for seen in open_evidence(str(CORPUS / LAB / "masscan-banners.json"))}
    [nmap] = open_evidence(str(CORPUS / LAB / "nofw-nmap-sV-O.xml"))
    known = {service.port: service.service for service in nmap.services if service.method == "probed"}
    told = {service.port: service.service for service in hosts["198.51.100.10"].services}
    assert told
    assert {port: known.get(port, name) for port, name in told.items()} == told
