"""What would change the verdict is looked at twice: from another source port, and with the right ending."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.collect.probe import scan
from auditor.model.ports import PortSet
from auditor.model.target import Batch, Surprises, Target

AUDITOR = Path(sys.executable).with_name("auditor")
SYN = "tcp flags & (syn|ack) == syn"
FIFTY = PortSet.numbers(range(1000, 2000, 20))
NOTHING_ALLOWED = (
    "version: 1\nhosts: {web: 192.0.2.10}\nrules: [{hosts: web, allow: [22], deny: [1500]}]\nscan: {tcp: [1-2000]}\n"
)
REQUIRED = "version: 1\nhosts: {web: 192.0.2.10}\nrules: [{hosts: web, require: [443]}]\nscan: {tcp: [1-2000]}\n"


class Silent:
    def progress(self, *_):
        pass

    def say(self, _):
        pass


def look(address, ask, **of_batch):
    """Scan one address for which the policy allows nothing but 22, and requires 443."""
    ports = PortSet.parse(ask)
    surprises = Surprises(open=ports - PortSet.parse("22,443"), shut=PortSet.parse("443"))
    target = Target(host="web", address=address, ask=ports, surprises=surprises)
    (one,) = scan(Batch(targets=[target], **of_batch), Silent())
    return one


def check(folder, policy):
    (folder / "exposure.yaml").write_text(policy, encoding="utf-8")
    done = subprocess.run(
        [AUDITOR, "check", "-o", "json", "--save", "scan.jsonl"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def remember(host):
    """Have the host keep the destination and source port of every SYN that reaches it."""
    made = (
        "add table inet lab\nadd set inet lab seen { type inet_service . inet_service; flags dynamic; size 65535; }\n"
    )
    host.run("nft", "-f", "-", given=made)
    host.firewall(f"{SYN} counter add @seen {{ tcp dport . tcp sport }}", priority=-10)


def syns(host):
    """How many SYNs reached the host, and the source ports by destination."""
    text = host.run("nft", "list", "table", "inet", "lab")
    sources = {}
    for destination, source in re.findall(r"(\d+) \. (\d+)", text):
        sources.setdefault(int(destination), set()).add(int(source))
    return int(re.search(r"counter packets (\d+)", text)[1]), sources


def after(number, port, *, then):
    """A rule: the first connections to a port are let through, all later ones are met so."""
    return f"tcp dport {port} {SYN} limit rate over 1/hour burst {number} packets {then}"


@pytest.mark.parametrize(("then", "word"), [("reject with tcp reset", "closed"), ("drop", "silent")])
def test_open_once_and_never_again_is_no_violation_and_no_pass(lab, tmp_path, then, word):
    host = lab.host("web", "192.0.2.10")
    host.listen(22, 1500)
    for _ in range(3):  # on a busy machine the one handshake may come too late: then nobody saw the port open
        host.no_firewall()
        host.firewall(after(1, 1500, then=then))
        code, audit = check(tmp_path, NOTHING_ALLOWED)
        assert audit["findings"] == []
        if code:
            break
    assert code == 3
    (gap,) = audit["unverified"]
    assert (gap["ports"], gap["reason"]) == ("1500/tcp", f"looked at twice: open, then {word}")


def test_a_violation_that_was_seen_twice_is_one_and_the_snapshot_says_so(lab, tmp_path):
    lab.host("web", "192.0.2.10").listen(22, 1500, 1600)
    code, audit = check(tmp_path, NOTHING_ALLOWED)
    assert code == 1
    assert sorted(finding["port"] for finding in audit["findings"]) == ["1500/tcp", "1600/tcp"]
    assert audit["unverified"] == []
    assert "ports looked at a second time: 2 (2 as before)" in (tmp_path / "scan.jsonl").read_text()


@pytest.mark.parametrize("then", ["reject with tcp reset", "drop"])
def test_a_required_port_that_comes_up_between_the_looks_is_a_pass(lab, tmp_path, then):
    host = lab.host("web", "192.0.2.10")
    host.listen(443)
    tries = 1 if "reset" in then else 2  # silence has been asked twice by then
    host.firewall(f"tcp dport 443 {SYN} limit rate 1/hour burst {tries} packets {then}")
    code, audit = check(tmp_path, REQUIRED)
    assert (code, audit["findings"], audit["unverified"]) == (0, [], [])


def test_a_required_port_that_stays_shut_is_a_violation(lab, tmp_path):
    lab.host("web", "192.0.2.10").listen(80)
    code, audit = check(tmp_path, REQUIRED + "settings: {fail_on: low}\n")
    assert code == 1
    assert ("required-not-open", "443/tcp") in {(f["check"], f["port"]) for f in audit["findings"]}


@pytest.mark.parametrize(("method", "runs"), [("connect", 5), ("syn", 2)])
def test_under_loss_both_ways_every_violation_is_still_one(lab, method, runs):
    lab.host("far", "198.51.100.10", routed=True).listen(*(port.number for port in FIFTY))
    lab.router.lose(100, hook="forward")
    for _ in range(runs):
        one = look("198.51.100.10", ask="1000-1999", method=method)
        assert (one.open, one.unknown) == (FIFTY, ())
        assert any("looked at a second time: 50 (50 as before)" in note for note in one.notes)


@pytest.mark.parametrize("method", ["connect", "syn"])
@pytest.mark.parametrize("address", ["192.0.2.10", "2001:db8::10"])
def test_the_second_look_comes_from_another_source_port(lab, address, method):
    host = lab.host("web", "192.0.2.10", "2001:db8::10")
    host.listen(22, 80, 1500)
    remember(host)
    one = look(address, ask="1-2000", method=method, max_inflight=2)  # every descriptor is used again and again
    assert (one.open, one.unknown) == (PortSet.parse("22,80,1500"), ())
    _, sources = syns(host)
    assert all(len(sources[port]) >= 2 for port in (80, 443, 1500)), "surprising: open, and required but closed"


def test_a_host_without_a_surprise_is_sent_nothing_more(lab):
    host = lab.host("web", "192.0.2.10")
    host.listen(22, 443)
    remember(host)
    sent = [syns(host)[0]]
    for _ in range(5):  # on a busy machine an answer may come too late, and a port is asked again
        one = look("192.0.2.10", ask="1-500")
        assert one.open == PortSet.parse("22,443")
        assert not any("second time" in note for note in one.notes)
        sent.append(syns(host)[0])
    assert 500 in {later - before for before, later in itertools.pairwise(sent)}
