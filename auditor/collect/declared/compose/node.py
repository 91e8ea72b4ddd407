"""A value in a compose file: what it is, where it stands, and the tag that it carries (``!reset``, ``!override``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.collect.declared.compose.variables import TemplateError, substitute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from auditor.files.documents import Document
    from auditor.model.location import Location

    Lookup = Callable[[str], str | None]

RESET = "!reset"
OVERRIDE = "!override"


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value under one of compose's own tags."""

    tag: str
    value: Any


def tagged(tag: str, value: Any) -> Any:
    """Keep compose's own tags; pass over all others."""
    return Tagged(tag, value) if tag in {RESET, OVERRIDE} else value


class RefusedError(Exception):
    """Something that compose does not start with. Says what, without the values of variables."""


class Node:
    """A value at a path in one document, with the variables that count for it."""

    __slots__ = ("_document", "_path", "data", "lookup", "tag")

    def __init__(self, document: Document, lookup: Lookup, data: Any, path: tuple[str | int, ...] = ()) -> None:
        self._document = document
        self._path = path
        self.lookup = lookup
        self.tag = data.tag if isinstance(data, Tagged) else None
        self.data = data.value if isinstance(data, Tagged) else data

    @property
    def location(self) -> Location:
        """Where the value stands."""
        return self._document.location(self._path)

    @property
    def key_location(self) -> Location:
        """Where the key stands that leads to the value."""
        return self._document.location(self._path, key=True)

    @property
    def place(self) -> str:
        """The file and line, as messages name them."""
        location = self.key_location
        return f"{location.file}:{location.line}"

    def get(self, key: str) -> Node | None:
        """Return the value of a key; None if there is none, if it is null, or if it is reset."""
        if not isinstance(self.data, dict) or self.data.get(key) is None:
            return None
        child = self._child(key, self.data[key])
        return None if child.tag == RESET or child.data is None else child

    def fields(self) -> Iterator[tuple[str, Node]]:
        """Yield the keys and values of a mapping, also those that are null or reset."""
        if isinstance(self.data, dict):
            for key, value in self.data.items():
                yield str(key), self._child(str(key), value)

    def items(self) -> Iterator[Node]:
        """Yield the items of a list, without those that are reset."""
        if isinstance(self.data, list):
            for index, value in enumerate(self.data):
                child = self._child(index, value)
                if child.tag != RESET:
                    yield child

    def text(self) -> str:
        """Return a scalar as text, with its variables filled in; what is not set is marked.

        :raises RefusedError: it is no scalar, or compose refuses a variable in it.
        """
        if isinstance(self.data, bool):
            return "true" if self.data else "false"
        if isinstance(self.data, str):
            try:
                return substitute(self.data, self.lookup)
            except TemplateError as error:
                raise RefusedError(f"{error}") from None
        if isinstance(self.data, int):
            return str(self.data)
        raise RefusedError("a text or a number is wanted")

    def texts(self) -> list[str]:
        """Return a list of scalars, the keys of a mapping, or one scalar, as texts.

        :raises RefusedError: something in it is no scalar.
        """
        if isinstance(self.data, dict):
            return [key for key, _ in self.fields()]
        if isinstance(self.data, list):
            return [item.text() for item in self.items()]
        return [self.text()]

    def _child(self, key: str | int, value: Any) -> Node:
        return Node(self._document, self.lookup, value, (*self._path, key))
