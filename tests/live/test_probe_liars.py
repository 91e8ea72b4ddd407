"""Hosts that lie: what answers on everything proves nothing, what is forged does not count, a refusal is no reset."""

from __future__ import annotations

import os
import shutil
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from auditor.collect.probe.observation import LIMITED
from auditor.model.evidence import GONE, NO_ANSWER
from auditor.model.ports import PortSet
from auditor.model.target import Surprises

WEB4, WEB6 = "192.0.2.10", "2001:db8::10"
EVERY_PORT = "answers on every port"


def reasons(observation):
    return {unknown.reason: unknown.ports for unknown in observation.unknown}


@pytest.fixture
def lie():
    """Starts a host that answers as it is told; see liar.py."""
    if os.environ.get("AUDITOR_ISOLATED") != "1" or shutil.which("ip") is None or not Path("/dev/net/tun").exists():
        reason = "it needs tests/isolated, ip and /dev/net/tun"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    spec = spec_from_file_location("liar", Path(__file__).with_name("liar.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Liar


@pytest.fixture
def tarpit(lab):
    """A host that answers on every port."""
    host = lab.host("tarpit", WEB4, WEB6)
    host.listen(9)
    host.firewall("tcp dport 1-65535 redirect to :9", hook="prerouting", kind="nat", priority=-100)
    return host


@pytest.mark.usefixtures("tarpit")
@pytest.mark.parametrize("rate", [200, None])
@pytest.mark.parametrize("ask", ["80,443", "1-99,20000-20050"])
def test_a_tarpit_is_recognised_at_every_rate_over_both_families(look, ask, rate):
    for one in look(WEB4, WEB6, ask=ask, rate=rate).values():
        assert not one.open
        assert reasons(one) == {EVERY_PORT: one.asked}


@pytest.mark.parametrize("permille", [50, 100, 200])
def test_a_tarpit_is_recognised_under_loss(tarpit, look, permille):
    tarpit.firewall(f"meta l4proto tcp numgen random mod 1000 < {permille} drop", hook="prerouting", priority=-350)
    tarpit.lose(permille, hook="output")
    for ask in ("1-100", "1-200,20000-20300"):
        for one in look(WEB4, WEB6, ask=ask).values():
            assert not one.open
            assert reasons(one).keys() == {EVERY_PORT}


def test_a_tarpit_that_refuses_one_port_is_none_the_less_one(tarpit, look):
    tarpit.firewall("tcp dport 25 reject with tcp reset", hook="prerouting", priority=-350)
    one = look(WEB4, ask="20-30")[WEB4]
    assert one.closed == PortSet.parse("25")
    assert reasons(one) == {EVERY_PORT: one.asked - one.closed}


@pytest.mark.parametrize("rate", [500, None])
def test_what_is_reset_after_the_handshake_by_something_in_front_is_closed(lie, look, rate):
    with lie("22:open", "0-65535:proxy") as host:
        for ask in ("22-30", "1-99,20000-20050"):
            for one in look(host.address, host.address6, ask=ask, rate=rate).values():
                assert one.open == PortSet.parse("22")
                assert one.closed == one.asked - one.open
                assert any("watched for a reset" in note for note in one.notes)


def test_a_port_that_resets_a_while_after_the_handshake_is_open_where_others_are_closed(lie, look):
    with lie("22:open", "80:proxy", "0-65535:closed") as host:
        for one in look(host.address, host.address6, ask="1-99,20000-20050").values():
            assert one.open == PortSet.parse("22,80")
            assert one.closed == one.asked - one.open


def test_answers_to_what_was_never_sent_count_for_nothing(lie, look):
    with lie("22:open", "1000-1099:forged", "0-65535:closed") as host:
        for one in look(host.address, host.address6, ask="20-30,1000-1099,20000-20050").values():
            assert one.open == PortSet.parse("22")
            assert one.filtered == PortSet.parse("1000-1099")
            assert one.closed == one.asked - one.open - one.filtered


def test_a_host_for_which_strangers_answer_has_not_answered(lie, look):
    with lie("0-65535:forged") as host:
        for one in look(host.address, host.address6, ask="1-99").values():
            assert reasons(one) == {NO_ANSWER: one.asked}
            assert one.alive is False


@pytest.mark.parametrize("delay", [0.0, 0.03])
@pytest.mark.parametrize("sender", ["icmp", "router"])
def test_every_refusal_by_icmp_is_told_from_a_reset_at_once_and_late(lie, look, sender, delay):
    """Twenty ports a code: type 3 with each code of RFC 792 and RFC 1812, time exceeded, parameter problem."""
    refusals = [(3, code) for code in range(16)] + [(11, 0), (11, 1), (12, 0)]
    rules = [f"{1000 + 20 * at}-{1019 + 20 * at}:{sender}/{kind}/{code}" for at, (kind, code) in enumerate(refusals)]
    refused = PortSet.parse(f"1000-{999 + 20 * len(refusals)}")
    with lie("22:open", *rules, "0-65535:closed", delay=delay) as host:
        one = look(host.address, ask=f"20-30,20000-20050,{refused.text('tcp')}")[host.address]
    assert one.open == PortSet.parse("22")
    assert one.filtered == refused
    assert one.closed == one.asked - one.open - one.filtered


@pytest.mark.parametrize("delay", [0.0, 0.03])
@pytest.mark.parametrize("sender", ["icmp", "router"])
def test_every_refusal_by_icmpv6_is_told_from_a_reset_at_once_and_late(lie, look, sender, delay):
    refusals = [(1, code) for code in range(8)] + [(3, 0), (3, 1), (4, 0), (4, 1)]  # RFC 4443 section 3
    rules = [f"{1000 + 20 * at}-{1019 + 20 * at}:{sender}/{kind}/{code}" for at, (kind, code) in enumerate(refusals)]
    refused = PortSet.parse(f"1000-{999 + 20 * len(refusals)}")
    with lie("22:open", *rules, "0-65535:closed", delay=delay) as host:
        one = look(host.address6, ask=f"20-30,20000-20050,{refused.text('tcp')}")[host.address6]
    assert one.open == PortSet.parse("22")
    assert one.filtered == refused
    assert one.closed == one.asked - one.open - one.filtered


def test_a_half_dead_host_leaves_what_it_answered_and_the_rest_unknown(lie, look):
    """It answers about half of what is asked, and then nothing any more."""
    with lie("22:open", "25:open", "80:open", "0-65535:closed", answers=600) as host:
        one = look(host.address, ask="1-1000,20000-20199")[host.address]
    assert one.alive
    assert len(one.open) + len(one.closed) >= 590
    assert not one.filtered
    assert reasons(one) == {"the host stopped answering during the scan": one.asked - one.open - one.closed}


def test_a_slow_host_is_seen_as_it_is(lie, look):
    with lie("22:open", "1000-1099:silent", "0-65535:closed", delay=0.4) as host:
        one = look(host.address, ask="1-99,1000-1099")[host.address]
    assert (one.open, one.filtered) == (PortSet.parse("22"), PortSet.parse("1000-1099"))
    assert one.closed == one.asked - one.open - one.filtered


def test_a_host_that_shuts_us_out_but_for_what_the_policy_names_leaves_the_rest_unknown(lie, look):
    """As guards against port scans do: all at once closed ports answer no more, and the published ones go on."""
    with lie("22:open", "80:open", "0-65535:closed", answers=600, spared="22,80") as host:
        one = look(host.address, ask="1-1000,20000-20999", first="22,80")[host.address]
    assert not one.filtered
    assert len(one.closed) >= 590
    assert one.open == PortSet.parse("22,80")
    (told,) = reasons(one).items()
    assert told[0] in {LIMITED, GONE}, "which of them, a machine that is too busy to answer decides"
    assert told[1] == one.asked - one.open - one.closed


@pytest.mark.parametrize("method", ["connect", "syn"])
@pytest.mark.parametrize("rest", ["closed", "silent"])
def test_a_port_that_is_served_from_far_away_is_found_among_near_ones(lie, look, rest, method):
    """Its answers come long after those of its host, from which the scanner learns how long to wait."""
    with lie("22:open", "80:open", "2375:far/250/open", "8080:far/250/open", f"0-65535:{rest}") as host:
        for one in look(host.address, host.address6, ask="1-3000,8080", method=method).values():
            assert one.open == PortSet.parse("22,80,2375,8080")


FAR = ("150-159:far/150/open", "300-309:far/300/open")


@pytest.mark.parametrize("method", ["connect", "syn"])
@pytest.mark.parametrize("rest", ["closed", "silent"])
def test_no_far_port_is_missed_among_near_ones_under_loss(lie, look, rest, method):
    """Each of its answers comes when the round is over, and some do not come at all."""
    with lie("20-29:open", *FAR, f"0-65535:{rest}", loss=50) as host:
        for one in look(host.address, host.address6, ask="1-1000", method=method).values():
            assert one.open == PortSet.parse("20-29,150-159,300-309")
            assert one.closed | one.filtered == one.asked - one.open


@pytest.mark.parametrize("method", ["connect", "syn"])
def test_what_comes_after_its_round_counts_once_and_for_what_it_is(lie, look, method):
    rules = (
        "150-169:far/150/closed",
        "300-319:far/300/icmp/3/13",
        "400-419:far/300/router/3/10",
        "500-519:far/300/open",
    )
    with lie("22:open", *rules, "0-65535:silent") as host:
        one = look(host.address, ask="1-1000", method=method)[host.address]
    assert one.open == PortSet.parse("22,500-519")
    assert one.closed == PortSet.parse("150-169")
    assert one.filtered == one.asked - one.open - one.closed
    assert one.unknown == ()
    refused = [note for note in one.notes if "refused by" in note]
    assert sorted(note.partition(" from")[0] for note in refused) == [
        "20 ports refused by ICMP 3/10 (host prohibited)",
        "20 ports refused by ICMP 3/13 (administratively prohibited)",
    ]


@pytest.mark.parametrize("method", ["connect", "syn"])
def test_a_far_port_that_ought_not_to_be_open_is_met_a_second_time(lie, look, method):
    with lie("22:open", "500:far/300/open", "0-65535:closed") as host:
        unwanted = Surprises(open=PortSet.parse("500"))
        one = look(host.address, ask="1-1000", method=method, first="22", surprises=unwanted)[host.address]
    assert one.open == PortSet.parse("22,500")
    assert any("looked at a second time: 1 (1 as before)" in note for note in one.notes)
