"""What nft prints as JSON is read rule by rule: ports that it opens, and never fewer than there are."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.sockets.nat import nft
from auditor.collect.sockets.nat.rules import EVERY_PORT, EVERYTHING, IPV4, IPV6
from auditor.model.network import EVERYWHERE, LOOPBACK, NetworkSet

OWN = LOOPBACK | NetworkSet.parse("192.0.2.1")
DPORT = {"payload": {"protocol": "tcp", "field": "dport"}}
DADDR = {"payload": {"protocol": "ip", "field": "daddr"}}


def match(left, right, op: str = "==") -> dict:
    return {"match": {"op": op, "left": left, "right": right}}


def listed(*rules: list, family: str = "ip", more=(), flags=None, hook: str = "prerouting") -> str:
    table = {"family": family, "name": "t", "handle": 1} | ({"flags": flags} if flags else {})
    where = {"family": family, "table": "t"}
    chain = where | {"name": "pre", "type": "nat", "hook": hook, "prio": -100, "policy": "accept"}
    found = [{"metainfo": {"version": "1.0.6"}}, {"table": table}, {"chain": chain}]
    found += [{kind: where | fields} for kind, fields in more]
    found += [{"rule": where | {"chain": "pre", "expr": expr}} for expr in rules]
    return json.dumps({"nftables": found})


def taken(*rules: list, **options) -> list[tuple[str, str, str, bool]]:
    every = {IPV4: "v4", IPV6: "v6", EVERYWHERE: "*"}
    return [
        (
            "all" if each.reach.ports == EVERY_PORT else str(each.reach.ports),
            next((name for whole, name in every.items() if whole == each.reach.to), str(each.reach.to)),
            str(each.target),
            each.reach.inner,
        )
        for rules_ in nft.tables(listed(*rules, **options), OWN).rulesets.values()
        for each in rules_.taken(EVERYTHING)
    ]


TO = {"dnat": {"addr": "10.0.0.2", "port": 80}}


@pytest.mark.parametrize(
    ("expr", "ports", "to", "target"),
    [
        ([match(DPORT, 8080), TO], "8080/tcp", "v4", "10.0.0.2:80"),
        ([match(DPORT, {"set": [81, {"range": [83, 85]}]}), {"dnat": {"addr": "10.0.0.3"}}], "81/tcp,83-85/tcp", "v4",
         "10.0.0.3"),
        ([match(DADDR, "127.0.0.1"), match(DPORT, 86), {"redirect": {"port": 8086}}], "86/tcp", "127.0.0.1",
         "port 8086"),
        ([match({"meta": {"key": "l4proto"}}, {"set": ["tcp", "udp"]}),
          match({"payload": {"protocol": "th", "field": "dport"}}, 53), {"redirect": None}], "53/tcp,53/udp", "v4",
         "this host"),
        ([match({"fib": {"result": "type", "flags": ["daddr"]}}, "local"), match(DPORT, 88),
          {"dnat": {"addr": "10.0.0.4", "port": {"range": [8000, 8010]}}}], "88/tcp", "127.0.0.0/8,192.0.2.1",
         "10.0.0.4:8000-8010"),
        ([match(DPORT, 22, "!="), TO], "1-21/tcp,23-65535/tcp", "v4", "10.0.0.2:80"),
        ([match(DADDR, {"prefix": {"addr": "192.0.2.0", "len": 24}}), match(DPORT, 1), TO], "1/tcp", "192.0.2.0/24",
         "10.0.0.2:80"),
        ([match(DADDR, {"range": ["192.0.2.1", "192.0.2.2"]}), match(DPORT, 1), TO], "1/tcp", "192.0.2.1,192.0.2.2",
         "10.0.0.2:80"),
        ([match({"concat": [DADDR, DPORT]}, {"set": [{"concat": ["192.0.2.1", 96]}]}), TO], "96/tcp", "192.0.2.1",
         "10.0.0.2:80"),
        ([match({"payload": {"protocol": "ip", "field": "protocol"}}, "udp"), TO], "1-65535/udp", "v4", "10.0.0.2:80"),
        ([match({"meta": {"key": "iifname"}}, "eth0"), match({"ct": {"key": "state"}}, "new"), match(DPORT, 1), TO],
         "1/tcp", "v4", "10.0.0.2:80"),
        ([TO], "all", "v4", "10.0.0.2:80"),
        ([match(DPORT, 1), {"dnat": {"addr": {"numgen": {"mode": "random", "mod": 2}}}}], "1/tcp", "v4",
         "an address by rule"),
        ([match(DPORT, {"set": [{"elem": {"val": 7, "timeout": 9}}]}), TO], "7/tcp", "v4", "10.0.0.2:80"),
    ],
)  # fmt: skip
def test_a_rule_says_which_ports_it_takes_and_where_they_go(expr, ports, to, target):
    assert taken(expr) == [(ports, to, target, False)]


def test_maps_send_each_port_elsewhere():
    pairs = {"set": [[92, "10.0.0.7"], [93, "10.0.0.8"]]}
    expr = [{"dnat": {"addr": {"map": {"key": DPORT, "data": pairs}}, "port": 80}}]
    assert taken(expr) == [("92/tcp", "v4", "10.0.0.7:80", False), ("93/tcp", "v4", "10.0.0.8:80", False)]


def test_named_maps_may_hold_addresses_and_ports():
    elements = [[90, {"concat": ["10.0.0.5", 80]}], [91, {"concat": ["10.0.0.6", 81]}]]
    expr = [{"dnat": {"family": "ip", "addr": {"map": {"key": DPORT, "data": "@m"}}}}]
    found = taken(expr, more=[("map", {"name": "m", "elem": elements})])
    assert found == [("90/tcp", "v4", "10.0.0.5:80", False), ("91/tcp", "v4", "10.0.0.6:81", False)]


def test_maps_may_choose_the_port():
    expr = [{"dnat": {"addr": "10.0.0.5", "port": {"map": {"key": DPORT, "data": {"set": [[90, 80]]}}}}}]
    assert taken(expr) == [("90/tcp", "v4", "10.0.0.5:80", False)]


def test_a_map_by_chance_sends_the_rules_ports_to_each():
    chance = {
        "map": {"key": {"numgen": {"mode": "random", "mod": 2}}, "data": {"set": [[0, "10.0.0.1"], [1, "10.0.0.2"]]}}
    }
    found = taken([match(DPORT, 98), {"dnat": {"addr": chance}}])
    assert found == [("98/tcp", "v4", "10.0.0.1", False), ("98/tcp", "v4", "10.0.0.2", False)]


def test_verdict_maps_and_jumps_are_followed():
    sub = ("rule", {"chain": "sub", "expr": [{"dnat": {"addr": "10.9.9.9"}}]})
    pairs = {"set": [[94, {"jump": {"target": "sub"}}], [95, {"accept": None}]]}
    assert taken([{"vmap": {"key": DPORT, "data": pairs}}], more=[sub]) == [("94/tcp", "v4", "10.9.9.9", False)]
    assert taken([match(DPORT, 7), {"goto": {"target": "sub"}}], more=[sub]) == [("7/tcp", "v4", "10.9.9.9", False)]


def test_named_sets_are_looked_up_and_an_empty_one_matches_nothing():
    elements = [{"range": [70, 75]}, 79]
    rule = [match(DPORT, "@s"), TO]
    assert taken(rule, more=[("set", {"name": "s", "elem": elements})]) == [
        ("70-75/tcp,79/tcp", "v4", "10.0.0.2:80", False)
    ]
    assert taken(rule, more=[("set", {"name": "s"})]) == []


def test_a_table_of_both_families_sends_each_to_its_own():
    found = taken(
        [match(DPORT, 99), {"dnat": {"family": "ip", "addr": "10.0.0.20", "port": 80}}],
        [match(DPORT, 99), {"dnat": {"family": "ip6", "addr": "fd00::1", "port": 80}}],
        [match(DPORT, 77), {"tproxy": {"port": 7777}}, {"accept": None}],
        family="inet",
    )
    assert found == [
        ("99/tcp", "v4", "10.0.0.20:80", False),
        ("99/tcp", "v6", "[fd00::1]:80", False),
        ("77/tcp", "*", "port 7777", False),
    ]


def test_what_comes_by_the_loopback_device_is_the_hosts_own():
    device = {"meta": {"key": "iifname"}}
    assert taken([match(device, "lo"), match(DPORT, 1), TO])[0][3] is True
    assert taken([match(device, "lo", "!="), match(DPORT, 1), TO])[0][3] is False


def test_dormant_tables_and_other_hooks_open_nothing():
    assert taken([match(DPORT, 1), TO], flags=["dormant"]) == []
    assert taken([match(DPORT, 1), TO], hook="output") == []


def test_rules_of_iptables_are_left_to_it():
    expr = [match(DPORT, 1), {"xt": {"type": "target", "name": "DNAT"}}]
    assert nft.tables(listed(expr), OWN).foreign == {("ip", "t")}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"nftables": 7}', '{"nftables": [7]}', '{"nftables": [{"rule": {}}]}']
)
def test_what_nft_does_not_print_is_an_error(text):
    with pytest.raises(ValueError):
        nft.tables(text, OWN)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["@s", "10.0.0.1", "tcp"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["match", "left", "right", "op", "payload", "field", "set", "range", "concat", "dnat",
                             "addr", "map", "key", "data", "vmap", "jump", "target", "prefix", "elem", "val", "fib"]),
            inner, max_size=4,
        )
    ),
    max_leaves=12,
)  # fmt: skip


@given(
    st.lists(st.dictionaries(st.sampled_from(["match", "dnat", "vmap", "jump", "xt", "redirect"]), JSON), max_size=3)
)
def test_rules_of_any_form_end_in_rules_or_a_clean_error(expr):
    try:
        taken(expr)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - any other error fails the test by itself


@given(st.text())
def test_no_text_does_worse_than_a_value_error(text):
    with pytest.raises(ValueError):
        nft.tables(text, OWN)
