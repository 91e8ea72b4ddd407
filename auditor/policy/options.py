"""``scan`` and ``settings``: joined key by key, the extending file's word first, then read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from auditor.files.validate import quoted
from auditor.model.policy import Named, ScanSettings, Settings, Severity, UdpSilence
from auditor.model.ports import ALL_TCP, ALL_UDP, NO_PORTS, PortSet, Protocol
from auditor.policy.nodes import one_or_more, word
from auditor.policy.words import DURATION_RULE, WrongWordError, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditor.files.located_yaml import Located
    from auditor.policy.extends import Document
    from auditor.policy.port_items import PortReader
    from auditor.policy.problems import Problems

DEFAULT_RATE = 20_000
"""Packets a second: what an office firewall carries without noticing. Laboratory rates would hurt it."""

_DEFAULT_TIMEOUT = timedelta(seconds=2)
_LONGEST_TIMEOUT = timedelta(hours=1)
_DEFAULT_AGE = timedelta(hours=24)
_LONGEST_AGE = timedelta(days=36_500)
_ALL = {Protocol.TCP: ALL_TCP, Protocol.UDP: ALL_UDP}

Options = dict[str, "Located"]
"""Values by dotted key: ``settings.exceptions.max_days``."""


def joined_options(document: Document, problems: Problems) -> Options:
    """The options of a file and of all that it extends. Its own win over those of the files it extends.

    Two extended files that say different things, with no word of the extending one, are an error.
    """
    return _joined(document, problems, {})


def _joined(document: Document, problems: Problems, done: dict[str, Options]) -> Options:
    if document.shown in done:
        return done[document.shown]
    own = dict(_own(document))
    inherited: Options = {}
    for extended in document.extends:
        for key, node in _joined(extended, problems, done).items():
            first = inherited.setdefault(key, node)
            if key not in own and first.data != node.data:
                problems.add(
                    node.location,
                    f"'{key}' is set differently at {first.location}",
                    expected=f"{document.shown} to set it, as it extends both",
                )
    done[document.shown] = inherited | own
    return done[document.shown]


def _own(document: Document) -> Iterator[tuple[str, Located]]:
    for section in ("scan", "settings"):
        node = document.root.fields.get(section)
        for key, value in node.fields.items() if node else ():
            if section == "settings" and key == "exceptions":
                yield from ((f"settings.exceptions.{inner}", found) for inner, found in value.fields.items())
            else:
                yield f"{section}.{key}", value


def read_scan(options: Options, ports: PortReader, problems: Problems) -> ScanSettings:
    """What is to be looked at. Default: all of TCP, the UDP ports that the policy names, gently."""
    return ScanSettings(
        tcp=_scope(options.get("scan.tcp"), Protocol.TCP, ALL_TCP, ports, problems),
        udp=_scope(options.get("scan.udp"), Protocol.UDP, Named.NAMED, ports, problems),
        rate=_rate(options.get("scan.rate"), DEFAULT_RATE),
        host_rate=_rate(options.get("scan.host_rate"), None),
        timeout=_duration(options, "scan.timeout", _DEFAULT_TIMEOUT, _LONGEST_TIMEOUT, problems).total_seconds(),
    )


def read_settings(options: Options, problems: Problems) -> Settings:
    """How the gate decides."""
    fail_on = _word(options, "settings.fail_on", {str(severity): severity for severity in Severity} | {"never": None})
    return Settings(
        fail_on=fail_on if "settings.fail_on" in options else Severity.LOW,
        max_evidence_age=_duration(options, "settings.max_evidence_age", _DEFAULT_AGE, _LONGEST_AGE, problems),
        exception_max_days=_number(options, "settings.exceptions.max_days", 180),
        exception_warn_days=_number(options, "settings.exceptions.warn_days", 14),
        unverified_fails=_word(options, "settings.unverified", {"report": False}) is not False,
        udp_silence=_word(options, "settings.udp_silence", {"filtered": UdpSilence.FILTERED}) or UdpSilence.UNVERIFIED,
    )


def _word(options: Options, key: str, meanings: Mapping[str, Any]) -> Any:
    node = options.get(key)
    return meanings.get(node.data) if node is not None and isinstance(node.data, str) else None


def _number(options: Options, key: str, default: int) -> int:
    node = options.get(key)
    if node is None or not isinstance(node.data, int) or not 0 <= node.data <= _LONGEST_AGE.days:
        return default  # the schema has said so
    return node.data


def _rate(node: Located | None, default: int | None) -> int | None:
    if node is None:
        return default
    return node.data if isinstance(node.data, int) else None


def _duration(options: Options, key: str, default: timedelta, longest: timedelta, problems: Problems) -> timedelta:
    node = options.get(key)
    if node is None or not isinstance(node.data, str):
        return default
    try:
        found = parse_duration(node.data)
    except ValueError:
        problems.add(node.location, f"{quoted(node.data)} is not a duration", expected=DURATION_RULE)
        return default
    if not timedelta(0) < found <= longest:
        most = f"{longest.days} days" if longest.days else f"{longest.seconds // 3600} hour"
        problems.add(node.location, f"{quoted(node.data)} is out of range", expected=f"more than 0, at most {most}")
    return found


def _scope(
    node: Located | None, protocol: Protocol, default: PortSet | Named, ports: PortReader, problems: Problems
) -> PortSet | Named:
    if node is None:
        return default
    words: dict[object, PortSet | Named] = {"all": _ALL[protocol], "named": Named.NAMED, "none": NO_PORTS}
    if isinstance(node.data, str):
        return words.get(node.data, default)
    found = NO_PORTS
    for entry in one_or_more(node):
        if isinstance(entry.data, int | str) and not isinstance(entry.data, bool):
            found |= word(entry, lambda item: _of(protocol, item, ports), problems) or NO_PORTS
    return found


def _of(protocol: Protocol, item: int | str, ports: PortReader) -> PortSet:
    """Read a port item where the protocol is clear from the key: a bare number under ``udp`` is a UDP port."""
    if isinstance(item, str) and "/" in item:
        found = ports.read(item)
        if found.only(protocol) != found:
            raise WrongWordError(f"{quoted(item)} is not only {protocol.value}", expected=f"{protocol.value} ports")
        return found
    ports.read(item)  # its own words for what is no port at all
    return ports.read(f"{item}/{protocol.value}")
