"""Names of services as policies and scanners write them, brought to one form. For the ``service`` condition."""

from __future__ import annotations

from typing import NamedTuple

_SAME = {
    "postgres": "postgresql",
    "dns": "domain",
    "rdp": "ms-wbt-server",
    "smb": "microsoft-ds",
    "mariadb": "mysql",
    "mongo": "mongodb",
    "mongod": "mongodb",
    "memcache": "memcached",
    "http-proxy": "http",
    "http-alt": "http",
    "www": "http",
    "submission": "smtp",
    "openssh": "ssh",
}

_OVER_TLS = {
    "https": "http",
    "https-alt": "http",
    "imaps": "imap",
    "pop3s": "pop3",
    "smtps": "smtp",
    "submissions": "smtp",
    "ldaps": "ldap",
    "ftps": "ftp",
    "rediss": "redis",
    "domain-s": "domain",
    "mqtts": "mqtt",
    "amqps": "amqp",
    "ircs": "irc",
}

_SPEAKS_HTTP = frozenset({"kubernetes", "kubelet", "etcd"})
"""Services that were recognised for what they are and whose protocol is HTTP. Docker's is too, and never just a web
server: who finds it behind a rule for http wants to know."""

_NOT_IDENTIFIED = frozenset({"", "unknown", "tcpwrapped", "ssl", "tls"})


class Spoken(NamedTuple):
    """A protocol, and whether it is inside TLS."""

    protocol: str
    tls: bool


def spoken(name: str, *, tls: bool = False) -> Spoken | None:
    """Bring a service's name to one form; ``ssl/http`` and ``https`` are http over TLS. None: not identified."""
    name = name.strip().lower().rstrip("?")
    prefix, slash, rest = name.partition("/")
    if slash and prefix in {"ssl", "tls"}:
        name, tls = rest, True
    if name in _OVER_TLS:
        name, tls = _OVER_TLS[name], True
    if name in _NOT_IDENTIFIED:
        return None
    return Spoken(_SAME.get(name, name), tls)


def satisfies(wanted: str, seen: Spoken) -> bool:
    """Whether what answers is the service that a rule names. A name that implies TLS wants it; others allow it."""
    asked = spoken(wanted)
    if asked is None or (asked.tls and not seen.tls):
        return False
    return asked.protocol == seen.protocol or (asked.protocol == "http" and seen.protocol in _SPEAKS_HTTP)
