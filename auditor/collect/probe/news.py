"""What has changed in the states of a subject since somebody last asked: for checkpoints of a scan. Pure.

A byte a port, 0 for what is not known. Tens of thousands of ports are compared as two large numbers, which is quick.
"""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

_ANY = bytes(1) + b"\xff" * 255
_NONE = b"\xff" + bytes(255)


class News(NamedTuple):
    """``fresh`` has the codes that are new or have changed, ``lost`` marks what was known and is not any more."""

    fresh: bytes
    lost: bytes


class Told:
    """What was told of each subject, for as long as it is scanned."""

    def __init__(self) -> None:
        self._told: WeakKeyDictionary[object, bytes] = WeakKeyDictionary()

    def news(self, subject: object, known: bytes) -> News | None:
        """What is new in ``known``, which counts as told from now on; None for nothing."""
        before = self._told.get(subject, bytes(len(known)))
        if known == before:
            return None
        self._told[subject] = known
        changed = _number(_bytes(_number(known) ^ _number(before), len(known)).translate(_ANY))
        return News(
            fresh=_bytes(changed & _number(known), len(known)),
            lost=_bytes(changed & _number(known.translate(_NONE)), len(known)),
        )


def _number(states: bytes) -> int:
    return int.from_bytes(states, "little")


def _bytes(number: int, length: int) -> bytes:
    return number.to_bytes(length, "little")
