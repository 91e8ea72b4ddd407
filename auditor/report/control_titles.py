"""Short titles of controls that exposure speaks to, in our own words; the standards themselves say it in full.

They ship as ``controls/controls.yaml``, which is read at the first question; a policy may word each of them anew.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@cache
def shipped_titles() -> Mapping[str, str]:
    """Return id → title, in the order of the file: ``pci-dss:1.2.5`` of a control, ``pci-dss`` of its standard."""
    from auditor.files.located_yaml import parse_yaml
    from auditor.files.resources import shipped
    from auditor.files.text import read_text

    path = shipped("controls") / "controls.yaml"
    entries = parse_yaml(read_text(path, path.name)).data["controls"]
    return MappingProxyType({name: entry["title"] for name, entry in entries.items()})


@cache
def standards() -> tuple[str, ...]:
    """Return what stands before the colon in ids of controls, in the order of reports."""
    return tuple(name for name in shipped_titles() if ":" not in name)
