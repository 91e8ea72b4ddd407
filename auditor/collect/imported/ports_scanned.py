"""The line ``# Ports scanned`` of grepable output: nmap's says what was asked, masscan's what was to be asked."""

from __future__ import annotations

import re

from auditor.collect.imported.stream import FaultError
from auditor.model.ports import HIGHEST, NO_PORTS, PortSet, Protocol

SCANNED = "# Ports scanned: "

_LISTS = re.compile(r"(TCP|UDP)\((\d{1,9});([\d,-]*)\)")
_SPAN = re.compile(r"(\d{1,7})(?:-(\d{1,7}))?")


def ports_scanned(line: str, number: int) -> PortSet:
    """Read ``TCP(3;22,80-81) UDP(0;) …``.

    :raises FaultError: a list that does not hold as many ports as it says.
    """
    asked = NO_PORTS
    for name, count, text in _LISTS.findall(line):
        try:
            listed = NO_PORTS
            for item in filter(None, text.split(",")):
                listed |= _span(item, Protocol(name.lower()))
        except ValueError as error:
            raise FaultError(number, f"not a list of ports: {error!s:.120}") from None
        if len(listed) != int(count):
            raise FaultError(number, f"{count} ports are said to be listed, and {len(listed)} are")
        asked |= listed
    return asked


def _span(text: str, protocol: Protocol) -> PortSet:
    """Read a range. To masscan, UDP ports begin where TCP's end, and that is how it writes them."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r:.40} is no range")
    low, high = int(found[1]), int(found[2] or found[1])
    if protocol is Protocol.UDP and low > HIGHEST:
        low, high = low - HIGHEST - 1, high - HIGHEST - 1
    return PortSet.span(low, high, protocol)
