"""The column PORTS of ``docker ps`` and ``podman ps``: ``0.0.0.0:9000-9003->7000-7003/tcp, 6379/tcp``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.collect.declared.engine.container import Binding, is_port

if TYPE_CHECKING:
    from collections.abc import Iterator

_PUBLISHED = re.compile(
    r"(?:(?P<address>[^\s,]*):)?(?P<low>\d{1,5})(?:-(?P<high>\d{1,5}))?->(?P<inside>\d{1,5}(?:-\d{1,5})?)(?:/(?P<protocol>\w+))?"
)
_EXPOSED = re.compile(r"\d{1,5}(?:-\d{1,5})?(?:/\w+)?")


def read_cell(text: str, odd: list[str]) -> Iterator[Binding]:
    """Yield what is published; ``odd`` gets what cannot be read. ``:::80`` is an old way to write ``[::]:80``."""
    for item in filter(None, (part.strip() for part in text.split(","))):
        found = _PUBLISHED.fullmatch(item)
        if found is None:
            if not _EXPOSED.fullmatch(item):
                odd.append(f"has ports that cannot be read: {item[:60]!r}")
            continue
        low = int(found["low"])
        high = int(found["high"] or low)
        if not (is_port(low) and is_port(high) and low <= high):
            odd.append(f"has ports that cannot be read: {item[:60]!r}")
            continue
        yield Binding(
            address=_bare(found["address"] or ""),
            low=low,
            high=high,
            protocol=(found["protocol"] or "tcp").lower(),
            target=found["inside"],
        )


def _bare(address: str) -> str:
    return address[1:-1] if address.startswith("[") and address.endswith("]") else address
