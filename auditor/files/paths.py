"""How file names are shown: relative to the repository in reports, as the user wrote them in messages."""

from __future__ import annotations

from pathlib import Path

from auditor.model.location import STDIN


def repository_root(start: Path) -> Path:
    """Return the nearest folder at or above ``start`` that holds ``.git``, else ``start``; symlinks are resolved."""
    start = start.resolve()
    return next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), start)


def below(root: Path, name: str) -> str:
    """Return a file's name relative to ``root``, with ``/``; absolute where the file lies outside it.

    ``name`` is relative to the working folder; symlinks in it are resolved, as code scanning asks. ``pack:NAME``,
    ``unix://SOCKET``, ``live``, ``-`` and standard input are no files and stay as they are.
    """
    if name in {"", "-", "live", STDIN} or name.startswith(("pack:", "unix://")):
        return name
    path = Path(name).resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def base_of(root: Path) -> str:
    """Return the working folder relative to ``root``: empty when it is the root, or lies outside."""
    here = Path.cwd().resolve()
    return "/".join(here.relative_to(root).parts) if here.is_relative_to(root) else ""
