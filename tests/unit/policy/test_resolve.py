"""What a policy expects of one (host, vantage), against DESIGN's precedence applied port by port."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from auditor.model.expectation import Effect
from auditor.model.location import Location
from auditor.model.network import EVERYWHERE
from auditor.model.policy import (
    Host,
    HostSelector,
    Named,
    Policy,
    PolicyException,
    PortItem,
    Rule,
    ScanSettings,
    Settings,
    Vantage,
)
from auditor.model.ports import ALL_TCP, NO_PORTS, Port, PortSet, Protocol
from auditor.policy.resolve import Resolver

TODAY = date(2026, 11, 22)
PORTS = [Port(Protocol.TCP, number) for number in range(1, 7)] + [Port(Protocol.UDP, number) for number in (1, 2)]
VANTAGES = ["internet", "office"]


def at_line(line):
    return Location(file="p.yaml", line=line, column=1)


def items(*texts):
    return tuple(PortItem(text=text, ports=PortSet.parse(text), location=at_line(n)) for n, text in enumerate(texts, 1))


def to(*texts):
    return tuple(HostSelector(text=text, location=at_line(1)) for text in texts)


def a_rule(id_, hosts=("*",), **more):
    return Rule(id=id_, hosts=to(*hosts), location=at_line(1), **more)


def an_exception(id_, ports, expires=TODAY, hosts=("*",), **more):
    return PolicyException(
        id=id_, hosts=to(*hosts), ports=ports, reason="r", owner="o", expires=expires, location=at_line(1), **more
    )


def a_policy(rules=(), exceptions=(), vantages=(), tcp=ALL_TCP, udp=Named.NAMED):
    hosts = [Host(name=name, addresses=(), tags=(name[0],), location=at_line(1)) for name in ("a1", "a2", "b1")]
    return Policy(
        name="p",
        hosts={host.name: host for host in hosts},
        vantages={name: Vantage(name=name, networks=EVERYWHERE, location=at_line(1)) for name in vantages},
        rules=tuple(rules),
        exceptions=tuple(exceptions),
        scan=ScanSettings(tcp=tcp, udp=udp, rate=None, timeout=2.0),
        settings=Settings(max_evidence_age=timedelta(hours=24)),
        files=(),
        hosts_location=at_line(1),
    )


def expect(policy, host="a1", vantage=None):
    return Resolver(policy, TODAY).expectation(policy.hosts[host], vantage)


def on_the_network(policy, host="a1"):
    return Resolver(policy, TODAY).network_expectation(policy.hosts[host])


def text(ports):
    return str(ports)


# Random small policies, and DESIGN's precedence one port at a time.

port_items = st.lists(st.lists(st.sampled_from(PORTS), min_size=1, max_size=3, unique=True), max_size=2).map(
    lambda found: items(*(",".join(map(str, ports)) for ports in found))
)
host_lists = st.lists(st.sampled_from(["*", "a*", "a1", "tag:b", "!a2", "!b1"]), min_size=1, max_size=2)
from_lists = st.one_of(st.none(), st.lists(st.sampled_from([*VANTAGES, "local"]), min_size=1, unique=True).map(tuple))


@st.composite
def policies(draw):
    rules = [
        a_rule(
            f"r{n}",
            draw(host_lists),
            from_=draw(from_lists),
            allow=draw(port_items),
            require=draw(port_items),
            deny=draw(port_items),
            final=draw(st.booleans()),
            otherwise_filtered=draw(st.sampled_from([None, None, at_line(n + 1)])),
        )
        for n in range(draw(st.integers(0, 4)))
    ]
    exceptions = [
        an_exception(
            f"e{n}",
            draw(port_items),
            TODAY + timedelta(days=draw(st.integers(-1, 1))),
            draw(host_lists),
            from_=draw(from_lists),
        )
        for n in range(draw(st.integers(0, 2)))
    ]
    scope = st.sampled_from([Named.NAMED, PortSet.parse("1-3,1/udp")])
    return a_policy(rules, exceptions, draw(st.sampled_from([(), VANTAGES])), draw(scope), draw(scope))


def applies(entry, host, vantage):
    def names(one):
        return one in {"*", host} or (one == "a*" and host[0] == "a") or (one == "tag:b" and host[0] == "b")

    wanted = [selector.text for selector in entry.hosts if not selector.text.startswith("!")] or ["*"]
    taken_out = [selector.text[1:] for selector in entry.hosts if selector.text.startswith("!")]
    selected = any(map(names, wanted)) and not any(map(names, taken_out))
    return selected and (entry.from_ is None or vantage in entry.from_)


def has(found, port):
    return any(port in item.ports for item in found)


def plain_facts(policy, host, vantage, port):
    """(permitted, required, forbidden, excepted) of one port, by the words of the precedence."""
    rules = [rule for rule in policy.rules if applies(rule, host, vantage)]
    live = [found for found in policy.exceptions if applies(found, host, vantage) and found.expires >= TODAY]
    final = any(rule.final and has(rule.deny, port) for rule in rules)
    denied = any(has(rule.deny, port) for rule in rules)
    required = any(has(rule.require, port) for rule in rules)
    allowed = any(has(rule.allow, port) for rule in rules)
    excepted = any(has(found.ports, port) for found in live)
    return ((required or allowed) and not denied, required and not denied, denied, excepted and not final)


def plain_effect(policy, host, vantage, port):
    rules = [rule for rule in policy.rules if applies(rule, host, vantage)]
    live = [found for found in policy.exceptions if applies(found, host, vantage) and found.expires >= TODAY]
    if any(rule.final and has(rule.deny, port) for rule in rules):
        return Effect.FINAL_DENY
    if any(has(found.ports, port) for found in live):
        return Effect.EXCEPTION
    if any(has(rule.deny, port) for rule in rules):
        return Effect.DENY
    if any(has(rule.require, port) for rule in rules):
        return Effect.REQUIRE
    return Effect.ALLOW if any(has(rule.allow, port) for rule in rules) else Effect.DEFAULT


def facts(expectation, port):
    sets = (expectation.permitted, expectation.required, expectation.forbidden, expectation.excepted)
    return tuple(port in found for found in sets)


@given(policies())
def test_every_port_is_judged_as_the_precedence_says(policy):
    resolver = Resolver(policy, TODAY)
    for host in policy.hosts.values():
        for vantage in (None, *VANTAGES, "local"):
            expectation = resolver.expectation(host, vantage)
            for port in PORTS:
                assert facts(expectation, port) == plain_facts(policy, host.name, vantage, port)
                assert expectation.at(port).effect is plain_effect(policy, host.name, vantage, port)


@given(policies())
def test_sockets_may_be_open_where_any_place_on_the_network_may_see_them(policy):
    resolver = Resolver(policy, TODAY)
    places = [None, *(name for name in policy.vantage_names if name != "local")]
    for host in policy.hosts.values():
        expectation = resolver.network_expectation(host)
        for port in PORTS:
            views = [plain_facts(policy, host.name, place, port) for place in places]
            permitted, required, denied, excepted = (any(view[n] for view in views) for n in range(4))
            assert facts(expectation, port) == (permitted, required, denied and not permitted, excepted)


@given(policies(), st.randoms(use_true_random=False))
def test_order_never_matters(policy, chance):
    shuffled = a_policy(
        chance.sample(policy.rules, len(policy.rules)),
        chance.sample(policy.exceptions, len(policy.exceptions)),
        policy.vantages,
        policy.scan.tcp,
        policy.scan.udp,
    )
    for name in policy.hosts:
        for vantage in (None, *VANTAGES, "local"):
            assert expect(policy, name, vantage) == expect(shuffled, name, vantage)
        assert on_the_network(policy, name) == on_the_network(shuffled, name)


@given(policies())
def test_the_sets_keep_their_promises_to_each_other(policy):
    for name in policy.hosts:
        for expectation in (expect(policy, name, "office"), on_the_network(policy, name)):
            assert expectation.required <= expectation.permitted
            assert expectation.permitted.isdisjoint(expectation.forbidden)


@given(policies())
def test_hosts_that_the_same_entries_apply_to_share_one_expectation(policy):
    resolver = Resolver(policy, TODAY)
    first, second = policy.hosts["a1"], policy.hosts["a2"]
    same = all(
        applies(entry, "a1", place) == applies(entry, "a2", place)
        for entry in (*policy.rules, *policy.exceptions)
        for place in (None, *VANTAGES, "local")
    )
    if same:
        assert resolver.expectation(first, "office") is resolver.expectation(second, "office")
        assert resolver.network_expectation(first) is resolver.network_expectation(second)


# What a reader wants to see by example.


def test_clauses_stand_strongest_first_then_by_rule_then_as_written():
    rules = [
        a_rule("z", deny=items("1"), final=True),
        a_rule("b", allow=items("2", "1"), require=items("3")),
        a_rule("a", allow=items("1"), deny=items("4")),
    ]
    found = expect(a_policy(rules, [an_exception("e", items("1"))])).clauses
    shown = [(clause.effect, (clause.rule or clause.exception).id, text(clause.ports)) for clause in found]
    assert shown == [
        (Effect.FINAL_DENY, "z", "1/tcp"),
        (Effect.EXCEPTION, "e", "1/tcp"),
        (Effect.DENY, "a", "4/tcp"),
        (Effect.REQUIRE, "b", "3/tcp"),
        (Effect.ALLOW, "a", "1/tcp"),
        (Effect.ALLOW, "b", "2/tcp"),
        (Effect.ALLOW, "b", "1/tcp"),
    ]


def test_an_exception_is_live_on_its_last_day_and_expired_on_the_next():
    policy = a_policy(exceptions=[an_exception("e", items("8080"), expires=TODAY)])
    host = policy.hosts["a1"]
    last_day = Resolver(policy, TODAY).expectation(host, None)
    next_day = Resolver(policy, TODAY + timedelta(days=1)).expectation(host, None)
    assert (text(last_day.excepted), last_day.expired) == ("8080/tcp", ())
    assert (next_day.excepted, [clause.exception.id for clause in next_day.expired]) == (NO_PORTS, ["e"])
    assert next_day.clauses == ()


def test_an_exception_does_not_make_a_port_permitted_it_lifts_the_finding():
    expectation = expect(a_policy(exceptions=[an_exception("e", items("8080"))]))
    assert (expectation.permitted, text(expectation.excepted)) == (NO_PORTS, "8080/tcp")


def test_a_rule_with_from_is_silent_at_other_vantages_and_at_the_unnamed_one():
    policy = a_policy([a_rule("r", from_=("office",), allow=items("22"))], vantages=VANTAGES)
    assert [text(expect(policy, vantage=place).permitted) for place in ("office", "internet", None, "local")] == [
        "22/tcp", "", "", "",
    ]  # fmt: skip


def test_a_rule_without_from_applies_at_loopback_too():
    assert text(expect(a_policy([a_rule("r", allow=items("22"))]), vantage="local").permitted) == "22/tcp"


def test_named_scope_is_every_port_that_an_entry_for_the_host_names_at_any_vantage():
    rules = [
        a_rule("r", from_=("office",), allow=items("53/udp"), deny=items("69/udp", "23")),
        a_rule("b", ["tag:b"], allow=items("161/udp")),
    ]
    late = an_exception("e", items("123/udp"), expires=TODAY - timedelta(days=9))
    policy = a_policy(rules, [late], tcp=Named.NAMED)
    assert text(expect(policy, vantage="internet").scope) == "23/tcp,53/udp,69/udp,123/udp"


def test_a_listed_scope_is_as_listed():
    policy = a_policy([a_rule("r", allow=items("22", "53/udp"))], tcp=PortSet.parse("1-10"), udp=NO_PORTS)
    assert text(expect(policy).scope) == "1-10/tcp"


def test_otherwise_filtered_points_at_the_first_rule_that_asks_it_by_id():
    rules = [a_rule("b", otherwise_filtered=at_line(2)), a_rule("a", otherwise_filtered=at_line(7)), a_rule("0")]
    assert expect(a_policy(rules)).otherwise_filtered == at_line(7)


def test_otherwise_filtered_of_another_vantage_is_not_asked_here():
    policy = a_policy([a_rule("r", from_=("internet",), otherwise_filtered=at_line(2))], vantages=VANTAGES)
    assert expect(policy, vantage="office").otherwise_filtered is None


def test_a_socket_that_only_the_internet_is_denied_may_listen():
    rules = [a_rule("inside", allow=items("6379")), a_rule("never", from_=("internet",), deny=items("6379"))]
    expectation = on_the_network(a_policy(rules, vantages=["internet"]))
    assert (text(expectation.permitted), expectation.forbidden) == ("6379/tcp", NO_PORTS)


def test_a_socket_that_is_denied_somewhere_and_permitted_nowhere_is_forbidden():
    expectation = on_the_network(a_policy([a_rule("never", from_=("internet",), deny=items("23"))], vantages=VANTAGES))
    assert text(expectation.forbidden) == "23/tcp"


def test_what_is_for_loopback_alone_says_nothing_of_the_network():
    expectation = on_the_network(a_policy([a_rule("r", from_=("local",), allow=items("5432"))]))
    assert (expectation.permitted, expectation.clauses) == (NO_PORTS, ())


def test_a_socket_table_is_never_asked_for_filtered():
    assert on_the_network(a_policy([a_rule("r", otherwise_filtered=at_line(2))])).otherwise_filtered is None


def test_a_host_that_nothing_speaks_of_may_expose_nothing():
    expectation = expect(a_policy([a_rule("r", ["b1"], allow=items("22"))]))
    assert (expectation.permitted, expectation.clauses, expectation.scope) == (NO_PORTS, (), ALL_TCP)
