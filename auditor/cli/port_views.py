"""The facts about a port, for people and for programs. Pure: :mod:`auditor.cli.port` prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from auditor.cli.columns import aligned
from auditor.collect.sockets.advice import steps, who, why
from auditor.files import iana
from auditor.report.escape import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.collect.sockets.holding import Connection, Holding
    from auditor.model.evidence import Socket

_SHOWN = 8  # connections on the screen; all of them are in the JSON


def as_text(facts: Holding) -> Iterator[str]:
    """Return the lines for one port: what it is, who holds it, whether it can be bound, what to do."""
    yield from _headline(facts)
    yield ""
    rows = [*_held(facts), *_binds(facts)]
    yield from aligned([tuple(map(one_line, row)) for row in rows])
    yield ""
    yield _answer(facts)
    yield from (f"  - {one_line(step)}" for step in steps(facts))
    yield from (f"note: {one_line(note)}" for note in facts.notes)


def as_json(all_facts: Sequence[Holding]) -> str:
    """Return one document for all ports asked."""
    document = {"auditor": "port", "version": 1, "ports": [_fields(facts) for facts in all_facts]}
    return json.dumps(document, indent=2)


def meaning(facts: Holding) -> Iterator[str]:
    """Say what follows from the number alone."""
    number = facts.port.number
    low, high = iana.RANGES[iana.range_name(number)]
    yield f"{iana.range_name(number)} ({low}-{high})"
    if number < facts.privileged_below:
        yield f"privileged: below {facts.privileged_below}, to be bound by root or with CAP_NET_BIND_SERVICE"
    if facts.reserved:
        yield "reserved (net.ipv4.ip_local_reserved_ports): never given to outgoing connections"
    elif _ephemeral(facts):
        yield "ephemeral (net.ipv4.ip_local_port_range): an outgoing connection may take it at any time"


def _headline(facts: Holding) -> Iterator[str]:
    name, description = iana.name_of(facts.port), iana.describe(facts.port)
    title = ": ".join(part for part in (name, description) if part) or "not registered with IANA"
    yield one_line(f"{facts.port}  {title}")
    also = [each for each in iana.also_called(facts.port) if each != name]
    if also:
        yield f"  also used for {', '.join(also)}"
    yield from (f"  {line}" for line in meaning(facts))


def _held(facts: Holding) -> Iterator[tuple[str, str, str]]:
    for each in facts.listeners:
        verb = "likely a client's" if each.client else "listens" if each.port.protocol == "tcp" else "receives"
        yield verb, _on(each), who(each) + _shared(each)
    for each in facts.bound:
        yield "bound", _on(each), f"{who(each)}{_shared(each)}, not listening"
    for connection in facts.connections[:_SHOWN]:
        remote = f"{_bracketed(connection.remote)}:{connection.remote_port}"
        yield "connection", _bracketed(connection.local), f"{connection.state} with {remote}, {who(connection)}"
    if len(facts.connections) > _SHOWN:
        yield "connection", "", f"and {len(facts.connections) - _SHOWN} more"
    for each in facts.elsewhere:
        yield "elsewhere", _on(each), f"{who(each)} in namespace {each.netns}, not in the way"
    for each in facts.other_protocol:
        yield "also", _on(each), f"{who(each)} on {each.port}, not in the way"
    if facts.unread:
        yield "not known", "", facts.unread


def _binds(facts: Holding) -> Iterator[tuple[str, str, str]]:
    """One row for each reason, as mostly the addresses share it."""
    reasons: dict[str, list[str]] = {}
    for each in facts.trials:
        reasons.setdefault(why(facts, each), []).append(_bracketed(each.address))
    for reason, addresses in reasons.items():
        yield "bind", ", ".join(addresses), reason


def _answer(facts: Holding) -> str:
    if facts.bindable:
        return f"{facts.port} can be bound."
    if any(trial.outcome.free for trial in facts.trials):
        return f"{facts.port} can be bound on some addresses only. What to do:"
    return f"{facts.port} cannot be bound. What to do:"


def _on(each: Socket) -> str:
    device = f"%{each.interface}" if each.interface else ""
    return "* (IPv4 and IPv6)" if each.dual_stack else _bracketed(each.address + device)


def _shared(each: Socket) -> str:
    return f" and {each.shared_by - 1} more" if each.shared_by > 1 else ""


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _ephemeral(facts: Holding) -> bool:
    return facts.ephemeral is not None and facts.ephemeral[0] <= facts.port.number <= facts.ephemeral[1]


def _fields(facts: Holding) -> dict[str, object]:
    return {
        "port": str(facts.port),
        "service": iana.name_of(facts.port),
        "description": iana.describe(facts.port),
        "also_called": list(iana.also_called(facts.port)),
        "range": iana.range_name(facts.port.number),
        "privileged": facts.port.number < facts.privileged_below,
        "privileged_below": facts.privileged_below,
        "ephemeral": _ephemeral(facts),
        "ephemeral_range": None if facts.ephemeral is None else "-".join(map(str, facts.ephemeral)),
        "reserved": facts.reserved,
        "bindable": facts.bindable,
        "binds": [
            {"address": each.address, "outcome": each.outcome.value, "sharable": each.sharable, "why": why(facts, each)}
            for each in facts.trials
        ],
        "listeners": [_socket(each) for each in facts.listeners],
        "bound": [_socket(each) for each in facts.bound],
        "connections": [_connection(each) for each in facts.connections],
        "elsewhere": [_socket(each) for each in facts.elsewhere],
        "other_protocol": [_socket(each) for each in facts.other_protocol],
        "unread": facts.unread,
        "next_free": None if facts.next_free is None else str(facts.next_free),
        "steps": list(steps(facts)),
        "notes": list(facts.notes),
    }


def _socket(each: Socket) -> dict[str, object]:
    return {
        "port": str(each.port),
        "address": each.address,
        "scope": each.scope.value,
        "process": each.process,
        "pid": each.pid,
        "user": each.user,
        "netns": each.netns,
        "interface": each.interface,
        "dual_stack": each.dual_stack,
        "shared_by": each.shared_by,
        "client": each.client,
    }


def _connection(each: Connection) -> dict[str, object]:
    return {
        "local": each.local,
        "remote": each.remote,
        "remote_port": each.remote_port,
        "state": each.state,
        "process": each.process,
        "pid": each.pid,
        "user": each.user,
    }
