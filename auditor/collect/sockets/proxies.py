"""Programs that hold a port on behalf of a container, and what their command lines tell of it. No I/O.

They belong to the engines: ``docker-proxy``; ``pasta``, ``slirp4netns`` and ``rootlessport`` of rootless podman,
``conmon`` where podman only keeps a port from others; ``rootlesskit`` of rootless Docker.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.collect.sockets.containers import option, watched
from auditor.model.ports import Port, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from auditor.model.evidence import Container

_NAMES = ("docker-proxy", "rootlesskit", "rootlessport", "slirp4netns", "pasta", "passt", "conmon", "gvproxy")
_MOST_PORTS = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """What a proxy says of itself: ``forwards`` by the host's port, and who is behind it.

    ``door`` is a file that leads into the network namespace that it serves.
    """

    forwards: Mapping[Port, str] = field(default_factory=dict, hash=False)
    container: Container | None = None
    door: str | None = None


def is_proxy(name: str | None) -> bool:
    """Whether a process of this name holds ports for containers; ``pasta.avx2`` is one of ``pasta``."""
    return name is not None and name.startswith(_NAMES)


def proxy(name: str, given: Sequence[str]) -> Proxy | None:
    """Read the command line of a process; None where it is no proxy."""
    if not is_proxy(name):
        return None
    if name.startswith("docker-proxy"):
        return Proxy(forwards=dict(_docker(given)))
    if name.startswith(("pasta", "passt")):
        return Proxy(forwards=dict(_pasta(given)), door=option(given, "--netns"))
    if name.startswith("slirp4netns"):
        return Proxy(door=next((word for word in given[1:] if word.startswith("/") and "/netns/" in word), None))
    return Proxy(container=watched(name, given))


def _docker(given: Sequence[str]) -> Iterator[tuple[Port, str]]:
    """``docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 8080 -container-ip 172.17.0.2 -container-port 80``."""
    published = _port(option(given, "-host-port") or "", option(given, "-proto") or "tcp")
    address, inner = option(given, "-container-ip"), option(given, "-container-port")
    if published and address and inner:
        yield published, f"[{address}]:{inner}" if ":" in address else f"{address}:{inner}"


def _pasta(given: Sequence[str]) -> Iterator[tuple[Port, str]]:
    """``pasta -t 127.0.0.1/8080:80 -u 53``: an address or none, the host's ports, the namespace's."""
    for word, value in zip(given, (*given[1:], ""), strict=False):
        protocol = {"-t": "tcp", "--tcp-ports": "tcp", "-u": "udp", "--udp-ports": "udp"}.get(word)
        if protocol:
            for part in value.split(","):
                yield from _mapped(part.rpartition("/")[2], protocol)


def _mapped(text: str, protocol: str) -> Iterator[tuple[Port, str]]:
    outer, _, inner = text.partition(":")
    low, _, high = outer.partition("-")
    first, last, start = (_port(each, protocol) for each in (low, high or low, (inner or outer).partition("-")[0]))
    if not first or not last or not start:
        return
    for step in range(min(last.number - first.number + 1, _MOST_PORTS)):
        yield Port(first.protocol, first.number + step), f"port {start.number + step}"


def _port(number: str, protocol: str) -> Port | None:
    try:
        return Port.parse(f"{number}/{protocol}") if Protocol(protocol) else None
    except ValueError:
        return None
