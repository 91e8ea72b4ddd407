import json

import pytest

from auditor.errors import EvidenceError
from tests.unit.collect.declared.firewall.reading import of, opened, undecided

INPUT = {"family": "inet", "table": "f", "name": "in", "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}


def listing(*rules, chain=INPUT, more=(), sets=(), flags=()):
    table = {"family": chain["family"], "name": "f", **({"flags": list(flags)} if flags else {})}
    made = [
        {"rule": {"family": chain["family"], "table": "f", "chain": where, "handle": 9, "expr": expr}}
        for where, expr in ((one if isinstance(one, tuple) else ("in", one)) for one in rules)
    ]
    return json.dumps(
        {
            "nftables": [
                {"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
                {"table": table},
                *({"set": {"family": chain["family"], "table": "f", **one}} for one in sets),
                {"chain": chain},
                *more,
                *made,
            ]
        }
    )


def dport(right, protocol="tcp", op="=="):
    return {"match": {"op": op, "left": {"payload": {"protocol": protocol, "field": "dport"}}, "right": right}}


def meta(key, right, op="=="):
    return {"match": {"op": op, "left": {"meta": {"key": key}}, "right": right}}


def saddr(right, protocol="ip", op="=="):
    return {"match": {"op": op, "left": {"payload": {"protocol": protocol, "field": "saddr"}}, "right": right}}


def state(*states):
    return {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": list(states)}}


OVER = {"limit": {"rate": 5, "per": "minute", "inv": True}}
ACCEPT, DROP = {"accept": None}, {"drop": None}
PREFIX = {"prefix": {"addr": "10.0.0.0", "len": 8}}


def let(*rules, **more):
    return [(ports, sources) for ports, sources, _, _ in opened("nft_json", listing(*rules, **more))]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([[dport(22), ACCEPT]], [("22/tcp", None)]),
        ([[dport({"set": [80, {"range": [8000, 8010]}]}), ACCEPT]], [("80/tcp,8000-8010/tcp", None)]),
        ([[dport(22, op="!="), meta("l4proto", "tcp"), ACCEPT]], [("1-21/tcp,23-65535/tcp", None)]),
        ([[saddr(PREFIX), dport(22), ACCEPT]], [("22/tcp", "10.0.0.0/8")]),
        ([[saddr("2001:db8::1", "ip6"), dport(22), ACCEPT]], [("22/tcp", "2001:db8::1")]),
        ([[meta("nfproto", "ipv4"), dport(22), ACCEPT]], [("22/tcp", "0.0.0.0/0")]),
        ([[meta("iifname", "lo"), ACCEPT]], []),
        ([[state("established", "related"), ACCEPT]], []),
        ([[state("new"), dport(25), ACCEPT]], [("25/tcp", None)]),
        ([[dport(22), {"limit": {"rate": 5, "per": "minute"}}, ACCEPT]], [("22/tcp", None)]),
        ([[dport(22), OVER, DROP], [dport(22), ACCEPT]], [("22/tcp", None)]),
        ([[{"log": {"prefix": "tcp dport 99 accept"}}]], []),
        ([[dport(65000, op=">="), ACCEPT]], [("65000-65535/tcp", None)]),
    ],
)  # fmt: skip
def test_a_rule_lets_through_what_it_says(rules, expected):
    assert let(*rules) == expected
    assert undecided("nft_json", listing(*rules)) == []


def test_an_accept_in_one_base_chain_is_not_final():
    early = {"chain": {**INPUT, "name": "early", "prio": -10, "policy": "accept"}}
    assert let(("early", [dport(22), ACCEPT]), [dport(23), ACCEPT], more=[early]) == [("23/tcp", None)]
    dropping = ("early", [dport(23), DROP])
    assert let(dropping, [dport({"set": [22, 23]}), ACCEPT], more=[early]) == [("22/tcp", None)]


def test_a_dormant_table_does_nothing():
    assert let(flags=["dormant"]) == [("1-65535/tcp,1-65535/udp", None)]


def test_a_flag_that_nft_prints_as_the_name_of_the_table_leaves_open_whether_it_is_dormant():
    ((ports, reason),) = undecided("nft_json", listing(flags=["f"]))
    assert ports == "1-65535/tcp,1-65535/udp"
    assert "dormant, or not" in reason


def test_a_family_that_no_table_speaks_of_is_not_filtered():
    found = let([dport(22), ACCEPT], chain={**INPUT, "family": "ip"})
    assert found == [("1-65535/tcp,1-65535/udp", "::/0"), ("22/tcp", "0.0.0.0/0")]


def test_sets_are_looked_up_and_an_empty_one_holds_nothing():
    sets = [{"name": "web", "type": "inet_service", "elem": [80, {"elem": {"val": 443, "comment": "x"}}]}]
    assert let([dport("@web"), ACCEPT], sets=sets) == [("80/tcp,443/tcp", None)]
    empty = [{"name": "web", "type": "inet_service"}]
    assert let([dport("@web"), ACCEPT], sets=empty) == []
    assert let([dport("@web"), DROP], [dport(22), ACCEPT], sets=empty) == [("22/tcp", None)]


SENDER = {"payload": {"protocol": "ip", "field": "saddr"}}
WANTED_PORT = {"payload": {"protocol": "tcp", "field": "dport"}}


@pytest.mark.parametrize("op", ["add", "update", "delete"])
def test_a_set_that_rules_fill_or_empty_is_not_what_it_held_when_it_was_listed(op):
    """Who knocks is let in: in the listing the set may be empty, and packets change it any time."""
    seen = [{"name": "seen", "type": "ipv4_addr", "flags": ["timeout"]}]
    noted = {"set": {"op": op, "elem": SENDER, "set": "@seen"}}
    text = listing([dport(7777), noted], [saddr("@seen"), dport(22), ACCEPT], sets=seen)
    assert [ports for ports, _ in undecided("nft_json", text)] == ["22/tcp"]
    shut = [{"name": "shut", "type": "inet_service", "elem": [6379]}]
    emptied = {"set": {"op": op, "elem": WANTED_PORT, "set": "@shut"}}
    text = listing([dport("@shut"), DROP], [dport(6379), ACCEPT], [emptied], sets=shut)
    assert opened("nft_json", text) == []
    assert [ports for ports, _ in undecided("nft_json", text)] == ["6379/tcp"]


def test_a_verdict_map_that_rules_fill_is_not_what_it_held_when_it_was_listed():
    made = {"map": {"family": "inet", "table": "f", "name": "say", "type": "ipv4_addr", "map": "verdict"}}
    noted = {"map": {"op": "update", "elem": SENDER, "data": ACCEPT, "map": "@say"}}
    text = listing([dport(7777), noted], [dport(22), {"vmap": {"key": SENDER, "data": "@say"}}], more=[made])
    assert [ports for ports, _ in undecided("nft_json", text)] == ["22/tcp"]


def test_concatenations_are_looked_up():
    left = {
        "concat": [
            {"payload": {"protocol": "ip", "field": "saddr"}},
            {"payload": {"protocol": "tcp", "field": "dport"}},
        ]
    }
    right = {"set": [{"concat": ["10.0.0.1", 22]}, {"concat": [PREFIX, {"range": [80, 81]}]}]}
    found = let([{"match": {"op": "==", "left": left, "right": right}}, ACCEPT])
    assert sorted(found) == [("22/tcp", "10.0.0.1"), ("80-81/tcp", "10.0.0.0/8")]


def test_verdict_maps_decide_element_by_element():
    sub = {"chain": {"family": "inet", "table": "f", "name": "wan"}}
    data = {"set": [["lo", ACCEPT], ["eth0", {"jump": {"target": "wan"}}]]}
    look = [{"vmap": {"key": {"meta": {"key": "iifname"}}, "data": data}}]
    text = listing(look, ("wan", [dport(22), ACCEPT]), more=[sub])
    assert opened("nft_json", text) == [("22/tcp", None, None, "whoever comes in at eth0")]
    ports = {"set": [[22, ACCEPT], [{"range": [23, 25]}, DROP]]}
    look = [{"vmap": {"key": {"payload": {"protocol": "tcp", "field": "dport"}}, "data": ports}}]
    assert let(look, [dport({"range": [22, 26]}), ACCEPT]) == [("22/tcp", None), ("26/tcp", None)]


def test_what_nft_does_not_print_of_iptables_is_undecided():
    ((ports, reason),) = undecided("nft_json", listing([dport(22), {"xt": {"type": "match", "name": "geoip"}}, ACCEPT]))
    assert ports == "22/tcp"
    assert "give what iptables-save prints" in reason
    assert reason.endswith("tcp dport 22 xt match geoip accept")


@pytest.mark.parametrize(
    "match",
    [
        {"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 1}},
        {"match": {"op": "==", "left": {"numgen": {"mode": "random", "mod": 2}}, "right": 0}},
        {"match": {"op": "==", "left": {"payload": {"base": "th", "offset": 16, "len": 16}}, "right": 22}},
        {"match": {"op": "==", "left": {"meta": {"key": "hour"}}, "right": "17:00"}},
        {"unheard-of": {}},
    ],
)
def test_what_cannot_be_decided_opens_and_shuts_nothing(match):
    text = listing([dport(22), match, ACCEPT])
    assert opened("nft_json", text) == []
    assert [ports for ports, _ in undecided("nft_json", text)] == ["22/tcp"]


def test_each_opening_has_its_place_in_the_file():
    (seen,) = of("nft_json", json.dumps(json.loads(listing([dport(22), ACCEPT])), indent=1))
    (one,) = seen.openings
    assert one.what == "tcp dport 22 accept"
    assert one.location.line > 20
    assert '"rule"' in one.location.snippet or "{" in one.location.snippet


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"nftables": 3}', '{"nftables": [{"rule": {}}]}', '{"nftables": [{"chain": {"family": []}}]}']
)
def test_another_file_is_an_error(text):
    with pytest.raises(EvidenceError, match=r"fw\.txt"):
        of("nft_json", text)


@pytest.mark.parametrize(
    "match",
    [
        {"left": {"payload": {"protocol": "sctp", "field": "dport"}}, "right": 3868},
        {"left": {"meta": {"key": "l4proto"}}, "right": "sctp"},
        {"left": {"meta": {"key": "l4proto"}}, "right": {"set": ["tcp", 132]}},
    ],
)
def test_sctp_that_is_let_in_is_said(match):
    [(ports, reason)] = undecided("nft_json", listing([{"match": {"op": "==", **match}}, ACCEPT]))
    assert ports == ""
    assert ": it lets in SCTP, of which policies cannot speak: " in reason


def test_ports_of_whatever_transport_are_those_of_sctp_too():
    rule = [dport(53, "th"), ACCEPT]
    assert opened("nft_json", listing(rule)) == [("53/tcp,53/udp", None, None, None)]
    [(ports, reason)] = undecided("nft_json", listing(rule))
    assert ports == ""
    assert "it lets in every protocol, SCTP too" in reason
    both = {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": {"set": ["tcp", "udp"]}}}
    assert undecided("nft_json", listing([both, *rule])) == []


PRE = {"family": "inet", "table": "f", "name": "pre", "type": "nat", "hook": "prerouting", "prio": -100}
FORWARD = {"family": "inet", "table": "f", "name": "fw", "type": "filter", "hook": "forward", "prio": 0}
BY_PORT = {"payload": {"protocol": "tcp", "field": "dport"}}


def looked_up(data, key=BY_PORT):
    return {"map": {"key": key, "data": data}}


@pytest.mark.parametrize(
    ("lead", "expected"),
    [
        ({"dnat": {"addr": looked_up({"set": [[80, "10.0.0.5"], [443, "10.0.0.7"]]})}},
         [("80/tcp", "10.0.0.5:80/tcp"), ("443/tcp", "10.0.0.7:443/tcp")]),
        ({"dnat": {"family": "ip", "addr": looked_up("@leads")}},
         [("8080/tcp", "10.0.0.5:80/tcp"), ("8081/tcp", "10.0.0.6:81/tcp")]),
        ({"dnat": {"addr": looked_up({"set": [[80, "10.0.0.5"]]}), "port": 8000}}, [("80/tcp", "10.0.0.5:8000/tcp")]),
        ({"redirect": {"port": looked_up({"set": [[9000, 22], [{"range": [9001, 9002]}, 23]]})}},
         [("9000/tcp", "22/tcp"), ("9001-9002/tcp", "23/tcp")]),
    ],
)  # fmt: skip
def test_where_nat_leads_may_be_looked_up(lead, expected):
    leads = {"family": "inet", "table": "f", "name": "leads", "type": "inet_service",
             "map": ["ipv4_addr", "inet_service"],
             "elem": [[8080, {"concat": ["10.0.0.5", 80]}], [8081, {"concat": ["10.0.0.6", 81]}]]}  # fmt: skip
    led = {"match": {"op": "in", "left": {"ct": {"key": "status"}}, "right": "dnat"}}
    text = listing(("pre", [lead]), ("in", [led, ACCEPT]), ("fw", [led, ACCEPT]),
                   more=({"map": leads}, {"chain": PRE}, {"chain": {**FORWARD, "policy": "drop"}}))  # fmt: skip
    [seen] = of("nft_json", text)
    assert [(str(one.ports), one.target) for one in seen.openings] == expected
    assert seen.unknown == ()


def test_a_lookup_of_what_is_not_in_the_file_leaves_every_port_open():
    text = listing(("pre", [{"dnat": {"addr": looked_up("@elsewhere")}}]), more=({"chain": PRE},))
    [(ports, reason)] = undecided("nft_json", text)
    assert ports == "1-65535/tcp,1-65535/udp"
    assert reason.endswith("dnat to tcp dport map @elsewhere")
