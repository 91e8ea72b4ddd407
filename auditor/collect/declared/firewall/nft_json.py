"""What ``nft -j list ruleset`` prints: every rule of the machine in JSON, of both families. No I/O.

The listing is whole, so that a family which no table speaks of is not filtered. Extensions of iptables appear in it by
name alone (``xt``): what they ask nobody can tell, and ``iptables-save`` can.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from auditor.collect.declared.firewall.account import observations
from auditor.collect.declared.firewall.circumstances import AtRest, Unsure
from auditor.collect.declared.firewall.conditions import AnyOf, Condition
from auditor.collect.declared.firewall.iptables_values import address_range
from auditor.collect.declared.firewall.iptables_words import PASSING
from auditor.collect.declared.firewall.nft_text_of import text_of
from auditor.collect.declared.firewall.nft_values import Undecided
from auditor.collect.declared.firewall.nft_words import Reader
from auditor.collect.declared.firewall.packets import IPV4, IPV6, Lead
from auditor.collect.declared.firewall.rules import Act, Chain, Rule, Rules, Table
from auditor.errors import EvidenceError
from auditor.files.documents import read_documents
from auditor.model.network import NetworkSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from auditor.files.text import SourceText
    from auditor.model.evidence import Observation
    from auditor.model.location import Location

    Entry = tuple[dict[str, Any], tuple[str | int, ...]]

_FAMILIES = {"ip": IPV4, "ip6": IPV6, "inet": IPV4 | IPV6, "netdev": IPV4 | IPV6}
_PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}
_HOOKS = frozenset({"ingress", "prerouting", "input", "forward"})
_VERDICTS = {"accept": Act.ACCEPT, "drop": Act.DROP, "reject": Act.DROP, "return": Act.RETURN, "synproxy": Act.ACCEPT}
_PASSING = frozenset(
    ("counter", "log", "continue", "masquerade", "snat", "flow", "last", "ct helper", "ct timeout", "ct expectation",
     "secmark", "dup", "comment", "nftrace")
)  # fmt: skip
_XT = "nft prints the name of this extension of iptables alone: give what iptables-save prints"


def parse(source: SourceText) -> Iterator[Observation]:
    """Follow the rules of the machine.

    :raises EvidenceError: no listing of nft's.
    """
    (document, *_) = read_documents(source) or (None,)
    if document is None or not isinstance(document.data, dict) or not isinstance(document.data.get("nftables"), list):
        raise EvidenceError(f"{source.file}: not what 'nft -j list ruleset' prints")
    entries = [_unwrapped(one, ("nftables", at)) for at, one in enumerate(document.data["nftables"])]
    yield from observations(built([one for one in entries if one is not None], document.location, source))


def built(entries: Iterable[Entry], locate: Callable[..., Location], source: SourceText) -> Rules:
    """Build the rules from the objects of a listing, each with the path to its place.

    :raises EvidenceError: a rule of a chain that is not there, or an object of another form.
    """
    return _Builder(locate, source).built(list(entries))


class _Builder:
    def __init__(self, locate: Callable[..., Location], source: SourceText) -> None:
        self._locate = locate
        self._source = source
        self._rules = Rules(covers=IPV4 | IPV6, whole=partial(source.location, 1, 1))
        self._tables: dict[tuple[str, str], Table] = {}
        self._sets: dict[tuple[str, str], dict[str, list[Any] | None]] = {}
        self._dormant: set[tuple[str, str]] = set()
        self._flagged: set[tuple[str, str]] = set()
        """Tables with a flag in whose place nft 1.0.6 prints their name: dormant, or not."""

    def built(self, entries: list[Entry]) -> Rules:
        for kind in ("table", "set", "map", "element", "chain", "filled", "rule"):
            for entry, path in entries:
                if isinstance(found := entry.get("rule" if kind == "filled" else kind), dict):
                    try:
                        getattr(self, f"_{kind}")(found, (*path, kind))
                    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
                        place = self._locate((*path, kind))
                        message = f"{place}: this {kind} is not of the form that nft prints: {error!s:.60}"
                        raise EvidenceError(message) from None
        self._rules.tables = list(self._tables.values())
        return self._rules

    def _table(self, table: dict[str, Any], _path: tuple[str | int, ...]) -> None:
        key = (str(table["family"]), str(table["name"]))
        if key[0] not in _FAMILIES:
            return
        flags = table.get("flags", ())
        flags = (flags,) if isinstance(flags, str) else flags
        if key[1] in flags:
            self._flagged.add(key)
        elif "dormant" in flags:
            self._dormant.add(key)
            return
        self._tables.setdefault(key, Table())
        self._sets.setdefault(key, {})

    def _set(self, found: dict[str, Any], _path: tuple[str | int, ...]) -> None:
        key = (str(found["family"]), str(found["table"]))
        elements = found.get("elem", [])
        if key in self._sets:
            self._sets[key][str(found["name"])] = list(elements) if isinstance(elements, list) else None

    _map = _set

    def _element(self, found: dict[str, Any], _path: tuple[str | int, ...]) -> None:
        key = (str(found["family"]), str(found["table"]))
        known = self._sets.get(key, {}).get(str(found["name"]))
        elements = found.get("elem", [])
        if known is not None and isinstance(elements, list):
            known += elements

    def _filled(self, found: dict[str, Any], _path: tuple[str | int, ...]) -> None:
        """Forget what is in the sets and maps that a rule fills or empties: packets change it, one that knocks, say.

        nft 1.0.6 does not print the flag ``dynamic`` that such sets have.
        """
        known = self._sets.get((str(found.get("family")), str(found.get("table"))), {})
        statements = found.get("expr")
        for statement in statements if isinstance(statements, list) else ():
            for kind in ("set", "map"):
                inner = statement.get(kind) if isinstance(statement, dict) else None
                name = str(inner.get(kind)).removeprefix("@") if isinstance(inner, dict) else None
                if name in known:
                    known[name] = None

    def _chain(self, found: dict[str, Any], path: tuple[str | int, ...]) -> None:
        key = (str(found["family"]), str(found["table"]))
        if key in self._dormant or key[0] not in _FAMILIES:
            return
        table = self._tables.setdefault(key, Table())
        self._sets.setdefault(key, {})
        name = str(found["name"])
        chain = table.chains.setdefault(name, Chain(name=name, place=partial(self._place, path)))
        chain.family = _FAMILIES[key[0]]
        if found.get("hook") in _HOOKS:
            chain.hook = str(found["hook"])
            chain.priority = _priority(found.get("prio", 0))
            chain.kind = str(found.get("type", "filter"))
            chain.accepts = found.get("policy", "accept") != "drop"
            if chain.hook == "ingress":
                devices = found.get("dev", ())
                chain.doors = frozenset([devices] if isinstance(devices, str) else map(str, devices))
                self._rules.names |= chain.doors
            if key in self._flagged:
                asleep = f"table {key[0]} {key[1]}: dormant, or not: this version of nft prints its name instead"
                chain.rules.insert(0, Rule(conditions=(Unsure(),), act=Act.ACCEPT, text=asleep, place=chain.place))

    def _rule(self, found: dict[str, Any], path: tuple[str | int, ...]) -> None:
        key = (str(found["family"]), str(found["table"]))
        if key in self._dormant or key[0] not in _FAMILIES:
            return
        chain = self._tables[key].chains.get(str(found["chain"])) if key in self._tables else None
        if chain is None or not isinstance(found["expr"], list):
            msg = f"no chain {found['chain']!r:.40}"
            raise ValueError(msg)
        reader = Reader(self._sets[key], self._rules.door_of)
        text = str(found.get("text") or text_of(found["expr"]))
        maker = _Maker(reader, text, cache(partial(self._place, path)))
        chain.rules += maker.rules(found["expr"])
        self._rules.names |= reader.names
        self._learn(found["expr"])

    def _learn(self, expressions: list[Any]) -> None:
        """Learn what is behind a bridge: engines masquerade what its containers send anywhere else."""
        if not any(isinstance(one, dict) and "masquerade" in one for one in expressions):
            return
        matches = [one["match"] for one in expressions if isinstance(one, dict) and isinstance(one.get("match"), dict)]
        if len(matches) != 2:
            return
        door = next(
            (m["right"] for m in matches if m["left"] == {"meta": {"key": "oifname"}} and m["op"] == "!="), None
        )
        prefix = next((m["right"].get("prefix") for m in matches if isinstance(m["right"], dict)), None)
        if isinstance(door, str) and isinstance(prefix, dict):
            self._rules.behind.append((NetworkSet.parse(f"{prefix['addr']}/{prefix['len']}"), door))

    def _place(self, path: tuple[str | int, ...]) -> Location:
        return self._locate(path)


class _Maker:
    """Makes of one rule of nft what it comes to: one rule, or several where it looks up a verdict."""

    def __init__(self, reader: Reader, text: str, place: Callable[[], Location]) -> None:
        self._reader = reader
        self._text = text
        self._place = place
        self._conditions: list[Condition] = []
        self._hint = ""

    def rules(self, expressions: list[Any]) -> list[Rule]:
        """Read the statements one after the other."""
        made: list[Rule] = []
        for expression in expressions:
            kind, inner = _statement(expression)
            if kind == "match":
                self._conditions += self._reader.match(inner)
            elif kind == "vmap":
                made += self._verdicts(inner)
            elif kind in ("dnat", "redirect") and (mapped := _mapped(inner)) is not None:
                made += self._leads(*mapped, here=kind == "redirect")
            elif (rule := self._take(kind, inner)) is not None:
                made.append(rule)
        return made

    def _take(self, kind: str, inner: Any) -> Rule | None:
        """Return the rule that a statement makes, if it is not a condition or of no effect."""
        if kind in _VERDICTS:
            return self._rule(_VERDICTS[kind])
        if kind in ("jump", "goto"):
            return self._rule(Act.JUMP if kind == "jump" else Act.GOTO, target=str(inner["target"]))
        if kind in ("dnat", "redirect"):
            return self._nat(inner if isinstance(inner, dict) else {}, here=kind == "redirect")
        if kind == "notrack":
            return self._rule(Act.UNTRACK)
        return None if self._is_condition(kind, inner) else self._rule(Act.UNKNOWN)

    def _is_condition(self, kind: str, inner: Any) -> bool:
        """Take what limits a rule, or changes nothing for who may come in; False for what nobody knows."""
        if kind in ("limit", "quota", "ct count"):
            self._conditions.append(AtRest(not (isinstance(inner, dict) and inner.get("inv"))))
        elif kind in ("set", "map", "meter"):
            limits = (inner.get("stmt") or []) if isinstance(inner, dict) else []
            return all(
                self._is_condition(*_statement(one)) for one in (limits if isinstance(limits, list) else [limits])
            )
        elif kind == "mangle":
            return not _mangles_packets(inner)
        elif kind == "xt":
            return self._is_extension(inner if isinstance(inner, dict) else {})
        return kind in _PASSING or kind in ("limit", "quota", "ct count")

    def _is_extension(self, xt: dict[str, Any]) -> bool:
        self._hint = _XT
        if xt.get("type") == "match" and xt.get("name") != "comment":
            self._conditions.append(Unsure())
        return xt.get("type") in ("match", "watcher") or xt.get("name") in PASSING

    def _nat(self, inner: dict[str, Any], *, here: bool) -> Rule:
        address, port = inner.get("addr"), inner.get("port")
        try:
            networks = None if here or address is None else address_range(_plain(address))
        except (ValueError, Undecided):
            return self._rule(Act.UNKNOWN)
        number = port if isinstance(port, int) and not isinstance(port, bool) else None
        return self._rule(Act.NAT, lead=Lead(address=networks, port=number, settled=port is None or number is not None))

    def _leads(self, field: str, looked_up: dict[str, Any], rest: dict[str, Any], *, here: bool) -> list[Rule]:
        """Make a rule for each element of a map that says where NAT leads; what is not in it passes by."""
        shared = list(self._conditions)
        try:
            pairs = self._reader.elements(looked_up["data"])
        except (Undecided, KeyError, TypeError):
            return [self._rule(Act.UNKNOWN)]
        made: list[Rule] = []
        for value, place in pairs:
            self._conditions = [
                *shared,
                *self._reader.implied(looked_up.get("key")),
                self._reader.key_is(looked_up.get("key"), value),
            ]
            parts = place.get("concat") if isinstance(place, dict) else None
            led = dict(zip(("addr", "port"), parts, strict=False)) if isinstance(parts, list) else {field: place}
            made.append(self._nat({**rest, **led}, here=here))
        self._conditions = shared
        return made

    def _verdicts(self, inner: Any) -> list[Rule]:
        """Make a rule for each element of a verdict map; an element matches where those before it did not."""
        try:
            pairs = self._reader.elements(inner["data"])
        except (Undecided, KeyError, TypeError):
            return [self._rule(Act.UNKNOWN)]
        made: list[Rule] = []
        shared = list(self._conditions)
        missed: list[Condition] = []
        for value, verdict in sorted(pairs, key=lambda pair: pair[0] == "*"):
            kind, target = _statement(verdict)
            key = self._reader.key_is(inner["key"], value)
            missed += [AnyOf(key.ways, inverted=True)] if isinstance(key, AnyOf) else [Unsure()]
            self._conditions = [*shared, *self._reader.implied(inner["key"]), key]
            act = Act.JUMP if kind == "jump" else Act.GOTO if kind == "goto" else _VERDICTS.get(kind, Act.UNKNOWN)
            if kind != "continue":
                made.append(self._rule(act, target=str(target["target"]) if kind in ("jump", "goto") else ""))
        self._conditions = [*shared, *missed]
        return made

    def _rule(self, act: Act, target: str = "", lead: Lead | None = None) -> Rule:
        return Rule(
            conditions=tuple(self._conditions),
            act=act,
            text=self._text,
            place=self._place,
            target=target,
            lead=lead,
            names_ports=self._reader.names_ports,
            hint=self._hint,
            sctp=self._reader.sctp,
        )


def _unwrapped(entry: Any, path: tuple[str | int, ...]) -> Entry | None:
    """Return an object of the listing; a file of commands has it under ``add``. Other commands change nothing here."""
    if isinstance(entry, dict):
        for command in ("add", "create", "insert"):
            if isinstance(entry.get(command), dict):
                return entry[command], (*path, command)
        return entry, path
    return None


def _statement(expression: Any) -> tuple[str, Any]:
    if isinstance(expression, dict) and len(expression) == 1:
        ((kind, inner),) = expression.items()
        return str(kind), inner
    return (str(expression) if isinstance(expression, str) else "", None)


def _priority(value: Any) -> int:
    if isinstance(value, str):
        return _PRIORITIES.get(value, 0)
    return value if isinstance(value, int) else 0


def _mapped(inner: Any) -> tuple[str, dict[str, Any], dict[str, Any]] | None:
    """Return which part of a translation is looked up in a map, the lookup, and the other part; None for neither."""
    if not isinstance(inner, dict):
        return None
    for field in ("addr", "port"):
        value = inner.get(field)
        if isinstance(value, dict) and isinstance(value.get("map"), dict):
            return field, value["map"], {key: one for key, one in inner.items() if key != field}
    return None


def _plain(address: Any) -> str:
    if isinstance(address, str):
        return address
    if isinstance(address, dict) and "range" in address:
        return f"{address['range'][0]}-{address['range'][1]}"
    raise Undecided


def _mangles_packets(inner: Any) -> bool:
    """Whether a statement writes into packets: marks and the like change nothing for who may come in, directly."""
    key = inner.get("key") if isinstance(inner, dict) else None
    if not isinstance(key, dict):
        return True
    payload = key.get("payload")
    return isinstance(payload, dict) and payload.get("field") in ("dport", "sport", "saddr", "daddr", "protocol")
