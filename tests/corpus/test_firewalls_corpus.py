"""Firewalls that others wrote, and our lab's: each is read, and what it lets in agrees with what the kernel did.

``EXPECTED-firewalls.json`` was made by loading the files into a kernel and scanning it; ``*-TRUTH-connect-*`` by real
connections to the lab. Where a file cannot decide, it may say so; it may not say the opposite.
"""

import json
import os
from pathlib import Path

import pytest

from auditor.collect.registry import open_evidence
from auditor.errors import EvidenceError
from auditor.model.network import parse_address
from auditor.model.ports import Port, PortSet

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
if not CORPUS.is_dir() and os.environ.get("CI") != "true":
    pytest.skip("the corpus of real files is not beside this checkout", allow_module_level=True)

FILES = sorted(
    path
    for pattern in ("own-lab/*/*iptables-save*.txt", "own-lab/*/*iptables-S.txt", "own-lab/*/*nft-j.json",
                    "own-lab/*/ufw-status*.txt", "nft-json/**/*.json", "iptables-save/**/*.v4",
                    "iptables-save/**/*.ref",
                    "ufw/**/ufw.out", "ufw/**/ufw-numbered*.out", "ufw/**/ufw-verbose.out")
    for path in CORPUS.glob(pattern)
)  # fmt: skip
EXPECTED = json.loads((CORPUS / "EXPECTED-firewalls.json").read_text())
LOADED = sorted(
    name
    for name, one in EXPECTED.items()
    if one["rc"] == 0 and one["kind"] in ("nftj", "ipt") and (CORPUS / name).exists()
)
LAB = "own-lab/lab1"
TRUTHS = [
    ("handipt-iptables-save.txt", "handipt-TRUTH-connect-v4.json", "198.51.100.10", "198.51.100.99"),
    ("handipt-iptables-save-c.txt", "handipt-TRUTH-connect-v4.json", "198.51.100.10", "198.51.100.99"),
    ("handipt-nft-j.json", "handipt-TRUTH-connect-v4.json", "198.51.100.10", "198.51.100.99"),
    ("handipt-nft-j.json", "handipt-TRUTH-connect-v6.json", "2001:db8:10::10", "2001:db8:10::99"),
    ("ufw-iptables-save.txt", "ufw-TRUTH-connect-v4.json", "198.51.100.10", "198.51.100.99"),
    ("ufw-ip6tables-save.txt", "ufw-TRUTH-connect-v6.json", "2001:db8:10::10", "2001:db8:10::99"),
    ("ufw-status-verbose.txt", "ufw-TRUTH-connect-v4.json", "198.51.100.10", "198.51.100.99"),
    ("ufw-status-verbose.txt", "ufw-TRUTH-connect-v6.json", "2001:db8:10::10", "2001:db8:10::99"),
    ("ufw-status.txt", "ufw-TRUTH-connect-v4.json", "198.51.100.10", "198.51.100.99"),
    ("ufw-nft-j.json", "ufw-TRUTH-connect-v4.json", "198.51.100.10", "198.51.100.99"),
]
REJECTED = {"handipt-TRUTH-connect-v4.json": {7014}}
"""Refused by a rule (``--reject-with tcp-reset``), not by a host on which nobody listens."""


def of(path):
    return list(open_evidence(str(path), host="lab"))


def verdict(observations, port, target, source):
    """Whether a packet gets in: True, False, or None where nobody can say."""
    asked, said = Port.parse(str(port)), False
    for seen in observations:
        if any(not gap.ports or asked in gap.ports for gap in seen.unknown):
            said = None
        for one in seen.openings:
            fits = asked in one.ports and (one.sources is None or parse_address(source) in one.sources)
            if fits and (one.bind is None or parse_address(target) in one.bind):
                return None if one.group else True
    return said


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CORPUS)))
def test_each_file_is_read_and_says_something(path):
    if not path.stat().st_size:
        with pytest.raises(EvidenceError, match="empty"):
            of(path)
        return
    assert any(seen.openings or seen.unknown or seen.guarded for seen in of(path))


@pytest.mark.parametrize(("file", "truth", "target", "source"), TRUTHS, ids=str)
def test_the_lab_was_reached_as_its_rules_say(file, truth, target, source):
    seen, found = of(CORPUS / LAB / file), json.loads((CORPUS / LAB / truth).read_text())
    rejected = REJECTED.get(truth, set())
    reached = {*found["open"], *found["refused"]} - rejected
    silent = {*found["timeout"], *rejected} if "timeout" in found else rejected
    said = {port: verdict(seen, port, target, source) for port in sorted(reached | silent)}
    assert {port for port, one in said.items() if one is False} <= silent
    assert {port for port, one in said.items() if one is True} <= reached


def test_the_rules_of_iptables_save_decide_nearly_everything():
    undecided = [seen.unknown for name in ("handipt-iptables-save.txt", "ufw-iptables-save.txt")
                 for seen in of(CORPUS / LAB / name)]  # fmt: skip
    assert [[str(gap.ports) for gap in one] for one in undecided] == [["25/tcp"], []]


@pytest.mark.parametrize("name", LOADED)
def test_a_kernel_with_the_rules_let_in_what_we_say(name):
    expected = EXPECTED[name]
    seen = of(CORPUS / name)
    for key, target, source in (("tcp4", expected["dst4"], expected["src4"]),
                                ("tcp6", "2001:db8:40::40", "2001:db8:40::41")):  # fmt: skip
        if expected["kind"] == "ipt" and key == "tcp6":
            continue
        for state, ranges in expected[key].items():
            for low, high in PortSet.parse(",".join(ranges)).ranges():
                for port in {low, (low + high) // 2, high}:
                    assert verdict(seen, port, target, source) in (state in ("open", "closed"), None), (key, port)


@pytest.mark.parametrize(
    ("pattern", "says"),
    [("iptables-L/**/iptables-*.out", "iptables-save"), ("own-lab/*/*iptables-L-n-v.txt", "iptables-save"),
     ("own-lab/*/*nft*.txt", "nft -j"), ("nft-text/**/*.ref", "nft -j")],
)  # fmt: skip
def test_listings_for_people_are_refused_with_what_to_give_instead(pattern, says):
    found = sorted(CORPUS.glob(pattern))
    assert found
    for path in found:
        with pytest.raises(EvidenceError, match=says):
            of(path)
