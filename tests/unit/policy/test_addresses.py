"""Addresses as a policy writes them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model.network import LOOPBACK, NOWHERE, PRIVATE, NetworkSet, parse_address
from auditor.model.policy import AddressKind
from auditor.policy.addresses import read_bind, read_host_address, read_network
from auditor.policy.words import WrongWordError

ADDRESS, NETWORK, NAME = AddressKind.ADDRESS, AddressKind.NETWORK, AddressKind.NAME


@pytest.mark.parametrize(
    ("text", "kind", "canonical"),
    [
        ("192.0.2.1", ADDRESS, "192.0.2.1"),
        ("2001:DB8:0::1", ADDRESS, "2001:db8::1"),
        ("::ffff:192.0.2.1", ADDRESS, "192.0.2.1"),
        ("fe80::1%eth0", ADDRESS, "fe80::1%eth0"),
        ("192.0.2.1/32", ADDRESS, "192.0.2.1"),
        ("2001:db8::1/128", ADDRESS, "2001:db8::1"),
        ("192.0.2.64/26", NETWORK, "192.0.2.64/26"),
        ("2001:db8::/32", NETWORK, "2001:db8::/32"),
        ("db.internal", NAME, "db.internal"),
        ("host.example.", NAME, "host.example."),
        ("localhost", NAME, "localhost"),
        ("3com.example", NAME, "3com.example"),
        ("0xcafe.example", NAME, "0xcafe.example"),
        ("host.0xy", NAME, "host.0xy"),
        ("_sip.example", NAME, "_sip.example"),
        ("a" * 63 + ".example", NAME, "a" * 63 + ".example"),
    ],
)
def test_an_address_a_network_and_a_name_are_told_apart(text, kind, canonical):
    found = read_host_address(text)
    assert (found.kind, found.text) == (kind, canonical)
    assert bool(found.networks) == (kind is not NAME)


def test_a_zone_is_kept_in_the_text_and_left_out_of_the_set():
    assert read_host_address("fe80::1%eth0").networks == NetworkSet.parse("fe80::1")


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("192.0.2.300", None),
        ("1.2.3", None),
        ("12", None),
        ("127.1", None),
        ("0177.0.0.1", None),
        ("0x7f000001", None),
        ("web.0x1F", None),
        ("0x", None),
        ("0.0.0.0", None),
        ("::", None),
        ("::/128", None),
        ("255.255.255.255", None),
        ("224.0.0.1", None),
        ("239.1.0.0/16", None),
        ("ff02::1", None),
        ("::ffff:224.0.0.1", None),
        ("192.0.2.1-20", None),
        ("010.0.0.1", None),
        ("192.0.2.10/24", "192.0.2.0/24"),
        ("192.0.2.0/33", None),
        ("http://example.com/", None),
        ("192.0.2.1:443", "192.0.2.1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8:::1", None),
        ("two words", None),
        ("-a.example", None),
        ("a-.example", None),
        ("a..b", None),
        (".", None),
        ("a" * 64 + ".example", None),
        ("a." * 127 + "example", None),
        ("bücher.example", "xn--bcher-kva.example"),
        ("☃☃" * 200, None),
    ],
)
def test_what_is_no_address_is_refused_with_what_was_probably_meant(text, suggestion):
    with pytest.raises(WrongWordError) as caught:
        read_host_address(text)
    assert caught.value.suggestion == suggestion


def test_a_network_of_a_vantage_may_be_one_address():
    assert read_network("192.0.2.7") == NetworkSet.parse("192.0.2.7")
    assert read_network("::/0").size == 2**128


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("loopback", LOOPBACK),
        ("Private", PRIVATE),
        ("192.0.2.7", NetworkSet.parse("192.0.2.7")),
        ("10.0.0.0/8", NetworkSet.parse("10.0.0.0/8")),
    ],
)
def test_a_bind_word_means_these_networks(text, networks):
    assert read_bind(text) == networks


@pytest.mark.parametrize(("text", "suggestion"), [("loopbak", "loopback"), ("10.0.0.1/8", "10.0.0.0/8"), ("x", None)])
def test_a_wrong_bind_word_is_refused(text, suggestion):
    with pytest.raises(WrongWordError) as caught:
        read_bind(text)
    assert caught.value.suggestion == suggestion


@given(st.text() | st.text("0123456789abf.:/%-[]x"), st.sampled_from([read_host_address, read_network, read_bind]))
def test_any_text_is_an_address_or_a_wrong_word(text, read):
    with contextlib.suppress(WrongWordError):
        assert read(text) != NOWHERE


def test_an_address_that_no_host_can_have_is_called_that():
    with pytest.raises(WrongWordError, match=r"'224\.0\.0\.1' is not an address of a host: it is multicast"):
        read_host_address("224.0.0.1")


def is_of_a_host(address):
    plain = parse_address(str(address))
    return not plain.is_multicast and str(plain) not in {"0.0.0.0", "::", "255.255.255.255"}


@given(st.ip_addresses().filter(is_of_a_host))
def test_every_address_of_a_host_reads_as_itself(address):
    assert read_host_address(str(address)).networks == NetworkSet.of(address)
