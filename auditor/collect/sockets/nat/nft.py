"""What ``nft -j list ruleset`` prints (libnftables-json(5)). No I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.collect.sockets.nat.rules import EVERY_PORT, EVERYTHING, IPV4, IPV6, NOTHING, Reach, Rule, Ruleset, Target
from auditor.model.network import EVERYWHERE, NOWHERE, NetworkSet, parse_address
from auditor.model.ports import ALL_TCP, ALL_UDP, NO_PORTS, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Fields = dict[str, Any]

Table = tuple[str, str]
"""Family and name."""

FAMILIES = {"ip": IPV4, "ip6": IPV6, "inet": EVERYWHERE}
_OF_PROTOCOL = {"tcp": ALL_TCP, 6: ALL_TCP, "udp": ALL_UDP, 17: ALL_UDP, "th": EVERY_PORT}
_MOST_ALTERNATIVES = 10_000


@dataclass(slots=True, kw_only=True)
class Tables:
    """The tables that arriving packets meet. nft cannot read the ``foreign`` ones: iptables made rules in them."""

    rulesets: dict[Table, Ruleset] = field(default_factory=dict)
    foreign: set[Table] = field(default_factory=set)


def tables(text: str, local: NetworkSet) -> Tables:
    """Read all tables with a chain on the prerouting hook. ``local`` is the host's own addresses.

    :raises ValueError: it is not what nft prints.
    """
    try:
        listed = json.loads(text)["nftables"]
        return _Reader(listed, local).read()
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        msg = "not what nft prints"
        raise ValueError(msg) from error


class _Reader:
    def __init__(self, listed: Sequence[Fields], local: NetworkSet) -> None:
        self._local = local
        self._listed = listed
        self._elements = {
            (each[kind]["family"], each[kind]["table"], each[kind]["name"]): each[kind].get("elem", [])
            for each in listed
            for kind in ("set", "map")
            if kind in each
        }

    def read(self) -> Tables:
        found = Tables()
        dormant = {
            _of(each["table"], "name")
            for each in self._listed
            if "table" in each and "dormant" in each["table"].get("flags", ())
        }
        entries: dict[Table, list[str]] = {}
        for chain in (each["chain"] for each in self._listed if "chain" in each):
            if chain.get("hook") == "prerouting" and chain["family"] in FAMILIES and _of(chain) not in dormant:
                entries.setdefault(_of(chain), []).append(chain["name"])
        chains: dict[Table, dict[str, list[Rule]]] = {table: {} for table in entries}
        for rule in (each["rule"] for each in self._listed if "rule" in each):
            table = _of(rule)
            if table in chains:
                if any("xt" in statement for statement in rule["expr"]):
                    found.foreign.add(table)
                chains[table].setdefault(rule["chain"], []).extend(self._rules(rule, table))
        for table, names in entries.items():
            found.rulesets[table] = Ruleset(chains=chains[table], entries=names, reach=Reach(to=FAMILIES[table[0]]))
        return found

    def _rules(self, rule: Fields, table: Table) -> Iterator[Rule]:
        """Yield one rule for each way in which packets leave it, statement by statement."""
        reaches = [EVERYTHING]
        for statement in rule["expr"]:
            ((kind, given),) = statement.items()
            if kind == "match":
                reaches = _both(reaches, self._matched(given, table))
            elif kind in ("jump", "goto"):
                yield from (Rule(reach=reach, jump=given["target"]) for reach in reaches)
            elif kind == "vmap":
                for key, verdict in self._pairs(given, table):
                    if target := next((verdict[name]["target"] for name in ("jump", "goto") if name in verdict), None):
                        yield from (Rule(reach=reach, jump=target) for reach in _both(reaches, [key]))
            elif kind in ("dnat", "redirect", "tproxy"):
                for key, target in self._targets(kind, given or {}, table):
                    yield from (Rule(reach=reach, target=target) for reach in _both(reaches, [key]))

    def _targets(self, kind: str, given: Fields, table: Table) -> Iterator[tuple[Reach, Target]]:
        """Yield where packets are sent, by what they must be for it: the address and the port may come from a map."""
        family = Reach(to=FAMILIES.get(given.get("family", ""), EVERYWHERE))
        address, port = given.get("addr"), given.get("port")
        transparent = kind == "tproxy"
        for name, value in (("addr", address), ("port", port)):
            if isinstance(value, dict) and "map" in value:
                for key, found in self._pairs(value["map"], table):
                    parts = found["concat"] if isinstance(found, dict) and "concat" in found else [found]
                    where = [_shown(part) for part in parts]
                    host, number = (where[0], where[1] if len(where) > 1 else _shown(port)) if name == "addr" else (
                        _shown(address), where[0],
                    )  # fmt: skip
                    yield family & key, Target(address=host, port=number, transparent=transparent)
                return
        shown = None if transparent else _shown(address)
        yield family, Target(address=shown, port=_shown(port), transparent=transparent)

    def _pairs(self, given: Fields, table: Table) -> Iterator[tuple[Reach, Any]]:
        """Yield the elements of a map: what its key stands for, and what it leads to."""
        data = given["data"]
        for key, value in self._members(data, table):
            yield self._element(given["key"], key), value

    def _matched(self, given: Fields, table: Table) -> list[Reach]:
        """Return the alternatives that satisfy a condition; everything where it is not understood."""
        left, right, operator = given["left"], given["right"], given["op"]
        members = list(self._members(right, table))
        if operator == "!=":
            return [_opposite(left, [self._element(left, member) for member in members])]
        if operator not in ("==", "in"):
            return [EVERYTHING]
        found = [self._element(left, member) for member in members]
        if len(found) > 1 and "concat" not in left:
            return [_joined(found)]
        return found or [NOTHING]  # an empty set matches nothing

    def _members(self, right: Any, table: Table) -> Iterable[Any]:
        if isinstance(right, str) and right.startswith("@"):
            right = {"set": self._elements[*table, right[1:]]}
        members = right["set"] if isinstance(right, dict) and "set" in right else [right]
        return [each["elem"]["val"] if isinstance(each, dict) and "elem" in each else each for each in members]

    def _element(self, left: Any, right: Any) -> Reach:
        """Return the packets whose ``left`` is ``right``."""
        if isinstance(right, dict) and "elem" in right:
            right = right["elem"]["val"]
        if isinstance(left, dict) and "concat" in left:
            reach = EVERYTHING
            for one, value in zip(left["concat"], right["concat"], strict=True):
                reach &= self._element(one, value)
            return reach
        of, name = _field(left)
        if (of, name) == ("fib", "type"):
            return Reach(to=self._local) if right == "local" else NOTHING
        return _READERS[name](of, right) if name in _READERS else EVERYTHING


def _field(left: Any) -> tuple[str, str]:
    """Return the name of what a condition looks at: ``("tcp", "dport")``, ``("meta", "l4proto")``."""
    if not isinstance(left, dict):
        return "", ""
    if "payload" in left:
        return left["payload"].get("protocol", ""), left["payload"].get("field", "")
    if "meta" in left:
        return "meta", left["meta"].get("key", "")
    if "fib" in left and "daddr" in left["fib"].get("flags", ()):
        return "fib", left["fib"].get("result", "")
    return "", ""


def _opposite(left: Any, found: Sequence[Reach]) -> Reach:
    """Return what a condition leaves that wants ``left`` to be none of these."""
    kind = _field(left)
    if kind[1] == "dport":
        return Reach(ports=_OF_PROTOCOL.get(kind[0], EVERY_PORT) - _joined(found).ports)
    if kind[1] == "daddr" or kind == ("fib", "type"):
        return Reach(to=EVERYWHERE - _joined(found).to) if _joined(found).ports else EVERYTHING
    if kind[1] in ("l4proto", "protocol", "nexthdr"):
        return Reach(ports=EVERY_PORT - _joined(found).ports)
    return EVERYTHING


def _joined(found: Sequence[Reach]) -> Reach:
    """Return one reach for several of one kind."""
    ports, to = NO_PORTS, NOWHERE
    for each in found:
        ports |= each.ports
        to |= each.to
    return Reach(ports=ports, to=to, inner=all(each.inner for each in found))


def _both(some: Sequence[Reach], others: Sequence[Reach]) -> list[Reach]:
    if len(some) * len(others) > _MOST_ALTERNATIVES:
        return list(some)
    return [met for one in some for other in others if (met := one & other)]


def _ports(value: Any) -> PortSet:
    """Read a number or a range, of both protocols; every port for what is not understood."""
    low, high = value["range"] if isinstance(value, dict) and "range" in value else (value, value)
    if not isinstance(low, int) or not isinstance(high, int):
        return EVERY_PORT
    try:
        return PortSet.span(low, high, Protocol.TCP) | PortSet.span(low, high, Protocol.UDP)
    except ValueError:
        return EVERY_PORT


def _networks(value: Any) -> NetworkSet:
    """Read an address, a network or a range; everywhere for what is not understood."""
    try:
        if isinstance(value, dict) and "prefix" in value:
            return NetworkSet.parse(f"{value['prefix']['addr']}/{value['prefix']['len']}")
        if isinstance(value, dict) and "range" in value:
            low, high = (NetworkSet.of(parse_address(end)) for end in value["range"])
            return NetworkSet.from_bounds((low.bounds[0], high.bounds[-1]))
        return NetworkSet.of(parse_address(value))
    except (ValueError, TypeError):
        return EVERYWHERE


def _shown(value: Any) -> str | None:
    """Write an address or a port of a target, which may be a range, a network or an expression."""
    if value is None:
        return None
    if isinstance(value, (str, int)):
        return str(value)
    if isinstance(value, dict) and "range" in value:
        return "-".join(map(str, value["range"]))
    if isinstance(value, dict) and "prefix" in value:
        return f"{value['prefix']['addr']}/{value['prefix']['len']}"
    return "an address by rule"


def _protocol(_of: str, value: Any) -> Reach:
    return Reach(ports=_OF_PROTOCOL.get(value, NO_PORTS))


_READERS: dict[str, Callable[[str, Any], Reach]] = {
    "dport": lambda protocol, value: Reach(ports=_OF_PROTOCOL.get(protocol, NO_PORTS) & _ports(value)),
    "daddr": lambda _, value: Reach(to=_networks(value)),
    "protocol": _protocol,
    "nexthdr": _protocol,
    "l4proto": _protocol,
    "iifname": lambda _, value: Reach(inner=value == "lo"),
    "iif": lambda _, value: Reach(inner=value == "lo"),
    "nfproto": lambda _, value: Reach(to={"ipv4": IPV4, "ipv6": IPV6}.get(value, EVERYWHERE)),
}
"""What a condition looks at, and the packets that satisfy it with a value."""


def _of(given: Fields, name: str = "table") -> Table:
    return given["family"], given[name]
