"""Kernel settings about ports (``ip-sysctl``), of the calling thread's network namespace."""

from __future__ import annotations

import os

from auditor.model.ports import HIGHEST, NO_PORTS, PortSet, Protocol

_FOLDER = "/proc/sys/net/ipv4"
_FOLDER_IPV6 = "/proc/sys/net/ipv6"


def ephemeral() -> tuple[int, int] | None:
    """The first and last port that the kernel gives out by itself; None where it does not tell."""
    return bounds(_setting("ip_local_port_range"))


def bounds(text: str) -> tuple[int, int] | None:
    """Read ``ip_local_port_range``; None if it is no range."""
    words = text.split()
    if len(words) != 2 or not all(word.isascii() and word.isdigit() and len(word) <= 5 for word in words):
        return None
    low, high = int(words[0]), int(words[1])
    return (low, high) if low <= high <= HIGHEST else None


def reserved(protocol: Protocol = Protocol.TCP) -> PortSet:
    """The ports that the kernel never gives out by itself, whatever the range."""
    return _reserved(_setting("ip_local_reserved_ports"), protocol)


def handed_out(port_range: str | None = None, reserved_ports: str | None = None) -> PortSet:
    """The ports of both protocols that the kernel gives to sockets that ask for none; empty where it does not tell.

    The arguments are the text of its settings ``ip_local_port_range`` and ``ip_local_reserved_ports``, where they were
    read elsewhere.
    """
    ends = bounds(_setting("ip_local_port_range") if port_range is None else port_range)
    if ends is None:
        return NO_PORTS
    kept = _setting("ip_local_reserved_ports") if reserved_ports is None else reserved_ports
    parts = [PortSet.span(*ends, protocol) - _reserved(kept, protocol) for protocol in Protocol]
    return parts[0] | parts[1]


def _reserved(text: str, protocol: Protocol) -> PortSet:
    try:
        return PortSet.parse(text.strip(), protocol)
    except ValueError:
        return NO_PORTS


def unprivileged_from() -> int:
    """The lowest port that needs no privilege (``CAP_NET_BIND_SERVICE``) to be bound; 1024 unless set otherwise."""
    text = _setting("ip_unprivileged_port_start").strip()
    return int(text) if text.isdigit() else 1024


def ipv6_alone() -> bool:
    """Whether a socket bound to ``::`` leaves IPv4 alone unless it asks for it (``net.ipv6.bindv6only``)."""
    return _setting("bindv6only", _FOLDER_IPV6).strip() == "1"


def routes_loopback() -> bool:
    """Whether packets from outside may be sent to loopback on any device (``route_localnet``); so where untold."""
    try:
        devices = os.listdir(f"{_FOLDER}/conf")  # noqa: PTH208 - names are all that is wanted
    except OSError:
        return True
    return any(_setting(f"conf/{device}/route_localnet").strip() != "0" for device in devices if device != "default")


def _setting(name: str, folder: str = _FOLDER) -> str:
    try:
        with open(f"{folder}/{name}", encoding="ascii") as file:  # noqa: PTH123
            return file.read()
    except (OSError, ValueError):
        return ""
