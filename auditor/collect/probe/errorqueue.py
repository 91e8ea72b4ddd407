"""What waits in the error queues of connections, and what it means for the ports that were asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from auditor.collect.probe.chunk import REFUSALS
from auditor.collect.probe.icmp import Message, classify, drain
from auditor.collect.probe.local import is_local

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from auditor.collect.probe.chunk import Chunk
    from auditor.collect.probe.descriptors import Descriptors


Told = tuple[Message, int, str]
"""A message, the outcome that it stands for, and the reason in words."""


class Verdict(NamedTuple):
    """What the network said about one probe, if it did, and all that is to be passed on."""

    own: tuple[int, str | None] | None
    messages: list[Told]


class OwnAddresses:
    """Which addresses are this machine's own; each is looked up once."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, bool] = {}

    def has(self, address: str) -> bool:
        """Whether this one is."""
        known = self._known.get(address)
        if known is None:
            known = self._known[address] = is_local(address)
        return known


class ErrorQueues:
    """Reads the error queues of descriptors. It opens and closes none, and settles nothing."""

    __slots__ = ("_descriptors", "_own")

    def __init__(self, descriptors: Descriptors) -> None:
        self._descriptors = descriptors
        self._own = OwnAddresses()

    def drain(self) -> Iterator[Told]:
        """The messages about refused connections that have not been read yet."""
        unread = tuple(self._descriptors.unread)
        self._descriptors.unread.clear()
        for descriptor in unread:
            sock = self._descriptors.sockets.get(descriptor)
            if sock is not None:
                yield from self._on(sock)

    def verdict(self, descriptor: int, chunk: Chunk, index: int, *, late: bool = False) -> Verdict:
        """What was said about this very probe. A ``late`` refusal is told as a late answer alone."""
        found: tuple[int, str | None] | None = None
        messages: list[Told] = []
        for message, code, reason in self._on(self._descriptors.sockets[descriptor]):
            own = message.port == chunk.asked[index] and message.host == chunk.host
            if own:
                found = code, reason
            if not (own and late and code in REFUSALS):
                messages.append((message, code, reason))
        return Verdict(found, messages)

    def _on(self, sock: socket.socket) -> Iterator[Told]:
        ours = self._own.has
        for message in drain(sock):
            yield message, *classify(message, ours=ours, target_is_ours=ours(message.host))
