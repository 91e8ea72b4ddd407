"""Evidence to lines: what each field is called in a snapshot file. Pure; :mod:`auditor.snapshot.write` does the I/O.

A field that has its default is left out. Text is written as ASCII with JSON escapes, so that nothing in it can
break a line or reach a terminal. Each line ends in a newline.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from auditor.model.evidence import Way
from auditor.model.ports import NO_PORTS, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from auditor.model.evidence import (
        Completion,
        Container,
        Observation,
        Opening,
        Origin,
        ServiceSeen,
        Socket,
        Unknown,
    )
    from auditor.model.location import Location
    from auditor.model.ports import PortSet

    Fields = dict[str, object]

_T = TypeVar("_T")

VERSION = 1

_json = json.JSONEncoder(separators=(",", ":")).encode

_FLAGS = {None: "", True: "true", False: "false"}

STATES = (
    ("open", "open"),
    ("closed", "closed"),
    ("filtered", "filtered"),
    ("open|filtered", "open_filtered"),
    ("closed|filtered", "closed_filtered"),
)
"""What each state is called in a file, and on an observation."""


def header_line(origin: Origin) -> str:
    """Where it came from. ``source`` is told for people: a reader's source is the snapshot itself."""
    fields: Fields = {
        "auditor": "snapshot",
        "version": VERSION,
        "kind": origin.kind.value,
        "vantage": origin.vantage,
        "tool": origin.tool,
        "started": time_text(origin.started),
        "source": origin.source,
        "host": origin.host,
        "asked": None if origin.asked is None else str(origin.asked),
    }
    return line_of(fields)


def footer_line(completion: Completion) -> str:
    """How it ended."""
    fields: Fields = {
        "complete": completion.complete,
        "finished": time_text(completion.finished),
        "reason": completion.reason,
    }
    return line_of(fields)


def observation_line(seen: Observation, *, interim: bool = False) -> str:
    """One host at one address. ``asked`` is left out where it is just what the states and errors add up to.

    ``interim``: the target is not finished, and the line says what has become known since the one before.
    """
    texts = {
        "interim": "true" if interim else "",
        "host": _string(seen.host),
        "address": _string(seen.address),
        "names": _array(_json, seen.names),
        "vantage": _string(seen.vantage),
        "alive": _FLAGS[seen.alive],
        "started": _string(time_text(seen.started)),
        "finished": _string(time_text(seen.finished)),
        "tcp": _states(seen, Protocol.TCP),
        "udp": _states(seen, Protocol.UDP),
        "errors": _array(_unknown, seen.unknown),
        "unspoken": _quoted(seen.unspoken) if seen.unspoken else "",
        "asked": _quoted(seen.asked) if interim or not _accounts_for_all(seen) else "",
        "services": _array(_service, seen.services),
        "sockets": _array(_socket, seen.sockets),
        "openings": _array(_opening, seen.openings),
        "guarded": _string(str(seen.guarded)) if seen.guarded else "",
        "notes": _array(_json, seen.notes),
    }
    return (_members(texts) or "{}") + "\n"


@lru_cache(maxsize=4096)  # hosts that are scanned together have their times in common
def time_text(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC: ``2026-11-22T20:50:39Z``."""
    if moment is None:
        return None
    there = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return there.isoformat().replace("+00:00", "Z")


def _accounts_for_all(seen: Observation) -> bool:
    """Whether what was asked is what the observation says something of. Its states share nothing, which is quicker."""
    if seen.unknown:
        return seen.asked == seen.accounted
    rest = seen.asked
    for ports in (seen.open, seen.filtered, seen.closed, seen.open_filtered, seen.closed_filtered):
        if ports:
            rest ^= ports
    return not rest


def _states(seen: Observation, protocol: Protocol) -> str:
    members = [f'"{name}":"{text}"' for name, field in STATES if (text := getattr(seen, field).text(protocol))]
    return "{" + ",".join(members) + "}" if members else ""


def _unknown(unknown: Unknown) -> str:
    return _members({"ports": _quoted(unknown.ports), "reason": _json(unknown.reason)})


@lru_cache(maxsize=4096)  # thousands of hosts share a few
def _service(service: ServiceSeen) -> str:
    return _object(
        {
            "port": str(service.port),
            "service": service.service,
            "product": service.product,
            "version": service.version,
            "tls": service.tls or None,
            "method": service.method,
            "certificate": service.certificate,
            "certificate_expires": time_text(service.certificate_expires),
        }
    )


def _socket(socket: Socket) -> str:
    return _object(
        {
            "port": str(socket.port),
            "address": socket.address,
            "scope": socket.scope.value,
            "process": socket.process,
            "pid": socket.pid,
            "user": socket.user,
            "netns": socket.netns,
            "interface": socket.interface,
            "dual_stack": socket.dual_stack or None,
            "client": socket.client or None,
            "shared_by": None if socket.shared_by == 1 else socket.shared_by,
            "unit": socket.unit,
            "container": None if socket.container is None else _container(socket.container),
            "forwards": socket.forwards,
            "nat": socket.nat or None,
        }
    )


def _container(container: Container) -> Fields:
    return _given({"engine": container.engine, "id": container.id, "name": container.name})


def _opening(opening: Opening) -> str:
    return _object(
        {
            "port": str(replace(opening, more=NO_PORTS).ports),
            "more": str(opening.more) or None,
            "bind": None if opening.bind is None else str(opening.bind),
            "sources": None if opening.sources is None else str(opening.sources),
            "group": opening.group,
            "way": None if opening.way is Way.PUBLISHED else opening.way.value,
            "what": opening.what,
            "target": opening.target,
            "location": None if opening.location is None else _location(opening.location),
        }
    )


def _location(location: Location) -> Fields:
    return _given(
        {
            "file": location.file,
            "line": location.line or None,
            "column": location.column or None,
            "end_column": location.end_column or None,
            "snippet": location.snippet,
        }
    )


def _given(fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if value is not None}


def line_of(fields: Fields) -> str:
    """One line of JSON; what is None is left out."""
    return _object(fields) + "\n"


def _object(fields: Fields) -> str:
    return _json(_given(fields))


def _members(texts: dict[str, str]) -> str:
    """An object whose values are JSON already; what is empty is left out, and an object without any is empty."""
    members = [f'"{name}":{text}' for name, text in texts.items() if text]
    return "{" + ",".join(members) + "}" if members else ""


def _array(encode: Callable[[_T], str], items: tuple[_T, ...]) -> str:
    return "[" + ",".join([encode(item) for item in items]) + "]" if items else ""


def _string(text: str | None) -> str:
    return "" if text is None else _json(text)


def _quoted(ports: PortSet) -> str:
    return f'"{ports}"'
