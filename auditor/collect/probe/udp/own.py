"""The few ports of this machine that the scanner's own sockets held while they asked the others: asked by themselves.

To be called when those sockets are closed. There is no network in between, so that one look tells.
"""

from __future__ import annotations

import select
import socket
from typing import TYPE_CHECKING, Final, NamedTuple

from auditor.collect.probe.chunk import CLOSED, LOCAL, OPEN, SILENT
from auditor.collect.probe.udp.table import questions

if TYPE_CHECKING:
    from auditor.collect.probe.udp.wire import Place

_WAIT: Final = 0.1
_LONGEST: Final = 4096


class Found(NamedTuple):
    """The outcome, a reason where it is odd, and what came back."""

    code: int
    reason: str = ""
    data: bytes = b""


def ask_alone(place: Place, port: int) -> Found:
    """Ask one port of an address of our own, from a socket that talks to nobody else."""
    six = ":" in place.host
    with socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        try:
            sock.connect((place.host, port, 0, place.scope) if six else (place.host, port))
            if sock.getsockname()[1] == port:
                return Found(LOCAL, "local: the scanner itself uses the port")
            for payload in questions(port):
                sock.send(payload.datagram)
                if select.select([sock], [], [], _WAIT)[0]:
                    return Found(OPEN, data=sock.recv(_LONGEST))
        except ConnectionRefusedError:
            return Found(CLOSED)
        except OSError as error:
            return Found(LOCAL, f"local: {error.strerror}")
    return Found(SILENT)
