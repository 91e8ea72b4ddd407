"""Values of a manifest, each with the path by which its place is found. First step of reading one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from auditor.model.ports import Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.files.documents import Document
    from auditor.model.location import Location

_TRUTHS = {"true": True, "yes": True, "on": True, "y": True, "false": False, "no": False, "off": False, "n": False}
"""``kubectl`` reads YAML 1.1, where these words are no text."""
_PROTOCOLS = {"tcp": (Protocol.TCP,), "udp": (Protocol.UDP,), "sctp": ()}
_SHOWN = 60


class MisshapenError(Exception):
    """A value that cannot be what stands at this place of a manifest."""

    def __init__(self, node: Node, expected: str) -> None:
        super().__init__(f"{node.place} {expected}")
        self.node = node


class Node(NamedTuple):
    """A value, and where it stands. ``data`` of a value that is not there is None, as of one that is empty."""

    document: Document
    path: tuple[str | int, ...]
    data: Any

    def get(self, *keys: str) -> Node:
        """The value under these keys.

        :raises MisshapenError: something on the way is no mapping.
        """
        here = self
        for key in keys:
            here = Node(self.document, (*here.path, key), here.mapping.get(key))
        return here

    @property
    def mapping(self) -> dict[str, Any]:
        """The value as a mapping; one that is not there is empty.

        :raises MisshapenError: it is something else.
        """
        if self.data is None:
            return {}
        if not isinstance(self.data, dict):
            raise MisshapenError(self, "is no mapping")
        return self.data

    def entries(self) -> Iterator[Node]:
        """The entries of a list; of one that is not there none.

        :raises MisshapenError: it is no list.
        """
        if self.data is None:
            return
        if not isinstance(self.data, list):
            raise MisshapenError(self, "is no list")
        for index, data in enumerate(self.data):
            yield Node(self.document, (*self.path, index), data)

    @property
    def text(self) -> str | None:
        """The value if it is text that is not empty."""
        return self.data if isinstance(self.data, str) and self.data else None

    @property
    def number(self) -> int | None:
        """The value if it is the number of a port, even in quotes."""
        data = self.data
        if isinstance(data, str) and data.isascii() and data.isdigit() and len(data) <= 5:
            data = int(data)
        return data if isinstance(data, int) and not isinstance(data, bool) and 0 < data <= 65535 else None

    @property
    def truth(self) -> bool | None:
        """The value if it is true or false, in any of the words for it."""
        return self.data if isinstance(self.data, bool) else _TRUTHS.get(str(self.data).lower())

    @property
    def protocols(self) -> tuple[Protocol, ...]:
        """The protocols that the value stands for: TCP if it is not there, none for SCTP, both if nobody knows it."""
        if self.data in (None, ""):
            return (Protocol.TCP,)
        return _PROTOCOLS.get(str(self.data).lower(), tuple(Protocol))

    @property
    def shown(self) -> str:
        """The value for a message, on one line and not long."""
        shown = ascii(self.data)
        return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "\u2026"

    @property
    def location(self) -> Location:
        """Where it stands; of what is not there, what it would be part of."""
        return self.document.location(self.path)

    @property
    def key_location(self) -> Location:
        """Where the key stands that leads to it."""
        return self.document.location(self.path, key=True)

    @property
    def place(self) -> str:
        """File, line and name, for a message."""
        location = self.location
        name = next((step for step in reversed(self.path) if isinstance(step, str)), "it")
        return f"{location.file}:{location.line}: {name[:_SHOWN]}"
