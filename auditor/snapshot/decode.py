"""Lines to evidence: the reverse of :mod:`auditor.snapshot.encode`, over input that may be hostile. Pure.

Fields that this version does not know are passed over, so that files of a later minor form can be read. A field that
it knows and that has the wrong form raises :class:`ValueError` naming it; :mod:`auditor.snapshot.read` adds file and
line. The JSON Schema in ``schemas/`` says the same; reading does not go through it, for speed.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache, reduce
from ipaddress import ip_address
from operator import or_
from typing import TYPE_CHECKING, Any, TypeVar

from auditor.files.json_keys import RepeatedKeyError, once_each
from auditor.model.evidence import (
    Completion,
    Container,
    Kind,
    Observation,
    Opening,
    Origin,
    Scope,
    ServiceSeen,
    Socket,
    Unknown,
    Way,
)
from auditor.model.location import Location
from auditor.model.network import NOWHERE, NetworkSet
from auditor.model.ports import NO_PORTS, Port, PortSet, Protocol
from auditor.snapshot.encode import STATES, VERSION

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import StrEnum

    Fields = dict[str, Any]

_E = TypeVar("_E", bound="StrEnum")
_T = TypeVar("_T")

_read = json.JSONDecoder(object_pairs_hook=once_each).decode

_REMEMBERED = 2048
"""Port lists up to this many characters are remembered: thousands of hosts share a few of them."""


def fields_of(line: bytes) -> Fields:
    """Read one line as a JSON object.

    :raises ValueError: it is none.
    """
    try:
        read = _read(line.decode("utf-8"))
    except RecursionError:
        msg = "nested too deeply"
        raise ValueError(msg) from None
    except UnicodeDecodeError:
        msg = "not UTF-8"
        raise ValueError(msg) from None
    except json.JSONDecodeError as error:
        msg = f"not JSON: {error.msg} at column {error.colno}"
        raise ValueError(msg) from None
    except RepeatedKeyError:
        raise
    except ValueError:  # an integer with more digits than Python reads
        msg = "a number that is too long"
        raise ValueError(msg) from None
    if not isinstance(read, dict):
        msg = "not a JSON object"
        raise ValueError(msg)  # noqa: TRY004 - the caller turns every fault of a line into one kind of error
    return read


def origin_of(fields: Fields, source: str) -> Origin:
    """Read the header.

    :raises ValueError: not a snapshot's, or of a version that we cannot read.
    """
    if fields.get("auditor") != "snapshot":
        msg = 'not a snapshot: the first line must have "auditor": "snapshot"'
        raise ValueError(msg)
    version = fields.get("version")
    if version != VERSION or isinstance(version, bool):
        msg = f"snapshot version {version!r:.40} cannot be read; this auditor reads version {VERSION}"
        raise ValueError(msg)
    asked = _text(fields, "asked")
    return Origin(
        kind=_one_of(fields, "kind", Kind),
        source=source,
        tool=_text(fields, "tool"),
        vantage=_text(fields, "vantage"),
        started=_time(fields, "started"),
        asked=None if asked is None else _ports("asked", asked),
        host=_text(fields, "host"),
    )


def completion_of(fields: Fields) -> Completion:
    """Read the footer.

    :raises ValueError: a field of the wrong form.
    """
    return Completion(
        complete=_needed(_typed(fields, "complete", bool), "complete"),
        finished=_time(fields, "finished"),
        reason=_text(fields, "reason"),
    )


def observation_of(fields: Fields) -> Observation:
    """Read one host.

    :raises ValueError: a field of the wrong form, or a port in two states at once.
    """
    states = _states(fields)
    unknown = tuple(_each(fields, "errors", _unknown))
    doubtful = reduce(
        or_, (entry.ports for entry in unknown), NO_PORTS
    )  # two reasons for one port are no contradiction
    accounted = _disjoint([*states.values(), doubtful])
    asked, unspoken = _text(fields, "asked"), _text(fields, "unspoken")
    return Observation(
        host=_text(fields, "host"),
        address=_address(fields),
        names=_texts(fields, "names"),
        vantage=_text(fields, "vantage"),
        alive=_typed(fields, "alive", bool),
        started=_time(fields, "started"),
        finished=_time(fields, "finished"),
        unknown=unknown,
        asked=accounted if asked is None else _ports("asked", asked),
        unspoken=_ports("unspoken", unspoken or ""),
        services=tuple(_each(fields, "services", _service)),
        sockets=tuple(_each(fields, "sockets", _socket)),
        openings=tuple(_each(fields, "openings", _opening)),
        guarded=_networks(fields, "guarded") or NOWHERE,
        notes=_texts(fields, "notes"),
        **states,
    )


def is_interim(fields: Fields) -> bool:
    """Whether an observation is one of a target that was not finished.

    :raises ValueError: the mark is of the wrong form.
    """
    return _typed(fields, "interim", bool) or False


def _states(fields: Fields) -> dict[str, PortSet]:
    states = dict.fromkeys((field for _, field in STATES), NO_PORTS)
    for protocol in Protocol:
        block = _typed(fields, protocol.value, dict) or {}
        for name, field in STATES:
            text = _text(block, name)
            if text and "/" in text:
                msg = f'"{protocol.value}.{name}" must hold bare numbers and ranges'
                raise ValueError(msg)
            if text:
                states[field] |= _ports(f"{protocol.value}.{name}", text, protocol)
    return states


def _disjoint(sets: list[PortSet]) -> PortSet:
    whole = NO_PORTS
    for ports in sets:
        whole |= ports
    if len(whole) != sum(map(len, sets)):
        msg = "a port is listed in two states"
        raise ValueError(msg)
    return whole


def _unknown(fields: Fields) -> Unknown:
    ports = _ports("errors.ports", _needed(_text(fields, "ports"), "errors.ports"))
    return Unknown(ports=ports, reason=_needed(_text(fields, "reason"), "errors.reason"))


def _service(fields: Fields) -> ServiceSeen:
    return ServiceSeen(
        port=_port(fields),
        service=_needed(_text(fields, "service"), "services.service"),
        product=_text(fields, "product"),
        version=_text(fields, "version"),
        tls=_typed(fields, "tls", bool) or False,
        method=_text(fields, "method") or "table",
        certificate=_text(fields, "certificate"),
        certificate_expires=_time(fields, "certificate_expires"),
    )


def _socket(fields: Fields) -> Socket:
    shared = _number(fields, "shared_by")
    container = _typed(fields, "container", dict)
    return Socket(
        port=_port(fields),
        address=_needed(_text(fields, "address"), "sockets.address"),
        scope=_one_of(fields, "scope", Scope),
        process=_text(fields, "process"),
        pid=_number(fields, "pid"),
        user=_text(fields, "user"),
        netns=_text(fields, "netns"),
        interface=_text(fields, "interface"),
        dual_stack=_typed(fields, "dual_stack", bool) or False,
        client=_typed(fields, "client", bool) or False,
        shared_by=1 if shared is None else shared,
        unit=_text(fields, "unit"),
        container=None if container is None else _container(container),
        forwards=_text(fields, "forwards"),
        nat=_typed(fields, "nat", bool) or False,
    )


def _container(fields: Fields) -> Container:
    return Container(
        engine=_needed(_text(fields, "engine"), "container.engine"), id=_text(fields, "id"), name=_text(fields, "name")
    )


def _opening(fields: Fields) -> Opening:
    location = _typed(fields, "location", dict)
    first, last = _port_range(fields)
    return Opening(
        port=first,
        last=last,
        bind=_networks(fields, "bind"),
        sources=_networks(fields, "sources"),
        group=_text(fields, "group"),
        more=_ports("openings.more", _text(fields, "more") or ""),
        way=_one_of(fields, "way", Way) if "way" in fields else Way.PUBLISHED,
        what=_text(fields, "what"),
        target=_text(fields, "target"),
        location=None if location is None else _location(location),
    )


def _location(fields: Fields) -> Location:
    return Location(
        file=_needed(_text(fields, "file"), "location.file"),
        line=_number(fields, "line") or 0,
        column=_number(fields, "column") or 0,
        end_column=_number(fields, "end_column") or 0,
        snippet=_text(fields, "snippet"),
    )


def _port(fields: Fields) -> Port:
    text = _needed(_text(fields, "port"), "port")
    try:
        return Port.parse(text)
    except ValueError:
        msg = f'"port" is {text!r:.60}, which is not a port such as "443/tcp"'
        raise ValueError(msg) from None


def _port_range(fields: Fields) -> tuple[Port, int | None]:
    """Read one port, or one range of ports: its first, and the number of its last."""
    text = fields.get("port")
    if not isinstance(text, str) or "-" not in text:
        return _port(fields), None
    low, high = next(_ports("port", text).ranges())
    ports = PortSet(((low, high),))
    first = next(iter(ports))
    if str(ports) != text:
        msg = f'"port" is {text!r:.60}, which is not a range of ports such as "8000-8010/tcp"'
        raise ValueError(msg)
    return first, first.number + high - low


def _ports(name: str, text: str, protocol: Protocol = Protocol.TCP) -> PortSet:
    try:
        return _remembered(text, protocol) if len(text) <= _REMEMBERED else PortSet.parse(text, protocol)
    except ValueError as error:
        msg = f'"{name}" is not a list of ports: {error!s:.120}'
        raise ValueError(msg) from None


_remembered = lru_cache(maxsize=_REMEMBERED)(PortSet.parse)


def _networks(fields: Fields, name: str) -> NetworkSet | None:
    text = _text(fields, name)
    if text is None:
        return None
    try:
        return NetworkSet.parse(text) if text else NOWHERE
    except ValueError as error:
        msg = f'"{name}" is not a list of networks: {error!s:.120}'
        raise ValueError(msg) from None


def _address(fields: Fields) -> str | None:
    text = _text(fields, "address")
    if text is not None:
        try:
            ip_address(text)
        except ValueError:
            msg = f'"address" is {text!r:.60}, which is not an IP address'
            raise ValueError(msg) from None
    return text


def _time(fields: Fields, name: str) -> datetime | None:
    text = _text(fields, name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or not _in_utc(moment):
        msg = f'"{name}" is {text!r:.60}, which is not a time such as "2026-11-22T20:50:39Z"'
        raise ValueError(msg)
    return moment


def _in_utc(moment: datetime) -> bool:
    """Whether the time has an offset, and is one in UTC, too: the first and the last day there is may not be."""
    try:
        return moment.tzinfo is not None and bool(moment.astimezone(UTC))
    except OverflowError:
        return False


def _one_of(fields: Fields, name: str, choices: type[_E]) -> _E:
    text = _needed(_text(fields, name), name)
    try:
        return choices(text)
    except ValueError:
        msg = f'"{name}" is {text!r:.60}; expected one of {", ".join(choices)}'
        raise ValueError(msg) from None


def _number(fields: Fields, name: str) -> int | None:
    number = _typed(fields, name, int)
    if number is not None and (isinstance(number, bool) or number < 0):
        msg = f'"{name}" must be a whole number that is not negative'
        raise ValueError(msg)
    return number


def _text(fields: Fields, name: str) -> str | None:
    return _typed(fields, name, str)


def _texts(fields: Fields, name: str) -> tuple[str, ...]:
    texts = _typed(fields, name, list) or []
    if not all(isinstance(text, str) for text in texts):
        msg = f'"{name}" must be a list of strings'
        raise ValueError(msg)
    return tuple(texts)


def _each(fields: Fields, name: str, read: Callable[[Fields], _T]) -> list[_T]:
    entries = _typed(fields, name, list) or []
    if not all(isinstance(entry, dict) for entry in entries):
        msg = f'"{name}" must be a list of objects'
        raise ValueError(msg)
    return [read(entry) for entry in entries]


def _typed(fields: Fields, name: str, kind: type[_T]) -> _T | None:
    value = fields.get(name)
    if value is None or isinstance(value, kind):
        return value
    msg = f'"{name}" must be {_KINDS[kind]}'
    raise ValueError(msg)


def _needed(value: _T | None, name: str) -> _T:
    if value is None:
        msg = f'"{name}" is missing'
        raise ValueError(msg)
    return value


_KINDS: dict[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    list: "a list",
    dict: "an object",
}
