"""Small parts of the page: anchors, source lines with their marked span."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from auditor.report.escape import one_line
from auditor.report.source_line import source_line

if TYPE_CHECKING:
    from auditor.model.findings import Finding
    from auditor.model.location import Location

_WIDTH = 110
_NOTICE = len("… (10 more characters)")
_HEX = re.compile(r"[0-9a-f]{16,}")
_NOT_A_NAME = re.compile(r"[^a-z0-9]+")


class Marked(NamedTuple):
    """A line of a source file in three parts, the middle one being what is meant."""

    before: str
    mark: str
    after: str


def marked(location: Location) -> Marked | None:
    """Split a location's line around what it points at; None where the line is not known."""
    line = source_line(location, _WIDTH)
    if line is None:
        return None
    start = line.carets.index("^")
    end = len(line.carets)
    return Marked(line.text[:start], line.text[start:end], line.text[end:])


def anchor(finding: Finding) -> str:
    """Return what the link to a finding ends in: ``f-`` and the first 16 digits of its fingerprint."""
    known = finding.fingerprint
    digits = known if _HEX.fullmatch(known) else sha256(known.encode("utf-8", "surrogatepass")).hexdigest()
    return f"f-{digits[:16]}"


def slug(text: str) -> str:
    """Turn a text into a word for class names and ids."""
    return _NOT_A_NAME.sub("-", text.lower()).strip("-") or "other"


def ends(text: str, most: int = 600) -> str:
    """Shorten a text that is far too long for a page, and say how much is left out, which is never just a little."""
    shown = one_line(text)
    return shown if len(shown) <= most + _NOTICE else f"{shown[:most]}… ({len(shown) - most:,} more characters)"
