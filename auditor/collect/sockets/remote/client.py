"""One login through OpenSSH's own client: the user's configuration, keys, agent, jump hosts and known hosts all count.

What may not be changed by any configuration comes first in the one that the client is given, as the first value wins
(``ssh_config(5)``); the client hands it on to the jump hosts, too. Host keys are always checked: neither a new nor a
changed one is ever accepted, and no connection is shared that somebody opened under other rules.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from time import monotonic, sleep
from typing import IO, TYPE_CHECKING

from auditor.collect.sockets.remote.trouble import Ended
from auditor.errors import CollectError, UsageError

if TYPE_CHECKING:
    from auditor.model.ssh import Login

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes: a host with half a million sockets."""
_LARGEST_COMPLAINT = 64 * 1024
_MOST_SAID_BEFORE = 4096
_PATIENCE = 10
"""Seconds that the client waits for a connection, and for a first word on it."""
_GRACE = 1.0
_PAUSE = 0.005
_CHUNK = 1 << 16
_UNQUOTABLE = frozenset('"\\$*?[]{}') | {chr(code) for code in range(32)} | {chr(127)}

_RULES = f"""\
IgnoreUnknown *
StrictHostKeyChecking yes
NoHostAuthenticationForLocalhost no
UpdateHostKeys no
ControlMaster no
ControlPath none
BatchMode yes
ConnectTimeout {_PATIENCE}
ConnectionAttempts 1
ServerAliveInterval 10
ServerAliveCountMax 3
ForwardAgent no
ForwardX11 no
ClearAllForwardings yes
Tunnel no
PermitLocalCommand no
RemoteCommand none
RequestTTY no
SessionType default
StdinNull no
ForkAfterAuthentication no
AddKeysToAgent no
VisualHostKey no
LogLevel ERROR
LogVerbose *:verify_host_key():*,*:channel_input_open_failure():*
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to log in anywhere. None: the user's own files, and the system's.

    ``configuration`` is used in place of the user's and the system's, ``known_hosts`` in place of all others.
    ``timeout`` is the longest that one host may take, in seconds, tries that were repeated included.
    """

    configuration: str | None = None
    known_hosts: str | None = None
    timeout: float = 60.0


class How(Enum):
    """How a login ended."""

    ENDED = auto()
    LATE = auto()
    TOO_LARGE = auto()
    STOPPED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What came back of a login."""

    how: How
    answer: bytes
    ended: Ended


def client() -> str:
    """Return the path of OpenSSH's client.

    :raises CollectError: it is not installed.
    """
    found = shutil.which("ssh")
    if found is None:
        raise CollectError("the OpenSSH client 'ssh' is not installed")
    return found


def configuration(login: Login, settings: Settings) -> str:
    """Write the configuration of one login: what is not open to debate, then the user's own.

    :raises UsageError: a path that cannot be written there, or a file that is not to be read.
    """
    lines = [_RULES]
    if settings.known_hosts is not None:
        lines.append(f"UserKnownHostsFile {_path(settings.known_hosts, '--ssh-known-hosts')}\n")
        lines.append("GlobalKnownHostsFile /dev/null\nKnownHostsCommand none\nVerifyHostKeyDNS no\n")
    if login.identity is not None:
        lines.append(f"IdentityFile {_quoted(os.path.expanduser(login.identity), 'identity')}\n")  # noqa: PTH111
    if settings.configuration is not None:
        lines.append(f"Include {_path(settings.configuration, '--ssh-config', expands=False)}\n")
    else:
        lines.append("Include ~/.ssh/config\nInclude /etc/ssh/ssh_config\n")
    return "".join(lines)


def command(program: str, login: Login, configured: str) -> list[str]:
    """Return the words of the command line; ``configured`` is the file that :func:`configuration` went to."""
    words = [program, "-F", configured, "-T", "-x", "-a"]
    if login.identity is not None:
        words += ["-o", "IdentitiesOnly=yes"]
    if login.jump is not None:
        words += ["-o", f"ProxyJump={login.jump}"]
    if login.user is not None:
        words += ["-l", login.user]
    if login.port is not None:
        words += ["-p", str(login.port)]
    return [*words, "--", login.host, "sudo -n -- sh" if login.sudo else "sh"]


def run(words: list[str], script: bytes, *, end: bytes, until: float, stop: int, sudo: bool = False) -> Said:
    """Run the client, hand it the script, and read what comes back until ``end`` is in it, or it ends by itself.

    :param until: when to give up, on the monotonic clock.
    :param stop: a descriptor that becomes readable when everything is to end.
    """
    with subprocess.Popen(  # noqa: S603 - the words are checked, and no shell reads them
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env={**os.environ, "LC_ALL": "C"},
        start_new_session=True,  # no terminal to ask on, and one group to end, jump hosts' clients included
    ) as process:
        how = How.STOPPED
        try:
            talk = _Talk(process, script, end)
            how = talk.carry_on(until, stop)
        finally:
            status = _finish(process, _GRACE if how is How.ENDED else 0.0)
    before = talk.answer[:_MOST_SAID_BEFORE].decode(errors="replace")
    ended = Ended(status=status, said=talk.complaint.decode(errors="replace"), before=before, sudo=sudo)
    return Said(how=how, answer=bytes(talk.answer), ended=ended)


class _Talk:
    """The three streams of a client, served as they become ready; nothing that comes in is held without a bound."""

    def __init__(self, process: subprocess.Popen[bytes], script: bytes, end: bytes) -> None:
        self.answer = bytearray()
        self.complaint = bytearray()
        self._left = memoryview(script)
        self._end = end
        self._streams = selectors.DefaultSelector()
        for stream, events in (
            (process.stdin, selectors.EVENT_WRITE),
            (process.stdout, selectors.EVENT_READ),
            (process.stderr, selectors.EVENT_READ),
        ):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                self._streams.register(stream, events)
        self._stdin, self._stdout = process.stdin, process.stdout

    def carry_on(self, until: float, stop: int) -> How:
        with self._streams:
            self._streams.register(stop, selectors.EVENT_READ)
            while len(self._streams.get_map()) > 1:
                left = until - monotonic()
                if left <= 0:
                    return How.LATE
                for key, _ in self._streams.select(left):
                    if key.fileobj == stop:
                        return How.STOPPED
                    self._serve(key.fileobj)  # type: ignore[arg-type]  # one of the streams registered above
                    if len(self.answer) > LARGEST_ANSWER:
                        return How.TOO_LARGE
                    if self._has_ended():
                        return How.ENDED
        return How.ENDED

    def _serve(self, stream: IO[bytes]) -> None:
        if stream is self._stdin:
            self._write(stream)
            return
        data = stream.read(_CHUNK)
        if not data:
            self._streams.unregister(stream)
        elif stream is self._stdout:
            self.answer += data
        else:
            self.complaint += data[: _LARGEST_COMPLAINT - len(self.complaint)]

    def _write(self, stream: IO[bytes]) -> None:
        try:
            self._left = self._left[stream.write(self._left) or 0 :]
        except BrokenPipeError:
            self._left = self._left[:0]
        if not self._left:
            self._streams.unregister(stream)
            stream.close()

    def _has_ended(self) -> bool:
        """Whether the last line is there: somebody over there may hold the line long after it."""
        at = self.answer.rfind(self._end, max(0, len(self.answer) - 2 * _CHUNK))
        return at >= 0 and self.answer.find(b"\n", at + len(self._end)) >= 0


def _finish(process: subprocess.Popen[bytes], patience: float) -> int:
    """End the client with all that it has started: it may take ``patience`` seconds to do so itself.

    It is not waited for before its group is ended: until then no other group can have its number.
    """
    if not _ends_within(process, patience):
        _signal(process, signal.SIGTERM)
        _ends_within(process, _GRACE)
    _signal(process, signal.SIGKILL)
    return process.wait()


def _ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    until = monotonic() + seconds
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if monotonic() >= until:
            return False
        sleep(_PAUSE)
    return True


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _path(path: str, option: str, *, expands: bool = True) -> str:
    if not os.access(path, os.R_OK) or Path(path).is_dir():
        raise UsageError(f"{option} {path}: there is no such file to read")
    return _quoted(os.path.abspath(path), option, expands=expands)  # noqa: PTH100 - links stay as they are


def _quoted(path: str, option: str, *, expands: bool = True) -> str:
    """A path as one word of the client's configuration, with nothing in it that would be replaced."""
    if any(char in _UNQUOTABLE for char in path):
        raise UsageError(f"{option} {path!r:.80}: a path with quotes, wildcards, '$' or control characters")
    return f'"{path.replace("%", "%%") if expands else path}"'
