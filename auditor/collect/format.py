"""What a kind of evidence file is to the registry: a name, how its beginning looks, and who reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.model.evidence import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The beginning of a file: its bytes, and the same as text without byte order mark and leading white space."""

    path: str
    data: bytes
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One kind of file. ``open`` gets the path to read and the name by which reports call it.

    ``dated``: it says itself when it was taken, or is not to be believed.
    """

    name: str
    matches: Callable[[Head], bool]
    open: Callable[[str, str], Evidence]
    dated: bool = False
