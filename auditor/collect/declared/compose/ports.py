"""The items of ``ports`` in short and long syntax, by the rules of Docker's own parser of port specifications.

``"9000-9003:7000-7003"`` is four ports, ``"9200-9205:80"`` one out of six, ``"80"`` one that the engine chooses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.collect.declared.compose.node import RefusedError
from auditor.collect.declared.compose.variables import blank, lacks_required, unset
from auditor.model.ports import HIGHEST

if TYPE_CHECKING:
    from auditor.collect.declared.compose.node import Node
    from auditor.model.location import Location

_PROTOCOLS = ("tcp", "udp", "sctp")
_NUMBER = re.compile(r"[0-9]{1,9}")
_DOUBTFUL = re.compile(r"0[0-9]+|0[xobXOB][0-9a-fA-F]+|[0-9]+_[0-9_]+")
"""A whole item of digits that YAML may read in another base, unless it is in quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortItem:
    """One item of ``ports``: the host's ports from ``low`` to ``high``, ``each`` of them or one out of them.

    ``address`` is as written, without brackets: empty for all. ``low`` and ``high`` are 0 for a port that the engine
    chooses, None where a variable decides that is not set. ``target`` is the container's port or ports. ``missing``
    names such variables, ``required`` says that compose does not start without them.
    """

    address: str
    low: int | None
    high: int | None
    each: bool
    target: str
    protocol: str
    location: Location
    node: Node
    missing: tuple[str, ...] = ()
    required: bool = False
    unknown_address: bool = False
    unknown_protocol: bool = False

    @property
    def key(self) -> tuple[str, int | None, int | None, str, str, tuple[str, ...]]:
        """What two items share that compose takes for one."""
        address = self.address or "0.0.0.0"  # noqa: S104 - what compose takes an address left out for
        return (address, self.low, self.high, self.target, self.protocol, self.missing)


def parse_item(node: Node) -> PortItem:
    """Read one item of ``ports``.

    :raises RefusedError: compose or the engine refuses it.
    """
    if isinstance(node.data, dict):
        return _long(node)
    if isinstance(node.data, bool) or not isinstance(node.data, (str, int)):
        raise RefusedError("a port is a text, a number or a mapping")
    return _short(node)


def _short(node: Node) -> PortItem:
    filled = node.text()
    if filled == node.data and _DOUBTFUL.fullmatch(filled):
        raise RefusedError("readers of YAML disagree about this number: write it in decimal, without leading zeros")
    address, published, target = _split(filled)
    target, protocol, unknown_protocol = _protocol(target)
    address = _address(address)
    missing = unset(filled)
    if not target:
        raise RefusedError("no container's port")
    first, last = _range(target)
    low, high = _range(published) if published else (0, 0)
    if ":" not in filled and missing:  # the variable may bring the whole item
        low = high = None
    inner, outer = (last or 0) - (first or 0), (high or 0) - (low or 0)
    if inner and high and inner != outer:
        raise RefusedError("the ranges of container and host are of different length")
    return PortItem(
        address=address,
        low=low,
        high=high,
        each=bool(inner) or not outer,
        target=target if first is not None else "?",
        protocol=protocol,
        location=node.location,
        node=node,
        missing=missing,
        required=lacks_required(filled),
        unknown_address=bool(unset(address)),
        unknown_protocol=unknown_protocol,
    )


def _long(node: Node) -> PortItem:
    target = node.get("target")
    published = node.get("published")
    if target is None:
        raise RefusedError("a published port without its 'target'")
    texts = {name: found.text() for name in ("host_ip", "protocol") if (found := node.get(name)) is not None}
    inside, outside = _decimal(target), _decimal(published) if published is not None else ""
    first, last = _range(inside)
    if first != last:
        raise RefusedError("'target' is one port")
    low, high = _range(outside) if outside else (0, 0)
    protocol = texts.get("protocol") or "tcp"
    if not unset(protocol) and protocol.lower() not in _PROTOCOLS:
        raise RefusedError("no such protocol")
    address = _address(texts.get("host_ip", ""))
    everything = f"{inside}{outside}{protocol}{address}"
    return PortItem(
        address=address,
        low=low,
        high=high,
        each=low == high,
        target=str(first) if first is not None else "?",
        protocol="tcp" if unset(protocol) else protocol.lower(),
        location=(node if published is None else published).location,
        node=node,
        missing=unset(everything),
        required=lacks_required(everything),
        unknown_address=bool(unset(address)),
        unknown_protocol=bool(unset(protocol)),
    )


def _decimal(node: Node) -> str:
    text = node.text()
    if text == node.data and _DOUBTFUL.fullmatch(text):
        raise RefusedError("readers of YAML disagree about this number: write it in decimal, without leading zeros")
    return text


def _split(text: str) -> tuple[str, str, str]:
    """Split from the right: an address has colons of its own."""
    rest, _, target = text.rpartition(":")
    address, _, published = rest.rpartition(":")
    return address, published, target


def _protocol(target: str) -> tuple[str, str, bool]:
    """Split off the protocol; whether a variable that is not set may hold it."""
    number, slash, name = target.partition("/")
    if not slash:
        return number, "tcp", bool(unset(number))
    if unset(name):
        return number, "tcp", True
    name = name.lower() or "tcp"
    if name not in _PROTOCOLS:
        raise RefusedError("no such protocol")
    return number, name, False


def _address(text: str) -> str:
    """Take the brackets off an IPv6 address; it must have them.

    :raises RefusedError: not an address.
    """
    from ipaddress import ip_address

    if not text or unset(text):
        return text
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if "%" in bare:
        raise RefusedError("not an address of the host")
    try:
        ip_address(bare)
    except ValueError:
        raise RefusedError("not an address of the host") from None
    return bare


def _range(text: str) -> tuple[int | None, int | None]:
    """Read ``80`` or ``80-90``; None where a variable that is not set is part of it.

    :raises RefusedError: not a port, or a range that ends before it begins.
    """
    if unset(text):
        if not re.fullmatch(r"[0-9-]*", blank(text)):
            raise RefusedError("not a port")
        return None, None
    low, dash, high = text.partition("-")
    first = _port(low)
    last = _port(high) if dash else first
    if last < first:
        raise RefusedError("a range that ends before it begins")
    return first, last


def _port(text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > HIGHEST:
        raise RefusedError("not a port")
    return int(text)
