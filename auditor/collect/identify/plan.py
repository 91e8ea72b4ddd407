"""What to try at a port, in which order: what a rule expects there, what its number suggests, then the usual. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_CONNECTIONS: Final = 3
"""How often a port is connected to, at the most."""


class Attempt(NamedTuple):
    """One connection: inside TLS or not, what to say, and whether to wait for the server to speak first.

    A second greeting follows where the first was met with silence.
    """

    tls: bool = False
    greetings: tuple[str, ...] = ("http",)
    listen: bool = False


_BY_LINES = ("http-line", "http-headers")
"""For ports that may be anything: some servers answer a first line, and take a header for an attack."""

LISTEN = Attempt(greetings=_BY_LINES, listen=True)
HTTP = Attempt()
ANYTHING = Attempt(greetings=_BY_LINES)
HTTPS = Attempt(tls=True)
_LISTEN_TLS = Attempt(tls=True, listen=True)
_POSTGRES = Attempt(greetings=("postgresql",))
_LAST = Attempt(greetings=("postgresql", "memcached-next"))
"""memcached waits for the end of the line that it takes PostgreSQL's bytes for."""

_BY_NAME: Final = {
    **dict.fromkeys(("ssh", "openssh", "telnet", "vnc", "ftp", "smtp", "submission", "pop3", "imap", "rsync"), LISTEN),
    **dict.fromkeys(("mysql", "mariadb"), LISTEN),
    **dict.fromkeys(("smtps", "submissions", "pop3s", "imaps", "ftps"), _LISTEN_TLS),
    **dict.fromkeys(("http", "http-alt", "http-proxy", "www", "docker"), HTTP),
    **dict.fromkeys(("https", "https-alt", "kubernetes", "kubelet", "etcd", "ssl", "tls"), HTTPS),
    **dict.fromkeys(("postgresql", "postgres"), _POSTGRES),
    **dict.fromkeys(("mongodb", "mongo", "mongod"), Attempt(greetings=("mongodb",))),
    **dict.fromkeys(("memcached", "memcache"), Attempt(greetings=("memcached",))),
    **dict.fromkeys(("rdp", "ms-wbt-server"), Attempt(greetings=("rdp",))),
    **dict.fromkeys(("smb", "microsoft-ds"), Attempt(greetings=("smb",))),
    **dict.fromkeys(("dns", "domain"), Attempt(greetings=("dns",))),
    "domain-s": Attempt(tls=True, greetings=("dns",)),
    "netbios-ssn": Attempt(greetings=("netbios-ssn",)),
    "redis": Attempt(greetings=("redis",)),
    "rediss": Attempt(tls=True, greetings=("redis",)),
    "ldap": Attempt(greetings=("ldap",)),
    "ldaps": Attempt(tls=True, greetings=("ldap",)),
    "mqtt": Attempt(greetings=("mqtt",)),
    "mqtts": Attempt(tls=True, greetings=("mqtt",)),
    "amqp": Attempt(greetings=("amqp",)),
    "amqps": Attempt(tls=True, greetings=("amqp",)),
}

_PROMPT: Final = frozenset({"ssh", "openssh", "vnc", "rsync"})
"""They greet at once; on a port that is not theirs, waiting long would only delay what else may be there."""

_NUMBERS: Final = {
    "ssh": (22, 222, 2022, 2222, 22222),
    "ftp": (21, 2121),
    "telnet": (23, 2323),
    "smtp": (25, 26, 587, 2525),
    "pop3": (110,),
    "imap": (143,),
    "rsync": (873,),
    "mysql": (3306, 3307, 33060),
    "vnc": tuple(range(5900, 5910)),
    "smtps": (465,),
    "imaps": (993,),
    "pop3s": (995,),
    "ftps": (990,),
    "https": (443, 832, 981, 2376, 4443, 5443, 5986, 6443, 7443, 8443, 8883, 9443, 10250, 10257, 10259, 16443),
    "etcd": (2379, 2380),
    "dns": (53, 5353),
    "domain-s": (853,),
    "ldap": (389, 3268),
    "ldaps": (636, 3269),
    "netbios-ssn": (139,),
    "smb": (445,),
    "rdp": (3389,),
    "postgresql": (5432, 5433, 6432),
    "http": (80, 591, 2375, 3000, 5000, 5601, 8000, 8001, 8008, 8080, 8081, 8088, 8888, 9000, 9090, 9100, 9200, 10255),
    "rediss": (6380,),
    "redis": (6379, 6380, 26379),
    "memcached": (11211, 11212),
    "mongodb": (27017, 27018, 27019),
    "mqtt": (1883,),
    "mqtts": (8883,),
    "amqp": (5672,),
    "amqps": (5671,),
}
_BY_NUMBER: Final[dict[int, tuple[Attempt, ...]]] = {}
for _name, _numbers in reversed(_NUMBERS.items()):  # the later entry is tried first
    for _number in _numbers:
        _BY_NUMBER[_number] = (*_BY_NUMBER.get(_number, ()), _BY_NAME[_name])


def attempts(port: int, expected: Iterable[str] = ()) -> tuple[Attempt, ...]:
    """Return the connections to make until one is answered, at most :data:`MOST_CONNECTIONS`.

    ``expected`` are names of services that rules want there; one that is not known is passed over.
    """
    usual = _BY_NUMBER.get(port, ())
    names = [text.strip().lower() for text in expected]
    wanted = [_BY_NAME[name] for name in names if name in _BY_NAME]
    if LISTEN in wanted and LISTEN not in usual and _PROMPT.issuperset(names):
        wanted = [ANYTHING if attempt == LISTEN else attempt for attempt in wanted]
    order: list[Attempt] = []
    for attempt in (*wanted, *usual, ANYTHING, HTTPS, _LAST):
        if not any(_covers(earlier, attempt) for earlier in order):
            order.append(attempt)
    return tuple(order[:MOST_CONNECTIONS])


def _covers(earlier: Attempt, attempt: Attempt) -> bool:
    """Whether the earlier one says all that this one says, be it in other pieces or after more patience."""
    same = earlier.greetings == attempt.greetings or (earlier == HTTP and attempt == ANYTHING)
    return same and earlier.tls == attempt.tls
