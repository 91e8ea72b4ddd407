"""masscan's JSON, JSON lines (``-oD``), list and grepable output, and its XML put together host by host.

masscan lists what answered; it tells neither closed nor filtered (but for ``--show closed``), nor what got lost. An
interrupted run and a shard of one end like a whole one, with every port in the header: no form says what was asked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from auditor.collect.imported.ports_scanned import SCANNED, ports_scanned
from auditor.collect.imported.scanner_file import ScannerFile
from auditor.collect.imported.sightings import TLS, Sighting, canonical, epoch, few, one_port
from auditor.collect.imported.stream import BrokenOffError, FaultError
from auditor.errors import UsageError
from auditor.model.evidence import State
from auditor.model.ports import Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.collect.imported.scanner_file import Run
    from auditor.collect.imported.stream import Stream
    from auditor.model.ports import PortSet

_PROTOCOLS = {protocol.value: protocol for protocol in Protocol}
_STATES = {"open": State.OPEN, "closed": State.CLOSED}

_SERVICES = {
    **{name: name for name in ("ssh", "http", "smtp", "pop3", "imap", "vnc", "rdp", "memcached", "ftp", "telnet")},
    **{name: name for name in ("smb", "snmp", "ntp")},
    **dict.fromkeys(("title", "html", "http.server"), "http"),
    **dict.fromkeys(("ssl", "X509", "X509CA"), TLS),
    "dns-ver": "domain",
    "nbtstat": "netbios-ns",
}
"""What masscan calls a banner, and the service that it recognised by it."""

_LIST_END = "# end"
_NO_END = "no end mark: masscan was killed"
_LINE = re.compile(r"(\w+) (\w+) (\d+) (\S+) (\d+)(?: (\S+)(?: .*)?)?")
_GREPABLE = re.compile(
    r"Timestamp: (\d+)\tHost: (\S+) \([^\t]*\)\t(?:Ports: (\S.*)|Port: (\d+)\tService: ([^\t]*)\t.*)"
)
_ENTRY = re.compile(r"(\d+)/(\w+)/(\w+)/[^/]*/[^/]*/[^/]*/?(?:, |$)")


def json_file(path: str, source: str) -> ScannerFile:
    """Open what ``masscan -oJ`` or ``-oD`` wrote."""
    return ScannerFile(path, _json, tool="masscan", source=source)


def list_file(path: str, source: str) -> ScannerFile:
    """Open what ``masscan -oL`` wrote."""
    return ScannerFile(path, _list, tool="masscan", source=source)


def grepable_file(path: str, source: str) -> ScannerFile:
    """Open what ``masscan -oG`` wrote."""
    return ScannerFile(path, _grepable, tool="masscan", source=source)


def xml_file(path: str, source: str) -> ScannerFile:
    """Open what ``masscan -oX`` wrote."""
    from auditor.collect.imported.masscan_xml import read

    return ScannerFile(path, read, tool="masscan", source=source)


def _json(stream: Stream, run: Run) -> Iterator[Sighting]:
    """A list of entries, whose end is its bracket, or a line each, which have none."""
    listed = ended = False
    for line, fields in stream.objects(mended=True):
        if fields is None:
            ended = True
            continue
        listed = listed or "rec_type" not in fields
        ended = False
        try:
            yield from _of_entry(fields)
        except ValueError as error:
            if stream.cut:
                continue
            raise FaultError(line, f"not an entry of masscan's: {error}") from None
    if listed and not ended:
        run.failure = "the list has no end: masscan was killed"


def _of_entry(fields: dict[str, Any]) -> Iterator[Sighting]:
    """Both forms: the ports of ``-oJ`` stand in a list, ``-oD`` has one entry a record."""
    ports = fields.get("ports")
    if "rec_type" in fields:
        data = fields.get("data")
        data = data if isinstance(data, dict) else {}
        service = {"name": data.get("service_name")} if fields["rec_type"] == "banner" else None
        ports = [{**data, "port": fields.get("port"), "proto": fields.get("proto"), "service": service}]
    if not isinstance(ports, list):
        raise ValueError('"ports" is not a list')  # noqa: TRY004 - one kind of error for every fault
    for port in ports:
        if not isinstance(port, dict):
            raise ValueError("a port is not an object")  # noqa: TRY004
        service = port.get("service")
        name = service.get("name") if isinstance(service, dict) else None
        yield _sighting(
            fields.get("ip"),
            fields.get("timestamp"),
            port.get("proto"),
            port.get("port"),
            "banner" if service else port.get("status"),
            name,
        )


def _list(stream: Stream, run: Run) -> Iterator[Sighting]:
    ended = False
    for number, line in stream.lines():
        if line.startswith("#"):
            ended = line == _LIST_END
            continue
        ended = False
        found = _matched(_LINE, line, stream, number)
        status, proto, port, address, when, service = found.groups()
        try:
            yield _sighting(address, when, proto, port, status, service)
        except ValueError as error:
            raise FaultError(number, f"not an entry of masscan's: {error}") from None
    if not ended:
        run.failure = _NO_END


def _grepable(stream: Stream, run: Run) -> Iterator[Sighting]:
    ended = False
    for number, line in stream.lines():
        if line.startswith("#"):
            ended = line.startswith("# Masscan done")
            if stream.cut and not ended:
                raise BrokenOffError(number)
            if line.startswith(SCANNED):
                _agree(stream, run, ports_scanned(line, number))
            continue
        ended = False
        found = _matched(_GREPABLE, line, stream, number)
        when, address, ports, port, service = found.groups()
        try:
            if port is not None:
                yield _sighting(address, when, "tcp", port, "banner", service)
                continue
            for entry in _entries(ports):
                yield _sighting(address, when, entry[3], entry[1], entry[2], None)
        except ValueError as error:
            raise FaultError(number, f"not an entry of masscan's: {error}") from None
    if not ended:
        run.failure = _NO_END


def _agree(stream: Stream, run: Run, planned: PortSet) -> None:
    """Hold the declaration against what masscan was told to ask, which need not be what it came to.

    :raises UsageError: more is declared.
    """
    if run.asked is not None and (extra := run.asked - planned):
        raise UsageError(f"{stream.source}: masscan was not told to ask {few(extra)}, which --asked names")


def _entries(text: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(text):
        found = _ENTRY.match(text, at)
        if found is None:
            raise ValueError(f"{text[at : at + 40]!r} is not a port")
        yield found
        at = found.end()


def _matched(form: re.Pattern[str], line: str, stream: Stream, number: int) -> re.Match[str]:
    """Read a line that is there to its end."""
    if stream.cut:
        raise BrokenOffError(number)
    found = form.fullmatch(line)
    if found is None:
        raise FaultError(number, f"not an entry of masscan's: {line[:40]!r}")
    return found


def _sighting(ip: object, when: object, proto: object, port: object, status: object, service: object) -> Sighting:
    """Make a sighting of an entry's values.

    A banner comes from a port that is open. ``open icmp`` is the answer to a ping; other protocols are not judged.

    :raises ValueError: a value that masscan would not write.
    """
    address = canonical(ip) if isinstance(ip, str) else None
    if address is None:
        raise ValueError(f"{ip!r:.60} is not an IP address")
    protocol = _PROTOCOLS.get(proto) if isinstance(proto, str) else None
    if protocol is None:
        if not isinstance(proto, str):
            raise ValueError("it names no protocol")
        alive = proto == "icmp" and status == "open"
        return Sighting(address=address, when=epoch(when), answered=alive, ignored=None if alive else proto[:60])
    if not isinstance(status, str):
        raise ValueError("it names no status")  # noqa: TRY004
    return Sighting(
        address=address,
        port=one_port(port, protocol),
        state=State.OPEN if status == "banner" else _STATES.get(status),
        when=epoch(when),
        service=_SERVICES.get(service) if isinstance(service, str) else None,
    )
