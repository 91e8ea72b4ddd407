"""The objects of a manifest, whatever they are wrapped in: several documents, lists, lists in lists, templates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.collect.declared.kubernetes.node import Node

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.files.documents import Document

_LIST = "List"
_TEMPLATE = "Template"
_LONGEST = 253
"""Characters of a name, as the API has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One object. ``group`` is its API group without the version (empty: the core's)."""

    kind: str
    group: str
    root: Node

    @property
    def name(self) -> str:
        """``service/shop/web``; what the manifest leaves to be named later ends in ``*``."""
        metadata = self.root.data.get("metadata")
        fields = metadata if isinstance(metadata, dict) else {}
        namespace, own, prefix = (_plain(fields.get(key)) for key in ("namespace", "name", "generateName"))
        return f"{self.kind.lower()[:_LONGEST]}/{namespace or 'default'}/{own or prefix + '*'}"

    @property
    def annotations(self) -> Node:
        """The annotations."""
        return self.root.get("metadata", "annotations")


def objects_in(documents: Iterable[Document]) -> Iterator[Resource | Node]:
    """Yield every object, in order; what is none as it stands there."""
    for document in documents:
        waiting = [(Node(document, (), document.data), "", "")]
        while waiting:
            node, kind, version = waiting.pop()
            yield from _take(node, kind, version, waiting)


def more_after(documents: Iterable[Document]) -> Iterator[Node]:
    """Yield what says of a list that it is one page, and others follow: ``continue``, ``remainingItemCount``."""
    for document in documents:
        whole = Node(document, (), document.data)
        for node in whole.entries() if isinstance(whole.data, list) else (whole,):
            if isinstance(node.data, dict) and isinstance(node.data.get("items"), list):
                metadata = Node(document, (*node.path, "metadata"), node.data.get("metadata"))
                fields = metadata.data if isinstance(metadata.data, dict) else {}
                yield from (metadata.get(key) for key in ("continue", "remainingItemCount") if fields.get(key))


def _take(node: Node, kind: str, version: str, waiting: list[tuple[Node, str, str]]) -> Iterator[Resource | Node]:
    """Yield what a value is; what it wraps goes to those that wait, the first last.

    ``kind`` and ``version`` are those of entries that do not say so, as in a list of one kind.
    """
    if isinstance(node.data, list):
        waiting += [(entry, kind, version) for entry in reversed(tuple(node.entries()))]
        return
    if not isinstance(node.data, dict):
        yield node
        return
    kind = node.get("kind").text or kind
    version = node.get("apiVersion").text or version
    wrapped = node.get("objects" if kind == _TEMPLATE else "items")
    wraps = kind in {_LIST, _TEMPLATE} or (kind.endswith(_LIST) and _are_mappings(wrapped.data))
    if wraps and isinstance(wrapped.data, list):
        inner = kind.removesuffix(_LIST) if kind != _TEMPLATE else ""
        waiting += [(entry, inner, version if inner else "") for entry in reversed(tuple(wrapped.entries()))]
    elif kind:
        yield Resource(kind=kind, group=version.rpartition("/")[0], root=node)
    else:
        yield node


def _plain(data: Any) -> str:
    return "" if data is None or isinstance(data, dict | list) else str(data)[:_LONGEST]


def _are_mappings(data: Any) -> bool:
    return isinstance(data, list) and all(isinstance(entry, dict) for entry in data)
