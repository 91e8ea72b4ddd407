"""What we say of rules is what the kernel does with them: random rule sets, loaded and knocked at from elsewhere."""

import json
import os
import random
import select
import shutil
import socket
import time

import pytest

from auditor.collect.declared.firewall import iptables_save, nft_json
from auditor.files.text import SourceText
from auditor.model.network import parse_address
from auditor.model.ports import Port
from tests.live.lab import NEAR4, NEAR6, Lab

PORTS = (21, 22, 23, 24, 25)
HOST4, HOST6 = "192.0.2.10", "2001:db8::10"
SETS = 8
SELDOM = 0.2
POLICIES = ("accept", "drop")
NDP = "meta l4proto ipv6-icmp accept\n"
"""Without neighbours nothing reaches a host over IPv6, whatever its ports are."""
MATCHES = (
    "-m limit --limit 900/s --limit-burst 900", "-m addrtype --dst-type LOCAL", "-m addrtype ! --dst-type LOCAL",
    "-m iprange --src-range 192.0.2.0-192.0.2.5", "-m recent --name x --rcheck", "-m connlimit --connlimit-above 500",
    "-m hashlimit --hashlimit-above 900/sec --hashlimit-name h --hashlimit-mode srcip", "-m pkttype --pkt-type unicast",
    "! -f", f"! -d {HOST4}", "-m statistic --mode random --probability 0.5",
    "-m conntrack --ctorigdstport 22", "-m conntrack ! --ctorigdstport 22:23", "-m conntrack --ctstate DNAT",
)  # fmt: skip
VERDICTS = "tcp dport vmap { %d : accept, %d : drop }"
SOURCES = {NEAR4: ("192.0.2.0/24", "192.0.2.0/31", "198.51.100.0/24"), NEAR6: ("2001:db8::/64", "2001:db8:f::/48")}


def dice_of(seed):
    return random.Random(seed)  # noqa: S311 - rules that can be made again


def knock(addresses, patience):
    """Where anything comes back: the port is let through, whether somebody listens or not."""
    trials = {}
    for address, port in addresses:
        trial = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        trial.settimeout(0)
        trial.connect_ex((address, port))
        trials[trial] = (address, port)
    answered, end = set(), time.monotonic() + patience
    while (left := end - time.monotonic()) > 0 and len(answered) < len(trials):
        waiting = [trial for trial, place in trials.items() if place not in answered]
        for trial in select.select((), waiting, (), left)[1]:
            answered.add(trials[trial])
    for trial in trials:
        trial.close()
    return answered


def said(observations, address, near, port):
    """Our verdict: True, False, or None for nothing decided."""
    asked, source, verdict = Port.parse(str(port)), parse_address(near), False
    for seen in observations:
        if any(not gap.ports or asked in gap.ports for gap in seen.unknown):
            verdict = None
        for one in seen.openings:
            fits = asked in one.ports and (one.sources is None or source in one.sources)
            if fits and (one.bind is None or parse_address(address) in one.bind):
                return None if one.group else True
    return verdict


def iptables_rule(dice, chain):
    parts = [f"-A {chain}"]
    if dice.random() < 0.3:
        parts.append(dice.choice(["", "! "]) + f"-s {dice.choice(SOURCES[NEAR4])}")
    if dice.random() < 0.15:
        parts.append(dice.choice(["-i lo", "! -i lo"]))
    if dice.random() < 0.8:
        low, high = sorted(dice.sample(PORTS, 2))
        port = dice.choice([f"--dport {low}", f"--dport {low}:{high}", f"! --dport {low}"])
        parts.append("-p tcp " + dice.choice([f"-m tcp {port}", f"-m multiport --dports {low},{high}"]))
    if dice.random() < 0.15:
        parts.append(dice.choice(MATCHES))
    if dice.random() < 0.2:
        parts.append("-m conntrack --ctstate " + dice.choice(["NEW", "RELATED,ESTABLISHED", "INVALID"]))
    targets = ["ACCEPT", "DROP", "RETURN"] + (["A", "B"] if chain == "INPUT" else ["B"] if chain == "A" else [])
    target = dice.choice(targets)
    parts.append(("-g " if target in "AB" and dice.random() < 0.3 else "-j ") + target)
    return " ".join(parts)


def nat_rules(dice):
    """Rules that lead ports to others of the host, or leave them alone."""
    source = dice.choice(["", "-s 192.0.2.0/24 ", "! -s 192.0.2.0/31 ", f"-d {HOST4} "])
    port, other = dice.sample(PORTS, 2)
    leads = (f"REDIRECT --to-ports {other}", f"DNAT --to-destination {HOST4}:{other}", "RETURN", "ACCEPT")
    return f"-A PREROUTING {source}-p tcp -m tcp --dport {port} -j {dice.choice(leads)}"


def iptables_rules(dice):
    nat = ["*nat", ":PREROUTING ACCEPT [0:0]", *(nat_rules(dice) for _ in range(dice.randint(0, 3))), "COMMIT"]
    lines = [*nat, "*filter", f":INPUT {dice.choice(['ACCEPT', 'DROP'])} [0:0]", ":A - [0:0]", ":B - [0:0]"]
    lines += [iptables_rule(dice, chain) for chain in ("INPUT", "A", "B") for _ in range(dice.randint(1, 4))]
    return "\n".join([*lines, "COMMIT", ""])


def nft_rule(dice):
    low, high = sorted(dice.sample(PORTS, 2))
    near = dice.choice([NEAR4, NEAR6])
    kind = "ip" if near == NEAR4 else "ip6"
    parts = [
        dice.choice(["", f"{kind} saddr {dice.choice(['', '!= '])}{dice.choice(SOURCES[near])}", "meta nfproto ipv4"]),
        dice.choice(
            [f"tcp dport {low}", f"tcp dport {{ {low}, {high} }}", f"tcp dport != {low}-{high}", "tcp dport @s", "",
             ]
        ),
        dice.choice(["", "", "ct state new", "ct state related", 'iifname != "lo"', "limit rate 900/second"]),
        dice.choice(["accept", "drop", "jump a", "goto a", "return", VERDICTS % (low, high)]),
    ]  # fmt: skip
    return " ".join(filter(None, parts))


def nft_rules(dice):
    """Two base chains, so that an accept in the first is not the end, and one that they call."""
    body = {name: "\n".join(nft_rule(dice) for _ in range(dice.randint(1, 4))) for name in ("one", "two")}
    called = "\n".join(
        f"{dice.choice(['', f'tcp dport {dice.choice(PORTS)} '])}{dice.choice(['accept', 'drop', 'return'])}"
        for _ in range(2)
    )
    base = "\n".join(
        f"chain {name} {{ type filter hook input priority {at}; policy {dice.choice(POLICIES)};\n{NDP}{rules}\n}}"
        for at, (name, rules) in enumerate(body.items())
    )
    elements = dice.choice(["", f"elements = {{ {dice.choice(PORTS)}, 60-70 }}"])
    dormant = (
        "table inet asleep { flags dormant; chain x { type filter hook input priority -9; policy drop; }; }"
        if dice.random() < SELDOM
        else ""
    )
    port, other, third = dice.sample(PORTS, 3)
    leads = (
        "chain pre { type nat hook prerouting priority dstnat;\n"
        f"meta l4proto tcp redirect to :tcp dport map {{ {port} : {other}, {other} : {third} }}\n}}"
        if dice.random() < 2 * SELDOM
        else ""
    )
    return (
        f"table inet t {{ set s {{ type inet_service; flags interval; {elements}; }}\n"
        f"chain a {{\n{called}\n}}\n{base}\n{leads}\n}}\n{dormant}\n"
    ).replace("flags interval; ;", "flags interval;")


@pytest.fixture(scope="module")
def lab():
    missing = Lab.needs() or ("" if shutil.which("iptables-restore") else "iptables is not installed")
    if missing and os.environ.get("CI") != "true":
        pytest.skip(missing)
    assert not missing
    with Lab() as made:
        yield made


@pytest.fixture(scope="module")
def host(lab):
    return lab.host("web", HOST4, HOST6)


def disagreements(observations, addresses):
    """Where the kernel does something else; who does not answer is asked again, patiently."""
    verdicts = {
        (address, port): said(observations, address, near, port) for address, near in addresses for port in PORTS
    }
    decided = {place: verdict for place, verdict in verdicts.items() if verdict is not None}
    wrong = set(decided)
    for patience in (0.2, 1, 3):
        answered = knock(wrong, patience)
        wrong = {place for place in wrong if decided[place] != (place in answered)}
        if not wrong:
            break
    return {place: decided[place] for place in wrong}


@pytest.mark.parametrize("seed", range(SETS))
def test_iptables_rules_do_what_we_say(host, seed):
    text = iptables_rules(dice_of(seed))
    host.run("nft", "flush", "ruleset")
    host.run("iptables-restore", given=text)
    saved = host.run("iptables-save")
    assert disagreements(list(iptables_save.parse(SourceText("fw", saved))), [(HOST4, NEAR4)]) == {}, saved


@pytest.mark.parametrize("seed", range(SETS))
def test_nft_rules_do_what_we_say(host, seed):
    text = nft_rules(dice_of(seed))
    host.run("nft", "flush", "ruleset")
    host.run("nft", "-f", "-", given=text)
    listed = host.run("nft", "-j", "list", "ruleset")
    assert json.loads(listed)
    addresses = [(HOST4, NEAR4), (HOST6, NEAR6)]
    assert disagreements(list(nft_json.parse(SourceText("fw", listed))), addresses) == {}, text
