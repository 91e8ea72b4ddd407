"""All recognisers and greetings. A protocol is added by a module in ``families`` and a line here. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.collect.identify.answer import Answer, Lead
from auditor.collect.identify.families import cache, database, directory, mail, messaging, terminal, web

if TYPE_CHECKING:
    from auditor.collect.identify.answer import Found, Greeting, Recogniser

_FAMILIES = (database, cache, directory, messaging, mail, terminal, web)

RECOGNISERS: tuple[Recogniser, ...] = tuple(one for family in _FAMILIES for one in family.RECOGNISERS)
"""Every recogniser; where two would take the same bytes, the more particular one comes first."""

GREETINGS: dict[str, Greeting] = {name: one for family in _FAMILIES for name, one in family.GREETINGS.items()}
"""What a client of each protocol says first."""

_TLS_ALERT = re.compile(rb"\A\x15\x03[\x00-\x04]\x00\x02[\x01\x02]")


def recognise(data: bytes, said: bytes = b"") -> Found:
    """Say what the bytes of a connection show, given all that was said to it."""
    if not data:
        return None
    if said and data[: len(said)] == said[: len(data)] and len(data) >= min(len(said), 4):
        return Answer(service="echo", complete=len(data) >= len(said))
    if _TLS_ALERT.match(data):  # the answer of a TLS server to plain words (RFC 8446 section 6)
        return Lead(tls=True)
    if data in database.LETTERS and not said.endswith(database.SSL_REQUEST):
        return None
    for recogniser in RECOGNISERS:
        found = recogniser(data)
        if found is not None:
            return found
    return None
