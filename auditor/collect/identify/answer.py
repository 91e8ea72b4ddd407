"""What a recogniser says of the bytes that came: an answer, a lead to follow, or nothing. Everything in it is cleaned.

The bytes come from whoever is at the other end: an answer holds only printable text of bounded length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

LONGEST = 80
"""The most characters of a product's or version's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A protocol that was recognised. ``complete``: more bytes would not tell more."""

    service: str
    product: str | None = None
    version: str | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """It looks like something, and one more step settles it: a line to ``say``, or TLS.

    ``tls``: on a connection of its own; ``upgrade``: on this one, as after PostgreSQL's SSLRequest. ``instead`` is
    what it is taken for where that step leads nowhere.
    """

    say: bytes = b""
    tls: bool = False
    upgrade: bool = False
    instead: Answer | None = None


Found = Answer | Lead | None
Recogniser = Callable[[bytes], Found]
"""From all bytes of one connection so far, which begin with the server's first, to what they show. Never raises."""


class Peer(NamedTuple):
    """Whom a greeting is for: ``name`` as HTTP's Host header has it, ``port`` its number."""

    name: str
    port: int


class Greeting(NamedTuple):
    """What a client says first, and what it says when it leaves. ``brief``: whoever answers this does so at once."""

    say: Callable[[Peer], bytes]
    farewell: bytes = b""
    brief: bool = False


def always(payload: bytes, farewell: bytes = b"") -> Greeting:
    """Make a greeting that is the same for everybody."""
    return Greeting(lambda _: payload, farewell)


def cleaned(raw: bytes | None, longest: int = LONGEST) -> str | None:
    """Make printable text of hostile bytes: UTF-8 or Latin-1, on one line, shortened. None: nothing left."""
    if not raw:
        return None
    raw = raw[: longest * 4]
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return printable(text, longest)


def printable(text: str, longest: int = LONGEST) -> str | None:
    """Keep what can be shown, on one line with single blanks, shortened. None: nothing left."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(shown.split())[:longest].rstrip() or None
