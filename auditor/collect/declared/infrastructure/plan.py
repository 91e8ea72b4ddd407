"""A Terraform or OpenTofu plan (``show -json``) as the resources that will be there once it is applied.

The form is HashiCorp's "JSON Output Format": ``resource_changes`` has what each resource becomes and which of its
values are known only after apply; ``configuration`` has what refers to what. A state has values alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.collect.declared.infrastructure.access import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    Path = tuple[str | int, ...]

_DEEPEST = 100
"""Levels of modules or of values in a resource."""
_INDEX = re.compile(r"\[(?:[0-9]+|\"(?:[^\"\\]|\\.)*\")\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource as it will be.

    ``values`` has :data:`UNKNOWN` wherever a value is known only after apply; ``path`` leads to them in the file.
    ``config`` are the expressions of its block, None where the file has none.
    ``address`` is full (``module.m["a"].aws_instance.web[0]``), ``plain`` the same without indexes.
    """

    address: str
    type: str
    name: str
    module: str
    plain: str
    path: Path
    values: dict[str, Any]
    config: dict[str, Any] | None = None
    data: bool = False

    def get(self, name: str, default: Any = None) -> Any:
        """The value of an attribute."""
        return self.values.get(name, default)

    def is_set(self, name: str) -> bool:
        """Whether the block says anything of an attribute; without configuration nobody knows, and it may."""
        return self.config is None or name in self.config

    def items(self, name: str) -> tuple[list[Any], bool]:
        """Return an attribute that is a list, or none as an empty one; and whether all of it is known."""
        value = self.values.get(name)
        if value is UNKNOWN:
            return [], False
        if isinstance(value, list):
            return value, True
        return ([], True) if value is None else ([value], True)

    @property
    def index(self) -> str:
        """``[0]`` or ``["a"]``, and nothing for a resource that is there once."""
        found = re.search(_INDEX.pattern + r"$", self.address)
        return found.group() if found else ""


@dataclass(slots=True, kw_only=True)
class Plan:
    """All resources that will be there, those that will be gone, and the configuration by plain module path."""

    resources: list[Resource] = field(default_factory=list)
    removed: list[Resource] = field(default_factory=list)
    modules: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Plain module address (``module.m``; the root's is empty) to what the configuration says of it."""
    doubts: list[str] = field(default_factory=list)

    def of(self, *types: str) -> Iterator[Resource]:
        """Yield the resources of these types that the plan manages."""
        return (one for one in self.resources if one.type in types and not one.data)


def is_plan(data: Any) -> bool:
    """Whether decoded JSON is a plan or a state of ``show -json``."""
    return isinstance(data, dict) and (
        any(isinstance(data.get(key), dict) for key in ("planned_values", "values", "configuration"))
        or isinstance(data.get("resource_changes"), list)
    )


def plan_of(data: dict[str, Any]) -> Plan:
    """Read the resources of a plan or a state; what is not of the documented form is passed over."""
    plan = Plan(modules=dict(_modules(_mapping(_mapping(data.get("configuration")).get("root_module")), "", 0)))
    seen: set[tuple[str, str]] = set()
    _take_changes(plan, seen, data)
    planned = bool(seen)
    for key in ("planned_values", "values"):
        for entry, module, path in _tree(_mapping(_mapping(data.get(key)).get("root_module")), (key, "root_module"), 0):
            if (str(entry.get("address")), _mode(entry)) not in seen:
                _take_value(plan, entry, module, path, whole=key == "values" or planned)
    prior = _mapping(_mapping(data.get("prior_state")).get("values"))
    read: Path = ("prior_state", "values", "root_module")
    for entry, module, where in _tree(_mapping(prior.get("root_module")), read, 0):
        if _mode(entry) == "data" and (str(entry.get("address")), "data") not in seen:
            _take_value(plan, entry, module, where, whole=True)
    if data.get("errored") is True:
        plan.doubts.append("the plan ended in an error, and what it would have come to is missing")
    elif data.get("complete") is False:
        plan.doubts.append("the plan is not complete: parts of the configuration are left for a later one")
    return plan


def plain_address(address: str) -> str:
    """``module.m.aws_instance.web`` of ``module.m["a"].aws_instance.web[0]``."""
    return _INDEX.sub("", address)


def _take_changes(plan: Plan, seen: set[tuple[str, str]], data: dict[str, Any]) -> None:
    for key in ("resource_changes", "deferred_changes"):
        for at, change in enumerate(_list(data.get(key))):
            _take_change(plan, seen, _mapping(change), (key, at))
    for at, change in enumerate(map(_mapping, _list(data.get("resource_drift")))):
        if (str(change.get("address")), _mode(change)) not in seen:  # changed outside, and the plan leaves it so
            _take_change(plan, seen, change, ("resource_drift", at))


def _take_change(plan: Plan, seen: set[tuple[str, str]], change: dict[str, Any], path: Path) -> None:
    if "resource_change" in change:  # a deferred one
        change, path = _mapping(change["resource_change"]), (*path, "resource_change")
    what = _mapping(change.get("change"))
    actions = [action for action in _list(what.get("actions")) if isinstance(action, str)]
    address = str(change.get("address"))
    if "deposed" in change:
        return
    seen.add((address, _mode(change)))
    after, before = what.get("after"), what.get("before")
    module = str(change.get("module_address") or "")
    if actions == ["forget"] or (not isinstance(after, dict) and actions == ["no-op"]):
        key, values = "before", before
    elif actions == ["delete"]:
        if isinstance(before, dict):
            plan.removed.append(_resource(plan, change, module, (*path, "change", "before"), before))
        return
    else:
        key, values = "after", known(after if isinstance(after, dict) else {}, what.get("after_unknown"))
        values = _Partial() if values is UNKNOWN else values
    if isinstance(values, dict):
        plan.resources.append(_resource(plan, change, module, (*path, "change", key), values))


def _take_value(plan: Plan, entry: dict[str, Any], module: str, path: Path, *, whole: bool) -> None:
    values = _mapping(entry.get("values"))
    if not whole:
        values = _Partial(values)
    plan.resources.append(_resource(plan, entry, module, (*path, "values"), values))


class _Partial(dict[str, Any]):
    """Values of which those that are known only after apply are left out: a plan without its list of changes."""

    def get(self, key: str, default: Any = None) -> Any:
        """Take an attribute that is missing for unknown."""
        return super().get(key, UNKNOWN if default is None else default)


def _resource(plan: Plan, entry: dict[str, Any], module: str, path: Path, values: dict[str, Any]) -> Resource:
    address = str(entry.get("address"))
    kind, name = str(entry.get("type")), str(entry.get("name"))
    data = _mode(entry) == "data"
    plain = plain_address(address)
    blocks = plan.modules.get(plain_address(module), {}).get("blocks", {})
    return Resource(
        address=address,
        type=kind,
        name=name,
        module=module,
        plain=plain,
        path=path,
        values=values,
        config=blocks.get(f"data.{kind}.{name}" if data else f"{kind}.{name}"),
        data=data,
    )


def known(after: Any, unknown: Any, depth: int = 0) -> Any:
    """Put :data:`UNKNOWN` into a value wherever ``after_unknown`` says so."""
    if unknown is True:
        return UNKNOWN
    if depth > _DEEPEST or not unknown:
        return after
    if isinstance(unknown, dict):
        base = after if isinstance(after, dict) else {}
        return {**base, **{key: known(base.get(key), value, depth + 1) for key, value in unknown.items()}}
    if isinstance(unknown, list):
        items = after if isinstance(after, list) else []
        longest = max(len(items), len(unknown))
        padded = [*items, *[None] * (longest - len(items))]
        marks = [*unknown, *[False] * (longest - len(unknown))]
        return [known(item, mark, depth + 1) for item, mark in zip(padded, marks, strict=True)]
    return after


def _modules(module: dict[str, Any], address: str, depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    blocks: dict[str, dict[str, Any]] = {}
    loops: dict[str, Any] = {}
    for entry in map(_mapping, _list(module.get("resources"))):
        if isinstance(name := entry.get("address"), str):
            blocks[name] = _mapping(entry.get("expressions"))
            loops[name] = entry.get("for_each_expression") or entry.get("count_expression")
    calls = _mapping(module.get("module_calls"))
    yield address, {"blocks": blocks, "loops": loops, "calls": calls, "outputs": _mapping(module.get("outputs"))}
    if depth < _DEEPEST:
        for name, call in calls.items():
            inner = f"{address}.module.{name}" if address else f"module.{name}"
            yield from _modules(_mapping(_mapping(call).get("module")), inner, depth + 1)


def _tree(module: dict[str, Any], path: Path, depth: int) -> Iterator[tuple[dict[str, Any], str, Path]]:
    address = str(module.get("address") or "")
    for at, entry in enumerate(_list(module.get("resources"))):
        yield _mapping(entry), address, (*path, "resources", at)
    if depth < _DEEPEST:
        for at, child in enumerate(_list(module.get("child_modules"))):
            yield from _tree(_mapping(child), (*path, "child_modules", at), depth + 1)


def _mode(entry: dict[str, Any]) -> str:
    return "data" if entry.get("mode") == "data" else "managed"


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
