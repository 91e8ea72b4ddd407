"""The attributes by which resources of AWS name security groups, wherever they stand in a resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_ATTRIBUTES = {"vpc_security_group_ids", "security_group_ids", "security_groups", "security_group_id"}
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
