"""zmap's CSV, with a header or addresses alone, and its JSON.

zmap lists who answered; by default only who accepted. Which port was asked stands in ``sport``, if that field was asked
for; otherwise the caller must say. There is no end mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.collect.imported.scanner_file import ScannerFile
from auditor.collect.imported.sightings import Sighting, canonical, epoch, moment, one_port
from auditor.collect.imported.stream import BrokenOffError, FaultError, cells_of
from auditor.errors import UsageError
from auditor.model.evidence import State
from auditor.model.ports import Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditor.collect.imported.scanner_file import Run
    from auditor.collect.imported.stream import Stream
    from auditor.model.ports import Port

ADDRESS = "saddr"
"""The field of who answered, in every form of output."""

_ACCEPTED = {"synack": Protocol.TCP, **dict.fromkeys(("udp", "dns", "ntp", "upnp"), Protocol.UDP)}
_REFUSED = {"rst": Protocol.TCP}
_YES = ("1", "true")


def csv_file(path: str, source: str) -> ScannerFile:
    """Open what ``zmap -O csv`` wrote, with or without a header."""
    return ScannerFile(path, _csv, tool="zmap", source=source)


def json_file(path: str, source: str) -> ScannerFile:
    """Open what ``zmap -O json`` wrote."""
    return ScannerFile(path, _json, tool="zmap", source=source)


def _json(stream: Stream, run: Run) -> Iterator[Sighting]:
    for line, fields in stream.objects():
        if fields is None:
            continue
        texts = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in fields.items()}
        yield from _sightings(texts, line, stream, run)


def _csv(stream: Stream, run: Run) -> Iterator[Sighting]:
    header: list[str] | None = None
    for number, line in stream.lines():
        cells = cells_of(line, number)
        if header is None:
            header = cells if ADDRESS in cells else [ADDRESS]
            if header is cells:
                continue
        if cells == header:  # files joined to one
            continue
        if stream.cut:
            raise BrokenOffError(number)
        if len(cells) != len(header):
            raise FaultError(number, f"{len(cells)} cells where {len(header)} belong")
        yield from _sightings(dict(zip(header, cells, strict=True)), number, stream, run)


def _sightings(fields: Mapping[str, Any], line: int, stream: Stream, run: Run) -> Iterator[Sighting]:
    """Read one row. What is neither an acceptance nor a refusal, such as ICMP from a router, is passed over."""
    accepted = fields.get("success", "1").lower() in _YES
    word = fields.get("classification", "")
    state = State.OPEN if accepted else State.CLOSED if word in _REFUSED else None
    if state is None:
        return
    protocol = _ACCEPTED.get(word) or _REFUSED.get(word)
    if word and protocol is None:  # another kind of answer, such as to a ping
        return
    address = canonical(fields.get(ADDRESS, ""))
    if address is None:
        raise FaultError(line, f"{fields.get(ADDRESS)!r:.60} is not an IP address")
    try:
        port = _port(fields.get("sport"), protocol, stream, run)
    except ValueError as error:
        raise FaultError(line, str(error)) from None
    when = moment(fields.get("timestamp-str") or fields.get("timestamp_str"))
    when = when or epoch(fields.get("timestamp-ts") or fields.get("timestamp_ts"))
    yield Sighting(address=address, port=port, state=state, when=when)


def _port(sport: str | None, protocol: Protocol | None, stream: Stream, run: Run) -> Port:
    """Return the port asked: as the row says, or else the only one that the caller declares.

    :raises ValueError: the row's is none.
    :raises UsageError: nobody says.
    """
    only = next(iter(run.asked)) if run.asked is not None and len(run.asked) == 1 else None
    if sport is not None:
        return one_port(sport, protocol or (only.protocol if only else Protocol.TCP))
    if only is None or (protocol is not None and protocol is not only.protocol):
        raise UsageError(
            f"{stream.source}: zmap's output does not say which port was asked, unless with -f saddr,sport: name the"
            " one port with --asked, such as --asked 443"
        )
    return only
