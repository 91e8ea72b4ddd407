"""Nothing that is given as rules of a firewall brings more than an observation or a clean error."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import EvidenceError
from tests.unit.collect.declared.firewall.reading import of

WORDS = [
    "-A",
    "-I",
    "INPUT",
    "FORWARD",
    "-p",
    "tcp",
    "udp",
    "!",
    "-s",
    "-d",
    "10.0.0.0/8",
    "::1",
    "--dport",
    "--dports",
    "22",
    "80:",
    "-m",
    "multiport",
    "conntrack",
    "--ctstate",
    "NEW",
    "-j",
    "-g",
    "ACCEPT",
    "DROP",
    "SVC",
    "DNAT",
    "--to-destination",
    "10.0.0.1:80",
    ":80-90",
    "REDIRECT",
    "--to-ports",
    "-i",
    "lo",
    "+",
    "eth+",
    "recent",
    "--set",
    "--update",
    "--comment",
    '"x',
    '"',
    "*",
    "COMMIT",
    "*filter",
    "*nat",
    ":INPUT",
    ":SVC",
    "-",
    "[0:0]",
    "--tcp-flags",
    "ALL",
    "SYN",
    "set",
    "--match-set",
]
KEYS = st.sampled_from(
    [
        "match",
        "op",
        "left",
        "right",
        "payload",
        "protocol",
        "field",
        "tcp",
        "dport",
        "set",
        "range",
        "prefix",
        "addr",
        "len",
        "concat",
        "meta",
        "key",
        "iifname",
        "ct",
        "state",
        "vmap",
        "data",
        "jump",
        "target",
        "accept",
        "drop",
        "dnat",
        "port",
        "limit",
        "xt",
        "mangle",
        "fib",
        "&",
        "|",
        "elem",
        "val",
        "inv",
        "stmt",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 70000) | st.text(max_size=5) | KEYS | st.just("@s"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


def read(form, text):
    try:
        of(form, text)
    except EvidenceError as error:
        said = str(error)
    else:
        said = ""
    assert "\n" not in said


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), max_size=8))
def test_iptables(lines):
    read("iptables_save", "*filter\n:INPUT DROP [0:0]\n:SVC - [0:0]\n" + "\n".join(lines))


@settings(max_examples=150, deadline=None)
@given(st.lists(VALUES, max_size=4), st.lists(VALUES, max_size=3))
def test_nft(expressions, elements):
    family = {"family": "inet", "table": "t"}
    listing = [
        {"table": {"family": "inet", "name": "t"}},
        {"set": {**family, "name": "s", "elem": elements}},
        {"chain": {**family, "name": "c", "hook": "input", "type": "filter", "prio": 0, "policy": "drop"}},
        {"rule": {**family, "chain": "c", "expr": expressions}},
    ]
    read("nft_json", json.dumps({"nftables": listing}))


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_a_listing_of_anything(value):
    read("nft_json", json.dumps({"nftables": value}))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.lists(
            st.sampled_from(
                [
                    "22/tcp",
                    "Anywhere",
                    "ALLOW",
                    "IN",
                    "DENY",
                    "(v6)",
                    "on",
                    "eth0",
                    "10.0.0.0/8",
                    "80:",
                    ",",
                    "(x)",
                    "#",
                    "/esp",
                ]
            ),
            max_size=8,
        ).map("  ".join),
        max_size=6,
    )
)
def test_ufw(lines):
    read("ufw", "Status: active\n" + "\n".join(lines))
