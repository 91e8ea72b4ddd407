"""The team's own controls: titles in its own words, and which checks of the auditor serve them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.model.policy import Control
from auditor.policy.nodes import check_name, text, texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.policy.extends import Document
    from auditor.policy.problems import Problems


def read_controls(documents: Sequence[Document], problems: Problems) -> Mapping[str, Control]:
    """The controls of all files, by id. Declared twice, they must say the same."""
    found: dict[str, Control] = {}
    for document in documents:
        section = document.root.fields.get("controls")
        for name, node in section.fields.items() if section else ():
            place = section.key_location(name) if section else node.location
            if not check_name(name, place, problems):
                continue
            checks = tuple(sorted(set(texts(node.fields.get("checks")))))
            control = Control(id=name, title=text(node, "title"), checks=checks, location=place)
            known = found.setdefault(name, control)
            if (known.title, known.checks) != (control.title, control.checks):
                problems.add(place, f"the control '{name:.80}' is declared differently at {known.location}")
    return found
