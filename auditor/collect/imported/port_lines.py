"""Lines of ``host:port``, as naabu and RustScan print them, and RustScan's ``host -> [ports]``.

They name open TCP ports and nothing else: neither what was asked nor when, and there is no end mark. What RustScan
prints around them, and nmap through it, is passed over.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.collect.imported.scanner_file import ScannerFile
from auditor.collect.imported.sightings import Sighting, named, one_port
from auditor.collect.imported.stream import BrokenOffError, FaultError
from auditor.model.evidence import State
from auditor.model.ports import Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.collect.imported.scanner_file import Run
    from auditor.collect.imported.stream import Stream

COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
GREPPABLE = re.compile(r"(\S+) -> \[((?:\d+(?:, ?\d+)*)?)\]")
OPEN = re.compile(r"Open (\[\S+\]|[^\s:\[\]]+):(\d+)")
PAIR = re.compile(
    r"(\[[0-9A-Fa-f:.%]{1,64}\]|[A-Za-z0-9][A-Za-z0-9._-]{0,254}|[0-9A-Fa-f:]{0,45}:[0-9A-Fa-f:.]{0,45}):(\d{1,5})"
)
"""An address of IPv6 in brackets or without, or a name, none of which is longer (RFC 1035, section 2.3.4)."""


def rustscan_file(path: str, source: str) -> ScannerFile:
    """Open what RustScan printed, greppable (``-g``) or not."""
    return ScannerFile(path, _rustscan, tool="RustScan", source=source)


def pairs_file(path: str, source: str) -> ScannerFile:
    """Open a list of ``host:port``, as ``naabu -silent`` prints it."""
    return ScannerFile(path, _pairs, tool="a list of open ports", source=source)


def _rustscan(stream: Stream, _run: Run) -> Iterator[Sighting]:
    for number, raw in stream.lines():
        line = COLOURS.sub("", raw).strip()
        try:
            if found := GREPPABLE.fullmatch(line):
                yield _mentioned(found[1])
                for port in filter(None, found[2].split(",")):
                    yield _opened(found[1], port.strip())
            elif found := OPEN.fullmatch(line):
                if stream.cut:
                    raise BrokenOffError(number)
                yield _opened(found[1], found[2])
            elif stream.cut:
                raise BrokenOffError(number)
        except ValueError as error:
            raise FaultError(number, f"not what RustScan prints: {error}") from None


def _pairs(stream: Stream, _run: Run) -> Iterator[Sighting]:
    for number, line in stream.lines():
        if stream.cut:
            raise BrokenOffError(number)
        found = PAIR.fullmatch(line)
        if found is None:
            raise FaultError(number, f"not a host and a port: {line[:40]!r}")
        try:
            yield _opened(found[1], found[2])
        except ValueError as error:
            raise FaultError(number, str(error)) from None


def _mentioned(host: str) -> Sighting:
    address, name = named(host)
    return Sighting(address=address, name=name)


def _opened(host: str, port: str) -> Sighting:
    address, name = named(host)
    return Sighting(address=address, name=name, port=one_port(port, Protocol.TCP), state=State.OPEN)
