"""Port items, from text to port sets."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model.ports import ALL_TCP, ALL_UDP, HIGHEST, NO_PORTS, PortSet, Protocol
from auditor.policy.port_items import PortReader
from auditor.policy.words import WrongWordError

READER = PortReader({"shopfront": PortSet.parse("80,443,443/udp"), "ssh": PortSet.parse("2222")})
numbers = st.integers(1, HIGHEST)


@pytest.mark.parametrize(
    ("item", "ports"),
    [
        (8443, "8443"),
        ("0-1", "1"),
        ("443", "443"),
        ("443/tcp", "443"),
        ("53/udp", "53/udp"),
        ("53/tcp+udp", "53,53/udp"),
        ("53/UDP+tcp", "53,53/udp"),
        ("8000-8010", "8000-8010"),
        (" 8000 - 8010 / udp ", "8000-8010/udp"),
        ("0-1023", "1-1023"),
        ("1-65535", "1-65535"),
        ("all", "1-65535"),
        ("all/udp", "1-65535/udp"),
        ("all/tcp+udp", "1-65535,1-65535/udp"),
        ("well-known", "1-1023"),
        ("Registered/udp", "1024-49151/udp"),
        ("dynamic", "49152-65535"),
        ("telnet", "23"),
        ("HTTPS", "443"),
        ("shopfront", "80,443,443/udp"),
        ("Shopfront/UDP", "443/udp"),
        ("shopfront/tcp+udp", "80,443,443/udp"),
    ],
)
def test_a_port_item_means_these_ports(item, ports):
    assert READER.read(item) == PortSet.parse(ports)


def test_the_teams_own_name_outranks_the_registry():
    assert READER.read("ssh") == PortSet.parse("2222")
    assert PortReader({}).read("ssh") == PortSet.parse("22")


def test_a_name_that_only_the_registry_knows_on_both_means_tcp():
    assert PortReader({}).read("ircs-u") == PortSet.parse("6697")
    assert PortReader({}).read("daytime") == PortSet.parse("13")
    assert PortReader({}).read("daytime/udp") == PortSet.parse("13/udp")


def test_a_name_in_common_use_means_what_the_service_really_uses():
    assert PortReader({}).read("netbios") == PortSet.parse("139,137-138/udp")


@pytest.mark.parametrize(
    ("item", "message", "suggestion"),
    [
        (0, "0 is not a port", None),
        (70000, "70000 is not a port", None),
        (-5, "-5 is not a port", None),
        ("70000", "'70000' is not a port", None),
        ("0-0", "0 is not a port", None),
        ("90-80", "the range '90-80' is reversed", "80-90"),
        ("010", "'010' has a leading zero", "10"),
        ("0/udp", "0 is not a port", None),
        ("00", "'00' has a leading zero", None),
        ("22:22", "'22:22' is not a port", None),
        ("1-2-3", "'1-2-3' is not a port", None),
        ("-", "'-' is not a port", None),
        ("", "'' is not a port", None),
        ("/udp", "'/udp' is not a port", None),
        ("443/", "'443/' names no protocol that can be audited", None),
        ("443/tpc", "'443/tpc' names no protocol that can be audited", "443/tcp"),
        ("443/tcp/udp", "'443/tcp/udp' names no protocol that can be audited", None),
        ("htps", "unknown service 'htps'", "https"),
        ("shopfrnt", "unknown service 'shopfrnt'", "shopfront"),
        ("any", "unknown service 'any'", "all"),
        ("ssh/udp", "'ssh/udp' names no udp port: 'ssh' is 2222/tcp", None),
        ("٤٤٣", "unknown service '٤٤٣'", None),
    ],
)
def test_what_is_no_port_item_is_refused_with_the_nearest_that_is(item, message, suggestion):
    with pytest.raises(WrongWordError) as caught:
        READER.read(item)
    assert (caught.value.message, caught.value.suggestion) == (message, suggestion)


def test_thousands_of_unknown_names_are_not_all_compared_with_the_registry(monkeypatch):
    from auditor.files import iana

    asked = []
    monkeypatch.setattr(iana, "names", lambda: asked.append(1) or ())
    reader = PortReader({})
    for number in range(1000):
        with pytest.raises(WrongWordError):
            reader.read(f"no-such-service-{number}")
    assert len(asked) < 50


@given(numbers, numbers, st.sampled_from(Protocol))
def test_a_range_holds_its_ends_and_nothing_else(one, other, protocol):
    low, high = sorted([one, other])
    assert READER.read(f"{low}-{high}/{protocol}") == PortSet.span(low, high, protocol)


@given(st.text() | st.text("0123456789-/+tcpudalshfron ") | st.integers())
def test_any_item_gives_ports_that_can_be_asked_or_a_wrong_word(item):
    with contextlib.suppress(WrongWordError):
        assert NO_PORTS != READER.read(item) <= ALL_TCP | ALL_UDP
