"""An observation of an address that was found by its DNS name says so: the name was looked at, too."""

import pytest

from auditor.collect.probe import observation as tcp
from auditor.collect.probe.udp import observation as udp
from auditor.model.ports import PortSet
from auditor.model.target import Target

ASK = PortSet.parse("22,53/udp")


@pytest.mark.parametrize("unasked", [tcp.unasked, udp.unasked], ids=["tcp", "udp"])
def test_the_name_that_was_looked_up_is_told_with_its_address(unasked):
    target = Target(host="db", address="192.0.2.9", ask=ASK, name="db.internal")
    seen = unasked(target, None, "no descriptors left")
    assert (seen.host, seen.names, seen.address) == ("db", ("db.internal",), "192.0.2.9")


@pytest.mark.parametrize("unasked", [tcp.unasked, udp.unasked], ids=["tcp", "udp"])
def test_a_literal_address_brings_no_name(unasked):
    target = Target(host="db", address="192.0.2.9", ask=ASK)
    assert unasked(target, None, "no descriptors left").names == ()
