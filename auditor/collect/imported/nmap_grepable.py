"""nmap's grepable output (``-oG``) as probe evidence, host by host as they come; several runs may follow one another.

Its ports mean what they do in the XML, and are read by the same rules. What was asked stands there only with ``-v``
(``# Ports scanned``); otherwise it is the caller's to declare. Its clock has no time zone: a run counts as begun at the
earliest moment that its date can mean, so that no evidence looks younger than it is.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.collect.imported.nmap_host import Extra, HostRecord, observation
from auditor.collect.imported.ports_scanned import SCANNED, ports_scanned
from auditor.collect.imported.scanner_file import NOT_READ
from auditor.collect.imported.sightings import canonical, few, named, one_port
from auditor.collect.imported.stream import BrokenOffError, FaultError, Stream
from auditor.errors import EvidenceError, UsageError
from auditor.model.evidence import Completion, Kind, Origin, ServiceSeen
from auditor.model.ports import NO_PORTS, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model.evidence import Observation
    from auditor.model.ports import Port

_BEGIN = re.compile(r"# Nmap (\S+) scan initiated (.*?) as: ")
_DONE = "# Nmap done"
_HOST = re.compile(r"Host: (\S+) \(([^)\t]*)\)")
_IGNORED = re.compile(r"([a-z|]+) \((\d+)\)")
_ENTRY = re.compile(r"\s*(\d+)/([^/]*)/(\w+)/([^/]*)/([^/]*)/([^/]*)/([^/]*)/(?:, ?|\s*$)")
_PROTOCOLS = {protocol.value: protocol for protocol in Protocol}
_STATUS = {"Up": "up", "Down": "down"}
_FURTHEST_EAST = timedelta(hours=14)
_LONGEST_TEXT = 1000
_INTERRUPTED = "no end mark (# Nmap done): nmap was interrupted"


class NmapGrepable:
    """Evidence from a file written by ``nmap -oG``. ``source`` is what reports call it.

    :raises EvidenceError: on iteration: the file cannot be read, or is not nmap's.
    """

    def __init__(self, path: str | Path, *, source: str) -> None:
        self._path = Path(path)
        self._declared: PortSet | None = None
        self._origin = Origin(kind=Kind.PROBE, source=source, tool="nmap")
        self._completion = Completion(complete=False, reason=NOT_READ)
        self._header()

    @property
    def origin(self) -> Origin:
        """What its first lines say; with ``sha256`` once it has been read to its end. The hosts have times alone."""
        return self._origin

    @property
    def completion(self) -> Completion:
        """Complete if every run in it has ended."""
        return self._completion

    def declare(self, asked: PortSet) -> None:
        """Take the caller's word for what was asked of each host, where the file does not say.

        :raises UsageError: it does, and otherwise.
        """
        if self._origin.asked not in (None, asked):
            raise UsageError(
                f"{self._origin.source} says itself what was asked ({few(self._origin.asked or NO_PORTS)}): leave out"
                " --asked for it"
            )
        self._declared = asked
        self._origin = replace(self._origin, asked=asked)

    def __iter__(self) -> Iterator[Observation]:
        """One observation a host and run.

        :raises UsageError: a run asked, or found, what was not asked if the declaration is right.
        """
        source = self._origin.source
        self._completion = Completion(complete=False, reason=NOT_READ)
        stream = Stream(self._path, source)
        reading = _Reading(self._declared, source)
        failure = None
        try:
            for number, line in stream.lines():
                yield from reading.take(number, line, cut=stream.cut)
        except FaultError as fault:
            raise EvidenceError(f"{source}:{fault.line}: {fault}") from None
        except BrokenOffError as end:
            failure = str(end)
        yield from reading.host_over(whole=failure is None)
        failure = failure or reading.failure or (None if reading.ended else _INTERRUPTED)
        self._origin = replace(self._origin, sha256=stream.sha256)
        self._completion = Completion(complete=failure is None, reason=failure)

    def _header(self) -> None:
        """Read what stands before the first host."""
        reading = _Reading(None, self._origin.source)
        stream = Stream(self._path, self._origin.source)
        try:
            for number, line in stream.lines():
                if stream.cut or not line.startswith("#"):
                    break
                reading.heading(number, line)
        except FaultError as fault:
            raise EvidenceError(f"{self._origin.source}:{fault.line}: {fault}") from None
        self._origin = replace(self._origin, tool=reading.tool, asked=reading.asked)


class _Reading:
    """One pass over the file. ``ended``: the last run in it has."""

    def __init__(self, declared: PortSet | None, source: str) -> None:
        self._declared = declared
        self._source = source
        self._host: HostRecord | None = None
        self._begun: datetime | None = None
        self._headed = False
        self.tool = "nmap"
        self.asked = declared
        self.ended = False
        self.failure: str | None = None

    def take(self, number: int, line: str, *, cut: bool) -> Iterator[Observation]:
        """Take in a line; give the host that it brings to its end, if it does.

        :raises FaultError: the line is not nmap's.
        :raises BrokenOffError: the line is not there to its end.
        """
        if line.startswith("#"):
            yield from self.host_over(whole=True)
        if cut and not line.startswith(_DONE):
            raise BrokenOffError(number)
        if line.startswith("#"):
            self.heading(number, line)
            return
        found = _HOST.match(line)
        address = found and canonical(found[1])
        if found is None or address is None:
            raise FaultError(number, f"not a line of nmap's: {line[:40]!r}")
        self.ended = False
        if self._host is None or self._host.addresses[0] != address:
            yield from self.host_over(whole=True)
            self._host = HostRecord(asked=self.asked or NO_PORTS, started=self._begun, addresses=[address])
            name = named(found[2])[1]
            self._host.names.extend(filter(None, (name,)))
        for part in line[found.end() :].split("\t"):
            self._part(self._host, number, part)

    def heading(self, number: int, line: str) -> None:
        """Take in a comment: where a run begins, what it asks, where it ends."""
        if found := _BEGIN.match(line):
            if self._headed and not self.ended:
                self.failure = _INTERRUPTED
            self._headed, self.ended = True, False
            self.tool = f"nmap {found[1][:60]}"
            self._begun = _earliest(found[2])
            self.asked = self._declared
        elif line.startswith(SCANNED):
            asked = ports_scanned(line, number)
            if self._declared not in (None, asked):
                raise UsageError(
                    f"{self._source}:{number}: the file says itself what was asked, and not what --asked does"
                )
            self.asked = asked
        elif line.startswith(_DONE):
            self.ended = True

    def host_over(self, *, whole: bool) -> Iterator[Observation]:
        """Give the host that was being read.

        :raises UsageError: it lists a port that was not asked, if what was declared is right.
        """
        record, self._host = self._host, None
        seen = observation(record, whole=whole) if record else None
        if seen is None:
            return
        if self._declared is not None and (extra := seen.asked - self._declared):
            raise UsageError(f"{self._source} lists {few(extra)} of {seen.address}, which --asked leaves out")
        yield seen

    def _part(self, host: HostRecord, number: int, part: str) -> None:
        """Take in one field of a line."""
        word, _, text = part.partition(": ")
        match word:
            case "Status":
                host.state = _STATUS.get(text, host.state)
                host.timed_out |= text == "Timeout"
            case "Ports":
                self._ports(host, number, text)
            case "Ignored State":
                if found := _IGNORED.fullmatch(text.strip()):
                    host.extras.append(Extra(state=found[1], count=int(found[2][:9])))
                    host.answer(found[1], "")
            case _:
                pass

    def _ports(self, host: HostRecord, number: int, text: str) -> None:
        at = 0
        while at < len(text.rstrip()):
            found = _ENTRY.match(text, at)
            if found is None:
                raise FaultError(number, f"not a list of nmap's ports: {text[at : at + 40]!r}")
            at = found.end()
            _, state, protocol_name, _, service, _, version = found.groups()
            protocol = _PROTOCOLS.get(protocol_name)
            if protocol is None:
                host.ignored.add(protocol_name[:60])
                if protocol_name == "sctp" and state == "open":
                    host.foreign.append(f"{found[1][:5]}/sctp")
                continue
            try:
                port = one_port(found[1], protocol)
            except ValueError as error:
                raise FaultError(number, str(error)) from None
            host.listed[state[:60], protocol].append(port.number)
            host.answer(state, "")
            host.serve(_service(port, service, version))


def _service(port: Port, service: str, version: str) -> ServiceSeen:
    """Say what answers; ``ssl|http`` is http inside TLS. Only where a version stands was it spoken to."""
    tls, bar, inner = service.partition("|")
    wrapped = bool(bar) and tls == "ssl"
    return ServiceSeen(
        port=port,
        service=(inner if wrapped else service)[:_LONGEST_TEXT],
        product=version[:_LONGEST_TEXT] or None,
        tls=wrapped,
        method="probed" if version and not service.endswith("?") else "table",
    )


def _earliest(text: str) -> datetime | None:
    """The earliest moment that a date without a time zone can mean: clocks are at most 14 hours ahead of UTC."""
    try:
        read = datetime.strptime(text.strip(), "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
        return read - _FURTHEST_EAST
    except (ValueError, OverflowError):
        return None
