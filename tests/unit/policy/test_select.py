"""Which hosts a list of selectors means."""

from datetime import date, timedelta
from fnmatch import fnmatchcase
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import UsageError
from auditor.model.location import Location
from auditor.model.network import NetworkSet
from auditor.model.policy import (
    AddressKind,
    Host,
    HostAddress,
    HostSelector,
    Policy,
    PolicyException,
    Rule,
    ScanSettings,
    Settings,
)
from auditor.model.ports import ALL_TCP, NO_PORTS
from auditor.policy.select import Selection, check, matches, parse_only


def place(line=1):
    return Location(file="p.yaml", line=line, column=5)


def address(text):
    try:
        networks = NetworkSet.parse(text)
    except ValueError:
        return HostAddress(text=text, kind=AddressKind.NAME)
    kind = AddressKind.NETWORK if "/" in text else AddressKind.ADDRESS
    return HostAddress(text=text, kind=kind, networks=networks)


def host(name, *addresses, tags=()):
    return Host(name=name, addresses=tuple(map(address, addresses)), tags=tags, location=place())


def selectors(*texts):
    return tuple(HostSelector(text=text, location=place(line)) for line, text in enumerate(texts, 10))


def rule(*texts, **more):
    return Rule(id="r", hosts=selectors(*texts), location=place(9), **more)


def policy(*hosts, rules=(), exceptions=()):
    return Policy(
        name="p",
        hosts={found.name: found for found in hosts},
        rules=tuple(rules),
        exceptions=tuple(exceptions),
        scan=ScanSettings(tcp=ALL_TCP, udp=NO_PORTS, rate=None, timeout=2.0),
        settings=Settings(max_evidence_age=timedelta(hours=24)),
        files=(),
        hosts_location=place(),
    )


WEB = host("web-1", "192.0.2.10", tags=("web", "prod"))
DUAL = host("web-2", "192.0.2.11", "2001:db8::11", tags=("web",))
NAMED = host("db", "db.internal", tags=("db",))
NET = host("dmz", "192.0.2.64/26", tags=("dmz",))
ALL = (WEB, DUAL, NAMED, NET)


def meant(*texts):
    return [found.name for found in ALL if matches(selectors(*texts), found)]


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["web-1"], ["web-1"]),
        (["WEB-1"], []),
        (["web-*"], ["web-1", "web-2"]),
        (["*-?"], ["web-1", "web-2"]),
        (["web-[!1]"], ["web-2"]),
        (["*"], ["web-1", "web-2", "db", "dmz"]),
        (["tag:web"], ["web-1", "web-2"]),
        (["tag:d*"], ["db", "dmz"]),
        (["tag:Web"], []),
        (["web"], []),
        (["192.0.2.11"], ["web-2"]),
        (["2001:DB8:0::11"], ["web-2"]),
        (["192.0.2.64"], []),
        (["192.0.2.64/26"], ["dmz"]),
        (["web-1", "tag:db"], ["web-1", "db"]),
    ],
)
def test_a_list_means_every_host_that_an_entry_matches(texts, names):
    assert meant(*texts) == names


def test_a_network_means_hosts_with_all_literal_addresses_of_its_family_inside():
    assert meant("192.0.2.0/24") == ["web-1", "web-2", "dmz"]
    assert meant("2001:db8::/32") == ["web-2"]
    assert meant("192.0.2.64/26") == ["dmz"]


def test_a_host_known_by_its_dns_name_alone_is_in_no_network():
    assert "db" not in meant("0.0.0.0/0", "::/0")


def test_exclusions_take_out_and_their_place_in_the_list_does_not_matter():
    assert meant("!web-1", "tag:web") == meant("tag:web", "!web-1") == ["web-2"]


def test_a_list_of_nothing_but_exclusions_starts_from_all_hosts():
    assert meant("!tag:web", "!192.0.2.64/26") == ["db"]


NAMES = ["web-1", "web-2", "web-10", "db", "d", "10.0.0.1"]
TAGS = ["web", "db", "prod"]
ADDRESSES = ["10.0.0.1", "10.0.0.2", "10.0.1.1", "10.0.1.0/24", "2001:db8::1", "db.internal"]
ENTRIES = [*NAMES, "web-*", "*", "*1", "?", "[dw]*", *(f"tag:{tag}" for tag in TAGS), "tag:*o*", "tag:", ""]
ENTRIES += [
    "10.0.0.0/8",
    "10.0.0.0/24",
    "10.0.1.0/24",
    "10.0.0.1/8",
    "2001:db8::/32",
    "::/0",
    "2001:db8::1",
    "10.0.0.2",
]
hosts = st.builds(
    lambda name, addresses, tags: host(name, *addresses, tags=tuple(tags)),
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=3),
    st.lists(st.sampled_from(TAGS), unique=True),
)
lists = st.lists(
    st.builds("".join, st.tuples(st.sampled_from(["", "", "!"]), st.sampled_from(ENTRIES))), min_size=1, max_size=4
)


def plainly_matches(text, subject):
    if text.startswith("tag:"):
        return any(fnmatchcase(tag, text[4:]) for tag in subject.tags)
    literal = [ip_network(found.text) for found in subject.addresses if found.networks]
    try:
        network = ip_network(text)
    except ValueError:
        return fnmatchcase(subject.name, text)
    if "/" not in text:
        return text == subject.name or any(
            str(found) in {f"{network.network_address}/32", f"{network.network_address}/128"} for found in literal
        )
    alike = [found for found in literal if found.version == network.version]
    return bool(alike) and all(found.subnet_of(network) for found in alike)


def plainly_means(texts, subject):
    wanted = [text for text in texts if not text.startswith("!")] or ["*"]
    taken_out = [text[1:] for text in texts if text.startswith("!")]
    return any(plainly_matches(text, subject) for text in wanted) and not any(
        plainly_matches(text, subject) for text in taken_out
    )


@given(st.lists(hosts, min_size=1, max_size=6), st.lists(lists, max_size=6))
def test_a_selection_of_many_lists_agrees_with_each_list_by_itself(subjects, many):
    selection = Selection([selectors(*texts) for texts in many])
    for subject in subjects:
        assert selection.applying(subject) == tuple(
            at for at, texts in enumerate(many) if plainly_means(texts, subject)
        )


def test_check_points_at_each_entry_that_matches_nothing_and_names_the_nearest():
    found = check(policy(*ALL, rules=[rule("web-1", "web-01", "tag:wbe", "web"), rule("!web-9", "*")]))
    assert [str(problem) for problem in found] == [
        "p.yaml:11:5: 'web-01' matches no host; did you mean 'web-1'?",
        "p.yaml:12:5: 'tag:wbe' matches no host; did you mean 'tag:web'?",
        "p.yaml:13:5: 'web' matches no host; did you mean 'tag:web'?",
        "p.yaml:10:5: '!web-9' matches no host; did you mean 'web-2'?",
    ]


def test_check_looks_at_exceptions_too():
    late = PolicyException(
        id="EX-1", hosts=selectors("gone"), ports=(), reason="r", owner="o", expires=date(2020, 1, 1), location=place()
    )
    assert [problem.location.line for problem in check(policy(*ALL, exceptions=[late]))] == [10]


def test_check_says_when_a_list_takes_out_all_that_it_names():
    (problem,) = check(policy(*ALL, rules=[rule("tag:web", "!web-*")]))
    assert (problem.location.line, "'!' entries take out" in problem.message) == (10, True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tag:", "names no tag"),
        ("", "names no host"),
        ("!", "names no host"),
        ("192.0.2.1/24", "is no network"),
        ("192.0.2.0/33", "is no network"),
    ],
)
def test_check_says_what_is_wrong_with_an_entry_that_can_match_nothing(text, reason):
    (problem,) = check(policy(*ALL, rules=[rule("*", text)]))
    assert reason in problem.message


def test_the_rules_of_shipped_packs_may_match_nothing():
    assert check(policy(*ALL, rules=[rule("tag:mail", pack="mail")])) == []


def test_check_finds_nothing_wrong_where_every_entry_matches():
    assert check(policy(*ALL, rules=[rule("web-*", "!web-2"), rule("tag:db"), rule("192.0.2.0/24")])) == []


def test_only_takes_several_entries_with_commas_and_keeps_policy_order():
    chosen = parse_only(policy(*ALL), ["dmz, tag:web", "!web-2"])
    assert [found.name for found in chosen] == ["web-1", "dmz"]


@pytest.mark.parametrize("texts", [["web-3"], ["web-1,"], [""], ["web-1,!web-1"], ["tag:"]])
def test_only_refuses_what_matches_nothing(texts):
    with pytest.raises(UsageError, match="--only"):
        parse_only(policy(*ALL), texts)


def test_only_suggests_the_nearest_name():
    with pytest.raises(UsageError, match="--only: 'web-3' matches no host; did you mean 'web-2'"):
        parse_only(policy(*ALL), ["web-3"])
