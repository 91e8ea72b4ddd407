"""What a datagram to a port is, and how the answer to it is recognised. No sockets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST = 64


class Told(NamedTuple):
    """What an answer tells of the program behind it, as far as it does."""

    product: str | None = None
    version: str | None = None


PLAIN = Told()
"""It is the protocol, and that is all that the answer tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A question in one protocol.

    ``recognise`` takes the answer and gives None where it is not that protocol's; it must stand any bytes.
    ``compels``: whoever speaks the protocol answers it, so that silence means something. False where a server may
    keep silent by design towards strangers. ``wanders``: the answer comes from another port than the one asked.
    """

    service: str
    datagram: bytes
    recognise: Callable[[bytes], Told | None]
    compels: bool = True
    wanders: bool = False


def printable(raw: bytes) -> str | None:
    """Text that a stranger sent, made harmless: at most 64 characters of plain ASCII; None if nothing is left."""
    text = "".join(chr(byte) for byte in raw[:_LONGEST] if 32 <= byte < 127).strip()
    return text or None


def starts(*beginnings: bytes) -> Callable[[bytes], Told | None]:
    """Recognise an answer by its first bytes."""
    return lambda data: PLAIN if data.startswith(beginnings) else None


def anything(data: bytes) -> Told | None:  # noqa: ARG001 - what comes back has no form
    """Recognise nothing: any answer would do, and none says who gave it."""
    return None
