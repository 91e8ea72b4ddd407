"""Reading socket tables as text (``proc(5)``, ``/proc/net/tcp``): the way that is nearly always there.

It does not tell whether ``::`` takes IPv4 too, nor the device that a socket is tied to.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Literal

from auditor.collect.sockets.entries import Entry, KernelState, unpack_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.model.ports import Protocol

ByteOrder = Literal["little", "big"]

_ROW = re.compile(
    r"\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) ([0-9A-F]{2}) "
    r"\S+ \S+ \S+\s+(\d+)\s+\d+ (\d+)",
    re.ASCII,
)


def read(path: str, protocol: Protocol, states: frozenset[KernelState], number: int = 0) -> list[Entry]:
    """Read one table: the sockets in these states, on this local port (0: on any).

    :raises OSError: the table cannot be read.
    :raises ValueError: it is not such a table.
    """
    with open(path, encoding="ascii") as table:  # noqa: PTH123 - a name in /proc, opened often
        return list(parse(table, protocol, states, number))


def parse(
    lines: Iterable[str],
    protocol: Protocol,
    states: frozenset[KernelState],
    number: int = 0,
    order: ByteOrder = sys.byteorder,
) -> Iterator[Entry]:
    """Read the lines of a table, its heading first. ``order`` is the byte order of the machine that wrote it.

    :raises ValueError: no heading (an empty file is no table), or a row that is none.
    """
    rows = iter(lines)
    if "local_address" not in next(rows, ""):
        raise ValueError("not a socket table: its heading is missing")
    for row in rows:
        found = _ROW.match(row)
        if found is None:
            raise ValueError(f"not a row of a socket table: {row[:80]!r}")
        entry = _entry(found, protocol, order)
        if entry.state in states and number in {0, entry.number}:
            yield entry


def _entry(found: re.Match[str], protocol: Protocol, order: ByteOrder) -> Entry:
    local, local_port, remote, remote_port, state, uid, inode = found.groups()
    address = unpack_address(_bytes(local, order))
    return Entry(
        protocol=protocol,
        address=address,
        number=int(local_port, 16),
        remote=unpack_address(_bytes(remote, order)),
        remote_number=int(remote_port, 16),
        state=KernelState(int(state, 16)),
        uid=int(uid),
        inode=int(inode),
        dual=None if address.version == 6 and address.is_unspecified else False,
    )


def _bytes(words: str, order: ByteOrder) -> bytes:
    """Addresses are printed as 32-bit words, each in the machine's byte order."""
    return b"".join(int(words[at : at + 8], 16).to_bytes(4, order) for at in range(0, len(words), 8))
