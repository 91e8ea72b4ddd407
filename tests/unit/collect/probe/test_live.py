"""Evidence that is gathered while it is read: what holds before, and where nothing has to be sent."""

import pytest

from auditor.collect.probe.live import scan
from auditor.model.evidence import Kind
from auditor.model.ports import PortSet
from auditor.model.target import Batch, Target


class Silence:
    def progress(self, done, total, opened):
        pass

    def say(self, message):
        pytest.fail(f"nothing to say here: {message}")


def evidence(*targets):
    return scan(Batch(targets=targets, vantage="office"), Silence())


def target(address, ask):
    return Target(host="web", address=address, ask=PortSet.parse(ask))


def test_the_origin_is_known_before_the_first_observation():
    origin = evidence(target("192.0.2.1", "80,443")).origin
    assert (origin.kind, origin.source, origin.vantage) == (Kind.PROBE, "live", "office")
    assert origin.asked == PortSet.parse("80,443")
    assert origin.tool.startswith("auditor ")
    assert origin.started is not None


def test_targets_that_are_asked_differently_have_no_common_ask():
    assert evidence(target("192.0.2.1", "80"), target("192.0.2.2", "81")).origin.asked is None


def test_a_scan_that_was_not_begun_is_incomplete_and_everything_is_unknown():
    scanning = evidence(target("192.0.2.1", "80,53/udp"))
    assert not scanning.completion.complete
    (one,) = scanning.partial()
    assert {unknown.reason: unknown.ports for unknown in one.unknown} == {
        "interrupted": PortSet.parse("80"),
        "UDP was not asked": PortSet.parse("53/udp"),
    }


def test_a_target_with_udp_ports_alone_is_unknown_and_gets_no_packet():
    scanning = evidence(target("192.0.2.1", "53/udp,0"))
    (one,) = scanning
    assert one.asked == PortSet.parse("53/udp")
    assert [unknown.ports for unknown in one.unknown] == [one.asked]
    assert scanning.completion.complete
    assert list(scanning.partial()) == []


def test_a_zone_that_does_not_exist_is_a_local_reason():
    (one,) = evidence(target("fe80::1%nowhere0", "1-100"))
    (unknown,) = one.unknown
    assert unknown.reason.startswith("local: ")
    assert unknown.ports == one.asked


def test_a_name_is_no_address():
    with pytest.raises(ValueError, match=r"web\.invalid"):
        list(evidence(target("web.invalid", "80")))


def test_no_targets_are_scanned_at_once():
    scanning = evidence()
    assert list(scanning) == []
    assert scanning.completion.complete
