"""Names of services as policies and scanners write them, brought to one form. For the ``service`` condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from auditor.files.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model.policy import Policy

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

_TLS = frozenset({"ssl", "tls"})

_NOT_IDENTIFIED = frozenset({"", "unknown", "tcpwrapped"}) | _TLS

RECOGNISED = (
    frozenset({"amqp", "dns", "docker", "etcd", "ftp", "http", "imap", "kubelet", "kubernetes", "ldap", "memcached"})
    | {"mongodb", "mqtt", "mysql", "netbios-ssn", "pop3", "postgresql", "rdp", "redis", "rsync", "sip", "smb", "smtp"}
    | {"ssh", "telnet", "vnc"}
)
"""What the auditor itself recognises when it speaks to a port, as it names it. Any of them may be inside TLS."""


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
    """Whether what answers is the service that a rule names. A name that implies TLS wants it; others allow it.

    ``tls`` is satisfied by whatever is inside TLS.
    """
    if wants_any_tls(wanted):
        return seen.tls
    asked = spoken(wanted)
    if asked is None or (asked.tls and not seen.tls):
        return False
    return asked.protocol == seen.protocol or (asked.protocol == "http" and seen.protocol in _SPEAKS_HTTP)


def wants_any_tls(wanted: str) -> bool:
    """Whether a rule asks for TLS, and leaves open what is inside."""
    return wanted.strip().lower() in _TLS


def is_tls(name: str, *, tls: bool = False) -> bool:
    """Whether TLS was seen, whatever is inside: ``tls``, ``ssl/unknown``."""
    return tls or name.strip().lower().rstrip("?").partition("/")[0] in _TLS


def doubtful_names(policy: Policy) -> Iterator[str]:
    """Warn of ``service`` conditions whose name nothing is known to answer with, each with its place.

    An import may know more protocols than the auditor, so that such a name is no error; a slip is never satisfied.
    """
    places: dict[str, str] = {}
    for rule in policy.rules:
        for item in (*rule.allow, *rule.require):
            if item.conditions is not None and item.conditions.service is not None:
                places.setdefault(item.conditions.service, f"{item.location.file}:{item.location.line}")
    for name, place in places.items():
        if not _is_known(name):
            known = (*RECOGNISED, *_TLS, *_SAME, *_OVER_TLS)
            near = nearest(name, sorted(known))
            meant = f"did you mean '{near}'?" if near else f"recognised are {', '.join(sorted(RECOGNISED))} and tls"
            yield f"{place}: no service is known by the name '{name:.80}': the condition may never hold; {meant}"


def _is_known(name: str) -> bool:
    from auditor.files import iana

    if wants_any_tls(name):
        return True
    asked = spoken(name)
    if asked is None:
        return False
    known = RECOGNISED | set(_SAME.values()) | set(_OVER_TLS.values()) | _SPEAKS_HTTP
    return asked.protocol in known or iana.ports_of(asked.protocol) is not None
