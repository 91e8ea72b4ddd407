"""The collector of sockets evidence over SSH: many hosts, a few at a time, one observation each."""

from __future__ import annotations

import os
import random
import secrets
import select
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING

from auditor import __version__
from auditor.collect.sockets.remote import client
from auditor.collect.sockets.remote.answer import observation
from auditor.collect.sockets.remote.client import How
from auditor.collect.sockets.remote.frame import FrameError, has_begun, sections
from auditor.collect.sockets.remote.trouble import is_passing, reason
from auditor.model.evidence import Completion, Kind, Observation, Origin, Unknown
from auditor.model.ports import ALL_TCP, ALL_UDP, NO_PORTS, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from auditor.collect.sockets.remote.client import Said, Settings
    from auditor.model.ssh import Asked, Login
    from auditor.model.target import Observer

CONCURRENCY = 8
"""How many hosts are asked at once: a server drops logins from the tenth unfinished one on (``MaxStartups``)."""
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 8.0
_MOST_TRIES = 12

_ALL = {Protocol.TCP: ALL_TCP, Protocol.UDP: ALL_UDP}


def remote_listening(
    hosts: Sequence[Asked],
    settings: Settings,
    observer: Observer,
    *,
    protocols: Sequence[Protocol] = tuple(Protocol),
    concurrency: int = CONCURRENCY,
) -> Remote:
    """Return what listens on other machines, as :func:`auditor.collect.sockets.listening` does for this one.

    One observation a host, in the order in which they answer; the hosts are asked at the first iteration, and iterating
    again yields the same. A host that cannot be asked is an observation, too: everything of it is unknown, with the
    reason. An interruption ends every login that is under way.

    :raises CollectError: there is no OpenSSH client here.
    :raises UsageError: a path in the settings or of a key that cannot be used.
    """
    program = client.client()
    for asked in hosts:
        client.configuration(asked.login, settings)
    fleet = _Fleet(program, settings, tuple(protocols))
    return Remote(fleet, tuple(hosts), observer, concurrency)


class Remote:
    """The evidence of several hosts over SSH."""

    def __init__(self, fleet: _Fleet, hosts: Sequence[Asked], observer: Observer, concurrency: int) -> None:
        self._fleet = fleet
        self._hosts = hosts
        self._observer = observer
        self._concurrency = min(concurrency, len(hosts)) or 1
        self._seen: list[Observation] = []
        self._reading: Generator[Observation] | None = None
        self.origin = Origin(
            kind=Kind.SOCKETS,
            source="live",
            tool=f"auditor {__version__}",
            started=datetime.now(UTC),
            asked=_union(fleet.protocols),
        )
        self.completion = Completion(complete=False, reason="not read yet")

    def __iter__(self) -> Iterator[Observation]:
        if self.completion.complete:
            yield from self._seen
            return
        self._seen.clear()
        self.completion = Completion(complete=False, reason="interrupted")
        self._reading = self._answers()
        for seen in self._reading:
            self._seen.append(seen)
            yield seen
        self.completion = Completion(complete=True, finished=datetime.now(UTC))

    def close(self) -> None:
        """Whoever reads it is done: every login that is under way ends now."""
        if self._reading is not None:
            self._reading.close()

    def _answers(self) -> Generator[Observation]:
        many = len(self._hosts) > 1
        if many:
            self._observer.say(f"asking {len(self._hosts)} hosts over SSH, {self._concurrency} at once")
        answers: SimpleQueue[Observation | BaseException] = SimpleQueue()
        sockets = 0
        with _stopping() as stop, ThreadPoolExecutor(self._concurrency, thread_name_prefix="ssh") as pool:
            try:
                for asked in self._hosts:
                    pool.submit(self._answer, asked, stop.reader, answers)
                for done in range(1, len(self._hosts) + 1):
                    seen = answers.get()
                    if isinstance(seen, BaseException):
                        raise seen
                    for unknown in seen.unknown if many else ():
                        self._observer.say(f"{seen.host}: {unknown.reason}")
                    sockets += len(seen.sockets)
                    self._observer.progress(done, len(self._hosts), sockets)
                    yield seen
            finally:
                stop.now()
                pool.shutdown(cancel_futures=True)

    def _answer(self, asked: Asked, stop: int, answers: SimpleQueue[Observation | BaseException]) -> None:
        try:
            answers.put(self._fleet.ask(asked, stop))
        except BaseException as error:  # noqa: BLE001 - it is raised again where somebody can see it
            answers.put(error)


class _Fleet:
    """Asks one host after the other, from any thread."""

    def __init__(self, program: str, settings: Settings, protocols: tuple[Protocol, ...]) -> None:
        self.protocols = protocols
        self._program = program
        self._settings = settings

    def ask(self, asked: Asked, stop: int) -> Observation:
        """Log in, if need be again, and read what listens; a failure is an observation as well."""
        started = datetime.now(UTC)
        if asked.login.identity is not None and (missing := _missing(asked.login.identity)):
            return self._unasked(asked, missing, started)
        mark = secrets.token_hex(16)
        said = self._login(asked.login, mark, stop)
        try:
            why = self._why_not(said, mark)
            if why is not None:
                return self._unasked(asked, why, started)
            seen = observation(asked.name, sections(said.answer, mark), self.protocols, names_itself=not asked.known)
        except FrameError as error:
            return self._unasked(asked, f"the host {error}", started)
        return replace(seen, started=started, finished=datetime.now(UTC))

    def _login(self, login: Login, mark: str, stop: int) -> Said:
        until = monotonic() + self._settings.timeout
        script = _script().replace(b"@MARK@", mark.encode())
        pause = _FIRST_PAUSE
        with tempfile.TemporaryDirectory(prefix="auditor-ssh-") as folder:
            configured = Path(folder, "config")
            configured.write_text(client.configuration(login, self._settings), encoding="utf-8")
            words = client.command(self._program, login, str(configured))
            for left in reversed(range(_MOST_TRIES)):
                said = client.run(words, script, end=f"\n{mark} end ".encode(), until=until, stop=stop, sudo=login.sudo)
                again = said.how is How.ENDED and not has_begun(said.answer, mark) and is_passing(said.ended)
                if not again or not left or monotonic() + pause > until or _wait(stop, _varied(pause)):
                    break
                pause = min(2 * pause, _LONGEST_PAUSE)
        return said

    def _why_not(self, said: Said, mark: str) -> str | None:
        begun = has_begun(said.answer, mark)
        match said.how:
            case How.LATE:
                part = "the answer was not whole" if begun else "no answer"
                return f"{part} within {self._settings.timeout:g} s; give it longer with --ssh-timeout"
            case How.TOO_LARGE:
                return f"the host sends more than {client.LARGEST_ANSWER // 1024 // 1024} MiB"
            case How.STOPPED:
                return "interrupted"
            case How.ENDED:
                return None if begun else reason(said.ended)

    def _unasked(self, asked: Asked, why: str, started: datetime) -> Observation:
        ports = _union(self.protocols)
        unknown = Unknown(ports=ports, reason=f"cannot be asked over SSH ({asked.login}): {why}")
        return Observation(host=asked.name, unknown=(unknown,), started=started, finished=datetime.now(UTC))


class _Stop:
    """A pipe that becomes readable for everybody once its other end is closed."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        self._stopped = False

    def now(self) -> None:
        if not self._stopped:
            self._stopped = True
            os.close(self._writer)

    def close(self) -> None:
        self.now()
        os.close(self.reader)


@contextmanager
def _stopping() -> Iterator[_Stop]:
    stop = _Stop()
    try:
        yield stop
    finally:
        stop.close()


def _wait(stop: int, seconds: float) -> bool:
    """Sleep; say whether everything is to end meanwhile."""
    waiting = select.poll()
    waiting.register(stop)
    return bool(waiting.poll(seconds * 1000))


def _varied(seconds: float) -> float:
    """Hosts that were turned away together must not come back together."""
    return seconds * random.uniform(0.5, 1.5)  # noqa: S311 - no secret


def _missing(identity: str) -> str | None:
    path = os.path.expanduser(identity)  # noqa: PTH111
    return None if os.access(path, os.R_OK) else f"the key {identity} cannot be read"


def _union(protocols: Sequence[Protocol]) -> PortSet:
    ports = NO_PORTS
    for protocol in protocols:
        ports |= _ALL[protocol]
    return ports


@cache
def _script() -> bytes:
    return Path(__file__).with_name("read.sh").read_bytes()
