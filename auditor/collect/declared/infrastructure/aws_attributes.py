"""The attributes by which resources of AWS name security groups and themselves, wherever they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.collect.declared.infrastructure.plan import Resource

_ATTRIBUTES = {"vpc_security_group_ids", "security_group_ids", "security_groups", "security_group_id"}
_ADDRESSES = (
    "public_ip",
    "private_ip",
    "ipv6_addresses",
    "public_dns",
    "private_dns",
    "dns_name",
    "endpoint",
    "address",
)
_DEEPEST = 6


def named_in(value: Any, depth: int = 0) -> Iterator[Any]:
    """Yield every group that the values of a resource name, at whatever depth."""
    if not isinstance(value, dict) or depth > _DEEPEST:
        return
    for key, inner in value.items():
        if key in _ATTRIBUTES:
            if isinstance(inner, list):
                yield from inner
            elif inner is not None:
                yield inner
        else:
            for item in inner if isinstance(inner, list) else [inner]:
                yield from named_in(item, depth + 1)


def expressed_in(config: Any, depth: int = 0) -> Iterator[Any]:
    """Yield every expression for groups in the configuration of a resource, at whatever depth."""
    if not isinstance(config, dict) or depth > _DEEPEST:
        return
    for key, inner in config.items():
        if key in _ATTRIBUTES:
            yield inner
        else:
            for item in inner if isinstance(inner, list) else [inner]:
                yield from expressed_in(item, depth + 1)


def names_of(resource: Resource) -> tuple[str, ...]:
    """List what a policy may call a resource: addresses in the plan, its own name, network addresses, its id."""
    tags = resource.get("tags")
    texts: list[Any] = [resource.address, resource.plain]
    texts += [tags.get("Name")] if isinstance(tags, dict) else []
    texts += [resource.get(key) for key in ("name", "id", "arn")]
    for key in _ADDRESSES:
        texts += listed(resource.get(key))
    return tuple(dict.fromkeys(text for text in texts if isinstance(text, str) and text))


def listed(value: Any) -> list[Any]:
    """Give an attribute that is a list, or stands for one of a single value, as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
