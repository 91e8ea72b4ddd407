"""The conversation with one port, as a generator without a socket: it yields what to do, and is sent what came of it.

Whoever drives it connects, sends and waits as asked, and measures the time. Bytes read, connections and seconds are
bounded here.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from auditor.collect.identify.answer import Answer, Lead, Peer
from auditor.collect.identify.certificate import NOTHING, Facts
from auditor.collect.identify.families.web import kubelet
from auditor.collect.identify.plan import HTTPS, MOST_CONNECTIONS, Attempt
from auditor.collect.identify.registry import GREETINGS, recognise
from auditor.collect.identify.tls import Session, TlsRefusedError, is_record

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST: Final = 4096
"""Bytes of a server's words that are looked at in one connection, and read at once."""
LONGEST_HANDSHAKE: Final = 65_536
"""Bytes of TLS records that are read in one connection."""
_PATIENCE: Final = 3.0
_BUDGET: Final = 6.0
_SHORT: Final = 0.1
_REST: Final = 0.5


class End(Enum):
    """Why no bytes came."""

    SILENT = auto()
    CLOSED = auto()
    FAILED = auto()


class Heard(NamedTuple):
    """What came of a step: bytes, or why there are none. ``elapsed`` seconds after it was asked for."""

    data: bytes = b""
    end: End | None = None
    elapsed: float = 0.0


class Connect(NamedTuple):
    """Leave the connection there is, and make one within ``wait`` seconds."""

    wait: float


class Talk(NamedTuple):
    """Send, then wait up to ``wait`` seconds for bytes, at most :data:`LONGEST` of them; 0 does not wait."""

    say: bytes
    wait: float


Ask = Connect | Talk


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a port turned out to be."""

    answer: Answer
    tls: bool = False
    certificate: Facts = NOTHING


_UNKNOWN_IN_TLS: Final = Answer(service="tls")
"""TLS, and nobody knows what is inside: no policy takes that for a service."""

Conversation: TypeAlias = Generator[Ask, Heard, Identity | None]
_Exchange: TypeAlias = Generator[Ask, Heard, Heard]


def interview(peer: Peer, attempts: Iterable[Attempt], timeout: float, server_name: str | None = None) -> Conversation:
    """Find out what answers; None where nothing was recognised.

    ``timeout`` in seconds is for one answer; the whole takes six times as long at the most. ``attempts`` are made
    one after another until one is answered.
    """
    purse = _Purse(timeout * _BUDGET)
    todo = list(attempts)
    best: Identity | None = None
    for _ in range(MOST_CONNECTIONS):
        if not todo or purse.left <= 0:
            break
        call = _Call(peer, todo.pop(0), timeout, purse, server_name)
        found = yield from call.made()
        best = _better(best, found)
        if call.over or (found is not None and found.answer.service != _UNKNOWN_IN_TLS.service and not call.wants_tls):
            break
        if call.wants_tls or (found is not None and found.tls):
            todo = [each for each in todo if each.tls] or ([HTTPS] if call.wants_tls else [])
    return best


def _better(one: Identity | None, other: Identity | None) -> Identity | None:
    """What is inside TLS outweighs a refusal in plain words, and a name outweighs mere TLS."""
    if one is None or other is None:
        return one or other
    named = other.answer.service != _UNKNOWN_IN_TLS.service
    return other if named or (other.tls and not one.tls) else one


class _Purse:
    """Seconds that are left."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    def spend(self, heard: Heard) -> None:
        self.left -= heard.elapsed


class _Call:
    """One connection. ``over``: others are pointless; ``wants_tls``: the server said that it speaks TLS."""

    def __init__(self, peer: Peer, attempt: Attempt, timeout: float, purse: _Purse, server_name: str | None) -> None:
        self.over = False
        self.wants_tls = False
        self._peer = peer
        self._attempt = attempt
        self._timeout = timeout
        self._purse = purse
        self._server_name = server_name
        self._session: Session | None = None
        self._facts = NOTHING
        self._read = bytearray()
        self._said = bytearray()
        self._records = 0
        self._farewell = b""
        self._ended = False

    def made(self) -> Conversation:
        """Connect, listen, say what there is to say, and leave."""
        opened = yield Connect(min(self._timeout, self._purse.left))
        self._purse.spend(opened)
        if opened.end is not None:
            self.over = True
            return None
        found: Identity | None = None
        if self._attempt.tls:
            found = yield from self._secured()
            if self._session is None:
                return found
        answer = yield from self._asked(opened.elapsed)
        yield from self._left()
        if answer is None:
            return found
        if self._session is None:
            return Identity(answer=answer, certificate=self._facts)
        answer = kubelet(answer, bytes(self._read), self._facts.subject)
        return Identity(answer=answer, tls=True, certificate=self._facts)

    def _asked(self, trip: float) -> Generator[Ask, Heard, Answer | None]:
        """Listen first: a server that speaks first needs no greeting, and would take ours for rudeness."""
        quick = min(self._timeout, _SHORT + 2 * trip)
        answer = yield from self._answered(b"", self._timeout * _PATIENCE if self._attempt.listen else quick)
        for name in self._attempt.greetings:
            if answer is not None or self._ended or self.wants_tls or len(self._read) >= LONGEST:
                break
            greeting = GREETINGS[name]
            self._farewell = greeting.farewell
            answer = yield from self._answered(greeting.say(self._peer), quick if greeting.brief else self._timeout)
        if answer is None and len(self._read) >= LONGEST:
            self.over = True  # it talks and talks, and nobody understands it
        return answer

    def _answered(self, say: bytes, wait: float) -> Generator[Ask, Heard, Answer | None]:
        """Say something and hear it out: until it is recognised, or ends, or is too long."""
        best: Answer | None = None
        followed: set[bytes] = set()
        while wait > 0 and self._purse.left > 0:
            heard = yield from self._exchanged(say, min(wait, self._purse.left))
            say, wait = b"", wait - heard.elapsed
            found = recognise(bytes(self._read), bytes(self._said))
            if isinstance(found, Lead):
                best = found.instead
                if found.tls:
                    self.wants_tls = not self._attempt.tls
                    return best
                if found.upgrade and not self._ended:
                    return (yield from self._upgraded(best))
                if found.say not in followed and not self._ended:
                    followed.add(found.say)
                    say, wait = found.say, self._timeout
                    continue
            elif found is not None:
                best = found
                if best.complete:
                    return best
                wait = min(wait, _REST) if heard.data else wait
            elif heard.data:
                best = None  # it looked like something, and is not
            if self._ended or heard.end is not None or len(self._read) >= LONGEST:
                return best
        return best

    def _upgraded(self, known: Answer | None) -> Generator[Ask, Heard, Answer | None]:
        """Take the server's offer of TLS for the sake of its certificate; the service is what it was."""
        found = yield from self._secured()
        if self._session is not None:
            yield Talk(self._session.farewell(), 0.0)
        self._session, self._ended = None, True
        if found is None or not found.tls:
            return None
        self._facts = found.certificate
        return known

    def _secured(self) -> Conversation:
        """Do the handshake. Where the other side speaks something else, that is looked at instead."""
        session = Session(self._server_name)
        wait, first = self._timeout, bytearray()
        try:
            done = session.handshake()
            while not done:
                say = session.pending()
                self._said += say
                heard = yield from self._raw(say, min(wait, self._purse.left))
                wait -= heard.elapsed
                if heard.end is not None or self._records > LONGEST_HANDSHAKE or wait <= 0:
                    return self._short_of_tls(bytes(first))
                if len(first) < LONGEST:
                    first += heard.data
                if len(first) >= 3 and not is_record(bytes(first)):
                    return (yield from self._plain_after_all(bytes(first), wait))
                done = session.handshake(heard.data)
        except TlsRefusedError:
            return self._short_of_tls(bytes(first))
        self._session = session
        self._facts = session.certificate()
        return Identity(answer=_UNKNOWN_IN_TLS, tls=True, certificate=self._facts)

    def _short_of_tls(self, first: bytes) -> Identity | None:
        """A refused handshake still shows TLS; anything shorter may be a line of something else."""
        if is_record(first):
            return Identity(answer=_UNKNOWN_IN_TLS, tls=True)
        found = recognise(first, bytes(self._said))
        return Identity(answer=found) if isinstance(found, Answer) else None

    def _plain_after_all(self, first: bytes, wait: float) -> Conversation:
        """Another protocol answered the handshake: ssh on 443, or a server that greets late."""
        self._read += first
        found = recognise(first, bytes(self._said))
        if isinstance(found, Answer) and found.complete:
            return Identity(answer=found)
        if len(self._read) >= LONGEST:
            self.over = True
            return None
        answer = yield from self._answered(b"", wait)
        return None if answer is None else Identity(answer=answer)

    def _exchanged(self, say: bytes, wait: float) -> _Exchange:
        """Say and hear, through TLS if there is a session. What is heard is added to what was read."""
        if self._session is None:
            self._said += say
            heard = yield from self._raw(say, wait)
            self._take(heard.data)
            self._ended = self._ended or heard.end in (End.CLOSED, End.FAILED)
            return heard
        return (yield from self._exchanged_within(self._session, say, wait))

    def _exchanged_within(self, session: Session, say: bytes, wait: float) -> _Exchange:
        spent = 0.0
        self._said += say
        try:
            records = session.encrypt(say)
        except TlsRefusedError:
            self._ended = True
            return Heard(end=End.CLOSED)
        while True:
            heard = yield from self._raw(records, wait - spent)
            spent += heard.elapsed
            plain = session.decrypt(heard.data) if heard.data else None
            records = session.pending()
            self._ended = heard.end is End.CLOSED or self._records > LONGEST_HANDSHAKE or bool(plain and plain.ended)
            if plain and plain.data:
                self._take(plain.data)
                return Heard(plain.data, None, spent)
            if self._ended or heard.end is not None or spent >= wait:
                return Heard(b"", heard.end or (End.CLOSED if self._ended else End.SILENT), spent)

    def _raw(self, say: bytes, wait: float) -> _Exchange:
        heard = yield Talk(say, max(wait, 0.0))
        self._purse.spend(heard)
        self._records += len(heard.data)
        return heard

    def _take(self, data: bytes) -> None:
        self._read += data[: LONGEST - len(self._read)]

    def _left(self) -> Generator[Ask, Heard, None]:
        """Take leave as the protocol wants it."""
        if self._ended:
            return
        farewell = self._farewell
        if self._session is not None:
            try:
                farewell = self._session.encrypt(farewell) + self._session.farewell()
            except TlsRefusedError:
                return
        if farewell:
            yield Talk(farewell, 0.0)
