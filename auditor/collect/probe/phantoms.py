"""Connections of the scanner with itself, which look like open ports on addresses of this machine."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from auditor.collect.probe.chunk import CLOSED, LOCAL, SILENT
from auditor.collect.probe.local import ephemeral_ports, listens

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Mapping

    from auditor.collect.probe.chunk import Chunk

_ONCE: Final = "local: a first connection came about and a second one did not"


class Phantoms:
    """Doubts finished handshakes with our own addresses. ``sockets`` are all of ours, by descriptor."""

    def __init__(self, sockets: Mapping[int, socket.socket]) -> None:
        self._sockets = sockets
        self._ephemeral = ephemeral_ports()
        self._seen_open: set[tuple[Chunk, int]] = set()
        self._doubted: dict[Chunk, set[int]] = {}

    def suspect(self, descriptor: int, chunk: Chunk, index: int) -> bool:
        """Whether it is a connection with itself, or the first with a port that another probe may have as its source.

        A listener settles it. Without one the connection is to be tried again; was the first with none of our sockets,
        so that somebody must have been there, then a second try that fails says nothing.
        """
        sock = self._sockets[descriptor]
        try:
            peer = sock.getpeername()[:2]
            if sock.getsockname()[:2] == peer:
                return True
        except OSError:  # it is over already, so it was with somebody
            return False
        if chunk.ports[index] not in self._ephemeral or (chunk, index) in self._seen_open:
            self._seen_open.discard((chunk, index))
            return False
        if listens(chunk.host, chunk.ports[index]):
            return False
        self._seen_open.add((chunk, index))
        if not self._has_end(peer):
            self._doubted.setdefault(chunk, set()).add(index)
        return True

    def doubt(self, finished: Iterable[Chunk]) -> None:
        """A port that has taken one connection, and not the next one, is neither closed nor filtered."""
        if not self._doubted:
            return
        for chunk in finished:
            for index in self._doubted.pop(chunk, ()):
                if chunk.codes[index] in {CLOSED, SILENT}:
                    chunk.codes[index] = LOCAL
                    chunk.reasons[index] = _ONCE

    def _has_end(self, end: tuple[str, int]) -> bool:
        """Whether this is the local end of one of our sockets."""
        for sock in self._sockets.values():
            with suppress(OSError):
                if sock.getsockname()[:2] == end:
                    return True
        return False
