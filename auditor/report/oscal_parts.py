"""The small parts of an OSCAL document: identifiers, properties, texts, references.

Titles and descriptions are Markdown in OSCAL, values of properties are plain; hostile text is inert in both.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from auditor.report import wording
from auditor.report.escape import markdown, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from auditor.report.controls import Assessed

NAMESPACE = "6f0c5a52-6d6a-5d0e-8f0e-0a5b1f3c9d11"
"""The root of all identifiers here, RFC 9562 version 5: whoever writes the same audit writes the same ones."""
OWN = "https://github.com/exposure-auditor"
"""The namespace of properties that NIST does not define."""

_NIST = re.compile(r"nist-800-53:([A-Z]{2}-[0-9]{1,3})(?:\(([0-9]{1,3})\))?")
_NO_TOKEN = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST = 8_192
"""Characters of one text: a banner of a megabyte helps nobody in a compliance document."""


def identifier(*parts: str) -> str:
    """Return a UUID made of these parts alone. Lone surrogates count as the visible text they are shown as."""
    from hashlib import sha256
    from uuid import UUID, uuid5

    return str(uuid5(UUID(NAMESPACE), sha256("\x1f".join(map(one_line, parts)).encode()).hexdigest()))


def value(text: str) -> str:
    """Return the text as the value of a property: one line, no blanks around it, not empty."""
    shown = one_line(text).strip()
    return (shown if len(shown) <= _LONGEST else shown[: _LONGEST - 3].rstrip() + "...") or "-"


def prose(text: str) -> str:
    """Return the text as OSCAL's Markdown, which shows exactly this."""
    return markdown(value(text)).strip()


def properties(facts: Mapping[str, str | int | None], ns: str | None = OWN) -> list[dict[str, Any]]:
    """Return a property for each fact that there is; ``ns`` None: names that NIST defines."""
    space = {} if ns is None else {"ns": ns}
    return [
        {"name": name, **space, "value": value(str(fact))} for name, fact in facts.items() if fact not in (None, "")
    ]


def filled(**members: Any) -> dict[str, Any]:
    """Return an object without its empty members, which OSCAL does not allow; ``_`` stands for ``-`` in names."""
    return {name.replace("_", "-"): member for name, member in members.items() if member not in (None, [], {}, "")}


def resource(identity: str, title: str, *, file: str | None, sha256: str | None, about: str) -> dict[str, Any]:
    """Return an entry of the back matter: a file by its name and hash, or what has neither by its title."""
    link = filled(href=reference(file), hashes=_hashes(sha256)) if file is not None else {}
    return filled(uuid=identity, title=prose(title), description=prose(about), rlinks=[link] if link else [])


def reference(file: str) -> str:
    """Return the name of a file as a relative reference (RFC 3986, section 4.2), or a shipped pack's as its URI."""
    from urllib.parse import quote

    if file.startswith(wording.PACK):
        return wording.PACK + quote(value(file[len(wording.PACK) :]), safe="")
    return quote(value(file), safe="/")


def tokens(controls: Iterable[Assessed]) -> dict[str, str]:
    """Return OSCAL's id for each control: ``cm-7.1`` as in NIST's own catalogue, else a token made of ours.

    Ids that would be the same are told apart by a piece of their hash.
    """
    found: dict[str, str] = {}
    for control in controls:
        token = _token(control.id)
        if token in found.values():
            token = f"{token}-{identifier(control.id)[:8]}"
        found[control.id] = token
    return found


def _token(control: str) -> str:
    if nist := _NIST.fullmatch(control):
        return nist[1].lower() + (f".{nist[2]}" if nist[2] else "")
    token = _NO_TOKEN.sub("-", one_line(control)[:120]).strip("-")
    return token if token[:1].isalpha() or token.startswith("_") else f"_{token}"


def _hashes(sha256: str | None) -> list[dict[str, str]]:
    return [{"algorithm": "SHA-256", "value": value(sha256)}] if sha256 else []
