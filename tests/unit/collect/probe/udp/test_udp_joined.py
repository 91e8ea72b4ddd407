from datetime import UTC, datetime

from auditor.collect.probe.udp import joined
from auditor.model.evidence import NO_ANSWER, Observation, ServiceSeen, Unknown
from auditor.model.ports import Port, PortSet, Protocol


def tcp(text):
    return PortSet.parse(text)


def udp(text):
    return PortSet.parse(text, Protocol.UDP)


def at(second):
    return datetime(2026, 11, 22, 12, 0, second, tzinfo=UTC)


def of_tcp(**fields):
    return Observation(host="web", address="192.0.2.10", vantage="lab", **fields)


of_udp = of_tcp


def test_two_halves_of_a_target_become_one():
    dns = ServiceSeen(port=Port(Protocol.UDP, 53), service="dns")
    whole = joined(
        of_tcp(open=tcp("80"), closed=tcp("81"), asked=tcp("80,81"), alive=True, notes=("a",), started=at(3),
               finished=at(9)),
        of_udp(open=udp("53"), closed=udp("54"), asked=udp("53-54"), alive=True, notes=("b",), services=(dns,),
               started=at(1), finished=at(2)),
    )  # fmt: skip
    assert whole.open == tcp("80") | udp("53")
    assert whole.closed == tcp("81") | udp("54")
    assert whole.asked == tcp("80,81") | udp("53,54")
    assert whole.services == (dns,)
    assert whole.notes == ("a", "b")
    assert (whole.started, whole.finished) == (at(1), at(9))


def test_silence_on_udp_of_a_host_that_answers_on_tcp_is_the_ports_own():
    whole = joined(
        of_tcp(open=tcp("80"), alive=True),
        of_udp(unknown=(Unknown(ports=udp("53,54"), reason=NO_ANSWER),), alive=None),
    )
    assert whole.open_filtered == udp("53,54")
    assert whole.unspoken == udp("54")
    assert not whole.unknown
    assert whole.alive is True


def test_silence_on_tcp_of_a_host_that_answers_on_udp_is_filtered():
    whole = joined(
        of_tcp(unknown=(Unknown(ports=tcp("1-100"), reason=NO_ANSWER),), alive=False),
        of_udp(open=udp("53"), alive=True),
    )
    assert whole.filtered == tcp("1-100")
    assert whole.alive is True


def test_a_refusal_on_the_way_to_a_host_that_answers_on_udp_is_filtered():
    refused = Unknown(ports=tcp("23"), reason=f"{NO_ANSWER}: refused by ICMP 3/13 from 203.0.113.2")
    whole = joined(of_tcp(unknown=(refused,), alive=False), of_udp(open=udp("53"), alive=True))
    assert (whole.filtered, whole.unknown) == (tcp("23"), ())


def test_a_host_that_is_silent_on_both_stays_unverified():
    silence = (Unknown(ports=tcp("1-100"), reason=NO_ANSWER), Unknown(ports=udp("53"), reason=NO_ANSWER))
    whole = joined(of_tcp(unknown=silence[:1], alive=False), of_udp(unknown=silence[1:]))
    assert whole.unknown == silence
    assert whole.alive is False
    assert not whole.seen


def test_other_reasons_stay_what_they_are():
    local = Unknown(ports=udp("53"), reason="local: firewall")
    whole = joined(of_tcp(open=tcp("80"), alive=True), of_udp(unknown=(local,)))
    assert whole.unknown == (local,)


def test_a_half_that_is_not_finished_leaves_the_whole_unfinished():
    assert joined(of_tcp(finished=at(1)), of_udp()).finished is None
