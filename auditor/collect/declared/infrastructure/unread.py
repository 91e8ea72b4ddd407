"""What opens ports in plans and templates and is not read: left *unverified*, by its name and its place.

A firewall passed over in silence would look like one that lets nobody in. Which types these are is told by their words
and by the tables in :mod:`.openers`; a type that has none of either is doubted where its block names everyone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from auditor.collect.declared.infrastructure.access import UNKNOWN, Access
from auditor.collect.declared.infrastructure.listening import listened_on
from auditor.collect.declared.infrastructure.managed import MANAGED, is_sheltered
from auditor.collect.declared.infrastructure.openers import (
    PRIVATE,
    TELLING,
    as_terraform,
    is_any,
    is_azure_opener,
    is_narrowing,
    is_opener,
    is_opener_of_template,
    is_settled,
)
from auditor.collect.declared.infrastructure.subject import Subject
from auditor.model.ports import NO_PORTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.collect.declared.infrastructure.origin import Origins
    from auditor.collect.declared.infrastructure.plan import Plan, Resource
    from auditor.model.location import Location

_OUTWARD = {"egress", "out", "outbound"}
_REFUSING = {"deny", "drop", "reject", "block", "goto_next"}
_DEEPEST = 30
_EVERYONE = {"0.0.0.0/0", "::/0"}
_ELSEWHERE = re.compile(
    r"egress|outbound|dest|dst|target|route|hop|remote|peer|snat|prefix|tags|description|triggers|policy|value|input"
    r"|output|name|user_data|metadata|labels|annotations|environment|content|template|vars"
)
"""Keys under which a network is not who gets in."""
_NO_ENTRANCE = re.compile(
    r"route|vpn|gateway|ip_?set|prefix_list|address_(group|list|book|map)|_ssm_|secret|^(null|random|local|time|tls)_"
    r"|^terraform_data$|policy$|iam|subnet|_nat$"
)
"""Types whose networks are ways and names, not entrances, or just data."""


def unread(plan: Plan, origins: Origins, *, told: bool) -> Iterator[Subject]:
    """Yield what opens ports and is not read, all instances of a block as one.

    ``told`` says whether anything else of the plan tells who may come in.
    """
    blocks: dict[str, list[Resource]] = {}
    for one in plan.resources:
        if not one.data and _is_doubtful(one, told=told):
            blocks.setdefault(one.plain, []).append(one)
    for plain, instances in blocks.items():
        kind = instances[0].type
        names = dict.fromkeys(name for one in instances for name in _names(one))
        doubt = doubt_about(plain, kind, origins.place(instances[0]))
        spans = [listened_on(kind, one.values) for one in instances]
        ports = NO_PORTS
        for span in spans:
            ports |= span or NO_PORTS
        if all(spans):
            yield Subject(name=plain, names=tuple(names), rules=[Access(ports=ports, vague=True, doubts=(doubt,))])
        else:
            yield Subject(name=plain, names=tuple(names), doubts=[doubt])


def is_unread_in_template(kind: str, properties: Any, *, told: bool) -> bool:
    """Whether a resource of CloudFormation's may open ports, and nothing here reads it; ``told`` as for :func:`unread`.

    ``properties`` are its own, as they are written.
    """
    if is_narrowing(kind):
        return not told
    if is_opener_of_template(kind):
        own = properties if isinstance(properties, dict) else {}
        return _may_publish(kind, properties) and not is_sheltered(kind, own, is_any, own.__contains__)
    return not is_settled(kind) and _names_everyone(as_terraform(kind), properties)


def doubt_about(name: str, kind: str, place: Location | None) -> str:
    """Say why nobody knows what it opens, and where that is written."""
    told = "whom {} lets in is not read" if is_any(kind, MANAGED) else "what {} opens is not read"
    doubt = f"{name}: {told.format(kind)}"
    return f"{place.file}:{place.line}: {doubt}" if place is not None and place.line else doubt


def _is_doubtful(one: Resource, *, told: bool) -> bool:
    if is_narrowing(one.type):
        return not told and _may_open(one)
    if one.type.startswith("azapi_"):
        return one.get("type") is UNKNOWN or is_azure_opener(str(one.get("type")))
    if is_opener(one.type):
        if is_sheltered(one.type, one.values, is_any, (one.config or {}).__contains__):
            return False
        return _may_open(one) and _may_publish(one.type, one.values)
    return not is_settled(one.type) and _names_everyone(one.type, one.values)


def _names(one: Resource) -> Iterable[str]:
    """Yield its address, and what else a policy may call it."""
    yield one.address
    for key in ("name", "id", "ip_address", "ipv4_address", "ipv6_address"):
        if isinstance(value := one.get(key), str) and value:
            yield value


def _may_open(one: Resource) -> bool:
    """Whether nothing in its own block says that it lets nobody in: outward, refusing, switched off."""
    directions = {str(one.get(key)).lower() for key in ("direction", "type", "rule_direction")}
    actions = {str(one.get(key)).lower() for key in ("action", "rule_action", "access")}
    if directions & _OUTWARD or actions & _REFUSING or one.values.get("egress") is True:
        return False
    # A firewall that is switched off lets everyone in; a rule that is, nobody.
    return "rule" not in one.type or not (one.values.get("disabled") is True or one.values.get("enabled") is False)


def _may_publish(kind: str, values: Any) -> bool:
    """Whether a block says what types of its kind must say to publish, and not what makes them private."""
    if not all(_says(values, keys, 0) for kinds, keys in TELLING if is_any(kind, kinds)):
        return False
    return not any(set(_all(values, key, 0)) & private for kinds, key, private in PRIVATE if is_any(kind, kinds))


def _says(value: Any, keys: dict[str, set[str] | None], depth: int) -> bool:
    """Whether a value sets one of these keys at any depth; one that is known only later may."""
    if value is UNKNOWN or depth > _DEEPEST:
        return True
    if isinstance(value, list):
        return any(_says(item, keys, depth + 1) for item in value)
    if not isinstance(value, dict):
        return False
    for key, inner in value.items():
        if key in keys:
            wanted = keys[key]
            if inner is UNKNOWN or (bool(inner) if wanted is None else str(inner) in wanted):
                return True
        elif isinstance(inner, list | dict) and _says(inner, keys, depth + 1):
            return True
    return False


def _all(value: Any, wanted: str, depth: int) -> Iterator[str]:
    """Yield what a key is set to, at whatever depth; ``false`` in quotes is the same as without."""
    for key, inner in _children(value, depth):
        if key == wanted and inner is not UNKNOWN and not isinstance(inner, list | dict):
            yield str(inner).capitalize() if str(inner).lower() in {"true", "false"} else str(inner)
        yield from _all(inner, wanted, depth + 1)


def _names_everyone(kind: str, values: Any) -> bool:
    return _NO_ENTRANCE.search(kind) is None and _holds_everyone(values, 0)


def _holds_everyone(value: Any, depth: int) -> bool:
    """Whether a value names all addresses as those who get in."""
    if isinstance(value, str):
        return value.strip() in _EVERYONE
    return any(
        _holds_everyone(inner, depth + 1)
        for key, inner in _children(value, depth)
        if not (isinstance(key, str) and _ELSEWHERE.search(key.lower()))
    )


def _children(value: Any, depth: int) -> Iterable[tuple[Any, Any]]:
    if depth > _DEEPEST:
        return ()
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()
