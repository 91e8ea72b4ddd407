"""Kernel settings about ports (``ip-sysctl``), of the calling thread's network namespace."""

from __future__ import annotations

from auditor.model.ports import HIGHEST, NO_PORTS, PortSet, Protocol

_FOLDER = "/proc/sys/net/ipv4"


def ephemeral() -> tuple[int, int] | None:
    """The first and last port that the kernel gives out by itself; None where it does not tell."""
    words = _setting("ip_local_port_range").split()
    if len(words) != 2 or not all(word.isdigit() for word in words):
        return None
    low, high = int(words[0]), int(words[1])
    return (low, high) if low <= high <= HIGHEST else None


def reserved(protocol: Protocol = Protocol.TCP) -> PortSet:
    """The ports that the kernel never gives out by itself, whatever the range."""
    try:
        return PortSet.parse(_setting("ip_local_reserved_ports").strip(), protocol)
    except ValueError:
        return NO_PORTS


def unprivileged_from() -> int:
    """The lowest port that needs no privilege (``CAP_NET_BIND_SERVICE``) to be bound; 1024 unless set otherwise."""
    text = _setting("ip_unprivileged_port_start").strip()
    return int(text) if text.isdigit() else 1024


def _setting(name: str) -> str:
    try:
        with open(f"{_FOLDER}/{name}", encoding="ascii") as file:  # noqa: PTH123
            return file.read()
    except (OSError, ValueError):
        return ""
