"""A port on which nobody listens counts as shut only where no address translation publishes it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.sockets.remote.frame import Read, Section
from auditor.collect.sockets.remote.translation import own_addresses, routes_loopback, translation
from auditor.model.network import LOOPBACK, NetworkSet

NAT = "nf_nat 61440 2 nft_chain_nat,nf_conntrack, Live 0x0"
NFT = "nf_tables 380928 5 - Live 0x0"
RULES = "nft list ruleset"
CHAIN = {"family": "ip", "table": "nat", "name": "PREROUTING", "hook": "prerouting", "type": "nat", "prio": -100}
OTHER = {**CHAIN, "table": "shop"}
SAVED = ["*nat", ":PREROUTING ACCEPT [0:0]", "-A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80",
         "COMMIT", "#read"]  # fmt: skip


def said(**lines):
    given = {"modules": (), "builtin": (), "own": ["127.0.0.1", "192.0.2.1"]} | lines
    return {
        name: Section(read=Read.DONE, lines=tuple(line.encode() for line in given))
        if given is not None
        else Section(read=Read.DENIED)
        for name, given in given.items()
    }


def nft(*objects):
    return {RULES: [json.dumps({"nftables": [{"metainfo": {}}, *objects]}), "#read"]}


def rule(*expr, table="nat"):
    return {"rule": {"family": "ip", "table": table, "chain": "PREROUTING", "expr": list(expr)}}


TO_PORT = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 9000}}
DNAT = {"dnat": {"addr": "10.0.0.9", "port": 90}}
XT = {"xt": {"type": "target", "name": "DNAT"}}


def read(*, root=True, **lines):
    found = translation(said(**{"modules": [NAT, NFT], **lines}), root=root)
    return {str(one.reach.ports): str(one.target) for one in found.taken}, found.unread


@pytest.mark.parametrize("root", [True, False])
def test_a_kernel_without_translation_publishes_nothing(root):
    assert read(root=root, modules=[]) == ({}, [])
    assert read(root=root, modules=[NFT]) == ({}, [])


def test_rules_are_shown_to_root_alone():
    for lines in ({}, {"modules": None}, {"builtin": ["kernel/net/netfilter/nf_nat.ko"], "modules": []}):
        taken, (why,) = read(root=False, **lines)
        assert not taken
        assert "root alone" in why


def test_root_that_is_shown_no_rule_knows():
    assert read(**nft()) == ({}, [])
    assert read(**{"nft-text": ["#read"]}) == ({}, [])
    assert read(modules=[NAT], legacy=["filter"]) == ({}, [])


def test_rules_of_nft_and_of_both_kinds_of_iptables_are_followed():
    assert read(**nft({"chain": OTHER}, rule(TO_PORT, DNAT, table="shop"))) == ({"9000/tcp": "10.0.0.9:90"}, [])
    by_iptables = nft({"chain": CHAIN}, rule(XT))
    assert read(**by_iptables, **{"iptables-nft-save nat": SAVED}) == ({"8080/tcp": "172.17.0.2:80"}, [])
    older = {"legacy": ["nat", "filter"], "iptables-legacy-save nat": SAVED}
    assert read(**nft(), **older) == ({"8080/tcp": "172.17.0.2:80"}, [])


@pytest.mark.parametrize(
    "lines",
    [
        {RULES: []},
        {RULES: ['{"nftables": ['], "nft-text": ["#read"][:0]},
        {"nft-text": ["tcp dport 80 dnat to 10.0.0.2", "#read"]},
        {"nft-text": ['xt target "DNAT"', "#read"]},
        {"nft-text": ["tcp dport 80 redirect to :8080"]},
        nft({"chain": CHAIN}, rule(XT)),
        nft({"chain": CHAIN}, rule(XT)) | {"iptables-nft-save nat": SAVED[:-1]},
        nft() | {"legacy": ["nat", "filter"]},
        nft() | {"legacy6": None},
        nft({"chain": OTHER}, rule(TO_PORT, DNAT, table="shop")) | {"own": []},
    ],
)
def test_rules_that_cannot_be_read_leave_doubt(lines):
    _, unread = read(**lines)
    assert unread


def test_what_iptables_prints_is_followed_where_nft_is_missing_and_the_rest_stays_in_doubt():
    taken, unread = read(**{"iptables-nft-save nat": SAVED})
    assert taken == {"8080/tcp": "172.17.0.2:80"}
    assert any("nft does not print them" in why for why in unread)


def test_addresses_of_both_families_are_the_hosts_own():
    lines = {
        "own": ["127.0.0.1", "192.0.2.1", "nonsense"],
        "ipv6": ["20010db8000000000000000000000001 02 40 00 80 eth0"],
    }
    assert own_addresses(said(**lines), "") == LOOPBACK | NetworkSet.parse("192.0.2.1") | NetworkSet.parse(
        "2001:db8::1"
    )


def test_loopback_is_reached_unless_every_device_says_no():
    assert not routes_loopback(said(route_localnet=["0", "0"]))
    assert routes_loopback(said(route_localnet=["0", "1"]))
    assert routes_loopback(said())


@given(st.lists(st.text()), st.sampled_from([RULES, "iptables-nft-save nat", "legacy", "own", "ipv6", "nft-text"]))
def test_no_answer_breaks_the_reading(lines, name):
    found = said(modules=[NAT, NFT], **{name: [*lines, "#read"]})
    translation(found, root=True)
