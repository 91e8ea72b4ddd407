"""Which ports show whether a host is still there."""

import pytest

from auditor.collect.probe.canaries import CANARIES, chosen
from auditor.collect.probe.chunk import CLOSED, OPEN, REFUSED, SILENT

ALL = {22: OPEN, 80: OPEN, 1000: CLOSED, 2000: REFUSED, 3000: SILENT}


@pytest.mark.parametrize(
    ("known", "slow", "late", "wanted"),
    [
        (ALL, (), (), {22, 80}),
        (ALL, (22,), (), {80}),
        (ALL, (22, 80), (), {1000}),
        (ALL, (22, 80, 1000), (22,), {80}),
        (ALL, (22, 80, 1000), (22, 80, 1000), {22, 80}),
        ({80: OPEN, 2000: REFUSED}, (80,), (), {80}),
        ({80: OPEN, 2000: REFUSED}, (80,), (80,), {80}),
        ({1000: CLOSED, 2000: REFUSED}, (), (), {1000}),
        ({2000: REFUSED, 2001: REFUSED}, (2000,), (), {2001}),
        ({2000: REFUSED}, (2000,), (2000,), {2000}),
        ({3000: SILENT}, (), (), set()),
    ],
)
def test_what_answers_soonest_and_without_a_limit_is_asked_again(known, slow, late, wanted):
    """A port that is slow for a moment is better than refusals by ICMP, of which a host sends only so many."""
    states = bytearray(4000)
    for port, code in known.items():
        states[port] = code
    assert set(chosen(states, (), slow=slow, late=late)) == wanted


def test_ports_that_the_policy_names_are_asked_last():
    states = bytearray(4000)
    for port in range(100, 100 + CANARIES + 5):
        states[port] = OPEN
    assert set(chosen(states, range(100, 103))) == set(range(103, 103 + CANARIES))
