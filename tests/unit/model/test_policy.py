"""The nouns of a policy, and what an expectation answers at one port."""

from __future__ import annotations

from datetime import date, timedelta
from types import MappingProxyType

import pytest

from auditor.model.expectation import Clause, Effect, Expectation
from auditor.model.location import Location
from auditor.model.network import NetworkSet
from auditor.model.policy import (
    AddressKind,
    Host,
    HostAddress,
    HostSelector,
    Policy,
    PolicyException,
    PortItem,
    Rule,
    ScanSettings,
    Settings,
    Severity,
)
from auditor.model.ports import ALL_TCP, NO_PORTS, Port, PortSet
from auditor.model.target import Batch, Target

HERE = Location(file="exposure.yaml", line=3, column=5)
EVERY_HOST = (HostSelector(text="*", location=HERE),)


def port_item(text: str) -> PortItem:
    return PortItem(text=text, ports=PortSet.parse(text), location=HERE)


def clause(effect: Effect, ports: str, rule_id: str) -> Clause:
    return Clause(effect=effect, item=port_item(ports), rule=Rule(id=rule_id, hosts=EVERY_HOST, location=HERE))


def policy_of(*rules: Rule, exceptions: tuple[PolicyException, ...] = ()) -> Policy:
    return Policy(
        name="shop",
        hosts=MappingProxyType({}),
        rules=rules,
        exceptions=exceptions,
        scan=ScanSettings(tcp=ALL_TCP, udp=NO_PORTS, rate=None, timeout=2),
        settings=Settings(max_evidence_age=timedelta(hours=24)),
        files=(),
        hosts_location=HERE,
    )


def test_severities_are_ordered_and_read_back_from_their_names() -> None:
    assert Severity.INFO < Severity.LOW < Severity.MEDIUM < Severity.HIGH < Severity.CRITICAL
    assert [Severity.parse(str(severity)) for severity in Severity] == list(Severity)
    with pytest.raises(KeyError):
        Severity.parse("awful")


def test_the_strongest_clause_that_speaks_of_a_port_wins_there() -> None:
    deny, allow = clause(Effect.DENY, "23,80", "no-telnet"), clause(Effect.ALLOW, "80-90", "web")
    decision = Expectation(scope=ALL_TCP, clauses=(deny, allow)).at(Port.parse("80"))
    assert decision.effect is Effect.DENY
    assert decision.winner is deny
    assert decision.losers == (allow,)


def test_where_no_clause_speaks_nothing_is_allowed() -> None:
    decision = Expectation(scope=ALL_TCP, clauses=(clause(Effect.ALLOW, "80", "web"),)).at(Port.parse("81"))
    assert decision.effect is Effect.DEFAULT
    assert decision.winner is None
    assert decision.losers == ()


def test_effects_are_listed_from_the_strongest_down() -> None:
    assert [effect.name for effect in Effect] == ["FINAL_DENY", "EXCEPTION", "DENY", "REQUIRE", "ALLOW", "DEFAULT"]


def test_a_clause_speaks_with_its_item() -> None:
    allow = clause(Effect.ALLOW, "80", "web")
    assert (allow.ports, allow.conditions, allow.location) == (PortSet.parse("80"), None, HERE)


def test_an_exception_covers_all_its_ports_together() -> None:
    exception = PolicyException(
        id="EX-1",
        hosts=EVERY_HOST,
        ports=(port_item("80"), port_item("53/udp")),
        reason="move",
        owner="ops",
        expires=date(2026, 12, 31),
        location=HERE,
    )
    assert exception.port_set == PortSet.parse("80,53/udp")


def test_a_host_has_the_networks_of_its_literal_addresses_alone() -> None:
    host = Host(
        name="web",
        addresses=(
            HostAddress(text="192.0.2.1", kind=AddressKind.ADDRESS, networks=NetworkSet.parse("192.0.2.1")),
            HostAddress(text="web.internal", kind=AddressKind.NAME),
        ),
        location=HERE,
    )
    assert host.networks == NetworkSet.parse("192.0.2.1")
    assert not host.is_network


def test_a_policy_limits_vantages_once_one_rule_names_one() -> None:
    anywhere = Rule(id="a", hosts=EVERY_HOST, location=HERE)
    inside = Rule(id="b", hosts=EVERY_HOST, from_=("office",), location=HERE)
    assert not policy_of(anywhere).limits_vantages
    assert policy_of(anywhere, inside).limits_vantages
    assert policy_of(anywhere, inside).vantage_names == ("office",)


def test_a_batch_counts_the_probes_of_all_its_targets() -> None:
    ask = PortSet.parse("1-10")
    targets = tuple(Target(host="a", address=f"192.0.2.{last}", ask=ask) for last in range(3))
    assert Batch(targets=targets).probes == 30
