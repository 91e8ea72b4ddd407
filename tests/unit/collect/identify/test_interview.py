"""The conversation without a network: scripted servers, a clock that only the script moves, and hostile scripts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.identify.answer import Peer
from auditor.collect.identify.families.database import SSL_REQUEST
from auditor.collect.identify.interview import LONGEST, Connect, End, Heard, Identity, interview
from auditor.collect.identify.plan import MOST_CONNECTIONS, Attempt, attempts

TIMEOUT = 2.0
TRIP = 0.01
PEER = Peer("192.0.2.1", 7)


class Record:
    """What an interview did."""

    def __init__(self) -> None:
        self.connections = 0
        self.said: list[bytes] = []
        self.seconds = 0.0
        self.found: Identity | None = None

    @property
    def service(self) -> str | None:
        return self.found and self.found.answer.service


def held(server, port: int = 12345, expected=(), tries: tuple[Attempt, ...] | None = None) -> Record:
    """Hold an interview with ``server(connection, said)``: what it answers to what was said in this connection so far.

    It is asked once for each step; ``b""`` is silence, an :class:`End` that.
    """
    record = Record()
    conversation = interview(PEER, tries or attempts(port, expected), TIMEOUT)
    heard: Heard | None = None
    said = b""
    while True:
        try:
            ask = next(conversation) if heard is None else conversation.send(heard)
        except StopIteration as finished:
            record.found = finished.value
            return record
        if isinstance(ask, Connect):
            record.connections += 1
            said = b""
            answer = server(record.connections, None)
            heard = Heard(end=answer if isinstance(answer, End) else None, elapsed=TRIP)
        else:
            said += ask.say
            if ask.say:
                record.said.append(ask.say)
            answer = server(record.connections, said) if ask.wait > 0 else End.SILENT
            if isinstance(answer, End):
                heard = Heard(end=answer, elapsed=ask.wait if answer is End.SILENT else TRIP)
            elif answer:
                heard = Heard(answer[:LONGEST], elapsed=min(TRIP, ask.wait))
            else:
                heard = Heard(end=End.SILENT, elapsed=ask.wait)
        record.seconds += heard.elapsed


def silent(_connection, _said):
    return b""


def test_a_server_that_greets_is_known_before_anything_is_said():
    record = held(lambda _, said: b"" if said is None else b"SSH-2.0-OpenSSH_9.2\r\n")
    assert (record.service, record.connections, record.said) == ("ssh", 1, [])


def test_silence_ends_in_nothing_within_bounds():
    for port in (22, 80, 443, 5432, 12345):
        record = held(silent, port)
        assert record.found is None
        assert record.connections <= MOST_CONNECTIONS
        assert record.seconds <= TIMEOUT * 6 + 0.1


def test_a_server_expected_to_greet_is_waited_for_before_anything_is_said():
    asked = []

    def slow(_connection, said):
        asked.append(said)
        return b"220 mx.example ESMTP Postfix\r\n" if len(asked) > 3 else b""

    record = held(slow, 25)
    assert record.service == "smtp"


def test_a_port_that_cannot_be_reached_any_more_is_tried_once():
    record = held(lambda _, said: End.FAILED if said is None else b"")
    assert (record.found, record.connections) == (None, 1)


def test_a_server_that_closes_at_once_is_left_alone_after_three_connections():
    record = held(lambda _, said: b"" if said is None else End.CLOSED)
    assert (record.found, record.connections) == (None, 3)
    assert all(said.startswith(b"\x16") for said in record.said), "but for TLS, it closed before anything was said"


def test_junk_is_listened_to_for_four_kilobytes_and_one_connection():
    record = held(lambda _, said: b"" if said is None else b"\x07junk" * 1000)
    assert (record.found, record.connections) == (None, 1)


def test_what_a_rule_expects_is_asked_first():
    record = held(silent, 12345, ["postgres"])
    assert record.said[0] == SSL_REQUEST
    assert held(silent, 12345, ["no such service"]).said[0].startswith(b"GET / ")


def test_a_rule_for_ssh_does_not_delay_what_answers_in_its_place():
    def web_server(_connection, said):
        return b"HTTP/1.1 200 OK\r\n\r\n" if said else b""

    record = held(web_server, 443, ["ssh"])
    assert (record.service, record.connections) == ("http", 1)
    assert record.seconds < 1
    assert held(web_server, 22, ["ssh"]).seconds > TIMEOUT, "on its own port it is waited for"
    assert held(web_server, 443, ["smtp"]).seconds > TIMEOUT, "mail servers may take their time"


def test_http_split_into_pieces_is_one_answer():
    pieces = iter([b"HT", b"TP/1.1 200", b" OK\r\nServer: nginx/1.2\r\n", b"\r\n"])

    def server(_connection, said):
        return next(pieces, b"") if said else b""

    record = held(server, 80)
    assert (record.service, record.found.answer.product, record.found.answer.version) == ("http", "nginx", "1.2")


def test_http_that_never_ends_its_head_is_http_still():
    record = held(lambda _, said: b"" if not said else b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100 + b"\r\n", 80)
    assert (record.service, record.connections) == ("http", 1)


def test_a_bad_request_leads_to_tls_and_is_http_where_there_is_none():
    def server(_connection, said):
        if not said:
            return b""
        return b"HTTP/1.1 400 Bad Request\r\n\r\n" if said.startswith(b"GET") else End.CLOSED

    record = held(server, 80)
    assert (record.service, record.found.tls, record.connections) == ("http", False, 2)
    assert record.said[-1].startswith(b"\x16\x03")


def test_an_alert_in_place_of_a_handshake_shows_tls_and_nothing_else():
    record = held(lambda _, said: b"\x15\x03\x03\x00\x02\x02\x28" if said else b"", 443)
    assert (record.service, record.found.tls) == ("tls", True)
    assert all(said.startswith(b"\x16") for said in record.said)


def test_plain_words_in_place_of_a_handshake_are_understood():
    late = held(lambda _, said: b"SSH-2.0-OpenSSH_9.2\r\n" if said else b"", 443)
    assert (late.service, late.found.tls, late.connections) == ("ssh", False, 1)


def test_postgresql_says_no_to_tls_and_then_what_it_is():
    def server(_connection, said):
        if said == SSL_REQUEST:
            return b"N"
        return b"E\0\0\0\x8cSFATAL\0VFATAL\0C0A000\0" if said else b""

    assert held(server, 5432).service == "postgresql"


def test_a_letter_that_is_the_first_of_a_word_is_not_postgresql():
    letters = iter([b"N", b"o", b"t", b"h", b"i", b"n", b"g"])
    assert held(lambda _, said: next(letters, b"") if said else b"", 5432).found is None


def test_a_greeting_that_may_be_ftp_or_smtp_is_settled_by_one_question():
    def server(_connection, said):
        if said is None:
            return b""
        return b"250 box\r\n" if said.startswith(b"EHLO") else b"220 box ready\r\n" if not said else b""

    record = held(server, 2525)
    assert record.service == "smtp"
    assert record.said == [b"EHLO auditor.invalid\r\n"]


def test_leave_is_taken_of_a_broker():
    record = held(lambda _, said: b"\x20\2\0\0" if said else b"", 1883)
    assert (record.service, record.said[-1]) == ("mqtt", b"\xe0\0")


def test_an_echo_is_called_an_echo():
    assert held(lambda _, said: said or b"", 12345).service == "echo"


ANSWERS = st.sampled_from(
    [End.SILENT, End.CLOSED, b"", b"220 x\r\n", b"ERROR\r\n", b"S", b"N", b"HTTP/1.1 400 x\r\n\r\n"]
)
WORDS = ANSWERS | st.binary(min_size=1, max_size=40) | st.just(b"\x16\x03\x03\x00\x50\x02" + b"\0" * 40)


@given(words=st.lists(WORDS, max_size=60), port=st.sampled_from([22, 80, 443, 853, 5432, 6380, 8883, 12345]))
def test_whatever_a_server_says_the_interview_ends_within_its_bounds(words, port):
    script = iter(words)
    record = held(lambda _, said: b"" if said is None else next(script, End.SILENT), port)
    assert record.connections <= MOST_CONNECTIONS
    assert record.seconds <= TIMEOUT * 6 + 0.2
    assert sum(map(len, record.said)) < 4096
    assert record.found is None or record.found.answer.service


@given(drop=st.binary(min_size=1, max_size=3))
def test_a_server_that_drips_for_ever_is_given_up(drop):
    record = held(lambda _, said: b"" if said is None else drop)
    assert record.seconds <= TIMEOUT * 6 + 0.2
    assert record.connections <= MOST_CONNECTIONS


@pytest.mark.parametrize("port", [1, 22, 25, 53, 80, 110, 139, 389, 443, 445, 636, 993, 2379, 3389, 6380, 8883, 27017])
def test_no_plan_has_more_than_three_connections_and_each_tries_http_and_tls(port):
    plan = attempts(port)
    assert len(set(plan)) == len(plan) == MOST_CONNECTIONS
    assert any(each.tls for each in plan)
    assert any(each.greetings[0].startswith("http") for each in plan)
    assert len(attempts(port, ("ssh", "redis", "ldaps", "amqp"))) == MOST_CONNECTIONS
