"""All tables of one network namespace: through netlink where it is to be had, else as text; never silently fewer."""

from __future__ import annotations

import errno
import socket
import struct
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from auditor.collect.sockets import procfs, sockdiag, sysctl
from auditor.collect.sockets.namespaces import OWN_TABLES
from auditor.model.network import NOWHERE
from auditor.model.ports import Port, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from auditor.collect.sockets.entries import Entry, KernelState
    from auditor.model.network import NetworkSet

_SIOCGIFNAME = 0x8910  # netdevice(7)
_IFREQ = struct.Struct("=16si20x")

_FILES = {
    (Protocol.TCP, socket.AF_INET): "tcp",
    (Protocol.TCP, socket.AF_INET6): "tcp6",
    (Protocol.UDP, socket.AF_INET): "udp",
    (Protocol.UDP, socket.AF_INET6): "udp6",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """What the tables hold. ``unread`` says of a protocol why it is not all there; ``interfaces`` names devices.

    ``handed_out`` is the ports that the kernel gives to sockets that ask for none. ``own`` is the addresses of a
    namespace that was entered.
    """

    entries: tuple[Entry, ...]
    unread: Mapping[Protocol, str]
    interfaces: Mapping[int, str]
    handed_out: PortSet
    own: NetworkSet = field(default=NOWHERE)


def read(
    states: Mapping[Protocol, frozenset[KernelState]],
    *,
    number: int = 0,
    folder: str = OWN_TABLES,
    netlink: bool = True,
) -> Tables:
    """Read the sockets of each protocol, IPv4 and IPv6, that are in the given states and on local port ``number``.

    Of the calling thread's namespace; with ``netlink`` off, of the one whose tables are in ``folder``. Number 0 is any.
    """
    channel = _channel() if netlink else None
    entries: list[Entry] = []
    unread: dict[Protocol, str] = {}
    try:
        for (protocol, family), name in _FILES.items():
            if protocol not in states:
                continue
            try:
                entries += _table(channel, family, protocol, states[protocol], number, f"{folder}/{name}")
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                unread[protocol] = f"the kernel's table {name} cannot be read: {reason}"
        interfaces = _interface_names(channel, {entry.interface for entry in entries} - {0})
    finally:
        if channel:
            channel.close()
    return Tables(
        entries=settle_dual(entries, alone=netlink and sysctl.ipv6_alone()),
        unread=unread,
        interfaces=interfaces,
        handed_out=handed_out(),
    )


def handed_out() -> PortSet:
    """The TCP and UDP ports that the kernel gives to sockets that ask for none; empty where it does not tell."""
    return sysctl.handed_out()


def _channel() -> socket.socket | None:
    try:
        return sockdiag.connect()
    except OSError:
        return None


def _table(
    channel: socket.socket | None,
    family: int,
    protocol: Protocol,
    states: frozenset[KernelState],
    number: int,
    path: str,
) -> list[Entry]:
    if channel:
        try:
            return sockdiag.dump(channel, family, protocol, states, number)
        except OSError:  # a kernel without this protocol's dumps: the text has it all the same
            pass
    try:
        return procfs.read(path, protocol, states, number)
    except FileNotFoundError:
        if family == socket.AF_INET6 and not _has_ipv6():
            return []
        raise


def _has_ipv6() -> bool:
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
    except OSError as error:
        return error.errno != errno.EAFNOSUPPORT
    return True


def _interface_names(channel: socket.socket | None, indices: Iterable[int]) -> dict[int, str]:
    """Name devices by asking on the channel, as it knows the namespace that the indices are of."""
    import fcntl

    names = {}
    for index in indices:
        try:
            answer = fcntl.ioctl(channel or -1, _SIOCGIFNAME, _IFREQ.pack(b"", index))
            names[index] = _IFREQ.unpack(answer)[0].rstrip(b"\0").decode(errors="replace")
        except (OSError, ValueError):
            names[index] = f"if{index}"
    return names


def settle_dual(entries: Iterable[Entry], *, alone: bool = False) -> tuple[Entry, ...]:
    """Where the table does not tell whether ``::`` takes IPv4 too: it does, unless an IPv4 socket has the port.

    Nor does it if it is left ``alone`` by default (``net.ipv6.bindv6only``). A program may have asked for the opposite
    of either; the network reaches the port all the same.
    """
    known = tuple(entries)
    if all(entry.dual is not None for entry in known):
        return known
    if alone:
        return tuple(replace(entry, dual=False) if entry.dual is None else entry for entry in known)
    taken = {Port(entry.protocol, entry.number) for entry in known if entry.address.version == 4}
    return tuple(
        replace(entry, dual=Port(entry.protocol, entry.number) not in taken) if entry.dual is None else entry
        for entry in known
    )
