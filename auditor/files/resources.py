"""Files that ship with the auditor: policy packs, schemas, titles of controls."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped(kind: str) -> Path:
    """Return the folder of shipped ``policies``, ``schemas`` or ``controls``.

    It lies in an installed package, or beside the package in a checkout.
    """
    installed = _PACKAGE / "share" / kind
    return installed if installed.is_dir() else _PACKAGE.parent / kind
