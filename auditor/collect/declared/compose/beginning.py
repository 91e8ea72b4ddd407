"""What the beginning of a compose file looks like."""

from __future__ import annotations

import re

_NAMED = re.compile(r"(?:.*/)?(?:docker-|podman-)?compose(?:[._-][^/]*)?\.(?:ya?ml|json)", re.IGNORECASE)
_SECTION = r"[ \t]*(?:[&!]\S*[ \t]*)*(?:#[^\n]*)?\r?\n(?:[ \t]*(?:#[^\n]*)?\r?\n)*"
_SERVICES = re.compile(rf"^[\"']?services[\"']?:(?:{_SECTION}[ \t]+[^\s#-]|[ \t]*(?:[&!]\S*[ \t]+)*\{{)", re.MULTILINE)
_INCLUDE = re.compile(rf"^[\"']?include[\"']?:(?:{_SECTION}[ \t]*-[ \t]|[ \t]*\[)", re.MULTILINE)
_OTHERS = re.compile(r"^(?:rules|hosts|apiVersion|kind|parameters|stages|resources):", re.MULTILINE)
_JSON = re.compile(r'\{\s*(?:"(?:name|version|x-[^"]*)"\s*:\s*(?:"[^"]*"|null)\s*,\s*)*"services"\s*:\s*\{')


def looks_like(text: str, path: str) -> bool:
    """Whether it has services as compose writes them, or includes files and is called as compose files are."""
    if text.startswith("{") and _JSON.match(text):
        return True
    if _OTHERS.search(text):
        return False
    return _SERVICES.search(text) is not None or (
        _NAMED.fullmatch(path) is not None and _INCLUDE.search(text) is not None
    )
