"""Evidence files told apart by content: the one table of what can be read, and the door through which files enter."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from auditor.collect.declarations import DECLARATIONS, listed_for_people
from auditor.collect.format import Format, Head
from auditor.collect.hints import hint
from auditor.collect.scanners import SCANNERS, is_masscan_xml
from auditor.collect.spool import HEAD, seekable
from auditor.errors import EvidenceError, UsageError
from auditor.files.spare import PARTIAL
from auditor.model.evidence import Kind, Lined
from auditor.model.location import STDIN

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from datetime import datetime

    from auditor.collect.spool import Spooled
    from auditor.model.evidence import Completion, Evidence, Observation, Origin
    from auditor.model.ports import PortSet

_STDIN = "-"
ENGINES = ("docker:", "podman:", "unix://")
"""How arguments begin that name a container engine on this machine, and no file."""


def open_evidence(
    path: str,
    *,
    vantage: str | None = None,
    host: str | None = None,
    asked: PortSet | None = None,
    taken: datetime | None = None,
) -> Given:
    """Open a file of any known kind, or ask a container engine; ``-`` is standard input.

    :param vantage: where probe evidence that does not say so itself was seen from.
    :param host: the host of evidence that names none.
    :param asked: what probe evidence that does not say so itself asked of each address in it.
    :param taken: when evidence that does not say so itself was taken.
    :raises EvidenceError: missing, a folder, unreadable, empty, of no known kind, or broken where it begins.
    :raises UsageError: the evidence says that it was seen from another vantage, or that other ports were asked.
    """
    if path.startswith(ENGINES):
        return Given(_open_engine(path), vantage=vantage, host=host)
    if not path:
        raise UsageError("an empty name is no file of evidence: a variable on the command line may be empty")
    source = STDIN if path == _STDIN else path
    try:
        real, spooled = seekable(path, source, lambda data: _recognised(_head(data, source)))
    except (OSError, ValueError) as error:
        raise _unreadable(source, error) from error
    try:
        known = _recognised(_head(_beginning(real, source), source))
        evidence = known.open(real, source)
        if asked is not None:
            _declare(evidence, asked)
        return Given(evidence, vantage=vantage, host=host, taken=taken, dated=known.dated, spooled=spooled)
    except BaseException:
        if spooled is not None:
            spooled.close()
        raise


def open_all(
    paths: Sequence[str],
    *,
    vantage: str | None = None,
    host: str | None = None,
    asked: PortSet | None = None,
    taken: datetime | None = None,
) -> list[Given]:
    """Open several files, as :func:`open_evidence` does.

    :raises UsageError: also if ``asked`` is given and no probe's evidence is among them.
    """
    opened = [open_evidence(path, vantage=vantage, host=host, asked=asked, taken=taken) for path in paths]
    if asked is not None and all(one.origin.kind is not Kind.PROBE for one in opened):
        raise UsageError("--asked is for what a scanner saw: there is no such evidence here")
    for index, one in enumerate(opened):
        any(earlier.absorb(one) for earlier in opened[:index])
    return opened


def is_known(path: str) -> bool:
    """Whether a file begins as evidence of some kind does.

    :raises EvidenceError: it cannot be read, or is empty.
    """
    head = _head(_beginning(path, path), path)
    return any(known.matches(head) for known in FORMATS)


def _open_engine(name: str) -> Evidence:
    from auditor.collect.declared.engine.live import Engine

    return Engine(name)


def _recognised(head: Head) -> Format:
    for known in FORMATS:
        if known.matches(head):
            return known
    raise EvidenceError(f"{head.path}: not recognised as evidence{hint(head, listed_for_people)}")


@runtime_checkable
class Declarable(Protocol):
    """Evidence that cannot say itself what was asked, or not always."""

    def declare(self, asked: PortSet) -> None:
        """Take the caller's word.

        :raises UsageError: it contradicts what the evidence says.
        """
        ...


@runtime_checkable
class Absorbing(Protocol):
    """Evidence that other files may belong to: a compose project has several."""

    def absorb(self, other: object) -> bool:
        """Take another piece, given after this one, for a part of the same whole, if it is one."""
        ...


def _declare(evidence: Evidence, asked: PortSet) -> None:
    """Hand on what the caller says was asked; socket tables and files that declare ports have asked nobody."""
    origin = evidence.origin
    if isinstance(evidence, Declarable):
        evidence.declare(asked)
    elif origin.kind is Kind.PROBE and origin.asked != asked:
        raise UsageError(f"{origin.source} says itself what was asked of each host: leave out --asked for it")


class Given:
    """Evidence, completed by what the caller says of it."""

    def __init__(
        self,
        evidence: Evidence,
        *,
        vantage: str | None,
        host: str | None,
        taken: datetime | None = None,
        dated: bool = False,
        spooled: Spooled | None = None,
    ) -> None:
        self._evidence = evidence
        self._host = host
        self._spooled = spooled  # held for as long as the evidence may be read
        self._vantage = _vantage(evidence.origin, vantage)
        self._taken = taken
        self._dated = dated

    @property
    def origin(self) -> Origin:
        """The evidence's own; what it does not say is the caller's."""
        own = self._evidence.origin
        return replace(
            own,
            vantage=own.vantage or self._vantage,
            host=own.host or self._host,
            started=own.started or (None if self._dated else self._taken),
        )

    @property
    def remark(self) -> str | None:
        """What to say once it has been read: that a time given for it was not used."""
        own = self._evidence.origin
        if self._taken is None or not (self._dated or own.started):
            return None
        when = f"that it is of {own.started:%Y-%m-%d %H:%M:%S} UTC" if own.started else "when it was taken"
        return f"--taken is not used for {own.source}: it says itself {when}"

    @property
    def completion(self) -> Completion:
        """How the evidence itself ended."""
        return self._evidence.completion

    def absorb(self, other: Given) -> bool:
        """Take a piece given later for a part of the same whole, if it is one."""
        return isinstance(self._evidence, Absorbing) and self._evidence.absorb(other._evidence)

    @property
    def undeclared(self) -> bool:
        """Whether nobody says what was asked, and the caller could."""
        return isinstance(self._evidence, Declarable) and self._evidence.origin.asked is None

    def lines(self) -> Generator[bytes] | None:
        """The lines of a snapshot, where the evidence has a quick way to them."""
        return self._evidence.lines() if isinstance(self._evidence, Lined) else None

    def __iter__(self) -> Iterator[Observation]:
        yield from self._evidence  # a generator keeps us, and with us the copy, alive


def _vantage(origin: Origin, given: str | None) -> str | None:
    if origin.kind is not Kind.PROBE:
        return None
    if given is not None and origin.vantage is not None and origin.vantage != given:
        raise UsageError(f"{origin.source} was seen from {origin.vantage}, not from {given}: leave out --from for it")
    return given


def _beginning(real: str, source: str) -> bytes:
    try:
        with open(real, "rb") as file:  # noqa: PTH123 - paths are kept as the caller wrote them
            return file.read(HEAD)
    except OSError as error:
        raise _unreadable(source, error) from error


def _head(data: bytes, source: str) -> Head:
    if not data.strip():
        raise EvidenceError(f"{source}: the file is empty")
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = data.decode("utf-16" if wide else "utf-8-sig", errors="replace").lstrip()
    return Head(path=source, data=data, text=text)


def _unreadable(source: str, error: OSError | ValueError) -> EvidenceError:
    reason = getattr(error, "strerror", None) or error
    if isinstance(error, FileNotFoundError) and Path(source + PARTIAL).is_file():
        reason = f"{reason}; a scan that was killed left {source}{PARTIAL}: auditor scan --resume {source}"
    return EvidenceError(f"cannot read {source}: {reason}")


_SNAPSHOT = re.compile(r'\{[^\n]*"auditor"\s*:\s*"snapshot"')
_NMAP = re.compile(r"<nmaprun\b|<!DOCTYPE nmaprun\b|<!-- Nmap ")


def _is_snapshot(head: Head) -> bool:
    return _SNAPSHOT.match(head.text) is not None


def _is_nmap_xml(head: Head) -> bool:
    return head.text.startswith("<") and _NMAP.search(head.text) is not None and not is_masscan_xml(head.text)


def _open_snapshot(path: str, source: str) -> Evidence:
    from auditor.snapshot.read import Snapshot

    return Snapshot(path, source=source)


def _open_nmap_xml(path: str, source: str) -> Evidence:
    from auditor.collect.imported.nmap_xml import NmapXml

    return NmapXml(path, source=source)


def _socket_table(name: str, module: str, looks_like: str = "looks_like", parse: str = "parse") -> Format:
    """Make the entry of a tool that prints sockets, from the module that reads it."""

    def part(wanted: str) -> Any:
        return getattr(import_module(f"auditor.collect.imported.{module}"), wanted)

    def opened(path: str, source: str) -> Evidence:
        from auditor.collect.imported.socket_file import SocketFile

        return SocketFile(path, source=source, tool=name, parse=part(parse))

    return Format(name=name, matches=lambda head: part(looks_like)(head.text), open=opened)


FORMATS: tuple[Format, ...] = (
    Format(name="snapshot", matches=_is_snapshot, open=_open_snapshot, dated=True),
    Format(name="nmap XML", matches=_is_nmap_xml, open=_open_nmap_xml, dated=True),
    _socket_table("osquery", "osquery"),
    _socket_table("ss", "ss"),
    _socket_table("lsof", "lsof", "looks_like_table", "parse_table"),
    _socket_table("lsof -F", "lsof", "looks_like_fields", "parse_fields"),
    _socket_table("netstat", "netstat"),
    _socket_table("netstat of Windows", "netstat_windows"),
    *DECLARATIONS,
    *SCANNERS,
)
"""Every kind of evidence file, asked in this order; each must be sure of itself from the beginning of the file."""
