"""What a scan shows: hosts with open ports first, others that are alike together, guesses marked, gaps with advice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.cli.scan_text import ScanText
from auditor.model.evidence import NO_ANSWER, Observation, ServiceSeen, Unknown
from auditor.model.ports import NO_PORTS, Port, PortSet
from auditor.report.text_style import Style

PORTS = PortSet.parse("22,80")
PLAIN = Style(on=False)


def shown(*seen: Observation, colour: bool = False, plain: bool = False) -> str:
    text = ScanText(Style(on=colour), 100, plain=plain)
    return "".join([*map(text.told, seen), text.end()])


def host(address: str, **facts: object) -> Observation:
    return Observation(host=address, address=address, **facts)  # type: ignore[arg-type]


def unknown(reason: str, ports: PortSet = PORTS) -> tuple[Unknown, ...]:
    return (Unknown(ports=ports, reason=reason),)


def test_a_name_guessed_by_number_has_a_question_mark_and_tls_is_told() -> None:
    services = (
        ServiceSeen(port=Port.parse("22/tcp"), service="ssh"),
        ServiceSeen(port=Port.parse("8443/tcp"), service="http", tls=True),
        ServiceSeen(port=Port.parse("9443/tcp"), service="tls", tls=True),
        ServiceSeen(port=Port.parse("6379/tcp"), service="redis", method="table"),
    )
    seen = host("192.0.2.1", open=PortSet.parse("22,80,6379,8443,9443,49999"), services=services)
    assert shown(seen) == (
        "192.0.2.1\n"
        "  22/tcp     open  ssh\n"
        "  80/tcp     open  http?\n"
        "  6379/tcp   open  redis?\n"
        "  8443/tcp   open  http over TLS\n"
        "  9443/tcp   open  tls\n"
        "  49999/tcp  open\n"
    )


def test_guesses_are_faint_where_there_is_colour_and_text_is_ascii_where_it_must_be() -> None:
    services = (ServiceSeen(port=Port.parse("22/tcp"), service="ss\u00e9h\x1b[31m"),)
    seen = host("192.0.2.1", open=PORTS, services=services)
    assert "\x1b[2mhttp?\x1b[0m" in shown(seen, colour=True)
    assert "\x1b[31m" not in shown(seen, colour=True)
    assert shown(seen, plain=True).isascii()


def test_tcp_and_udp_are_counted_apart() -> None:
    ports = PortSet.parse("22,53/udp,123/udp")
    assert shown(host("192.0.2.1", closed=ports)) == "192.0.2.1\n  1 closed, 2 udp closed\n"
    assert "\n  1 unknown, 2 udp unknown: because\n" in shown(host("192.0.2.1", unknown=unknown("because", ports)))


def test_hosts_with_the_same_outcome_and_nothing_open_are_one_block_with_advice_once() -> None:
    dead = [host(f"192.0.2.{number}", unknown=unknown(NO_ANSWER)) for number in (3, 1, 2, 9)]
    alive = host("192.0.2.7", open=PortSet.parse("22"), closed=PortSet.parse("80"))
    lines = shown(*dead[:2], alive, *dead[2:], host("192.0.2.8", closed=PORTS)).splitlines()
    assert lines[:8] == [
        "192.0.2.7",
        "  22/tcp     open  ssh?",
        "  1 closed",
        "4 hosts alike: 192.0.2.1-192.0.2.3, 192.0.2.9",
        "  2 unknown: no answer",
        "192.0.2.8",
        "  2 closed",
        "help (no answer): see whether the host is up and the address is right; over a slow way wait longer",
    ]
    assert sum(line.startswith("help") for line in lines) == 1


def test_addresses_of_networks_are_told_as_ranges_under_the_name_that_the_policy_gives() -> None:
    bare = [Observation(host="192.0.2.0/30", address=f"192.0.2.{number}", closed=PORTS) for number in range(4)]
    named = [Observation(host="dmz", address=f"192.0.2.{number}", closed=PORTS) for number in (8, 9, 11)]
    expected = "7 hosts alike: 192.0.2.0-192.0.2.3, dmz (192.0.2.8-192.0.2.9, 192.0.2.11)"
    assert shown(*bare, *named).splitlines()[0] == expected


def test_a_million_alike_take_bounded_memory_and_a_line() -> None:
    text = ScanText(PLAIN, 100)
    for number in range(10_000):
        assert text.told(host(f"10.{number >> 8}.{number & 255}.1", closed=PORTS)) == ""
    heading = text.end().splitlines()[0]
    assert heading.startswith("10,000 hosts alike: 10.0.0.1, 10.0.1.1, ")
    assert heading.endswith(" and 5,904 more")
    assert len(heading) < 160


def test_outcomes_beyond_the_limit_are_told_at_once_and_none_is_lost() -> None:
    text = ScanText(PLAIN, 100)
    seen = [host(f"10.0.{number >> 8}.{number & 255}", closed=PortSet.span(1, number + 1)) for number in range(300)]
    out = "".join([*map(text.told, seen), text.end()])
    assert all(f"{one.address}\n" in out for one in seen)


def test_nothing_is_told_twice_after_a_break() -> None:
    text = ScanText(PLAIN, 100)
    text.told(host("192.0.2.1", closed=PORTS))
    assert text.end()
    assert text.end() == ""


@pytest.mark.parametrize("address", ["fe80::1%eth0", "::1", "192.0.2.1"])
def test_any_form_of_address_is_named(address: str) -> None:
    again = host("192.0.2.77", closed=PORTS)
    assert address in shown(host(address, closed=PORTS), again)


@given(st.text(max_size=30), st.text(max_size=60), st.text(max_size=20), st.sampled_from(["", "22"]))
def test_whatever_evidence_says_stays_one_line_a_fact(name: str, reason: str, service: str, opened: str) -> None:
    port = Port.parse("22/tcp")
    seen = Observation(
        host=name,
        open=PortSet.parse(opened) if opened else NO_PORTS,
        services=(ServiceSeen(port=port, service=service),),
        unknown=unknown(reason, PortSet.parse("80")),
        notes=(reason,),
    )
    lines = [line for line in shown(seen).splitlines() if not line.startswith(("help", "  "))]
    assert len(lines) == 1
    assert all(line.isprintable() for line in shown(seen).split("\n"))
