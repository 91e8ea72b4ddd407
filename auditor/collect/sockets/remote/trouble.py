"""Why a host could not be asked, in a sentence that helps, from what OpenSSH's client says. No I/O.

Its messages are not translated and change little from version to version. What stands in them beside its own words may
come from the host: it is quoted, shortened, and never more than the wording of a reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LONGEST = 200
CLIENT_FAILED = 255
"""The exit status of the client's own troubles; any other is the remote command's (ssh(1), EXIT STATUS)."""
_NO_SUCH_COMMAND = frozenset({126, 127})

_FINGERPRINT = re.compile(r"Server host key: (\S+) (SHA256:\S+)")
_OWN_LINE = re.compile(r"debug\d: |@{5}|Warning: Identity file|\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What is left of a login: the client's exit status, what was said on standard error, and before the answer."""

    status: int
    said: str = ""
    before: str = ""
    sudo: bool = False


def is_passing(ended: Ended) -> bool:
    """Whether the server hung up before it looked at who is there, as busy ones do: trying again may help."""
    return ended.status == CLIENT_FAILED and _definite(ended) is None and _HANG_UP.search(ended.said) is not None


def reason(ended: Ended) -> str:
    """Say why a login brought no answer."""
    if found := _definite(ended):
        return found
    if ended.status == CLIENT_FAILED and _HANG_UP.search(ended.said):
        return (
            "the server hung up before the login, again and again: it may have too many at once (MaxStartups) or have"
            " had enough of this address; ask fewer hosts at a time with --ssh-concurrency"
        )
    if ended.status == CLIENT_FAILED:
        return _quoted("ssh failed", _last(ended.said))
    if ended.sudo and re.search(r"sudo", ended.said):
        return _quoted("sudo gives no root without a password there", _last(ended.said))
    if ended.status in _NO_SUCH_COMMAND:
        return _quoted("no POSIX shell can be started there", _last(ended.said))
    return _quoted("the login gives no shell that takes a script", _last(ended.said) or _last(ended.before))


def short(text: str) -> str:
    """Return one line of a bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _definite(ended: Ended) -> str | None:
    if ended.status != CLIENT_FAILED:
        return None
    for pattern, explain in _KNOWN:
        if found := pattern.search(ended.said):
            return explain(found, ended.said)
    return None


def _unknown_key(found: re.Match[str], said: str) -> str:
    return (
        f"the host key of {short(found[2])} is not known: it shows {_shown(said, found[1])}; compare that with"
        f" 'ssh-keygen -lf /etc/ssh/ssh_host_{found[1].lower()}_key.pub' there, and add it to known_hosts"
        " (see ssh-keyscan)"
    )


def _changed_key(found: re.Match[str], said: str) -> str:
    place = re.search(r"^Offending .*? in (.+:\d+)\s*$", said, re.MULTILINE)
    named = re.search(r"^Host key for (\S+) has changed", said, re.MULTILINE)
    where = f" at {short(place[1])}" if place else ""
    return (
        f"the host key of {short(named[1]) if named else 'the host'} has changed: it shows {_shown(said, found[1])},"
        f" not the one in known_hosts{where}; it may be another machine that answers; if the change is right,"
        " put the new key there"
    )


def _shown(said: str, kind: str) -> str:
    """Return the key that the host showed last: with a jump host there are two, and the first was fine."""
    found = _FINGERPRINT.findall(said)
    return f"{kind} {short(found[-1][1])}" if found else f"a key of the kind {kind}"


def _refused(found: re.Match[str], _said: str) -> str:
    return (
        f"the login is refused: no key of ours, of the configuration or of the agent, is accepted ({short(found[1])})"
    )


_KNOWN: Sequence[tuple[re.Pattern[str], Callable[[re.Match[str], str], str]]] = (
    (re.compile(r"^The fingerprint for the (\S+) key sent by the remote host", re.MULTILINE), _changed_key),
    (re.compile(r"^No (\S+) host key is known for (\S+) and you have requested", re.MULTILINE), _unknown_key),
    (re.compile(r"REVOKED HOST KEY DETECTED"), lambda *_: "its host key is marked as revoked in known_hosts"),
    (
        re.compile(r"^Host key verification failed", re.MULTILINE),
        lambda _, said: _quoted("its host key is not accepted", _first(said)),
    ),
    (re.compile(r"Permission denied \(([^()\n]*)\)"), _refused),
    (
        re.compile(r"Too many authentication failures"),
        lambda *_: (
            "the login is refused: the server had enough before the right key came; name the one with 'identity'"
        ),
    ),
    (re.compile(r"Could not resolve hostname (\S+): ([^\r\n]*)"), lambda found, _: _quoted("no such name", found[0])),
    (
        re.compile(r"(?:open failed: ([^\r\n]*)[\r\n]+(?:debug\d:[^\r\n]*[\r\n]+)*)?stdio forwarding failed"),
        lambda found, _: _quoted("the jump host cannot reach it", found[1] or ""),
    ),
    (re.compile(r"connect to host \S+ port \d+: ([^\r\n]*)"), lambda found, _: _quoted("unreachable", found[1])),
    (re.compile(r"Connection timed out during banner exchange"), lambda *_: "it accepts connections and stays silent"),
    (
        re.compile(r"Bad (?:configuration option|owner or permissions)[^\r\n]*"),
        lambda found, _: _quoted("the SSH configuration is broken", found[0]),
    ),
    (
        re.compile(r"(?:Unable to negotiate|no matching)[^\r\n]*"),
        lambda found, _: _quoted("no common algorithm", found[0]),
    ),
)

_HANG_UP = re.compile(
    r"kex_exchange_identification|ssh_exchange_identification|Connection (?:closed|reset) by|Not allowed at this time"
    r"|banner exchange"
)


def _quoted(what: str, text: str) -> str:
    return f"{what}: {short(text)}" if text else what


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if not _OWN_LINE.match(line)]


def _first(text: str) -> str:
    return next(iter(_lines(text)), "")


def _last(text: str) -> str:
    return next(reversed(_lines(text)), "")
