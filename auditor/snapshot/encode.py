"""Evidence to lines: what each field is called in a snapshot file. Pure; :mod:`auditor.snapshot.write` does the I/O.

A field that has its default is left out. Text is written as ASCII with JSON escapes, so that nothing in it can
break a line or reach a terminal. Each line ends in a newline.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC
from functools import lru_cache
from typing import TYPE_CHECKING

from auditor.model.evidence import Way
from auditor.model.ports import NO_PORTS, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from auditor.model.evidence import Completion, Container, Observation, Opening, Origin, ServiceSeen, Socket
    from auditor.model.location import Location
    from auditor.model.ports import PortSet

    Fields = dict[str, object]

VERSION = 1

_json = json.JSONEncoder(separators=(",", ":")).encode

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
    fields: Fields = {
        "interim": interim or None,
        "host": seen.host,
        "address": seen.address,
        "names": list(seen.names) or None,
        "vantage": seen.vantage,
        "alive": seen.alive,
        "started": time_text(seen.started),
        "finished": time_text(seen.finished),
        "tcp": _states(seen, Protocol.TCP),
        "udp": _states(seen, Protocol.UDP),
        "errors": [{"ports": str(unknown.ports), "reason": unknown.reason} for unknown in seen.unknown] or None,
        "unspoken": str(seen.unspoken) or None,
        "asked": str(seen.asked) if interim or seen.asked != seen.accounted else None,
        "services": [_service(service) for service in seen.services] or None,
        "sockets": [_socket(socket) for socket in seen.sockets] or None,
        "openings": [_opening(opening) for opening in seen.openings] or None,
        "guarded": str(seen.guarded) or None,
        "notes": list(seen.notes) or None,
    }
    return line_of(fields)


def time_text(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC: ``2026-11-22T20:50:39Z``."""
    if moment is None:
        return None
    there = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return there.isoformat().replace("+00:00", "Z")


def _states(seen: Observation, protocol: Protocol) -> Fields | None:
    texts: Fields = {}
    for name, field in STATES:
        ports: PortSet = getattr(seen, field)
        if ports and (text := ports.text(protocol)):
            texts[name] = text
    return texts or None


@lru_cache(maxsize=4096)  # thousands of hosts share a few; nobody changes what it returns
def _service(service: ServiceSeen) -> Fields:
    return _given(
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


def _socket(socket: Socket) -> Fields:
    return _given(
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


def _opening(opening: Opening) -> Fields:
    return _given(
        {
            "port": str(replace(opening, more=NO_PORTS).ports),
            "more": str(opening.more) or None,
            "bind": None if opening.bind is None else str(opening.bind),
            "sources": None if opening.sources is None else str(opening.sources),
            "group": opening.group,
            "way": None if opening.way is Way.PUBLISHED else opening.way.value,
            "what": opening.what,
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
    return _json(_given(fields)) + "\n"
