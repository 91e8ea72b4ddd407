"""What the expressions of nftables' JSON say: conditions of one rule. No I/O. (libnftables-json(5).)

Everything that is not known here is a condition that cannot be decided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.collect.declared.firewall.circumstances import AtRest, Fixed, Goes, State, Unsure
from auditor.collect.declared.firewall.conditions import AnyOf, Condition, Enters, Original, Within
from auditor.collect.declared.firewall.nft_values import (
    Undecided,
    bits_of,
    door_of,
    families_of,
    networks_of,
    numbers_of,
    ports_of,
    protocols_of,
    states_of,
)
from auditor.collect.declared.firewall.packets import ALL_SCTP, IPV4, IPV6, PORTS, of_every_protocol
from auditor.model.ports import ALL_TCP, ALL_UDP, NO_PORTS, PortSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from auditor.model.network import NetworkSet

    Sets = Mapping[str, Sequence[Any] | None]

_ADDRESSES = {"saddr": "sources", "daddr": "targets"}
_PORTS_OF = {"tcp": ALL_TCP, "udp": ALL_UDP, "sctp": ALL_SCTP, "th": PORTS}
_COMPARED = {"<": "below", "<=": "upto", ">": "above", ">=": "from"}
_SYN = 2
_UNSURE = (Unsure(),)


class Reader:
    """Reads the matches of one table. ``sets`` are its named sets and maps, None where the contents are unknown."""

    def __init__(self, sets: Sets, behind: Callable[[NetworkSet], str | None]) -> None:
        self._sets = sets
        self._behind = behind
        self.names: set[str] = set()
        self.names_ports = False
        self.sctp = False

    def match(self, match: Any) -> tuple[Condition, ...]:
        """Return the conditions of a ``match``; all of them must hold."""
        if not isinstance(match, dict) or not {"left", "right"} <= match.keys():
            return _UNSURE
        try:
            return self._match(match["left"], str(match.get("op", "==")), match["right"])
        except (Undecided, ValueError, TypeError, KeyError, RecursionError):
            return _UNSURE

    def key_is(self, key: Any, value: Any) -> Condition:
        """Return the condition that a key has one value, for the elements of a verdict map."""
        try:
            return AnyOf(self._ways(key, [value]))
        except (Undecided, ValueError, TypeError, KeyError, RecursionError):
            return Unsure()

    def elements(self, data: Any) -> list[tuple[Any, Any]]:
        """Return the pairs of a map, anonymous or named.

        :raises Undecided: the contents are not in the file.
        """
        if isinstance(data, str) and data.startswith("@"):
            found = self._sets.get(data[1:])
            if found is None:
                raise Undecided
            pairs: Any = found
        else:
            pairs = data.get("set", ()) if isinstance(data, dict) else ()
        if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
            raise Undecided
        return [(bare(pair[0]), pair[1]) for pair in pairs]

    def _match(self, left: Any, op: str, right: Any) -> tuple[Condition, ...]:
        inverted = op == "!="
        if op in _COMPARED and isinstance(left, dict) and "&" in left:
            return (self._flags(left["&"], op, right),)
        if op in _COMPARED:
            return (self._compared(left, _COMPARED[op], right),)
        if op not in ("==", "!=", "in"):
            raise Undecided
        if isinstance(left, dict) and "&" in left:
            return (self._flags(left["&"], op, right),)
        if op == "in" and _key(left) == ("tcp", "flags"):
            return (_of_tcp(bool(bits_of(right) & _SYN)),)
        if (fixed := self._fixed(left, right, inverted)) is not None:
            return fixed
        values = self._values(right)
        ways = AnyOf(self._ways(left, values), inverted)
        return (*self.implied(left), ways)

    def _values(self, right: Any) -> list[Any]:
        """Return the members of a set, named or not, or the one value."""
        if isinstance(right, str) and right.startswith("@"):
            found = self._sets.get(right[1:])
            if found is None:
                raise Undecided
            return [bare(one) for one in found]
        if isinstance(right, dict) and "set" in right:
            members = right["set"]
            return [bare(one) for one in (members if isinstance(members, list) else [members])]
        if isinstance(right, list):
            return [bare(one) for one in right]
        return [bare(right)]

    def _ways(self, left: Any, values: Sequence[Any]) -> tuple[tuple[Condition, ...], ...]:
        """Return what the key must be, value by value; members of one kind are joined."""
        if isinstance(left, dict) and "concat" in left:
            return tuple(self._concatenated(left["concat"], value) for value in values)
        return tuple((one,) for one in self._single(left, values))

    def _concatenated(self, parts: Any, value: Any) -> tuple[Condition, ...]:
        if value == "*":
            return ()
        given = value["concat"]
        if len(parts) != len(given):
            raise Undecided
        found: list[Condition] = []
        for part, one in zip(parts, given, strict=True):
            (condition,) = self._single(part, [bare(one)])
            found += [*self.implied(part), condition]
        return tuple(found)

    def _single(self, left: Any, values: Sequence[Any]) -> Iterator[Condition]:  # noqa: C901 - a case a kind of key
        """Yield one condition for a key and the values that it may have."""
        if "*" in values:
            yield Fixed(holds=True)
            return
        kind, key = _key(left)
        field = _ADDRESSES.get(key, "")
        if kind in ("ip", "ip6") and field:
            yield Within(field, networks_of(values))
        elif kind in _PORTS_OF and key == "dport":
            self.names_ports = True
            yield Within("ports", ports_of(values, _PORTS_OF[kind]))
        elif kind in _PORTS_OF and key == "sport":
            yield Within("origins", numbers_of(values))
        elif (kind, key) in (("meta", "l4proto"), ("ip", "protocol"), ("ip6", "nexthdr")):
            found = protocols_of(values)
            self.sctp |= not {"sctp", "132"}.isdisjoint(map(str, values))
            self.names_ports |= bool(found) and found <= ALL_SCTP
            yield Within("ports", found)
        elif (kind, key) in (("meta", "iifname"), ("meta", "iif")):
            names = tuple(door_of(value) for value in values)
            self.names.update(names)
            yield Enters(names)
        elif (kind, key) in (("meta", "oifname"), ("meta", "oif")):
            yield Goes(tuple(door_of(value) for value in values), inverted=False, behind=self._behind)
        elif (kind, key) in (("meta", "nfproto"), ("meta", "protocol")):
            yield Within("sources", families_of(values))
        elif (kind, key) in (("ct", "state"), ("ct", "status")):
            yield State(frozenset(states_of(values)))
        elif (kind, key) == ("ct", "proto-dst"):
            yield Original("ports", ports_of(values, PORTS))
        elif (kind, key) == ("tcp", "flags"):
            yield Within("ports", ALL_TCP if any(bits_of(value) == _SYN for value in values) else NO_PORTS)
        else:
            raise Undecided

    def implied(self, left: Any) -> Iterator[Condition]:
        """Yield what a key says by itself: nothing but TCP has TCP's ports, and nothing but IPv4 its addresses."""
        for part in left["concat"] if isinstance(left, dict) and "concat" in left else [left]:
            kind, _ = _key(part)
            if kind in ("tcp", "udp", "sctp"):
                yield Within("ports", _PORTS_OF[kind])
            elif kind in ("ip", "ip6"):
                yield Within("sources", IPV4 if kind == "ip" else IPV6)
            elif kind in ("icmp", "icmpv6", "igmp", "esp", "ah", "comp", "dccp", "udplite", "arp", "ether"):
                yield Fixed(holds=False)

    def _fixed(self, left: Any, right: Any, inverted: bool) -> tuple[Condition, ...] | None:  # noqa: FBT001
        """Return the condition of a key that first packets from elsewhere all have alike; None for other keys."""
        kind, key = _key(left)
        values = [str(value) for value in self._values(right)] if kind in ("fib", "meta", "ct") else []
        if kind == "fib":
            return (_route(left["fib"], values, inverted),)
        if (kind, key) == ("meta", "pkttype"):
            return (Fixed(("unicast" in values or "host" in values) != inverted),)
        if (kind, key) == ("ct", "direction"):
            return (Fixed(("original" in values) != inverted),)
        if kind in ("icmp", "icmpv6", "igmp", "esp", "ah", "comp", "dccp", "udplite"):
            return (Fixed(holds=False),)
        return None

    def _compared(self, left: Any, how: str, right: Any) -> Condition:
        kind, key = _key(left)
        if kind not in _PORTS_OF or key not in ("dport", "sport") or isinstance(right, bool):
            raise Undecided
        edge = int(right)
        low, high = {"below": (0, edge - 1), "upto": (0, edge), "above": (edge + 1, 65535), "from": (edge, 65535)}[how]
        numbers = PortSet.span(low, high) if 0 <= low <= high <= 65535 else NO_PORTS
        if key == "sport":
            return AnyOf(((Within("ports", _PORTS_OF[kind]), Within("origins", numbers)),))
        self.names_ports = True
        return Within("ports", of_every_protocol(numbers) & _PORTS_OF[kind])

    def _flags(self, parts: Any, op: str, right: Any) -> Condition:
        """Hold the flags of a first packet of TCP, SYN alone, against a mask."""
        left, mask = parts
        if _key(left) != ("tcp", "flags"):
            raise Undecided
        found, wanted = _SYN & bits_of(mask), bits_of(right)
        held = {
            "==": found == wanted, "in": found == wanted, "!=": found != wanted, "<": found < wanted,
            "<=": found <= wanted, ">": found > wanted, ">=": found >= wanted,
        }  # fmt: skip
        return _of_tcp(held[op])


def _of_tcp(holds: bool) -> Condition:  # noqa: FBT001
    return Within("ports", ALL_TCP if holds else NO_PORTS)


def bare(value: Any) -> Any:
    """Return an element without its comment, timeout or counter."""
    if isinstance(value, dict) and isinstance(value.get("elem"), dict) and "val" in value["elem"]:
        return value["elem"]["val"]
    return value


def _key(left: Any) -> tuple[str, str]:
    """Return what an expression looks at: ``("tcp", "dport")``, ``("meta", "iifname")``."""
    if isinstance(left, dict) and len(left) == 1:
        ((kind, inner),) = left.items()
        if kind == "payload" and isinstance(inner, dict) and "protocol" in inner:
            return str(inner["protocol"]), str(inner.get("field", ""))
        if kind in ("meta", "ct") and isinstance(inner, dict):
            original = kind == "meta" or inner.get("dir", "original") == "original"
            return kind, str(inner.get("key", "")) if original else ""
        if kind == "fib":
            return "fib", ""
    return "", ""


def _route(fib: Any, values: Sequence[str], inverted: bool) -> Condition:  # noqa: FBT001
    """Judge a look into the routing table: packets go to the host's own addresses, and come the way they should."""
    flags = fib.get("flags", []) if isinstance(fib, dict) else []
    flags = [flags] if isinstance(flags, str) else flags
    if fib.get("result") == "type":
        if "daddr" in flags:
            return Fixed(("local" in values) != inverted)
        return Fixed(("unicast" in values) != inverted)
    if fib.get("result") in ("oif", "check") and "saddr" in flags:
        missing = set(values) <= {"False", "missing", "0"}
        return AtRest(missing == inverted)
    raise Undecided
