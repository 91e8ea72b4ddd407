"""A scan killed at any moment goes on from its snapshot: the result of one in one go, and nothing is asked twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auditor.model.ports import NO_PORTS, PortSet, Protocol
from auditor.snapshot import Snapshot
from auditor.snapshot.resume import unfinished

WEB, DB, MUTE = "192.0.2.10", "192.0.2.11", "192.0.2.12"
ROUNDS = int(os.environ.get("AUDITOR_RESUME_ROUNDS", "2"))
PROGRAM = """
import sys
from auditor.snapshot import checkpoint
checkpoint._EVERY, checkpoint._SHARE = 0.05, 0.5  # so that a scan of a second has something to go on from
from auditor.cli.app import main
main(sys.argv[1:])
"""
SSH = """
import socket
listener = socket.create_server(("", 2222), backlog=64)
while True:
    client = listener.accept()[0]
    try:
        client.sendall(b"SSH-2.0-OpenSSH_9.2\\r\\n")
    except OSError:
        pass
    client.close()
"""
CHECKPOINT = b'{"interim":true'


def started(*words):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "scan", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(process, *codes):
    out, err = process.communicate(timeout=60)
    assert process.returncode in codes, err
    return out + err


def killed(process, when, moment):
    """Kill it so many seconds after the condition came about; whether it was still at work."""
    deadline = time.monotonic() + 30
    while not when() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    return process.returncode == -signal.SIGKILL


def checkpointed(path, least=1):
    partial = Path(f"{path}.partial")
    return lambda: partial.exists() and partial.read_bytes().count(CHECKPOINT) >= least


def states(path):
    """All that a snapshot says of each target, but for times and remarks."""
    found = {}
    for seen in Snapshot(path):
        unknown = sorted((one.reason, str(one.ports)) for one in seen.unknown)
        sets = [str(ports) for ports in (seen.open, seen.closed, seen.filtered, seen.open_filtered, seen.unspoken)]
        services = sorted((str(one.port), one.service) for one in seen.services)
        assert seen.key not in found, "each target once"
        found[seen.key] = (*sets, str(seen.asked), seen.alive, unknown, services)
    return found


def known(path):
    """The ports that a snapshot knows by answers, by address; and which of them vouch for the host when it goes on."""
    left = unfinished(path)
    answered = {one.target.address: one.seen.seen for one in left.begun}
    answered |= {seen.address: seen.seen for seen in left.finished}
    vouching = {one.target.address: one.rest.ask - one.left for one in left.begun}
    return answered, vouching


def count_requests(host, ports):
    """From now on count what is sent to these ports of the host."""
    host.no_firewall()
    rules = []
    for protocol in Protocol:
        if text := ports.text(protocol):
            first = "tcp flags syn " if protocol is Protocol.TCP else ""
            rules.append(f"{first}{protocol.value} dport {{ {text} }} counter")
    host.firewall(*rules, priority=-10)


def requests(host):
    rules = json.loads(host.run("nft", "-j", "list", "ruleset"))["nftables"]
    parts = [part for entry in rules for part in entry.get("rule", {}).get("expr", [])]
    return sum(part["counter"]["packets"] for part in parts if "counter" in part)


@pytest.fixture
def hosts(lab):
    web, db = lab.host("web", WEB), lab.host("db", DB)
    web.listen(22, 80, 443, 2400, 9000, 9001, 31337)
    db.listen(22, 5432)
    drops(web)
    lab.host("mute", MUTE).firewall("meta l4proto tcp drop")
    return {WEB: web, DB: db}


def drops(web):
    web.firewall("tcp dport { 443, 300-400 } drop", "tcp dport 500-510 reject with icmpx admin-prohibited")


ASKED = (WEB, DB, MUTE, "--ports", "1-2500,9000,9001,31337", "--rate", "6000", "--timeout", "500ms")


@pytest.mark.usefixtures("hosts")
def test_killed_at_random_moments_and_resumed_it_shows_what_one_in_one_go_shows(tmp_path):
    finished(started(*ASKED, "--save", tmp_path / "whole.jsonl"), 3)
    whole = states(tmp_path / "whole.jsonl")
    assert {key[1] for key in whole} == {WEB, DB, MUTE}
    rng = random.Random()  # noqa: S311 - any moment will do
    for number in range(ROUNDS):
        path = tmp_path / f"{number}.jsonl"
        process = started(*ASKED, "--save", path)
        partial = Path(f"{path}.partial")
        killed(process, partial.exists, rng.uniform(0, 1.3))
        for _ in range(number % 3):
            if not partial.exists() or b'{"targets"' not in partial.read_bytes():
                break
            before = known(path)[0]
            killed(started("--resume", path), lambda: True, rng.uniform(0.2, 1.2))
            if partial.exists():
                after = known(path)[0]
                assert all(ports <= after[address] for address, ports in before.items()), "a kill loses nothing"
        if partial.exists() and b'{"targets"' not in partial.read_bytes():  # killed before it had begun
            process = started(*ASKED, "--save", path)
        else:
            process = started("--resume", path)
        finished(process, 3)
        assert states(path) == whole
        assert sorted(entry.name for entry in tmp_path.glob(f"{number}.*")) == [path.name]
        assert not [line for line in path.read_bytes().splitlines() if line.startswith((CHECKPOINT, b'{"plan"'))]


def test_what_was_answered_is_not_asked_again(hosts, tmp_path):
    path = tmp_path / "s.jsonl"
    assert killed(started(*ASKED, "--save", path), checkpointed(path, 3), 0.1)
    answered, vouching = known(path)
    assert sum(map(len, answered.values())) > 300
    for address, host in hosts.items():
        count_requests(host, answered.get(address, NO_PORTS) - vouching.get(address, NO_PORTS))
    drops(hosts[WEB])
    said = finished(started("--resume", path), 3)
    assert "to finish" in said
    for address, host in hosts.items():
        assert requests(host) == 0, f"{address} was asked again what it had answered"
    for seen in Snapshot(path):
        assert seen.open | seen.closed | seen.filtered >= answered.get(seen.address, NO_PORTS)


def test_a_host_that_died_in_between_is_not_called_filtered(hosts, tmp_path):
    path = tmp_path / "s.jsonl"
    assert killed(
        started(DB, "--ports", "1-2000", "--rate", "2000", "--timeout", "200ms", "--save", path),
        checkpointed(path, 2),
        0,
    )
    answered = known(path)[0][DB]
    hosts[DB].firewall("meta l4proto tcp drop")
    finished(started("--resume", path), 3)
    (seen,) = Snapshot(path)
    assert seen.seen == answered
    assert {one.reason for one in seen.unknown} == {"the host stopped answering during the scan"}
    assert seen.accounted == PortSet.parse("1-2000")


@pytest.mark.usefixtures("hosts")
def test_stopped_with_ctrl_c_it_goes_on_and_its_time_is_that_of_the_first_part(tmp_path):
    path = tmp_path / "s.jsonl"
    process = started(*ASKED, "--save", path)
    deadline = time.monotonic() + 30
    while not checkpointed(path, 3)() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert f"go on with: auditor scan --resume {path}" in finished(process, 130)
    first = Snapshot(path).origin.started
    finished(started("--resume", path), 3)
    finished(started(*ASKED, "--save", tmp_path / "whole.jsonl"), 3)
    assert states(path) == states(tmp_path / "whole.jsonl")
    again = Snapshot(path)
    assert again.origin.started == first
    for seen in again:
        when = seen.finished or seen.started
        assert seen.address == MUTE or when is not None
    assert again.completion.complete
    assert "is complete: nothing is left to ask" in finished(started("--resume", path), 3)


def test_answered_udp_ports_are_not_asked_again(hosts, tmp_path):
    web = hosts[WEB]
    web.sysctl(net__ipv4__icmp_ratelimit=0, net__ipv4__icmp_msgs_per_sec=1_000_000, net__ipv4__icmp_msgs_burst=100_000)
    web.no_firewall()
    path = tmp_path / "s.jsonl"
    asked = (WEB, "--ports", "1-2000,1-2000/udp", "--rate", "3000")
    finished(started(*asked, "--save", tmp_path / "whole.jsonl"), 0)
    assert killed(started(*asked, "--save", path), checkpointed(path, 3), 0)
    answered, vouching = known(path)
    assert answered[WEB].only(Protocol.UDP)
    count_requests(web, answered[WEB] - vouching[WEB])
    finished(started("--resume", path), 0)
    assert requests(web) == 0
    assert states(path) == states(tmp_path / "whole.jsonl")


def test_what_the_policy_wants_to_know_of_services_is_asked_without_it(hosts, tmp_path):
    hosts[WEB].start(sys.executable, "-S", "-c", SSH)
    hosts[WEB].wait_for(2222)
    policy = tmp_path / "exposure.yaml"
    policy.write_text(
        f"version: 1\nhosts: {{web: {WEB}}}\n"
        "rules: [{hosts: web, allow: [{port: 2222, service: ssh}]}]\nscan: {tcp: ['1-2500'], rate: 2500}\n"
    )
    path = tmp_path / "s.jsonl"
    assert killed(started(policy, "--save", path), checkpointed(path, 2), 0)
    policy.unlink()
    finished(started("--resume", path), 0)
    (seen,) = Snapshot(path)
    assert [(str(one.port), one.service) for one in seen.services] == [("2222/tcp", "ssh")]
