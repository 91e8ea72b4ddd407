"""How plans, templates and listings begin: a look at the first 64 KiB."""

from __future__ import annotations

import re

_TERRAFORM = re.compile(r'\{\s*"format_version"\s*:\s*"')
_TERRAFORM_PART = re.compile(
    r'"(?:terraform_version|planned_values|resource_changes|configuration|values|variables|applyable)"\s*:'
)


def is_terraform(text: str) -> bool:
    """Whether it is a plan or a state of ``show -json``: an object that begins with the version of its format."""
    return _TERRAFORM.match(text) is not None and _TERRAFORM_PART.search(text) is not None
