"""Hosts that lie, seen by the scanner: what answers on everything proves nothing, whatever the rate and the loss."""

from __future__ import annotations

import pytest

from auditor.model.ports import PortSet

WEB4, WEB6 = "192.0.2.10", "2001:db8::10"
EVERY_PORT = "answers on every port"


def reasons(observation):
    return {unknown.reason: unknown.ports for unknown in observation.unknown}


@pytest.fixture
def tarpit(lab):
    """A host that answers on every port."""
    host = lab.host("tarpit", WEB4, WEB6)
    host.listen(9)
    host.firewall("tcp dport 1-65535 redirect to :9", hook="prerouting", kind="nat", priority=-100)
    return host


@pytest.mark.usefixtures("tarpit")
@pytest.mark.parametrize("rate", [100, 500, None])
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
