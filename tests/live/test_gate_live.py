"""The gate from end to end: real servers are scanned, and what the command says is held against what was started.

The lab has a host of each sort (see ``STARTED`` and ``town``). One live audit of all of them is what most tests look
at; nmap, ``ss`` and the audit's own snapshot are the other opinions.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET  # of reports that the auditor itself wrote
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import NamedTuple

import pytest

from auditor.model.ports import ALL_TCP, PortSet

AUDITOR = Path(sys.executable).with_name("auditor")
HERE = Path(__file__).parent

ADDRESSES = {
    "web": ("192.0.2.10", "2001:db8::10"),
    "cache": ("192.0.2.11",),
    "bastion": ("192.0.2.12", "2001:db8::12"),
    "db": ("192.0.2.13",),
    "walled": ("192.0.2.14",),
    "fenced": ("192.0.2.15", "2001:db8::15"),
    "six": ("2001:db8::16",),
    "spare": ("192.0.2.17",),
    "member": ("192.0.2.65",),
}
UNLISTED = {"spare", "member"}
"""Hosts that the big policy does not name."""
STARTED = {
    "web": {80, 8080},
    "cache": {6379},
    "bastion": {22},
    "db": set(),  # PostgreSQL is there, on loopback
    "walled": {80, 6379},
    "fenced": {80, 22},
    "six": {22, 80},
    "spare": {80},
    "member": {80, 6379},
}
"""Every TCP port on which a server listens for the network."""
LET_IN = {"walled": {80}, "fenced": {80}}
"""The hosts behind a firewall, and what it lets in: ``walled`` drops the rest, ``fenced`` refuses it."""
SEEN_OPEN = {name: ports & LET_IN.get(name, ports) for name, ports in STARTED.items()}

POLICY = """\
version: 1
name: the lab
hosts:
  web: {address: [192.0.2.10, "2001:db8::10"], tags: [web]}
  cache: 192.0.2.11
  bastion: {address: [192.0.2.12, "2001:db8::12"]}
  db: 192.0.2.13
  walled: 192.0.2.14
  fenced: {address: [192.0.2.15, "2001:db8::15"]}
  six: {address: "2001:db8::16", tags: [web]}
  dead: 192.0.2.99
  ghost: no-such-host.invalid
rules:
  - {id: shop, hosts: ["tag:web"], allow: [443], require: [80]}
  - {id: no-redis, hosts: ["*"], deny: [redis]}
  - {id: ssh, hosts: [bastion], require: [22, 443]}
  - {id: database, hosts: [db], allow: [{port: 5432, bind: loopback, process: postgres}]}
  - {id: walled, hosts: [walled], require: [80], otherwise: filtered}
  - {id: fenced, hosts: [fenced], require: [80]}
scan: {tcp: all, rate: unlimited}
"""
VIOLATIONS = {
    ("unexpected-open", "web", "8080/tcp"),
    ("forbidden-open", "cache", "6379/tcp"),
    ("required-not-open", "bastion", "443/tcp"),
    ("unexpected-open", "six", "22/tcp"),
}
ALLOWED = """\
version: 1
hosts:
  web: {address: [192.0.2.10, "2001:db8::10"]}
  cache: 192.0.2.11
  walled: 192.0.2.14
  six: "2001:db8::16"
  spare: 192.0.2.17
  dead: {address: 192.0.2.99, dark: true}
rules:
  - {hosts: [web], require: [80, 8080]}
  - {hosts: [cache], allow: [redis]}
  - {hosts: [walled], allow: [80], otherwise: filtered}
  - {hosts: [six], allow: [ssh, http]}
  - {hosts: [spare], allow: [80]}
scan: {tcp: [1-1024, 6379, 8080]}
"""
NETWORK = """\
version: 1
hosts: {dmz: 192.0.2.64/30}
rules:
  - {hosts: [dmz], allow: [80]}
scan: {tcp: [1-100, 6379]}
"""
FROM_TWO_PLACES = """\
version: 1
vantages:
  office: {networks: [192.0.2.0/24]}
  internet: {networks: [0.0.0.0/0, "::/0"]}
hosts: {cache: 192.0.2.11}
rules:
  - {hosts: [cache], from: [office], allow: [redis]}
scan: {tcp: [6000-7000]}
"""
SERVICES = """\
version: 1
hosts: {web: [192.0.2.10, "2001:db8::10"], cache: 192.0.2.11, bastion: [192.0.2.12, "2001:db8::12"]}
rules:
  - hosts: [web]
    allow: [{port: 80, service: http}, {port: 8080, service: ssh}]
  - hosts: [cache]
    allow: [{port: 6379, service: redis}]
  - hosts: [bastion]
    require: [{port: 22, service: ssh}]
scan: {tcp: [22, 80, 6379, 8080]}
"""
SLOW = """\
version: 1
hosts: {walled: 192.0.2.14}
rules:
  - {hosts: [walled], allow: [80]}
scan: {tcp: all, rate: 4000}
"""
"""Half a minute of scanning: what ends it earlier was the signal."""


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Town:
    """The lab with its servers, and a folder in which the auditor is run."""

    def __init__(self, lab, servers, folder: Path) -> None:
        self.folder = folder
        self.hosts = {name: lab.host(name, *addresses) for name, addresses in ADDRESSES.items()}
        for address in ("192.0.2.64", "192.0.2.66", "192.0.2.67", "192.0.2.99"):
            lab.vacant(address)
        at = self.hosts
        servers.listening(
            servers.nginx(at["web"], 80, 8080),
            servers.redis(at["cache"]),
            servers.sshd(at["bastion"], 22),
            servers.postgres(at["db"]),
            servers.nginx(at["walled"], 80),
            servers.redis(at["walled"]),
            servers.nginx(at["fenced"], 80),
            servers.sshd(at["fenced"], 22),
            servers.nginx(at["six"], 80, addresses=["::"]),
            servers.sshd(at["six"], 22, addresses=["::"]),
            servers.nginx(at["spare"], 80),
            servers.nginx(at["member"], 80),
            servers.redis(at["member"]),
        )
        at["walled"].firewall("iif lo accept", "tcp dport 80 accept", "tcp flags syn counter drop", "drop")
        neighbours = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
        at["fenced"].firewall("iif lo accept", neighbours, "tcp dport 80 accept", "reject")

    def auditor(self, *words: str, within: tuple[str, ...] = ()) -> Done:
        """Run the command to its end."""
        done = subprocess.run(
            [*within, AUDITOR, *words], cwd=self.folder, capture_output=True, text=True, check=False, timeout=400
        )
        assert "Traceback" not in done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def audit(self, *words: str, within: tuple[str, ...] = ()) -> tuple[int, dict]:
        """Run ``auditor check``; its exit code and its audit file, which name the same code."""
        done = self.auditor("check", *words, "-o", "json", within=within)
        assert done.out, done.err
        audit = json.loads(done.out)
        assert audit["exit_code"] == done.code
        return done.code, audit

    def write(self, name: str, text: str) -> str:
        """A file in the folder; its name."""
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def dropped(self) -> int:
        """How many SYNs the walled host has dropped."""
        return int(re.search(r"counter packets (\d+)", self.hosts["walled"].run("nft", "list", "ruleset"))[1])


def _beside(name: str):
    spec = spec_from_file_location(name, HERE / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    lab, servers = _beside("lab"), _beside("servers")
    missing = lab.Lab.needs() or servers.needs()
    if missing:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"no laboratory: {missing}")
    with lab.Lab() as made:
        yield Town(made, servers, tmp_path_factory.mktemp("gate"))


@pytest.fixture(scope="module")
def gate(town) -> Done:
    """The one live audit of everything; its reports are in the folder."""
    town.write("exposure.yaml", POLICY)
    reports = ("-o", "text", "-o", "json=audit.json", "-o", "junit=audit.xml", "-o", "sarif=audit.sarif")
    return town.auditor("check", *reports, "--save", "scan.jsonl")


@pytest.fixture(scope="module")
def audit(town, gate) -> dict:
    assert gate.out, gate.err
    return json.loads(town.read("audit.json"))


@pytest.fixture(scope="module")
def nmap(town) -> list[str]:
    """What nmap makes of the same hosts, as XML. Where firewalls make it wait, it is asked for a few ports only."""
    responsive, others = ("web", "cache", "bastion", "db", "six"), ("walled", "fenced")
    few = ("-p", "20-25,80,443,6379,8080", "--max-rtt-timeout", "300ms", "--max-retries", "2")
    runs = []
    for family, options in ((4, ()), (6, ("-6",))):
        for names, ports in ((responsive, ("-p-",)), (others, few)):
            addresses = [each for name in names for each in ADDRESSES[name] if (":" in each) == (family == 6)]
            addresses += ["192.0.2.99"] if names is others and family == 4 else []
            file = f"nmap{len(runs)}.xml"
            words = ["nmap", "-n", "-Pn", "-sT", "-T4", *options, *ports, "-oX", str(town.folder / file), *addresses]
            runs.append((file, subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)))
    for file, process in runs:
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, f"{file}: {said}"
    return [file for file, _ in runs]


def violations(audit: dict) -> set[tuple[str, str, str]]:
    found = [(f["check"], f["host"], f["port"]) for f in audit["findings"] if f["status"] == "violation"]
    assert len(set(found)) == len(found)
    return set(found)


def states(audit: dict, host: str) -> dict[str, PortSet]:
    (row,) = (row for row in audit["hosts"] if row["host"] == host)
    return {state: PortSet.parse(row[state]) for state in ("open", "closed", "filtered", "unverified")}


def numbers(ports: PortSet) -> set[int]:
    return {port.number for port in ports}


# -- the truth -----------------------------------------------------------------------------------------------------


def test_the_lab_is_as_described(town):
    for name, host in town.hosts.items():
        listeners = [line.split()[3].rpartition(":") for line in host.run("ss", "-Htln").splitlines()]
        reachable = {int(port) for address, _, port in listeners if address not in {"127.0.0.1", "[::1]"}}
        assert reachable == STARTED[name], name
        assert (name == "db") == ("5432" in {port for *_, port in listeners})


def test_exactly_what_is_open_and_not_allowed_is_a_violation(gate, audit):
    assert violations(audit) == VIOLATIONS
    assert gate.code == 1, gate.err


@pytest.mark.parametrize("name", sorted(set(SEEN_OPEN) - UNLISTED))
def test_every_port_of_every_host_is_seen_as_it_is(audit, name):
    seen = states(audit, name)
    assert numbers(seen["open"]) == SEEN_OPEN[name]
    rest = "filtered" if name in LET_IN else "closed"
    assert seen[rest] == ALL_TCP - seen["open"]
    assert not seen["unverified"]


def test_a_dead_host_and_a_name_that_does_not_resolve_are_unverified_with_the_reason(audit):
    reasons = {gap["host"]: (gap["ports"], gap["reason"]) for gap in audit["unverified"]}
    assert set(reasons) == {"dead", "ghost"}
    assert len(audit["unverified"]) == 2
    assert reasons["dead"][0] == "1-65535/tcp"
    assert reasons["dead"][1].startswith("no answer")
    assert reasons["ghost"][1].startswith("no-such-host.invalid does not resolve: ")


def test_the_audit_says_what_it_rests_on(audit):
    (evidence,) = audit["evidence"]
    assert (evidence["kind"], evidence["source"], evidence["complete"]) == ("probe", "live", True)
    assert {row["host"]: row["verdict"] for row in audit["hosts"]} == {
        **dict.fromkeys(("web", "cache", "bastion", "six"), "violations"),
        **dict.fromkeys(("db", "walled", "fenced"), "conforms"),
        **dict.fromkeys(("dead", "ghost"), "unverified"),
    }


def test_the_scan_goes_through_without_a_mishap(gate):
    said, *others = gate.err.splitlines()
    assert said.startswith("about to probe 720,885 ports of 11 addresses, ")
    progress = re.compile(r"after \d+:\d\d:\d\d: [\d,]+ of 720,885 ports, ")  # of a machine too busy to end sooner
    assert all("--method syn" in line or progress.match(line) for line in others)


# -- the reports ---------------------------------------------------------------------------------------------------


def test_text_names_the_same_violations(gate):
    headings = re.findall(r"^(?:error|warning)\[([a-z-]+)\]: (\d+/tcp) is \w+ on (\w+) ", gate.out, re.MULTILINE)
    assert {(check, host, port) for check, port, host in headings} == VIOLATIONS
    assert len(re.findall(r"^(?:error|warning)\[", gate.out, re.MULTILINE)) == len(VIOLATIONS)


def test_junit_names_the_same_violations_and_the_gaps_as_errors(town, gate):
    assert gate.code == 1
    found, gaps = [], []
    for suite in ET.fromstring(town.read("audit.xml")).iter("testsuite"):  # noqa: S314 - our own report
        for case in suite.iter("testcase"):
            found += [(f.get("type"), suite.get("name"), case.get("name").split()[0]) for f in case.iter("failure")]
            gaps += [suite.get("name") for _ in case.iter("error")]
    assert sorted(found) == sorted(VIOLATIONS)
    assert set(gaps) == {"dead", "ghost"}


def test_sarif_names_the_same_violations_and_tells_of_the_gaps(town, gate):
    (run,) = json.loads(town.read("audit.sarif"))["runs"]
    results = [result for result in run["results"] if result["level"] != "note"]
    found = [(r["ruleId"], r["properties"]["host"], f"{r['properties']['port']}/tcp") for r in results]
    assert sorted(found) == sorted(VIOLATIONS)
    (invocation,) = run["invocations"]
    assert invocation["exitCode"] == gate.code
    told = [note["message"]["text"].partition(",")[0] for note in invocation["toolExecutionNotifications"]]
    assert sorted(told) == ["dead", "ghost"]


# -- other opinions ------------------------------------------------------------------------------------------------


def test_nmap_on_the_same_hosts_leads_to_the_same_verdicts(town, audit, nmap):
    code, other = town.audit("exposure.yaml", *nmap)
    assert code == 1
    assert violations(other) == VIOLATIONS
    assert {"dead", "ghost"} <= {gap["host"] for gap in other["unverified"]}
    for name in sorted(set(SEEN_OPEN) - UNLISTED):
        ours, theirs = states(audit, name), states(other, name)
        known = ALL_TCP - theirs["unverified"]
        assert theirs["open"] == ours["open"] & known, name
        if name != "fenced":  # nmap's connect scan takes a refusal by ICMP for a closed port
            assert theirs["closed"] == ours["closed"] & known, name
            assert theirs["filtered"] == ours["filtered"] & known, name


def test_the_saved_snapshot_leads_to_the_same_findings(town, audit):
    code, again = town.audit("exposure.yaml", "scan.jsonl")
    assert code == 1
    assert [f["fingerprint"] for f in again["findings"]] == [f["fingerprint"] for f in audit["findings"]]
    assert again["unverified"] == audit["unverified"]
    assert [{**row, "kinds": None} for row in again["hosts"]] == [{**row, "kinds": None} for row in audit["hosts"]]


def test_the_socket_table_inside_the_host_shows_the_same_port_and_who_holds_it(town, gate):
    assert gate.code == 1
    code, inside = town.audit(
        "exposure.yaml", "--sockets", "--host", "cache", "--only", "cache", within=town.hosts["cache"].inside
    )
    assert code == 1
    assert violations(inside) == {("forbidden-open", "cache", "6379/tcp")}
    (finding,) = (finding for finding in inside["findings"] if finding["status"] == "violation")
    assert finding["process"] == "redis-server"


def test_a_service_on_loopback_alone_conforms_inside_the_host_and_is_not_seen_from_outside(town, audit):
    code, inside = town.audit(
        "exposure.yaml", "--sockets", "--host", "db", "--only", "db", within=town.hosts["db"].inside
    )
    assert (code, violations(inside), inside["unverified"]) == (0, set(), [])
    assert numbers(states(audit, "db")["open"]) == set()
    table = town.auditor("sockets", "-o", "json", within=town.hosts["db"].inside)
    sockets = [one for line in table.out.splitlines() for one in json.loads(line).get("sockets", [])]
    (postgres, scope), *others = {(one["process"], one["scope"]) for one in sockets if one["port"] == "5432/tcp"}
    assert (postgres, scope, others) == ("postgres", "loopback", [])


# -- exit codes ----------------------------------------------------------------------------------------------------


def test_with_everything_allowed_and_the_dead_host_dark_it_conforms_until_a_host_is_switched_off(town):
    town.write("allowed.yaml", ALLOWED)
    code, all_up = town.audit("allowed.yaml")
    assert (all_up["unverified"], all_up["verdict"], code) == ([], "conforms", 0)
    town.hosts["spare"].stop()
    code, one_down = town.audit("allowed.yaml")
    assert (code, one_down["verdict"], violations(one_down)) == (3, "unverified", set())
    assert {gap["host"] for gap in one_down["unverified"]} == {"spare"}


def test_a_network_is_judged_by_the_addresses_that_answer_and_the_silent_ones_are_counted(town):
    code, audit = town.audit(town.write("network.yaml", NETWORK))
    assert (code, violations(audit), audit["unverified"]) == (1, {("unexpected-open", "dmz", "6379/tcp")}, [])
    assert {f["member"] for f in audit["findings"] if f["status"] == "violation"} == {"192.0.2.65"}
    (whole,) = (row for row in audit["hosts"] if row["member"] is None)
    assert (whole["vacant"], whole["members"]) == (3, 4)


def test_only_scans_and_judges_what_it_selects(town, gate):
    assert gate.code == 1
    code, some = town.audit("exposure.yaml", "--only", "tag:web,!six")
    assert code == 1
    assert {row["host"] for row in some["hosts"]} == {"web"}
    assert violations(some) == {("unexpected-open", "web", "8080/tcp")}


def test_from_decides_what_is_allowed_and_is_needed_where_it_matters(town):
    policy = town.write("places.yaml", FROM_TWO_PLACES)
    code, office = town.audit(policy, "--from", "office")
    assert (code, violations(office)) == (0, set())
    code, internet = town.audit(policy, "--from", "internet")
    assert (code, violations(internet)) == (1, {("unexpected-open", "cache", "6379/tcp")})
    assert {row["vantage"] for row in internet["hosts"]} == {"internet"}
    without = town.auditor("check", policy)
    assert (without.code, without.out) == (2, "")
    assert "--from" in without.err
    unknown = town.auditor("check", policy, "--from", "ofice")
    assert (unknown.code, unknown.out) == (2, "")
    assert "office" in unknown.err


def test_a_name_that_does_not_resolve_is_never_a_pass(town):
    policy = town.write(
        "ghost.yaml", "version: 1\nhosts: {ghost: no-such-host.invalid}\nrules: [{hosts: [ghost], allow: [80]}]\n"
    )
    code, audit = town.audit(policy)
    assert code == 3
    (gap,) = audit["unverified"]
    assert "no-such-host.invalid does not resolve" in gap["reason"]


def test_a_severity_below_the_threshold_is_told_and_does_not_fail(town, gate):
    assert gate.code == 1
    code, audit = town.audit("exposure.yaml", "scan.jsonl", "--only", "bastion", "--fail-on", "high")
    assert (code, violations(audit)) == (0, set())
    assert ("required-not-open", "443/tcp") in {(f["check"], f["port"]) for f in audit["findings"]}


# -- interruptions and limits --------------------------------------------------------------------------------------


def test_what_answers_must_be_what_the_rule_says(town):
    code, audit = town.audit(town.write("services.yaml", SERVICES), "--save", "services.jsonl")
    assert code == 1
    assert violations(audit) == {("unexpected-service", "web", "8080/tcp")}
    assert audit["unverified"] == []
    (finding,) = [one for one in audit["findings"] if one["status"] == "violation"]
    assert (finding["expected"], finding["actual"]) == ("open (ssh)", "open (http)")
    again, saved = town.audit("services.yaml", "services.jsonl")
    assert (again, violations(saved)) == (code, violations(audit))


class UnderWay(NamedTuple):
    """A scan in the middle of it, and where it saves what it sees."""

    process: subprocess.Popen[str]
    snapshot: Path


@pytest.fixture
def under_way(town, request):
    """A slow scan of the host that drops, once it is plainly under way."""
    policy = town.write("slow.yaml", SLOW)
    snapshot = town.folder / f"{request.node.name}.jsonl"
    before = town.dropped()
    words = [AUDITOR, "check", policy, "--save", str(snapshot), "-o", f"json={snapshot}.audit"]
    process = subprocess.Popen(words, cwd=town.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        while town.dropped() < before + 1000:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        yield UnderWay(process, snapshot)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_scan_that_is_stopped_ends_at_once_and_leaves_what_it_saw(town, under_way, stop):
    before = time.monotonic()
    under_way.process.send_signal(stop)
    out, err = under_way.process.communicate(timeout=100)
    assert time.monotonic() - before < 5  # a second, and room for a busy machine; left alone it takes half a minute
    assert (under_way.process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "interrupted"
    assert not Path(f"{under_way.snapshot}.audit").exists()
    assert not Path(f"{under_way.snapshot}.partial").exists()

    code, audit = town.audit("slow.yaml", str(under_way.snapshot))
    assert (code, audit["verdict"]) == (3, "unverified")
    assert numbers(states(audit, "walled")["open"]) == {80}
    assert states(audit, "walled")["unverified"] == ALL_TCP - PortSet.parse("80")
    assert {gap["reason"] for gap in audit["unverified"]} == {"interrupted"}
    (evidence,) = audit["evidence"]
    assert (evidence["complete"], evidence["reason"]) == (False, "interrupted")

    strict = town.write("strict.yaml", SLOW.replace("allow: [80]", "deny: [80]"))
    code, audit = town.audit(strict, str(under_way.snapshot))
    assert (code, violations(audit)) == (1, {("forbidden-open", "walled", "80/tcp")})


def test_a_scan_that_is_killed_leaves_a_snapshot_that_reads_as_incomplete(town, under_way):
    under_way.process.kill()
    under_way.process.communicate(timeout=100)
    assert under_way.process.returncode == -signal.SIGKILL
    assert not under_way.snapshot.exists()
    code, audit = town.audit("slow.yaml", f"{under_way.snapshot}.partial")
    assert code == 3
    (evidence,) = audit["evidence"]
    assert not evidence["complete"]
    assert states(audit, "walled")["unverified"] == ALL_TCP


def test_the_rate_is_kept(town, under_way):
    """On a busy machine even looking takes a while, and counts for the bound that it could break otherwise."""
    assert under_way.process.poll() is None
    earliest, before, begun = time.monotonic(), town.dropped(), time.monotonic()
    time.sleep(2)
    ended, after, latest = time.monotonic(), town.dropped(), time.monotonic()
    assert (after - before) / (ended - begun) > 1000  # 4,000 asked for
    assert (after - before) / (latest - earliest) < 6000
