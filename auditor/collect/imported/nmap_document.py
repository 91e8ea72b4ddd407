"""The events of an nmap XML document, turned into hosts as their elements close. Nothing is kept of a host once told.

The forms are those of nmap's own ``nmap.dtd``; elements that say nothing of ports are passed over.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar
from xml.sax.handler import ContentHandler

from auditor.collect.imported.nmap_host import UNNAMED, Extra, HostRecord, observation
from auditor.model.evidence import ServiceSeen
from auditor.model.ports import NO_PORTS, Port, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from xml.sax.xmlreader import AttributesImpl, Locator

    from auditor.model.evidence import Observation

    Attributes = AttributesImpl[str]

_DEEPEST = 200
_MOST_ENTRIES = 400_000
"""Entries in one host: every port of three protocols twice over. What has more is not nmap's."""
_LONGEST_TEXT = 1000

_SCTP = "sctp"
"""Has ports and listeners as TCP has; other protocols of IP, which nmap lists with ``-sO``, have none."""
_PROTOCOLS = {protocol.value: protocol for protocol in Protocol}


class DocumentError(Exception):
    """Something that nmap would not write. ``line`` counts from 1, ``column`` from 0; ``NmapXml`` adds the file."""

    line: int | None = None
    column: int | None = None


class Document(ContentHandler):
    """What has been read so far: the run's own facts, and the hosts that are ``ready`` to be handed on.

    ``where`` tells the place in the file that is being read. ``scanner`` is who must have written it: others write
    nmap's form as well.
    """

    def __init__(self, where: Locator, scanner: str = "nmap") -> None:
        super().__init__()
        self._where = where
        self._scanner = scanner
        self.ready: list[Observation] = []
        self.tool = scanner
        self.started: datetime | None = None
        self.asked: PortSet | None = None
        self.begun = False
        """The root element is nmap's."""
        self.headed = False
        """Everything that stands before the first host has been read."""
        self.closed = False
        self.ended = False
        self.finished: datetime | None = None
        self.failure: str | None = None
        self.quiet = 0
        """Bytes fed since the last event; the reader counts them up."""
        self.hosts = 0
        """How many have been told of, be there anything to say of them or not."""
        self._path: list[str] = []
        self._host: HostRecord | None = None
        self._entries = 0
        self._ignored: set[str] = set()
        self._port: Port | None = None
        self._foreign = ""
        self._state = ""

    def startElement(self, name: str, attrs: Attributes) -> None:  # noqa: N802 - SAX's name
        """An element opens."""
        self.quiet = 0
        try:
            self._open(name, attrs)
        except DocumentError as error:
            # By the time the parser has unwound, it stands behind the tag.
            error.line, error.column = self._where.getLineNumber(), self._where.getColumnNumber()
            raise

    def _open(self, name: str, attrs: Attributes) -> None:
        path = self._path
        if not path and name != "nmaprun":
            raise DocumentError(f"not an nmap file: it begins with <{name:.40}>")
        if len(path) == 1 and name != "scaninfo":
            self.headed = True
        if len(path) > _DEEPEST:
            raise DocumentError("elements nested too deeply")
        act = self._STARTS.get((path[-1] if path else "", name))
        path.append(name)
        if act is not None:
            act(self, attrs)

    def endElement(self, name: str) -> None:  # noqa: N802 - SAX's name
        """An element closes; a host is told."""
        self.quiet = 0
        self._path.pop()
        if not self._path:
            self.headed = self.closed = True
        elif name == "host" and len(self._path) == 1:
            self._tell(whole=True)
        elif name == "port":
            self._note_port()

    def characters(self, _content: str) -> None:
        """Text, which nmap does not put anything into that matters here."""
        self.quiet = 0

    @property
    def between_hosts(self) -> bool:
        """What comes next stands in the root element itself."""
        return len(self._path) == 1

    @property
    def passed_over(self) -> frozenset[str]:
        """Protocols that were scanned and are not judged."""
        return frozenset(self._ignored)

    def break_off(self) -> None:
        """The file ends here: tell what is known of the host that was being read."""
        if self._state:
            self._note_port()
        self._tell(whole=False)

    def tell(self, record: HostRecord, *, whole: bool = True) -> None:
        """Make a host known that has been read, ``whole`` or not."""
        seen = observation(record, whole=whole)
        if seen is not None:
            self.ready.append(seen)

    def _tell(self, *, whole: bool) -> None:
        self.hosts += 1
        if self._host is not None:
            self.tell(self._host, whole=whole)
        self._host = None

    def _run(self, attrs: Attributes) -> None:
        scanner = attrs.get("scanner", "nmap")
        if scanner != self._scanner:
            raise DocumentError(
                f"written by {_text(scanner)}, not by {self._scanner}: this kind of file cannot be read"
            )
        self.begun = True
        self.tool = f"{scanner} {_text(attrs.get('version', ''))}".strip()
        self.started = time(attrs.get("start"))

    def _scaninfo(self, attrs: Attributes) -> None:
        protocol = _PROTOCOLS.get(attrs.get("protocol", ""))
        if protocol is None:
            self._ignored.add(_text(attrs.get("protocol", "?")))
            self.asked = self.asked or NO_PORTS
        else:
            self.asked = (self.asked or NO_PORTS) | ports_of(attrs.get("services", ""), protocol)

    def _begin_host(self, attrs: Attributes) -> None:
        self._entries = 0
        self._host = HostRecord(
            asked=self.asked or NO_PORTS,
            started=time(attrs.get("starttime")),
            finished=time(attrs.get("endtime")),
            timed_out=attrs.get("timedout") == "true",
            ignored=set(self._ignored),
        )

    def _status(self, attrs: Attributes) -> None:
        if self._host is not None:
            self._host.state, self._host.reason = attrs.get("state", ""), attrs.get("reason", "")

    def _address(self, attrs: Attributes) -> None:
        host = self._entry()
        if host is not None and attrs.get("addrtype", "ipv4") in {"ipv4", "ipv6"}:
            host.addresses.append(checked_address(attrs.get("addr", "")))

    def _hostname(self, attrs: Attributes) -> None:
        host = self._entry()
        name = _text(attrs.get("name", ""))
        if host is not None and name and name not in host.addresses:
            (host.user_names if attrs.get("type") == "user" else host.names).append(name)

    def _extraports(self, attrs: Attributes) -> None:
        host = self._entry()
        if host is not None:
            state = attrs.get("state", "")
            host.extras.append(Extra(state=_text(state), count=_count(attrs.get("count"))))
            host.answer(state, "")

    def _extrareasons(self, attrs: Attributes) -> None:
        host = self._entry()
        if host is None or not host.extras:
            return
        extra = host.extras[-1]
        named = attrs.get("proto", "")
        host.answer(extra.state, attrs.get("reason", ""), sender=UNNAMED)
        if named and named not in _PROTOCOLS:
            host.ignored.add(_text(named))
            extra.count -= _count(attrs.get("count"))
        elif attrs.get("ports"):
            extra.named |= ports_of(attrs["ports"], _PROTOCOLS.get(named, Protocol.TCP))

    def _begin_port(self, attrs: Attributes) -> None:
        host = self._entry()
        self._port, self._state, self._foreign = None, "", ""
        if host is None:
            return
        protocol = _PROTOCOLS.get(attrs.get("protocol", ""))
        if protocol is None:
            host.ignored.add(_text(attrs.get("protocol", "?")))
            if attrs.get("protocol") == _SCTP:
                self._foreign = f"{attrs.get('portid', '?')[:5]}/{_SCTP}"
            return
        self._port = one_port(attrs.get("portid", ""), protocol)

    def _port_state(self, attrs: Attributes) -> None:
        if self._host is not None and self._port is not None:
            self._state = _text(attrs.get("state", ""))
            self._host.answer(self._state, attrs.get("reason", ""), sender=attrs.get("reason_ip"))
        elif self._host is not None and self._foreign and attrs.get("state") == "open":
            self._host.foreign.append(self._foreign)

    def _service(self, attrs: Attributes) -> None:
        if self._host is not None and self._port is not None:
            self._host.serve(service_seen(self._port, attrs))

    def _note_port(self) -> None:
        if self._host is not None and self._port is not None:
            self._host.listed[self._state, self._port.protocol].append(self._port.number)
        self._port = None

    def _finished(self, attrs: Attributes) -> None:
        self.ended = True
        self.finished = time(attrs.get("time"))
        if attrs.get("exit", "success") != "success":
            self.failure = f"nmap ended with an error: {_text(attrs.get('errormsg', 'it does not say which'))}"

    def _entry(self) -> HostRecord | None:
        self._entries += 1
        if self._entries > _MOST_ENTRIES:
            raise DocumentError(f"more than {_MOST_ENTRIES} entries in one host")
        return self._host

    _STARTS: ClassVar[dict[tuple[str, str], Callable[[Document, Attributes], None]]] = {
        ("", "nmaprun"): _run,
        ("nmaprun", "scaninfo"): _scaninfo,
        ("nmaprun", "host"): _begin_host,
        ("host", "status"): _status,
        ("host", "address"): _address,
        ("hostnames", "hostname"): _hostname,
        ("ports", "extraports"): _extraports,
        ("extraports", "extrareasons"): _extrareasons,
        ("ports", "port"): _begin_port,
        ("port", "state"): _port_state,
        ("port", "service"): _service,
        ("runstats", "finished"): _finished,
    }
    """What is done as an element opens, by its parent's name and its own."""


def service_seen(port: Port, attrs: Mapping[str, str] | Attributes) -> ServiceSeen:
    """What the attributes of a ``<service>`` say of the port."""
    return ServiceSeen(
        port=port,
        service=_text(attrs.get("name", "")),
        product=_text(attrs.get("product", "")) or None,
        version=_text(attrs.get("version", "")) or None,
        tls=attrs.get("tunnel") == "ssl",
        method="probed" if attrs.get("method") == "probed" or "banner" in attrs else "table",
    )


def _text(text: str) -> str:
    return text[:_LONGEST_TEXT]


def _count(text: str | None, *, digits: int = 9) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= digits else 0


@lru_cache(maxsize=4096)  # hosts that are scanned together have their times in common
def time(text: str | None) -> datetime | None:
    """Seconds since 1970, as nmap writes all times."""
    seconds = _count(text, digits=10)
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def checked_address(text: str) -> str:
    """An IP address as everybody writes it.

    :raises DocumentError: it is none.
    """
    from ipaddress import ip_address

    try:
        return str(ip_address(text))
    except ValueError:
        raise DocumentError(f"{text!r:.60} is not an IP address") from None


def ports_of(text: str, protocol: Protocol) -> PortSet:
    """A list of ports and ranges.

    :raises DocumentError: it is none.
    """
    try:
        return PortSet.parse(text, protocol)
    except ValueError as error:
        raise DocumentError(f"not a list of ports: {error!s:.120}") from None


def one_port(text: str, protocol: Protocol) -> Port:
    """One port number.

    :raises DocumentError: it is none.
    """
    try:
        return Port.parse(f"{text}/{protocol.value}")
    except ValueError:
        raise DocumentError(f"{text!r:.60} is not a port") from None
