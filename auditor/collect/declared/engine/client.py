"""A container engine asked over its unix socket: GET alone, bounded in time and size. Nothing else is ever sent."""

from __future__ import annotations

import errno
import io
import json
import socket
from http.client import HTTPConnection, HTTPException, IncompleteRead
from time import monotonic
from typing import Any

from auditor.errors import CollectError, EvidenceError

_PATIENCE = 10.0
"""Seconds for the engine to say anything at all, each time."""
_DEADLINE = 60.0
"""Seconds for one answer as a whole."""
_LARGEST = 64 * 1024 * 1024
_CHUNK = 64 * 1024
_HINTS = {
    errno.EACCES: "it takes root, or the group that the socket belongs to",
    errno.ENOENT: "no engine runs there: {start}, or name its socket (unix://PATH)",
    errno.ECONNREFUSED: "no engine listens there: {start}, or name its socket (unix://PATH)",
}
"""What helps with what the kernel says of a socket."""


class Client:
    """An engine behind a unix socket at ``path``; ``shown`` is what messages call it.

    ``patience`` bounds each wait, and ``deadline`` each answer, in seconds; ``largest`` an answer, in bytes.
    """

    def __init__(
        self,
        path: str,
        shown: str,
        *,
        patience: float = _PATIENCE,
        deadline: float = _DEADLINE,
        largest: int = _LARGEST,
    ) -> None:
        self._path = path
        self._shown = shown
        self._patience = patience
        self._deadline = deadline
        self._largest = largest

    def get(self, target: str) -> Any:
        """Ask for one resource; None if there is none (any more).

        :raises CollectError: no such socket, or no permission to use it.
        :raises EvidenceError: whoever listens there gives no answer, an endless one, or none that is JSON over HTTP.
        """
        try:
            status, body = self._fetch(target)
        except TimeoutError:
            raise EvidenceError(f"{self._shown}: no whole answer in time to GET {target}") from None
        except (HTTPException, OSError, ValueError) as error:
            what = getattr(error, "strerror", None) or type(error).__name__
            raise EvidenceError(f"{self._shown}: no answer in HTTP to GET {target} ({what})") from None
        if status == 404:
            return None
        if status != 200:
            raise EvidenceError(f"{self._shown}: the answer to GET {target} is HTTP {status}")
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise EvidenceError(f"{self._shown}: the answer to GET {target} is no JSON") from None

    def _fetch(self, target: str) -> tuple[int, bytes]:
        until = monotonic() + self._deadline
        connection = HTTPConnection("localhost", timeout=self._patience)
        with self._connected() as sock:
            connection.sock = _Hurried(sock, self._patience, until)
            connection.request("GET", target, headers={"Accept": "application/json", "Connection": "close"})
            response = connection.getresponse()
            parts: list[bytes] = []
            size = 0
            while part := response.read1(_CHUNK):
                parts.append(part)
                size += len(part)
                if size > self._largest:
                    raise EvidenceError(f"{self._shown}: the answer to GET {target} does not end")
            if response.length:
                raise IncompleteRead(b"", response.length)
            return response.status, b"".join(parts)

    def _connected(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(self._patience)
        try:
            sock.connect(self._path)
        except OSError as error:
            sock.close()
            podman = "podman" in self._shown
            start = (
                "'systemctl start podman.socket', with --user for your own" if podman else "'systemctl start docker'"
            )
            hint = _HINTS.get(error.errno or 0, "").format(start=start)
            reason = error.strerror or "the name is too long" if str(error) else type(error).__name__
            raise CollectError(f"cannot ask {self._shown}: {reason}{f'; {hint}' if hint else ''}") from None
        return sock


class _Hurried:
    """A socket whose reads together end at a moment, however slowly the other side trickles."""

    def __init__(self, sock: socket.socket, patience: float, until: float) -> None:
        self._sock = sock
        self._patience = patience
        self._until = until

    def sendall(self, data: bytes) -> None:
        self._sock.sendall(data)

    def makefile(self, mode: str) -> Any:  # noqa: ARG002 - http.client asks to read bytes
        return io.BufferedReader(_Reader(self._sock, self._patience, self._until))

    def close(self) -> None:
        """Whoever connected closes."""


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, patience: float, until: float) -> None:
        self._sock = sock
        self._patience = patience
        self._until = until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._until - monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(min(left, self._patience))
        return self._sock.recv_into(buffer)
