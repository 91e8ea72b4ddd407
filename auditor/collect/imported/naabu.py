"""naabu's JSON lines (``-json``) and CSV (``-csv``): open ports, no end mark, and nothing says what was asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from auditor.collect.imported.scanner_file import ScannerFile
from auditor.collect.imported.sightings import Sighting, moment, named, one_port
from auditor.collect.imported.stream import BrokenOffError, FaultError, cells_of
from auditor.model.evidence import State
from auditor.model.ports import Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.collect.imported.scanner_file import Run
    from auditor.collect.imported.stream import Stream

_PROTOCOLS = {None: Protocol.TCP, "": Protocol.TCP, "tcp": Protocol.TCP, "udp": Protocol.UDP}
_NUMBERED = {0: Protocol.TCP, 1: Protocol.UDP}
"""What versions before 2.3 call the protocols."""

_JOINED = re.compile(r"(\d{1,5})-([01])-(?:true|false)")
_CLOCK = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,9})?) ([+-]\d\d)(\d\d)")
"""Go's own words for a time."""


def json_file(path: str, source: str) -> ScannerFile:
    """Open what ``naabu -json`` wrote."""
    return ScannerFile(path, _read, tool="naabu", source=source)


def csv_file(path: str, source: str) -> ScannerFile:
    """Open what ``naabu -csv`` wrote."""
    return ScannerFile(path, _csv, tool="naabu", source=source)


def _csv(stream: Stream, _run: Run) -> Iterator[Sighting]:
    header: list[str] | None = None
    for number, line in stream.lines():
        cells = cells_of(line, number)
        if header is None or cells == header:  # or files joined to one
            header = cells
            continue
        if stream.cut:
            raise BrokenOffError(number)
        if len(cells) != len(header):
            raise FaultError(number, f"{len(cells)} cells where {len(header)} belong")
        fields: dict[str, Any] = dict(zip(header, cells, strict=True))
        if joined := _JOINED.fullmatch(fields.get("port", "")):  # of versions before 2.3
            fields |= {"port": joined[1], "protocol": int(joined[2])}
        if clock := _CLOCK.match(fields.get("timestamp", "")):
            fields["timestamp"] = "{}T{}{}:{}".format(*clock.groups())
        try:
            yield _sighting(fields)
        except ValueError as error:
            raise FaultError(number, f"not a row of naabu's: {error}") from None


def _read(stream: Stream, _run: Run) -> Iterator[Sighting]:
    for line, fields in stream.objects():
        if fields is None:
            continue
        try:
            yield _sighting(fields)
        except ValueError as error:
            raise FaultError(line, f"not an entry of naabu's: {error}") from None


def _sighting(fields: dict[str, Any]) -> Sighting:
    """Read one entry. ``host`` is what naabu was given, and may be the address; old versions leave out ``ip``.

    :raises ValueError: a value that naabu would not write.
    """
    texts = [text for text in (fields.get("ip"), fields.get("host")) if isinstance(text, str) and text]
    address = next(filter(None, (named(text)[0] for text in texts)), None)
    name = next(filter(None, (named(text)[1] for text in texts)), None)
    if not texts or (name is not None and name == fields.get("ip")):
        raise ValueError(f"{fields.get('ip')!r:.60} is not an IP address")
    port, protocol = fields.get("port"), fields.get("protocol")
    if isinstance(port, dict):
        lowered = {key.lower(): value for key, value in port.items()}
        port, protocol = lowered.get("port"), lowered.get("protocol")
    when = moment(fields.get("timestamp"))
    if port is None and "port" in fields:  # of a search for hosts alone
        return Sighting(address=address, name=name, answered=True, when=when)
    return Sighting(
        address=address,
        name=name,
        port=one_port(port, _protocol(protocol)),
        state=State.OPEN,
        when=when,
    )


def _protocol(word: object) -> Protocol:
    found = None
    if word is None or isinstance(word, str):
        found = _PROTOCOLS.get(word and word.lower())
    elif isinstance(word, int) and not isinstance(word, bool):
        found = _NUMBERED.get(word)
    if found is None:
        raise ValueError(f"{word!r:.60} is not a protocol")
    return found
