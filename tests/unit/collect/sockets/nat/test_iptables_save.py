"""What iptables-save prints is read rule by rule: ports that it opens, and never fewer than there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.sockets.nat import iptables
from auditor.collect.sockets.nat.rules import EVERY_PORT, EVERYTHING, IPV4, IPV6, TooManyRulesError
from auditor.model.network import LOOPBACK, NetworkSet
from auditor.model.ports import PortSet

OWN = LOOPBACK | NetworkSet.parse("192.0.2.1")


def taken(*lines: str, table: str = "nat", family=IPV4) -> list[tuple[str, str, str, bool]]:
    text = "\n".join(["# Generated", f"*{table}", ":PREROUTING ACCEPT [0:0]", *lines, "COMMIT", ""])
    return [
        (
            "all" if each.reach.ports == EVERY_PORT else str(each.reach.ports),
            "*" if each.reach.to == family else str(each.reach.to),
            str(each.target),
            each.reach.inner,
        )
        for rules in iptables.rulesets(text, family, OWN)
        for each in rules.taken(EVERYTHING)
    ]


def one(rule: str, **options):
    ((ports, to, target, inner),) = taken(f"-A PREROUTING {rule}", **options)
    return ports, to, target, inner


@pytest.mark.parametrize(
    ("rule", "ports", "to", "target"),
    [
        ("-p tcp -m tcp --dport 6000 -j DNAT --to-destination 10.1.1.1:60", "6000/tcp", "*", "10.1.1.1:60"),
        ("-p udp -m udp --dport 53 -j DNAT --to-destination 10.1.1.1", "53/udp", "*", "10.1.1.1"),
        ("-p tcp --dport 80:82 -j REDIRECT --to-ports 8080", "80-82/tcp", "*", "port 8080"),
        ("-p tcp --dport 80 -j REDIRECT", "80/tcp", "*", "this host"),
        ("-p tcp -m multiport --dports 22,80:82 -j DNAT --to-destination :8080", "22/tcp,80-82/tcp", "*", "port 8080"),
        ("-p tcp ! --dport 22 -j DNAT --to-destination 10.1.1.1", "1-21/tcp,23-65535/tcp", "*", "10.1.1.1"),
        ("-d 192.0.2.1/32 -p tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8000-8010/80", "80/tcp", "192.0.2.1",
         "10.0.0.1:8000-8010"),
        ("-p 17 --dport 9 -j DNAT --to-destination 10.1.1.1-10.1.1.9", "9/udp", "*", "10.1.1.1-10.1.1.9"),
        ("-p tcp -m addrtype --dst-type LOCAL -m tcp --dport 1 -j REDIRECT --to-ports 2", "1/tcp",
         "127.0.0.0/8,192.0.2.1", "port 2"),
        ("-i eth0 -s 10.0.0.0/8 -m conntrack --ctstate NEW -p tcp --dport 1 -j REDIRECT", "1/tcp", "*", "this host"),
        ("-p sctp --dport 80 -j DNAT --to-destination 10.0.0.1", "all", "*", "10.0.0.1"),
        ("-d 10.0.0.0/24 -j NETMAP --to 10.9.0.0/24", "all", "10.0.0.0/24", "10.9.0.0/24"),
    ],
)  # fmt: skip
def test_a_rule_says_which_ports_it_takes_and_where_they_go(rule, ports, to, target):
    if "sctp" in rule:  # no port of ours
        assert taken(f"-A PREROUTING {rule}") == []
        return
    assert one(rule) == (ports, to, target, False)


def test_ipv6_targets_keep_their_brackets():
    rule = "-p tcp -m tcp --dport 6000 -j DNAT --to-destination [fd00::2]:60"
    assert one(rule, family=IPV6) == ("6000/tcp", "*", "[fd00::2]:60", False)
    assert one("-p tcp --dport 6000 -j DNAT --to-destination fd00::2", family=IPV6)[2] == "fd00::2"


def test_a_transparent_proxy_is_in_the_mangle_table():
    rule = "-p tcp -m tcp --dport 6010 -j TPROXY --on-port 6011 --on-ip 127.0.0.1 --tproxy-mark 0x0/0x0"
    assert one(rule, table="mangle") == ("6010/tcp", "*", "port 6011", False)


def test_what_comes_by_the_loopback_device_is_the_hosts_own():
    assert one("-i lo -p tcp --dport 1 -j REDIRECT --to-ports 2")[3] is True
    assert one("! -i lo -p tcp --dport 1 -j REDIRECT --to-ports 2")[3] is False


@pytest.mark.parametrize("kind", ["! --dst-type LOCAL", "--dst-type BROADCAST"])
def test_rules_for_the_addresses_of_others_are_not_ours(kind):
    assert taken(f"-A PREROUTING -m addrtype {kind} -p tcp --dport 1 -j DNAT --to-destination 10.0.0.1") == []


def test_chains_are_followed_as_docker_builds_them():
    found = taken(
        "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
        "-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER",
        "-A DOCKER -i docker0 -j RETURN",
        "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80",
        "-A DOCKER -d 127.0.0.1/32 ! -i docker0 -p tcp -m tcp --dport 8081 -j DNAT --to-destination 172.17.0.3:80",
    )
    mine = "127.0.0.0/8,192.0.2.1"
    assert found == [("8080/tcp", mine, "172.17.0.2:80", False), ("8081/tcp", "127.0.0.1", "172.17.0.3:80", False)]


def test_conditions_of_the_calling_rule_hold_for_the_chain_that_it_calls():
    found = taken(
        "-A PREROUTING -p tcp -m multiport --dports 80,81 -g SHOP",
        "-A SHOP -p tcp --dport 81:90 -j DNAT --to-destination 10.0.0.1",
        "-A SHOP -p udp -j DNAT --to-destination 10.0.0.2",
    )
    assert found == [("81/tcp", "*", "10.0.0.1", False)]


def test_other_tables_hooks_and_targets_open_nothing():
    assert taken("-A PREROUTING -p tcp --dport 1 -j DNAT --to-destination 10.0.0.1", table="filter") == []
    assert taken("-A OUTPUT -p tcp --dport 1 -j REDIRECT --to-ports 2", "-A POSTROUTING -j MASQUERADE") == []
    assert taken("-A PREROUTING -p tcp --dport 1 -j ACCEPT", "-A PREROUTING -p tcp --dport 1") == []


@pytest.mark.parametrize("text", ['"-j"', '"--dport"', '"a \\"b\\" --dport 1 -j ACCEPT"', '"!"', '"-d"'])
def test_a_comment_that_looks_like_a_rule_is_a_comment(text):
    rule = f"-p tcp -m tcp --dport 80 -m comment --comment {text} -j DNAT --to-destination 10.0.0.1:1"
    assert one(rule) == ("80/tcp", "*", "10.0.0.1:1", False)


def test_ports_that_cannot_be_read_are_all_ports():
    assert one("-p tcp --dport http -j DNAT --to-destination 10.0.0.1")[0] == "1-65535/tcp"
    assert one("-p tcp -m set --match-set x dst -j DNAT --to-destination 10.0.0.1")[0] == "1-65535/tcp"
    assert one("-d somewhere -p tcp --dport 80 -j REDIRECT --to-ports 1")[1] == "*"


def test_chains_that_call_each_other_for_ever_are_given_up():
    with pytest.raises(TooManyRulesError):
        taken("-A PREROUTING -j A", "-A A -j B", "-A B -j A")


def test_chains_that_multiply_are_given_up():
    lines = [f"-A C{depth} -j C{depth + 1}" for depth in range(30) for _ in range(3)]
    with pytest.raises(TooManyRulesError):
        taken("-A PREROUTING -j C0", *lines)


@given(st.text(), st.text())
def test_no_text_raises(words, more):
    assert isinstance(taken(f"-A PREROUTING {words}", more), list)


@given(
    st.lists(st.sampled_from(["-p", "tcp", "!", "--dport", "80", "-j", "DNAT", "--to-destination", "[::1]:2", "-d"]))
)
def test_no_order_of_options_raises(words):
    for ports, *_ in taken(f"-A PREROUTING {' '.join(words)}"):
        assert ports == "all" or PortSet.parse(ports)
