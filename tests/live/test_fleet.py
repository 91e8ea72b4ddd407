"""Many hosts at once: fair, gentle to each, and quick about those that are not there."""

from __future__ import annotations

from auditor.model.ports import PortSet


def test_a_rate_for_each_address_bounds_each_and_leaves_the_others_alone(lab, look):
    near = lab.host("near", *(f"192.0.2.{last}" for last in range(10, 30)))
    near.listen(22)
    found = look(*near.addresses, ask="1-60", host_rate=100)
    for one in found.values():
        assert one.open == PortSet.parse("22")
        assert (one.finished - one.started).total_seconds() > 0.4, "sixty packets at a hundred a second"
    begun, ended = min(one.started for one in found.values()), max(one.finished for one in found.values())
    assert (ended - begun).total_seconds() < 9, "twenty hosts take no longer than one"
