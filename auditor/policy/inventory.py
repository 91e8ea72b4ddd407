"""Hosts from elsewhere: Ansible inventories and plain lists. ``policy.load`` calls it for ``hosts: {from: …}``.

What Ansible itself would work out is not guessed at: templates, group variables for addresses and inventory plug-ins
are problems, and ``ansible-inventory --list`` writes them out in a form that is read here too. Variables in
``host_vars/`` and ``group_vars/`` are not looked for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.errors import UsageError
from auditor.files.text import read_text
from auditor.files.validate import quoted
from auditor.policy.groups import Groups

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.files.text import SourceText
    from auditor.model.policy import Host

FORMS = ("ansible", "list")
"""What ``from:`` may say."""

_COMMENT = re.compile(r"(?:^|\s)#.*")
_SEPARATOR = re.compile(r"[;\s]+")
_LINE_FORM = "an address, or 'name,address,tags' with tags separated by ';'"
_LOOKS_LIKE_YAML = re.compile(r"---|\{|[^\[\s=]+:(\s+#.*)?$")


def read_inventory(path: Path, shown: str, form: str) -> tuple[Host, ...]:
    """Read the hosts of a file, in order of appearance; ``shown`` is its name in messages.

    ``form`` is ``ansible`` (INI, YAML, or the JSON of ``ansible-inventory --list``) or ``list``.

    :raises PolicyError: a file that cannot be read or understood, or without hosts; holds every problem found.
    :raises UsageError: another form.
    """
    if form not in FORMS:
        raise UsageError(f"{shown}: hosts cannot come from {form!r}; expected {' or '.join(FORMS)}")
    source = read_text(path, shown)
    groups = Groups(source)
    if form == "list":
        _read_list(source, groups)
    elif _is_yaml(path, source):
        from auditor.policy.inventory_yaml import read_yaml

        read_yaml(source, groups)
    else:
        from auditor.policy.inventory_ini import read_ini

        read_ini(source, groups)
    return groups.hosts()


def _is_yaml(path: Path, source: SourceText) -> bool:
    if path.suffix in {".yml", ".yaml", ".json"}:
        return True
    lines = (line.strip() for line in source.lines)
    first = next((line for line in lines if line and not line.startswith(("#", ";"))), "")
    return path.suffix != ".ini" and bool(_LOOKS_LIKE_YAML.match(first))


def _read_list(source: SourceText, groups: Groups) -> None:
    for number, line in enumerate(source.lines, 1):
        text = _COMMENT.sub("", line).strip()
        if text and not (number == 1 and text.replace(" ", "") in {"name,address", "name,address,tags"}):
            _read_line(source, groups, number, text)


def _read_line(source: SourceText, groups: Groups, number: int, text: str) -> None:
    column = source.lines[number - 1].index(text) + 1
    location = source.location(number, column, column + len(text))
    name, *rest = (part.strip() for part in text.split(","))
    addresses = _words(rest[0]) if rest else [name]
    if not name or not addresses or len(rest) > 2 or " " in name:
        groups.problem(location, "this line is no host", expected=_LINE_FORM)
        return
    tags = _words(rest[1]) if len(rest) == 2 else []
    for tag in tags:
        groups.add_group(tag, location)
    if not groups.add_host(name, location, tags):
        groups.problem(location, f"{quoted(name)} is here twice", expected="one line a host; separate addresses by ';'")
        return
    for address in addresses:
        groups.add_address(name, address, location)


def _words(text: str) -> list[str]:
    return [word for word in _SEPARATOR.split(text) if word]
