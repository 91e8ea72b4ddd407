"""``auditor port``: what a port is, who holds it here, whether it can be bound. Answers "Address already in use"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import options as given
from auditor.cli.say import show, show_json
from auditor.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.model.ports import Port

_MOST = 8


def port(
    which: Annotated[str, typer.Argument(metavar="NUMBER|NAME", help="8080, https, 53/udp. A bare number means tcp.")],
    output: given.Form = given.Shape.TEXT,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 unless the port can be bound.")] = False,
) -> int:
    """Say what a port is, who holds it here, whether it can be bound, and if not, why and what to do.

    The port is really tried on 0.0.0.0, :: and 127.0.0.1: bound for an instant, never listened on.

    Exit codes: 0; with --check 1 if the port cannot be bound; 2 no such port.
    """
    from auditor.cli.port_views import as_json, as_text
    from auditor.collect.sockets import holding

    facts = [holding(each) for each in wanted(which)]
    if output is given.Shape.JSON:
        show_json(as_json(facts))
    else:
        show("\n\n".join("\n".join(as_text(each)) for each in facts))
    return ExitCode.VIOLATIONS if check and not all(each.bindable for each in facts) else ExitCode.CONFORMS


def wanted(text: str) -> Sequence[Port]:
    """Read a port: a number, a service's name, either with ``/tcp`` or ``/udp``. A name may stand for several.

    :raises UsageError: no such port, a name that nobody knows, or one that stands for too many.
    """
    from auditor.model.ports import Protocol

    name, slash, suffix = text.strip().partition("/")
    if slash and suffix.lower() not in {"tcp", "udp"}:
        raise UsageError(f"{text!r}: expected /tcp or /udp after the port")
    if name.isascii() and name.isdigit():
        return (_numbered(text, name, Protocol(suffix.lower() or "tcp")),)
    return _named(text, name, Protocol(suffix.lower()) if slash else None)


def _numbered(text: str, number: str, protocol: str) -> Port:
    from auditor.model.ports import Port

    try:
        found = Port.parse(f"{number}/{protocol}")
    except ValueError:
        found = None
    if found is None or found.number == 0:
        raise UsageError(f"{text!r}: no such port; expected 1 to 65535")
    return found


def _named(text: str, name: str, protocol: str | None) -> Sequence[Port]:
    from auditor.files import iana
    from auditor.model.ports import Protocol

    ports = iana.ports_of(name)
    if ports is None:
        raise UsageError(f"{text!r}: no such port; expected a number from 1 to 65535 or a service's name{_near(name)}")
    ports = ports.only(Protocol(protocol)) if protocol else ports
    if not ports:
        raise UsageError(f"{text!r}: {name} has no {protocol} port")
    if len(ports) > _MOST:
        raise UsageError(f"{text!r} stands for {len(ports)} ports ({ports}): give a number")
    return tuple(ports)


def _near(name: str) -> str:
    from auditor.files import iana
    from auditor.files.suggest import nearest

    near = nearest(name, iana.names())
    return f"; did you mean {near!r}?" if near else ""
