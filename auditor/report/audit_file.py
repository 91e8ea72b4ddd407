"""A saved audit, read from its file: to be rendered again, or to hold another one against."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from auditor.errors import EvidenceError
from auditor.model.location import STDIN

if TYPE_CHECKING:
    from auditor.model.findings import Audit

_LARGEST = 1 << 30
"""Bytes. An audit of a hundred thousand hosts takes a tenth of it."""


class SavedAudit(NamedTuple):
    """An audit and the SHA-256 of its file."""

    audit: Audit
    sha256: str


def read_audit(name: str) -> SavedAudit:
    """Read an audit that ``-o json=FILE`` wrote; ``-`` is standard input.

    :raises EvidenceError: it cannot be read, is too large, or is no audit; with the place of the value that is wrong.
    """
    from hashlib import sha256

    from auditor.report.json_load import load

    shown = STDIN if name == "-" else name
    try:
        with open(0, "rb", closefd=False) if name == "-" else Path(name).open("rb") as file:
            data = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        raise EvidenceError(f"cannot read {shown}: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > _LARGEST:
        raise EvidenceError(f"{shown}: larger than {_LARGEST:,} bytes: not an audit")
    return SavedAudit(load(data, shown), sha256(data).hexdigest())
