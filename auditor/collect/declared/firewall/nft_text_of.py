"""A rule of nft's JSON as nft writes it in text, for people to find it again. No I/O."""

from __future__ import annotations

import json
from typing import Any

_DEEPEST = 6
_BARE_META = frozenset(("iifname", "oifname", "iif", "oif", "mark", "skuid"))


def text_of(expressions: list[Any]) -> str:
    """``tcp dport 22 ct state new accept``; counters are left out."""
    return " ".join(filter(None, map(_statement, expressions)))


def _statement(expression: Any) -> str:  # noqa: C901, PLR0911 - a case a statement
    if not isinstance(expression, dict) or len(expression) != 1:
        return _raw(expression)
    ((kind, inner),) = expression.items()
    inner = {} if inner is None else inner
    if kind == "counter":
        return ""
    if not isinstance(inner, dict):
        return f"{kind} {_value(inner)}"
    if kind == "match":
        op = str(inner.get("op", "=="))
        return " ".join(
            filter(None, (_left(inner.get("left")), "" if op in ("==", "in") else op, _value(inner.get("right"))))
        )
    if kind == "vmap":
        return f"{_left(inner.get('key'))} vmap {_value(inner.get('data'))}"
    if kind in ("dnat", "redirect"):
        port = f":{_value(inner['port'])}" if "port" in inner else ""
        return f"{kind} to {_value(inner.get('addr', ''))}{port}" if inner else kind
    if kind == "log":
        return f'log prefix "{inner["prefix"]}"' if "prefix" in inner else "log"
    if kind == "limit":
        return f"limit rate {'over ' if inner.get('inv') else ''}{inner.get('rate')}/{inner.get('per')}"
    if kind == "xt":
        return f"xt {inner.get('type', '')} {inner.get('name', '')}"
    if kind == "reject":
        return "reject"
    return f"{kind} {inner['target']}" if "target" in inner else kind if not inner else f"{kind} {_raw(inner)}"


def _left(left: Any) -> str:
    if isinstance(left, dict) and len(left) == 1:
        ((kind, inner),) = left.items()
        if kind == "payload" and isinstance(inner, dict) and "field" in inner:
            return f"{inner.get('protocol')} {inner['field']}"
        if kind in ("meta", "ct") and isinstance(inner, dict):
            key = str(inner.get("key"))
            return key if kind == "meta" and key in _BARE_META else f"{kind} {key}"
        if kind == "fib" and isinstance(inner, dict):
            return f"fib {_value(inner.get('flags', ''))} {inner.get('result')}"
        if kind == "concat" and isinstance(inner, list):
            return " . ".join(map(_left, inner))
        if kind == "&" and isinstance(inner, list):
            return " & ".join((_left(inner[0]), *(f"({_value(one)})" for one in inner[1:])))
    return _raw(left)


def _value(value: Any, depth: int = 0) -> str:  # noqa: PLR0911 - a case a form
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, list):
        return ",".join(_value(one, depth + 1) for one in value)
    if isinstance(value, dict) and len(value) == 1:
        ((kind, inner),) = value.items()
        if kind == "set":
            members = inner if isinstance(inner, list) else [inner]
            return "{ " + ", ".join(_member(one, depth + 1) for one in members) + " }"
        if kind == "prefix" and isinstance(inner, dict):
            return f"{inner.get('addr')}/{inner.get('len')}"
        if kind in ("range", "concat", "|") and isinstance(inner, list):
            joint = {"range": "-", "concat": " . ", "|": "|"}[kind]
            return joint.join(_value(one, depth + 1) for one in inner)
        if kind == "map" and isinstance(inner, dict):
            return f"{_left(inner.get('key'))} map {_value(inner.get('data'), depth + 1)}"
        if kind == "elem" and isinstance(inner, dict):
            return _value(inner.get("val"), depth + 1)
        return _statement(value)
    return str(value)


def _member(member: Any, depth: int) -> str:
    """One element of a set, or ``key : verdict`` of a map."""
    if isinstance(member, list) and len(member) == 2:
        return f"{_value(member[0], depth)} : {_value(member[1], depth)}"
    return _value(member, depth)


def _raw(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
