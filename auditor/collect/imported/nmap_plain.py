"""Hosts of an nmap file that stand there as nmap itself writes them, read at a fraction of an XML parser's cost.

A pattern takes the whole text of a ``<host>``, so that it is well-formed by construction, or it takes nothing: then the
parser has to read it. What is taken must mean what :mod:`auditor.collect.imported.nmap_document` would make of it; both
fill in a :class:`HostRecord`. Pieces that come again and again (a port with its state and service) are read once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from auditor.collect.imported.nmap_document import (
    DocumentError,
    checked_address,
    one_port,
    ports_of,
    service_seen,
    time,
)
from auditor.collect.imported.nmap_host import UNNAMED, Extra, HostRecord
from auditor.model.ports import NO_PORTS, Protocol

if TYPE_CHECKING:
    from auditor.model.evidence import ServiceSeen
    from auditor.model.ports import PortSet

_T = TypeVar("_T")

LARGEST: Final = 1 << 20
"""Bytes of a host; what is larger is the parser's, which counts entries."""
_REMEMBERED: Final = 8192
_LONGEST_REMEMBERED: Final = 2000
_REMEMBERED_EXTRAS: Final = 256
_LONGEST_EXTRAS: Final = 8000
"""Fewer, as of nmap's thousand usual ports the names alone take 4,000 bytes."""

_S: Final = rb"[ \n\t]*"
# ASCII without markup. References are fine in values that nobody reads.
_VALUE: Final = rb'"(?:[ !#-%\'-;=-~]|&(?:amp|lt|gt|quot|apos|#xa|#10);)*"'

_HOST: Final = re.compile(
    _S
    + rb'<host(?: starttime="([0-9]{1,10})")?(?: endtime="([0-9]{1,10})")?>'
    + _S
    + rb'<status state="([a-z]+)" reason="([a-z-]+)"(?: reason_ttl="[0-9]+")?/>'
    + _S
    + rb'<address addr="([0-9a-f.:]+)" addrtype="(?:ipv4|ipv6)"/>'
    + _S
    + rb'(?:<address addr="[0-9A-F:]+" addrtype="mac"(?: vendor='
    + _VALUE
    + rb")?/>"
    + _S
    + rb')?(?:<hostnames>[ \n\t]*((?:<hostname name="[A-Za-z0-9._-]{1,253}" type="(?:user|PTR)"/>'
    + _S
    + rb")*)</hostnames>"
    + _S
    + rb")?<ports>(.*)</ports>"
    + _S
    + rb'(?:<times srtt="-?[0-9]+" rttvar="-?[0-9]+" to="-?[0-9]+"/>'
    + _S
    + rb")?</host>",
    re.DOTALL,
)
_BYTE: Final = rb"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4: Final = re.compile(_BYTE + rb"(?:\." + _BYTE + rb"){3}")
_NAME: Final = re.compile(rb'name="([^"]+)" type="(user|PTR)"')
_EXTRA: Final = re.compile(
    _S
    + rb'<extraports state="([a-z|]+)" count="([0-9]{1,5})">'
    + _S
    + rb'<extrareasons reason="([a-z-]+)" count="[0-9]{1,5}"(?: proto="(tcp|udp)" ports="([0-9,-]+)")?/>'
    + _S
    + rb"</extraports>"
    + _S
)
_PORT: Final = re.compile(
    rb'protocol="(tcp|udp)" portid="([0-9]{1,5})">'
    + _S
    + rb'<state state="([a-z|]+)" reason="([a-z-]+)"(?: reason_ttl="[0-9]+")?(?: reason_ip="([0-9.]+)")?/>'
    + _S
    + rb"(?:<service((?: [a-z_]+="
    + _VALUE
    + rb")*)"
    + _S
    + rb"(?:/>|>(?:<cpe>[ !#-%'-;=-~]*</cpe>)*</service>)"
    + _S
    + rb")?(?:<script id="
    + _VALUE
    + rb" output="
    + _VALUE
    + rb"/>"
    + _S
    + rb")*</port>"
    + _S
)
_ATTRIBUTE: Final = re.compile(rb' ([a-z_]+)="([^"]*)"')


class _Unusual(Exception):  # noqa: N818 - no error: somebody else has to read it
    """The parser has to read it."""


class _Listed(NamedTuple):
    """A ``<port>``: state and protocol, as a record lists them; its number, the reason, who sent that, the service."""

    listed: tuple[str, Protocol]
    number: int
    reason: str
    sender: str | None
    service: ServiceSeen | None


class _Counted(NamedTuple):
    """An ``<extraports>``, with the ports that it names."""

    state: str
    ports: int
    reason: str
    named: PortSet


class PlainHosts:
    """Reads hosts one by one; remembers pieces between them, within bounds."""

    def __init__(self) -> None:
        self._ports: dict[bytes, _Listed] = {}
        self._extras: dict[bytes, tuple[_Counted, ...]] = {}

    def record(self, text: bytes, asked: PortSet, passed_over: frozenset[str]) -> HostRecord | None:
        """Read one host, from ``<host`` to ``</host>``; None if the parser has to.

        ``asked`` and ``passed_over`` are what the document's head says: the ports, and protocols not judged.
        """
        found = _HOST.fullmatch(text) if len(text) <= LARGEST else None
        if found is None:
            return None
        started, finished, state, reason, address, names, ports = found.groups()
        try:
            record = HostRecord(
                asked=asked,
                started=time((started or b"").decode()),
                finished=time((finished or b"").decode()),
                state=state.decode(),
                reason=reason.decode(),
                addresses=[_address(address)],
                ignored=set(passed_over),
            )
            self._fill(record, names, ports)
        except (_Unusual, DocumentError):
            return None
        return record

    def _fill(self, record: HostRecord, names: bytes | None, ports: bytes) -> None:
        for name, kind in _NAME.findall(names or b""):
            if (text := name.decode()) not in record.addresses:
                (record.user_names if kind == b"user" else record.names).append(text)
        counted, *listed = ports.split(b"<port ")
        for extra in self._extra(counted):
            record.extras.append(Extra(state=extra.state, count=extra.ports, named=extra.named))
            record.answer(extra.state, "")
            record.answer(extra.state, extra.reason, sender=UNNAMED)
        remembered, numbers = self._ports, record.listed
        for piece in listed:
            where, number, reason, sender, service = remembered.get(piece) or self._port(piece)
            if not record.answered:
                record.answer(where[0], reason, sender=sender)
            numbers[where].append(number)
            if service is not None:
                record.serve(service)

    def _extra(self, text: bytes) -> tuple[_Counted, ...]:
        if (known := self._extras.get(text)) is not None:
            return known
        at, extras = 0, []
        while at < len(text):
            found = _EXTRA.match(text, at)
            if found is None:
                if not text[at:].strip():
                    break
                raise _Unusual
            state, number, reason, protocol, named = (part.decode() if part else "" for part in found.groups())
            ports = ports_of(named, Protocol(protocol)) if named else NO_PORTS
            extras.append(_Counted(state=state, ports=int(number), reason=reason, named=ports))
            at = found.end()
        if len(text) > _LONGEST_EXTRAS:
            return tuple(extras)
        return _remember(self._extras, text, tuple(extras), most=_REMEMBERED_EXTRAS)

    def _port(self, text: bytes) -> _Listed:
        found = _PORT.fullmatch(text)
        if found is None:
            raise _Unusual
        protocol, number, state, reason, sender, attributes = (
            None if part is None else part.decode() for part in found.groups()
        )
        port = one_port(number or "", Protocol(protocol or ""))
        service = None if attributes is None else service_seen(port, _attributes(attributes.encode()))
        listed = _Listed(
            listed=(state or "", port.protocol),
            number=port.number,
            reason=reason or "",
            sender=sender,
            service=service,
        )
        if len(text) > _LONGEST_REMEMBERED:
            return listed
        return _remember(self._ports, text, listed, most=_REMEMBERED)


def _address(text: bytes) -> str:
    address = text.decode()
    return address if _IPV4.fullmatch(text) else checked_address(address)


def _attributes(text: bytes) -> dict[str, str]:
    pairs = [(name.decode(), value.decode()) for name, value in _ATTRIBUTE.findall(text)]
    attributes = dict(pairs)
    if len(attributes) != len(pairs) or "&" in "".join(attributes.values()):
        raise _Unusual
    return attributes


def _remember(memory: dict[bytes, _T], text: bytes, read: _T, *, most: int) -> _T:
    if len(memory) >= most:
        memory.clear()
    memory[text] = read
    return read
