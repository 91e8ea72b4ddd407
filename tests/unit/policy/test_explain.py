"""Why a port is or is not allowed."""

from datetime import date, timedelta

import pytest

from auditor.model.expectation import Effect
from auditor.model.location import Location
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
)
from auditor.model.ports import Port, PortSet
from auditor.policy.explain import Stance, explain
from auditor.policy.resolve import Resolver

TODAY = date(2026, 11, 22)
HERE = Location(file="p.yaml", line=3, column=1)
HOST = Host(name="web-1", addresses=(), location=HERE)
EVERY_HOST = (HostSelector(text="*", location=HERE),)


def item(text):
    return PortItem(text=text, ports=PortSet.parse(text), location=HERE)


def says(id_, **more):
    return Rule(id=id_, hosts=EVERY_HOST, location=HERE, **more)


def lifts(id_, text, *, days=1, from_=None):
    expires = TODAY + timedelta(days=days)
    return PolicyException(
        id=id_,
        hosts=EVERY_HOST,
        from_=from_,
        ports=(item(text),),
        reason="r",
        owner="o",
        expires=expires,
        location=HERE,
    )


def explained(*entries, port="80", vantage=None):
    policy = Policy(
        name="p",
        hosts={"web-1": HOST},
        rules=tuple(entry for entry in entries if isinstance(entry, Rule)),
        exceptions=tuple(entry for entry in entries if isinstance(entry, PolicyException)),
        scan=ScanSettings(tcp=PortSet.parse("1-1024"), udp=Named.NAMED, rate=None, timeout=2.0),
        settings=Settings(max_evidence_age=timedelta(hours=1)),
        files=(),
        hosts_location=HERE,
    )
    return explain(policy, Resolver(policy, TODAY), HOST, Port.parse(port), vantage)


FINAL = says("final", deny=(item("80"),), final=True)
DENY = says("deny", deny=(item("80"),))
REQUIRE = says("require", require=(item("80"),))
ALLOW = says("allow", allow=(item("80"),))
LIFT = lifts("EX-1", "80")


@pytest.mark.parametrize(
    ("entries", "stance", "winner", "losers"),
    [
        ((), Stance.NOT_ALLOWED, None, []),
        ((ALLOW,), Stance.ALLOWED, "allow", []),
        ((ALLOW, REQUIRE), Stance.REQUIRED, "require", [("allow", "agrees; what is required is thereby allowed")]),
        (
            (ALLOW, DENY, REQUIRE),
            Stance.DENIED,
            "deny",
            [("require", "a deny outweighs a require"), ("allow", "a deny outweighs an allow")],
        ),
        (
            (DENY, LIFT, ALLOW),
            Stance.EXCEPTED,
            "EX-1",
            [("deny", "a live exception outweighs a deny"), ("allow", "agrees; a live exception comes first")],
        ),
        (
            (FINAL, LIFT, DENY, ALLOW),
            Stance.DENIED,
            "final",
            [
                ("EX-1", "a final deny is lifted by no exception"),
                ("deny", "says the same; a final deny comes first"),
                ("allow", "a final deny outweighs an allow"),
            ],
        ),
        (
            (says("b", allow=(item("80"),)), ALLOW),
            Stance.ALLOWED,
            "allow",
            [("b", "says the same; the first by id is named")],
        ),
    ],
)
def test_the_winner_and_each_loser_are_named_with_the_reason(entries, stance, winner, losers):
    found = explained(*entries)
    owner = found.winner and (found.winner.rule or found.winner.exception).id
    lost = [((loser.clause.rule or loser.clause.exception).id, loser.why) for loser in found.losers]
    assert (found.stance, owner, lost) == (stance, winner, losers)


@pytest.mark.parametrize(("entries", "may"), [((), False), ((ALLOW,), True), ((DENY, LIFT), True), ((DENY,), False)])
def test_whether_the_port_may_be_open_follows_from_the_stance(entries, may):
    assert explained(*entries).may_be_open is may


def test_an_expired_exception_for_the_port_is_shown_and_decides_nothing():
    found = explained(lifts("EX-1", "80", days=-1), lifts("EX-2", "81", days=-1))
    assert (found.effect, [clause.exception.id for clause in found.expired]) == (Effect.DEFAULT, ["EX-1"])


def test_what_holds_at_other_vantages_only_is_shown_once():
    office = says("r", allow=(item("80"), item("81")), from_=("office", "branch"))
    found = explained(office, vantage="internet")
    assert (found.stance, [clause.item.text for clause in found.elsewhere]) == (Stance.NOT_ALLOWED, ["80"])
    assert explained(office, vantage="office").elsewhere == ()


def test_what_is_allowed_on_loopback_alone_is_shown():
    assert [clause.rule.id for clause in explained(says("r", allow=(item("80"),), from_=("local",))).elsewhere] == ["r"]


def test_a_port_that_is_not_permitted_shows_where_it_must_be_filtered():
    strict = says("r", allow=(item("80"),), otherwise_filtered=HERE)
    assert (explained(strict).must_be_filtered, explained(strict, port="81").must_be_filtered) == (None, HERE)


def test_the_scope_and_the_name_of_the_port_are_told():
    assert (explained(port="443").in_scope, explained(port="8080").in_scope) == (True, False)
    assert explained(port="443").service == "https"
