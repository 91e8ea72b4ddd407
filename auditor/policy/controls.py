"""The team's own controls: titles in its own words, and which checks of the auditor serve them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.files.validate import quoted
from auditor.model.policy import Control
from auditor.policy.nodes import text, texts
from auditor.policy.words import CONTROL_RULE, is_control

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
            if not is_control(name):
                problems.add(place, f"{quoted(name)} is not a control's name", expected=CONTROL_RULE)
                continue
            checks = tuple(sorted(set(texts(node.fields.get("checks")))))
            control = Control(id=name, title=text(node, "title"), checks=checks, location=place)
            known = found.setdefault(name, control)
            if (known.title, known.checks) != (control.title, control.checks):
                problems.add(place, f"the control '{name:.80}' is declared differently at {known.location}")
    return found
