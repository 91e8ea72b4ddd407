"""Values of a CloudFormation template: parameters, mappings, conditions and intrinsic functions, as far as they go.

A parameter counts with its default, which a deployment may override; what a stack is deployed with is not in the
template. Whatever cannot be decided is :data:`UNKNOWN`, with the reason in :attr:`Template.reasons`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from auditor.collect.declared.infrastructure.access import UNKNOWN, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Path = tuple[str | int, ...]

_DEEPEST = 40
_STEPS = 1_000_000
_LONGEST = 10_000
_VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")
_NO_VALUE = "AWS::NoValue"


class Short(dict[str, Any]):
    """An intrinsic function in its short form (``!Ref``): no key of its own stands between it and its argument."""


class Logical(NamedTuple):
    """A reference to another resource of the template."""

    name: str


class Value(NamedTuple):
    """What an expression comes to, and where that is written."""

    data: Any
    path: Path


def tagged(tag: str, value: Any) -> Any:
    """Turn a short form of YAML into the function that it stands for."""
    name = tag.removeprefix("!")
    if name in {"Ref", "Condition"}:
        return Short({name: value})
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return Short({f"Fn::{name}": value})


@dataclass(slots=True, kw_only=True)
class Template:
    """One template, and the reasons met so far why something of it is unknown."""

    parameters: dict[str, Any]
    mappings: dict[str, Any]
    conditions: dict[str, Any]
    resources: dict[str, Any]
    reasons: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    """Parameters that counted with their default."""
    steps: int = 0

    def items(self, node: Any, path: Path) -> Iterator[Value]:
        """Yield the items of a list, functions in it resolved; what is no list is a list of one."""
        value = self.value(node, path)
        if isinstance(value.data, list):
            for at, item in enumerate(value.data):
                inner = self.value(item, (*value.path, at))
                if isinstance(inner.data, list):  # a function that gives a list inside of a list
                    yield from (Value(one, inner.path) for one in inner.data)
                elif inner.data is not None:
                    yield inner
        elif value.data is not None:
            yield value

    def field(self, mapping: Value, key: str) -> Value:
        """Resolve a field of a mapping; None where it is missing."""
        if not isinstance(mapping.data, dict) or key not in mapping.data:
            return Value(None, mapping.path)
        return self.value(mapping.data[key], (*mapping.path, key))

    def value(self, node: Any, path: Path, depth: int = 0) -> Value:
        """Resolve functions until something plain is left: text, a number, a list, a mapping, a reference, UNKNOWN."""
        self.steps += 1
        if not isinstance(node, dict) or len(node) != 1:
            return Value(node, path)
        ((name, argument),) = node.items()
        function = _FUNCTIONS.get(name)
        if function is None:
            return (
                Value(self._unknown(f"{name} is not known before deployment"), path)
                if _is_function(name)
                else Value(node, path)
            )
        if depth > _DEEPEST or self.steps > _STEPS:
            return Value(self._unknown("it is nested too deeply"), path)
        inner = path if isinstance(node, Short) else (*path, name)
        return function(self, argument, inner, depth + 1)

    def holds(self, condition: Any, depth: int = 0) -> bool | None:
        """Whether a condition holds with the parameters' defaults; None: nobody knows."""
        self.steps += 1
        if isinstance(condition, str):
            condition = self.conditions.get(condition)
        if not isinstance(condition, dict) or len(condition) != 1 or depth > _DEEPEST or self.steps > _STEPS:
            return None
        ((name, argument),) = condition.items()
        arguments = argument if isinstance(argument, list) else [argument]
        match name:
            case "Condition":
                return self.holds(argument, depth + 1) if isinstance(argument, str) else None
            case "Fn::Equals" if len(arguments) == 2:
                left, right = (self.value(one, (), depth).data for one in arguments)
                plain = all(isinstance(one, str | int | bool) for one in (left, right))
                return _text(left) == _text(right) if plain else None
            case "Fn::Not" if len(arguments) == 1:
                held = self.holds(arguments[0], depth + 1)
                return None if held is None else not held
            case "Fn::And" | "Fn::Or":
                found = [self.holds(one, depth + 1) for one in arguments]
                decisive = name == "Fn::Or"
                return decisive if decisive in found else None if None in found else not decisive
            case _:
                return None

    def _unknown(self, reason: str) -> Any:
        self.reasons.append(reason)
        return UNKNOWN

    def ref(self, name: Any, path: Path, _depth: int = 0) -> Value:
        """``Ref``: a parameter, a resource or one of AWS's own."""
        if not isinstance(name, str):
            return Value(self._unknown("Ref names nothing"), path)
        if name == _NO_VALUE:
            return Value(None, path)
        if name in self.resources:
            return Value(Logical(name), path)
        if name in self.parameters:
            return self._parameter(name, path)
        return Value(self._unknown(f"{shown(name)} is known only at deployment"), path)

    def _parameter(self, name: str, path: Path) -> Value:
        told = self.parameters[name] if isinstance(self.parameters[name], dict) else {}
        kind, default = str(told.get("Type")), told.get("Default")
        if "Default" not in told or kind.startswith("AWS::SSM::"):
            why = "has no default" if "Default" not in told else "is looked up at deployment"
            return Value(self._unknown(f"the parameter {shown(name)} {why}"), path)
        self.assumed.append(name)
        if kind == "CommaDelimitedList" or kind.startswith("List<"):
            default = [item.strip() for item in str(default).split(",")]
        return Value(default, path)

    def attribute(self, argument: Any, path: Path, _depth: int = 0) -> Value:
        """``Fn::GetAtt``: an attribute of another resource, which is known when that is there."""
        parts = argument.split(".") if isinstance(argument, str) else argument
        if isinstance(parts, list) and parts and isinstance(parts[0], str) and parts[0] in self.resources:
            return Value(Logical(parts[0]), path)
        return Value(self._unknown("Fn::GetAtt names no resource"), path)

    def either(self, argument: Any, path: Path, depth: int) -> Value:
        """``Fn::If``: by the condition."""
        if not isinstance(argument, list) or len(argument) != 3:
            return Value(self._unknown("Fn::If has not three arguments"), path)
        held = self.holds(argument[0]) if isinstance(argument[0], str) else None
        if held is None:
            return Value(self._unknown(f"whether {shown(argument[0])} holds is known only at deployment"), path)
        at = 1 if held else 2
        return self.value(argument[at], (*path, at), depth)

    def in_map(self, argument: Any, path: Path, depth: int) -> Value:
        """``Fn::FindInMap``: two keys into a mapping."""
        keys = [self.value(one, path, depth).data for one in argument] if isinstance(argument, list) else []
        found: Any = self.mappings
        for key in keys[:3]:
            found = found.get(_text(key)) if isinstance(found, dict) and isinstance(key, str | int) else None
        if len(keys) < 3 or found is None:
            return Value(self._unknown("which entry of a mapping is meant is known only at deployment"), path)
        return Value(found, path)

    def substitute(self, argument: Any, path: Path, depth: int) -> Value:
        """``Fn::Sub``: a text with variables."""
        text, own = (argument[0], argument[1]) if isinstance(argument, list) and len(argument) == 2 else (argument, {})
        if not isinstance(text, str) or not isinstance(own, dict):
            return Value(self._unknown("Fn::Sub has no text"), path)
        parts: list[str] = []
        last = 0
        for found in _VARIABLE.finditer(text):
            parts.append(text[last : found.start()])
            last = found.end()
            if found[1]:
                parts.append(f"${{{found[2]}}}")
                continue
            name = found[2].strip()
            value = self.value(own[name], path, depth) if name in own else self.ref(name.split(".")[0], path, depth)
            if found.group() == text:  # nothing but one variable
                return value
            if not isinstance(value.data, str | int):
                return Value(self._unknown(f"{shown(name)} is known only at deployment"), path)
            parts.append(_text(value.data))
        return Value(("".join(parts) + text[last:])[:_LONGEST], path)

    def join(self, argument: Any, path: Path, depth: int) -> Value:
        """``Fn::Join``: a list of texts with a separator."""
        if isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str):
            parts = [one.data for one in self._each(argument[1], path, depth)]
            if all(isinstance(one, str | int) for one in parts):
                return Value(argument[0].join(_text(one) for one in parts)[:_LONGEST], path)
        return Value(self._unknown("what is joined is known only at deployment"), path)

    def select(self, argument: Any, path: Path, depth: int) -> Value:
        """``Fn::Select``: one of a list."""
        if isinstance(argument, list) and len(argument) == 2:
            index = str(self.value(argument[0], path, depth).data)
            parts = self._each(argument[1], path, depth)
            if index.isascii() and index.isdigit() and len(index) < 6 and int(index) < len(parts):
                return parts[int(index)]
        return Value(self._unknown("which of a list is meant is known only at deployment"), path)

    def split(self, argument: Any, path: Path, depth: int) -> Value:
        """``Fn::Split``: a text, cut."""
        if isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str) and argument[0]:
            text = self.value(argument[1], path, depth).data
            if isinstance(text, str):
                return Value(text.split(argument[0]), path)
        return Value(self._unknown("what is split is known only at deployment"), path)

    def _each(self, node: Any, path: Path, depth: int) -> list[Value]:
        listed = self.value(node, path, depth)
        items = listed.data if isinstance(listed.data, list) else [listed.data]
        return [self.value(item, listed.path, depth) for item in items]


_FUNCTIONS: dict[str, Callable[[Template, Any, Path, int], Value]] = {
    "Ref": Template.ref,
    "Fn::GetAtt": Template.attribute,
    "Fn::If": Template.either,
    "Fn::FindInMap": Template.in_map,
    "Fn::Sub": Template.substitute,
    "Fn::Join": Template.join,
    "Fn::Select": Template.select,
    "Fn::Split": Template.split,
}


def _is_function(name: Any) -> bool:
    return isinstance(name, str) and name.startswith("Fn::")


def _text(value: Any) -> str:
    """A plain value as CloudFormation compares it: everything is text."""
    return str(value).lower() if isinstance(value, bool) else str(value)
