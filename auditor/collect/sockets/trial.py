"""Trying to bind a port, which is the only sure answer to whether it can be bound. Each try is undone at once.

A TCP socket that is bound and never listens gets no traffic, so the tries with ``SO_REUSEADDR`` and ``SO_REUSEPORT``
take nothing from a running server. A UDP socket would (the last that binds is handed the datagrams): there the only
try is the plain one, which fails wherever anybody else holds the port.
"""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from auditor.model.ports import Protocol

if TYPE_CHECKING:
    from auditor.model.ports import Port

ADDRESSES = ("0.0.0.0", "::", "127.0.0.1")  # noqa: S104 - bound for an instant, to see whether it can be


class Outcome(StrEnum):
    """What became of trying to bind an address."""

    FREE = "free"
    FREE_WITH_REUSEADDR = "free with SO_REUSEADDR"
    IN_USE = "in use"
    PRIVILEGED = "privileged"
    ABSENT = "no such address here"
    REFUSED = "refused"

    @property
    def free(self) -> bool:
        """Whether a server can have the port, as nearly all of them set ``SO_REUSEADDR``."""
        return self in {Outcome.FREE, Outcome.FREE_WITH_REUSEADDR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Trying to bind a port on one address; ``::`` stands for IPv6 and IPv4 together.

    ``sharable`` is whether it works with ``SO_REUSEPORT``: the holder set that too, and is of the same user.
    ``error`` is the system's own message.
    """

    address: str
    outcome: Outcome
    sharable: bool = False
    error: str | None = None


def try_bind(port: Port, address: str, privileged_below: int) -> Trial:
    """Bind the port on an address and let go of it at once."""
    code = _bind(port, address)
    outcome, sharable = _OUTCOMES.get(code, Outcome.REFUSED), False
    if code == errno.EACCES and port.number >= privileged_below:
        outcome = Outcome.REFUSED  # not for want of privilege: a security module
    if outcome is Outcome.IN_USE and port.protocol is Protocol.TCP:
        if _bind(port, address, socket.SO_REUSEADDR) == 0:
            outcome = Outcome.FREE_WITH_REUSEADDR
        else:
            sharable = _bind(port, address, socket.SO_REUSEPORT) == 0
    return Trial(address=address, outcome=outcome, sharable=sharable, error=os.strerror(code) if code else None)


_OUTCOMES = {
    0: Outcome.FREE,
    errno.EADDRINUSE: Outcome.IN_USE,
    errno.EACCES: Outcome.PRIVILEGED,
    errno.EADDRNOTAVAIL: Outcome.ABSENT,
    errno.EAFNOSUPPORT: Outcome.ABSENT,
}


def _bind(port: Port, address: str, option: int | None = None) -> int:
    """Return 0, or the error number."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if port.protocol is Protocol.TCP else socket.SOCK_DGRAM
    try:
        with socket.socket(family, kind) as trial:
            if family == socket.AF_INET6:
                trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            if option is not None:
                trial.setsockopt(socket.SOL_SOCKET, option, 1)
            trial.bind((address, port.number))
    except OSError as error:
        return error.errno or errno.EIO
    return 0
