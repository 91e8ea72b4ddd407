"""The scanner's methods: how a port can be asked. One module a method; what to ask and when is decided elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from auditor.collect.probe.connect import Connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.collect.probe.chunk import Chunk
    from auditor.collect.probe.icmp import Message
    from auditor.collect.probe.late import Late


class Method(Protocol):
    """Carries out chunks; see :class:`auditor.collect.probe.connect.Connect` for what each member means."""

    most: ClassVar[int]
    a_descriptor_each: ClassVar[bool]
    finished: list[Chunk]
    samples: list[tuple[Chunk, float]]
    messages: list[tuple[Message, int, str]]
    others: list[int]
    late: list[Late]

    @staticmethod
    def hindrance() -> str | None: ...  # noqa: D102 - described at Connect
    def __init__(self, take: Callable[[], Chunk | None], *, window: int) -> None: ...
    def listen(self, descriptor: int) -> None: ...  # noqa: D102 - described at Connect
    def unlisten(self, descriptor: int) -> None: ...  # noqa: D102 - described at Connect
    def step(self, wait: float) -> None: ...  # noqa: D102 - described at Connect
    def drain(self) -> None: ...  # noqa: D102 - described at Connect
    def close(self) -> None: ...  # noqa: D102 - described at Connect
    @property
    def busy(self) -> bool: ...  # noqa: D102 - described at Connect


def method_named(name: str) -> type[Method]:
    """The method of this name: ``connect``, or ``syn``, which is read in only where it is wanted."""
    if name == "connect":
        return Connect
    from auditor.collect.probe.syn import Syn

    return {"syn": Syn}[name]
