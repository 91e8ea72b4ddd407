"""Who refers to whom in a plan: from the expressions of a block to the resources that they mean.

Values known only after apply (the id of a group that is yet to be made) are followed this way. Module outputs and
variables are followed through the configuration; locals are not in a plan, and end the way.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.collect.declared.infrastructure.plan import plain_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.collect.declared.infrastructure.plan import Plan, Resource

_DEEPEST = 30
_TARGET = re.compile(r"(?P<data>data\.)?(?P<type>[a-z][\w-]*)\.(?P<name>[\w-]+)(?P<index>\[(?:[0-9]+|\"[^\"]*\")\])?")
_MODULE = re.compile(r"module\.(?P<name>[\w-]+)(?:\[(?:[0-9]+|\"[^\"]*\")\])?\.(?P<output>[\w-]+)")
_LOOSE = ("each.", "count.")
_NO_TYPES = {"var", "local", "each", "count", "path", "terraform", "self"}


@dataclass(slots=True, kw_only=True)
class Meant:
    """The resources that an expression refers to, and whether these are all it can be about."""

    resources: list[Resource] = field(default_factory=list)
    whole: bool = True


class References:
    """The resources of a plan by address."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._by_plain: dict[str, list[Resource]] = defaultdict(list)
        for resource in plan.resources:
            self._by_plain[resource.plain].append(resource)

    def of(self, resource: Resource, expression: Any) -> Meant:
        """Return what an expression of a resource's block means."""
        meant = Meant(whole=bool(expression))
        module = plain_address(resource.module)
        self._follow(_references(expression), resource, module, meant, 0, set())
        meant.resources = list({one.address: one for one in meant.resources}.values())
        return meant

    def _follow(
        self, names: Iterable[str], resource: Resource, module: str, meant: Meant, depth: int, met: set[tuple[str, str]]
    ) -> None:
        names = list(names)
        looped = any(name.startswith(_LOOSE) for name in names)
        found = False
        for name in names:
            if (module, name) in met or depth > _DEEPEST:
                continue
            met.add((module, name))
            if name.startswith("each."):
                loop = self._plan.modules.get(module, {}).get("loops", {}).get(f"{resource.type}.{resource.name}")
                self._follow(_references(loop), resource, module, meant, depth + 1, met)
            elif name.startswith("var."):
                found |= self._follow_variable(name, resource, module, meant, depth, met)
            elif name.startswith("local."):
                meant.whole = False
            elif through := _MODULE.match(name):
                found = True
                self._follow_output(through, resource, module, meant, depth, met)
            elif (target := _TARGET.match(name)) and target["type"] not in {*_NO_TYPES, "module"}:
                found = True
                meant.resources += self._targets(target, resource, module, looped=looped)
        if depth == 0 and not found:
            meant.whole = False

    def _follow_variable(
        self, name: str, resource: Resource, module: str, meant: Meant, depth: int, met: set[tuple[str, str]]
    ) -> bool:
        outer, _, called = module.rpartition("module.")
        if not called:
            return False
        outer = outer.rstrip(".")
        call = self._plan.modules.get(outer, {}).get("calls", {}).get(called)
        expression = call.get("expressions", {}) if isinstance(call, dict) else {}
        argument = expression.get(name.split(".")[1]) if isinstance(expression, dict) else None
        self._follow(_references(argument), resource, outer, meant, depth + 1, met)
        return argument is not None

    def _follow_output(
        self,
        through: re.Match[str],
        resource: Resource,
        module: str,
        meant: Meant,
        depth: int,
        met: set[tuple[str, str]],
    ) -> None:
        inner = f"{module}.module.{through['name']}" if module else f"module.{through['name']}"
        output = self._plan.modules.get(inner, {}).get("outputs", {}).get(through["output"])
        names = list(_references(output.get("expression") if isinstance(output, dict) else None))
        if not names:
            meant.whole = False
        self._follow(names, resource, inner, meant, depth + 1, met)

    def _targets(self, target: re.Match[str], resource: Resource, module: str, *, looped: bool) -> list[Resource]:
        block = f"{target['data'] or ''}{target['type']}.{target['name']}"
        found = self._by_plain.get(f"{module}.{block}" if module else block, [])
        near = [one for one in found if one.module == resource.module]
        found = near or found
        wanted = target["index"] or (resource.index if looped else "")
        same = [one for one in found if one.index == wanted]
        return same or found


def _references(expression: Any, depth: int = 0) -> Iterator[str]:
    """Yield what an expression names; of ``a.b.id`` and ``a.b``, which a plan lists both, the longer alone."""
    if isinstance(expression, dict):
        names = expression.get("references")
        if isinstance(names, list):
            texts = [name for name in names if isinstance(name, str)]
            for name in texts:
                if not any(other != name and other.startswith((f"{name}.", f"{name}[")) for other in texts):
                    yield name
        if depth < _DEEPEST:
            for key, value in expression.items():
                if key != "references" and isinstance(value, dict | list):
                    yield from _references(value, depth + 1)
    elif isinstance(expression, list) and depth < _DEEPEST:
        for item in expression:
            yield from _references(item, depth + 1)
