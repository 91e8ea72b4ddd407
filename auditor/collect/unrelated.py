"""YAML files that plainly declare nothing, for callers that are handed files by their names, as hooks are.

In doubt a file is not one of them, and is opened as evidence: that judges it, or says what is wrong with it.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import EvidenceError

if TYPE_CHECKING:
    from auditor.files.documents import Document

_YAML = {".yaml", ".yml"}
_COMPOSE = re.compile(r"(?:docker-|podman-)?compose(?:[._-].*)?", re.IGNORECASE)
_NOTHING = re.compile(r"(?:[\s\ufeff]++|#[^\n]*+|---|\.\.\.)*+")
_POLICY = ({"version", "hosts"}, {"version", "rules"})
_MANIFEST = frozenset({"apiversion", "kind", "metadata", "spec", "services", "include", "resources"})
"""What objects of Kubernetes, compose files and templates of clouds have at their top, in lower case."""
_LIKENESS = 0.8


def declares_nothing(path: str) -> bool:
    """Whether a file is whole YAML that is empty, a policy, or has nothing of a compose file or a manifest.

    Files named as compose files are always theirs. False also of what cannot be read, of what is broken, of templates
    before they are rendered, and of what has a key of manifests, or nearly: a slip must not spare a file its judgement.
    """
    from auditor.collect.registry import is_known
    from auditor.files.documents import read_documents, read_source

    name = Path(path)
    if name.suffix.lower() not in _YAML or _COMPOSE.fullmatch(name.stem):
        return False
    try:
        if name.is_file() and not name.stat().st_size:
            return True
        source = read_source(path, path)
        if _NOTHING.fullmatch(source.text):
            return True
        return not is_known(path) and all(map(_is_unrelated, read_documents(source)))
    except (EvidenceError, OSError):
        return False


def _is_unrelated(document: Document) -> bool:
    data = document.data
    if isinstance(data, dict) and any(keys <= data.keys() for keys in _POLICY):
        return not {"apiVersion", "kind"} & data.keys()
    objects = data if isinstance(data, list) else [data]
    return not any(_is_near_manifest(one) for one in objects)


def _is_near_manifest(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_is_near_manifest, value))
    if not isinstance(value, dict):
        return False
    keys = [str(key).lower() for key in value]
    return any(key in _MANIFEST or SequenceMatcher(None, key, "apiversion").ratio() >= _LIKENESS for key in keys)
