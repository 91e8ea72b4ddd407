"""How files of Kubernetes objects begin. Light: it is asked of every file of evidence."""

from __future__ import annotations

import re
from pathlib import PurePath

_YAML = re.compile(r"^apiVersion:[ \t]*\S", re.MULTILINE)
_FIRST = re.compile(
    r"(?:[ \t]*(?:#.*)?\r?\n)*(?:---|%|\{\{|\{%|(?:-[ \t]+)?(?:[\w.$/-]+|\"[^\"\n]+\"|'[^'\n]+')[ \t]*:)"
)
"""Comments and blank lines, and then what a document of YAML or a template can begin with: text about it does not."""
_YAML_KIND = re.compile(r"^(?:[ \t]*(?:- )?kind|items|data):", re.MULTILINE)
_JSON = re.compile(r"[\[{][\s\[{]*\"(?:apiVersion|kind|items|metadata|spec|data|status)\"\s*:")
_JSON_VERSION = re.compile(r"\"apiVersion\"\s*:\s*\"[\w./-]+\"")
_FLOW = re.compile(r"\{\s*(?:apiVersion|kind)\s*:\s*\S")
_KUSTOMIZATION = re.compile(r"^(?:resources|bases|components|patches|patchesStrategicMerge|images):", re.MULTILINE)
_KUSTOMIZATIONS = {"kustomization.yaml", "kustomization.yml", "kustomization"}


def looks_like(text: str, path: str) -> bool:
    """Whether a file begins as objects of Kubernetes do, or as what they are made from."""
    if text.startswith(('{"', "[")) or _JSON.match(text):
        return _JSON.match(text) is not None and _JSON_VERSION.search(text) is not None
    if _FLOW.match(text) or (is_kustomization(path) and _KUSTOMIZATION.search(text)):
        return True
    if _FIRST.match(text) is None:
        return False
    return _YAML.search(text) is not None and _YAML_KIND.search(text) is not None


def is_kustomization(path: str) -> bool:
    """Whether the file's name is one that ``kustomize`` looks for."""
    return PurePath(path).name.lower() in _KUSTOMIZATIONS
