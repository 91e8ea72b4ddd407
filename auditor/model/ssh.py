"""How to log in to a host over SSH, as a user or a policy writes it. No I/O.

Whatever is written here becomes words of another program's command line and configuration: what is not plainly a name,
an address or a number is refused, so that none of it can be taken for an option, a command or a second setting.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from auditor.model.network import parse_address

_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}\$?", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_SCHEME = "ssh://"
_MOST_JUMPS = 8

LOGIN_FORM = "[user@]host[:port], with an IPv6 address in brackets if a port follows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Where to log in, and as whom. What is None is as the user's SSH configuration says.

    ``host`` is a name, an address, or an alias of that configuration. ``jump`` is as OpenSSH's ``ProxyJump`` takes it.
    ``identity`` is the path of a private key. ``sudo``: the tables are read as root, through ``sudo -n``.
    """

    host: str
    user: str | None = None
    port: int | None = None
    jump: str | None = None
    identity: str | None = None
    sudo: bool = False

    def __str__(self) -> str:
        """``admin@web-1:2222``, ``[2001:db8::1]:22``."""
        host = f"[{self.host}]" if ":" in self.host and self.port else self.host
        return f"{self.user}@{host}" * bool(self.user) + host * (not self.user) + f":{self.port}" * bool(self.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One host whose sockets are to be read. ``name`` is what the evidence calls it.

    ``known``: the caller knows whose name that is, so that the host's own idea of its name does not count.
    """

    name: str
    login: Login
    known: bool = False


def parse_login(text: str) -> Login:
    """Read ``user@host``, ``host:port``, ``[2001:db8::1]:22`` or ``ssh://user@host:port``.

    :raises ValueError: none of them; the message says what is wrong.
    """
    user, at, place = text.removeprefix(_SCHEME).rpartition("@")
    host, port = _split(place.removesuffix("/") if text.startswith(_SCHEME) else place)
    return Login(
        host=checked_host(host), user=checked_user(user) if at else None, port=None if port is None else _port(port)
    )


def parse_jump(text: str) -> str:
    """Read one or more logins, joined by commas, as ``ProxyJump`` takes them; ``none`` is for no jump at all.

    :raises ValueError: one of them is none.
    """
    logins = [parse_login(part.strip()) for part in text.split(",")]
    if len(logins) > _MOST_JUMPS:
        raise ValueError(f"more than {_MOST_JUMPS} jumps")
    return ",".join(map(str, logins))


def checked_host(text: str) -> str:
    """Return a host's name or address.

    :raises ValueError: neither, or something that another program may take for an option.
    """
    if not _HOST.fullmatch(text) and not _is_address(text):
        raise ValueError(f"{text!r:.80} is no host name or address")
    return text


def checked_user(text: str) -> str:
    """Return a user's name.

    :raises ValueError: it is none.
    """
    if not _USER.fullmatch(text):
        raise ValueError(f"{text!r:.80} is no user name")
    return text


def _is_address(text: str) -> bool:
    try:
        parse_address(text)
    except ValueError:
        return False
    zone = text.partition("%")[2]
    return not zone or _HOST.fullmatch(zone) is not None


def _split(place: str) -> tuple[str, str | None]:
    if place.startswith("["):
        host, bracket, rest = place[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{place!r:.80} is no host name or address")
        return host, rest[1:] if rest else None
    if place.count(":") == 1:
        host, _, port = place.partition(":")
        return host, port
    return place, None


def _port(text: str) -> int:
    if not _PORT.fullmatch(text) or not 0 < int(text) <= 65535:
        raise ValueError(f"{text!r:.80} is no port, 1 to 65535")
    return int(text)
